"""``scaling optimal`` with a ``model`` block, as a user runs it: the account, plans beside it, bad input."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Scaling = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLE = Path(__file__).parents[2] / "configs" / "model.yaml"
MIXTRAL = """\
model: {layers: 32, d_model: 4096, heads: 32, kv_heads: 8, ffn: 14336, swiglu: true, vocabulary: 32k,
        context: 32768, experts: 8, active_experts: 2}
"""
CONVENTIONS = [
    *("6nd", "6nd_active", "6nd_attention", "recomputation", "kaplan", "kaplan_attention"),
    *("hoffmann_printed", "hoffmann_used", "deepseek"),
]


@pytest.fixture
def answer(scaling: Scaling) -> Callable[..., dict[str, Any]]:
    """Run ``scaling optimal --format json`` and return all it says."""

    def run(*args: str | Path) -> dict[str, Any]:
        ended = scaling("optimal", *args, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout, parse_constant=pytest.fail)
        return found

    return run


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Write a plan file."""

    def write(text: str) -> Path:
        path = tmp_path / "model.yaml"
        path.write_text(text)
        return path

    return write


def test_a_model_needs_no_budget(
    answer: Callable[..., dict[str, Any]], written: Callable[[str], Path]
) -> None:
    found = answer("--config", written(MIXTRAL))
    assert (found["schema"], found["results"]) == ("scaling.optimal/1", [])
    account = found["accounting"]
    assert account["params"]["total"] == 46_702_792_704
    assert account["params"]["active"] == 12_879_925_248
    assert list(account["flops"]) == CONVENTIONS
    assert account["flops"]["6nd_active"] == 6 * 12_879_925_248
    assert account["flops"]["deepseek"] is None  # its formula has no experts
    assert (account["tokens"], account["total_flops"], account["budget_tokens"]) == (None, None, None)
    assert [one["id"] for one in account["findings"]] == ["dense-law"]


def test_every_law_is_asked_with_the_n_and_the_c_it_was_fitted_with(
    answer: Callable[..., dict[str, Any]],
) -> None:
    account = answer("--config", EXAMPLE)["accounting"]
    hoffmann, kaplan, deepseek = account["laws"]
    assert hoffmann["params"] == account["params"]["total"]
    assert kaplan["params"] == account["params"]["non_embedding"]
    assert 6 * deepseek["params"] == pytest.approx(account["flops"]["deepseek"])
    for law, convention in ((hoffmann, "6nd"), (kaplan, "kaplan"), (deepseek, "deepseek")):
        assert law["flops"] == pytest.approx(account["total_flops"][convention])
        assert law["optimal_flops"] == pytest.approx(6 * law["params"] * law["optimal_tokens"])
    said = [one["id"] for one in account["findings"] if one["severity"] == "info"]
    assert said == ["params-as-fitted"] * 2


def test_a_loss_beyond_the_runs_of_its_law_is_doubted(answer: Callable[..., dict[str, Any]]) -> None:
    found = answer("--config", EXAMPLE, "--law", "besiroglu2024")["accounting"]["findings"]
    assert [(one["id"], one["severity"]) for one in found][-1] == ("extrapolates-ratio", "warning")
    assert found[-1]["message"].startswith("besiroglu2024: 1868 tokens per param are above the 341")
    assert (
        answer("--config", EXAMPLE, "--law", "besiroglu2024", "--tokens", "160B")["accounting"]["findings"]
        == []
    )


def test_the_law_has_the_size_of_the_model_as_its_optimum_there(
    answer: Callable[..., dict[str, Any]],
) -> None:
    for law in answer("--config", EXAMPLE)["accounting"]["laws"]:
        (plan,) = answer("--flops", str(law["optimal_flops"]), "--law", law["law"])["results"]
        assert plan["params"] == pytest.approx(law["params"])
        assert plan["tokens"] == pytest.approx(law["optimal_tokens"])


