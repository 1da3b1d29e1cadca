"""Local regression: one learning curve as a smooth line along log tokens, and the noise around it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

WINDOW = 0.1
"""The half width of a window in log tokens: 10 % of the tokens, less than the final decay of a schedule takes
(15 %), so that the line follows it."""

NEIGHBOURS = 15
"""Points that a window holds at least: five for each constant of its parabola."""

LEAST_POINTS = 20
"""Of fewer points no noise can be told from the curve: they are joined by straight lines."""

MOST_POINTS = 250
"""A curve of more points is gathered into so many bins first, evenly along the square root of the tokens.
Over a factor of a hundred the first takes 7 % of its tokens, the last 0.7 %: finer where a decay ends."""

LINE_POINTS = 400

NOISE_POINTS = 31
"""Neighbouring points whose residuals say how large the noise is there: enough for a median."""

OUTLIER = 6.0
"""Points this many deviations off the line count nothing, in Tukey's bisquare (Cleveland 1979, Sec. 2)."""

PASSES = 3
"""Fits: the first, and two that know the outliers (Cleveland 1979 recommends two)."""

LEAST_NOISE = 1e-4
"""Nats per token: losses are logged to three or four digits, and no lead below that decides anything."""

MOST_LEVERAGE = 0.9
"""A point that decides its own line nearly alone, as the last one does, says little of the noise."""

MAD_TO_DEVIATION = 1.4826
"""Of a normal distribution the deviation is 1.4826 times the median absolute residual."""


@dataclass(frozen=True, slots=True, eq=False)
class SmoothCurve:
    """A curve of loss over log tokens at k places, rising, shape (k,) each.

    ``noise`` is the robust standard deviation of the curve's points (of its bins where it was gathered into
    some) around the line, near each place; ``points`` counts them. ``is_joined`` says that there were too
    few to smooth.
    """

    log_tokens: "FloatArray"
    loss: "FloatArray"
    noise: "FloatArray"
    points: int
    is_joined: bool

    def at(self, log_tokens: "FloatArray") -> "tuple[FloatArray, FloatArray]":
        """Return loss and noise at log tokens of any shape; beyond either end those of the end."""
        import numpy as np

        loss = np.interp(log_tokens, self.log_tokens, self.loss)
        return loss, np.interp(log_tokens, self.log_tokens, self.noise)


def smooth_curve(tokens: "FloatArray", loss: "FloatArray") -> SmoothCurve:
    """Return the local parabolas sum_p c_p (log D - x)^p through the points around each x, at x.

    Weighted least squares with tricube weights over a window of ``WINDOW`` to either side, or as wide as
    holds ``NEIGHBOURS`` points, and bisquare weights against outliers. ``tokens`` rise, shape (p,), ``loss``
    in nats per token. Cleveland 1979, "Robust Locally Weighted Regression", J. Am. Stat. Assoc. 74.
    """
    import numpy as np

    log_tokens = np.log(tokens)
    x, y = _gather(log_tokens, loss)
    if len(x) < LEAST_POINTS:
        return SmoothCurve(x, y, np.full(len(x), LEAST_NOISE), points=len(x), is_joined=True)
    weights = np.ones(len(x))
    for fit in range(PASSES):
        fitted, leverage = _fit(x, y, weights, x)
        residuals = y - fitted
        # a point pulls the line towards itself, all the more where it stands at an end
        scale = _scatter(residuals / np.sqrt(1 - np.minimum(leverage, MOST_LEVERAGE)))
        if fit + 1 < PASSES:
            weights = np.clip(1 - (residuals / (OUTLIER * scale)) ** 2, 1e-6, None) ** 2
    places = np.linspace(log_tokens[0], log_tokens[-1], LINE_POINTS)
    line, _ = _fit(x, y, weights, places)
    return SmoothCurve(places, line, np.interp(places, x, scale), points=len(x), is_joined=False)


def _gather(x: "FloatArray", y: "FloatArray") -> "tuple[FloatArray, FloatArray]":
    """Return the mean x and the median y of each of ``MOST_POINTS`` bins; few points stay as they are."""
    import numpy as np

    if len(x) <= MOST_POINTS:
        return x, y
    edges = 2 * np.log(np.linspace(np.exp(x[0] / 2), np.exp(x[-1] / 2), MOST_POINTS + 1)[1:-1])
    ends = np.unique(np.concatenate([[0], np.searchsorted(x, edges), [len(x)]]))
    pieces = list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
    return (
        np.array([x[start:end].mean() for start, end in pieces]),
        np.array([np.median(y[start:end]) for start, end in pieces]),
    )


def _fit(
    x: "FloatArray", y: "FloatArray", weights: "FloatArray", places: "FloatArray"
) -> "tuple[FloatArray, FloatArray]":
    """Return the value of the local parabola at each place, and the weight of the nearest point in it."""
    import numpy as np

    distance = x - places[:, None]
    far = np.abs(distance)
    # a little wider than the farthest neighbour, which would have no weight else
    reach = np.maximum(WINDOW, 1.01 * np.partition(far, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1])
    u = distance / reach[:, None]
    w = np.clip(1 - np.abs(u) ** 3, 0, None) ** 3 * weights
    powers = np.stack([w, w * u, w * u**2])
    moments = np.stack([*powers.sum(axis=2), (powers[2] * u).sum(axis=1), (powers[2] * u**2).sum(axis=1)])
    matrix = moments[np.add.outer(np.arange(3), np.arange(3))].transpose(2, 0, 1)
    # the first row of the inverse is how the sums make the value at u = 0
    row = np.linalg.solve(matrix, np.broadcast_to(np.eye(3)[:, :1], (len(places), 3, 1)))[..., 0]
    values = (row * (powers @ y).T).sum(axis=1)
    nearest = far.argmin(axis=1)
    own = np.take_along_axis(powers, nearest[None, :, None], axis=2)[..., 0]
    return values, (row * own.T).sum(axis=1)


def _scatter(residuals: "FloatArray") -> "FloatArray":
    """Return the robust deviation of the residuals around each point, not below ``LEAST_NOISE``."""
    import numpy as np

    size = np.abs(residuals)
    width = min(NOISE_POINTS, len(size) - 1 + len(size) % 2)
    half = width // 2
    windows = np.lib.stride_tricks.sliding_window_view(size, width)
    medians = np.median(windows, axis=1)
    # at the ends the window stays whole and off its middle
    inner = np.clip(np.arange(len(size)) - half, 0, len(medians) - 1)
    scatter: FloatArray = np.maximum(MAD_TO_DEVIATION * medians[inner], LEAST_NOISE)
    return scatter
