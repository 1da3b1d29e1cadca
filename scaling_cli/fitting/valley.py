"""The loss of one budget as a curve in log N, its vertex, and whether that vertex is a minimum to trust."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from scaling_cli.fitting.akima import AkimaCurve, akima_slopes, akima_vertices
from scaling_cli.fitting.design import SAME
from scaling_cli.fitting.parabola import CONSTANTS, ParabolaDesign, Vertices
from scaling_cli.fitting.parametric import order_runs
from scaling_cli.runs import Runs
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

ValleyStatus = Literal["ok", "edge", "concave", "too-few", "flat"]
CurveName = Literal["parabola", "akima"]

LEAST_SIZES = 4
"""A parabola has three constants: with a fourth size there is a residual to speak of."""

EDGE = 0.1 * math.log(10)
"""A vertex within a tenth of a decade of the end of the sampled sizes has next to nothing beyond it."""

STEP, REACH = math.log(2), math.log(4)
"""The next size lies a factor of two beyond the vertex or the end, and at most four beyond the end: a vertex
found outside the sampled sizes says in which direction to look, hardly how far."""


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
class WildRuns:
    """The runs of a valley that miss the curve of its others, the furthest first, and it without them.

    ``names`` say which, ``misses`` by how much, as shares of the loss. ``status`` and ``vertex`` are the
    valley's without them, the latter ``None`` where it has no minimum.
    """

    names: tuple[str, ...]
    misses: tuple[float, ...]
    status: ValleyStatus
    vertex: Point | None


@dataclass(frozen=True, slots=True)
class Valley:
    """The runs of one budget, the curve through their losses, and what its vertex is worth.

    ``budget`` is what the runs were meant to cost (FLOPs) and ``flops`` what they cost, the median of
    their 6 N D; ``runs`` are in ascending order of size. ``curve`` is ``None`` with under four sizes.
    ``vertex`` is the curve's minimum, D = ``flops``/(6 N); ``None`` where the curve has none. It may lie
    outside the sampled sizes: only under status ``ok`` is it an optimum. ``intervals`` hold [low, high]
    of its params, tokens and loss. ``lowest`` is the index of the measured run of least loss.

    ``run_next`` is the size that tells most of a valley that is not ok: beyond the end where its minimum
    lies (edge), the size that the frontier through the ok budgets has there (concave, flat, too-few), and
    without a frontier one step to the side where the loss falls. ``None`` where the valley is ok, and where
    nothing says which side that is. ``wild`` are the runs that miss the curve of the others, where some do.
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
    wild: WildRuns | None = None


