"""A comparison of recipes as a report, of the schema ``scaling.compare.recipes/1``."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from scaling_cli.findings import Finding
from scaling_cli.laws.card import Range
from scaling_cli.planning.compare_recipes import FrontierPoint, RecipeComparison, RecipesCompared
from scaling_cli.planning.compute_multiplier import BASELINE_UNREACHED, Ends, Multiplier
from scaling_cli.planning.crossover import Crossover
from scaling_cli.planning.recipe import Recipe
from scaling_cli.planning.shared_exponents import FRONTIER, SharedExponents
from scaling_cli.reports.fit import shortened
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_flops, format_number, format_share

UNKNOWN = "-"

LONGEST_NAME = 24
"""Of a recipe's name in a table so many letters stand, so that it fits 80 columns; the JSON has all."""

LEAST_CHANCE = 1e-3
"""A thousand draws cannot tell a smaller chance than this from none."""

_LAWS = (
    "The frontiers L*(C) = E + K C^-exponent, with their loss at the target and the {level} intervals of "
    "the law and of one new run{by}."
)
_BY = {
    "bootstrap": "from refits to resampled runs",
    "student-t": "Student's t through the points",
    "draws": "from the draws of the law file",
}


def compare_recipes_report(found: RecipesCompared) -> Report:
    """Return the report of ``scaling compare recipes``: the second against the first, then the others."""
    first, *others = found.comparisons
    return Report(
        schema="scaling.compare.recipes/1",
        data={
            **_comparison_dict(first, found),
            "others": [_comparison_dict(one, found) for one in others],
            "level": found.level,
            "loss_unit": found.unit,
            "recipes": [
                _recipe_dict(recipe, points, found.level)
                for recipe, points in zip(found.recipes, found.frontiers, strict=True)
            ],
            "findings": [finding.as_dict() for finding in found.findings],
        },
        sections=(
            *(_summary(one, found.level) for one in found.comparisons),
            _multiplier_table(found),
            *(_exponent_table(one, found.level) for one in found.comparisons),
            _law_table(found),
        ),
        rows=list(_rows(found)),
        notes=_notes(found),
    )


def verdict(one: RecipeComparison, level: float) -> str:
    """Say in one sentence whether the recipe is better at the target, by how much, and whether that lasts."""
    name, baseline, C = one.recipe.name, one.baseline.name, format_flops(one.target)
    at = one.at_target
    if at.compute is None:
        sure = "" if at.p_better is None else f" (better in {_chance(at.p_better)} of the draws)"
        return f"{name} never reaches the loss that {baseline} reaches with {C} FLOPs{sure}"
    needs = f"{name} needs {_times(at.compute)} the compute of {baseline} at {C}"
    if at.interval is None:
        return f"{needs}; without draws nobody knows how surely"
    low, high = at.interval
    inverse = (None if high is None else 1 / high, None if low is None else 1 / low)
    needs = f"{needs} ({format_share(level)}: {_ends(inverse, _times)})"
    if (low is None or low <= 1) and (high is None or high >= 1):
        p = 0.5 if at.p_better is None else at.p_better
        return f"which is better is open: {needs}, and is the better one in {_chance(p)} of the draws"
    return f"{needs}; {_growth(one)}"


def _growth(one: RecipeComparison) -> str:
    """Say whether the gain of the recipe, or its arrears, change with scale."""
    assert one.at_target.value is not None
    is_better = one.at_target.value > 1
    if one.trend.growth == "not-established":
        return f"that {'the gain' if is_better else 'the gap'} changes with scale is not established"
    if one.trend.growth == "grows":
        return "the gain grows with scale" if is_better else "the gap closes with scale"
    return "the gain shrinks with scale" if is_better else "the gap widens with scale"


