"""Files of plans: what is shared and what a plan says itself, and what is wrong, line by line."""

from pathlib import Path

import pytest

from scaling_cli.errors import InputError
from scaling_cli.files.plans_file import PlansFile, read_plans
from scaling_cli.planning.constrained.plan import plan_of


def read(folder: Path, text: str, **given: object) -> PlansFile:
    path = folder / "plans.yaml"
    path.write_text(text)
    return read_plans(str(path), given)


SHARED = """
law: besiroglu2024
waste: 2%
gpu: h100
mfu: 40%
gpu_hour_price: $2.50
inference_tokens: 2T
serving: {mfu: 10%, gpu_hour_price: 2}
plans:
  - {name: " small ", params: 7B, tokens: 2T}
  - name: large
    flops: 1e24
    tokens_per_param: 20
    inference_tokens: 1T
    gpus: 64
    mfu: 35%
    serving: {gpu_hour_price: 1}
"""


def test_a_plan_is_what_is_shared_and_what_it_says_itself(tmp_path: Path) -> None:
    file = read(tmp_path, SHARED, interval=0.8)
    priced = {"gpu": "h100", "gpu_hour_price": 2.5, "waste": 0.02, "interval": 0.8}
    small = {"name": "small", "params": 7e9, "tokens": 2e12, "mfu": 0.4, "inference_tokens": 2e12}
    large = {"name": "large", "flops": 1e24, "tokens_per_param": 20, "gpus": 64, "mfu": 0.35}
    assert file.law == "besiroglu2024"
    assert file.plans == (
        plan_of({**priced, **small, "serving": {"mfu": 0.1, "gpu_hour_price": 2}}),
        plan_of({**priced, **large, "inference_tokens": 1e12, "serving": {"mfu": 0.1, "gpu_hour_price": 1}}),
    )


def test_what_is_given_wins_over_the_file(tmp_path: Path) -> None:
    (plan,) = read(tmp_path, "waste: 2%\nplans: [{name: a, flops: 1e22}]", waste=0.05).plans
    assert plan.waste == 0.05


def test_the_least_file_is_a_plan(tmp_path: Path) -> None:
    file = read(tmp_path, "plans: [{name: a, params: 7B, tokens: 2T}]")
    assert (file.law, [plan.name for plan in file.plans]) == (None, ["a"])


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("", "plans.yaml: the file is empty", "it needs at least plans:"),
        ("- 1", "plans.yaml:1: plans stand under a key, got a list", "begin with plans:"),
        ("law: x", "plans.yaml: no key 'plans'", "add a line plans: [{name: small"),
        ("plans: []", "plans.yaml:1: no plans", "write plans:"),
        ("plans: 3", "plans.yaml:1: plans must be a list, got 3", "write plans: [ONE"),
        ("plans: [3]", "plans.yaml:1: plans must be a mapping of keys, got 3", "write - {KEY: VALUE}"),
        ("plans:\n- {flops: 1e22}", "plans.yaml:2: no key 'plans.name'", "add a line name: small"),
        ("plans:\n- {name: ' ', flops: 1e22}", "plans.yaml:2: plans.name: must not be blank", "write name:"),
        (
            "law: ' '\nplans: [{name: a, flops: 1e22}]",
            "plans.yaml:1: law: must not be blank",
            "besiroglu2024",
        ),
        ("law: [a, b]\nplans: [{name: a, flops: 1e22}]", "plans.yaml:1: law must be text", "quotes"),
        ("planz: []", "plans.yaml", ""),
        ("plans:\n- {name: a, flop: 1e22}", "plans.yaml:2: unknown key 'flop'", "did you mean flops?"),
        ("ladder: true\nplans: [{name: a, flops: 1e22}]", "plans.yaml:1: unknown key 'ladder'", ""),
        (
            "waste: 100%\nplans: [{name: a, flops: 1e22}]",
            "plans.yaml:1: waste: must be less than 100 %",
            "1%",
        ),
        ("plans:\n- {name: a, serving: {gpuu: x}}", "plans.yaml:2: unknown key 'gpuu'", "did you mean gpu?"),
        ("serving: {gpuu: x}\nplans: [{name: a}]", "plans.yaml:1: unknown key 'gpuu'", "did you mean gpu?"),
        ("plans:\n- {name: a, params: -7B, tokens: 1T}", "plans.yaml:2: plans.params: must be positive", ""),
        (
            "plans:\n- {name: a, flops: 1e22}\n- {name: b}",
            "plans.yaml:3: b: nothing to solve for: no budget and no target",
            "give a budget",
        ),
        (
            "plans:\n- {name: a, flops: 1e22}\n- name: a\n  flops: 1e22",
            "plans.yaml:3: the name 'a' is given twice, first at {place}:2",
            "rename one",
        ),
        (
            "flops: 1e22\nplans:\n- {name: a, params: 7B, tokens: 1T}",
            "plans.yaml:3: a: flops, params, tokens contradict each other",
            "leave one out",
        ),
        (
            "plans:\n- {name: a, flops: 1e22, gpu: h100}",
            "plans.yaml:2: a: no MFU",
            "add it, mfu: 40%; published",
        ),
        (
            "max_params: 30B\nplans:\n- {name: a, params: 70B, tokens: 1T}",
            "plans.yaml:3: a: params: 70B is above max_params: 30B: they contradict each other",
            "leave one of the two out",
        ),
        (
            "plans:\n- {name: a, usd: 1M}",
            "plans.yaml:2: a: which accelerator is not said",
            "name it, gpu: H100",
        ),
        (
            "plans:\n- {name: a, usd: 1M, gpu: l4, mfu: 40%, gpu_hour_price: 2}",
            "plans.yaml:2: a: unknown accelerator 'l4'",
            "did you mean L40S?",
        ),
        (
            "plans:\n- {name: a, usd: 1M, gpu: v100, mfu: 40%, gpu_hour_price: 2, precision: fp8}",
            "plans.yaml:2: a: no dense FP8 peak of V100-SXM2 is known: it makes no budget",
            "give its peak_tflops in the plan file",
        ),
        (
            "plans:\n- {name: a, flops: 1e22, gpu: h99, mfu: 40%}",
            "plans.yaml:2: a: unknown accelerator 'h99'",
            "known: V100",
        ),
    ],
)
def test_what_is_wrong_comes_with_its_line(tmp_path: Path, text: str, error: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    place = tmp_path / "plans.yaml"
    assert caught.value.message.startswith(f"{tmp_path}/{error.format(place=place)}")
    assert hint in (caught.value.hint or caught.value.message)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    keys = "plans:\n- {name: a, flop: 1e22}\n- {name: b, days: soon}\n- {params: 0}"
    with pytest.raises(InputError) as caught:
        read(tmp_path, keys)
    assert [line.split(":")[1] for line in caught.value.message.splitlines()] == ["2", "3", "4", "4"]
    plans = "plans:\n- {name: a}\n- {name: b, flops: 1e22}\n- {name: b, flops: 1e22, gpu: h100}"
    with pytest.raises(InputError) as caught:
        read(tmp_path, plans)
    first, second, third = caught.value.message.splitlines()
    assert ":2: a: nothing to solve for" in first
    assert ":4: the name 'b' is given twice" in second
    assert ":4: b: no MFU" in third
