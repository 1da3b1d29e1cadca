"""The objective against scipy's Huber and logsumexp, its derivatives against finite differences."""

import numpy as np
import pytest
from scipy.special import huber, logsumexp

from scaling_cli.fitting.objective import (
    LogRuns,
    column_norms,
    derivatives,
    log_runs,
    objective,
    pack,
    residuals,
    unpack,
)
from scaling_cli.fitting.penalty import Penalty
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

LAW = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)


def study(seed: int = 1, count: int = 60) -> Runs:
    random = np.random.default_rng(seed)
    N, D = np.exp(random.uniform(17, 24, count)), np.exp(random.uniform(21, 27, count))
    loss = LAW.loss(N, D) * np.exp(0.01 * random.standard_normal(count))
    return Runs(N, D, 6 * N * D, loss, tuple(str(i) for i in range(count)))


def candidates(
    data: LogRuns, seed: int = 2, count: int = 8
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    spread = np.random.default_rng(seed).normal(0, 0.05, (count, 5))
    theta: np.ndarray[tuple[int, int], np.dtype[np.float64]] = pack(LAW, data) + spread
    return theta


@pytest.mark.parametrize("delta", [1e-3, 0.02, 10.0])
def test_objective_is_the_published_formula_in_uncentred_coordinates(delta: float) -> None:
    runs, data = study(), log_runs(study())
    for theta in candidates(data):
        law = unpack(theta, data)
        terms = [
            np.log(law["A"]) - law["alpha"] * np.log(runs.params),
            np.log(law["B"]) - law["beta"] * np.log(runs.tokens),
            np.full(len(runs), np.log(law["E"])),
        ]
        expected = huber(delta, logsumexp(terms, axis=0) - np.log(runs.loss)).sum()
        assert objective(theta[None, :], data, delta)[0] == pytest.approx(expected, rel=1e-10)


def test_objective_is_a_sum_over_runs() -> None:
    runs = study()
    twice = runs.select(np.tile(np.arange(len(runs)), 2))
    data, doubled = log_runs(runs), log_runs(twice)
    theta = candidates(data)
    np.testing.assert_allclose(objective(theta, doubled, 1e-3), 2 * objective(theta, data, 1e-3), rtol=1e-12)


@pytest.mark.parametrize("delta", [1e-3, 0.02, 10.0])
def test_gradient_and_hessian_agree_with_finite_differences(delta: float) -> None:
    data = log_runs(study())
    theta = candidates(data)
    value, gradient, hessian = derivatives(theta, data, Penalty(delta=delta))
    np.testing.assert_allclose(value, objective(theta, data, delta), rtol=1e-14)
    # a step that leaves every residual on its side of the Huber threshold keeps the difference smooth
    distance = np.abs(np.abs(residuals(theta, data)) - delta).min()
    step = min(1e-5, distance / 50)
    for k in range(5):
        shift = np.zeros(5)
        shift[k] = step
        ahead, behind = (derivatives(theta + shift * sign, data, Penalty(delta=delta)) for sign in (1, -1))
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(
            (ahead[0] - behind[0]) / (2 * step), gradient[:, k], rtol=1e-4, atol=1e-6 * scale
        )
        scale = np.abs(hessian).max()
        np.testing.assert_allclose(
            (ahead[1] - behind[1]) / (2 * step), hessian[:, k], rtol=1e-4, atol=1e-6 * scale
        )


def test_column_norms_are_those_of_the_residuals_jacobian() -> None:
    data = log_runs(study())
    theta = candidates(data)
    norms = column_norms(theta, data)
    for k in range(5):
        shift = np.zeros(5)
        shift[k] = 1e-6
        column = (residuals(theta + shift, data) - residuals(theta - shift, data)) / 2e-6
        np.testing.assert_allclose(np.linalg.norm(column, axis=1), norms[:, k], rtol=1e-6)


def test_packing_and_unpacking_give_the_constants_back() -> None:
    data = log_runs(study())
    assert unpack(pack(LAW, data), data) == pytest.approx(LAW.parameters, rel=1e-12)


def test_weights_count_runs_as_often_as_they_say() -> None:
    runs = study(count=30)
    counts = np.random.default_rng(6).integers(0, 4, 30)
    copied = runs.select(np.repeat(np.arange(30), counts))
    data = log_runs(runs)
    theta = candidates(data)
    weighted = derivatives(theta, data, Penalty(), np.tile(counts.astype(float), (len(theta), 1)))
    # the copies are centred elsewhere: compare in the coordinates of the original
    constants = [unpack(row, data) for row in theta]
    moved = np.array([pack(ChinchillaLaw(**law), log_runs(copied)) for law in constants])
    np.testing.assert_allclose(weighted[0], objective(moved, log_runs(copied), 1e-3), rtol=1e-9)
