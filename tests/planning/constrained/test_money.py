"""Hardware and money: what makes a budget, what a budget takes, and what cannot be counted."""

import math
from typing import Any

import pytest
from scipy.optimize import minimize_scalar

from scaling_cli.errors import UsageError
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.constrained.answer import solve_plan
from scaling_cli.planning.constrained.money import HardwareUse
from scaling_cli.planning.constrained.plan import plan_of
from scaling_cli.planning.constrained.solved import SolvedPlan

CARD = PUBLISHED["besiroglu2024"]
LAW = CARD.law
H100_HOUR = 989e12 * 3600
ON_H100 = {"gpu": "H100", "mfu": 0.4}


def solve(**known: Any) -> SolvedPlan:
    return solve_plan(CARD, plan_of(known))


def use_of(solved: SolvedPlan) -> HardwareUse:
    assert solved.hardware is not None
    return solved.hardware


def ids(solved: SolvedPlan) -> list[str]:
    return [finding.id for finding in solved.allocation.findings]


@pytest.mark.parametrize(
    ("known", "hours"),
    [
        ({"gpus": 64, "days": 30}, 64 * 30 * 24),
        ({"usd": 100e3, "gpu_hour_price": 2.0}, 50e3),
        ({"usd": 100e3, "gpu_hour_price": 2.0, "gpus": 64}, 50e3),
        ({"usd": 100e3, "gpu_hour_price": 2.0, "days": 10}, 50e3),
        ({"usd": 50e3, "gpu_hour_price": 2.0, "gpus": 64, "days": 30}, 25e3),
        ({"usd": 1e6, "gpu_hour_price": 2.0, "gpus": 64, "days": 30}, 64 * 30 * 24),
        ({"flops": 1e21, "gpus": 64, "days": 30}, 1e21 / (H100_HOUR * 0.4)),
    ],
)
def test_whatever_makes_a_budget_buys_hours_times_peak_times_mfu(
    known: dict[str, float], hours: float
) -> None:
    solved = solve(**known, **ON_H100)
    assert solved.allocation.flops == pytest.approx(hours * H100_HOUR * 0.4, rel=1e-9)
    assert use_of(solved).gpu_hours == pytest.approx(hours, rel=1e-9)


@pytest.mark.parametrize(
    ("known", "gpus", "days"),
    [
        ({}, None, None),
        ({"gpus": 512}, 512, 1e24 / (H100_HOUR * 0.4) / 512 / 24),
        ({"days": 60}, math.ceil(1e24 / (H100_HOUR * 0.4) / 60 / 24), 60),
    ],
)
def test_a_budget_in_flops_takes_accelerators_for_days(
    known: dict[str, float], gpus: int, days: float
) -> None:
    use = use_of(solve(flops=1e24, **known, **ON_H100))
    assert use.gpus == gpus
    assert use.days == (None if days is None else pytest.approx(days))


def test_as_many_accelerators_as_there_were_are_found_again() -> None:
    whole = 64 * 30 * 24 * H100_HOUR * 0.4
    for factor, gpus in ((1.0, 64), (1 + 1e-14, 64), (1 + 1e-6, 65)):
        assert use_of(solve(flops=whole * factor, days=30, **ON_H100)).gpus == gpus


def test_a_target_loss_takes_the_hours_and_dollars_of_its_budget() -> None:
    solved = solve(loss=2.0, gpus=1024, gpu_hour_price=2.5, **ON_H100)
    assert isinstance(LAW, ChinchillaLaw)
    hours = LAW.flops_for_loss(2.0) / (H100_HOUR * 0.4)
    use = use_of(solved)
    assert use.gpu_hours == pytest.approx(hours, rel=1e-9)
    assert use.usd == pytest.approx(2.5 * hours, rel=1e-9)
    assert use.days == pytest.approx(hours / 1024 / 24, rel=1e-9)


def test_fp8_takes_half_the_hours_of_bf16_at_the_same_mfu() -> None:
    bf16, fp8 = (use_of(solve(flops=1e24, **ON_H100, precision=name)).gpu_hours for name in ("bf16", "fp8"))
    assert bf16 == pytest.approx(1979 / 989 * (fp8 or 0), rel=1e-12)


def test_a_chip_of_ones_own_needs_its_peak_and_nothing_else() -> None:
    known = use_of(solve(flops=1e24, gpu="H100", mfu=0.4))
    own = use_of(solve(flops=1e24, gpu="X1", peak_tflops=989, mfu=0.4))
    assert (own.gpu, own.gpu_hours) == ("X1", known.gpu_hours)


def test_v100_uses_its_fp16_peak_and_says_so() -> None:
    solved = solve(flops=1e22, gpu="v100", mfu=0.3)
    assert use_of(solved).gpu_hours == pytest.approx(1e22 / (125e12 * 3600 * 0.3))
    assert "fp16-peak" in ids(solved)


@pytest.mark.parametrize(("gpu", "precision"), [("H800", "bf16"), ("V100", "fp8"), ("H100-NVL", "fp8")])
def test_a_known_chip_without_a_figure_gives_no_hours_and_says_so(gpu: str, precision: str) -> None:
    solved = solve(flops=1e24, gpu=gpu, mfu=0.4, precision=precision, gpu_hour_price=2.0)
    use = use_of(solved)
    assert (use.gpu_hours, use.usd, use.gpus, use.days) == (None, None, None, None)
    assert "no-peak" in ids(solved)


