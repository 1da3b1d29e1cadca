"""Recipes in a picture: how much compute one is worth over the baseline, and the frontiers behind it."""

from typing import TYPE_CHECKING

from scaling_cli.planning.compare_recipes import RecipeComparison, RecipesCompared
from scaling_cli.planning.recipe import Recipe
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.reports.pictures.frontier import FLOPS
from scaling_cli.reports.pictures.picture import (
    Axis,
    Band,
    Drawn,
    Line,
    Mark,
    Panel,
    Picture,
    Points,
    Rule,
    at,
    numbers,
    said,
    spread,
)
from scaling_cli.units import format_share

if TYPE_CHECKING:
    from scaling_cli.reports.pictures.picture import Range

BASELINE_FLOPS = Axis("training FLOPs of the baseline (6 N D)", "flops", is_log=True)
MULTIPLIER = Axis("compute multiplier", "loss", is_log=True)

MOST_RUNS = 2000
"""Runs that are drawn of a recipe, evenly along its table."""


def recipes_picture(found: RecipesCompared) -> Picture:
    """Return the picture of ``scaling compare recipes``: multipliers, beside loss over FLOPs."""
    level = format_share(found.level)
    multipliers: list[Drawn] = []
    for comparison in found.comparisons:
        multipliers += _multiplier(comparison, level)
    budgets = [point.flops for comparison in found.comparisons for point in comparison.curve]
    span = min(budgets), max(budgets)
    multipliers.append(Line("level", "equally good", span, (1.0, 1.0)))
    losses: list[Drawn] = []
    for recipe in found.recipes:
        losses += _frontier(recipe, span, found.level)
    loss = Axis(f"loss ({found.unit})", "loss")
    names = " and ".join(comparison.recipe.name for comparison in found.comparisons)
    return Picture(
        f"{names} against {found.recipes[0].name}",
        (
            (
                Panel("Compute that the recipe saves", BASELINE_FLOPS, MULTIPLIER, tuple(multipliers)),
                Panel("Loss that the best use of a budget reaches", FLOPS, loss, tuple(losses)),
            ),
        ),
        notes=said(found.findings),
    )


def _multiplier(comparison: RecipeComparison, level: str) -> list[Drawn]:
    """Return the multiplier over the baseline's budget, its interval, the target and the crossover."""
    group = comparison.recipe.name
    known = [(point.flops, point.value, point.interval) for point in comparison.curve if point.value]
    banded = [
        (flops, ends[0], ends[1])
        for flops, _, ends in known
        if ends and ends[0] is not None and ends[1] is not None
    ]
    drawn: list[Drawn] = []
    if banded:
        flops, low, high = (numbers(column) for column in zip(*banded, strict=True))
        drawn.append(Band("interval", f"{level} interval", flops, low, high, group=group))
    if known:
        flops, value = (numbers(column) for column in zip(*((C, m) for C, m, _ in known), strict=True))
        drawn.append(Line("fitted", f"{group} over the baseline", flops, value, group=group))
    here = comparison.at_target
    if here.value:
        drawn.append(
            Mark(
                "target",
                f"target, with its {level} interval",
                *at(comparison.target, here.value),
                y_interval=_closed(here.interval),
                group=group,
            )
        )
    if comparison.crossover.flops is not None:
        drawn.append(Rule("optimum", "crossover", (comparison.crossover.flops,), group=group))
    return drawn


def _closed(ends: "tuple[float | None, float | None] | None") -> "Range | None":
    """Return an interval of which both ends are known."""
    if ends is None or ends[0] is None or ends[1] is None:
        return None
    return ends[0], ends[1]


def _frontier(recipe: Recipe, span: "Range", level: float) -> list[Drawn]:
    """Return a recipe's frontier with its interval, and its runs where it has some."""
    import numpy as np

    C = np.geomspace(*span, 61)
    drawn: list[Drawn] = []
    if recipe.draws is not None and len(recipe.draws):
        losses = recipe.draws.loss(C[:, None])
        ends = [percentile_interval(row, level) for row in losses]
        low, high = (numbers(column) for column in zip(*ends, strict=True))
        label = f"{format_share(level)} interval"
        drawn.append(Band("interval", label, numbers(C), low, high, group=recipe.name))
    if recipe.runs is not None:
        kept = spread(len(recipe.runs), MOST_RUNS)
        flops, loss = recipe.runs.flops_6ND[kept], recipe.runs.loss[kept]
        drawn.append(Points("runs", "runs", numbers(flops), numbers(loss), group=recipe.name))
    line = numbers(recipe.frontier.loss(C))
    drawn.append(Line("fitted", f"frontier of {recipe.name}", numbers(C), line, group=recipe.name))
    return drawn
