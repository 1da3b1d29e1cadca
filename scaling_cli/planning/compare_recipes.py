"""Recipes against each other: how much less compute one needs than the other, how surely, and where."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.laws.card import NOT_STATED, Range
from scaling_cli.planning.allocation import extrapolation_findings
from scaling_cli.planning.common_runs import are_identical
from scaling_cli.planning.compute_multiplier import (
    Ends,
    Multiplier,
    log_interval,
    log_multipliers,
    multiplier_at,
    multiplier_for_loss,
)
from scaling_cli.planning.crossover import BEYOND, Crossover, find_crossover
from scaling_cli.planning.frontiers import Frontiers
from scaling_cli.planning.loss_levels import check_loss_levels
from scaling_cli.planning.recipe import (
    Pairing,
    Recipe,
    comparable_exponents,
    pair_draws,
    pick,
    pick_exponents,
)
from scaling_cli.planning.shared_exponents import SharedExponents, Trend, compare_exponents, find_trend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

FACTORS = (1.0, 10.0, 100.0)
"""Where no budget is given: these multiples of the largest budget fitted."""

DEFAULT_FLOPS = 5.76e23
"""Where no recipe has runs: the budget of Gopher and Chinchilla (Hoffmann et al. 2022)."""

CURVE_POINTS = 61
"""Budgets at which the multiplier is traced."""


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """L*(C) of a recipe at C = ``flops``: the law's ``interval``, and what one new run would show.

    ``None`` without draws, or (the second) without residuals.
    """

    flops: float
    loss: float
    interval: Range | None = None
    observed: Range | None = None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The multiplier where the baseline spends ``flops``; ``None`` where the recipe never gets there."""

    flops: float
    value: float | None
    interval: Ends | None


@dataclass(frozen=True, slots=True, eq=False)
class RecipeComparison:
    """A recipe against the baseline: ``draws`` pairs of laws, and by what they are pairs (``pairing``).

    ``p_better`` is the share of the draws in which the recipe reaches less loss with ``target`` FLOPs,
    ``None`` without draws. ``at_target`` is the multiplier there, ``curve`` the multiplier from the
    smallest budget fitted to the largest asked for.
    """

    baseline: Recipe
    recipe: Recipe
    draws: int
    pairing: Pairing | None
    target: float
    at_target: Multiplier
    multipliers: tuple[Multiplier, ...]
    crossover: Crossover
    shared_exponents: SharedExponents
    trend: Trend
    curve: tuple[CurvePoint, ...]

    @property
    def p_better(self) -> float | None:
        """P(the recipe reaches less loss with ``target`` FLOPs)."""
        return self.at_target.p_better


@dataclass(frozen=True, slots=True, eq=False)
class RecipesCompared:
    """All recipes against the first. ``flops`` are the budgets of the multipliers and of ``frontiers``.

    ``frontiers[k]`` holds the k-th recipe's loss at each of them; ``unit`` is what losses are in.
    """

    recipes: tuple[Recipe, ...]
    comparisons: tuple[RecipeComparison, ...]
    frontiers: tuple[tuple[FrontierPoint, ...], ...]
    flops: tuple[float, ...]
    target: float
    unit: str
    level: float
    findings: tuple[Finding, ...]


def budgets_for(fitted: Sequence[Range | None], flops: Sequence[float]) -> tuple[tuple[float, ...], float]:
    """Return the budgets to compare at, and the one that matters: the target.

    Those given, of which the largest is the target; else the largest budget that any recipe's runs had
    (``fitted`` holds their least and largest), 10 and 100 times as much, with the first for a target.
    """
    if flops:
        return tuple(dict.fromkeys(flops)), max(flops)
    largest = max((ends[1] for ends in fitted if ends), default=DEFAULT_FLOPS)
    return tuple(factor * largest for factor in FACTORS), largest


def compare_recipes(
    recipes: Sequence[Recipe],
    *,
    flops: Sequence[float] = (),
    losses: Sequence[float] = (),
    unit: str,
    level: float = 0.9,
    findings: Sequence[Finding] = (),
) -> RecipesCompared:
    """Compare every recipe with the first, at budgets of the baseline in FLOPs and at ``losses``.

    ``unit`` is what the losses of all recipes are in. ``level`` is that of the intervals. Raises
    ``InputError`` where they can only be in two units.
    """
    budgets, target = budgets_for([one.fitted_flops for one in recipes], flops)
    levels = check_loss_levels(recipes, unit, target)
    searched = _searched(recipes, (*budgets, target))
    baseline = recipes[0]
    return RecipesCompared(
        recipes=tuple(recipes),
        comparisons=tuple(
            _compare(baseline, recipe, budgets, losses, target, searched, level) for recipe in recipes[1:]
        ),
        frontiers=tuple(tuple(_frontier_point(one, C, level) for C in budgets) for one in recipes),
        flops=budgets,
        target=target,
        unit=unit,
        level=level,
        findings=(
            *findings,
            *levels,
            *_identical(recipes),
            *_mixed_params(recipes),
            *_extrapolation(recipes, max(budgets)),
        ),
    )


