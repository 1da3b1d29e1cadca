"""A law and what is known of a plan give the rest of it, or say why they cannot."""

from dataclasses import replace

import pytest

from scaling_cli.errors import PlanError, UsageError
from scaling_cli.findings import Finding
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.allocation import Allocation, allocate, allocate_all, answer
from scaling_cli.planning.question import Question

BESIROGLU = PUBLISHED["besiroglu2024"]
KAPLAN = PUBLISHED["kaplan2020"]
CEREBRAS = PUBLISHED["cerebras2023"]


def ids(allocation: Allocation) -> list[str]:
    return [finding.id for finding in allocation.findings]


def test_a_budget_gives_the_whole_plan() -> None:
    plan = allocate(BESIROGLU, flops=5.76e23)
    assert plan.flops == 5.76e23
    assert plan.params == pytest.approx(7.2249e10, rel=1e-4)
    assert plan.tokens == pytest.approx(1.32874e12, rel=1e-4)
    assert plan.tokens_per_param == pytest.approx(18.3912, rel=1e-5)
    assert plan.loss == pytest.approx(1.97444, rel=1e-5)
    assert plan.flat_range is not None
    assert (plan.flat_range.waste, plan.waste, plan.findings) == (0.01, None, ())


def test_a_what_if_says_what_it_wastes_and_the_optimum_does_not() -> None:
    gopher = allocate(BESIROGLU, params=280e9, tokens=300e9)
    assert gopher.flops == pytest.approx(5.04e23)
    assert gopher.waste == pytest.approx(0.503, abs=5e-4)
    assert allocate(BESIROGLU, params=280e9).waste is None


def test_the_flat_range_of_a_what_if_is_that_of_its_budget() -> None:
    gopher = allocate(BESIROGLU, params=280e9, tokens=300e9)
    assert gopher.flat_range == allocate(BESIROGLU, flops=gopher.flops).flat_range


def test_the_threshold_of_the_flat_range_is_the_askers() -> None:
    narrow, wide = (allocate(BESIROGLU, flops=5.76e23, waste=w).flat_range for w in (0.01, 0.05))
    assert narrow is not None
    assert wide is not None
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    "known",
    [
        {"flops": 5.76e23},
        {"params": 7e9},
        {"tokens": 15e12},
        {"loss": 2.1},
        {"flops": 1e22, "loss": 2.2},
        {"params": 7e9, "loss": 2.1},
        {"tokens": 1e12, "tokens_per_param": 20},
    ],
    ids=lambda known: "-".join(known),
)
def test_what_was_asked_for_comes_back_to_the_last_digit(known: dict[str, float]) -> None:
    plan = allocate(BESIROGLU, **known)
    for name in known.keys() - {"tokens_per_param"}:
        assert getattr(plan, name) == known[name]


def test_a_law_without_a_loss_gives_the_plan_and_no_loss() -> None:
    plan = allocate(KAPLAN, flops=1e21)
    assert plan.params == pytest.approx(4.683e9, rel=5e-4)
    assert (plan.loss, plan.flat_range, plan.waste) == (None, None, None)
    assert ids(plan) == ["non-embedding-params"]


@pytest.mark.parametrize(
    "known", [{"loss": 2.0}, {"params": 7e9, "loss": 2.0}, {"params": 7e9, "tokens": 1e12}]
)
def test_a_law_without_a_loss_refuses_what_needs_one(known: dict[str, float]) -> None:
    with pytest.raises(PlanError, match=r"^kaplan2020: ") as caught:
        allocate(KAPLAN, **known)
    assert caught.value.finding.id == "law-has-no-loss"
    assert caught.value.exit_code == 1
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    "known",
    [
        {"flops": 1e21},
        {"params": 7e9},
        {"loss": 2.0},
        {"params": 7e9, "tokens": 1e12},
        {"params": 7e9, "loss": 2.0},
    ],
    ids="-".join,
)
def test_a_frontier_refuses_to_divide_a_budget(known: dict[str, float]) -> None:
    with pytest.raises(PlanError, match=r"^cerebras2023: ") as caught:
        allocate(CEREBRAS, **known)
    assert caught.value.finding.id == "law-has-no-allocation"


def test_among_several_laws_one_that_cannot_answer_keeps_its_row_with_what_it_knows() -> None:
    rows = allocate_all([BESIROGLU, KAPLAN, CEREBRAS], [Question(params=280e9, tokens=300e9)])
    assert [row.card.name for row in rows] == ["besiroglu2024", "kaplan2020", "cerebras2023"]
    assert rows[0].refusal is None
    assert [row.refusal.id if row.refusal else None for row in rows[1:]] == [
        "law-has-no-loss",
        "law-has-no-allocation",
    ]
    for row in rows[1:]:
        assert row.flops == pytest.approx(5.04e23)
        assert (row.params, row.tokens, row.loss, row.waste) == (280e9, 300e9, None, None)


def test_a_frontier_among_several_gives_the_loss_of_the_budget_or_the_budget_of_the_loss() -> None:
    by_flops = allocate_all([BESIROGLU, CEREBRAS], [Question(flops=5.984e22)])[1]
    assert (by_flops.flops, by_flops.params, by_flops.tokens) == (5.984e22, None, None)
    assert by_flops.loss == pytest.approx(1.5066)
    assert by_flops.tokens_per_param is None
    by_loss = allocate_all([BESIROGLU, CEREBRAS], [Question(loss=1.9)])[1]
    assert by_loss.loss == 1.9
    assert by_loss.flops == pytest.approx(5.984e22 * (1.9 - 0.5066) ** (-1 / 0.0737))


