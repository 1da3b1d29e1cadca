"""What a choice wastes and how flat the optimum is, against scipy's own solve of the printed formula."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from scaling_cli.laws.additive import AdditiveLaw, ChinchillaLaw
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.regret import FlatRange, flat_range, flat_ranges, sizes_for_loss, wasted_share

LAWS = {name: card.law for name, card in PUBLISHED.items() if isinstance(card.law, AdditiveLaw)}
BUDGETS = st.floats(17, 27).map(lambda log_C: 10**log_C)
checked = settings(max_examples=80, derandomize=True, deadline=None)


def some_flat_range(law: AdditiveLaw, C: float, waste: float) -> FlatRange:
    """The flat range, which every budget below has."""
    found = flat_range(law, C, waste)
    assert found is not None
    return found


@st.composite
def chinchilla_laws(draw: st.DrawFn) -> ChinchillaLaw:
    """Laws whose two terms are worth 0.05 to 2 nats at 1B params on 20B tokens."""
    alpha, beta = draw(st.floats(0.15, 0.8)), draw(st.floats(0.15, 0.8))
    A, B = draw(st.floats(0.05, 2)) * 1e9**alpha, draw(st.floats(0.05, 2)) * 2e10**beta
    return ChinchillaLaw(E=draw(st.floats(0, 3)), A=A, B=B, alpha=alpha, beta=beta)


ADDITIVE = st.one_of(st.sampled_from(list(LAWS.values())), chinchilla_laws())


def excess_of(law: AdditiveLaw, log_N: float, C: float) -> float:
    """L - E at C FLOPs, by the printed formula."""
    N = math.exp(log_N)
    return float(law.A / N**law.alpha + law.B / (C / (6 * N)) ** law.beta)


def scipy_optimum(law: AdditiveLaw, C: float) -> tuple[float, float]:
    """The logarithm of the best params at C, and the loss above E there."""
    solved = minimize_scalar(
        lambda x: excess_of(law, x, C),
        bounds=(-40.0, math.log(C) + 40),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(solved.x), float(solved.fun)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("waste", [0.001, 0.01, 0.05, 0.5])
@pytest.mark.parametrize("C", [1e18, 5.76e23, 1e26])
def test_the_flat_range_is_the_one_that_scipy_finds(name: str, waste: float, C: float) -> None:
    law = LAWS[name]
    center, _ = scipy_optimum(law, C)
    _, allowed = scipy_optimum(law, (1 - waste) * C)
    ends = [
        math.exp(brentq(lambda x: excess_of(law, x, C) - allowed, center, center + reach))
        for reach in (-12.0, 12.0)
    ]
    flat = some_flat_range(law, C, waste)
    assert flat.waste == waste
    assert [flat.low, flat.high] == pytest.approx(ends, rel=1e-6)


@checked
@given(law=ADDITIVE, C=BUDGETS, waste=st.floats(0.001, 0.6))
def test_the_ends_of_the_flat_range_waste_exactly_the_threshold(
    law: AdditiveLaw, C: float, waste: float
) -> None:
    flat = some_flat_range(law, C, waste)
    assert flat.low < law.optimum(C)[0] < flat.high
    for N in (flat.low, flat.high):
        assert wasted_share(law, N, C / (6 * N)) == pytest.approx(waste, rel=1e-6, abs=1e-9)


@checked
@given(law=ADDITIVE, C=BUDGETS, place=st.floats(0.01, 0.99))
def test_inside_the_flat_range_less_is_wasted(law: AdditiveLaw, C: float, place: float) -> None:
    flat = some_flat_range(law, C, 0.05)
    N = flat.low * (flat.high / flat.low) ** place
    assert wasted_share(law, N, C / (6 * N)) < 0.05


@checked
@given(law=ADDITIVE, C=BUDGETS)
def test_the_optimum_wastes_nothing(law: AdditiveLaw, C: float) -> None:
    assert wasted_share(law, *law.optimum(C)) == pytest.approx(0.0, abs=1e-9)


@checked
@given(law=ADDITIVE, log_N=st.floats(8, 13), log_D=st.floats(9, 14))
def test_waste_is_a_share_that_a_smaller_budget_saves(law: AdditiveLaw, log_N: float, log_D: float) -> None:
    N, D = 10**log_N, 10**log_D
    share = wasted_share(law, N, D)
    assert 0 <= share < 1
    saved = (1 - share) * 6 * N * D
    assert scipy_optimum(law, saved)[1] == pytest.approx(excess_of(law, math.log(N), 6 * N * D), rel=1e-6)


@checked
@given(law=ADDITIVE, C=BUDGETS, log_factor=st.floats(0.05, 5))
def test_two_sizes_reach_a_loss_with_the_same_budget(law: AdditiveLaw, C: float, log_factor: float) -> None:
    N_opt, _ = law.optimum(C)
    N = N_opt * math.exp(log_factor)
    L = law.loss(N, C / (6 * N))
    low, high = sizes_for_loss(law, C, L)
    assert low < N_opt < high
    assert high == pytest.approx(N, rel=1e-6)
    assert law.loss(low, C / (6 * low)) == pytest.approx(L, rel=1e-12)


def test_the_optimums_own_loss_has_one_size() -> None:
    law = LAWS["besiroglu2024"]
    N, D = law.optimum(1e21)
    assert sizes_for_loss(law, 1e21, law.loss(N, D)) == (N, N)


def test_a_size_beyond_all_bounds_is_cut_at_a_factor_of_a_trillion() -> None:
    law = LAWS["besiroglu2024"]
    N, _ = law.optimum(1e21)
    low, high = sizes_for_loss(law, 1e21, 1e9)
    assert (low, high) == pytest.approx((N / 1e12, N * 1e12))


def test_there_is_no_flat_range_where_the_loss_is_irreducible_to_rounding() -> None:
    law = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
    assert flat_range(law, 1e100, 0.01) is None
    assert flat_range(law, 1e40, 0.01) is not None


def test_many_flat_ranges_at_once_are_those_of_each() -> None:
    laws = [card.law for card in PUBLISHED.values() if isinstance(card.law, AdditiveLaw)]
    for waste in (1e-3, 0.01, 0.5):
        lows, highs = flat_ranges(laws, 1e20, waste)
        for law, low, high in zip(laws, lows, highs, strict=True):
            one = some_flat_range(law, 1e20, waste)
            assert (low, high) == pytest.approx((one.low, one.high), rel=1e-6)
