"""Plans in a picture: their loss over their cost, and the cheapest cost of every loss."""

from collections.abc import Sequence
from dataclasses import replace

from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.compare_plans import RankedPlan, cheapest_at
from scaling_cli.planning.constrained.limits import Cost
from scaling_cli.planning.constrained.money import flops_cost, goal_cost, rates_of
from scaling_cli.planning.constrained.plan import Plan
from scaling_cli.reports.pictures.names import place_names
from scaling_cli.reports.pictures.picture import LOSS, Axis, Drawn, Line, Panel, Picture, Points, said
from scaling_cli.reports.pictures.scale import frame
from scaling_cli.units import format_count

STEPS = 61
"""Losses at which the cheapest plan is solved for."""

MOST_LINES = 7
"""Demands and data that differ have a line each, as many as there are ways to draw one."""

ROOM = 2.0
"""The frame of costs reaches past the outermost plan by this factor."""

BEYOND = 0.1
"""The losses drawn reach past those of the plans by this share of what is left above E."""


def plans_picture(found: Sequence[RankedPlan]) -> Picture | None:
    """Return the picture of ``scaling compare plans``; ``None`` where the law predicts no loss."""
    told = [one for one in found if one.waste is not None]
    if not told:
        return None
    is_priced = all(one.total_usd is not None for one in told)
    points = [(one.name, *_place(one, is_priced=is_priced)) for one in told]
    names, costs, losses = zip(*points, strict=True)
    serves = any(one.solved.inference_flops for one in told)
    phases = "training and serving" if serves else "training"
    label = (
        f"dollars of {phases}"
        if is_priced
        else f"FLOPs of {phases} (6 N D{' + 2 N D_inf' if serves else ''})"
    )
    cost = Axis(
        label, "count" if is_priced else "flops", is_log=True, low=min(costs) / ROOM, high=max(costs) * ROOM
    )
    loss = Axis(LOSS, "loss")
    lines = _frontiers(told, min(losses), max(losses), is_priced=is_priced)
    drawn: list[Drawn] = [*lines[:MOST_LINES], Points("target", "plan", costs, losses)]
    bare = Panel("The cheapest plan of every loss lies on the line", cost, loss, tuple(drawn))
    texts = place_names(points, (cost, loss), frame(bare))
    notes = list(said(finding for one in told for finding in one.solved.allocation.findings))
    if len(texts) < len(names):
        notes.append(f"{len(names) - len(texts)} of {len(names)} plans have no room for their names.")
    missing = [one.name for one in found if one.waste is None]
    notes += [f"Not drawn: {', '.join(missing)}."] if missing else []
    title = f"Plans compared under {told[0].solved.allocation.card.name}"
    return Picture(title, ((replace(bare, drawn=(*drawn, *texts)),),), tuple(notes))


def _place(one: RankedPlan, *, is_priced: bool) -> tuple[float, float]:
    """Return a plan's cost and loss."""
    cost = one.total_usd if is_priced else one.solved.total_flops
    loss = one.solved.allocation.loss
    assert cost is not None
    assert loss is not None
    return cost, loss


def _cost(plan: Plan, *, is_priced: bool) -> Cost:
    return goal_cost(plan, rates_of(plan)) if is_priced else flops_cost(plan)


def _frontiers(told: Sequence[RankedPlan], low: float, high: float, *, is_priced: bool) -> list[Line]:
    """Return the least cost over the losses, a line for all plans that share prices, demand and data."""
    kinds: dict[tuple[Cost, float | None, float | None], RankedPlan] = {}
    for one in told:
        plan = one.solved.plan
        kinds.setdefault((_cost(plan, is_priced=is_priced), plan.unique_tokens, plan.epochs), one)
    lines = []
    for (cost, _, _), one in kinds.items():
        law = one.solved.allocation.card.law
        assert isinstance(law, PredictsLoss)
        first, last = low - BEYOND * (low - law.E), high + BEYOND * (high - law.E)
        losses = [first + (last - first) * step / (STEPS - 1) for step in range(STEPS)]
        solved = [(L, cheapest_at(one.solved.plan, law, cost, L)) for L in losses]
        reached = [(cost(*best), L) for L, best in solved if best is not None]
        if not reached:
            continue
        costs, heights = zip(*reached, strict=True)
        label = _label(one.solved.plan, several=len(kinds) > 1)
        lines.append(Line("fitted", label, costs, heights, group=label if len(kinds) > 1 else ""))
    return lines


def _label(plan: Plan, *, several: bool) -> str:
    """Name a line by what sets it apart, where there are several."""
    apart = []
    if plan.inference_tokens is not None:
        apart.append(f"{format_count(plan.inference_tokens)} served")
    if plan.unique_tokens is not None:
        apart.append(f"{format_count(plan.unique_tokens)} unique")
    return f"cheapest, {', '.join(apart) or 'training alone'}" if several else "cheapest"
