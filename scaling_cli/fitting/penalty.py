"""What a residual costs: the objectives by name, with their derivatives in the predicted log loss."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

from scaling_cli.errors import UsageError
from scaling_cli.fitting.fit import ObjectiveName
from scaling_cli.names import nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

OBJECTIVES: tuple[ObjectiveName, ...] = get_args(ObjectiveName)

DELTA = 1e-3
"""The Huber threshold of Hoffmann et al. 2022, Sec. 3.3: larger overfits the small runs, App. D.2."""

LEAST_DELTA, MOST_DELTA = 1e-5, 10.0
"""Below the first the objective is the absolute error to rounding, whose kinks a descent cannot cross."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """What the residual of a run costs, of which an objective is the SUM over runs.

    - ``log-huber``: Huber_delta(log L_predicted - log L), Hoffmann et al. 2022, Eq. 3
    - ``huber``: Huber_delta(L_predicted - L), delta in nats
    - ``log-mse`` and ``mse``: r^2/2 of the same residuals, what Huber_delta is below delta

    ``overestimate`` multiplies the cost of a run whose loss is overestimated, L_predicted > L. Above 1 the
    law follows the runs of least loss: those that came out too high, because they were badly tuned, pull
    on it less.
    """

    objective: ObjectiveName = "log-huber"
    delta: float = DELTA
    overestimate: float = 1.0

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            near = nearest(self.objective, OBJECTIVES)
            raise UsageError(
                f"unknown objective {self.objective!r}",
                hint=(f"did you mean {near}? " if near else "") + f"objectives: {', '.join(OBJECTIVES)}",
            )
        if not self.overestimate > 0 or self.overestimate > 1e6:
            raise UsageError(
                f"the penalty of an overestimate must lie between 0 and 1e6, got {self.overestimate:g}",
                hint="1 treats both signs alike, 10 makes an overestimate ten times as dear",
            )

    @property
    def is_square(self) -> bool:
        """Whether the cost is a square, which has no threshold."""
        return self.objective in ("log-mse", "mse")

    def check_delta(self) -> None:
        """Raise ``UsageError`` for a threshold that no objective can have."""
        if not LEAST_DELTA <= self.delta <= MOST_DELTA:
            raise UsageError(
                f"delta must lie between {LEAST_DELTA:g} and {MOST_DELTA:g}, got {self.delta:g}",
                hint="it is a difference of log losses: 1e-3 is the published choice",
            )

    def relaxed(self, factor: float) -> "Penalty":
        """Return the penalty at ``factor`` times delta, which is smoother and has fewer minima."""
        return replace(self, delta=factor * self.delta)

    def residuals(self, f: "FloatArray", z: "FloatArray") -> "FloatArray":
        """Return log L_predicted - log L, or L_predicted - L; ``f`` and ``z`` are logarithms of losses."""
        import numpy as np

        r: FloatArray = f - z if self.objective.startswith("log-") else np.exp(f) - np.exp(z)
        return r

    def costs(
        self, f: "FloatArray", z: "FloatArray", weights: "FloatArray | None" = None
    ) -> tuple["FloatArray", "FloatArray", "FloatArray"]:
        """Return the cost of each run and its first and second derivative in f = log L_predicted.

        ``f`` has shape (S, n), ``z`` = log L (n,), ``weights`` (n,) or (S, n). For the raw losses
        dr/df = L_predicted, so that the second derivative has Huber' L_predicted in it as well.
        """
        import numpy as np

        r = self.residuals(f, z)
        if self.is_square:
            cost, slope, curvature = 0.5 * r * r, r, np.ones_like(r)
        else:
            slope = np.minimum(r, self.delta)
            np.maximum(slope, -self.delta, out=slope)
            curvature = (slope == r).astype(np.float64)
            cost = r - 0.5 * slope
            cost *= slope
        if not self.objective.startswith("log-"):
            predicted = np.exp(f)
            slope = slope * predicted
            curvature = curvature * predicted * predicted + slope
        if self.overestimate != 1:
            side = np.where(r > 0, self.overestimate, 1.0)
            weights = side if weights is None else weights * side
        if weights is not None:
            cost, slope, curvature = cost * weights, slope * weights, curvature * weights
        return cost, slope, curvature
