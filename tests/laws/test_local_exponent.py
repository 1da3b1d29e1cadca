"""Hoffmann's law seen as Kaplan saw it: in params without embeddings, over the sizes Kaplan trained."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.conversion import total_params
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


@pytest.mark.parametrize("name", ["besiroglu2024", "hoffmann2022-a3"])
def test_hoffmanns_law_has_kaplans_exponent_in_kaplans_params_and_range(name: str) -> None:
    law = PUBLISHED[name].law
    assert isinstance(law, ChinchillaLaw)
    low, high = (budget(law, math.log(N)) for N in KAPLAN_SIZES)
    log_C = np.linspace(low, high, 25).tolist()
    exponent = np.polyfit(log_C, [optimum(law, one) for one in log_C], 1)[0]
    assert PRINTED[0] <= round(float(exponent), 2) <= PRINTED[1]
    # and in all params it is the law's own, whatever the range
    assert law.exponents[0] < 0.52