def test_the_loss_is_that_of_the_same_what_if(answer: Callable[..., dict[str, Any]]) -> None:
    (law,) = answer("--config", EXAMPLE, "--law", "besiroglu2024")["accounting"]["laws"]
    (plan,) = answer("--params", str(law["params"]), "--tokens", "15T", "--law", "besiroglu2024")["results"]
    assert law["loss"] == pytest.approx(plan["loss"])


def test_a_budget_is_planned_too_and_buys_other_tokens_under_each_convention(
    answer: Callable[..., dict[str, Any]], written: Callable[[str], Path]
) -> None:
    path = written(f"flops: 1e23\n{MIXTRAL}")
    found = answer("--config", path)
    (plan,) = found["results"]
    assert plan["flops"] == 1e23
    account = found["accounting"]
    for name, value in account["flops"].items():
        assert account["budget_tokens"][name] == (None if value is None else pytest.approx(1e23 / value))
    for path in (written(MIXTRAL), EXAMPLE):
        from_hardware = answer("--config", path, "--budget", "64xH100:30d@40%")
        assert from_hardware["accounting"]["budget"] == pytest.approx(from_hardware["results"][0]["flops"])


LLAMA_405B = """\
tokens: 15.6T
model: {layers: 126, d_model: 16384, heads: 128, kv_heads: 8, ffn: 53248, swiglu: true,
        vocabulary: 128256, context: 8192}
"""


def test_hours_beside_a_model_are_those_of_this_model(
    answer: Callable[..., dict[str, Any]], written: Callable[[str], Path]
) -> None:
    found = answer("--config", written(LLAMA_405B), "--gpu", "H100", "--mfu", "41%")
    (plan,) = found["results"]
    assert plan["params"] == found["accounting"]["params"]["total"] == 405_853_388_800
    assert plan["tokens"] == 15.6e12
    # Llama 3.1 405B: 6 N D at its published MFU, 26.02M hours
    assert plan["hardware"]["gpu_hours"] == pytest.approx(26.02e6, rel=1e-3)
    assert plan["waste"] > 0.05


def test_a_plan_beside_a_model_is_the_plan_of_its_params(
    answer: Callable[..., dict[str, Any]], written: Callable[[str], Path]
) -> None:
    beside = answer("--config", written(f"flops: 1e23\nmax_tokens: 2T\n{MIXTRAL}"))
    active = str(beside["accounting"]["params"]["active"])
    alone = answer("--config", written("flops: 1e23\nmax_tokens: 2T\n"), "--params", active)
    assert beside["results"] == alone["results"]


def test_options_that_ask_for_tokens_win_over_those_of_the_model_file(
    answer: Callable[..., dict[str, Any]], written: Callable[[str], Path]
) -> None:
    path = written(LLAMA_405B)
    for asked in (("--flops", "1e23"), ("--budget", "64xH100:30d@40%"), ("--loss", "2.0")):
        (plan,) = answer("--config", path, *asked)["results"]
        assert plan["params"] == 405_853_388_800
        assert plan["tokens"] < 1e12


def test_every_law_plans_the_model_with_its_own_count(answer: Callable[..., dict[str, Any]]) -> None:
    found = answer("--config", EXAMPLE, "--flops", "1e22")
    assert [plan["params"] for plan in found["results"]] == [
        law["params"] for law in found["accounting"]["laws"]
    ]
    for plan in found["results"]:
        assert 6 * plan["params"] * plan["tokens"] == pytest.approx(1e22)
    assert found["results"][0]["waste"] == pytest.approx(0.00504, rel=1e-2)


def test_a_law_without_a_count_of_the_model_is_refused_beside_the_others(
    scaling: Scaling, answer: Callable[..., dict[str, Any]], written: Callable[[str], Path]
) -> None:
    path = written(f"flops: 1e23\n{MIXTRAL}")
    refused, plan = answer("--config", path, "--law", "deepseek2024", "--law", "besiroglu2024")["results"]
    assert (refused["params"], refused["findings"][-1]["id"]) == (None, "law-not-applicable")
    assert plan["params"] == 12_879_925_248
    ended = scaling("optimal", "--config", path, "--law", "deepseek2024")
    assert (ended.returncode, ended.stdout) == (1, "")