def test_laws_stand_side_by_side_within_a_question() -> None:
    rows = allocate_all([BESIROGLU, KAPLAN], [Question(flops=1e20), Question(flops=1e21)])
    asked = [(row.question.flops, row.card.name) for row in rows]
    assert asked == [
        (1e20, "besiroglu2024"),
        (1e20, "kaplan2020"),
        (1e21, "besiroglu2024"),
        (1e21, "kaplan2020"),
    ]


def test_a_law_asked_alone_answers_the_questions_that_it_can() -> None:
    rows = allocate_all([BESIROGLU], [Question(loss=1.5), Question(loss=2.0)])
    assert [row.refusal.id if row.refusal else None for row in rows] == ["unreachable-loss", None]
    with pytest.raises(PlanError):
        allocate_all([BESIROGLU], [Question(loss=1.5), Question(loss=1.6)])


@pytest.mark.parametrize(
    ("known", "floor"),
    [
        ({"loss": 1.8172}, "no budget goes below E = 1.8172"),
        ({"loss": 1.5}, "no budget goes below E = 1.8172"),
        ({"loss": 1.5, "tokens_per_param": 20}, "no budget goes below E = 1.8172"),
        ({"loss": 1.9, "params": 1e9}, "1B params stay above 2.17435 on any data"),
        ({"loss": 1.9, "tokens": 1e10}, "10B tokens stay above 2.27555 at any size"),
        ({"loss": 2.0, "flops": 1e22}, "1e22 FLOPs reach 2.14111 at best"),
    ],
)
def test_a_loss_out_of_reach_is_refused_with_the_floor(known: dict[str, float], floor: str) -> None:
    with pytest.raises(PlanError) as caught:
        allocate(BESIROGLU, **known)
    assert caught.value.finding.id == "unreachable-loss"
    assert caught.value.message == f"besiroglu2024: loss {known['loss']:g} cannot be reached: {floor}"


@pytest.mark.parametrize("C", [1e18, 3e20, 5.76e23, 1.7e25])
@pytest.mark.parametrize("name", ["besiroglu2024", "hoffmann2022-a3", "muennighoff2023", "gadre2024-c4"])
def test_the_best_loss_of_a_budget_is_within_its_reach(name: str, C: float) -> None:
    best = allocate(PUBLISHED[name], flops=C)
    again = allocate(PUBLISHED[name], flops=C, loss=best.loss)
    assert again.params == pytest.approx(best.params, rel=1e-5)
    assert again.waste == pytest.approx(0.0, abs=1e-9)
    assert ids(again) == []


def test_a_budget_and_a_loss_leave_two_sizes_and_the_smaller_is_shown() -> None:
    plan = allocate(BESIROGLU, flops=5.76e23, loss=2.0)
    best = allocate(BESIROGLU, flops=5.76e23)
    assert plan.params is not None
    assert best.params is not None
    assert plan.params < best.params
    assert ids(plan) == ["second-size"]
    other = float(plan.findings[0].message.split("B params")[0]) * 1e9
    larger = allocate(BESIROGLU, flops=5.76e23, params=other)
    assert larger.loss == pytest.approx(2.0, abs=1e-5)
    assert larger.params is not None
    assert larger.params > best.params


@pytest.mark.parametrize(
    "known",
    [
        {"params": 1e308},
        {"tokens": 1e308},
        {"params": 1e200, "tokens": 1e200},
        {"params": 1e-300},
        {"loss": 1e300},
    ],
)
def test_a_plan_beyond_all_numbers_is_refused(known: dict[str, float]) -> None:
    with pytest.raises(PlanError) as caught:
        allocate(BESIROGLU, **known)
    assert caught.value.finding.id in ("out-of-range", "unreachable-loss")


def test_the_findings_of_a_law_and_of_a_question_go_with_every_answer() -> None:
    noted = Finding("fp16-peak", "info", "the FP16 peak is used")
    plan = answer(PUBLISHED["hoffmann2022-a3-rounded"], Question(flops=1e21, findings=(noted,)))
    assert ids(plan) == ["fp16-peak", "rounded-constants"]
    refused = answer(PUBLISHED["kaplan2020"], Question(loss=2.0, findings=(noted,)))
    assert ids(refused) == ["fp16-peak", "non-embedding-params", "law-has-no-loss"]


FITTED = LawCard(
    name="mine",
    law=ChinchillaLaw(E=1.8, A=480.0, B=2000.0, alpha=0.34, beta=0.36),
    fitted_range={"flops": (6e18, 3e21), "params": (4e7, 1.6e10)},
)


@pytest.mark.parametrize(
    ("flops", "severity"),
    [
        (5e16, "warning"),
        (5e17, "info"),
        (7e17, None),
        (3e21, None),
        (3e22, None),
        (3.1e22, "info"),
        (2.9e23, "info"),
        (3.1e23, "warning"),
        (1e26, "warning"),
    ],
)
def test_a_budget_far_outside_the_fitted_ones_extrapolates(flops: float, severity: str | None) -> None:
    plan = allocate(FITTED, flops=flops)
    assert [finding.severity for finding in plan.findings] == ([severity] if severity else [])
    assert ids(plan) == (["extrapolates"] if severity else [])


def test_how_far_an_answer_extrapolates_is_said() -> None:
    (finding,) = allocate(FITTED, flops=3e24).findings
    assert finding.message == "3e24 FLOPs is 1000 times the largest budget fitted"


def test_a_what_if_extrapolates_by_the_budget_it_needs() -> None:
    assert ids(allocate(FITTED, params=280e9, tokens=300e9)) == ["extrapolates"]
    assert ids(allocate(replace(FITTED, fitted_range={}), params=280e9, tokens=300e9)) == []


def test_a_contradictory_question_is_wrong_usage() -> None:
    with pytest.raises(UsageError):
        allocate(BESIROGLU, flops=1e21, params=1e9, tokens=2e10)
