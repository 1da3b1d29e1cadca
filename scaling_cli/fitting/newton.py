"""A damped Newton method on many candidates at once, for objectives with several basins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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

LAST_STEP = 1e-6
"""A candidate that has converged takes its last Newton step if it is below this."""

FREE_DAMPING = 1e-3
"""The damping a descent begins with; above it a step says nothing about convergence."""

EASING, STIFFENING = 0.2, 5.0
"""The damping is multiplied by the one after a step that succeeds, by the other after one that fails ..."""
LEAST_DAMPING, MOST_DAMPING = 1e-12, 1e12
"""... down to the least; above the most a candidate is stuck."""

LEAST_SCALE = 1e-150
"""A coordinate of less than this scale moves nothing."""

LEAST_PIVOT = 1e-14
"""Scaled curvatures below this are none."""

SMALL_BATCH = 30
"""Up to so many candidates a call of the library's is quicker than an elimination written out."""

ROUNDING = 1e-10
"""Where the promise is below this share of the objective, its value is rounding: the gradient decides."""

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
        return _descend(theta, derivatives, np.maximum(scale, LEAST_SCALE), box, max_steps)


class _Batch(NamedTuple):
    """The candidates that still descend, in scaled coordinates: a unit of each moves the residuals by one.

    ``rows`` (S,) are their places among all candidates, ``unit`` (S, p) and ``units`` (S, p, p) the lengths
    of a scaled unit and their products, ``gradient`` (S, p) and ``hessian`` (S, p, p) the scaled ones.
    """

    rows: "NDArray[np.intp]"
    damping: "FloatArray"
    unit: "FloatArray"
    units: "FloatArray"
    theta: "FloatArray"
    value: "FloatArray"
    gradient: "FloatArray"
    hessian: "FloatArray"

    def select(self, keep: "NDArray[np.bool_]") -> "_Batch":
        """Return the candidates that ``keep`` names."""
        return self if keep.all() else _Batch._make(column[keep] for column in self)

    def at(self, theta: "FloatArray", derivatives: "Derivatives") -> "_Batch":
        """Return the same candidates elsewhere."""
        value, gradient, hessian = derivatives(theta, self.rows)
        return self._replace(
            theta=theta, value=value, gradient=gradient * self.unit, hessian=hessian * self.units
        )

    def taking(self, ahead: "_Batch", better: "NDArray[np.bool_]") -> "_Batch":
        """Return the candidates, of which those that are ``better`` have moved ahead."""
        import numpy as np

        if better.all():
            return ahead
        moved = (
            np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
            for new, old in zip(ahead[4:], self[4:], strict=True)
        )
        return _Batch(*self[:4], *moved)


def _descend(
    theta: "FloatArray", derivatives: "Derivatives", scale: "FloatArray", box: Box, max_steps: int
) -> Descent:
    """Take the steps of ``descend``."""
    import numpy as np

    count, unit = len(theta), 1 / scale
    theta = np.clip(theta, box.lower, box.upper)
    best, converged = np.empty(count), np.zeros(count, dtype=bool)
    start = (np.arange(count), np.full(count, FREE_DAMPING), unit, unit[:, :, None] * unit[:, None, :])
    batch = _Batch(*start, theta, best, theta, unit).at(theta, derivatives)
    theta, best = theta.copy(), batch.value.copy()
    steps = 0
    while len(batch.rows) and steps < max_steps:
        steps += 1
        step, promise = _newton_step(batch, box)
        size = abs(step).max(axis=1)
        done = (size < STEP_TOLERANCE) | (promise <= DECREMENT_TOLERANCE * batch.value)
        done &= batch.damping <= FREE_DAMPING  # a step is small under heavy damping too
        if done.any():
            converged[batch.rows[done]] = True
            # what is left of the way is too short to be seen in the objective, and is gone unseen
            last = done & (size < LAST_STEP)
            theta[batch.rows[last]] = _ahead(batch, step, box)[last]
            batch, step, promise = batch.select(~done), step[~done], promise[~done]
            if not len(batch.rows):
                break
        ahead = batch.at(_ahead(batch, step, box), derivatives)
        better = ahead.value < batch.value
        rounding = (promise < ROUNDING * batch.value) & (ahead.value < batch.value * (1 + ROUNDING))
        if rounding.any():
            better |= rounding & (_slope(ahead, box) < _slope(batch, box))
        stuck = promise < STUCK_TOLERANCE * batch.value
        batch = batch.taking(ahead, better)
        theta[batch.rows], best[batch.rows] = batch.theta, batch.value
        eased = np.maximum(batch.damping * EASING, LEAST_DAMPING)
        damping = np.where(better, eased, batch.damping * STIFFENING)
        lost = damping > MOST_DAMPING
        # what is stuck where only rounding is left to gain is at its minimum as well
        if steps == max_steps or lost.any():
            converged[batch.rows[stuck & (lost | (steps == max_steps))]] = True
        batch = batch._replace(damping=damping).select(~lost)
    return Descent(theta, best, converged, steps)


