"""Laws against each other: multipliers, plans and the price of following the wrong one."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.errors import PlanError
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.allocation import AllocationLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.published import PUBLISHED, published_laws
from scaling_cli.planning.compare_laws import FACTORS, LawComparison, compare_laws
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import wasted_share
from scaling_cli.planning.solve import solve

REFERENCE = Path(__file__).parents[1] / "reference" / "compare.yaml"
GOPHER = 5.76e23
BESIROGLU = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 4e+08 for text: here it is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
EXPECTED: dict[str, Any] = yaml.load(REFERENCE.read_text(), Loader=_Loader)


def compared(*names: str, budgets: tuple[float, ...] = (GOPHER,), **settings: Any) -> LawComparison:
    cards = [card for name in names for card in published_laws(name)]
    return compare_laws(cards, budgets, **settings)


def waste_of(found: LawComparison, followed: str, true: str, budget: int = 0) -> float | None:
    laws = found.waste.laws
    return found.waste.values[budget][laws.index(followed)][laws.index(true)]


def card_with_draws(count: int = 200) -> LawCard:
    """A law whose draws scatter around it."""
    rng = np.random.default_rng(3)
    draws = tuple(
        replace(BESIROGLU, alpha=BESIROGLU.alpha + shift, beta=BESIROGLU.beta - shift)
        for shift in rng.normal(0, 0.005, count).tolist()
    )
    return LawCard("mine", BESIROGLU, params_definition="total", draws=draws)


@pytest.mark.parametrize("law", EXPECTED["multipliers"]["laws"])
def test_ten_times_the_compute_buys_what_the_papers_say(law: str) -> None:
    (ten, *_) = compared("kaplan2020", "hoffmann2022-a1", "besiroglu2024").multipliers
    found = {one.law: one for one in compared("all").multipliers if one.factor == 10}
    assert ten == found["kaplan2020"]
    for quantity, value in EXPECTED["multipliers"]["laws"][law].items():
        assert getattr(found[law], quantity) == pytest.approx(
            value, rel=EXPECTED["multipliers"]["tolerance"]
        ), quantity


@pytest.mark.parametrize("cell", EXPECTED["waste"]["cells"], ids=lambda cell: f"{cell['followed']}")
@pytest.mark.parametrize("convert", [True, False])
def test_following_the_wrong_law_wastes_what_the_constants_say(cell: dict[str, Any], convert: bool) -> None:
    found = compared(cell["followed"], cell["true"], budgets=(EXPECTED["waste"]["flops"],), convert=convert)
    assert waste_of(found, cell["followed"], cell["true"]) == pytest.approx(
        cell["waste"], rel=EXPECTED["waste"]["tolerance"], abs=EXPECTED["waste"]["within"]
    )


def test_params_and_tokens_multiply_to_the_factor_of_the_compute() -> None:
    for one in compared("all", budgets=(1e21,)).multipliers:
        if one.law == "cerebras2023":
            assert one.params is None
            assert one.tokens is None
        else:
            assert one.params is not None
            assert one.tokens is not None
            assert one.params * one.tokens == pytest.approx(one.factor, rel=1e-9), one.law


def test_a_power_law_multiplies_alike_from_every_budget_and_a_converted_law_does_not() -> None:
    small, large = (compared("besiroglu2024", "kaplan2020", budgets=(C,)).multipliers for C in (1e18, 1e24))
    assert small[0].params == pytest.approx(large[0].params)
    assert small[3].law == "kaplan2020"
    assert small[3].params != pytest.approx(large[3].params, rel=0.01)


def test_the_diagonal_is_zero_and_nothing_else_below_it() -> None:
    found = compared("all", budgets=(1e20, GOPHER, 1e26))
    for rows in found.waste.values:
        for i, row in enumerate(rows):
            for j, share in enumerate(row):
                assert share is None or 0 <= share < 1
                assert share is None or (share == 0) == (i == j), (found.waste.laws[i], found.waste.laws[j])


def test_what_a_law_cannot_tell_is_none_and_has_its_reason() -> None:
    found = compared("besiroglu2024", "hoffmann2022-a1", "deepseek2024", "cerebras2023")
    assert waste_of(found, "hoffmann2022-a1", "besiroglu2024") is not None
    for followed in found.waste.laws:
        for true in ("hoffmann2022-a1", "deepseek2024", "cerebras2023"):
            assert waste_of(found, followed, true) is None
    assert waste_of(found, "deepseek2024", "besiroglu2024") is None
    assert waste_of(found, "cerebras2023", "besiroglu2024") is None
    assert set(found.waste.reasons) == {
        ("hoffmann2022-a1", "true", "law-has-no-loss"),
        ("deepseek2024", "followed", "not-comparable-params"),
        ("deepseek2024", "true", "law-has-no-loss"),
        ("cerebras2023", "followed", "law-has-no-allocation"),
        ("cerebras2023", "true", "law-has-no-loss"),
    }


def test_left_as_published_a_law_in_other_params_stands_in_the_matrix_under_a_warning() -> None:
    found = compared("besiroglu2024", "deepseek2024", convert=False)
    assert waste_of(found, "deepseek2024", "besiroglu2024") is not None
    warned = [plan.card.name for plan in found.allocations for f in plan.findings if f.severity == "warning"]
    assert warned == ["deepseek2024"]


def test_plans_stand_budget_by_budget_and_law_by_law() -> None:
    found = compared("chinchilla", budgets=(1e20, 1e24))
    assert [(plan.flops, plan.card.name) for plan in found.allocations] == [
        (C, name) for C in (1e20, 1e24) for name in found.waste.laws
    ]


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    log_C=st.floats(18, 26),
    names=st.lists(st.sampled_from(sorted(PUBLISHED)), min_size=2, max_size=3, unique=True),
)
def test_every_cell_is_the_waste_of_that_plan_under_that_law(log_C: float, names: list[str]) -> None:
    found = compare_laws([PUBLISHED[name] for name in names], [10**log_C])
    for plan in found.allocations:
        for card in found.cards:
            share = waste_of(found, plan.card.name, card.name)
            if share is not None:
                assert plan.params is not None
                assert plan.tokens is not None
                law: Any = card.law
                assert share == pytest.approx(wasted_share(law, plan.params, plan.tokens), abs=2e-9)


def test_intervals_are_the_percentiles_of_the_draws_taken_one_by_one() -> None:
    card = card_with_draws()
    found = compare_laws([card, PUBLISHED["hoffmann2022-a1"]], [GOPHER], level=0.8)
    ten = found.multipliers[0]
    growths = [10 ** draw.exponents[0] for draw in card.draws if isinstance(draw, ChinchillaLaw)]
    assert ten.intervals["params"] == pytest.approx(tuple(np.quantile(growths, [0.1, 0.9])), rel=1e-9)
    N, D = PUBLISHED["hoffmann2022-a1"].law.optimum(GOPHER)  # type: ignore[attr-defined]
    wastes = [wasted_share(draw, N, D) for draw in card.draws if isinstance(draw, ChinchillaLaw)]
    assert found.waste.intervals[0][1][0] == pytest.approx(tuple(np.quantile(wastes, [0.1, 0.9])), rel=1e-9)
    assert found.waste.intervals[0][0][1] is None
    assert found.multipliers[3].intervals == {}
    assert found.allocations[0].uncertainty is not None
    assert found.allocations[0].uncertainty.level == 0.8


def test_a_law_that_only_divides_budgets_has_intervals_of_what_it_tells() -> None:
    coefficients = np.linspace(0.09, 0.11, 41).tolist()
    draws = tuple(AllocationLaw(params_coefficient=k, params_exponent=0.5) for k in coefficients)
    card = LawCard("mine", draws[20], params_definition="total", draws=draws)
    (plan, _) = compare_laws([card, PUBLISHED["besiroglu2024"]], [1e24], level=0.5).allocations
    assert plan.uncertainty is not None
    assert plan.uncertainty.intervals["params"] == pytest.approx((0.095e12, 0.105e12))
    assert plan.uncertainty.intervals["tokens"] == pytest.approx((1e12 / 0.63, 1e12 / 0.57))
    assert set(plan.uncertainty.intervals) == {"params", "tokens", "tokens_per_param"}
    assert "no-interval" not in [finding.id for finding in plan.findings]


def test_a_single_law_that_divides_no_budget_is_refused() -> None:
    with pytest.raises(PlanError):
        compared("cerebras2023")


def test_a_budget_near_the_largest_number_has_a_plan_and_no_multipliers() -> None:
    found = compared("besiroglu2024", budgets=(1e307,))
    assert [one.params is None for one in found.multipliers] == [math.isinf(f * 1e307) for f in FACTORS]
    assert solve(BESIROGLU, Question(flops=1e307)).refusal is None
