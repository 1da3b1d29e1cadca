"""Plans in pictures: the loss over params at each budget, its optimum, and how flat it is around there."""

from collections.abc import Sequence

from scaling_cli.laws.law import Allocates, PredictsLoss
from scaling_cli.planning.allocation import Allocation
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
    Range,
    Role,
    Rule,
    Text,
    at,
    log_space,
    numbers,
    said,
    spread,
)
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_count, format_flops, format_share

REACH = 10.0
"""A valley is drawn from a tenth to ten times the optimum, and as far as what was asked for."""

MOST_BUDGETS = 7
"""More valleys than that cannot be told apart; of a longer sweep so many are drawn, evenly."""

MOST_MARKS = 30
"""Of a longer sweep only the budgets whose valleys are drawn are marked on the frontier."""

MOST_LAWS = 7
"""As many laws as there are ways to draw one."""

VALLEY_POINTS = 81
FLAT_POINTS = 13


def plan_picture(allocations: Sequence[Allocation]) -> Picture | None:
    """Return the picture of ``scaling optimal``; ``None`` where no law could answer with a size."""
    answered = [plan for plan in allocations if not plan.refusal and plan.flops and plan.params]
    if not answered:
        return None
    laws = list(dict.fromkeys(plan.card.name for plan in answered))
    budgets = sorted({plan.flops for plan in answered if plan.flops})
    drawn_laws = laws[:MOST_LAWS]
    shown = [plan for plan in answered if plan.card.name in drawn_laws]
    # laws may have budgets of their own for one question, a loss, say
    questions = list(dict.fromkeys(plan.question for plan in shown))
    asked = [questions[index] for index in spread(len(questions), MOST_BUDGETS)]
    valleys = [plan for plan in shown if plan.question in asked]
    rows: list[tuple[Panel, ...]] = []
    if any(isinstance(plan.card.law, PredictsLoss) for plan in valleys):
        rows.append((_valleys(valleys, several=len(drawn_laws) > 1),))
    if len(budgets) > 1 or not rows:
        marked = shown if len(questions) <= MOST_MARKS else valleys
        rows.append(frontiers(marked, several=len(drawn_laws) > 1))
    return Picture(_title(drawn_laws, budgets), tuple(rows), _notes(allocations, shown, len(questions)))


def _title(laws: Sequence[str], budgets: Sequence[float]) -> str:
    asked = format_flops(budgets[0])
    asked += f" to {format_flops(budgets[-1])}" if len(budgets) > 1 else ""
    return f"Optimal params for {asked} FLOPs" + (f" under {laws[0]}" if len(laws) == 1 else "")


def _notes(allocations: Sequence[Allocation], shown: Sequence[Allocation], asked: int) -> tuple[str, ...]:
    """Say which laws and budgets are not in the picture, and what must be known of those that are."""
    names = {plan.card.name for plan in shown}
    missing = [name for name in dict.fromkeys(plan.card.name for plan in allocations) if name not in names]
    notes = [f"Not drawn: {', '.join(missing)}."] if missing else []
    if asked > MOST_BUDGETS:
        notes.append(f"{MOST_BUDGETS} of {asked} budgets are drawn.")
    if any(plan.loss is None for plan in shown) and any(plan.loss is not None for plan in shown):
        notes.append("Upright lines are the sizes of laws that give no loss.")
    several = len(names) > 1
    for card in {plan.card.name: plan.card for plan in shown}.values():
        notes += [f"{card.name}: {note}" if several else note for note in said(card.findings)]
    return tuple(notes)


def _valleys(plans: Sequence[Allocation], *, several: bool) -> Panel:
    """Draw the loss over params of every plan's budget, what is asked for and what is best in it.

    With several laws each has its own look; of one law the budgets are shaded in their order.
    """
    budgets = sorted({plan.flops for plan in plans if plan.flops})
    drawn: list[Drawn] = []
    named: set[float] = set()
    for plan in plans:
        law, C = plan.card.law, plan.flops
        assert C is not None
        assert plan.params is not None
        group = plan.card.name if several else ""
        if not isinstance(law, PredictsLoss):
            drawn.append(Rule("fitted", plan.card.name, (plan.params,), group=group))
            continue
        shade = None if several or len(budgets) == 1 else budgets.index(C) / (len(budgets) - 1)
        valley = _valley(plan, law, group, shade)
        drawn += valley
        if not several:
            drawn += _sizes_said(plan, law)
        if len(budgets) > 1 and C not in named:
            named.add(C)
            line = next(one for one in valley if isinstance(one, Line) and one.role != "flat")
            drawn.append(Text(format_flops(C), *at(line.x[0], line.y[0]), "above"))
    title = "Loss over params" + (", at each budget of FLOPs" if len(budgets) > 1 else "")
    return Panel(title, Axis("params", "count", is_log=True), Axis(LOSS, "loss"), tuple(drawn))


