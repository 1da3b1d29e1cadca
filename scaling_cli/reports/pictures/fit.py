"""A fit in pictures: the fitted loss over params and tokens, its residuals, and the frontier it implies."""

import math

from scaling_cli.fitting.fit import Fit
from scaling_cli.laws.law import Allocates, PredictsLoss
from scaling_cli.planning.fitted_plan import FittedPlan
from scaling_cli.reports.pictures import frontier
from scaling_cli.reports.pictures.picture import (
    LOSS,
    Axis,
    Band,
    Drawn,
    Line,
    Mark,
    Numbers,
    Panel,
    Picture,
    Points,
    Range,
    Side,
    Text,
    at,
    log_space,
    numbers,
    said,
    spread,
)
from scaling_cli.runs import Runs
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_share

CONTOURS = 9
"""At most so many losses are drawn as contours."""

CONTOUR_POINTS = 97

ROOM = 1.4
"""A frame reaches past the outermost run or target by this factor."""

MOST_RUNS = 2000
"""More than that are a cloud, and a heavy file."""

TARGET = "target"


def fit_picture(plan: FittedPlan) -> Picture:
    """Return the picture of ``scaling fit``: two panels of the fit, and two of its frontier."""
    law = plan.fit.law
    first = _surface(plan, law) if isinstance(law, PredictsLoss) else _loss_frontier(plan)
    rows: list[tuple[Panel, ...]] = [(first, _residuals(plan.fit))]
    if isinstance(law, Allocates):
        rows.append(_frontier(plan, law))
    title = f"{law.form.capitalize()} law fitted to {plan.card.name}"
    runs = len(plan.fit.runs)
    notes = [f"{MOST_RUNS} of {runs} runs are drawn."] if runs > MOST_RUNS else []
    return Picture(title, tuple(rows), notes=(*notes, *said(plan.findings)))


def _shown(runs: Runs) -> Runs:
    """Return the runs that are drawn."""
    import numpy as np

    return runs.select(np.array(spread(len(runs), MOST_RUNS)))


def _surface(plan: FittedPlan, law: PredictsLoss) -> Panel:
    """Draw contours of the fitted loss over params and tokens, with runs, frontier and targets."""
    runs, marks = _shown(plan.fit.runs), _targets(plan)
    params = _frame(numbers(runs.params), *((m.params, *(m.params_interval or ())) for m in marks))
    tokens = _frame(numbers(runs.tokens), *((m.tokens, *(m.tokens_interval or ())) for m in marks))
    drawn: list[Drawn] = [*_contours(law, params, tokens)]
    drawn.append(Points("runs", "runs", numbers(runs.params), numbers(runs.tokens)))
    for piece in frontier.fitted_sizes(law, _span(plan), plan.fit.fitted_range["flops"], "fitted frontier"):
        drawn.append(Line(piece.role, piece.label, piece.params, piece.tokens))
    drawn += [
        Mark(m.role, m.label, *at(m.params, m.tokens), m.params_interval, m.tokens_interval) for m in marks
    ]
    return Panel(
        "Fitted loss (contours, nats per token)",
        Axis("params", "count", is_log=True, low=params[0], high=params[1]),
        Axis("tokens", "count", is_log=True, low=tokens[0], high=tokens[1]),
        tuple(drawn),
    )


def _frame(*seen: Numbers) -> Range:
    return min(map(min, seen)) / ROOM, max(map(max, seen)) * ROOM


def _contours(law: PredictsLoss, params: Range, tokens: Range) -> list[Drawn]:
    """Draw the lines L(N, D) = round losses inside the frame, each with its loss where it leaves."""
    lines: list[Drawn] = []
    for level in _levels(law, params, tokens):
        points = [(N, law.tokens_for_loss(N, level)) for N in log_space(*params, CONTOUR_POINTS)]
        inside = [(N, D) for N, D in points if math.isfinite(D) and tokens[0] <= D <= tokens[1]]
        if len(inside) < 2:
            continue
        xs, ys = zip(*inside, strict=True)
        lines.append(Line("level", "", xs, ys))
        side: Side = "left" if xs[-1] == params[1] else "above"
        lines.append(Text(f"{level:.2f}", *at(xs[-1], ys[-1]), side))
    return lines


