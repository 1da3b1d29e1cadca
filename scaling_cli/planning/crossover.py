"""The crossover: the budget at which one recipe's frontier passes another's, and how sure it is."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.laws.card import Range
from scaling_cli.planning.compute_multiplier import Ends
from scaling_cli.planning.frontiers import Frontiers, PowerFrontiers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

BEYOND = 1000.0
"""Crossovers are looked for from the smallest fitted budget to so many times the largest one."""

BISECTIONS = 60
"""Halvings of the searched range: 30 in log C come to a last digit of a float."""

SCANNED = 129
"""Budgets at which frontiers without a closed form are looked at, 11 % apart over six tenfolds: two crossings
nearer each other than two neighbours are not seen, and have next to no loss between them."""


@dataclass(frozen=True, slots=True)
class Crossover:
    """Where the frontiers cross: the recipe leads above ``flops`` (``leads_after``), or below it.

    ``flops`` is ``None`` where they do not cross within ``searched`` (FLOPs, least and largest);
    ``leads_after`` then says of which crossing the draws tell. ``interval`` holds the crossing of that
    direction in each draw; an end is open where it lies beyond the searched range, and with both open the
    crossing may be anywhere. ``share`` is that of the draws that cross so, and ``None`` without draws.
    ``other`` is a second crossing, the other way round.
    """

    flops: float | None
    leads_after: bool
    searched: Range
    interval: Ends | None = None
    share: float | None = None
    other: float | None = None

    @property
    def is_anywhere(self) -> bool:
        """Whether the draws bound the crossing on neither side."""
        return self.interval == (None, None)


def find_crossover(
    baseline: Frontiers,
    recipe: Frontiers,
    searched: Range,
    target: float,
    level: float,
    draws: tuple[Frontiers, Frontiers] | None = None,
) -> Crossover:
    """Return the crossing of L*_A and L*_B nearest ``target``, and what the draws say of it.

    The difference h = L*_A - L*_B of two power laws has one turning point, so that it crosses zero once
    in each direction at most; of other frontiers the crossing nearest ``target`` counts in each direction.
    A draw's crossing is the one in the direction of the best fit's. Draws without it lie above the range
    where the recipe has yet to cross at its end, else below it.
    """
    import numpy as np

    near = math.log(target)
    ways = {leads: float(_crossings(baseline, recipe, searched, near, leads)[0]) for leads in (True, False)}
    found = {leads: x for leads, x in ways.items() if math.isfinite(x)}
    drawn = {}
    if draws is not None:
        drawn = {leads: _crossings(*draws, searched, near, leads) for leads in (True, False)}
    shares = {leads: float(np.isfinite(x).mean()) for leads, x in drawn.items()}
    if found:
        leads = min(found, key=lambda way: abs(found[way] - near))
    elif shares:
        leads = shares[True] >= shares[False]
    else:
        leads = True
    return Crossover(
        flops=math.exp(found[leads]) if leads in found else None,
        leads_after=leads,
        searched=searched,
        interval=_interval(drawn[leads], searched, level) if drawn and (found or shares[leads]) else None,
        share=shares.get(leads),
        other=math.exp(found[not leads]) if len(found) > 1 else None,
    )


def _interval(log_C: "FloatArray", searched: Range, level: float) -> Ends:
    """Return the percentile interval, an end on an infinity open.

    Where both ends are on the same infinity it is all that lies beyond that end of the searched range.
    """
    import numpy as np

    from scaling_cli.planning.uncertainty import percentile_interval

    if np.isfinite(log_C).all():
        low, high = percentile_interval(log_C, level)
    else:
        low, high = np.quantile(log_C, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    if low == high == math.inf:
        return searched[1], None
    if low == high == -math.inf:
        return None, searched[0]
    first, last = (math.exp(end) if math.isfinite(end) else None for end in (low, high))
    return first, last


def _crossings(
    baseline: Frontiers, recipe: Frontiers, searched: Range, near: float, leads_after: bool
) -> "FloatArray":
    """Return log C where the recipe takes the lead (or loses it), the one nearest ``near``, (R,).

    Without such a crossing: ``-inf`` where the range begins on the far side of it, else ``inf``.
    """
    import numpy as np

    sign = 1.0 if leads_after else -1.0

    def h(x: "FloatArray") -> "FloatArray":
        return sign * (baseline.loss_at(x) - recipe.loss_at(x))

    edges = _edges(baseline, recipe, searched)
    values = h(edges)
    rises = (values[:-1] < 0) & (values[1:] >= 0)
    away = np.where(rises, np.abs((edges[:-1] + edges[1:]) / 2 - near), np.inf)
    place = away.argmin(axis=0), np.arange(len(baseline))
    low, high = edges[:-1][place], edges[1:][place]
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        is_below = h(middle) < 0
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    nowhere = np.where(values[0] > 0, -np.inf, np.inf)
    return np.where(rises.any(axis=0), (low + high) / 2, nowhere)


def _edges(baseline: Frontiers, recipe: Frontiers, searched: Range) -> "FloatArray":
    """Return log C in rising order, (m, R): between two neighbours h crosses zero once at most.

    Of two power laws they are the ends of the range and the one turning point of h; of other frontiers so
    many budgets that a crossing is hardly missed.
    """
    import numpy as np

    least, most = (np.full(len(baseline), math.log(end)) for end in searched)
    if not (isinstance(baseline, PowerFrontiers) and isinstance(recipe, PowerFrontiers)):
        return np.linspace(least, most, SCANNED)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.log(recipe.g) + recipe.log_K - np.log(baseline.g) - baseline.log_K
        turn = slopes / (recipe.g - baseline.g)
    turn = np.clip(np.where(np.isnan(turn), most, turn), least, most)
    return np.stack([least, turn, most])