class Profile:
    """The runs of one budget, ready for any number of losses at their sizes.

    ``runs`` are in ascending order of size, ``log_N`` (n,) theirs, ``flops`` the median of their 6 N D;
    ``knots`` (k,) are the sizes that differ by more than 10 %, the mean of log N where several runs share
    one. ``design`` is ``None`` with under four of them.
    """

    def __init__(self, budget: float, runs: Runs, curve: CurveName = "parabola") -> None:
        import numpy as np

        self.budget, self.curve_name = budget, curve
        self.runs = runs.select(order_runs(runs))
        self.flops = float(np.median(self.runs.flops_6ND))
        self.log_N = np.log(self.runs.params)
        self._sharing = _share_sizes(self.log_N)
        self.knots = self._sharing @ self.log_N
        has_curve = len(self.knots) >= LEAST_SIZES
        self.design = ParabolaDesign(self.log_N) if has_curve else None
        self.spare = len(self.runs) - CONSTANTS
        """Degrees of freedom of the residuals, where there is a curve."""

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest log N."""
        return float(self.log_N[0]), float(self.log_N[-1])

    def at_knots(self, losses: "FloatArray") -> "FloatArray":
        """Return the mean loss at each knot, (R, k), for ``losses`` (R, n)."""
        shared: FloatArray = losses @ self._sharing.T
        return shared

    def vertices(self, losses: "FloatArray", constants: "FloatArray") -> Vertices:
        """Return the minima of the curves through ``losses`` (R, n), whose parabolas have ``constants``."""
        assert self.design is not None
        if self.curve_name == "akima":
            return akima_vertices(self.knots, self.at_knots(losses))
        return self.design.vertices(constants)

    def curve(self, constants: "FloatArray") -> Curve:
        """Return the curve through the runs' own losses, whose parabola has ``constants`` (3,)."""
        assert self.design is not None
        if self.curve_name == "parabola":
            return self.design.curve(constants)
        losses = self.at_knots(self.runs.loss[None, :])
        return AkimaCurve(self.knots, losses[0], akima_slopes(self.knots, losses)[0])

    def point(self, log_N: float, loss: float | None = None) -> Point:
        """Return the place of this size in the valley: D = C/(6 N)."""
        N = math.exp(log_N)
        return Point(N, self.flops / (FLOPS_PER_PARAM_TOKEN * N), loss)

    def next_size(
        self, status: ValleyStatus, log_N: float, of_frontier: float | None, falls: int
    ) -> float | None:
        """Return the log N to run next, None where the valley is ok or nothing says on which side.

        ``log_N`` is the vertex, ``of_frontier`` the size that the other budgets' frontier has here, where
        there is one, and ``falls`` the side (-1, 1) to which the loss falls beyond chance, 0 for neither.
        """
        low, high = self.ends
        if status == "ok":
            return None
        if status == "edge":
            side = -1 if log_N < (low + high) / 2 else 1
            end = low if side < 0 else high
            return end + side * min(max(side * (log_N - end) + STEP, STEP), REACH)
        if of_frontier is not None and (status != "too-few" or self._is_new(of_frontier)):
            return of_frontier
        if status == "too-few":
            return self._next_of_few()
        return low - STEP if falls < 0 else high + STEP if falls > 0 else None

    def _is_new(self, log_N: float) -> bool:
        """Say whether no run has this size."""
        return all(abs(log_N - knot) > SAME for knot in self.knots.tolist())

    def _next_of_few(self) -> float:
        """Return the size that brackets the least loss: beyond an end, or halfway in the wider gap."""
        import numpy as np

        losses = self.at_knots(self.runs.loss[None, :])[0]
        knots, least = self.knots, int(np.argmin(losses))
        if least == 0 and len(knots) > 1:
            return float(knots[0]) - STEP
        if least == len(knots) - 1:
            return float(knots[-1]) + STEP
        before, after = knots[least] - knots[least - 1], knots[least + 1] - knots[least]
        return float(knots[least] + (after / 2 if after >= before else -before / 2))

    def falls(self, doubt: float) -> int:
        """Return the side (-1, 1) to which a straight line through the losses falls, 0 for neither.

        ``doubt`` is half the width of the interval of one loss: that of the slope is as many times
        narrower as sqrt(sum (x - mean x)^2) is large.
        """
        import numpy as np

        x = self.log_N - self.log_N.mean()
        square = float((x * x).sum())
        slope = float((x * self.runs.loss).sum()) / square
        if abs(slope) <= doubt / math.sqrt(square):
            return 0
        return -int(np.sign(slope))


def judge(
    profile: Profile, log_N: float, curvature: float, doubt: float, doubt_of_all: float
) -> ValleyStatus:
    """Return the status of a valley whose curve has its vertex at ``log_N``.

    ``curvature`` is that of the parabola, ``doubt`` half the width of its interval, and ``doubt_of_all`` that
    of the interval that all budgets of the study lie in at the same time: of many budgets that are nothing
    but noise one seldom looks like a hill by it.
    """
    if curvature + doubt_of_all < 0:
        return "concave"
    if curvature - doubt <= 0:
        return "flat"
    low, high = profile.ends
    return "ok" if low + EDGE < log_N < high - EDGE else "edge"


def _share_sizes(log_N: "FloatArray") -> "FloatArray":
    """Return the matrix (k, n) that takes the mean over runs of the same size, within 10 % of its least."""
    import numpy as np

    group, first, groups = np.empty(len(log_N), dtype=np.intp), -math.inf, 0
    for i, value in enumerate(log_N.tolist()):
        if value - first > SAME:
            first, groups = value, groups + 1
        group[i] = groups - 1
    members = (group == np.arange(groups)[:, None]).astype(np.float64)
    shared: FloatArray = members / members.sum(axis=1, keepdims=True)
    return shared
