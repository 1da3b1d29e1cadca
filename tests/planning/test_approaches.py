"""Approaches side by side: the same questions to each, and an agreement that says what it means."""

import pytest

from scaling_cli.findings import Finding
from scaling_cli.fitting.envelope import both_sides
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.approaches import compare_approaches
from scaling_cli.reports.approaches import approaches_report
from scaling_cli.reports.formats import to_csv, to_json
from scaling_cli.reports.terminal import to_terminal


def card(coefficient: float, exponent: float, spread: float) -> LawCard:
    """An allocation law whose draws are ``spread`` either way of it in params."""
    draws = tuple(both_sides(coefficient * factor, exponent) for factor in (1 - spread, 1, 1 + spread))
    law = both_sides(coefficient, exponent)
    return LawCard(name="runs.csv", law=law, draws=draws, fitted_range={"flops": (1e18, 1e22)})


def test_intervals_that_overlap_at_every_budget_agree() -> None:
    cards: dict[int, LawCard | str] = {
        1: card(0.1, 0.5, 0.2),
        2: card(0.11, 0.5, 0.2),
        3: "too-few-runs: five",
    }
    found = compare_approaches("runs.csv", cards, {}, [1e20, 1e22])
    assert found.agree is True
    assert found.verdict == (
        "Approaches 1 and 2 agree: at every budget their 90 % intervals of params overlap."
    )
    assert [told.reason for told in found.approaches] == ["", "", "too-few-runs: five"]
    assert [told.card and told.card.name for told in found.approaches] == ["approach 1", "approach 2", None]


def test_one_pair_apart_at_one_budget_is_no_agreement() -> None:
    # the third is the same at 1e20, and 4.7 % larger at 1e22
    cards = {1: card(0.1, 0.5, 0.01), 2: card(0.1, 0.5, 0.01), 3: card(0.1 * 1e20**-0.01, 0.51, 0.01)}
    found = compare_approaches("runs.csv", cards, {}, [1e20, 1e22])
    assert found.agree is False
    assert "at 1e22 FLOPs approach 1 has" in found.verdict
    assert "and approach 3" in found.verdict
    assert "and 1 more such pairs" in found.verdict


def test_overlap_is_what_decides_where_intervals_touch() -> None:
    touching = {1: card(1.0, 0.5, 0.25), 2: card(5 / 3 * 1.0000001, 0.5, 0.25)}
    assert compare_approaches("x", touching, {}, [1e20], level=0.9999999).agree is False
    overlapping = {1: card(1.0, 0.5, 0.25), 2: card(1.6, 0.5, 0.25)}
    assert compare_approaches("x", overlapping, {}, [1e20], level=0.9999999).agree is True


def test_a_loss_that_an_approach_knows_stands_beside_a_law_that_knows_none() -> None:
    cards: dict[int, LawCard | str] = {2: card(0.1, 0.5, 0.1), 3: card(0.1, 0.5, 0.1)}
    known = {2: [(2.5, (2.4, 2.6)), (2.2, None)]}
    found = compare_approaches("x", cards, {}, [1e20, 1e21], losses=known)
    second, third = found.approaches
    assert [plan.loss for plan in second.optima] == [2.5, 2.2]
    assert [plan.loss for plan in third.optima] == [None, None]
    sure = [plan.uncertainty for plan in second.optima]
    assert [one and one.intervals.get("loss") for one in sure] == [(2.4, 2.6), None]
    assert all(one and "params" in one.intervals for one in sure)
    assert "2.5000" in to_terminal(approaches_report(found, {}), width=120, color=False)


@pytest.mark.parametrize("others", [{}, {2: "no frontier"}])
def test_one_answer_agrees_with_nobody(others: dict[int, str]) -> None:
    found = compare_approaches("x", {1: card(0.1, 0.5, 0.1), **others}, {}, [1e20])
    assert found.agree is None
    assert "cannot be told" in found.verdict


def test_laws_without_draws_have_no_say_in_the_agreement() -> None:
    bare = LawCard(name="x", law=both_sides(9.0, 0.5))
    cards = {1: card(0.1, 0.5, 0.1), 2: card(0.1, 0.5, 0.1), 3: bare}
    assert compare_approaches("x", cards, {}, [1e20]).agree is True


def test_the_exponents_have_the_intervals_of_the_draws() -> None:
    law = both_sides(0.1, 0.5)
    draws = tuple(both_sides(0.1, 0.4 + i / 100) for i in range(21))
    found = compare_approaches("x", {1: LawCard(name="x", law=law, draws=draws)}, {}, [1e20])
    assert found.approaches[0].intervals["params_exponent"] == pytest.approx((0.41, 0.59))
    assert found.approaches[0].intervals["tokens_exponent"] == pytest.approx((0.41, 0.59))


def test_findings_are_told_once_with_the_approaches_they_are_of() -> None:
    shared = Finding("simulated-runs", "info", "the runs are simulated")
    own = Finding("edge-budgets", "info", "3 budgets")
    findings = {1: (shared, own), 2: (shared,), 3: (shared,)}
    cards = {number: card(0.1, 0.5, 0.1) for number in (1, 2, 3)}
    report = approaches_report(compare_approaches("x", cards, findings, [1e20]), {})
    assert [note.text for note in report.notes] == ["the runs are simulated", "approach 1: 3 budgets"]
    partly = compare_approaches("x", cards, {1: (), 2: (shared,), 3: (shared,)}, [1e20])
    texts = [note.text for note in approaches_report(partly, {}).notes]
    assert texts == ["approaches 2, 3: the runs are simulated"]


def test_every_line_of_csv_has_the_same_columns() -> None:
    cards: dict[int, LawCard | str] = {
        1: "no learning curves",
        2: card(0.1, 0.5, 0.1),
        3: card(0.1, 0.5, 0.1),
    }
    report = approaches_report(compare_approaches("x", cards, {}, [1e20, 1e21]), {})
    lines = to_csv(report).splitlines()
    assert len(lines) == 7
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    assert '"agree": true' in to_json(report)