def _levels(law: PredictsLoss, params: Range, tokens: Range) -> list[float]:
    """Return the losses that the frontier reaches at evenly spaced budgets, to two decimals.

    Evenly spaced losses would crowd where runs are small and leave none where targets are.
    """
    least, most = (FLOPS_PER_PARAM_TOKEN * N * D for N, D in zip(params, tokens, strict=True))
    losses = (law.frontier_loss(C) for C in log_space(least, most, CONTOURS + 2)[1:-1])
    return sorted({round(L, 2) for L in losses})


def _loss_frontier(plan: FittedPlan) -> Panel:
    """Draw the loss over FLOPs of a law that knows nothing else, with its runs and targets."""
    fit = plan.fit
    runs = _shown(fit.runs)
    drawn: list[Drawn] = [Points("runs", "runs", numbers(runs.flops_6ND), numbers(runs.loss))]
    for role, label, ends in frontier.split_span(_span(plan), fit.fitted_range["flops"], "fitted frontier"):
        flops = log_space(*ends, frontier.STEPS)
        drawn.append(Line(role, label, flops, tuple(fit.law.frontier_loss(C) for C in flops)))
    for optimum in plan.optima:
        if optimum.flops is not None and optimum.loss is not None:
            sure = optimum.uncertainty.intervals.get("loss") if optimum.uncertainty else None
            drawn.append(Mark("target", TARGET, *at(optimum.flops, optimum.loss), y_interval=sure))
    return Panel("Loss", frontier.FLOPS, Axis(LOSS, "loss"), tuple(drawn))


def _residuals(fit: Fit) -> Panel:
    """Draw how far the law lies above each run, over FLOPs, and how far it usually does."""
    shown = spread(len(fit.runs), MOST_RUNS)
    flops, percent = numbers(fit.runs.flops_6ND[shown]), numbers(100 * fit.residuals[shown])
    usual = 100 * fit.quality.residual_mad
    span = (min(flops) / ROOM, max(flops) * ROOM)
    label = f"robust spread of residuals ({format_share(usual / 100)})"
    return Panel(
        "Residuals: predicted above measured loss",
        Axis("training FLOPs (6 N D)", "flops", is_log=True, low=span[0], high=span[1]),
        Axis("residual (% of the loss)", "percent"),
        (
            Band("level", label, span, (-usual, -usual), (usual, usual)),
            Line("level", "", span, (0.0, 0.0)),
            Points("runs", "runs", flops, percent),
        ),
    )


def _frontier(plan: FittedPlan, law: Allocates) -> tuple[Panel, Panel]:
    """Draw the frontier with its interval, the runs, the targets, and published laws beside it."""
    span = _span(plan)
    draws = plan.bootstrap.draws if plan.bootstrap else ()
    band = frontier.law_band(
        draws, span, f"{format_share(plan.interval)} interval of the frontier", plan.interval
    )
    fitted = frontier.fitted_sizes(law, span, plan.fit.fitted_range["flops"], "fitted frontier")
    return frontier.frontier_panels(
        bands=[band] if band else [],
        points=[frontier.run_sizes(_shown(plan.fit.runs))],
        lines=[*frontier.published_sizes(span), *fitted],
        marks=_targets(plan),
    )


def _targets(plan: FittedPlan) -> list[frontier.Size]:
    found = (frontier.plan_mark(optimum, "target", TARGET) for optimum in plan.optima)
    return [mark for mark in found if mark]


def _span(plan: FittedPlan) -> Range:
    """Return the budgets a fit's frontier is drawn over: those of its runs and its targets."""
    targets = [optimum.flops for optimum in plan.optima if optimum.flops]
    return frontier.budgets_span(*plan.fit.fitted_range["flops"], *targets)
