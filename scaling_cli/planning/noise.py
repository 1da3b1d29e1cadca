"""The noise of a run: how far the losses of single runs lie from the law, as a fit's residuals show it."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def noise_of(residuals: "FloatArray", clusters: Sequence[str] | None, most: int) -> "FloatArray":
    """Return at most ``most`` values that are distributed as the residuals (n,) are, sorted.

    ``clusters`` (n,) says which runs belong together. One new run is one of a new cluster, so each
    cluster counts as much as another: of 50 checkpoints of one run and 5 of the next the former do not
    say ten times as much about it. Where the clusters are of one size, or few enough runs stand alone,
    the values are the residuals themselves.
    """
    import numpy as np

    sizes = Counter(clusters or ())
    weights = np.array([1 / sizes[label] for label in clusters]) if clusters else np.ones(len(residuals))
    is_even = bool(np.ptp(weights) == 0)
    if is_even and len(residuals) <= most:
        return np.sort(residuals)
    order = np.argsort(residuals, kind="stable")
    shares = weights[order] / weights.sum()
    middles = np.cumsum(shares) - shares / 2
    count = min(most, len(residuals))
    quantiles: FloatArray = np.interp((np.arange(count) + 0.5) / count, middles, residuals[order])
    return quantiles
