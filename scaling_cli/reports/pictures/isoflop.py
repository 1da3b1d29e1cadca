"""IsoFLOP profiles in pictures: the valleys with their vertices, and the frontier through the ok ones."""

from collections.abc import Mapping, Sequence

from scaling_cli.fitting.power_law import Frontier, PowerLaw
from scaling_cli.fitting.valley import Valley
from scaling_cli.planning.isoflop_plan import IsoflopPlan
from scaling_cli.reports.pictures import frontier
from scaling_cli.reports.pictures.picture import (
    LOSS,
    Axis,
    Drawn,
    Line,
    Mark,
    Numbers,
    Panel,
    Picture,
    Points,
    Range,
    Role,
    Text,
    at,
    log_space,
    numbers,
    said,
)
from scaling_cli.units import format_flops, format_share

CURVE_POINTS = 61

FARTHEST = 2.0
"""A vertex outside the sampled sizes is drawn up to this factor beyond them, and its curve as far."""

USUAL, ROOM_ABOVE = 0.75, 0.2
"""A frame holds this share of each budget's runs, and this share of itself above them."""

MOST_NAMED = 4

ROOM_FOR_NAME = 1.5
"""The name of the first budget stands left of its smallest run, within this factor."""

REJECTED = "vertex left out"


def isoflop_picture(plan: IsoflopPlan) -> Picture:
    """Return the picture of ``scaling isoflop``: every valley, and the frontier where there is one."""
    study = plan.study
    top, above = _top(study.valleys)
    rows: list[tuple[Panel, ...]] = [(_valleys(study.valleys, _vertex_label(plan), top),)]
    if study.frontier:
        rows.append(_frontier(plan, study.frontier))
    notes = [f"Above the frame: {', '.join(above)}."] if above else []
    title = f"IsoFLOP profiles of {plan.name}"
    return Picture(title, tuple(rows), notes=(*notes, *said(plan.findings)))


def _top(valleys: Sequence[Valley]) -> tuple[float | None, list[str]]:
    """Return where the losses drawn end, and which runs lie above: a few would flatten every valley."""
    import numpy as np

    usual = max(float(np.quantile(valley.runs.loss, USUAL)) for valley in valleys)
    least = min(float(valley.runs.loss.min()) for valley in valleys)
    top = usual + ROOM_ABOVE * (usual - least)
    above = [
        f"{name} (loss {loss:.2f})"
        for valley in valleys
        for name, loss in zip(valley.runs.names, numbers(valley.runs.loss), strict=True)
        if loss > top
    ]
    if not above:
        return None, []
    more = [f"{len(above) - MOST_NAMED} more runs"] if len(above) > MOST_NAMED else []
    return top, [*above[:MOST_NAMED], *more]


def _vertex_label(plan: IsoflopPlan) -> str:
    """Say what the mark of a vertex shows: without a bootstrap there is no interval."""
    return f"vertex with its {format_share(plan.interval)} interval" if plan.study.replicates else "vertex"


def _valleys(valleys: Sequence[Valley], vertex_label: str, top: float | None) -> Panel:
    """Draw the runs of every budget, the curve through them and its vertex; budgets are shaded in order."""
    drawn: list[Drawn] = []
    words: list[Drawn] = []
    last = max(len(valleys) - 1, 1)
    for index, valley in enumerate(valleys):
        drawn += _valley(valley, index / last, vertex_label)
        words.append(_name(valley, top))
    title = "Loss over params, at each budget of FLOPs"
    smallest = min(float(valley.runs.params[0]) for valley in valleys)
    params = Axis("params", "count", is_log=True, low=smallest / ROOM_FOR_NAME)
    return Panel(title, params, Axis(LOSS, "loss", high=top), (*drawn, *words))


def _name(valley: Valley, top: float | None) -> Text:
    """Write a budget beside its first run; one left out, with its status, beside its last in the frame."""
    places = list(zip(numbers(valley.runs.params), numbers(valley.runs.loss), strict=True))
    inside = [place for place in places if top is None or place[1] <= top] or places
    budget = format_flops(valley.budget)
    if valley.status == "ok":
        return Text(budget, *at(*inside[0]), "left")
    return Text(f"{budget} {valley.status}", *at(*inside[-1]), "right")