def _comparison_dict(one: RecipeComparison, found: RecipesCompared) -> dict[str, object]:
    """Return what is said of one recipe against the baseline; what nobody knows is null."""
    exponents, trend = one.shared_exponents, one.trend
    return {
        "baseline": one.baseline.name,
        "recipe": one.recipe.name,
        "verdict": verdict(one, found.level),
        "target": one.target,
        "pairing": one.pairing,
        "multipliers": [_multiplier_dict(each) for each in one.multipliers],
        "p_better": one.p_better,
        "crossover": _crossover_dict(one.crossover),
        "shared_exponents": {
            "differences": {
                name: {"value": each.value, "interval": _list(each.interval), "holds_zero": each.holds_zero}
                for name, each in exponents.differences.items()
            },
            "p_value": exponents.p_value,
            "rejected": exponents.is_rejected,
        },
        "trend": {
            "flops": trend.flops,
            "per_tenfold": trend.per_decade,
            "interval": _list(trend.interval),
            "growth": trend.growth,
        },
        "curve": [
            {"flops": point.flops, "value": point.value, "interval": _list(point.interval)}
            for point in one.curve
        ],
    }


def _multiplier_dict(one: Multiplier) -> dict[str, object]:
    entry: dict[str, object] = {
        "flops": one.flops,
        "loss": one.loss,
        "value": one.value,
        "interval": _list(one.interval),
        "p_better": one.p_better,
        "unreached": one.unreached,
    }
    return entry | ({"reason": one.reason} if one.reason else {})


def _crossover_dict(one: Crossover) -> dict[str, object]:
    return {
        "flops": one.flops,
        "interval": _list(one.interval),
        "leads_after": "recipe" if one.leads_after else "baseline",
        "share": one.share,
        "other": one.other,
        "searched": list(one.searched),
    }


def _recipe_dict(recipe: Recipe, points: Sequence[FrontierPoint], level: float) -> dict[str, object]:
    """Return one entry of ``recipes``: its law, what that was fitted to, and its frontier at the budgets."""
    fitted = {name: list(ends) for name, ends in recipe.card.fitted_range.items()}
    return {
        "name": recipe.name,
        "law": recipe.card.law.as_dict(),
        "frontier_exponent": recipe.exponents[FRONTIER],
        "runs": None if recipe.runs is None else {"read": recipe.read, "used": recipe.runs},
        "fitted_range": fitted,
        "intervals_from": recipe.sureness,
        "frontier": [
            {
                "flops": point.flops,
                "loss": point.loss,
                "interval": _list(point.interval),
                "observed_interval": _list(point.observed),
            }
            for point in points
        ],
        "findings": [finding.as_dict() for finding in recipe.findings],
    }


def _list(ends: Ends | None) -> list[float | None] | None:
    return None if ends is None else list(ends)


def _summary(one: RecipeComparison, level: float) -> Record:
    """Say what comes of it, in words."""
    fields = [
        ("verdict", verdict(one, level)),
        ("crossover", _crossover(one.crossover, one, level)),
        ("with scale", _trend(one, level)),
        ("exponents", _exponents(one.shared_exponents)),
    ]
    if one.pairing is not None:
        draws = {
            "paired": "paired: both tables hold the same runs, and are resampled alike",
            "joint": "joint: each table is resampled by itself, and all are fitted together",
            "independent": "independent",
        }
        fields.append(("draws", draws[one.pairing]))
    return Record(f"{one.recipe.name} against {one.baseline.name}", tuple(fields))


def _crossover(crossover: Crossover, one: RecipeComparison, level: float) -> str:
    """Say where the frontiers cross, who leads from there on, and in which share of the draws."""
    leader = one.recipe.name if crossover.leads_after else one.baseline.name
    low, high = crossover.searched
    if crossover.flops is None:
        none = f"none in range ({_budget(low)} to {_budget(high)})"
        if not crossover.share:
            return none
        where = "" if crossover.interval is None else f": {_ends(crossover.interval, _budget)}"
        return f"{none}; in {_chance(crossover.share)} of the draws {leader} takes the lead{where}"
    sure = ""
    if crossover.interval is not None:
        sure = f" ({format_share(level)}: {_ends(crossover.interval, _budget)})"
    share = "" if crossover.share is None else f", so in {_chance(crossover.share)} of the draws"
    other = "" if crossover.other is None else f"; the other way round at {_budget(crossover.other)}"
    return f"{_budget(crossover.flops)}{sure}: {leader} takes the lead{share}{other}"


