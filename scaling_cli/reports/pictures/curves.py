"""Learning curves in pictures: every run's loss over compute, the envelope below them, and its frontier."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_cli.curves import Curves
from scaling_cli.fitting.envelope import EnvelopeFit
from scaling_cli.fitting.trace import Envelope
from scaling_cli.laws.allocation import AllocationLaw
from scaling_cli.planning.envelope_plan import EnvelopePlan
from scaling_cli.reports.pictures import frontier
from scaling_cli.reports.pictures.names import HEIGHT, place_names
from scaling_cli.reports.pictures.picture import (
    LOSS,
    Axis,
    Line,
    Panel,
    Picture,
    Points,
    Role,
    Series,
    Text,
    numbers,
    said,
    spread,
)
from scaling_cli.reports.pictures.scale import frame
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_count, format_share

if TYPE_CHECKING:
    from scaling_cli.curves import BoolArray, IntArray
    from scaling_cli.runs import FloatArray

MOST_RUNS = 60
"""Curves that are drawn; of more runs those on the envelope come first."""

MOST_POINTS = 200
"""Points of a curve, spaced evenly in log C."""

MOST_BUDGETS = 40
"""Points of the envelope, of its 1500."""

MOST_SIZES = 12
"""Of more sizes than that only the smallest and the largest are named."""

ROOM_ABOVE = 0.4
"""The frame reaches above the losses that are read by this share of their range: a run begins far above."""

ROOM_BEFORE = 8.0
"""The frame begins this factor of C before the first curve is read: the smallest size is named there."""

ROOM_AFTER = 1.8
"""And ends this factor of C after the last one, where a size is named."""

READ = "learning curve, where it is read"


def curves_picture(plan: EnvelopePlan) -> Picture:
    """Return the picture of ``scaling fit --approach 1``; the frontier is there where the curves give one."""
    fit = plan.fit
    shown = _shown_runs(fit.curves, fit.envelope)
    rows: list[tuple[Panel, ...]] = [(_curves(fit, shown),)]
    if fit.law:
        rows.append(_frontier(plan, fit.law))
    notes = []
    if len(shown) < len(fit.curves):
        notes.append(f"{len(shown)} of {len(fit.curves)} runs are drawn, those on the envelope among them.")
    if fit.refusal:
        notes.append(f"No frontier: {fit.refusal.message}.")
    return Picture(f"Learning curves of {plan.name}", tuple(rows), notes=(*notes, *said(plan.findings)))


def _shown_runs(curves: Curves, envelope: Envelope) -> list[int]:
    """Return the runs that are drawn: as many of the envelope's as there is room for, then others, evenly."""
    import numpy as np

    won = np.unique(envelope.run[envelope.is_won])
    others = np.setdiff1d(np.arange(len(curves)), won)
    room = max(0, MOST_RUNS - len(won))
    chosen = np.concatenate([won[spread(len(won), MOST_RUNS)], others[spread(len(others), room)]])
    return [int(run) for run in np.sort(chosen)]


def _curves(fit: EnvelopeFit, shown: list[int]) -> Panel:
    """Draw the curves, shaded by size, and the envelope on them."""
    import numpy as np

    curves, envelope = fit.curves, fit.envelope
    sizes = np.unique(curves.params[shown])
    drawn: list[Series] = []
    for run in shown:
        shade = float(np.searchsorted(sizes, curves.params[run])) / max(len(sizes) - 1, 1)
        drawn += _curve(curves, run, fit.settings.read_share, shade)
    marks = [
        Points(role, label, numbers(envelope.flops[kept]), numbers(envelope.loss[kept]))
        for role, label, kept in _parts(envelope)
    ]
    read = [one for one in drawn if one.label == READ]
    ends = [C for one in read for C in (one.x[0], one.x[-1])] or [float(envelope.flops[0])]
    flops = replace(frontier.FLOPS, low=min(ends) / ROOM_BEFORE, high=max(ends) * ROOM_AFTER)
    panel = Panel("Loss along training", flops, Axis(LOSS, "loss", high=_top(read)), (*drawn, *marks))
    return replace(panel, drawn=(*panel.drawn, *_names(curves, shown, panel)))


def _curve(curves: Curves, run: int, read_share: float, shade: float) -> list[Series]:
    """Draw one curve: dotted up to where its schedule is far enough along to be read."""
    import numpy as np

    place = curves.points(run)
    tokens, loss = curves.tokens[place], curves.loss[place]
    flops = FLOPS_PER_PARAM_TOKEN * float(curves.params[run]) * tokens
    start = int(np.searchsorted(tokens, (1 - read_share) * float(curves.schedule[run])))
    pieces: tuple[tuple[Role, str, int, int], ...] = (
        ("rejected", "learning curve, before it is read", 0, start + 1),  # the two share a point
        ("runs", READ, start, len(tokens)),
    )
    return [
        Line(role, label, numbers(flops[kept]), numbers(loss[kept]), shade=shade)
        for role, label, first, end in pieces
        if len(kept := first + _spaced(flops[first:end])) > 1
    ]