@pytest.mark.parametrize("known", [{"gpus": 8, "days": 3}, {"usd": 1e6, "gpu_hour_price": 2.0}])
def test_such_a_chip_makes_no_budget(known: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="no dense BF16 peak of H800 is known"):
        solve(**known, gpu="H800", mfu=0.4)


@pytest.mark.parametrize(
    ("gpu", "published"), [("h100", "38 % to 43 % MFU"), ("v4", "45.7 % to 46.2 % MFU"), ("b200", "77.6 %")]
)
def test_without_an_mfu_the_published_range_of_the_chip_is_named(gpu: str, published: str) -> None:
    with pytest.raises(UsageError, match="no MFU") as caught:
        solve(gpus=8, days=3, gpu=gpu)
    assert caught.value.hint is not None
    assert published in caught.value.hint


def test_an_mfu_above_what_matrix_products_reach_is_doubted() -> None:
    assert "mfu-above-matmul" in ids(solve(flops=1e22, gpu="MI300X", mfu=0.6))
    assert "mfu-above-matmul" not in ids(solve(flops=1e22, gpu="MI300X", mfu=0.4))


def dollars(N: float, D: float, D_inf: float) -> float:
    """Training at 40 % of an H100 for $2.50 an hour, serving at 10 % of it for $2."""
    return 2.5 * 6 * N * D / (H100_HOUR * 0.4) + 2.0 * 2 * N * D_inf / (H100_HOUR * 0.1)


PRICED = {**ON_H100, "gpu_hour_price": 2.5, "serving": {"mfu": 0.1, "gpu_hour_price": 2.0}}


def test_the_dollar_form_is_the_independent_minimum() -> None:
    assert isinstance(LAW, ChinchillaLaw)
    L, D_inf = 2.05, 5e12

    def cost(log_N: float) -> float:
        N = math.exp(log_N)
        rest = L - LAW.E - LAW.A * N**-LAW.alpha
        if rest <= 0:
            return math.inf
        return dollars(N, (LAW.B / rest) ** (1 / LAW.beta), D_inf)

    best = minimize_scalar(
        cost, bounds=(math.log(3e9), math.log(100e9)), method="bounded", options={"xatol": 1e-10}
    )
    solved = solve(loss=L, inference_tokens=D_inf, **PRICED)
    use = use_of(solved)
    assert solved.allocation.params == pytest.approx(math.exp(best.x), rel=1e-5)
    assert (use.usd or 0) + (use.serving_usd or 0) == pytest.approx(best.fun, rel=1e-9)
    plain = solve(loss=L, inference_tokens=D_inf, **ON_H100)
    assert (solved.allocation.params or 0) < 0.9 * (plain.allocation.params or 0)


def test_dollars_for_training_and_serving_give_the_plan_back() -> None:
    first = solve(loss=2.05, inference_tokens=5e12, **PRICED)
    use = use_of(first)
    again = solve(usd=(use.usd or 0) + (use.serving_usd or 0), inference_tokens=5e12, **PRICED)
    assert again.allocation.params == pytest.approx(first.allocation.params, rel=1e-6)
    assert again.allocation.loss == pytest.approx(2.05, rel=1e-9)


def test_a_budget_of_accelerators_covers_serving_on_the_same_ones_and_not_elsewhere() -> None:
    known = {"gpus": 64, "days": 30, "inference_tokens": 1e12, **ON_H100}
    shared = use_of(solve(**known, serving={"mfu": 0.1}))
    assert (shared.gpu_hours or 0) + (shared.serving_hours or 0) == pytest.approx(64 * 30 * 24)
    elsewhere = solve(**known, serving={"gpu": "L40S", "mfu": 0.1})
    assert use_of(elsewhere).gpu_hours == pytest.approx(64 * 30 * 24)
    assert "serving-elsewhere" in ids(elsewhere)


def test_serving_that_is_not_described_is_taken_to_be_like_training_and_that_is_said() -> None:
    assert "serving-as-training" in ids(solve(loss=2.1, inference_tokens=2e12, **ON_H100))
    assert "serving-as-training" not in ids(solve(loss=2.1, inference_tokens=2e12, **PRICED))


def test_a_peak_of_ones_own_for_a_known_chip_is_said_beside_that_of_the_table() -> None:
    solved = solve(flops=1e24, gpu="H100", peak_tflops=500, mfu=0.4)
    assert use_of(solved).gpu_hours == pytest.approx(1e24 / (500e12 * 3600 * 0.4))
    (finding,) = [one for one in solved.allocation.findings if one.id == "own-peak"]
    assert (finding.severity, finding.message) == (
        "info",
        "H100-SXM is taken at the given peak_tflops 500: its dense BF16 peak is 989 TFLOP/s",
    )
    for same in ({"gpu": "X1", "peak_tflops": 500}, {"gpu": "H100", "peak_tflops": 989}, {"gpu": "H100"}):
        assert "own-peak" not in ids(solve(flops=1e24, mfu=0.4, **same))