def _valley(valley: Valley, shade: float, vertex_label: str) -> list[Drawn]:
    """Draw one budget; what does not enter the frontier is dotted, and its vertex a cross."""
    runs, is_ok = valley.runs, valley.status == "ok"
    drawn: list[Drawn] = [Points("runs", "runs", numbers(runs.params), numbers(runs.loss), shade=shade)]
    ends = float(runs.params[0]), float(runs.params[-1])
    vertex = valley.vertex
    if vertex and not ends[0] / FARTHEST <= vertex.params <= ends[1] * FARTHEST:
        vertex = None
    if valley.curve:
        import numpy as np

        reach = (*ends, vertex.params) if vertex else ends
        sizes = log_space(min(reach), max(reach), CURVE_POINTS)
        losses = numbers(valley.curve.loss(np.array(sizes)))
        role: Role = "fitted" if is_ok else "rejected"
        label = "curve of the budget" if is_ok else "curve of a budget left out"
        drawn.append(Line(role, label, sizes, losses, shade=shade))
    if vertex and vertex.loss is not None:
        place = at(vertex.params, vertex.loss)
        if is_ok:
            interval = valley.intervals.get("params")
            drawn.append(Mark("optimum", vertex_label, *place, x_interval=interval, shade=shade))
        else:
            drawn.append(Mark("rejected", REJECTED, *place, shade=shade))
    return drawn


def _frontier(plan: IsoflopPlan, best: Frontier) -> tuple[Panel, Panel]:
    """Draw the vertices, the frontier through them, raw and corrected, its interval, and the targets."""
    study = plan.study
    budgets = [valley.flops for valley in study.valleys]
    span = frontier.budgets_span(*budgets, *(optimum.flops for optimum in plan.optima))
    fitted = min(valley.flops for valley in study.ok), max(valley.flops for valley in study.ok)
    name = "corrected frontier" if study.corrected else "frontier"
    lines = [*frontier.published_sizes(span)]
    if study.corrected and study.raw:
        lines.append(_sizes(study.raw, span, "raw", "raw frontier"))
    lines += [
        _sizes(best, ends, role, label) for role, label, ends in frontier.split_span(span, fitted, name)
    ]
    band = _band(best, span, plan.interval)
    runs = [frontier.run_sizes(valley.runs) for valley in study.valleys]
    return frontier.frontier_panels(
        bands=[band] if band else [], points=runs, lines=lines, marks=[*_vertices(plan), *_targets(plan)]
    )


def _sizes(law: Frontier, span: Range, role: Role, label: str) -> frontier.Sizes:
    """Return a frontier along ``span``: power laws, of which two points are enough."""
    return frontier.Sizes(
        role, label, span, tuple(law.params.at(C) for C in span), tuple(law.tokens.at(C) for C in span)
    )


def _band(law: Frontier, span: Range, level: float) -> frontier.SizeBand | None:
    """Return the interval of a frontier along ``span``, where it has draws."""
    flops = log_space(*span, frontier.STEPS)
    params, tokens = _ends(law.params, flops, level), _ends(law.tokens, flops, level)
    if not params or not tokens:
        return None
    return frontier.SizeBand(f"{format_share(level)} interval of the frontier", flops, params, tokens)


def _ends(law: PowerLaw, flops: Numbers, level: float) -> tuple[Numbers, Numbers] | None:
    from scaling_cli.planning.uncertainty import percentile_interval

    if law.draws is None:
        return None
    lows, highs = zip(*(percentile_interval(law.draws.at(C), level) for C in flops), strict=True)
    return lows, highs


def _vertices(plan: IsoflopPlan) -> list[frontier.Size]:
    """Return the vertices, those left out among them."""
    marks = []
    for valley in plan.study.valleys:
        vertex, sure = valley.vertex, valley.intervals
        if vertex is None:
            continue
        low, high = float(valley.runs.params[0]), float(valley.runs.params[-1])
        if valley.status == "ok":
            marks.append(
                _size("optimum", _vertex_label(plan), valley.flops, vertex.params, vertex.tokens, sure)
            )
        elif low / FARTHEST <= vertex.params <= high * FARTHEST:
            marks.append(_size("rejected", REJECTED, valley.flops, vertex.params, vertex.tokens, {}))
    return marks


def _targets(plan: IsoflopPlan) -> list[frontier.Size]:
    return [
        _size("target", "target", one.flops, one.best.params, one.best.tokens, one.best.intervals)
        for one in plan.optima
    ]


def _size(role: Role, label: str, C: float, N: float, D: float, ends: Mapping[str, Range]) -> frontier.Size:
    return frontier.Size(role, label, C, N, D, ends.get("params"), ends.get("tokens"))
