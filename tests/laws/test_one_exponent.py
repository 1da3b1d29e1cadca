"""The overtraining and frontier laws against their formulas as the papers write them."""

import numpy as np
import pytest

from scaling_cli.laws.additive import OvertrainingLaw
from scaling_cli.laws.frontier import FrontierLaw

N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e6, 1e12, 7), np.geomspace(1e8, 1e13, 7)))


@pytest.mark.parametrize(
    "law",
    [
        OvertrainingLaw(1.50826, 141.278, 189.516, 0.121236),
        OvertrainingLaw(1.83665, 212.236, 366.687, 0.1364255),
    ],
)
def test_overtraining_is_the_formula_in_tokens_per_param_and_flops(law: OvertrainingLaw) -> None:
    M, C = D / N, 6 * N * D
    expected = law.E + (law.a * M**law.eta + law.b * M**-law.eta) * C**-law.eta
    np.testing.assert_allclose(law.loss(N, D), expected, rtol=1e-12)


def test_frontier_is_the_formula_in_flops() -> None:
    law, C = FrontierLaw(E=0.5066, A=5.984e22**0.0737, alpha=0.0737), np.geomspace(1e15, 1e27, 13)
    np.testing.assert_allclose(law.frontier_loss(C), 0.5066 + (C / 5.984e22) ** -0.0737, rtol=1e-12)
