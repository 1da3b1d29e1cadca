"""Multipliers, crossovers and exponents of frontiers, against the laws' own scalar solutions."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scaling_cli.errors import PlanError
from scaling_cli.laws.additive import ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import HasFrontier
from scaling_cli.laws.loss_unit import scale_loss
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.compute_multiplier import (
    BASELINE_UNREACHED,
    UNREACHED,
    Ends,
    log_interval,
    multiplier_at,
    multiplier_for_loss,
    share_above,
)
from scaling_cli.planning.crossover import find_crossover
from scaling_cli.planning.frontiers import PowerFrontiers, power_frontiers
from scaling_cli.planning.shared_exponents import compare_exponents, find_trend
from scaling_cli.planning.total_frontiers import frontiers_of

LAWS = (
    ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658),
    OvertrainingLaw(E=1.83665, a=212.236, b=366.687, eta=0.1364255),
    KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103),
    FrontierLaw(E=0.5066, A=26.5, alpha=0.0737),
)
GAIN = 1.25


def additive(E: float, alpha: float, beta: float, scale: float = 1.0) -> ChinchillaLaw:
    return ChinchillaLaw(E=E, A=482.01 * scale, B=2085.43 * scale, alpha=alpha, beta=beta)


laws = st.builds(
    additive, st.floats(0.5, 2.5), st.floats(0.25, 0.45), st.floats(0.25, 0.45), st.floats(0.5, 2)
)
budgets = st.floats(18, 26).map(lambda power: 10**power)


def shown(ends: Ends | None) -> list[str]:
    """An interval to six digits, an open end as a blank."""
    return ["" if end is None else f"{end:.6g}" for end in ends or ()]


def frontier(*chosen: HasFrontier) -> PowerFrontiers:
    return power_frontiers(chosen, "test")


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.form)
@pytest.mark.parametrize("C", [1e18, 1e21, 1e25])
def test_the_frontier_of_every_form_is_its_own(law: HasFrontier, C: float) -> None:
    assert frontier(law).loss(C)[0] == pytest.approx(law.frontier_loss(C), rel=1e-12)
    L = law.frontier_loss(C)
    assert frontier(law).log_flops(L)[0] == pytest.approx(math.log(law.flops_for_loss(L)), rel=1e-9)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.form)
def test_a_law_in_another_unit_has_its_losses_times_the_factor(law: HasFrontier) -> None:
    scaled = scale_loss(law, 0.3)
    assert isinstance(scaled, HasFrontier)
    assert scaled.frontier_loss(1e21) == pytest.approx(0.3 * law.frontier_loss(1e21), rel=1e-12)
    assert scale_loss(law, 1.0) is law


def test_a_law_without_a_loss_is_refused_by_name() -> None:
    with pytest.raises(PlanError, match="mine: this law divides a budget and says nothing of the loss"):
        frontiers_of([PUBLISHED["hoffmann2022-a1"].law], "mine")


@settings(max_examples=60, derandomize=True)
@given(first=laws, second=laws, C=budgets)
def test_the_recipe_reaches_the_baselines_loss_with_its_own_budget(
    first: ChinchillaLaw, second: ChinchillaLaw, C: float
) -> None:
    found = multiplier_at(frontier(first), frontier(second), C, 0.9)
    needed = second.flops_for_loss(first.frontier_loss(C))
    if math.isinf(needed):
        assert (found.value, found.reason) == (None, UNREACHED)
        return
    assume(needed < 1e200)
    assert found.value == pytest.approx(C / needed, rel=1e-6)
    # at the loss of that budget the answer is the same
    assert multiplier_for_loss(frontier(first), frontier(second), found.loss, 0.9).value == pytest.approx(
        found.value, rel=1e-6
    )


@settings(max_examples=40, derandomize=True)
@given(law=laws, C=budgets, gain=st.floats(0.2, 5))
def test_counting_compute_differently_is_a_multiplier_at_every_budget(
    law: ChinchillaLaw, C: float, gain: float
) -> None:
    A, B = frontier(law), frontier(law)
    B = PowerFrontiers(B.E, B.log_K - B.g * math.log(gain), B.g)
    assert multiplier_at(A, B, C, 0.9).value == pytest.approx(gain, rel=1e-9)


@settings(max_examples=40, derandomize=True)
@given(first=laws, second=laws, C=budgets)
def test_swapping_the_recipes_inverts_the_multiplier_at_a_loss(
    first: ChinchillaLaw, second: ChinchillaLaw, C: float
) -> None:
    L = max(first.frontier_loss(C), second.frontier_loss(C))
    one, other = (
        multiplier_for_loss(frontier(a), frontier(b), L, 0.9).value
        for a, b in ((first, second), (second, first))
    )
    assert one is not None
    assert other is not None
    assert one * other == pytest.approx(1, rel=1e-9)


def test_losses_that_one_or_both_never_reach_have_no_multiplier() -> None:
    low, high = additive(1.5, 0.35, 0.37), additive(1.8, 0.35, 0.37)
    behind = multiplier_for_loss(frontier(low), frontier(high), 1.7, 0.9)
    assert (behind.value, behind.reason, behind.flops is None) == (None, UNREACHED, False)
    ahead = multiplier_for_loss(frontier(high), frontier(low), 1.7, 0.9)
    assert (ahead.value, ahead.reason, ahead.flops) == (None, BASELINE_UNREACHED, None)
    neither = multiplier_for_loss(frontier(high), frontier(low), 1.4, 0.9)
    assert (neither.value, neither.flops) == (None, None)


def test_draws_that_never_get_there_open_an_end_of_the_interval() -> None:
    logs = np.log(
        np.array([0.0] * 10 + [1.2] * 80 + [1.4] * 10), where=np.arange(100) >= 10, out=np.full(100, -np.inf)
    )
    interval, unreached = log_interval(logs, 0.9)
    assert interval is not None
    assert interval[0] is None
    assert interval[1] == pytest.approx(1.4)
    assert unreached == pytest.approx(0.1)
    few, _ = log_interval(np.where(np.arange(100) < 4, -np.inf, math.log(1.2)), 0.9)
    assert shown(few) == ["1.2", "1.2"]
    assert log_interval(np.full(5, np.nan), 0.9) == (None, 1.0)
    assert log_interval(np.full(5, -np.inf), 0.9) == (None, 1.0)


def test_a_tie_counts_by_half() -> None:
    assert share_above(np.array([-1.0, 0.0, 1.0, 2.0]), 0.0) == pytest.approx(0.625)
    assert share_above(np.array([np.nan]), 0.0) is None


@settings(max_examples=80, derandomize=True)
@given(first=laws, second=laws)
def test_a_crossover_is_where_the_frontiers_meet_and_the_lead_changes(
    first: ChinchillaLaw, second: ChinchillaLaw
) -> None:
    searched = (1e18, 1e26)
    found = find_crossover(frontier(first), frontier(second), searched, 1e22, 0.9)
    budgets = np.geomspace(*searched, 2001)
    ahead = np.sign(first.frontier_loss(budgets) - second.frontier_loss(budgets))
    changes = np.count_nonzero(np.diff(ahead))
    assert changes == (found.flops is not None) + (found.other is not None)
    for C, leads in ((found.flops, found.leads_after), (found.other, not found.leads_after)):
        if C is not None:
            assert first.frontier_loss(C) == pytest.approx(second.frontier_loss(C), rel=1e-10)
            assert (first.frontier_loss(1.01 * C) > second.frontier_loss(1.01 * C)) == leads


def crossing_draws(at: list[float]) -> tuple[PowerFrontiers, PowerFrontiers]:
    """PowerFrontiers of the same E that cross at these budgets, the second the steeper one."""
    log_C = np.log(np.array(at))
    n = len(at)
    flat, steep = np.full(n, 0.15), np.full(n, 0.18)
    return (
        PowerFrontiers(np.full(n, 1.8), 0.15 * log_C - 1, flat),
        PowerFrontiers(np.full(n, 1.8), 0.18 * log_C - 1, steep),
    )


def test_draws_beyond_the_range_open_an_end_and_count_as_not_crossing() -> None:
    draws = crossing_draws([1e21] * 2 + [1e22] * 88 + [1e28] * 10)
    A, B = (PowerFrontiers(one.E[5:6], one.log_K[5:6], one.g[5:6]) for one in draws)
    found = find_crossover(A, B, (1e18, 1e25), 1e22, 0.9, draws)
    assert found.flops == pytest.approx(1e22)
    assert found.leads_after
    assert found.share == pytest.approx(0.9)
    assert shown(found.interval) == ["1e+22", ""]
    below = crossing_draws([1e16] * 10 + [1e22] * 90)
    assert shown(find_crossover(A, B, (1e18, 1e25), 1e22, 0.9, below).interval) == ["", "1e+22"]


def test_where_the_best_fit_does_not_cross_the_draws_still_tell() -> None:
    draws = crossing_draws([1e24] * 30 + [1e28] * 70)
    A, B = (PowerFrontiers(one.E[50:51], one.log_K[50:51], one.g[50:51]) for one in draws)
    found = find_crossover(A, B, (1e18, 1e25), 1e22, 0.9, draws)
    assert (found.flops, found.share, found.leads_after) == (None, 0.3, True)
    assert shown(found.interval) == ["1e+24", ""]
    never = find_crossover(A, B, (1e18, 1e25), 1e22, 0.9, crossing_draws([1e28] * 9))
    assert (never.flops, never.share, never.interval) == (None, 0.0, None)


def test_the_same_frontier_twice_crosses_nowhere() -> None:
    one = frontier(LAWS[0])
    found = find_crossover(one, one, (1e18, 1e26), 1e22, 0.9, (one, one))
    assert (found.flops, found.share, found.interval) == (None, 0.0, None)


def test_different_exponents_are_claimed_only_where_the_draws_tell_them_apart() -> None:
    random = np.random.default_rng(0)
    first = {"alpha": 0.35 + 0.01 * random.standard_normal(4000), "frontier": np.full(4000, 0.18)}
    for gap, is_rejected in ((0.01, False), (0.06, True)):
        second = {name: values + gap * (name == "alpha") for name, values in first.items()}
        second["alpha"] = second["alpha"][random.permutation(4000)]
        values = {"alpha": 0.35, "frontier": 0.18}, {"alpha": 0.35 + gap, "frontier": 0.18}
        shared = compare_exponents(values, (first, second), 0.9)
        assert shared.is_rejected is is_rejected
        assert shared.differences["alpha"].holds_zero is not is_rejected
        # the difference of two normal numbers of deviation 0.01: Hotelling's test is the normal one
        expected = math.erfc(gap / 0.01 / 2)
        assert shared.p_value == pytest.approx(expected, abs=0.02)


def test_without_draws_or_doubt_exponents_are_compared_all_the_same() -> None:
    values = {"alpha": 0.35, "frontier": 0.18}, {"alpha": 0.40, "frontier": 0.19}
    plain = compare_exponents(values, None, 0.9)
    assert plain.differences["alpha"].value == pytest.approx(0.05)
    assert (plain.p_value, plain.is_rejected) == (None, None)
    certain = tuple({name: np.full(5, value) for name, value in one.items()} for one in values)
    assert compare_exponents(values, (certain[0], certain[1]), 0.9).is_rejected is True
    assert compare_exponents((values[0],) * 2, (certain[0],) * 2, 0.9).is_rejected is None


def test_growth_is_not_established_where_shared_exponents_are_not_refused() -> None:
    A, B = frontier(LAWS[0]), frontier(additive(1.8172, 0.3978, 0.3658, 2.0))
    draws = (A.take(np.zeros(50, dtype=int)), B.take(np.zeros(50, dtype=int)))
    same = {"alpha": np.zeros(50)}
    open_one = compare_exponents(({"alpha": 0.0},) * 2, (same, same), 0.9)
    assert find_trend(A, B, 1e22, 0.9, open_one, draws).growth == "not-established"
    apart = compare_exponents(({"alpha": 0.0}, {"alpha": 0.1}), (same, {"alpha": np.full(50, 0.1)}), 0.9)
    trend = find_trend(A, B, 1e22, 0.9, apart, draws)
    at, before = (multiplier_at(A, B, C, 0.9).value for C in (1e22, 1e21))
    assert at is not None
    assert before is not None
    assert trend.per_decade == pytest.approx(at / before)
    assert trend.growth == "grows"
    assert find_trend(B, A, 1e22, 0.9, apart, (draws[1], draws[0])).growth == "shrinks"
