"""Races: who leads at every position of an axis, where the lead changes, and which leads are no leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from scaling_cli.curves import Curves
from scaling_cli.fitting.local_regression import SmoothCurve, smooth_curve
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    from scaling_cli.curves import BoolArray, IntArray
    from scaling_cli.runs import FloatArray

AxisName = Literal["gpu_hours", "flops", "tokens"]
AXES: tuple[AxisName, ...] = ("tokens", "flops", "gpu_hours")
"""What may be equal: D, 6 N D, or the hours that were paid for."""

Range = tuple[float, float]

Change = Literal["start", "passed", "level", "clear", "ended", "joined"]
"""How a stretch begins: with the axis; its leader passes the one before; nobody leads any more; a lead
becomes clear; a run that was in front has ended; or the leader joins, ahead at once."""

POSITIONS = 1000
"""Places on an axis, evenly along its logarithm, at which the runs are compared."""

CLEAR = 3.0
"""A lead is clear above three standard deviations of the noise of both curves: they are compared at hundreds
of places, and curves that were smoothed before they were saved show less noise than they have."""

LEAST_STRETCH = 0.1
"""What is narrower than 10 % of the position is no stretch of its own: smoothing takes in as much."""

KEPT = 0.5
"""A lead is kept where it is clear on half of its stretch, along the logarithm of the axis."""

WARM_UP = 0.01
"""Before a hundredth of its tokens a run is not compared: its learning rate is still warmed up."""

TOUCHING = 1e-9
"""Curves that share no more than this share of a position only touch."""

LEVEL = -1
"""The leader where there is none: two runs at least cannot be told apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Runner:
    """One run as it is raced: its smooth curve, and where on each axis its points lie.

    ``positions`` holds position and log tokens of its points by axis; hours that do not rise are none.
    """

    index: int
    params: float
    curve: SmoothCurve
    positions: "dict[AxisName, tuple[FloatArray, FloatArray]]"

    def span(self, axis: AxisName) -> Range | None:
        """Return the positions at which the run begins and ends, None where it is not on the axis."""
        if axis not in self.positions:
            return None
        places, _ = self.positions[axis]
        return float(places[0]), float(places[-1])

    def at(self, axis: AxisName, places: "FloatArray") -> "tuple[FloatArray, FloatArray]":
        """Return loss and noise at positions; beyond either end those of the end."""
        import numpy as np

        known, log_tokens = self.positions[axis]
        return self.curve.at(np.interp(np.log(places), np.log(known), log_tokens))

    def tokens_at(self, axis: AxisName, places: "FloatArray") -> "FloatArray":
        """Return the tokens that the run has seen at positions; beyond either end those of the end."""
        import numpy as np

        known, log_tokens = self.positions[axis]
        tokens: FloatArray = np.exp(np.interp(np.log(places), np.log(known), log_tokens))
        return tokens

    def position_of(self, axis: AxisName, tokens: float) -> float:
        """Return the position at which the run has seen ``tokens``; infinity where it never has."""
        import numpy as np

        known, log_tokens = self.positions[axis]
        # an end that is reached but for the last digits is reached
        if np.log(tokens) > log_tokens[-1] + 1e-12:
            return float("inf")
        return float(np.exp(np.interp(np.log(tokens), log_tokens, np.log(known))))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of an axis with one leader: an index of the runners, or ``LEVEL``; ends in the axis's own unit.

    ``change`` says how it begins, ``other`` which run was passed or has ended then (``LEVEL``: none).
    ``front`` holds the leader and who is next on most of it; where nobody leads, all that are best somewhere
    on it, in turn. ``lead`` is how far apart the two best losses are at most, in nats per token.
    """

    start: float
    end: float
    leader: int
    change: Change
    other: int
    front: tuple[int, ...]
    lead: float


@dataclass(frozen=True, slots=True, eq=False)
class Race:
    """Runners a and b over their overlap on an axis, ``overlap`` in its own unit.

    ``stretches`` cover it in order, their leaders 0 (a), 1 (b) or ``LEVEL``. ``end_gap`` is the loss of a
    minus that of b at its end, in nats per token, ``end_noise`` the deviation of such a difference.
    """

    axis: AxisName
    overlap: Range
    stretches: tuple[Stretch, ...]
    end_gap: float
    end_noise: float

    @property
    def crossings(self) -> tuple[Stretch, ...]:
        """The stretches that begin with a change of the lead."""
        return self.stretches[1:]

    def leader_at(self, position: float) -> int:
        """Return who leads at a position: 0, 1 or ``LEVEL``."""
        return next((s.leader for s in reversed(self.stretches) if s.start <= position), LEVEL)

    def share(self, leader: int) -> float:
        """Return the share of the overlap, in its own unit, over which a run leads, or nobody does."""
        low, high = self.overlap
        return sum(s.end - s.start for s in self.stretches if s.leader == leader) / (high - low)


def make_runner(curves: Curves, index: int) -> Runner:
    """Return a run as it is raced, its curve smoothed."""
    import numpy as np

    place = curves.points(index)
    tokens, loss = curves.tokens[place], curves.loss[place]
    # one of very few points keeps two
    kept = slice(min(int(np.searchsorted(tokens, WARM_UP * tokens[-1])), max(len(tokens) - 2, 0)), None)
    N, log_tokens = float(curves.params[index]), np.log(tokens[kept])
    positions: dict[AxisName, tuple[FloatArray, FloatArray]] = {
        "tokens": (tokens[kept], log_tokens),
        "flops": (FLOPS_PER_PARAM_TOKEN * N * tokens[kept], log_tokens),
    }
    if curves.gpu_hours is not None:
        hours = curves.gpu_hours[place][kept]
        begun = int(np.searchsorted(hours > 0, True))
        if len(hours) - begun > 1 and (np.diff(hours[begun:]) > 0).all():
            positions["gpu_hours"] = hours[begun:], log_tokens[begun:]
    return Runner(index, N, smooth_curve(tokens[kept], loss[kept]), positions)


def race(a: Runner, b: Runner, axis: AxisName) -> Race | None:
    """Return the race of two runs on an axis; None where they share no part of it."""
    import numpy as np

    spans = a.span(axis), b.span(axis)
    if spans[0] is None or spans[1] is None:
        return None
    low, high = max(spans[0][0], spans[1][0]), min(spans[0][1], spans[1][1])
    if high <= low * (1 + TOUCHING):
        return None
    places = np.geomspace(low, high, POSITIONS)
    loss, noise = _table((a, b), axis, places)
    return Race(
        axis=axis,
        overlap=(low, high),
        stretches=find_stretches(places, loss, noise),
        end_gap=float(loss[0, -1] - loss[1, -1]),
        end_noise=float(np.hypot(noise[0, -1], noise[1, -1])),
    )


def find_leaders(runners: Sequence[Runner], axis: AxisName) -> tuple[Stretch, ...]:
    """Return who leads where two runs at least are on the axis; leaders are indices of ``runners``."""
    import numpy as np

    spans = [span for runner in runners if (span := runner.span(axis))]
    if len(spans) < 2:
        return ()
    low, high = sorted(start for start, _ in spans)[1], sorted(end for _, end in spans)[-2]
    if high <= low * (1 + TOUCHING):
        return ()
    places = np.geomspace(low, high, POSITIONS)
    loss, noise = _table(runners, axis, places)
    # where runs come one after the other there may be gaps with one, or none
    raced = np.isfinite(loss).sum(axis=0) > 1
    if not raced.any():
        return ()
    return find_stretches(places[raced], loss[:, raced], noise[:, raced])


def _table(
    runners: Sequence[Runner], axis: AxisName, places: "FloatArray"
) -> "tuple[FloatArray, FloatArray]":
    """Return loss and noise of every runner at every place, (r, g); infinite loss where it is not there."""
    import numpy as np

    loss = np.full((len(runners), len(places)), np.inf)
    noise = np.zeros_like(loss)
    for row, runner in enumerate(runners):
        if (span := runner.span(axis)) is None:
            continue
        inside = (places >= span[0]) & (places <= span[1])
        loss[row, inside], noise[row, inside] = runner.at(axis, places[inside])
    return loss, noise


def find_stretches(positions: "FloatArray", loss: "FloatArray", noise: "FloatArray") -> tuple[Stretch, ...]:
    """Return who leads where; ``positions`` rise, shape (g,), the others (r, g), in nats per token.

    The best run leads where the second best is more than ``CLEAR`` deviations behind, by the rules of
    ``_clear_part`` and ``_fill_narrow``. A change lies where two losses are the same, between two places.
    """
    import numpy as np

    places = np.log(positions)
    order = np.argsort(loss, axis=0, kind="stable")[:2]
    columns = np.arange(loss.shape[1])
    gap = loss[order[1], columns] - loss[order[0], columns]
    best, second = _break_ties(loss, order, gap)
    present = np.isfinite(loss)
    same_field = np.append(True, (present[:, 1:] == present[:, :-1]).all(axis=0))
    is_clear = gap > CLEAR * np.hypot(noise[best, columns], noise[second, columns])
    leader = np.full(len(best), LEVEL)
    for first, end in _segments(best):
        kept = _clear_part(places, is_clear, first, end)
        is_inside = first > 0 and end < len(best) and same_field[[first, end]].all()
        if not (is_inside and places[end] - places[first] < LEAST_STRETCH):  # a lead that did not stay
            leader[kept] = best[first]
    _fill_narrow(places, best, leader, same_field)
    segments = _segments(leader)
    inner = [float(np.exp(_between(places, loss, best, first))) for first, _ in segments[1:]]
    bounds = [float(positions[0]), *inner, float(positions[-1])]
    stretches = []
    for number, (first, end) in enumerate(segments):
        change, other = _change(loss, leader, (best, second), first)
        stretches.append(
            Stretch(
                start=bounds[number],
                end=bounds[number + 1],
                leader=int(leader[first]),
                change=change,
                other=other,
                front=_front(best[first:end], second[first:end], is_level=leader[first] == LEVEL),
                lead=float(gap[first:end].max()),
            )
        )
    return tuple(stretches)


def _break_ties(loss: "FloatArray", order: "IntArray", gap: "FloatArray") -> "tuple[IntArray, IntArray]":
    """Return the best run and the next at each place; of two alike the one that was best before."""
    import numpy as np

    untied = np.flatnonzero(gap != 0)
    if not untied.size:
        return order[0], order[1]
    columns = np.arange(len(gap))
    # the last place that is not tied, before the first of them that one
    known = untied[np.maximum(np.searchsorted(untied, columns, side="right") - 1, 0)]
    before = order[0, known]
    best = np.where(loss[before, columns] == loss[order[0], columns], before, order[0])
    return best, np.where(best == order[0], order[1], order[0])


def _segments(labels: "IntArray") -> list[tuple[int, int]]:
    """Return where each run of one label begins and ends."""
    import numpy as np

    bounds = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return list(pairwise(bounds))


def _clear_part(places: "FloatArray", is_clear: "BoolArray", first: int, end: int) -> slice:
    """Return on which part of a stretch the run that is best on all of it leads.

    On all of it where its lead is clear on ``KEPT`` of it. No crossing bounds the first and the last stretch
    of an axis: there what is level stands apart from what is clear, if it is as wide as ``LEAST_STRETCH``.
    """
    import numpy as np

    clear = np.flatnonzero(is_clear[first:end]) + first
    if not clear.size:
        return slice(first, first)
    start, stop = first, end
    if first == 0 and places[clear[0]] - places[first] >= LEAST_STRETCH:
        start = int(clear[0])
    if end == len(places) and places[end - 1] - places[clear[-1]] >= LEAST_STRETCH:
        stop = int(clear[-1]) + 1
    if is_clear[start:stop].mean() >= KEPT:
        return slice(start, stop)
    unclear = np.flatnonzero(~is_clear[first:end]) + first
    since, until = int(unclear[-1]) + 1, int(unclear[0])
    if end == len(places) > since and places[end - 1] - places[since] >= LEAST_STRETCH:
        return slice(since, end)
    if first == 0 < until and places[until - 1] - places[first] >= LEAST_STRETCH:
        return slice(first, until)
    return slice(first, first)


def _fill_narrow(places: "FloatArray", best: "IntArray", leader: "IntArray", same_field: "BoolArray") -> None:
    """Give level parts narrower than ``LEAST_STRETCH`` to the leaders around them, in place.

    Between two leaders the later one leads from where it was last behind. Where a run begins or ends, at a
    place that is not of the ``same_field`` as the one before, nothing is given.
    """
    import numpy as np

    for first, end in _segments(leader):
        is_narrow = places[end - 1] - places[first] < LEAST_STRETCH
        is_whole = first == 0 and end == len(leader)
        if leader[first] != LEVEL or not is_narrow or is_whole or not same_field[first : end + 1].all():
            continue
        after = leader[end] if end < len(leader) else leader[first - 1]
        before = leader[first - 1] if first else after
        behind = np.flatnonzero(best[first:end] != after)
        passed = first + int(behind[-1]) + 1 if behind.size else first
        leader[first:passed], leader[passed:end] = before, after


def _between(places: "FloatArray", loss: "FloatArray", best: "IntArray", first: int) -> float:
    """Return the log position of a change between a place and the one before it."""
    import numpy as np

    if best[first - 1] == best[first]:
        return float(places[first])
    pair = loss[[best[first - 1], best[first]], first - 1 : first + 1]
    if not np.isfinite(pair).all():  # one of the two begins or ends here
        return float(places[first])
    before, after = (pair[1] - pair[0]).tolist()
    share = before / (before - after) if before > after else 1.0
    return float(places[first - 1] + share * (places[first] - places[first - 1]))


def _front(best: "IntArray", second: "IntArray", *, is_level: bool) -> tuple[int, ...]:
    """Return the run that is best and who is mostly next; of a level part all that are best in turn."""
    import numpy as np

    runs, firsts = np.unique(best, return_index=True)
    if is_level and len(runs) > 1:
        return tuple(runs[np.argsort(firsts)].tolist())
    front = int(np.bincount(best).argmax())
    # with runs filled in, the leader of a part may be second on some of it
    others = np.where(best == front, second, best)
    return front, int(np.bincount(others).argmax())


def _change(
    loss: "FloatArray", leader: "IntArray", best_two: "tuple[IntArray, IntArray]", first: int
) -> tuple[Change, int]:
    """Return how the stretch that begins at a place comes about, and who was passed or has ended."""
    import math

    if first == 0:
        return "start", LEVEL
    before, after = int(leader[first - 1]), int(leader[first])
    in_front = [before] if before != LEVEL else [int(runs[first - 1]) for runs in best_two]
    if after == LEVEL:
        return "level", LEVEL
    for run in in_front:
        if math.isinf(loss[run, first]):
            return "ended", run
    if math.isinf(loss[after, first - 1]):
        return "joined", LEVEL
    return ("passed", before) if before != LEVEL else ("clear", LEVEL)
