"""Plans' picture: every budget's valley, its optimum and flat range, and what was asked for beside it."""

from functools import cache
from typing import TypeVar

import pytest

from scaling_cli.laws.card import LawCard
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.published import published_laws
from scaling_cli.planning.allocation import Allocation, allocate_all
from scaling_cli.planning.question import Question
from scaling_cli.reports.pictures.picture import Band, Drawn, Line, Mark, Panel, Picture, Rule, Text
from scaling_cli.reports.pictures.plan import MOST_BUDGETS, MOST_LAWS, plan_picture
from tests.reports.pictures.studies import fitted_plan

T = TypeVar("T", bound=Drawn)


def plans(law: str, *questions: Question) -> tuple[Allocation, ...]:
    return allocate_all(published_laws(law), questions)


def drawn(allocations: tuple[Allocation, ...]) -> Picture:
    picture = plan_picture(allocations)
    assert picture is not None
    return picture


def of_kind(panel: Panel, kind: type[T]) -> list[T]:
    return [one for one in panel.drawn if isinstance(one, kind)]


@cache
def law_with_draws() -> LawCard:
    return fitted_plan().card


def test_one_budget_is_one_valley_with_its_optimum_and_what_costs_next_to_nothing() -> None:
    (plan,) = plans("besiroglu2024", Question(flops=5.76e23))
    picture = drawn((plan,))
    (panel,) = picture.panels
    law = plan.card.law
    assert isinstance(law, PredictsLoss)
    lines = {line.role: line for line in of_kind(panel, Line)}
    valley = lines["fitted"]
    assert valley.y == pytest.approx([law.loss(N, 5.76e23 / (6 * N)) for N in valley.x], rel=1e-12)
    assert plan.params is not None
    assert (valley.x[0], valley.x[-1]) == pytest.approx((plan.params / 10, plan.params * 10), rel=1e-9)
    (mark,) = of_kind(panel, Mark)
    assert (mark.x[0], mark.y[0]) == pytest.approx((plan.params, plan.loss), rel=1e-9)
    assert plan.flat_range is not None
    flat = lines["flat"]
    assert (flat.x[0], flat.x[-1]) == (plan.flat_range.low, plan.flat_range.high)
    assert flat.label == "wastes under 1 %"
    assert [text.text for text in of_kind(panel, Text)] == ["72.2B"]
    assert panel.y.label == "loss (nats per token)"


def test_a_what_if_stands_on_the_valley_beside_the_optimum_with_what_it_wastes() -> None:
    (plan,) = plans("besiroglu2024", Question(params=280e9, tokens=300e9))
    (panel,) = drawn((plan,)).panels
    marks = {mark.role: mark for mark in of_kind(panel, Mark)}
    assert (marks["target"].x, marks["target"].y) == ((280e9,), (plan.loss,))
    assert marks["optimum"].x[0] == pytest.approx(67.5e9, rel=1e-2)
    assert [text.text for text in of_kind(panel, Text)] == ["67.5B", "280B wastes 50.3 %"]


def test_a_what_if_far_off_is_still_on_its_valley() -> None:
    (panel,) = drawn(plans("besiroglu2024", Question(flops=1e22, params=1e12))).panels
    (valley,) = [line for line in of_kind(panel, Line) if line.role == "fitted"]
    assert valley.x[-1] == 1e12


def test_budgets_are_named_and_shaded_in_their_order_and_have_their_frontier_below() -> None:
    budgets = (1e21, 1e22, 1e23)
    picture = drawn(plans("besiroglu2024", *(Question(flops=C) for C in budgets)))
    assert [len(row) for row in picture.rows] == [1, 2]
    valleys = [line for line in of_kind(picture.panels[0], Line) if line.role == "fitted"]
    assert [line.shade for line in valleys] == [0.0, 0.5, 1.0]
    words = [text.text for text in of_kind(picture.panels[0], Text)]
    assert words == ["2.78B", "1e21", "9.05B", "1e22", "29.4B", "1e23"]
    assert [mark.x[0] for mark in of_kind(picture.panels[1], Mark)] == list(budgets)


