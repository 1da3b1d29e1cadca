"""Kaplan's joint form against the formula of the paper, evaluated on its own, and against scipy."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from scaling_cli.errors import LawError
from scaling_cli.laws.forms import law_from_dict
from scaling_cli.laws.kaplan import KaplanLaw

LAWS = [
    KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103),  # Table 2
    KaplanLaw(N_c=1e13, D_c=1e13, alpha_N=0.1, alpha_D=0.1),
    KaplanLaw(N_c=5e11, D_c=5e13, alpha_N=0.2, alpha_D=0.12),
]
N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e6, 1e12, 7), np.geomspace(1e8, 1e13, 7)))


@pytest.mark.parametrize("law", LAWS)
def test_the_loss_is_the_published_formula(law: KaplanLaw) -> None:
    # the logarithm of the brackets, term by term: another way to the same numbers
    first = law.alpha_N / law.alpha_D * (math.log(law.N_c) - np.log(N))
    expected = np.exp(law.alpha_D * np.logaddexp(first, math.log(law.D_c) - np.log(D)))
    np.testing.assert_allclose(law.loss(N, D), expected, rtol=1e-12)
    assert law.loss(1e9, 2e10) == pytest.approx(law.loss(np.array([1e9]), np.array([2e10]))[0], rel=1e-14)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("C", [1e18, 1e21, 1e25])
def test_the_optimum_is_the_least_loss_of_the_budget(law: KaplanLaw, C: float) -> None:
    N_opt, D_opt = law.optimum(C)
    assert 6 * N_opt * D_opt == pytest.approx(C, rel=1e-12)
    search = minimize_scalar(
        lambda log_N: law.loss(math.exp(log_N), C / (6 * math.exp(log_N))),
        bounds=(math.log(N_opt) - 5, math.log(N_opt) + 5),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert search.x == pytest.approx(math.log(N_opt), abs=1e-5)
    assert law.frontier_loss(C) == pytest.approx(law.loss(N_opt, D_opt), rel=1e-12)


@pytest.mark.parametrize("law", LAWS)
def test_every_inverse_leads_back(law: KaplanLaw) -> None:
    N_opt, D_opt = law.optimum(1e22)
    L = law.frontier_loss(1e22)
    assert law.flops_for_loss(L) == pytest.approx(1e22, rel=1e-9)
    assert law.flops_for_params(N_opt) == pytest.approx(1e22, rel=1e-9)
    assert law.flops_for_tokens(D_opt) == pytest.approx(1e22, rel=1e-9)
    assert law.tokens_for_loss(N_opt, L) == pytest.approx(D_opt, rel=1e-9)
    assert law.params_for_loss(D_opt, L) == pytest.approx(N_opt, rel=1e-9)
    assert law.tokens_for_loss(N_opt, 0.0) == math.inf
    assert law.flops_for_loss(0.0) == math.inf


def test_its_dict_form_holds_the_four_constants_and_leads_back() -> None:
    told = LAWS[0].as_dict()
    assert told == {
        "form": "kaplan",
        "parameters": {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
    }
    assert law_from_dict("kaplan", LAWS[0].parameters) == LAWS[0]


def test_exponents_out_of_all_proportion_make_no_law() -> None:
    with pytest.raises(LawError, match="too far from alpha_D"):
        KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=9.0, alpha_D=0.01)
    with pytest.raises(LawError, match="alpha_D must be positive"):
        KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.1, alpha_D=0.0)
