"""Plans that contradict themselves, or leave out what they need, are refused when they are made."""

from typing import Any

import pytest

from scaling_cli.errors import UsageError
from scaling_cli.planning.constrained.plan import Plan, Sizes, plan_of

H100 = {"gpu": "H100", "mfu": 0.4}


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({}, "nothing to solve for"),
        ({"max_params": 1e9}, "nothing to solve for"),
        ({"gpus": 64, **H100}, "nothing to solve for"),
        ({"tokens_per_param": 20, **H100}, "nothing to solve for"),
        ({"params": 7e9, "inference_tokens": 2e12}, "nothing to solve for"),
        ({"flops": 1e22, "gpus": 64}, "which accelerator is not said"),
        ({"flops": 1e22, "usd": 1e6}, "which accelerator is not said"),
        ({"usd": 1e6, **H100}, "dollars buy nothing without a price"),
        ({"gpus": 3.5, "days": 3, **H100}, "3.5 is not a number of accelerators"),
        ({"flops": 1e22, "mfu": 1.4, "gpu": "H100"}, "MFU must lie between 0 and 100 %"),
        ({"flops": 1e22, **H100, "precision": "fp16"}, "precision 'fp16' is not known"),
        ({"flops": 1e22, "serving": {"mfu": 0.1}}, "serving has no demand"),
        ({"flops": 1e22, "epochs": 4}, "epochs of what is not said"),
        ({"flops": 1e22, "params": 7e9, "max_params": 1e9}, "--params 7B is above --max-params 1B"),
        ({"flops": 1e22, "tokens": 1e9, "min_tokens": 1e10}, "--tokens 1B is below min_tokens 10B"),
        ({"flops": 1e22, "max_params": 1e9, "min_params": 2e9}, "min_params is above max_params"),
        ({"flops": 1e22, "kv_tokens": 8192}, "a cache needs a memory"),
        ({"flops": 1e22, "serve_dtype": "bf16"}, "serve_dtype needs a memory"),
        ({"flops": 1e22, "memory_gb": 80, "serve_dtype": "int7"}, "serve_dtype 'int7' is not known"),
        ({"flops": 1e22, "inference_tokens": -1}, "inference_tokens must be positive"),
        ({"flops": 1e22, "max_params": float("inf")}, "max_params must be positive"),
        ({"flops": 1e22, "params": 1e9, "loss": 2.0}, "contradict each other"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(known: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        plan_of(known)


@pytest.mark.parametrize(
    "known",
    [
        {"flops": 1e22},
        {"loss": 2.0, "max_params": 7e9},
        {"params": 7e9, **H100},
        {"params": 7e9, "tokens": 2e12, **H100},
        {"tokens_per_param": 20, "gpus": 64, "days": 30, **H100},
        {"usd": 1e6, "gpu_hour_price": 2.5, **H100},
        {"flops": 1e22, "loss": 2.0, "max_params": 7e9},
    ],
)
def test_a_plan_with_a_budget_or_a_target_is_a_plan(known: dict[str, Any]) -> None:
    assert plan_of(known).known.keys() <= known.keys()


def test_flat_names_find_their_place() -> None:
    plan = plan_of({"flops": 1e22, "gpus": 8, "gpu": "H100", "mfu": 0.4, "max_params": 7e9, "ladder": True})
    assert plan == Plan(
        flops=1e22, hardware=plan.hardware, training=plan.training, sizes=Sizes(max_params=7e9), ladder=True
    )
    assert (plan.hardware.gpus, plan.training.gpu, plan.training.mfu) == (8, "H100", 0.4)