def _trend(one: RecipeComparison, level: float) -> str:
    trend = one.trend
    last = f"over the last tenfold of compute up to {format_flops(trend.flops)}"
    if trend.per_decade is None:
        return f"the recipe does not reach the baseline's loss {last}"
    sure = "" if trend.interval is None else f" ({format_share(level)}: {_ends(trend.interval, _times)})"
    return f"{last} the multiplier changes {_times(trend.per_decade)}{sure}"


def _exponents(shared: SharedExponents) -> str:
    """Say whether different exponents are established."""
    if shared.is_rejected is None:
        has_draws = any(each.interval for each in shared.differences.values())
        return "shared or fixed: there is nothing to test" if has_draws else "not tested, for want of draws"
    p = f"p = {format_number(max(shared.p_value or 0.0, 1e-3), 2)}"
    p = p if (shared.p_value or 0.0) >= 1e-3 else "p < 0.001"
    if shared.is_rejected:
        return f"different: the same ones for both are refused ({p})"
    return f"not told apart: they may be the same ({p})"


def _multiplier_table(found: RecipesCompared) -> Table:
    """Return the multipliers: the baseline's budget and loss, and what the recipe needs for the same."""
    several = len(found.comparisons) > 1
    has_draws = any(one.interval for each in found.comparisons for one in each.multipliers)
    headings = ["FLOPs", "loss", "recipe's FLOPs", "multiplier"]
    headings += [f"{format_share(found.level)} interval", "P(better)"] if has_draws else []
    rows: list[tuple[str, ...]] = []
    groups: set[int] = set()
    for comparison in found.comparisons:
        groups.add(len(rows))
        for one in comparison.multipliers:
            needed = one.flops / one.value if one.flops and one.value else None
            cells = [
                _show(one.flops, lambda C: format_flops(C, 3)),
                f"{one.loss:.4f}",
                _show(needed, lambda C: format_flops(C, 3)),
                _show(one.value, _times),
            ]
            if has_draws:
                ends = "" if one.interval is None else _ends(one.interval, _times)
                cells += [ends, _show(one.p_better, _chance)]
            rows.append((_short(comparison.recipe.name), *cells) if several else tuple(cells))
    return Table(
        headings=("recipe", *headings) if several else tuple(headings),
        rows=tuple(rows),
        is_text=frozenset({0} if several else set()),
        groups=frozenset(groups - {0}),
        caption=_multiplier_caption(found),
    )


def _multiplier_caption(found: RecipesCompared) -> str:
    """Say what a row means, and where one ends in nothing, why."""
    baseline = found.recipes[0].name
    caption = (
        f"The loss that {baseline} reaches with so many FLOPs, in {found.unit}, what the recipe needs for "
        "it, and how many times as much the baseline needs: above 1x the recipe is better."
    )
    reasons = {one.reason for each in found.comparisons for one in each.multipliers if one.reason}
    if reasons - {BASELINE_UNREACHED}:
        caption += " Where there is no multiplier the recipe never reaches the loss."
    if BASELINE_UNREACHED in reasons:
        caption += " Where there are no FLOPs the baseline never reaches it."
    return caption


def _exponent_table(one: RecipeComparison, level: float) -> Table:
    """Return the exponents of both recipes and their differences."""
    differences = one.shared_exponents.differences
    has_draws = any(each.interval for each in differences.values())
    headings = ["exponent", _short(one.baseline.name), _short(one.recipe.name), "difference"]
    rows = []
    for name, each in differences.items():
        first = one.baseline.exponents[name]
        cells = [name, f"{first:.4f}", f"{one.recipe.exponents[name]:.4f}", f"{each.value:+.4f}"]
        if has_draws:
            cells.append("" if each.interval is None else _ends(each.interval, lambda x: f"{x:+.4f}"))
        rows.append(tuple(cells))
    return Table(
        headings=(*headings, f"{format_share(level)} interval") if has_draws else tuple(headings),
        rows=tuple(rows),
    )