def _valley(plan: Allocation, law: PredictsLoss, group: str, shade: float | None) -> list[Drawn]:
    """Draw one law's loss at one budget, its flat range and its optimum, and a plan beside it."""
    C, params = plan.flops, plan.params
    assert C is not None
    assert params is not None
    N_opt, _ = law.optimum(C)
    sizes = log_space(min(N_opt / REACH, params), max(N_opt * REACH, params), VALLEY_POINTS)
    role, name = _curve(plan, C, group)
    drawn: list[Drawn] = _band(plan, sizes, group, shade)
    if plan.flat_range:
        flat = log_space(plan.flat_range.low, plan.flat_range.high, FLAT_POINTS)
        label = f"wastes under {format_share(plan.flat_range.waste)}"
        drawn.append(Line("flat", label, flat, _losses(law, flat, C), group, shade))
    drawn.append(Line(role, name, sizes, _losses(law, sizes, C), group, shade))
    # a what-if's intervals are not the optimum's
    ends = (
        plan.uncertainty.intervals.get("params")
        if plan.uncertainty and not plan.question.is_what_if
        else None
    )
    optimum = at(N_opt, law.frontier_loss(C))
    drawn.append(Mark("optimum", "optimum", *optimum, x_interval=ends, group=group, shade=shade))
    if plan.question.is_what_if and plan.loss is not None:
        drawn.append(Mark("target", "as asked", *at(params, plan.loss)))
    return drawn


def _curve(plan: Allocation, C: float, group: str) -> tuple[Role, str]:
    """Return how a valley is drawn: dashed where its budget lies outside those the law was fitted to."""
    if group:
        return "fitted", group
    low, high = plan.card.fitted_range.get("flops", (C, C))
    name = "loss at the budget"
    return ("fitted", name) if low <= C <= high else ("beyond", f"{name}, extrapolated")


def _sizes_said(plan: Allocation, law: PredictsLoss) -> list[Drawn]:
    """Write the size of the optimum above it, and beside what was asked for what it wastes."""
    C, params = plan.flops, plan.params
    assert C is not None
    assert params is not None
    N_opt = law.optimum(C)[0]
    words: list[Drawn] = [Text(format_count(N_opt, 3), *at(N_opt, law.frontier_loss(C)), "above")]
    if plan.question.is_what_if and plan.loss is not None and plan.waste is not None:
        wasted = f"{format_count(params, 3)} wastes {format_share(plan.waste)}"
        words.append(Text(wasted, *at(params, plan.loss), "left" if params > N_opt else "right"))
    return words


def _losses(law: PredictsLoss, sizes: Numbers, C: float) -> Numbers:
    return tuple(law.loss(N, C / (FLOPS_PER_PARAM_TOKEN * N)) for N in sizes)


def _band(plan: Allocation, sizes: Numbers, group: str, shade: float | None) -> list[Drawn]:
    """Draw how sure the loss is along a valley, where the law has draws."""
    draws = [draw for draw in plan.card.draws if isinstance(draw, PredictsLoss)]
    if not draws or plan.flops is None:
        return []
    import numpy as np

    from scaling_cli.planning.bands import loss_band

    N, level = np.array(sizes), plan.question.interval
    ends = loss_band(draws, N, plan.flops / (FLOPS_PER_PARAM_TOKEN * N), level)
    label = f"{format_share(level)} interval"
    return [Band("interval", label, sizes, numbers(ends.low), numbers(ends.high), group, shade)]


def frontiers(
    plans: Sequence[Allocation],
    *,
    several: bool,
    span: Range | None = None,
    runs: Sequence[frontier.Sizes] = (),
    beside: Sequence[frontier.Sizes] = (),
) -> tuple[Panel, Panel]:
    """Draw each law's params and tokens over the budgets, its interval, and the plans.

    Without a ``span`` the budgets are those of the plans; ``runs`` and the lines ``beside`` lie behind.
    """
    span = span or frontier.budgets_span(*(plan.flops for plan in plans if plan.flops))
    cards = {plan.card.name: plan.card for plan in plans}
    levels = {plan.card.name: plan.question.interval for plan in plans}
    bands: list[frontier.SizeBand] = []
    lines: list[frontier.Sizes] = [*beside]
    for name, card in cards.items():
        assert isinstance(card.law, Allocates)  # it gave a size
        if several:
            lines.append(frontier.law_sizes(card.law, span, "fitted", name, name))
        else:
            fitted = card.fitted_range.get("flops", span)
            lines += frontier.fitted_sizes(card.law, span, fitted, "frontier")
        if card.draws:
            label = f"{format_share(levels[name])} interval"
            band = frontier.law_band(card.draws, span, label, levels[name], name if several else "")
            bands += [band] if band else []
    marks = (
        frontier.plan_mark(plan, "target", "as asked")
        if plan.question.is_what_if
        else frontier.plan_mark(plan, "optimum", "optimum", plan.card.name if several else "")
        for plan in plans
    )
    return frontier.frontier_panels(
        bands=bands, points=runs, lines=lines, marks=[mark for mark in marks if mark]
    )
