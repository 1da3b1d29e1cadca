"""What holds for every law: published or drawn, solved here in closed form and there with scipy."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from scaling_cli.laws.additive import AdditiveLaw, ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.allocation import AllocationLaw, RatioLaw
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.law import Allocates, HasFrontier, PredictsLoss
from scaling_cli.laws.published import PUBLISHED

PUBLISHED_LAWS = [card.law for card in PUBLISHED.values()]
EXPONENTS = st.floats(0.15, 0.8)
TERMS = st.floats(0.05, 2.0)
BUDGETS = st.floats(17, 27).map(lambda log_C: 10**log_C)
checked = settings(max_examples=100, derandomize=True, deadline=None)


@st.composite
def chinchilla_laws(draw: st.DrawFn) -> ChinchillaLaw:
    """Laws whose two terms are worth 0.05 to 2 nats at 1B params on 20B tokens."""
    alpha, beta = draw(EXPONENTS), draw(EXPONENTS)
    A, B = draw(TERMS) * 1e9**alpha, draw(TERMS) * 2e10**beta
    return ChinchillaLaw(E=draw(st.floats(0, 3)), A=A, B=B, alpha=alpha, beta=beta)


@st.composite
def overtraining_laws(draw: st.DrawFn) -> OvertrainingLaw:
    """Laws whose two terms are worth 0.05 to 2 nats at 1.2e20 FLOPs and 20 tokens per param."""
    eta = draw(st.floats(0.08, 0.4))
    a, b = draw(TERMS) * (1.2e20 / 20) ** eta, draw(TERMS) * (1.2e20 * 20) ** eta
    return OvertrainingLaw(E=draw(st.floats(0, 3)), a=a, b=b, eta=eta)


@st.composite
def allocation_laws(draw: st.DrawFn) -> AllocationLaw:
    """Laws that fix one side to 1e8 to 1e12 at 1e21 FLOPs."""
    exponent = draw(st.floats(0.2, 0.8))
    coefficient = 10 ** draw(st.floats(8, 12)) / 1e21**exponent
    side = draw(st.sampled_from(("params", "tokens")))
    return AllocationLaw(**{f"{side}_coefficient": coefficient, f"{side}_exponent": exponent})


def of_kind(kind: type) -> st.SearchStrategy[object]:
    return st.sampled_from([law for law in PUBLISHED_LAWS if isinstance(law, kind)])


ADDITIVE = st.one_of(of_kind(AdditiveLaw), chinchilla_laws(), overtraining_laws())
RATIOS = st.floats(0.1, 1000).map(RatioLaw)
ALLOCATING = st.one_of(of_kind(Allocates), chinchilla_laws(), overtraining_laws(), allocation_laws(), RATIOS)
FRONTIERS = st.builds(FrontierLaw, E=st.floats(0, 3), A=st.floats(10, 1e4), alpha=st.floats(0.03, 0.3))
WITH_FRONTIER = st.one_of(of_kind(HasFrontier), chinchilla_laws(), overtraining_laws(), FRONTIERS)


def plain_loss(law: AdditiveLaw, N: float, D: float) -> float:
    """The loss by the formula as its paper prints it, from the constants the law was made of."""
    if isinstance(law, OvertrainingLaw):
        M, C = D / N, 6 * N * D
        return float(law.E + (law.a * M**law.eta + law.b * M**-law.eta) * C**-law.eta)
    E, A, B, alpha, beta = (law.parameters[name] for name in ("E", "A", "B", "alpha", "beta"))
    return float(E + A / N**alpha + B / D**beta)


def scipy_optimum(law: AdditiveLaw, C: float) -> tuple[float, float]:
    """The params of least loss at C, to about 1e-7, and that loss."""
    solved = minimize_scalar(
        lambda log_N: plain_loss(law, math.exp(log_N), C / (6 * math.exp(log_N))),
        bounds=(math.log(1e-3), math.log(C)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return math.exp(solved.x), float(solved.fun)


@checked
@given(law=ALLOCATING, C=BUDGETS)
def test_optimum_spends_the_whole_budget(law: Allocates, C: float) -> None:
    N, D = law.optimum(C)
    assert pytest.approx(C, rel=1e-12) == 6 * N * D


@checked
@given(law=ALLOCATING, C=BUDGETS)
def test_the_budget_for_which_an_optimum_is_optimal_is_its_own(law: Allocates, C: float) -> None:
    N, D = law.optimum(C)
    assert law.flops_for_params(N) == pytest.approx(C, rel=1e-9)
    assert law.flops_for_tokens(D) == pytest.approx(C, rel=1e-9)


@checked
@given(law=ALLOCATING, C=BUDGETS)
def test_the_exponents_are_how_the_optimum_grows(law: Allocates, C: float) -> None:
    (N, D), (N10, D10) = law.optimum(C), law.optimum(10 * C)
    grown = math.log10(N10 / N), math.log10(D10 / D)
    assert grown == pytest.approx(law.exponents, abs=1e-12)
    assert sum(law.exponents) == pytest.approx(1.0, abs=1e-12)


@checked
@given(law=ALLOCATING)
def test_arrays_of_budgets_are_solved_like_one_budget(law: Allocates) -> None:
    budgets = np.geomspace(1e17, 1e27, 6)
    N, D = law.optimum(budgets)
    for i, C in enumerate(budgets):
        assert (N[i], D[i]) == pytest.approx(law.optimum(float(C)), rel=1e-12)


@checked
@given(law=ADDITIVE, C=BUDGETS, log_factor=st.floats(-6, 6).filter(lambda x: abs(x) > 1e-3))
def test_no_neighbour_on_the_isoflop_line_is_better(law: AdditiveLaw, C: float, log_factor: float) -> None:
    N, D = law.optimum(C)
    factor = math.exp(log_factor)
    assert law.loss(N * factor, D / factor) > law.loss(N, D)


@checked
@given(law=ADDITIVE, C=BUDGETS)
def test_our_optimum_is_where_scipy_finds_the_least_loss(law: AdditiveLaw, C: float) -> None:
    N, least = scipy_optimum(law, C)
    # the loss is flat at its least: its own rounding hides N below the square root of it
    assert law.optimum(C)[0] == pytest.approx(N, rel=1e-5)
    assert law.frontier_loss(C) == pytest.approx(least, rel=1e-12)


@checked
@given(law=ADDITIVE, C=BUDGETS)
def test_our_optimum_is_where_scipy_finds_the_slope_to_be_zero(law: AdditiveLaw, C: float) -> None:
    def slope(log_N: float) -> float:
        N = math.exp(log_N)
        return float(law.beta * law.B * (C / (6 * N)) ** -law.beta - law.alpha * law.A * N**-law.alpha)

    log_N = brentq(slope, math.log(1e-9), math.log(C * 1e9), xtol=1e-13, rtol=1e-14)
    assert law.optimum(C)[0] == pytest.approx(math.exp(log_N), rel=1e-10)


@checked
@given(law=ADDITIVE, N=st.floats(6, 13), D=st.floats(8, 15))
def test_the_loss_is_the_printed_formula(law: AdditiveLaw, N: float, D: float) -> None:
    assert law.loss(10**N, 10**D) == pytest.approx(plain_loss(law, 10**N, 10**D), rel=1e-12)


@checked
@given(law=ADDITIVE, C=BUDGETS)
def test_the_frontier_is_the_loss_of_the_optimum(law: AdditiveLaw, C: float) -> None:
    assert law.frontier_loss(C) == pytest.approx(law.loss(*law.optimum(C)), rel=1e-13)


@checked
@given(law=WITH_FRONTIER, C=BUDGETS)
def test_the_budget_for_the_loss_of_a_frontier_is_its_own(law: HasFrontier, C: float) -> None:
    L = law.frontier_loss(C)
    assert law.flops_for_loss(L) == pytest.approx(C, rel=1e-6)


@checked
@given(law=WITH_FRONTIER, C=BUDGETS)
def test_no_budget_reaches_the_irreducible_loss(law: HasFrontier, C: float) -> None:
    assert law.frontier_loss(C) > law.frontier_loss(2 * C) > law.E
    assert law.flops_for_loss(law.E) == math.inf
    assert law.flops_for_loss(law.E - 0.1) == math.inf


@checked
@given(law=ADDITIVE, log_N=st.floats(7, 13), log_D=st.floats(8, 15))
def test_the_tokens_and_the_params_for_a_loss_are_those_that_have_it(
    law: AdditiveLaw, log_N: float, log_D: float
) -> None:
    N, D = 10**log_N, 10**log_D
    L = law.loss(N, D)
    assert law.tokens_for_loss(N, L) == pytest.approx(D, rel=1e-6)
    assert law.params_for_loss(D, L) == pytest.approx(N, rel=1e-6)


@checked
@given(law=ADDITIVE, log_N=st.floats(7, 13), excess=st.floats(0.01, 1))
def test_scipy_finds_the_same_tokens_for_a_loss(law: AdditiveLaw, log_N: float, excess: float) -> None:
    N = 10**log_N
    L = law.E + law.A * N**-law.alpha + excess
    log_D = brentq(
        lambda x: plain_loss(law, N, math.exp(x)) - L, math.log(1e-6), math.log(1e60), xtol=1e-12, rtol=1e-14
    )
    assert law.tokens_for_loss(N, L) == pytest.approx(math.exp(log_D), rel=1e-8)


@checked
@given(law=ADDITIVE, log_x=st.floats(7, 13))
def test_a_loss_below_what_one_side_leaves_is_out_of_reach(law: AdditiveLaw, log_x: float) -> None:
    x = 10**log_x
    floor_of_params = law.E + law.A * x**-law.alpha
    floor_of_tokens = law.E + law.B * x**-law.beta
    assert law.tokens_for_loss(x, floor_of_params * (1 - 1e-9)) == math.inf
    assert law.params_for_loss(x, floor_of_tokens * (1 - 1e-9)) == math.inf


@checked
@given(law=st.one_of(of_kind(ChinchillaLaw), chinchilla_laws()), C=BUDGETS)
def test_counting_params_in_millions_changes_only_A(law: ChinchillaLaw, C: float) -> None:
    in_millions = replace(law, A=law.A * 1e6**-law.alpha)
    N, D = law.optimum(C)
    # C = 6 N D in millions of params is a millionth of the FLOPs
    assert in_millions.optimum(C / 1e6) == pytest.approx((N / 1e6, D), rel=1e-9)
    assert in_millions.frontier_loss(C / 1e6) == pytest.approx(law.frontier_loss(C), rel=1e-12)
    assert in_millions.loss(N / 1e6, 3 * D) == pytest.approx(law.loss(N, 3 * D), rel=1e-12)


@checked
@given(law=st.one_of(of_kind(OvertrainingLaw), overtraining_laws()), C=BUDGETS)
def test_an_overtraining_law_has_one_ratio_of_tokens_to_params(law: OvertrainingLaw, C: float) -> None:
    N, D = law.optimum(C)
    # a M^eta + b M^-eta is least at M = (b/a)^(1/(2 eta))
    assert pytest.approx((law.b / law.a) ** (1 / (2 * law.eta)), rel=1e-9) == D / N


def test_every_published_law_can_do_at_least_one_of_the_two_things() -> None:
    for name, card in PUBLISHED.items():
        assert isinstance(card.law, Allocates | HasFrontier), name
    with_loss = [name for name, card in PUBLISHED.items() if isinstance(card.law, PredictsLoss)]
    assert with_loss == [
        "besiroglu2024",
        "hoffmann2022-a3",
        "hoffmann2022-a3-rounded",
        "muennighoff2023",
        "gadre2024-c4",
        "gadre2024-rpj",
        "gadre2024-rw",
    ]


def test_where_a_published_pair_is_two_fits_the_unsolved_side_enters_no_answer() -> None:
    law = PUBLISHED["porian2024-owt2"].law
    assert isinstance(law, AllocationLaw)
    without = AllocationLaw(params_coefficient=law.params_coefficient, params_exponent=law.params_exponent)
    for C in (1e18, 1e24):
        assert law.optimum(C) == without.optimum(C)
    assert law.exponents == without.exponents


@pytest.mark.parametrize("name", ["besiroglu2024", "kaplan2020", "llama3", "gadre2024-c4"])
def test_answers_past_the_largest_float_are_infinite_and_no_crash(name: str) -> None:
    law = PUBLISHED[name].law
    assert isinstance(law, Allocates)
    assert law.flops_for_params(1e308) == math.inf
    assert law.flops_for_tokens(1e308) == math.inf
