"""Whether the losses of two recipes can be of one unit: what no recipe explains, another unit does."""

import math
from collections.abc import Sequence

from scaling_cli.errors import InputError
from scaling_cli.findings import Finding
from scaling_cli.laws.card import Range
from scaling_cli.planning.common_runs import log_loss_ratios
from scaling_cli.planning.loss_measure import BITS_PER_BYTE
from scaling_cli.planning.recipe import Recipe
from scaling_cli.units import format_flops, format_number

SUSPECT = 1.2
"""Losses at one budget farther apart than this are suspect. A tenfold gain of compute takes 14 % off the
loss of besiroglu2024 at 6e18 FLOPs and 6 % at 3e21, where 20 % would be below its E, which no compute
reaches: a multiplier past any number."""

CERTAIN = 1.4
"""Farther apart than this at every budget they are of two units, and refused: the nearest two in use,
nats and bits, differ by 1/ln 2 = 1.44; nats per token and bits per byte by 1.7 and more."""

CONSTANT = 0.01
"""Ratios of the losses of the same runs that spread by less than this (one standard deviation, two noises
of 0.5 % and a small gain) are one ratio. A gain that takes a fifth off the largest losses takes other shares
off the lower ones, nearer to E: a unit takes the same off all."""

FEWEST = 5
"""So few ratios can be alike by chance."""

SPREAD = 1.1
"""Ratios tell a unit from a gain where the losses themselves differ by this much."""


def check_loss_levels(recipes: Sequence[Recipe], unit: str, target: float) -> tuple[Finding, ...]:
    """Warn of recipes whose losses are too far from the first one's for a recipe to explain.

    They are compared over the budgets of both, or where one has none those of the other, else at
    ``target``. ``unit`` is what their losses are said to be in. Raises ``InputError`` where they are in
    two units, unless it is bits per byte, of which every recipe states something.
    """
    baseline = recipes[0]
    return tuple(found for recipe in recipes[1:] for found in _check(baseline, recipe, unit, target))


def _check(baseline: Recipe, recipe: Recipe, unit: str, target: float) -> tuple[Finding, ...]:
    least, most = _common_budgets(baseline.fitted_flops, recipe.fitted_flops, target)
    budgets = (least, math.sqrt(least * most), most)
    logs = [math.log(_loss(recipe, C) / _loss(baseline, C)) for C in budgets]
    if max(logs) * min(logs) <= 0 or min(map(abs, logs)) <= math.log(SUSPECT):
        return ()
    C = budgets[1]
    said = (
        f"at {format_flops(C, 3)} FLOPs the loss of {baseline.name} is "
        f"{format_number(_loss(baseline, C), 4)}, that of {recipe.name} "
        f"{format_number(_loss(recipe, C), 4)}: no recipe is known to change it so much"
    )
    is_certain = min(map(abs, logs)) > math.log(CERTAIN) or _is_constant(baseline, recipe)
    if is_certain and unit != BITS_PER_BYTE:
        lower, higher = (recipe, baseline) if logs[1] < 0 else (baseline, recipe)
        raise InputError(
            f"mixed-loss-units: {said}",
            hint=f"if {lower.name} is in bits per byte, call its column bpb, compare it as a YAML file "
            f"(runs: ..., columns: {{loss: bpb}}), and give {higher.name} a column bytes_per_token",
        )
    return (Finding("unit-suspect", "warning", f"{said}, so their units or their texts may be others"),)


def _loss(recipe: Recipe, C: float) -> float:
    return float(recipe.frontier.loss(C)[0])


def _common_budgets(first: Range | None, second: Range | None, target: float) -> Range:
    """Return the budgets of both recipes; where they are apart, those between them."""
    ranges = [one for one in (first, second) if one]
    if not ranges:
        return target, target
    ends = max(one[0] for one in ranges), min(one[1] for one in ranges)
    return min(ends), max(ends)


def _is_constant(baseline: Recipe, recipe: Recipe) -> bool:
    """Say whether the same runs have one ratio of losses, however large the losses are."""
    import numpy as np

    if baseline.runs is None or recipe.runs is None:
        return False
    if np.ptp(np.log(baseline.runs.loss)) < math.log(SPREAD):
        return False
    ratios = log_loss_ratios(baseline.runs, recipe.runs)
    return len(ratios) >= FEWEST and bool(ratios.std() <= CONSTANT)
