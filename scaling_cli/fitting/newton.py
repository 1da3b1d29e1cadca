"""A damped Newton method on many candidates at once, for objectives with several basins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Evaluation = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    """Value (S,), gradient (S, p), Hessian (S, p, p) and the scale of each coordinate (S, p)."""
    Derivatives = Callable[[FloatArray], Evaluation]

STEP_TOLERANCE = 1e-10
"""A candidate has converged when its full Newton step, in units of a column's norm, is below this ..."""
DECREMENT_TOLERANCE = 1e-15
"""... or when the quadratic model promises less than this share of the objective."""


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


def descend(theta: "FloatArray", derivatives: "Derivatives", box: Box, *, max_steps: int) -> Descent:
    """Minimise from every row of ``theta``, shape (S, p), within ``box``.

    ``derivatives`` returns value (S,), gradient (S, p), Hessian (S, p, p) and scales (S, p). Each step
    solves (|H| + lambda) step = -g in scaled coordinates, |H| having the absolute eigenvalues of H, so
    that it descends where H is indefinite too; lambda grows where the step fails. Coordinates that a
    bound holds back sit the step out, and candidates that have converged leave the batch.
    """
    import numpy as np

    theta = np.clip(theta, box.lower, box.upper)
    current = derivatives(theta)
    best, converged = current[0].copy(), np.zeros(len(theta), dtype=bool)
    active, damping = np.arange(len(theta)), np.full(len(theta), 1e-3)
    steps = 0
    while active.size and steps < max_steps:
        steps += 1
        move = _newton_step(current, theta[active], box, damping[active])
        done = (move.size < STEP_TOLERANCE) | (move.promise <= DECREMENT_TOLERANCE * current[0])
        trial = np.clip(theta[active] + move.step, box.lower, box.upper)
        ahead = derivatives(trial)
        better = ahead[0] < current[0]
        rounding = (move.promise < ROUNDING * current[0]) & (ahead[0] < current[0] * (1 + ROUNDING))
        better |= rounding & (_slope(ahead, trial, box) < _slope(current, theta[active], box))
        theta[active[better]] = trial[better]
        best[active[better]] = ahead[0][better]
        damping[active] = np.where(better, np.maximum(damping[active] * 0.2, 1e-12), damping[active] * 5)
        stuck = (damping[active] > 1e12) | (steps == max_steps)
        # what is stuck where only rounding is left to gain is at its minimum as well
        converged[active[done | (stuck & (move.promise < STUCK_TOLERANCE * current[0]))]] = True
        keep = ~(done | stuck)
        current = tuple(  # type: ignore[assignment]  # four arrays in, four arrays out
            np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)[keep]
            for new, old in zip(ahead, current, strict=True)
        )
        active = active[keep]
    return Descent(theta, best, converged, steps)


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """A damped step (S, p), the size of the undamped one (S,), the decrease its model promises (S,)."""

    step: "FloatArray"
    size: "FloatArray"
    promise: "FloatArray"


def _newton_step(current: "Evaluation", theta: "FloatArray", box: Box, damping: "FloatArray") -> _Move:
    """Return the step of every candidate, in the coordinates that no bound holds back."""
    import numpy as np

    _, gradient, hessian, scale = current
    free = ~_held(gradient, theta, box) & (scale > 0)  # a coordinate that moves nothing stays
    scale = np.maximum(scale, 1e-150)
    scaled_gradient = np.where(free, gradient / scale, 0.0)
    scaled_hessian = hessian / (scale[:, :, None] * scale[:, None, :])
    both_free = free[:, :, None] & free[:, None, :]
    scaled_hessian = np.where(both_free, scaled_hessian, np.eye(theta.shape[1]))
    values, vectors = np.linalg.eigh(scaled_hessian)
    along = np.einsum("sij,si->sj", vectors, scaled_gradient)
    curvature = np.maximum(np.abs(values), 1e-14)
    full = along / curvature
    damped = np.einsum("sij,sj->si", vectors, along / (curvature + damping[:, None]))
    return _Move(-damped / scale, np.abs(full).max(axis=1), 0.5 * (along * full).sum(axis=1))


def _held(gradient: "FloatArray", theta: "FloatArray", box: Box) -> "NDArray[np.bool_]":
    """Say which coordinates lie on a bound that the descent would cross, shape (S, p)."""
    return ((theta <= box.lower) & (gradient > 0)) | ((theta >= box.upper) & (gradient < 0))


def _slope(evaluation: "Evaluation", theta: "FloatArray", box: Box) -> "FloatArray":
    """Return the largest scaled gradient of the coordinates that are free, shape (S,)."""
    import numpy as np

    _, gradient, _, scale = evaluation
    free = np.where(_held(gradient, theta, box), 0.0, gradient)
    slope: FloatArray = np.abs(free / np.maximum(scale, 1e-150)).max(axis=1)
    return slope
