"""A damped Newton method on many candidates at once, for objectives with several basins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Evaluation = tuple[FloatArray, FloatArray, FloatArray]
    """Value (S,), gradient (S, p) and Hessian (S, p, p)."""
    Derivatives = Callable[[FloatArray, NDArray[np.intp]], Evaluation]

STEP_TOLERANCE = 1e-10
"""A candidate has converged when its Newton step, in units of a column's norm, is below this ..."""
DECREMENT_TOLERANCE = 1e-15
"""... or when the quadratic model promises less than this share of the objective."""

FREE_DAMPING = 1e-3
"""The damping a descent begins with; above it a step says nothing about convergence."""

LEAST_SCALE = 1e-150
"""A coordinate of less than this scale moves nothing."""

LEAST_PIVOT = 1e-14
"""Scaled curvatures below this are none."""

ROUNDING = 1e-10
"""Where the promise is below this share of the objective, its value is rounding: the gradient decides."""

SMALL_BATCH = 30
"""Up to so many candidates the library's eigenvalues are quicker than a factorisation written out."""

STUCK_TOLERANCE = 1e-12
"""A candidate that can go no further has converged if the promise is below this share."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """The bounds of the solver's vector, each of shape (p,)."""

    lower: "FloatArray"
    upper: "FloatArray"


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """Where each candidate ended: ``theta`` (S, p), ``value`` (S,), ``converged`` (S,) and steps taken."""

    theta: "FloatArray"
    value: "FloatArray"
    converged: "NDArray[np.bool_]"
    steps: int


def descend(
    theta: "FloatArray", derivatives: "Derivatives", scale: "FloatArray", box: Box, *, max_steps: int
) -> Descent:
    """Minimise from every row of ``theta``, shape (S, p), within ``box``.

    ``derivatives`` is given some rows of candidates and their indices, and returns their value, gradient
    and Hessian; ``scale``, shape (S, p), is what a unit of each coordinate amounts to. Each step solves
    (H + lambda 1) step = -g in scaled coordinates, where H is indefinite with the absolute values of its
    eigenvalues, so that it descends there too; lambda grows where the step fails. Coordinates that a
    bound holds back sit the step out, and candidates that have converged leave the batch.
    """
    import numpy as np

    # a trial step may lead anywhere: what overflows there is not better, and is not taken
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        return _descend(theta, derivatives, scale, box, max_steps)


def _descend(
    theta: "FloatArray", derivatives: "Derivatives", scale: "FloatArray", box: Box, max_steps: int
) -> Descent:
    """Take the steps of ``descend``."""
    import numpy as np

    theta, scale = np.clip(theta, box.lower, box.upper), np.maximum(scale, LEAST_SCALE)
    current = derivatives(theta, np.arange(len(theta)))
    best, converged = current[0].copy(), np.zeros(len(theta), dtype=bool)
    active, damping = np.arange(len(theta)), np.full(len(theta), FREE_DAMPING)
    steps = 0
    while active.size and steps < max_steps:
        steps += 1
        move = _newton_step(current, scale[active], theta[active], box, damping[active])
        done = (move.size < STEP_TOLERANCE) | (move.promise <= DECREMENT_TOLERANCE * current[0])
        done &= damping[active] <= FREE_DAMPING  # a step is small under heavy damping too
        trial = np.clip(theta[active] + move.step, box.lower, box.upper)
        ahead = derivatives(trial, active)
        better = ahead[0] < current[0]
        rounding = (move.promise < ROUNDING * current[0]) & (ahead[0] < current[0] * (1 + ROUNDING))
        if rounding.any():
            slopes = (
                _slope(at[1] / scale[active], where, box)
                for at, where in ((ahead, trial), (current, theta[active]))
            )
            better |= rounding & (next(slopes) < next(slopes))
        theta[active[better]] = trial[better]
        best[active[better]] = ahead[0][better]
        damping[active] = np.where(better, np.maximum(damping[active] * 0.2, 1e-12), damping[active] * 5)
        stuck = (damping[active] > 1e12) | (steps == max_steps)
        # what is stuck where only rounding is left to gain is at its minimum as well
        converged[active[done | (stuck & (move.promise < STUCK_TOLERANCE * current[0]))]] = True
        keep = ~(done | stuck)
        current = tuple(  # type: ignore[assignment]  # three arrays in, three arrays out
            np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)[keep]
            for new, old in zip(ahead, current, strict=True)
        )
        active = active[keep]
    return Descent(theta, best, converged, steps)


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """A damped step (S, p), its size in scaled units (S,), the decrease its model promises (S,)."""

    step: "FloatArray"
    size: "FloatArray"
    promise: "FloatArray"


