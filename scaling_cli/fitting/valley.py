"""The loss of one budget as a curve in log N, its vertex, and whether that vertex is a minimum to trust."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

ValleyStatus = Literal["ok", "edge", "concave", "too-few", "flat"]
CurveName = Literal["parabola", "akima"]


class Curve(Protocol):
    """A curve of loss over params at one budget."""

    def loss(self, N: "FloatArray") -> "FloatArray":
        """Return the curve's loss in nats per token at N params."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a valley: N = ``params`` on D = ``tokens``, with its loss where that is known."""

    params: float
    tokens: float
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Valley:
    """The runs of one budget, the curve through their losses, and what its vertex is worth.

    ``budget`` is what the runs were meant to cost (FLOPs) and ``flops`` what they cost, the median of
    their 6 N D; ``runs`` are in ascending order of size. ``curve`` is ``None`` with under three sizes.
    ``vertex`` is the curve's minimum, D = ``flops``/(6 N); ``None`` where the curve has none. It may lie
    outside the sampled sizes: only under status ``ok`` is it an optimum. ``intervals`` hold [low, high]
    of its params, tokens and loss. ``lowest`` is the index of the measured run of least loss and
    ``run_next`` the size that would make the valley ok, ``None`` where it is.
    """

    budget: float
    flops: float
    runs: Runs
    status: ValleyStatus
    curve: Curve | None
    vertex: Point | None
    lowest: int
    run_next: Point | None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
