"""Bands: how sure a law is along a whole line, from its draws, point by point."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.laws.law import Allocates, HasFrontier, PredictsLoss

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """The (1 - level)/2 and (1 + level)/2 quantiles of what the draws say, each of shape (n,)."""

    low: "FloatArray"
    high: "FloatArray"


def optimum_bands(draws: Sequence[Allocates], C: "FloatArray", level: float) -> tuple[Ends, Ends]:
    """Return the bands of N_opt(C) and D_opt(C); ``C`` in FLOPs, shape (n,)."""
    import numpy as np

    sizes = np.array([draw.optimum(C) for draw in draws])
    return _ends(sizes[:, 0], level), _ends(sizes[:, 1], level)


def frontier_band(draws: Sequence[HasFrontier], C: "FloatArray", level: float) -> Ends:
    """Return the band of L*(C) in nats per token; ``C`` in FLOPs, shape (n,)."""
    import numpy as np

    return _ends(np.array([draw.frontier_loss(C) for draw in draws]), level)


def loss_band(draws: Sequence[PredictsLoss], N: "FloatArray", D: "FloatArray", level: float) -> Ends:
    """Return the band of L(N, D) in nats per token; ``N`` and ``D`` of shape (n,)."""
    import numpy as np

    return _ends(np.array([draw.loss(N, D) for draw in draws]), level)


def _ends(values: "FloatArray", level: float) -> Ends:
    """Return the quantiles of values of shape (draws, n) over the draws."""
    import numpy as np

    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Ends(low, high)