def _ahead(batch: _Batch, step: "FloatArray", box: Box) -> "FloatArray":
    """Return where the scaled steps lead within the box, (S, p)."""
    import numpy as np

    ahead: FloatArray = np.minimum(np.maximum(batch.theta + step * batch.unit, box.lower), box.upper)
    return ahead


def _newton_step(batch: _Batch, box: Box) -> tuple["FloatArray", "FloatArray"]:
    """Return the scaled step of every candidate (S, p), in the coordinates that no bound holds back.

    With it goes the decrease that its quadratic model promises, (S,).
    """
    import numpy as np

    gradient, hessian = batch.gradient, batch.hessian
    free = ~_held(batch, box)
    if not free.all():
        gradient = np.where(free, gradient, 0.0)
        both_free = free[:, :, None] & free[:, None, :]
        hessian = np.where(both_free, hessian, np.eye(gradient.shape[1]))
    step = _solve(hessian, gradient, batch.damping)
    promise: FloatArray = 0.5 * (gradient * step).sum(axis=1)
    return -step, promise


def _solve(matrix: "FloatArray", right: "FloatArray", damping: "FloatArray") -> "FloatArray":
    """Return x with (M + lambda 1) x = right where that is positive definite, else with |M| for M, (S, p).

    |M| has the absolute eigenvalues of M; a small batch is solved with it as a whole where one of it has to
    be. A large batch is eliminated at once (Gauss and Jordan, without exchanging rows): for p = 5 that is a
    tenth of the work of a call of the library's for each candidate.
    """
    import numpy as np

    p = right.shape[1]
    if len(right) <= SMALL_BATCH:
        shifted = matrix + damping[:, None, None] * np.eye(p)
        try:
            np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            return _solve_eigen(matrix, right, damping)
        return np.asarray(np.linalg.solve(shifted, right[:, :, None])[:, :, 0])
    diagonal = np.arange(p)
    rows = np.empty((p, p + 1, len(right)))
    rows[:, :p], rows[:, p] = matrix.T, right.T
    rows[diagonal, diagonal] += damping
    for j in range(p):
        row = rows[j, j + 1 :] / rows[j, j]
        rows[:, j + 1 :] -= rows[:, j, None] * row
        rows[j, j + 1 :] = row
    solution: FloatArray = np.ascontiguousarray(rows[:, p].T)
    bent = ~(rows[diagonal, diagonal] > LEAST_PIVOT).all(axis=0)
    if bent.any():
        solution[bent] = _solve_eigen(matrix[bent], right[bent], damping[bent])
    return solution


def _solve_eigen(matrix: "FloatArray", right: "FloatArray", damping: "FloatArray") -> "FloatArray":
    """Return x with (|M| + lambda 1) x = right, (S, p), from the eigenvalues of M."""
    import numpy as np

    values, vectors = np.linalg.eigh(matrix)
    along = (right[:, None, :] @ vectors)[:, 0, :]
    curvature = np.maximum(np.abs(values), LEAST_PIVOT) + damping[:, None]
    step: FloatArray = (vectors @ (along / curvature)[:, :, None])[:, :, 0]
    return step


def _held(batch: _Batch, box: Box) -> "NDArray[np.bool_]":
    """Say which coordinates move nothing, or lie on a bound that the descent would cross, (S, p)."""
    held = batch.unit >= 1 / LEAST_SCALE
    low, high = batch.theta <= box.lower, batch.theta >= box.upper
    if low.any() or high.any():
        held |= (low & (batch.gradient > 0)) | (high & (batch.gradient < 0))
    return held


def _slope(batch: _Batch, box: Box) -> "FloatArray":
    """Return the largest gradient of the coordinates that are free, shape (S,)."""
    import numpy as np

    slope: FloatArray = np.abs(np.where(_held(batch, box), 0.0, batch.gradient)).max(axis=1)
    return slope
