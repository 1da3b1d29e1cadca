"""Races of learning curves in pictures: every run's loss along each axis, and the gaps between pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from scaling_cli.fitting.trace import FINAL_SHARE
from scaling_cli.laws.card import NATS
from scaling_cli.planning.compare_curves import AXIS_WORDS, CurveComparison, PairRace
from scaling_cli.planning.race import AxisName, Runner
from scaling_cli.planning.race_law import RunBesideLaw
from scaling_cli.reports.pictures.names import place_names
from scaling_cli.reports.pictures.picture import (
    LOSS,
    Axis,
    Drawn,
    Line,
    Mark,
    Panel,
    Picture,
    Range,
    Role,
    at,
    numbers,
    said,
    spread,
)
from scaling_cli.reports.pictures.scale import frame
from scaling_cli.units import format_count, format_share

if TYPE_CHECKING:
    from scaling_cli.curves import BoolArray
    from scaling_cli.runs import FloatArray

ORDER: tuple[AxisName, ...] = ("gpu_hours", "flops", "tokens")
"""The axes from the top: what was paid for comes first."""

MOST_RUNS = 40
"""Runs that are drawn, evenly from the smallest to the largest."""

MOST_LETTERS = 16
"""A pair whose names are longer together is named by its sizes."""

MOST_ACROSS = 8
"""The names of more lines than that must not lie across other lines; of fewer all matter more."""

HALF = 0.5
"""The width of a panel that stands beside another, as a share of the page."""

POINTS = 200

USUAL = 0.5
"""The frame of the gaps holds this last share of each race, along the logarithm of its axis."""

ROOM = 0.35
"""And reaches beyond it by this share of its height."""

ROOM_FOR_NAME = 3.0
"""A run is named right of its end, within this factor of the axis."""

SMOOTHED = "smoothed loss"
DECAYED = f"the same, in the last {format_share(FINAL_SHARE)} of its schedule"
GAP = "loss of the first less that of the second"
SUSPECT = "suspect: one had decayed, the other not"
CHANGE = "the lead changes"


def race_picture(found: CurveComparison) -> Picture:
    """Return the picture of ``scaling compare curves``: a row for each axis, gaps left and losses right."""
    asked = [one for one in found.races if one.pair.is_asked] or list(found.races)
    axes = [axis for axis in ORDER if any(axis in runner.positions for runner in found.runners)]
    shown = _shown(found, asked)
    # a pair has the colour of its first run
    shades = {runner.index: place / max(len(shown) - 1, 1) for place, runner in enumerate(shown)}
    rows = []
    for axis in axes:
        races = [one for one in asked if one.race.axis == axis and one.pair.a in shades]
        losses = _losses(found, [runner for runner in shown if axis in runner.positions], axis, shades)
        rows.append((_gaps(found, races, axis, shades), losses) if races else (losses,))
    notes = ["Where a gap is below zero the first of its pair leads."] if asked else []
    if len(shown) < len(found.runners):
        notes.append(f"{len(shown)} of {len(found.runners)} runs are drawn.")
    return Picture(f"Learning curves of {found.name}", tuple(rows), notes=(*notes, *said(found.findings)))


def _shown(found: CurveComparison, asked: Sequence[PairRace]) -> list[Runner]:
    """Return the runs that are drawn, by size: those that are raced, others where there is room, or all."""
    raced = {run for one in asked for run in (one.pair.a, one.pair.b)}
    has_room = len(found.runners) <= MOST_RUNS
    runners = [
        runner
        for runner in found.runners
        if not raced or runner.index in raced or (len(raced) > 2 and has_room)
    ]
    runners.sort(key=lambda runner: (runner.params, found.curves.names[runner.index]))
    return [runners[place] for place in spread(len(runners), MOST_RUNS)]


def _gaps(
    found: CurveComparison, races: Sequence[PairRace], axis: AxisName, shades: Mapping[int, float]
) -> Panel:
    """Draw the gap of every pair, dashed where it is suspect, zero, and the places where the lead changes."""
    import numpy as np

    ends = [float(end) for one in races for end in one.race.overlap]
    drawn: list[Drawn] = [Line("level", "", (min(ends), max(ends)), (0.0, 0.0))]
    points: list[tuple[str, float, float]] = []
    usual = []
    for one in races:
        shade = shades[one.pair.a]
        places, gap = _gap(found, one)
        late = slice(int((1 - USUAL) * len(gap)), None)
        usual.append(gap[late])
        suspect = np.zeros(len(places), dtype=bool)
        for part in one.suspects:
            suspect |= (places >= part.start) & (places <= part.end)
        drawn += _pieces(places, gap, suspect, ("fitted", GAP), ("beyond", SUSPECT), shade)
        for stretch in one.race.crossings:
            height = float(np.interp(np.log(stretch.start), np.log(places), gap))
            drawn.append(Mark("optimum", CHANGE, *at(stretch.start, height), shade=shade))
        points.append((_pair_name(found, one), float(places[-1]), float(gap[-1])))
    low, high = _frame(usual)
    y = Axis(f"gap ({found.loss_unit})", "loss", low=low, high=high)
    return _named(Panel(f"Gap at equal {AXIS_WORDS[axis]}", _x_axis(axis, ends), y, tuple(drawn)), points)


def _named(panel: Panel, points: Sequence[tuple[str, float, float]]) -> Panel:
    """Name the ends of lines, the first and the last before the rest, as far as there is room."""
    order = (*points[:1], *points[1:][-1:], *points[1:-1])
    is_crowded = len(points) > MOST_ACROSS
    lines = [place for one in panel.series for place in zip(one.x, one.y, strict=True)] if is_crowded else []
    words = place_names(order, (panel.x, panel.y), frame(panel), beside=lines, width=HALF)
    return replace(panel, drawn=(*panel.drawn, *words))


def _pair_name(found: CurveComparison, one: PairRace) -> str:
    """Name a pair by what its names do not share, or by its sizes where that is long."""
    short = _without_prefix(found.curves.names)
    name = f"{short[one.pair.a]} : {short[one.pair.b]}"
    sizes = [format_count(float(found.curves.params[run]), 3) for run in (one.pair.a, one.pair.b)]
    return " : ".join(sizes) if len(name) > MOST_LETTERS and sizes[0] != sizes[1] else name


def _without_prefix(names: Sequence[str]) -> list[str]:
    """Return names without the words that all begin with: ``7B`` of llama1-7B among llama1-13B and others."""
    first, last = min(names), max(names)
    same = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), 0)
    begin = max(first.rfind(separator, 0, same) for separator in "-_/ .") + 1
    return [name[begin:] for name in names]


def _gap(found: CurveComparison, one: PairRace) -> "tuple[FloatArray, FloatArray]":
    """Return positions in an overlap, and the loss of the first minus that of the second there."""
    import numpy as np

    places = np.geomspace(*one.race.overlap, POINTS)
    a, b = (found.runners[run].at(one.race.axis, places)[0] for run in (one.pair.a, one.pair.b))
    return places, a - b


def _frame(gaps: "Sequence[FloatArray]") -> Range:
    """Return where the gaps drawn end: early ones are larger, and would flatten every change of the lead."""
    low = min(0.0, *(float(gap.min()) for gap in gaps))
    high = max(0.0, *(float(gap.max()) for gap in gaps))
    room = ROOM * (high - low) or 1e-3
    return low - room, high + room


def _losses(
    found: CurveComparison, runners: Sequence[Runner], axis: AxisName, shades: Mapping[int, float]
) -> Panel:
    """Draw the smoothed losses, dashed in the last share of each schedule, and what laws say of the ends."""
    import numpy as np

    lines: list[Drawn] = []
    marks: list[Drawn] = []
    points: list[tuple[str, float, float]] = []
    ends: list[float] = []
    tops = []
    for runner in runners:
        span = runner.span(axis)
        assert span is not None
        places = np.geomspace(*span, POINTS)
        loss, _ = runner.at(axis, places)
        decay = (1 - FINAL_SHARE) * float(found.curves.schedule[runner.index])
        decayed = places >= runner.position_of(axis, decay)
        shade = shades[runner.index]
        lines += _pieces(places, loss, decayed, ("fitted", SMOOTHED), ("beyond", DECAYED), shade)
        tops.append(float(loss[int((1 - USUAL) * len(loss))]))
        end = span[1]
        ends += span
        points.append((found.curves.names[runner.index], end, float(loss[-1])))
        marks += [_law_mark(found, one, end) for one in found.beside if one.run == runner.index]
    tops += [y for one in marks for y in one.y]
    least = min(y for one in (*lines, *marks) for y in one.y)
    label = LOSS if found.loss_unit == NATS else f"loss ({found.loss_unit})"
    y_axis = Axis(label, "loss", high=max(tops) + ROOM * (max(tops) - least))
    drawn = (*lines, *(mark for mark in marks if mark.y))
    return _named(Panel(f"Loss along {AXIS_WORDS[axis]}", _x_axis(axis, ends), y_axis, drawn), points)


def _law_mark(found: CurveComparison, one: RunBesideLaw, position: float) -> Mark:
    """Mark what a law says of a run's end; of one that is not decayed, nothing."""
    label = f"{one.law}, {format_share(found.level)} interval" if one.interval else one.law
    if one.predicted is None:
        return Mark("target", "", (), ())
    return Mark("target", label, *at(position, one.predicted), y_interval=one.interval)


def _pieces(
    x: "FloatArray",
    y: "FloatArray",
    apart: "BoolArray",
    usual: tuple[Role, str],
    other: tuple[Role, str],
    shade: float,
) -> list[Drawn]:
    """Draw a line in two manners, the second where ``apart`` is true; neighbours share a point."""
    import numpy as np

    bounds = [0, *(np.flatnonzero(apart[1:] != apart[:-1]) + 1).tolist(), len(x)]
    drawn: list[Drawn] = []
    for first, end in pairwise(bounds):
        role, label = other if apart[first] else usual
        kept = slice(max(first - 1, 0), end)
        if end - kept.start > 1:
            drawn.append(Line(role, label, numbers(x[kept]), numbers(y[kept]), shade=shade))
    return drawn


def _x_axis(axis: AxisName, ends: Sequence[float]) -> Axis:
    low, high = min(ends) / 1.1, max(ends) * ROOM_FOR_NAME
    if axis == "flops":
        return Axis("FLOPs (6 N D)", "flops", is_log=True, low=low, high=high)
    return Axis(AXIS_WORDS[axis], "count", is_log=True, low=low, high=high)