def test_several_laws_have_looks_of_their_own_and_those_without_a_loss_a_line_at_their_size() -> None:
    picture = drawn(plans("chinchilla", Question(flops=5.76e23)))
    assert picture.notes == ("Upright lines are the sizes of laws that give no loss.",)
    (panel,) = picture.panels
    assert {line.group for line in of_kind(panel, Line)} == {"besiroglu2024", "hoffmann2022-a3"}
    rules = of_kind(panel, Rule)
    assert [rule.label for rule in rules] == ["hoffmann2022-a1", "hoffmann2022-a2"]
    assert rules[0].x[0] == pytest.approx(67.83e9, rel=1e-3)


def test_a_law_without_a_loss_alone_has_its_frontier_drawn() -> None:
    picture = drawn(plans("kaplan2020", Question(flops=1e22)))
    assert [panel.title for panel in picture.panels] == ["Frontier: params", "Frontier: tokens"]
    assert picture.notes[0].startswith("Params exclude the embeddings")


def test_laws_that_cannot_answer_and_laws_past_the_most_are_named() -> None:
    everything = plans("all", Question(flops=1e22))
    picture = drawn(everything)
    shown = {line.group for line in of_kind(picture.panels[0], Line)}
    shown |= {rule.group for rule in of_kind(picture.panels[0], Rule)}
    assert len(shown) == MOST_LAWS
    assert picture.notes[0].startswith("Not drawn: ")
    missing = picture.notes[0].removeprefix("Not drawn: ").removesuffix(".").split(", ")
    assert shown | set(missing) == {plan.card.name for plan in everything}
    assert not shown & set(missing)
    assert plan_picture(plans("all", Question(flops=1e22))[-1:]) is None  # cerebras2023 divides no budget


def test_of_a_long_sweep_some_budgets_are_drawn_and_that_is_said() -> None:
    picture = drawn(plans("besiroglu2024", *(Question(flops=10.0 ** (18 + i / 10)) for i in range(60))))
    valleys = [line for line in of_kind(picture.panels[0], Line) if line.role == "fitted"]
    assert len(valleys) == MOST_BUDGETS
    assert f"{MOST_BUDGETS} of 60 budgets are drawn." in picture.notes
    assert len(of_kind(picture.panels[1], Mark)) == MOST_BUDGETS


def test_laws_with_budgets_of_their_own_for_one_question_all_have_their_valleys() -> None:
    picture = drawn(plans("all", Question(tokens=1e12)))
    lines = {line.group for line in of_kind(picture.panels[0], Line)}
    rules = {rule.group for rule in of_kind(picture.panels[0], Rule)}
    assert len(lines | rules) == MOST_LAWS


def test_draws_give_a_band_around_the_valley_and_the_optimum_its_interval() -> None:
    (plan,) = allocate_all([law_with_draws()], [Question(flops=1e22)])
    assert plan.uncertainty is not None
    (panel,) = drawn((plan,)).panels
    (band,) = of_kind(panel, Band)
    (valley,) = [line for line in of_kind(panel, Line) if line.role == "beyond"]
    inside = [low <= L <= high for low, L, high in zip(band.low, valley.y, band.high, strict=True)]
    assert all(inside)
    (mark,) = of_kind(panel, Mark)
    assert mark.x_interval == plan.uncertainty.intervals["params"]


@pytest.mark.parametrize(("C", "role"), [(1e20, "fitted"), (1e22, "beyond")])
def test_a_budget_outside_those_fitted_is_dashed(C: float, role: str) -> None:
    (panel,) = drawn(allocate_all([law_with_draws()], [Question(flops=C)])).panels
    roles = {line.role for line in of_kind(panel, Line)} - {"flat"}
    assert roles == {role}
