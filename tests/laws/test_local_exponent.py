"""Hoffmann's law seen as Kaplan saw it: in params without embeddings, over the sizes Kaplan trained."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.conversion import TotalLossLaw, total_params
from scaling_cli.laws.published import PUBLISHED

KAPLAN_SIZES = (768.0, 1.5e9)
"""Non-embedding params, Kaplan et al. 2020, Sec. 3."""

PRINTED = (0.74, 0.78)
"""The range of the local exponent in Pearce & Song 2024, arXiv 2406.12907; Kaplan et al. 2020 have 0.73."""


def optimum(law: ChinchillaLaw, log_C: float) -> float:
    """Return log N of the least loss at C = 6 N D, N without the embeddings."""

    def loss(log_N: float) -> float:
        N = math.exp(log_N)
        return float(law.loss(total_params(N), math.exp(log_C - log_N) / 6))

    solved = minimize_scalar(loss, bounds=(1, 40), method="bounded", options={"xatol": 1e-9})
    return float(solved.x)


def budget(law: ChinchillaLaw, log_N: float) -> float:
    """Return log C for which ``log_N`` is the optimum."""
    return float(brentq(lambda log_C: optimum(law, log_C) - log_N, 20, 60))


def local_exponent(law: ChinchillaLaw, log_N: float) -> float:
    """P = d log N_opt/d log C of C = 6 N D, N without the embeddings, from the conversion's own elasticity.

    L = E + A N_total^-alpha + B D^-beta with N_total = N + omega N^(1/3), of which one percent is s percent
    of N, has its optimum where (alpha/s) A N_total^-alpha = beta B D^-beta. With n = log N its tokens are

        log D = (log(beta B/(alpha A)) + log s(n) + alpha log N_total(n))/beta

    and so d log C/dn = 1 + d log D/dn, whose inverse is the exponent.
    """
    conversion = TotalLossLaw(law)

    def log_tokens(log_N: float) -> float:
        N_total = total_params(math.exp(log_N))
        return (math.log(conversion.elasticity(N_total)) + law.alpha * math.log(N_total)) / law.beta

    step = 1e-5
    return 1 / (1 + (log_tokens(log_N + step) - log_tokens(log_N - step)) / (2 * step))


@pytest.mark.parametrize("name", ["besiroglu2024", "hoffmann2022-a3"])
def test_the_conversions_elasticity_gives_the_exponent_that_scipy_finds(name: str) -> None:
    law = PUBLISHED[name].law
    assert isinstance(law, ChinchillaLaw)
    for N in (768.0, 1e5, 1e7, 1.5e9):
        log_N, step = math.log(N), 1e-2
        slope = 2 * step / (budget(law, log_N + step) - budget(law, log_N - step))
        assert local_exponent(law, log_N) == pytest.approx(slope, rel=1e-3)
    # with the embeddings next to nothing it is the law's own
    assert local_exponent(law, math.log(1e18)) == pytest.approx(law.exponents[0], rel=1e-4)


@pytest.mark.parametrize("name", ["besiroglu2024", "hoffmann2022-a3"])
def test_hoffmanns_law_has_kaplans_exponent_in_kaplans_params_and_range(name: str) -> None:
    """A power law is drawn through the optima of budgets that cover Kaplan's sizes, once as scipy finds them.

    And once by the conversion's relation alone: log C of a size is the integral of 1/p over log N, p the
    local exponent above: about .75 where the embeddings are all of a model, past .9 where they give way,
    and at last the law's own. What Kaplan measured is the one straight line through all of that.
    """
    law = PUBLISHED[name].law
    assert isinstance(law, ChinchillaLaw)
    low, high = (budget(law, math.log(N)) for N in KAPLAN_SIZES)
    log_C = np.linspace(low, high, 25)
    exponent = np.polyfit(log_C, [optimum(law, one) for one in log_C.tolist()], 1)[0]
    assert PRINTED[0] <= round(float(exponent), 2) <= PRINTED[1]

    sizes = np.linspace(math.log(KAPLAN_SIZES[0]), math.log(KAPLAN_SIZES[1]), 4001)
    inverse = np.array([1 / local_exponent(law, log_N) for log_N in sizes.tolist()])
    steps = np.diff(sizes) * (inverse[1:] + inverse[:-1]) / 2
    budgets = low + np.concatenate([[0.0], np.cumsum(steps)])
    assert budgets[-1] == pytest.approx(high, rel=1e-5)
    again = np.polyfit(log_C, np.interp(log_C, budgets, sizes), 1)[0]
    assert again == pytest.approx(exponent, rel=1e-4)
    # and in all params it is the law's own, whatever the range
    assert law.exponents[0] < 0.52
