"""Parabolas of loss in log N by least squares, for any number of losses at the same sizes at once."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

CONSTANTS = 3
"""A parabola has three: residuals of n losses have n - 3 degrees of freedom."""

FAR = math.log(1e6)
"""A minimum this far from the middle of the sizes is none, and one that is none is said to lie there."""


@dataclass(frozen=True, slots=True, eq=False)
class Vertices:
    """Where curves have their minimum: ``log_N`` and ``loss`` (nats per token), each of shape (R,).

    ``is_minimum`` is false for a curve that has none: its ``log_N`` lies far on the side to which it falls,
    and its ``loss`` means nothing.
    """

    log_N: "FloatArray"
    loss: "FloatArray"
    is_minimum: "NDArray[np.bool_]"


@dataclass(frozen=True, slots=True)
class Parabola:
    """L = a + b x + c x^2 with x = (log N - ``centre``)/``scale``."""

    centre: float
    scale: float
    a: float
    b: float
    c: float

    def loss(self, N: "FloatArray") -> "FloatArray":
        """Return L in nats per token at N params."""
        import numpy as np

        x = (np.log(N) - self.centre) / self.scale
        values: FloatArray = self.a + self.b * x + self.c * x * x
        return values


class ParabolaDesign:
    """Least squares at fixed sizes: what does not depend on the losses is worked out once.

    L = a + b x + c x^2 with x = (log N - centre)/scale between -1 and 1, so that the three columns are of one
    size and nearly at right angles. ``log_N`` has shape (n,), with three different values at least.
    """

    def __init__(self, log_N: "FloatArray") -> None:
        import numpy as np

        self.centre = float(log_N.max() + log_N.min()) / 2
        self.scale = float(np.ptp(log_N)) / 2
        x = (log_N - self.centre) / self.scale
        self._columns = np.stack([np.ones_like(x), x, x * x], axis=1)
        Q, R = np.linalg.qr(self._columns)
        inverse = np.linalg.inv(R)
        self._projection = inverse @ Q.T
        self._covariance = inverse @ inverse.T

    def fit(self, losses: "FloatArray") -> "FloatArray":
        """Return the constants (a, b, c) of each parabola, (R, 3), for ``losses`` (R, n)."""
        constants: FloatArray = losses @ self._projection.T
        return constants

    def predict(self, constants: "FloatArray") -> "FloatArray":
        """Return the losses of the parabolas at the sizes, (R, n)."""
        predicted: FloatArray = constants @ self._columns.T
        return predicted

    def curve(self, constants: "FloatArray") -> Parabola:
        """Return one parabola, of constants (3,)."""
        a, b, c = constants.tolist()
        return Parabola(self.centre, self.scale, a, b, c)

    def vertices(self, constants: "FloatArray") -> Vertices:
        """Return x = -b/(2c), L = a - b^2/(4c) of each parabola; one with c <= 0 has no minimum."""
        import numpy as np

        a, b, c = constants.T
        end = FAR / self.scale
        is_minimum = (c > 0) & (np.abs(b) < 2 * c * end)
        c = np.where(is_minimum, c, 1.0)
        x = np.where(is_minimum, -b / (2 * c), -np.copysign(end, b))
        return Vertices(self.centre + self.scale * x, a - b * b / (4 * c), is_minimum)

    def curvature_per_size(self, constants: "FloatArray") -> tuple["FloatArray", float]:
        """Return c per unit of (log N)^2, (R,), and the variance of it for noise of variance one."""
        return constants[:, 2] / self.scale**2, float(self._covariance[2, 2]) / self.scale**4

    def spreads(self, log_N: "FloatArray", curvature: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
        """Return the variances of log N and of L at a vertex, for noise of variance one, (R,) each.

        ``log_N`` is where the vertex lies and ``curvature`` c per unit of (log N)^2, both (R,). With G the
        covariance of (a, b, c) they are h' G h with h = (0, -1/(2c), -x/c), the derivatives of -b/(2c), and
        with h = (1, x, x^2), those of the loss there.
        """
        import numpy as np

        x, c = (log_N - self.centre) / self.scale, curvature * self.scale**2
        of_vertex = np.stack([np.zeros_like(x), -self.scale / (2 * c), -self.scale * x / c], axis=1)
        of_loss = np.stack([np.ones_like(x), x, x * x], axis=1)
        first, second = (((h @ self._covariance) * h).sum(axis=1) for h in (of_vertex, of_loss))
        return first, second