def _spaced(flops: "FloatArray") -> "IntArray":
    """Return the indices of at most ``MOST_POINTS`` points, evenly in log C, both ends among them."""
    import numpy as np

    if len(flops) <= MOST_POINTS:
        return np.arange(len(flops))
    found = np.searchsorted(flops, np.geomspace(flops[0], flops[-1], MOST_POINTS)[:-1])
    return np.unique(np.append(found, len(flops) - 1))


def _top(read: Sequence[Series]) -> float | None:
    """Return where the losses drawn end: a little above those that are read."""
    losses = [loss for one in read for loss in one.y]
    if not losses or min(losses) == max(losses):
        return None
    return max(losses) + ROOM_ABOVE * (max(losses) - min(losses))


def _parts(envelope: Envelope) -> tuple[tuple[Role, str, "IntArray"], ...]:
    """Return the budgets of the envelope that are fitted and those left out, thinned where many."""
    import numpy as np

    parts: list[tuple[Role, str, IntArray]] = []
    left_out = envelope.is_won & envelope.is_edge
    kinds: tuple[tuple[Role, str, BoolArray], ...] = (
        ("rejected", "envelope, at an edge: left out", left_out),
        ("fitted", "envelope", envelope.is_fitted),
    )
    for role, label, chosen in kinds:
        budgets = np.flatnonzero(chosen)
        if budgets.size:
            parts.append((role, label, budgets[spread(len(budgets), MOST_BUDGETS)]))
    return tuple(parts)


def _names(curves: Curves, shown: list[int], panel: Panel) -> tuple[Text, ...]:
    """Write sizes where their longest runs end, or where their shortest begin, whichever has more room.

    No name covers the envelope or a curve. The smallest and the largest come first, of many sizes alone.
    """
    import numpy as np

    by_size: dict[float, list[int]] = {}
    for run in sorted(shown, key=lambda run: float(curves.last_tokens[run])):
        by_size.setdefault(float(curves.params[run]), []).append(run)
    sizes = sorted(by_size)
    limits = frame(panel)
    (least_flops, _), (low, high) = limits
    most_loss = high - HEIGHT * (high - low)
    ends: list[tuple[str, float, float]] = []
    starts: list[tuple[str, float, float]] = []
    for N in [sizes[0], *sizes[1:][-1:], *(sizes[1:-1] if len(sizes) <= MOST_SIZES else [])]:
        shortest, longest = by_size[N][0], by_size[N][-1]
        flops, loss = curves.flops_6ND(shortest), curves.loss[curves.points(shortest)]
        first = int(np.argmax((flops >= least_flops) & (loss <= most_loss)))
        starts.append((format_count(N, 3), float(flops[first]), float(loss[first])))
        ends.append(
            (format_count(N, 3), float(curves.flops_6ND(longest)[-1]), float(curves.last_loss[longest]))
        )
    places = [place for one in panel.series for place in zip(one.x, one.y, strict=True)]
    axes = panel.x, panel.y
    return max((place_names(names, axes, limits, beside=places) for names in (ends, starts)), key=len)


def _frontier(plan: EnvelopePlan, law: AllocationLaw) -> tuple[Panel, Panel]:
    """Draw the envelope's sizes, the power laws through them, their interval, and the targets."""
    envelope, fitted = plan.fit.envelope, plan.fit.fitted_range["flops"]
    won = envelope.flops[envelope.is_won]
    targets = [optimum.flops for optimum in plan.optima if optimum.flops]
    span = frontier.budgets_span(float(won.min()), float(won.max()), *targets)
    draws = plan.bootstrap.draws if plan.bootstrap else ()
    label = f"{format_share(plan.interval)} interval of the frontier"
    band = frontier.law_band(draws, span, label, plan.interval)
    points = [
        frontier.Sizes(
            role,
            label,
            numbers(envelope.flops[kept]),
            numbers(envelope.params[kept]),
            numbers(envelope.tokens[kept]),
        )
        for role, label, kept in _parts(envelope)
    ]
    marks = (frontier.plan_mark(optimum, "target", "target") for optimum in plan.optima)
    return frontier.frontier_panels(
        bands=[band] if band else [],
        points=points,
        lines=[*frontier.published_sizes(span), *frontier.fitted_sizes(law, span, fitted, "fitted frontier")],
        marks=[mark for mark in marks if mark],
    )