def _law_table(found: RecipesCompared) -> Table:
    """Return the recipes' frontiers with their loss at the target."""
    at = found.flops.index(found.target)
    rows = []
    for recipe, points in zip(found.recipes, found.frontiers, strict=True):
        point = points[at]
        rows.append(
            (
                _short(recipe.name),
                UNKNOWN if recipe.runs is None else str(recipe.runs),
                format_number(float(recipe.frontier.E[0]), 5),
                f"{recipe.exponents[FRONTIER]:.4f}",
                f"{point.loss:.4f}",
                "" if point.interval is None else _loss_ends(point.interval),
                "" if point.observed is None else _loss_ends(point.observed),
            )
        )
    kinds = dict.fromkeys(_BY[one.sureness] for one in found.recipes if one.sureness in _BY)
    by = f", {' and '.join(kinds)}" if kinds else ""
    return Table(
        headings=("recipe", "runs", "E", "exponent", "loss", "interval", "new run"),
        rows=tuple(rows),
        caption=_LAWS.format(level=format_share(found.level), by=by),
    )


def _loss_ends(ends: Range) -> str:
    return f"{ends[0]:.3f}-{ends[1]:.3f}"


def _rows(found: RecipesCompared) -> Iterator[Mapping[str, Cell]]:
    """Return the lines of CSV: one per recipe and multiplier."""
    for one in found.comparisons:
        crossover = one.crossover
        findings = (*found.findings, *one.baseline.findings, *one.recipe.findings)
        for each in one.multipliers:
            low, high = each.interval or (None, None)
            cross_low, cross_high = crossover.interval or (None, None)
            yield {
                "baseline": one.baseline.name,
                "recipe": one.recipe.name,
                "flops": each.flops,
                "loss": each.loss,
                "multiplier": each.value,
                "multiplier_low": low,
                "multiplier_high": high,
                "p_better": each.p_better,
                "unreached": each.unreached,
                "reason": each.reason,
                "crossover": crossover.flops,
                "crossover_low": cross_low,
                "crossover_high": cross_high,
                "crossover_share": crossover.share,
                "exponents_p_value": one.shared_exponents.p_value,
                "growth": one.trend.growth,
                "findings": ";".join(dict.fromkeys(finding.id for finding in findings)),
            }


def _notes(found: RecipesCompared) -> tuple[Note, ...]:
    """Return every finding once, with the recipes it concerns."""
    concerned: dict[Finding, list[str]] = {}
    for recipe in found.recipes:
        for finding in recipe.findings:
            concerned.setdefault(finding, []).append(recipe.name)
    own = [
        Note(shortened(finding), "" if len(names) == len(found.recipes) else ", ".join(names))
        for finding, names in concerned.items()
    ]
    return (*own, *map(Note, found.findings))


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"...{name[3 - LONGEST_NAME :]}"


def _ends(ends: Ends, write: Callable[[float], str]) -> str:
    """Write an interval: ``0.78x to 0.82x``, with an open end ``> 0.78x`` or ``< 0.82x``."""
    low, high = ends
    if low is None and high is None:
        return "anywhere"
    if high is None:
        return f"> {write(low)}" if low is not None else "anywhere"
    return f"< {write(high)}" if low is None else f"{write(low)} to {write(high)}"


def _times(value: float) -> str:
    """Write a factor to three digits, zeros too, so that a column of them is even: ``1.30x``, ``0.798x``."""
    rounded = float(f"{value:.3g}")
    if not 1e-3 <= rounded < 1e6:
        return f"{format_number(value, 3)}x"
    return f"{rounded:.{max(0, 2 - math.floor(math.log10(rounded)))}f}x"


def _chance(p: float) -> str:
    """Write a share of the draws; however many there are, none is a proof."""
    if p > 1 - LEAST_CHANCE:
        return f"> {format_share(1 - LEAST_CHANCE)}"
    return f"< {format_share(LEAST_CHANCE)}" if p < LEAST_CHANCE else format_share(p)


def _budget(C: float) -> str:
    return format_flops(C, 3)


def _show(value: float | None, write: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else write(value)
