"""Comparisons in pictures: the frontiers of laws and what the wrong one wastes; models beside frontiers."""

from collections.abc import Sequence
from dataclasses import replace

from scaling_cli.laws.card import LawCard
from scaling_cli.laws.conversion import is_comparable
from scaling_cli.laws.law import Allocates, PredictsLoss
from scaling_cli.planning.compare_laws import LawComparison
from scaling_cli.planning.compare_models import ModelUnderLaw
from scaling_cli.planning.regret import wasted_share
from scaling_cli.reports.pictures import frontier
from scaling_cli.reports.pictures.names import place_names
from scaling_cli.reports.pictures.picture import (
    Axis,
    Drawn,
    Line,
    Panel,
    Picture,
    Points,
    Range,
    log_space,
)
from scaling_cli.reports.pictures.plan import MOST_LAWS, frontiers
from scaling_cli.reports.pictures.scale import frame
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K

MOST_TRUTHS = 2
"""Laws taken to be the truth, each in a panel of its own."""

ROOM = 2.0
"""The frame of models reaches past the outermost by this factor."""

WASTE = Axis("wasted share of the compute (%)", "percent", low=0.0)


def laws_picture(found: LawComparison) -> Picture | None:
    """Return the picture of ``scaling compare laws``; ``None`` where no law divides a budget."""
    answered = [plan for plan in found.allocations if plan.flops and plan.params]
    names = list(dict.fromkeys(plan.card.name for plan in answered))[:MOST_LAWS]
    shown = [plan for plan in answered if plan.card.name in names]
    if not shown:
        return None
    rows: list[tuple[Panel, ...]] = [frontiers(shown, several=True)]
    cards = [card for card in found.cards if card.name in names]
    span = frontier.budgets_span(*found.waste.flops)
    able = [card for card in cards if is_comparable(card)]
    truths = [card for card in able if isinstance(card.law, PredictsLoss)][:MOST_TRUTHS]
    rows += [tuple(_waste(able, card, span) for card in truths)] if len(able) > 1 and truths else []
    missing = [card.name for card in found.cards if card.name not in names]
    notes = (f"Not drawn: {', '.join(missing)}.",) if missing else ()
    return Picture("Laws compared: what they make of the same compute", tuple(rows), notes)


def _waste(followed: Sequence[LawCard], true: LawCard, span: Range) -> Panel:
    """Draw what the plan of every law wastes over budgets if ``true`` is."""
    law = true.law
    assert isinstance(law, PredictsLoss)
    flops = log_space(*span, frontier.STEPS)
    drawn: list[Drawn] = []
    for card in followed:
        if card.name == true.name or not isinstance(card.law, Allocates):
            continue
        plans = (card.law.optimum(C) for C in flops)
        wasted = tuple(
            100 * wasted_share(law, N, C / (K * N)) for C, (N, _) in zip(flops, plans, strict=True)
        )
        drawn.append(Line("fitted", card.name, flops, wasted, group=card.name))
    return Panel(f"Wasted if {true.name} is true", frontier.FLOPS, WASTE, tuple(drawn))


def models_picture(found: Sequence[ModelUnderLaw]) -> Picture:
    """Return the picture of ``scaling compare models``: their params and tokens, and the laws' frontiers."""
    models = {one.model.name: one.model for one in found}
    points = [(model.name, model.compute_params, model.tokens) for model in models.values()]
    budgets = [model.flops for model in models.values()]
    span = min(budgets) / ROOM, max(budgets) * ROOM
    cards = {one.card.name: one.card for one in found}
    laws = {name: card.law for name, card in cards.items() if isinstance(card.law, Allocates)}
    drawn: list[Drawn] = []
    for name, law in list(laws.items())[:MOST_LAWS]:
        line = frontier.law_sizes(law, span, "fitted", f"optimum under {name}")
        group = name if len(laws) > 1 else ""
        drawn.append(Line(line.role, line.label, line.params, line.tokens, group=group))
    _, sizes, tokens = zip(*points, strict=True)
    drawn.append(Points("runs", "model", sizes, tokens))
    params, counts = (
        Axis(label, "count", is_log=True, low=min(seen) / ROOM, high=max(seen) * ROOM)
        for label, seen in (("params", sizes), ("tokens", tokens))
    )
    bare = Panel("Params and tokens", params, counts, tuple(drawn))
    names = place_names(points, (params, counts), frame(bare))
    title = "Models beside the compute-optimal frontier"
    left_out = len(points) - len(names)
    notes = (f"{left_out} of {len(points)} models have no room for their names.",) if left_out else ()
    return Picture(title, ((replace(bare, drawn=(*drawn, *names)),),), notes)