def _searched(recipes: Sequence[Recipe], budgets: Sequence[float]) -> Range:
    """Return where a crossover is looked for: from the smallest budget fitted to 1000 times the largest.

    The budgets asked for lie within; without runs they are the middle of it.
    """
    fitted = [one.fitted_flops for one in recipes if one.fitted_flops]
    low = min((ends[0] for ends in fitted), default=min(budgets) / BEYOND)
    high = BEYOND * max((ends[1] for ends in fitted), default=max(budgets))
    return min(low, *budgets), max(high, *budgets)


def _compare(
    baseline: Recipe,
    recipe: Recipe,
    budgets: Sequence[float],
    losses: Sequence[float],
    target: float,
    searched: Range,
    level: float,
) -> RecipeComparison:
    pairs = pair_draws(baseline, recipe)
    A, B = baseline.frontier, recipe.frontier
    draws = exponent_draws = None
    if pairs is not None:
        draws = pick(baseline, pairs.first), pick(recipe, pairs.second)
        exponent_draws = pick_exponents(baseline, pairs.first), pick_exponents(recipe, pairs.second)
    exponents = comparable_exponents(baseline, recipe), comparable_exponents(recipe, baseline)
    shared = compare_exponents(exponents, exponent_draws, level)
    if baseline.is_few or recipe.is_few:
        untested = shared.untested or "few-points"
        shared = replace(shared, p_value=None, is_rejected=None, untested=untested)
    multipliers = [multiplier_at(A, B, C, level, draws) for C in budgets]
    return RecipeComparison(
        baseline=baseline,
        recipe=recipe,
        draws=0 if pairs is None else len(pairs.first),
        pairing=None if pairs is None else pairs.by,
        target=target,
        at_target=multiplier_at(A, B, target, level, draws),
        multipliers=(*multipliers, *(multiplier_for_loss(A, B, L, level, draws) for L in losses)),
        crossover=find_crossover(A, B, searched, target, level, draws),
        shared_exponents=shared,
        trend=find_trend(A, B, target, level, shared, draws),
        curve=_trace(A, B, searched[0], max(budgets), level, draws),
    )


def _trace(
    baseline: Frontiers,
    recipe: Frontiers,
    low: float,
    high: float,
    level: float,
    draws: tuple[Frontiers, Frontiers] | None,
) -> tuple[CurvePoint, ...]:
    """Return the multiplier along the budgets, with its interval."""
    import numpy as np

    budgets = np.geomspace(low, high, CURVE_POINTS) if low < high else np.array([high])
    values = log_multipliers(baseline, recipe, budgets[:, None])[:, 0]
    drawn = None if draws is None else log_multipliers(*draws, budgets[:, None])
    return tuple(
        CurvePoint(
            flops=C,
            value=math.exp(value) if math.isfinite(value) else None,
            interval=None if drawn is None else log_interval(drawn[place], level)[0],
        )
        for place, (C, value) in enumerate(zip(budgets.tolist(), values.tolist(), strict=True))
    )


def _frontier_point(recipe: Recipe, C: float, level: float) -> FrontierPoint:
    """Return the loss of a recipe at a budget, with the intervals that its draws or its line give."""
    import numpy as np

    from scaling_cli.planning.uncertainty import NOISE_SEED, percentile_interval

    loss = float(recipe.frontier.loss(C)[0])
    if recipe.line is not None:
        law, point = (recipe.line.interval(C, level, is_new_point=new) for new in (False, True))
        return FrontierPoint(C, loss, law, point)
    if recipe.draws is None:
        return FrontierPoint(C, loss)
    drawn = recipe.draws.loss(C)
    observed = None
    if recipe.card.residuals:
        noise = np.random.default_rng(NOISE_SEED).choice(np.array(recipe.card.residuals), len(drawn))
        # a residual is log L_predicted - log L
        observed = percentile_interval(drawn * np.exp(-noise), level)
    return FrontierPoint(C, loss, percentile_interval(drawn, level), observed)


def _identical(recipes: Sequence[Recipe]) -> tuple[Finding, ...]:
    """Warn of tables that hold the baseline's runs with their very losses: one is a copy of the other."""
    baseline = recipes[0]
    if baseline.runs is None:
        return ()
    copies = [one.name for one in recipes[1:] if one.runs and are_identical(baseline.runs, one.runs)]
    if not copies:
        return ()
    message = f"{baseline.name} and {' and '.join(copies)} hold the same runs with the same losses"
    return (Finding("identical-tables", "warning", message),)


def _mixed_params(recipes: Sequence[Recipe]) -> tuple[Finding, ...]:
    """Warn where the recipes count params, and with them C = 6 N D, in different ways."""
    # however a source says it, "total, with one embedding", it is total
    kinds = {one.name: one.card.params_definition.partition(",")[0] for one in recipes}
    if len({kind for kind in kinds.values() if kind != NOT_STATED}) < 2:
        return ()
    said = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    message = f"the recipes count different params ({said}): 6 N D is another budget in each"
    return (Finding("mixed-params", "warning", message),)


def _extrapolation(recipes: Sequence[Recipe], C: float) -> tuple[Finding, ...]:
    """Say how far the largest budget lies beyond the runs, of the recipe for which that is farthest."""
    fitted = [one for one in recipes if one.fitted_flops]
    if not fitted:
        return ()
    return extrapolation_findings(min(fitted, key=lambda one: one.card.fitted_range["flops"][1]).card, C)
