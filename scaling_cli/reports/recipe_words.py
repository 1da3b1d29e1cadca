"""What a comparison of recipes comes to, in words: who is better, by how much, and whether that lasts."""

import math
from collections.abc import Callable

from scaling_cli.planning.compare_recipes import RecipeComparison
from scaling_cli.planning.compute_multiplier import Ends
from scaling_cli.planning.crossover import Crossover
from scaling_cli.planning.recipe import FEW_POINTS
from scaling_cli.planning.shared_exponents import SharedExponents
from scaling_cli.reports.report import Record
from scaling_cli.units import format_flops, format_number, format_share

SMALL_P = 1e-3
"""A p-value below this is small whatever it is."""

_UNTESTED = {
    "no-draws": "there are no draws",
    "few-points": f"of fewer than {FEW_POINTS} points",
    "same-in-all-draws": "they are the same in all draws",
}

_OPEN = "open at both ends"


def verdict(one: RecipeComparison, level: float) -> str:
    """Say in one sentence whether the recipe is better at the target, by how much, and whether that lasts."""
    name, baseline, C = one.recipe.name, one.baseline.name, format_flops(one.target)
    at = one.at_target
    if at.compute is None:
        sure = (
            ""
            if at.p_better is None
            else f" (better in {format_chance(at.p_better, one.draws)} of the draws)"
        )
        return f"{name} never reaches the loss that {baseline} reaches with {C} FLOPs{sure}"
    needs = f"{name} needs {format_times(at.compute)} the compute of {baseline} at {C}"
    if at.interval is None and not one.draws:
        return f"{needs}; without draws nobody knows how surely"
    low, high = at.interval or (None, None)
    inverse = (None if high is None else 1 / high, None if low is None else 1 / low)
    needs = f"{needs} ({format_share(level)}: {format_ends(inverse, format_times)})"
    if (low is None or low <= 1) and (high is None or high >= 1):
        chance = (
            "" if at.p_better is None else f", better in {format_chance(at.p_better, one.draws)} of the draws"
        )
        return f"which is better is open: {needs}{chance}"
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


def summary(one: RecipeComparison, level: float) -> Record:
    """Say what comes of it, in words."""
    fields = [
        ("verdict", verdict(one, level)),
        ("crossover", _crossover(one.crossover, one, level)),
        ("with scale", _trend(one, level)),
        ("exponents", _exponents(one.shared_exponents)),
    ]
    if one.pairing is not None:
        fields.append(("draws", _pairing(one)))
    return Record(f"{one.recipe.name} against {one.baseline.name}", tuple(fields))


def _pairing(one: RecipeComparison) -> str:
    """Say how the draws of the two go together, and where they do not, why."""
    common = one.recipe.common
    if one.pairing == "independent":
        return f"independent: {_why_independent(one)}"
    if one.pairing == "joint":
        return f"joint: all are fitted together, each table resampled by itself: {_why_independent(one)}"
    if common is None or common.are_all:
        return "paired: both tables hold the same runs, and are resampled alike"
    matched = f"{common.matched} of {common.of} runs match"
    return f"paired: {matched}, and are resampled alike; the others by themselves"


def _why_independent(one: RecipeComparison) -> str:
    """Say why resamples do not go together."""
    both, common = (one.baseline, one.recipe), one.recipe.common
    laws = [each.name for each in both if each.runs is None]
    if laws:
        return f"{' and '.join(laws)} {'is a law' if len(laws) == 1 else 'are laws'}, without runs to match"
    if any(each.line is not None for each in both):
        return "Student's t through points resamples no runs"
    if common is None:
        return "clusters of runs are resampled"
    if common.are_most:
        return "another of the tables has not these runs"
    return f"{common.matched} of {common.of} runs match in params and tokens"


def _crossover(crossover: Crossover, one: RecipeComparison, level: float) -> str:
    """Say where the frontiers cross, who leads from there on, and in which share of the draws."""
    leader = one.recipe.name if crossover.leads_after else one.baseline.name
    low, high = crossover.searched
    if crossover.flops is None:
        none = f"none in range ({format_budget(low)} to {format_budget(high)})"
        if not crossover.share:
            return none
        where = ""
        ends = crossover.interval or (None, None)
        if any(end is not None and low < end < high for end in ends):  # beyond the range is said already
            where = f": {format_ends(ends, format_budget)}"
        return f"{none}; in {format_share(crossover.share)} of the draws {leader} takes the lead{where}"
    sure = ""
    if crossover.is_anywhere:
        searched = f"{format_budget(low)} to {format_budget(high)}"
        sure = f" ({format_share(level)}: anywhere in {searched}, or beyond)"
    elif crossover.interval is not None:
        sure = f" ({format_share(level)}: {format_ends(crossover.interval, format_budget)})"
    share = "" if crossover.share is None else f", so in {format_share(crossover.share)} of the draws"
    other = "" if crossover.other is None else f"; the other way round at {format_budget(crossover.other)}"
    return f"{format_budget(crossover.flops)}{sure}: {leader} takes the lead{share}{other}"


def _trend(one: RecipeComparison, level: float) -> str:
    trend = one.trend
    last = f"over the last tenfold of compute up to {format_flops(trend.flops)}"
    if trend.per_decade is None:
        return f"the recipe does not reach the baseline's loss {last}"
    sure = ""
    if one.draws:
        sure = f" ({format_share(level)}: {format_ends(trend.interval or (None, None), format_times)})"
    return f"{last} the multiplier changes {format_times(trend.per_decade)}{sure}"


def _exponents(shared: SharedExponents) -> str:
    """Say whether different exponents are established."""
    if shared.p_value is None:
        return f"not tested: {_UNTESTED[shared.untested or 'no-draws']}"
    is_small = shared.p_value < SMALL_P
    p = f"p < {SMALL_P:g}" if is_small else f"p = {format_number(shared.p_value, 2)}"
    if shared.is_rejected:
        return f"different: the same ones for both are refused ({p})"
    return f"not told apart: they may be the same ({p})"


def format_ends(ends: Ends, write: Callable[[float], str]) -> str:
    """Write an interval: ``0.78x to 0.82x``, with an open end ``> 0.78x`` or ``< 0.82x``."""
    low, high = ends
    if low is None:
        return _OPEN if high is None else f"< {write(high)}"
    return f"> {write(low)}" if high is None else f"{write(low)} to {write(high)}"


def format_times(value: float) -> str:
    """Write a factor to three digits, zeros too, so that a column of them is even: ``1.30x``, ``0.798x``."""
    rounded = float(f"{value:.3g}")
    if not 1e-3 <= rounded < 1e6:
        return f"{format_number(value, 3)}x"
    return f"{rounded:.{max(0, 2 - math.floor(math.log10(rounded)))}f}x"


def format_chance(p: float, draws: int) -> str:
    """Write a share of so many draws: where all or none of them agree, one more could be otherwise."""
    least = 1 / max(draws, 2)
    if p > 1 - least:
        return f"> {format_share(1 - least)}"
    return f"< {format_share(least)}" if p < least else format_share(p)


def format_budget(C: float) -> str:
    """Write a budget that is known to a few digits."""
    return format_flops(C, 3)
