"""How limits and their values are said."""

import math
from collections.abc import Callable, Mapping, Sequence

from scaling_cli.planning.constrained.conflicts import Conflict, WaysOut
from scaling_cli.planning.constrained.limits import Limit, TargetLoss
from scaling_cli.units import format_count, format_flops, format_number

SHOWN_DIGITS = 4

BUDGETS = ("flops", "hardware", "usd")
"""The limits that cap what is spent."""

OUT_OF_REACH = 1e6
"""Nobody has this many times what a limit allows: its value would be a number without a use."""

_UNITS: Mapping[str, str] = {"usd": "dollars", "flops": "FLOPs", "hardware": "accelerator-hours"}

_WRITE: Mapping[str, Callable[[float], str]] = {
    "flops": lambda value: f"{format_flops(value)} FLOPs",
    "hardware": lambda value: f"{format_count(value)} accelerator-hours",
    "usd": lambda value: f"${format_count(value)}",
    "loss": lambda value: format_number(value, 6),
    "memory_gb": lambda value: f"{format_number(value, SHOWN_DIGITS)} GB",
    "epochs": lambda value: format_number(value, SHOWN_DIGITS),
    "tokens_per_param": lambda value: format_number(value, SHOWN_DIGITS),
    "min_tokens_per_param": lambda value: format_number(value, SHOWN_DIGITS),
    "max_tokens_per_param": lambda value: format_number(value, SHOWN_DIGITS),
}


def limit_words(name: str) -> str:
    """Return a limit's name as people write it: ``max params``."""
    return {"memory_gb": "memory"}.get(name, name.replace("_", " "))


def format_limit(name: str, value: float) -> str:
    """Write the value of a limit for people: ``30B``, ``5.76e23 FLOPs``, ``$2M``."""
    return _WRITE.get(name, format_count)(value)


def describe_limit(limit: Limit) -> str:
    """Say a limit with its value: ``max params 5B``."""
    return _say(limit.name, limit.value)


def _say(name: str, value: float) -> str:
    written = format_limit(name, value)
    # the unit of a budget says which it is
    return written if name in BUDGETS else f"{limit_words(name)} {written}"


def describe_conflict(conflict: Conflict, *, E: float, demand: float | None) -> str:
    """Say which limits contradict each other; no budget goes below E, and ``demand`` is D_inf."""
    if all(isinstance(limit, TargetLoss) and limit.value <= E for limit in conflict.limits):
        loss = describe_limit(conflict.limits[0])
        return f"{loss} cannot be reached: no budget goes below E = {format_number(E)}"
    serves = demand is not None and any(limit.is_budget for limit in conflict.limits)
    return _contradiction(conflict) + (f", {format_count(demand or 0)} tokens served" if serves else "")


def _contradiction(conflict: Conflict) -> str:
    said = [describe_limit(limit) for limit in conflict.limits]
    if len(said) == 1:
        return f"no plan has {said[0]}"
    return f"no plan has {', '.join(said[:-1])} and {said[-1]}"


def describe_ways_out(conflicts: Sequence[Conflict], ways: WaysOut) -> str:
    """Say what makes the whole plan feasible, and what each set needs where no other limit is in force."""
    whole = _either([(limit, new.value) for limit, new in ways.single])
    if ways.together and not any(_is_out_of_reach(limit, new.value) for limit, new in ways.together):
        both = " and ".join(_way(limit, new.value) for limit, new in ways.together) + ", together"
        whole = f"{whole}, or {both}" if whole else both
    alone = [words for conflict in conflicts if (words := _ways_alone(conflict))]
    if len(conflicts) == 1 and alone == [whole]:
        alone = []
    said = f"feasible with {whole}" if whole else "no change of one limit alone is enough"
    if not alone:
        return said
    sets = "this set" if len(conflicts) == 1 else "each set"
    return f"{said}; {sets} alone, all other limits lifted: {'; '.join(alone)}"


def _ways_alone(conflict: Conflict) -> str:
    pairs = zip(conflict.limits, conflict.nearest, strict=True)
    return _either([(limit, value) for limit, value in pairs if value is not None])


def _either(ways: Sequence[tuple[Limit, float]]) -> str:
    """Say values of which one is enough; one that is no use to anybody only where there is no other."""
    near = ", or ".join(_way(limit, value) for limit, value in ways if not _is_out_of_reach(limit, value))
    if not near:
        return ", or ".join(f"{_way(limit, value)} (practically out of reach)" for limit, value in ways)
    far = [limit.name for limit, value in ways if _is_out_of_reach(limit, value)]
    names = " and ".join(_UNITS.get(name, limit_words(name)) for name in far)
    return f"{near} ({names} practically out of reach)" if far else near


def _way(limit: Limit, value: float) -> str:
    """Say from which value of a limit on there is a plan."""
    goes_up = limit.is_most or isinstance(limit, TargetLoss)
    return f"{_say(limit.name, _outward(value, upwards=goes_up))} {'or more' if goes_up else 'or less'}"


def _is_out_of_reach(limit: Limit, value: float) -> bool:
    """Say whether a limit would have to be another altogether."""
    return max(value / limit.value, limit.value / value) > OUT_OF_REACH


def _outward(value: float, *, upwards: bool) -> float:
    """Round to the digits that are shown, onto the side on which there is a plan."""
    unit = 10.0 ** (math.floor(math.log10(value)) - SHOWN_DIGITS + 1)
    steps = value / unit
    return float(f"{(math.ceil(steps) if upwards else math.floor(steps)) * unit:.{SHOWN_DIGITS}g}")
