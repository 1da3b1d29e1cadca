"""Intervals and regret against direct computations from the draws, and against what they must obey."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.forms import law_from_dict
from scaling_cli.planning.allocation import answer
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import wasted_share
from scaling_cli.planning.solve import solve
from scaling_cli.planning.uncertainty import (
    Uncertainty,
    percentile_interval,
    uncertainty,
)

LAW = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
C = 5.76e23
RESIDUALS = tuple(float(r) for r in 0.004 * np.random.default_rng(5).standard_normal(240))


def near(law: ChinchillaLaw, random: np.random.Generator, size: float) -> ChinchillaLaw:
    """A law of other exponents that says nearly the same at 1B params and 20B tokens."""
    alpha, beta = (x * math.exp(size * random.standard_normal()) for x in (law.alpha, law.beta))
    return ChinchillaLaw(
        E=law.E * math.exp(size / 4 * random.standard_normal()),
        A=law.A * 1e9 ** (alpha - law.alpha) * math.exp(size / 4 * random.standard_normal()),
        B=law.B * 2e10 ** (beta - law.beta) * math.exp(size / 4 * random.standard_normal()),
        alpha=alpha,
        beta=beta,
    )


def make_draws(count: int, size: float, seed: int = 0) -> tuple[ChinchillaLaw, ...]:
    random = np.random.default_rng(seed)
    return tuple(near(LAW, random, size) for _ in range(count))


DRAWS = make_draws(200, 0.04)
CARD = LawCard(name="mine", law=LAW, draws=DRAWS, residuals=RESIDUALS, fitted_range={"flops": (6e18, 3e21)})


def sure(card: LawCard = CARD, **known: Any) -> Uncertainty:
    """What ``uncertainty`` says of a question that it can say something of."""
    question = Question(**known)
    found = uncertainty(card, question, solve(card.law, question))
    assert found is not None
    return found


@given(
    values=st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=50),
    level=st.floats(0.01, 0.99),
)
def test_a_percentile_interval_is_numpys_quantiles(values: list[float], level: float) -> None:
    expected = np.quantile(values, (1 - level) / 2), np.quantile(values, (1 + level) / 2)
    assert percentile_interval(values, level) == expected


def test_the_intervals_of_a_budget_are_the_quantiles_of_the_optima_and_hold_the_plan() -> None:
    found = sure(flops=C)
    N, D = np.array([draw.optimum(C) for draw in DRAWS]).T
    L = [draw.frontier_loss(C) for draw in DRAWS]
    plan = solve(LAW, Question(flops=C))
    assert plan.params is not None
    assert plan.tokens is not None
    at = {"params": plan.params, "tokens": plan.tokens, "loss": plan.loss}
    at["tokens_per_param"] = plan.tokens / plan.params
    for name, values in {"params": N, "tokens": D, "tokens_per_param": D / N, "loss": L}.items():
        low, high = found.intervals[name]
        assert (low, high) == pytest.approx(tuple(np.quantile(values, [0.05, 0.95])), rel=1e-12)
        assert low < at[name] < high  # type: ignore[operator]  # a law with a loss gives one
    assert list(found.intervals) == ["params", "tokens", "loss", "tokens_per_param", "observed_loss"]
    assert found.level == 0.9
    assert found.answered == 200


def test_a_law_without_draws_has_no_intervals() -> None:
    question = Question(flops=C)
    card = replace(CARD, draws=())
    assert uncertainty(card, question, solve(LAW, question)) is None
    assert answer(card, question).uncertainty is None
    assert answer(CARD, question).uncertainty == sure(flops=C)


def test_draws_that_say_nothing_of_the_loss_give_the_intervals_of_the_rest() -> None:
    ratios = tuple(law_from_dict("ratio", {"tokens_per_param": ratio}) for ratio in (18, 20, 22))
    card = replace(CARD, law=ratios[1], draws=ratios)
    found = answer(card, Question(flops=C, interval=0.5)).uncertainty
    assert found is not None
    assert set(found.intervals) == {"params", "tokens", "tokens_per_param"}
    assert found.intervals["tokens_per_param"] == pytest.approx((19, 21))
    assert found.regret is None
    # what a size wastes it cannot tell
    assert answer(card, Question(params=7e10, tokens=1.4e12)).uncertainty is None


def test_identical_draws_leave_no_interval_and_no_regret() -> None:
    found = sure(LawCard(name="mine", law=LAW, draws=(LAW,) * 20), flops=C)
    assert found.intervals == {}
    assert found.regret is not None
    assert [found.regret.expected, found.regret.p90] == pytest.approx([0, 0], abs=1e-12)
    flat = answer(CARD, Question(flops=C)).flat_range
    assert flat is not None
    assert found.regret.params == pytest.approx((flat.low, flat.high), rel=1e-12)


@pytest.mark.parametrize("known", [{"flops": C}, {"loss": 1.95}, {"params": 7e10, "tokens": 1.4e12}])
def test_intervals_nest_as_the_level_grows(known: dict[str, Any]) -> None:
    levels = [sure(**known, interval=level) for level in (0.5, 0.8, 0.9, 0.95, 0.99)]
    for inner, outer in pairwise(levels):
        assert inner.intervals.keys() == outer.intervals.keys()
        for name, (low, high) in inner.intervals.items():
            assert outer.intervals[name][0] <= low < high <= outer.intervals[name][1]
        # the more draws have to agree, the fewer sizes are left
        assert inner.regret is not None
        assert outer.regret is not None
        if outer.regret.params is not None:
            assert inner.regret.params is not None
            assert inner.regret.params[0] <= outer.regret.params[0]
            assert outer.regret.params[1] <= inner.regret.params[1]


def test_tokens_per_param_comes_from_the_ratio_of_each_draw_and_not_from_the_marginals() -> None:
    found = sure(loss=1.95)
    N, D = np.array([draw.optimum(draw.flops_for_loss(1.95)) for draw in DRAWS]).T
    low, high = found.intervals["tokens_per_param"]
    assert (low, high) == pytest.approx(tuple(np.quantile(D / N, [0.05, 0.95])), rel=1e-9)
    # params and tokens rise together with the budget that a draw needs: their ratio spreads less
    (N_low, N_high), (D_low, D_high) = found.intervals["params"], found.intervals["tokens"]
    assert D_low / N_high < low / 1.2
    assert high * 1.2 < D_high / N_low


def test_an_observed_loss_spreads_wider_than_the_law_around_the_same_centre() -> None:
    found = sure(flops=C)
    (low, high), (least, most) = found.intervals["loss"], found.intervals["observed_loss"]
    assert least < low < high < most
    assert math.sqrt(least * most) == pytest.approx(math.sqrt(low * high), rel=2e-3)


def test_the_observed_loss_of_a_certain_law_has_the_spread_of_its_residuals() -> None:
    normal = tuple(float(r) for r in 0.01 * np.random.default_rng(2).standard_normal(4000))
    found = sure(LawCard(name="mine", law=LAW, draws=(LAW,) * 4000, residuals=normal), flops=C)
    assert list(found.intervals) == ["observed_loss"]
    ends = np.log(np.array(found.intervals["observed_loss"]) / LAW.frontier_loss(C))
    assert ends == pytest.approx([-0.01645, 0.01645], rel=0.06)


def test_a_law_that_predicts_too_low_is_observed_above_its_prediction() -> None:
    # log L_predicted - log L = -0.02: every run was 2 % above the law
    found = sure(replace(CARD, residuals=(-0.02,) * 3), flops=C)
    low, high = found.intervals["loss"]
    expected = (low * math.exp(0.02), high * math.exp(0.02))
    assert found.intervals["observed_loss"] == pytest.approx(expected, rel=1e-12)


def test_without_residuals_no_observed_loss_is_told() -> None:
    assert "observed_loss" not in sure(replace(CARD, residuals=()), flops=C).intervals


@pytest.mark.parametrize(("N", "D"), [LAW.optimum(C), (2.8e11, 3e11)])
def test_regret_is_the_waste_of_the_plan_under_every_draw(N: float, D: float) -> None:
    known: dict[str, Any] = {"flops": C} if LAW.optimum(C) == (N, D) else {"params": N, "tokens": D}
    found = sure(**known)
    wastes = []
    for draw in DRAWS:
        L = draw.loss(N, D)
        log_enough = brentq(lambda x, draw=draw, L=L: draw.frontier_loss(math.exp(x)) - L, 30, 80, xtol=1e-13)
        wastes.append(1 - math.exp(log_enough) / (6 * N * D))
    assert found.regret is not None
    assert found.regret.expected == pytest.approx(np.mean(wastes), rel=1e-6)
    assert found.regret.p90 == pytest.approx(np.quantile(wastes, 0.9), rel=1e-6)


@pytest.mark.parametrize(("level", "waste"), [(0.9, 0.05), (0.5, 0.01), (0.8, 0.02)])
def test_the_sizes_without_regret_waste_little_under_enough_draws_and_those_beyond_do_not(
    level: float, waste: float
) -> None:
    regret = sure(flops=C, interval=level, waste=waste).regret
    assert regret is not None
    assert regret.params is not None
    low, high = regret.params

    def share(N: float) -> float:
        return float(np.mean([wasted_share(draw, N, C / (6 * N)) <= waste for draw in DRAWS]))

    # the ends themselves lie on the edge of a draw's flat range: a hair inside them is meant
    for N in np.geomspace(low * (1 + 1e-9), high * (1 - 1e-9), 40):
        assert share(N) >= level
    for N in (*np.geomspace(low / 2, low * (1 - 1e-6), 20), *np.geomspace(high * (1 + 1e-6), high * 2, 20)):
        assert share(N) < level


def test_draws_that_agree_on_no_size_leave_none_without_regret() -> None:
    regret = sure(replace(CARD, draws=make_draws(50, 0.2)), flops=C, waste=1e-4).regret
    assert regret is not None
    assert regret.params is None


def test_sizes_without_regret_do_not_span_the_gap_between_two_camps_of_draws() -> None:
    small, large = (replace(LAW, A=LAW.A * factor) for factor in (0.5, 2.0))
    camps = (small,) * 40 + (large,) * 60
    regret = sure(replace(CARD, draws=camps), flops=C, interval=0.3).regret
    assert regret is not None
    assert regret.params is not None
    for N in np.geomspace(*regret.params, 30)[1:-1]:
        assert sum(wasted_share(draw, N, C / (6 * N)) <= 0.01 for draw in camps) >= 30


def test_sizes_are_asked_for_at_the_budget_of_the_plan() -> None:
    by_loss, by_flops = sure(loss=LAW.frontier_loss(C)), sure(flops=C)
    assert by_loss.regret is not None
    assert by_flops.regret is not None
    assert by_loss.regret.params == pytest.approx(by_flops.regret.params, rel=1e-6)


@pytest.mark.parametrize(
    ("known", "names"),
    [
        ({"flops": C}, {"params", "tokens", "tokens_per_param", "loss", "observed_loss"}),
        ({"loss": 1.95}, {"flops", "params", "tokens", "tokens_per_param"}),
        ({"params": 7e10}, {"flops", "tokens", "tokens_per_param", "loss", "observed_loss"}),
        ({"tokens": 1.4e12}, {"flops", "params", "tokens_per_param", "loss", "observed_loss"}),
        ({"params": 7e10, "tokens": 1.4e12}, {"loss", "observed_loss", "waste"}),
        ({"flops": C, "params": 7e10}, {"loss", "observed_loss", "waste"}),
        ({"flops": C, "tokens_per_param": 20}, {"loss", "observed_loss", "waste"}),
        ({"params": 7e10, "loss": 1.99}, {"flops", "tokens", "tokens_per_param", "waste"}),
        ({"tokens_per_param": 100, "loss": 2.0}, {"flops", "params", "tokens", "waste"}),
    ],
    ids=lambda given: " ".join(sorted(given)),
)
def test_every_kind_of_question_has_intervals_of_what_it_leaves_open(
    known: dict[str, Any], names: set[str]
) -> None:
    assert set(sure(**known).intervals) == names


def test_the_waste_of_a_what_if_has_the_interval_of_its_regret() -> None:
    wastes = [wasted_share(draw, 2.8e11, 3e11) for draw in DRAWS]
    found = sure(params=2.8e11, tokens=3e11)
    assert found.intervals["waste"] == pytest.approx(tuple(np.quantile(wastes, [0.05, 0.95])), rel=1e-12)
    assert found.regret is not None
    assert found.intervals["waste"][0] < found.regret.expected < found.intervals["waste"][1]


def test_a_loss_that_many_draws_never_reach_has_no_interval() -> None:
    L = LAW.E + 0.001
    assert 0.1 < np.mean([L <= draw.E for draw in DRAWS]) < 0.9
    found = answer(CARD, Question(loss=L))
    assert found.flops is not None
    assert found.uncertainty is None


def test_a_loss_that_few_draws_never_reach_has_the_interval_of_the_others() -> None:
    L = float(np.quantile([draw.E for draw in DRAWS], 0.95))
    reached = [draw.flops_for_loss(L) for draw in DRAWS if L > draw.E]
    found = sure(loss=L)
    assert found.answered == len(reached) == 190
    assert found.intervals["flops"] == pytest.approx(tuple(np.quantile(reached, [0.05, 0.95])), rel=1e-9)


def test_a_plan_says_how_far_it_lies_beyond_the_runs_that_were_fitted() -> None:
    assert answer(CARD, Question(flops=C)).extrapolation == C / 3e21
    N, D = 7e10, 1.4e12
    assert answer(CARD, Question(params=N, tokens=D)).extrapolation == pytest.approx(6 * N * D / 3e21)
    assert answer(CARD, Question(flops=3e20)).extrapolation == pytest.approx(0.1)
    assert answer(replace(CARD, fitted_range={}), Question(flops=C)).extrapolation is None


@settings(max_examples=20, derandomize=True, deadline=None)
@given(order=st.permutations(range(60)))
def test_the_order_of_the_draws_moves_no_interval_of_the_law(order: list[int]) -> None:
    card = replace(CARD, draws=DRAWS[:60], residuals=())
    moved = replace(card, draws=tuple(DRAWS[i] for i in order))
    assert sure(moved, flops=C).intervals == sure(card, flops=C).intervals
