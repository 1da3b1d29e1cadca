"""Frontiers of converted laws, solved for many at once: against scipy's own minima and roots, law by law."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from scaling_cli.errors import PlanError
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.conversion import OMEGA, TotalAllocation, TotalLossLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.loss_unit import scale_loss
from scaling_cli.planning.compute_multiplier import multiplier_at, multiplier_for_loss
from scaling_cli.planning.crossover import find_crossover
from scaling_cli.planning.frontiers import Frontiers, PowerFrontiers
from scaling_cli.planning.total_frontiers import TotalFrontiers, frontiers_of

CHINCHILLA = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
KAPLAN_JOINT = KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103)  # Kaplan et al. 2020, Table 2
LOPSIDED = (
    ChinchillaLaw(E=0.0, A=5.0, B=1e7, alpha=0.05, beta=0.9),
    ChinchillaLaw(E=0.0, A=1e6, B=5.0, alpha=0.9, beta=0.05),
)
INNER = (CHINCHILLA, KAPLAN_JOINT, *LOPSIDED)
BUDGETS = (1e9, 1e15, 1e18, 1e21, 5.76e23, 1e27)
SEARCHED = (1e16, 1e26)
checked = settings(max_examples=60, derandomize=True, deadline=None)

inner_laws = st.builds(
    ChinchillaLaw,
    E=st.floats(0.5, 2.5),
    A=st.floats(50, 2000),
    B=st.floats(50, 5000),
    alpha=st.floats(0.1, 0.6),
    beta=st.floats(0.1, 0.6),
)
budgets = st.floats(12, 28).map(lambda power: 10**power)


def frontier(*inner: PredictsLoss) -> Frontiers:
    """The frontiers of laws of non-embedding params in total ones."""
    return frontiers_of([TotalLossLaw(law) for law in inner], "test")


def least_loss(inner: PredictsLoss, C: float) -> float:
    """Return the least loss of C = 6 (N + omega N^(1/3)) D over N, as scipy finds it."""

    def loss(log_N: float) -> float:
        N = math.exp(log_N)
        return float(inner.loss(N, C / (6 * (N + OMEGA * N ** (1 / 3)))))

    # narrowed about the best of a grid: a bounded search may begin on a flat stretch
    grid = np.linspace(-40, 80, 241).tolist()
    best = min(grid, key=loss)
    solved = minimize_scalar(loss, bounds=(best - 1, best + 1), method="bounded", options={"xatol": 1e-10})
    return float(solved.fun)


@pytest.mark.parametrize("inner", INNER, ids=["chinchilla", "kaplan", "flat in N", "flat in D"])
@pytest.mark.parametrize("C", BUDGETS)
def test_the_frontier_of_a_converted_law_is_the_least_loss_that_scipy_finds(
    inner: PredictsLoss, C: float
) -> None:
    found = frontier(inner)
    L = float(found.loss(C)[0])
    assert pytest.approx(least_loss(inner, C), rel=1e-9) == L
    assert pytest.approx(TotalLossLaw(inner).frontier_loss(C), rel=1e-12) == L
    if L - inner.E > 1e-6 * L:  # nearer to E the loss no longer tells the budget
        assert found.log_flops(L)[0] == pytest.approx(math.log(C), rel=1e-9)


@checked
@given(inner=inner_laws, C=budgets)
def test_any_law_is_as_good_as_scipy_finds_and_gives_its_budget_back(inner: ChinchillaLaw, C: float) -> None:
    found = frontier(inner)
    L = float(found.loss(C)[0])
    assert pytest.approx(least_loss(inner, C), rel=1e-9) == L
    assert found.log_flops(L)[0] == pytest.approx(math.log(C), rel=1e-9)


@checked
@given(inner=inner_laws, C=budgets)
def test_the_exponent_is_the_slope_of_the_frontier(inner: ChinchillaLaw, C: float) -> None:
    found, step = frontier(inner), 1e-4
    ends = [math.log(float(found.loss(C * math.exp(way))[0]) - inner.E) for way in (-step, step)]
    g = float(found.exponents(C)[0])
    assert g == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)
    # between that of the law itself, where the embeddings no longer count, and where they are all there is
    alpha, beta = inner.alpha, inner.beta
    assert alpha * beta / (alpha + beta) < g < 3 * alpha * beta / (beta + 3 * alpha)


def test_a_budget_without_end_leaves_nothing_of_the_embeddings() -> None:
    found = frontier(CHINCHILLA, KAPLAN_JOINT.inner)
    plain = frontiers_of([CHINCHILLA, KAPLAN_JOINT.inner], "test")
    assert found.loss(1e40) == pytest.approx(plain.loss(1e40), rel=1e-9)
    assert found.exponents(1e40) == pytest.approx(plain.exponents(1e40), rel=1e-6)
    assert (found.loss(1e18) > plain.loss(1e18)).all()


def test_many_laws_and_budgets_at_once_are_each_one_alone() -> None:
    several = [CHINCHILLA, *LOPSIDED]
    together, C = frontier(*several), np.geomspace(1e12, 1e26, 9)
    losses = together.loss(C[:, None])
    assert losses.shape == (9, 3)
    for place, law in enumerate(several):
        alone = frontier(law)
        assert losses[:, place] == pytest.approx(alone.loss(C), rel=1e-13)
        assert together.log_flops(losses)[:, place] == pytest.approx(np.log(C), rel=1e-6)
    again = together.take(np.array([2, 0, 0]))
    assert len(again) == 3
    assert again.loss(1e20) == pytest.approx(together.loss(1e20)[[2, 0, 0]], rel=1e-15)


def test_no_budget_reaches_E_of_a_converted_law() -> None:
    found = frontier(CHINCHILLA)
    assert found.log_flops(np.array([CHINCHILLA.E, 1.0])).tolist() == [math.inf, math.inf]
    assert math.isfinite(found.log_flops(CHINCHILLA.E + 1e-9)[0])


def test_a_converted_law_in_another_unit_has_its_losses_times_the_factor() -> None:
    for inner in (CHINCHILLA, KAPLAN_JOINT):
        law = TotalLossLaw(inner)
        scaled = scale_loss(law, 0.3)
        assert isinstance(scaled, TotalLossLaw)
        assert scaled.frontier_loss(1e21) == pytest.approx(0.3 * law.frontier_loss(1e21), rel=1e-12)


def test_a_converted_law_without_a_loss_is_refused_as_any_other() -> None:
    with pytest.raises(PlanError, match="mine: this law divides a budget and says nothing of the loss"):
        frontiers_of([TotalAllocation(CHINCHILLA)], "mine")


@checked
@given(inner=inner_laws, C=budgets)
def test_the_multiplier_of_a_converted_law_is_that_of_its_own_inverse(inner: ChinchillaLaw, C: float) -> None:
    A, B = frontier(inner), frontiers_of([inner], "test")
    # the same law without the embeddings' FLOPs: the multiplier is what they cost
    found = multiplier_at(A, B, C, 0.9)
    assert found.value is not None
    assert found.value > 1
    needed = inner.flops_for_loss(TotalLossLaw(inner).frontier_loss(C))
    assert found.value == pytest.approx(C / needed, rel=1e-6)
    back = multiplier_for_loss(B, A, found.loss, 0.9)
    assert back.value == pytest.approx(1 / found.value, rel=1e-6)


def other(scale: float, alpha: float) -> ChinchillaLaw:
    return ChinchillaLaw(E=1.8172, A=scale * 482.01, B=2085.43, alpha=alpha, beta=0.3658)


@pytest.mark.parametrize(("scale", "alpha"), [(1.9, 0.3978), (2.3, 0.3978), (0.55, 0.3278)])
def test_a_crossover_of_a_converted_law_is_the_root_that_scipy_finds(scale: float, alpha: float) -> None:
    inner = other(scale, alpha)

    def gap(log_C: float) -> float:
        return float(CHINCHILLA.frontier_loss(math.exp(log_C))) - least_loss(inner, math.exp(log_C))

    low, high = (math.log(end) for end in SEARCHED)
    truth = brentq(gap, low, high, xtol=1e-13)
    plain, converted = frontiers_of([CHINCHILLA], "a"), frontier(inner)
    for A, B in ((plain, converted), (converted, plain)):
        found = find_crossover(A, B, SEARCHED, 1e21, 0.9)
        assert found.flops is not None
        assert math.log(found.flops) == pytest.approx(truth, abs=1e-9)
        assert found.leads_after == ((gap(high) > 0) == (A is plain))


def test_draws_of_converted_laws_cross_each_at_its_own_budget() -> None:
    draws = [other(scale, 0.3978) for scale in np.linspace(1.8, 2.0, 21).tolist()]
    A, B = frontiers_of([CHINCHILLA] * 21, "a"), frontier(*draws)
    middle = np.array([10])
    found = find_crossover(A.take(middle), B.take(middle), SEARCHED, 1e21, 0.9, (A, B))
    each = (np.array([place]) for place in range(21))
    alone = [find_crossover(A.take(one), B.take(one), SEARCHED, 1e21, 0.9).flops or 0.0 for one in each]
    assert found.flops == alone[10]
    assert found.share == 1
    assert found.interval is not None
    assert list(found.interval) == pytest.approx(np.exp(np.quantile(np.log(alone), [0.05, 0.95])), rel=1e-9)


@pytest.mark.parametrize(("scale", "alpha"), [(1.9, 0.3978), (0.6, 0.3278), (0.65, 0.3278), (3.0, 0.3478)])
def test_the_lead_changes_as_often_as_crossings_are_told(scale: float, alpha: float) -> None:
    A, B = frontiers_of([CHINCHILLA], "a"), frontier(other(scale, alpha))
    C = np.geomspace(*SEARCHED, 4001)
    changes = np.count_nonzero(np.diff(np.sign(A.loss(C) - B.loss(C))))
    found = find_crossover(A, B, SEARCHED, 1e21, 0.9)
    # where embeddings are most of a model it starts behind, takes the lead, and may lose it for good
    assert changes == {1.9: 1, 0.6: 2, 0.65: 2, 3.0: 0}[scale]
    assert changes == (found.flops is not None) + (found.other is not None)
    for crossing in (found.flops, found.other):
        if crossing is not None:
            assert A.loss(crossing) == pytest.approx(B.loss(crossing), rel=1e-12)


def test_the_same_converted_frontier_twice_crosses_nowhere() -> None:
    one = frontier(CHINCHILLA)
    found = find_crossover(one, one, SEARCHED, 1e21, 0.9, (one, one))
    assert (found.flops, found.share, found.interval) == (None, 0.0, None)


def test_kinds_of_frontiers_are_told_apart() -> None:
    assert isinstance(frontier(CHINCHILLA), TotalFrontiers)
    assert isinstance(frontiers_of([CHINCHILLA], "a"), PowerFrontiers)
