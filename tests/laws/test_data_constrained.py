"""The data-constrained form against the authors' own numbers and an independent solve."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from scaling_cli.errors import LawError
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.forms import law_from_dict

# github huggingface/datablations, README and utils/parametric_fit.ipynb: the logarithms, unrounded
MUENNIGHOFF = DataConstrainedLaw(
    E=math.exp(0.6254804),
    A=math.exp(6.255414),
    B=math.exp(7.3049974),
    alpha=0.3526596,
    beta=0.3526596,
    R_D_star=15.387756,
    R_N_star=5.309743,
)
LOPSIDED = DataConstrainedLaw(E=1.5, A=4e5, B=250.0, alpha=0.66, beta=0.22, R_D_star=20.0, R_N_star=6.0)


@pytest.mark.parametrize(
    ("N", "D", "L"), [(6.34e9, 242e9, 2.2256440889984477), (8.67e9, 178e9, 2.2269634075087867)]
)
def test_it_reproduces_the_published_losses(N: float, D: float, L: float) -> None:
    assert MUENNIGHOFF.loss(N, D, 25e9) == pytest.approx(L, rel=1e-9)
    arrays = (np.array([value]) for value in (N, D, 25e9))
    assert MUENNIGHOFF.loss(*arrays)[0] == pytest.approx(L, rel=1e-9)


@pytest.mark.parametrize("law", [MUENNIGHOFF, LOPSIDED])
@pytest.mark.parametrize(("C", "U"), [(1e22, 25e9), (1e23, 25e9), (1e20, 1e8), (3e21, 10e9)])
def test_its_optimum_agrees_with_an_independent_fine_solve(
    law: DataConstrainedLaw, C: float, U: float
) -> None:
    N, D = law.optimum_of_unique(C, U)
    assert pytest.approx(C, rel=1e-12) == 6 * N * D

    def excess(log_ratio: float) -> float:  # against the loss at N itself, so that fine differences show
        size = N * math.exp(log_ratio)
        return law.loss(size, C / (6 * size), U) - law.loss(N, D, U)

    grid = np.linspace(-6, 6, 4001)
    start = grid[np.argmin([excess(x) for x in grid])]
    assert abs(start) <= 0.004
    # the loss is flat to rounding within 1e-7: a parabola through wide points pins its vertex to 1e-6
    search = minimize_scalar(excess, bounds=(-0.01, 0.01), method="bounded", options={"xatol": 1e-12})
    assert search.x == pytest.approx(0, abs=2e-6)
    x = np.linspace(-2e-3, 2e-3, 41)
    curve = np.polynomial.Polynomial.fit(x, [excess(v) for v in x], 4).deriv()
    roots = curve.roots()
    assert np.abs(roots).min() < 1e-6


def test_its_optimum_is_the_published_one_within_their_grid() -> None:
    N, D = MUENNIGHOFF.optimum_of_unique(1e22, 25e9)
    assert pytest.approx(2.37209e11, rel=1e-5) == D
    assert pytest.approx(7.0262e9, rel=1e-5) == N
    assert pytest.approx(237336955477.55075, rel=1e-3) == D


def test_fresh_data_leave_the_base_form() -> None:
    base = ChinchillaLaw(**{name: MUENNIGHOFF.parameters[name] for name in ("E", "A", "B", "alpha", "beta")})
    assert MUENNIGHOFF.loss(1e9, 2e10) == base.loss(1e9, 2e10)
    assert MUENNIGHOFF.optimum(1e22) == base.optimum(1e22)
    assert MUENNIGHOFF.optimum_of_unique(1e20, 1e13) == base.optimum(1e20)
    # with as many params as its tokens can use, or fewer, a run on fresh data is one of the base form
    N = MUENNIGHOFF.params_for_unique(2e10)
    assert MUENNIGHOFF.loss(N, 2e10, 2e10) == pytest.approx(base.loss(N, 2e10), rel=1e-12)
    assert MUENNIGHOFF.loss(N / 3, 2e10, 5e10) == pytest.approx(base.loss(N / 3, 2e10), rel=1e-12)


def test_params_for_unique_tokens_are_those_of_the_base_optimum() -> None:
    C = LOPSIDED.flops_for_tokens(3e10)
    assert LOPSIDED.params_for_unique(3e10) == pytest.approx(LOPSIDED.optimum(C)[0], rel=1e-12)


def test_repetition_is_worth_less_and_less() -> None:
    losses = [MUENNIGHOFF.loss(1e9, epochs * 1e10, 1e10) for epochs in (1, 2, 4, 8, 16, 64, 1024)]
    gains = -np.diff(losses)
    assert (gains > 0).all()
    assert MUENNIGHOFF.loss(1e9, 4e10, 1e10) > MUENNIGHOFF.loss(1e9, 4e10)


def test_its_dict_form_leads_back_and_a_negative_constant_is_refused() -> None:
    assert law_from_dict("data-constrained", MUENNIGHOFF.parameters) == MUENNIGHOFF
    with pytest.raises(LawError, match="R_N_star must be positive"):
        law_from_dict("data-constrained", {**MUENNIGHOFF.parameters, "R_N_star": -1})
