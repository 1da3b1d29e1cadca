"""The batched Newton method on functions whose minima are known."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess

from scaling_cli.fitting.newton import Box, descend

if TYPE_CHECKING:
    from scaling_cli.fitting.newton import Evaluation
    from scaling_cli.runs import FloatArray

WIDE = Box(np.full(2, -100.0), np.full(2, 100.0))


def rosenbrock(theta: "FloatArray", rows: object) -> "Evaluation":
    return (
        np.array([rosen(row) for row in theta]),
        np.array([rosen_der(row) for row in theta]),
        np.array([rosen_hess(row) for row in theta]),
    )


def test_every_start_reaches_the_minimum_of_a_curved_valley() -> None:
    starts = np.random.default_rng(3).uniform(-3, 3, (20, 2))
    descent = descend(starts, rosenbrock, np.ones_like(starts), WIDE, max_steps=200)
    assert descent.converged.all()
    np.testing.assert_allclose(descent.theta, 1.0, atol=1e-7)


def test_a_minimum_outside_the_box_is_found_on_its_edge() -> None:
    box = Box(np.array([-2.0, -2.0]), np.array([0.5, 2.0]))
    descent = descend(np.array([[-1.0, 1.0], [0.2, -1.0]]), rosenbrock, np.ones((2, 2)), box, max_steps=200)
    independent = minimize(rosen, [0.0, 0.0], bounds=[(-2, 0.5), (-2, 2)], method="L-BFGS-B", tol=1e-14)
    assert descent.converged.all()
    np.testing.assert_allclose(descent.theta, [independent.x] * 2, atol=1e-5)
    assert descent.theta[:, 0] == pytest.approx([0.5, 0.5])


def test_a_start_on_a_maximum_of_curvature_still_descends() -> None:
    def double_well(theta: "FloatArray", rows: object) -> "Evaluation":
        value = ((theta**2 - 1) ** 2).sum(axis=1)
        hessian = np.zeros((len(theta), 2, 2))
        hessian[:, [0, 1], [0, 1]] = 12 * theta**2 - 4
        return value, 4 * theta * (theta**2 - 1), hessian

    descent = descend(
        np.array([[0.1, -0.1], [-0.3, 0.05]]), double_well, np.ones((2, 2)), WIDE, max_steps=200
    )
    assert descent.converged.all()
    np.testing.assert_allclose(descent.theta, [[1, -1], [-1, 1]], atol=1e-7)


def test_too_few_steps_are_not_called_convergence() -> None:
    descent = descend(np.array([[-3.0, 3.0]]), rosenbrock, np.ones((1, 2)), WIDE, max_steps=2)
    assert not descent.converged.any()
    assert descent.steps == 2
