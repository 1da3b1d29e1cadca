"""The inverses and slopes of the data-constrained form against its loss."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import approx_fprime

from scaling_cli.laws import repeated
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.published import PUBLISHED

checked = settings(max_examples=80, derandomize=True, deadline=None)
LAW = repeated.for_repeated_data(PUBLISHED["muennighoff2023"]).law
SIZES = st.floats(7, 12).map(lambda x: 10**x)
TOKENS = st.floats(8, 13).map(lambda x: 10**x)


def law() -> DataConstrainedLaw:
    assert isinstance(LAW, DataConstrainedLaw)
    return LAW


def test_the_published_law_gets_its_form_for_repeated_data_and_says_so() -> None:
    card = repeated.for_repeated_data(PUBLISHED["muennighoff2023"])
    base = PUBLISHED["muennighoff2023"].law.parameters
    assert card.law.parameters == {**base, "R_D_star": 15.387756, "R_N_star": 5.309743}
    assert [finding.id for finding in card.findings] == ["repeated-data-form"]
    # test vectors of the authors' repository
    assert law().loss(6.34e9, 242e9, 25e9) == pytest.approx(2.2256440889984477, rel=1e-6)
    assert law().loss(8.67e9, 178e9, 25e9) == pytest.approx(2.2269634075087867, rel=1e-6)


def test_any_other_law_stays_what_it_is() -> None:
    for name, card in PUBLISHED.items():
        if name != "muennighoff2023":
            assert repeated.for_repeated_data(card) is card


@checked
@given(N=SIZES, D=TOKENS, U=TOKENS)
def test_the_tokens_for_a_loss_reach_it(N: float, D: float, U: float) -> None:
    assume(D < 40 * U)  # beyond, another reading is worth less than a rounding of the loss
    L = law().loss(N, D, U)
    back = repeated.tokens_for_loss(law(), N, L, U)
    assert law().loss(N, back, U) == pytest.approx(L, rel=1e-12)
    assert back == pytest.approx(D, rel=1e-5)


@checked
@given(N=SIZES, D=TOKENS, U=TOKENS)
def test_below_the_least_params_no_number_of_tokens_reaches_a_loss(N: float, D: float, U: float) -> None:
    assume(D < 40 * U)
    L = law().loss(N, D, U)
    least = repeated.least_params(law(), L, U)
    assert least <= N * (1 + 1e-9)
    assert math.isinf(repeated.tokens_for_loss(law(), least * 0.999, L, U))
    assert math.isfinite(repeated.tokens_for_loss(law(), least * 1.001, L, U))


@checked
@given(N=SIZES, D=TOKENS, U=TOKENS)
def test_the_marginal_ratio_is_that_of_finite_differences(N: float, D: float, U: float) -> None:
    assume(D < 40 * U and 20 * law().params_for_unique(min(D, U)) > N)
    # not across the corner at which tokens begin to repeat, or params to outgrow them
    assume(abs(math.log(D / U)) > 1e-3 and abs(math.log(N / law().params_for_unique(min(D, U)))) > 1e-3)

    def loss(logs: NDArray[np.float64]) -> float:
        log_N, log_D = logs
        return law().loss(math.exp(log_N), math.exp(log_D), U)

    slopes = approx_fprime(np.array([math.log(N), math.log(D)]), loss, 1e-6)
    assume(min(abs(slopes)) > 1e-6)
    ratio = math.exp(repeated.log_marginal_ratio(law(), N, D, U))
    assert ratio == pytest.approx(slopes[0] / slopes[1], rel=2e-3)


@pytest.mark.parametrize("L", [1.0, 1.8])
def test_a_loss_below_the_irreducible_one_needs_infinite_params(L: float) -> None:
    assert math.isinf(repeated.least_params(law(), L, 1e10))
    assert math.isinf(repeated.tokens_for_loss(law(), 1e10, L, 1e10))