def _newton_step(
    current: "Evaluation", scale: "FloatArray", theta: "FloatArray", box: Box, damping: "FloatArray"
) -> _Move:
    """Return the step of every candidate, in the coordinates that no bound holds back."""
    import numpy as np

    _, gradient, hessian = current
    free = ~_held(gradient, theta, box) & (scale > LEAST_SCALE)  # a coordinate that moves nothing stays
    scaled_gradient = np.where(free, gradient / scale, 0.0)
    scaled_hessian = hessian / (scale[:, :, None] * scale[:, None, :])
    if not free.all():
        both_free = free[:, :, None] & free[:, None, :]
        scaled_hessian = np.where(both_free, scaled_hessian, np.eye(theta.shape[1]))
    step = _solve(scaled_hessian, scaled_gradient, damping)
    return _Move(-step / scale, np.abs(step).max(axis=1), 0.5 * (scaled_gradient * step).sum(axis=1))


def _solve(matrix: "FloatArray", right: "FloatArray", damping: "FloatArray") -> "FloatArray":
    """Return x with (|M| + lambda 1) x = right, |M| having the absolute eigenvalues of M, (S, p)."""
    if len(right) <= SMALL_BATCH:
        return _solve_eigen(matrix, right, damping)
    solution, is_convex = _solve_convex(matrix, right, damping)
    if not is_convex.all():
        bent = ~is_convex
        solution[bent] = _solve_eigen(matrix[bent], right[bent], damping[bent])
    return solution


def _solve_convex(
    matrix: "FloatArray", right: "FloatArray", damping: "FloatArray"
) -> tuple["FloatArray", "NDArray[np.bool_]"]:
    """Return x with (M + lambda 1) x = right, (S, p), and where M + lambda 1 is positive definite, (S,).

    A Cholesky factorisation written out over the batch: for p = 5 it is a tenth of the work of a call of
    the library's for each candidate.
    """
    import numpy as np

    p = right.shape[1]
    lower = [[matrix[:, i, j] for j in range(i + 1)] for i in range(p)]
    is_convex = np.ones(len(right), dtype=bool)
    solution: list[FloatArray] = []
    for j in range(p):
        pivot = lower[j][j] + damping - sum(lower[j][k] ** 2 for k in range(j))
        is_convex &= pivot > LEAST_PIVOT
        root = np.sqrt(np.where(is_convex, pivot, 1.0))  # what is not convex is solved elsewhere
        lower[j][j] = root
        for i in range(j + 1, p):
            lower[i][j] = (lower[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))) / root
        solution.append((right[:, j] - sum(lower[j][k] * solution[k] for k in range(j))) / root)
    for j in reversed(range(p)):
        solution[j] = (solution[j] - sum(lower[k][j] * solution[k] for k in range(j + 1, p))) / lower[j][j]
    return np.stack(solution, axis=1), is_convex


def _solve_eigen(matrix: "FloatArray", right: "FloatArray", damping: "FloatArray") -> "FloatArray":
    """Return x with (|M| + lambda 1) x = right, (S, p), from the eigenvalues of M."""
    import numpy as np

    values, vectors = np.linalg.eigh(matrix)
    along = np.einsum("sij,si->sj", vectors, right)
    curvature = np.maximum(np.abs(values), LEAST_PIVOT) + damping[:, None]
    step: FloatArray = np.einsum("sij,sj->si", vectors, along / curvature)
    return step


def _held(gradient: "FloatArray", theta: "FloatArray", box: Box) -> "NDArray[np.bool_]":
    """Say which coordinates lie on a bound that the descent would cross, shape (S, p)."""
    return ((theta <= box.lower) & (gradient > 0)) | ((theta >= box.upper) & (gradient < 0))


def _slope(gradient: "FloatArray", theta: "FloatArray", box: Box) -> "FloatArray":
    """Return the largest gradient of the coordinates that are free, shape (S,)."""
    import numpy as np

    slope: FloatArray = np.abs(np.where(_held(gradient, theta, box), 0.0, gradient)).max(axis=1)
    return slope
