"""The scale of an axis: how far it reaches, where its ticks stand and what they say."""

import math
from collections.abc import Iterable

from scaling_cli.reports.pictures.picture import Axis, Mark, Numbers, Panel, Range, Rule, Text
from scaling_cli.units import format_count, format_flops

MARGINS = 0.04, 0.08
"""The axes reach past what they hold by these shares of themselves; above a line there may be words."""

_LOG_STEPS = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
"""Which multiples of a power of ten are ticks, the densest first."""


def frame(panel: Panel) -> tuple[Range, Range]:
    """Return the limits of a panel's x and y: those of the axis, else whatever holds all that is drawn.

    Words, and the intervals of a mark beyond the rest, stretch no axis that has a limit.
    """
    x: list[float] = []
    y: list[float] = []
    for drawn in panel.drawn:
        if isinstance(drawn, Text):
            continue
        x.extend(drawn.x)
        y.extend(() if isinstance(drawn, Rule) else drawn.y)
        if isinstance(drawn, Mark):
            x.extend(drawn.x_interval or ())
            y.extend(drawn.y_interval or ())
    return _limits(panel.x, x, MARGINS[0]), _limits(panel.y, y, MARGINS[1])


def _limits(axis: Axis, values: Iterable[float], share_beyond: float) -> Range:
    """Return an axis's ends: as given, else a margin beyond the values that lie within those given."""
    floor = -math.inf if axis.low is None else axis.low
    ceiling = math.inf if axis.high is None else axis.high
    finite = (value for value in values if math.isfinite(value) and floor <= value <= ceiling)
    seen = [_place(axis, value) for value in finite if value > 0 or not axis.is_log]
    low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
    if low == high:
        spread = math.log(2) if axis.is_log else abs(low) / 10 or 1.0
        low, high = low - spread, high + spread
    margin = share_beyond * (high - low)
    ends = low - margin, high + margin
    first, last = (math.exp(end) for end in ends) if axis.is_log else ends
    return (first if axis.low is None else axis.low), (last if axis.high is None else axis.high)


def share(axis: Axis, ends: Range, value: float) -> float:
    """Return where a value lies along an axis, 0 at its low end and 1 at its high one."""
    low, high = _place(axis, ends[0]), _place(axis, ends[1])
    if axis.is_log and value <= 0:
        return -math.inf
    return (_place(axis, value) - low) / (high - low)


def _place(axis: Axis, value: float) -> float:
    return math.log(value) if axis.is_log else value


def ticks(axis: Axis, ends: Range, most: int) -> tuple[tuple[float, str], ...]:
    """Return at most ``most`` ticks between the ends, round numbers all, with what they say."""
    values = _log_ticks(ends, most) if axis.is_log else round_numbers(ends, most)
    if axis.quantity == "flops":
        return tuple((value, format_flops(value)) for value in values)
    if axis.quantity == "count":
        return tuple((value, format_count(value)) for value in values)
    decimals = max((len(f"{value:.10g}".partition(".")[2]) for value in values), default=0)
    return tuple((value, f"{value:.{decimals}f}") for value in values)


def round_numbers(ends: Range, most: int) -> Numbers:
    """Return the multiples of 1, 2 or 5 times a power of ten between the ends, at most ``most`` of them."""
    low, high = ends
    power = math.floor(math.log10((high - low) / most))
    for step in (base * 10.0**exponent for exponent in (power, power + 1) for base in (1.0, 2.0, 5.0)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return tuple(float(f"{index * step:.12g}") for index in range(first, last + 1))
    return ()


def _log_ticks(ends: Range, most: int) -> Numbers:
    """Return powers of ten with their 2 and 5, or 3, as many as fit; a short axis is divided evenly."""
    low, high = ends
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for multiples in _LOG_STEPS:
        found = _within(ends, (base * 10.0**power for power in powers for base in multiples))
        if len(found) <= most:
            return found if len(found) > 2 else round_numbers(ends, most)
    for stride in range(2, len(powers) + 1):
        found = _within(ends, (10.0**power for power in powers if power % stride == 0))
        if len(found) <= most:
            return found
    return ()


def _within(ends: Range, values: Iterable[float]) -> Numbers:
    slack = 1 + 1e-9
    return tuple(float(f"{v:.12g}") for v in values if ends[0] / slack <= v <= ends[1] * slack)
