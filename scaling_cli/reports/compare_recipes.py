"""A comparison of recipes as a report, of the schema ``scaling.compare.recipes/1``."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from scaling_cli.findings import Finding
from scaling_cli.laws.card import Range
from scaling_cli.planning.compare_recipes import FrontierPoint, RecipeComparison, RecipesCompared
from scaling_cli.planning.compute_multiplier import BASELINE_UNREACHED, Ends, Multiplier
from scaling_cli.planning.crossover import Crossover
from scaling_cli.planning.recipe import Recipe
from scaling_cli.planning.shared_exponents import FRONTIER
from scaling_cli.reports.fit import shortened
from scaling_cli.reports.recipe_words import (
    format_chance,
    format_ends,
    format_times,
    summary,
    verdict,
)
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_flops, format_number, format_share

UNKNOWN = "-"

LONGEST_NAME = 21
"""Of a recipe's name in a table so many letters stand, so that it fits 80 columns; the JSON has all."""

_LAWS = "The frontiers L*(C) = E + K C^-exponent, with their loss at {target} FLOPs{sure}."
_CONVERTED = " The exponent of {name} is that at the target: its embeddings bend the line."
_ALL_CONVERTED = " The exponents of {names} are those at the target: their embeddings bend the lines."
_MIXED = "Exponents in N are left out: one law has those of params without the embeddings."
_SURE = " and the {level} intervals of the law and of one new run{by}"
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
        sections=tuple(_sections(found)),
        rows=list(_rows(found)),
        notes=_notes(found),
    )


def _comparison_dict(one: RecipeComparison, found: RecipesCompared) -> dict[str, object]:
    """Return what is said of one recipe against the baseline; what nobody knows is null."""
    exponents, trend = one.shared_exponents, one.trend
    return {
        "baseline": one.baseline.name,
        "recipe": one.recipe.name,
        "verdict": verdict(one, found.level),
        "target": one.target,
        "draws": one.draws,
        "pairing": one.pairing,
        "common_runs": _common_dict(one),
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
            **({"reason": exponents.untested} if exponents.untested else {}),
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


def _common_dict(one: RecipeComparison) -> dict[str, object] | None:
    """Return how many runs both tables hold, of how many; ``None`` where they are not matched."""
    common = one.recipe.common
    return None if common is None else {"matched": common.matched, "of": common.of}


def _crossover_dict(one: Crossover) -> dict[str, object]:
    entry: dict[str, object] = {
        "flops": one.flops,
        "interval": _list(one.interval),
        "leads_after": "recipe" if one.leads_after else "baseline",
        "share": one.share,
        "other": one.other,
        "searched": list(one.searched),
    }
    return entry | ({"reason": "open-at-both-ends"} if one.is_anywhere else {})


def _recipe_dict(recipe: Recipe, points: Sequence[FrontierPoint], level: float) -> dict[str, object]:
    """Return one entry of ``recipes``: its law, what that was fitted to, and its frontier at the budgets."""
    fitted = {name: list(ends) for name, ends in recipe.card.fitted_range.items()}
    return {
        "name": recipe.name,
        "law": recipe.card.law.as_dict(),
        "params_definition": recipe.card.params_definition,
        "frontier_exponent": recipe.exponents[FRONTIER],
        "runs": None if recipe.runs is None else {"read": recipe.read, "used": len(recipe.runs)},
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


def _sections(found: RecipesCompared) -> Iterator[Record | Table]:
    """Return what is said of each recipe, one after the other, and at last the laws of all."""
    for one in found.comparisons:
        is_last = one is found.comparisons[-1]
        yield summary(one, found.level)
        yield _multiplier_table(one, found, caption=_multiplier_caption(found) if is_last else "")
        yield _exponent_table(one, found.level)
    yield _law_table(found)


def _multiplier_table(comparison: RecipeComparison, found: RecipesCompared, caption: str) -> Table:
    """Return the multipliers: the baseline's budget and loss, and what the recipe needs for the same."""
    has_draws = comparison.draws > 0
    headings = ["FLOPs", "loss", "recipe's FLOPs", "multiplier"]
    headings += [f"{format_share(found.level)} interval", "P(better)"] if has_draws else []
    rows = []
    for one in comparison.multipliers:
        needed = one.flops / one.value if one.flops and one.value else None
        cells = [
            _show(one.flops, lambda C: format_flops(C, 3)),
            f"{one.loss:.4f}",
            _show(needed, lambda C: format_flops(C, 3)),
            _show(one.value, format_times),
        ]
        if has_draws:
            is_known = one.interval is not None or one.value is not None
            ends = format_ends(one.interval or (None, None), format_times) if is_known else UNKNOWN
            cells += [ends, _show(one.p_better, lambda p: format_chance(p, comparison.draws))]
        rows.append(tuple(cells))
    return Table(headings=tuple(headings), rows=tuple(rows), is_text=frozenset(), caption=caption)


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
    """Return the exponents of the recipe beside the baseline's, and their differences."""
    differences = one.shared_exponents.differences
    has_draws = any(each.interval for each in differences.values())
    headings = ["exponent", "baseline's", "recipe's", "difference"]
    rows = []
    for name, each in differences.items():
        first, second = one.baseline.exponents[name], one.recipe.exponents[name]
        cells = [name, f"{first:.4f}", f"{second:.4f}", f"{each.value:+.4f}"]
        if has_draws:
            cells += ["" if each.interval is None else format_ends(each.interval, "{:+.4f}".format)]
        rows.append(tuple(cells))
    headings += [f"{format_share(level)} interval"] if has_draws else []
    is_mixed = one.baseline.is_converted != one.recipe.is_converted
    return Table(headings=tuple(headings), rows=tuple(rows), caption=_MIXED if is_mixed else "")


def _law_table(found: RecipesCompared) -> Table:
    """Return the recipes' frontiers with their loss at the target."""
    at = found.flops.index(found.target)
    rows = []
    for recipe, points in zip(found.recipes, found.frontiers, strict=True):
        point = points[at]
        rows.append(
            (
                _short(recipe.name),
                UNKNOWN if recipe.runs is None else str(len(recipe.runs)),
                format_number(float(recipe.frontier.E[0]), 5),
                f"{recipe.exponents[FRONTIER]:.4f}",
                f"{point.loss:.4f}",
                "" if point.interval is None else _loss_ends(point.interval),
                "" if point.observed is None else _loss_ends(point.observed),
            )
        )
    kinds = dict.fromkeys(_BY[one.sureness] for one in found.recipes if one.sureness in _BY)
    headings, sure = ["recipe", "runs", "E", "exponent", "loss", "interval", "new run"], ""
    if kinds:
        sure = _SURE.format(level=format_share(found.level), by=f", {' and '.join(kinds)}")
    else:
        del headings[5:]
    return Table(
        headings=tuple(headings),
        rows=tuple(row[: len(headings)] for row in rows),
        caption=_LAWS.format(target=format_flops(found.target), sure=sure) + _converted(found),
    )


def _converted(found: RecipesCompared) -> str:
    """Say which exponents hold at the target alone."""
    names = [recipe.name for recipe in found.recipes if recipe.is_converted]
    if len(names) < 2:
        return _CONVERTED.format(name=names[0]) if names else ""
    return _ALL_CONVERTED.format(names=" and ".join(names))


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


def _show(value: float | None, write: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else write(value)