def test_params_beside_a_model_are_its_own_or_contradict_it(
    scaling: Scaling, answer: Callable[..., dict[str, Any]], written: Callable[[str], Path]
) -> None:
    (plan,) = answer("--config", written(LLAMA_405B), "--params", "405B")["results"]
    assert plan["params"] == 405_853_388_800
    ended = scaling("optimal", "--config", written(LLAMA_405B), "--params", "70B")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "params 70B and the model block, which has 405.9B, contradict each other" in ended.stderr
    path = written(f"params: 70B\n{LLAMA_405B}")
    ended = scaling("optimal", "--config", path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"error: {path}: params 70B and the model block")


def test_a_model_file_that_fixes_three_quantities_contradicts_itself(
    scaling: Scaling, written: Callable[[str], Path]
) -> None:
    path = written(f"flops: 1e23\n{LLAMA_405B}")
    ended = scaling("optimal", "--config", path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"error: {path}: --flops, --params, --tokens contradict each other")


def test_csv_has_a_row_for_each_convention(scaling: Scaling) -> None:
    lines = scaling("optimal", "--config", EXAMPLE, "--format", "csv").stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == ["convention", *CONVENTIONS]


def test_strict_refuses_experts_under_a_law_of_dense_models(
    scaling: Scaling, written: Callable[[str], Path]
) -> None:
    ended = scaling("optimal", "--config", written(MIXTRAL), "--strict")
    assert ended.returncode == 1
    assert "(dense-law)" in ended.stderr


WRONG = """\
model:
  layer: 32
  d_model: 4096.5
  heads: many
  positions: rotery
  swiglu: maybe
flop: 1e21
"""


def test_all_that_is_wrong_is_said_at_once_with_lines(
    scaling: Scaling, written: Callable[[str], Path]
) -> None:
    path = written(WRONG)
    ended = scaling("optimal", "--config", path)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"error: {path}:2: unknown key 'layer' (did you mean layers?)",
        f"{path}:3: model.d_model: must be a whole number, got 4096.5 (write it like 64)",
        f"{path}:4: model.heads: 'many' is not a number (write it like 70B, 1.4T, 12M or 5.76e23)",
        f"{path}:5: model.positions: must be one of learned, rotary, relative, got 'rotery' "
        "(did you mean rotary?)",
        f"{path}:6: model.swiglu must be true or false, got 'maybe' (write swiglu: true)",
        f"{path}:7: unknown key 'flop' (did you mean flops?)",
    ]


@pytest.mark.parametrize(
    ("text", "args", "code", "said"),
    [
        ("model: {layers: 2, d_model: 8}\n", (), 1, "model.yaml:1: model: a model cannot be counted without"),
        (
            "tokens: 1T\nmodel: {layers: 2, d_model: 8, heads: 3, ffn: 9, vocabulary: 9, context: 9}\n",
            (),
            1,
            "model.yaml:2: model: d_model 8 is no multiple of heads 3",
        ),
        ("model: 7B\n", (), 1, "model.yaml:1: model must be a mapping of keys"),
        ("model:\n", (), 1, "nothing to solve for"),
        (MIXTRAL, ("--tokens", "1T:2T:3"), 2, "the account of a model takes one value of tokens, got 3"),
        (MIXTRAL, ("--plot", "-"), 2, "--plot draws plans, not the account of a model"),
    ],
)
def test_what_makes_no_account_says_so(
    scaling: Scaling, written: Callable[[str], Path], text: str, args: tuple[str, ...], code: int, said: str
) -> None:
    ended = scaling("optimal", "--config", written(text), *args)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert said in ended.stderr
