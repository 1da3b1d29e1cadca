"""Akima's local interpolation of loss in log N, and its minimum, for any number of losses at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.fitting.parabola import Vertices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

LEVEL = 1e-9
"""Slopes that change by less than this share of the largest one do not change: theirs is the mean."""


@dataclass(frozen=True, slots=True, eq=False)
class AkimaCurve:
    """The cubic pieces between ``knots`` (k,), the values of log N, with their losses and slopes there."""

    knots: "FloatArray"
    losses: "FloatArray"
    slopes: "FloatArray"

    def loss(self, N: "FloatArray") -> "FloatArray":
        """Return L in nats per token at N params, NaN outside the knots."""
        import numpy as np

        x = np.log(N)
        piece = np.clip(np.searchsorted(self.knots, x, side="right") - 1, 0, len(self.knots) - 2)
        width = np.diff(self.knots)
        q = _quadratic(self.losses[None, :], self.slopes[None, :], width)
        u = x - self.knots[piece]
        start, slope = self.losses[piece], self.slopes[piece]
        value = start + u * (slope + u * (q[0][0, piece] + u * q[1][0, piece]))
        # a knot's own logarithm may come back a rounding outside
        beyond = 1e-12 * np.abs(self.knots).max()
        inside = (x >= self.knots[0] - beyond) & (x <= self.knots[-1] + beyond)
        values: FloatArray = np.where(inside, value, np.nan)
        return values


def akima_slopes(knots: "FloatArray", losses: "FloatArray") -> "FloatArray":
    """Return the slopes at the knots, (R, k), for ``losses`` (R, k) at ``knots`` (k,), k >= 3.

    With the chords m_i, two more on either side by linear continuation, the slope between m_2 and m_3 is
    (w_2 m_2 + w_3 m_3)/(w_2 + w_3), w_2 = |m_4 - m_3| and w_3 = |m_2 - m_1| (Akima 1970, Eq. 1); it is their
    mean where neither side bends.
    """
    import numpy as np

    chords = np.diff(losses, axis=1) / np.diff(knots)
    left, right = 2 * chords[:, 0] - chords[:, 1], 2 * chords[:, -1] - chords[:, -2]
    further = 2 * left - chords[:, 0], 2 * right - chords[:, -1]
    m = np.column_stack([further[0], left, chords, right, further[1]])
    bends = np.abs(np.diff(m, axis=1))
    after, before = bends[:, 2:], bends[:, :-2]
    total = after + before
    is_level = total <= LEVEL * np.abs(m).max(axis=1, keepdims=True)
    weighted = (after * m[:, 1:-2] + before * m[:, 2:-1]) / np.where(is_level, 1.0, total)
    return np.where(is_level, 0.5 * (m[:, 1:-2] + m[:, 2:-1]), weighted)


def akima_vertices(knots: "FloatArray", losses: "FloatArray") -> Vertices:
    """Return the least loss of each curve between its knots, for ``losses`` (R, k) at ``knots`` (k,).

    It lies at a knot, or where the derivative of a cubic piece, a quadratic, is zero. A curve that is lowest
    at an end has its vertex there.
    """
    import numpy as np

    slopes, width = akima_slopes(knots, losses), np.diff(knots)
    second, third = _quadratic(losses, slopes, width)
    first, base = slopes[:, :-1], losses[:, :-1]
    # s + 2 q u + 3 r u^2 = 0, in the form that stays exact where r vanishes
    root = np.sqrt(np.maximum(second**2 - 3 * third * first, 0.0))
    steepest = second + np.copysign(root, second)
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = [-first / steepest, -steepest / (3 * third)]
    places, values = [np.broadcast_to(knots, losses.shape)], [losses]
    for u in roots:
        inside = np.isfinite(u) & (u > 0) & (u < width)
        u = np.where(inside, u, 0.0)  # the left knot again
        places.append(knots[:-1] + u)
        values.append(base + u * (first + u * (second + u * third)))
    every, where = np.concatenate(values, axis=1), np.concatenate(places, axis=1)
    least = every.argmin(axis=1)[:, None]
    log_N, loss = (np.take_along_axis(array, least, axis=1)[:, 0] for array in (where, every))
    return Vertices(log_N, loss, np.ones(len(losses), dtype=bool))


def _quadratic(
    losses: "FloatArray", slopes: "FloatArray", width: "FloatArray"
) -> tuple["FloatArray", "FloatArray"]:
    """Return q and r of the pieces L + s u + q u^2 + r u^3 that match losses and slopes, (R, k - 1)."""
    import numpy as np

    chord = np.diff(losses, axis=1) / width
    here, there = slopes[:, :-1], slopes[:, 1:]
    return (3 * chord - 2 * here - there) / width, (here + there - 2 * chord) / width**2
