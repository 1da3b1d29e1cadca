"""The compute multiplier: how many times the compute of a recipe its baseline needs for the same loss."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.planning.frontiers import Frontiers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Ends = tuple[float | None, float | None]
"""An interval; an end that is ``None`` is open: no number is known to lie beyond the values there."""

UNREACHED = "unreachable-loss"
BASELINE_UNREACHED = "unreachable-for-baseline"

LARGEST_LOG = 690.0
"""exp(709) is the largest float: a multiplier or budget whose logarithm is past this is none."""

TIE = 1e-9
"""Logarithms of multipliers nearer each other than this are equal: from budget to loss and back to budget
rounding alone comes to 1e-13 or so."""


@dataclass(frozen=True, slots=True)
class Multiplier:
    """``value`` = C/C_B: with C = ``flops`` the baseline reaches ``loss``, the recipe with C_B.

    Above 1 the recipe is the better one. ``None`` where the recipe (or the baseline) never reaches the
    loss, and ``reason`` says which. ``interval`` is of the draws, an end of it open where that many of
    them never get there; ``unreached`` is the share of the draws in which one of the two does not, and
    ``p_better`` the share in which the recipe needs less. ``None`` without draws.
    """

    flops: float | None
    loss: float
    value: float | None
    interval: Ends | None = None
    p_better: float | None = None
    unreached: float | None = None
    reason: str = ""

    @property
    def compute(self) -> float | None:
        """C_B/C, the share of the baseline's compute that the recipe needs."""
        return None if self.value is None else 1 / self.value


def log_multipliers(baseline: Frontiers, recipe: Frontiers, C: "float | FloatArray") -> "FloatArray":
    """Return log(C/C_B), L*_B(C_B) = L*_A(C), pair by pair; ``-inf`` where B never reaches that loss.

    ``C`` is a number, or of shape (m, 1) for an answer of shape (m, R).
    """
    import numpy as np

    ahead: FloatArray = np.log(C) - recipe.log_flops(baseline.loss(C))
    return ahead


def multiplier_at(
    baseline: Frontiers,
    recipe: Frontiers,
    C: float,
    level: float,
    draws: tuple[Frontiers, Frontiers] | None = None,
) -> Multiplier:
    """Return the multiplier where the baseline spends ``C`` FLOPs; ``draws`` are pairs of frontiers."""
    log_value = float(log_multipliers(baseline, recipe, C)[0])
    return _multiplier(
        flops=C,
        loss=float(baseline.loss(C)[0]),
        log_value=log_value,
        reason=UNREACHED,
        drawn=None if draws is None else log_multipliers(*draws, C),
        level=level,
    )


def multiplier_for_loss(
    baseline: Frontiers,
    recipe: Frontiers,
    L: float,
    level: float,
    draws: tuple[Frontiers, Frontiers] | None = None,
) -> Multiplier:
    """Return the multiplier at a loss: C_A/C_B with L*_A(C_A) = L*_B(C_B) = ``L``."""
    log_C = float(baseline.log_flops(L)[0])
    is_reached = log_C < LARGEST_LOG
    return _multiplier(
        flops=math.exp(log_C) if is_reached else None,
        loss=L,
        log_value=_apart(log_C, float(recipe.log_flops(L)[0])),
        reason=UNREACHED if is_reached else BASELINE_UNREACHED,
        drawn=None if draws is None else _apart_arrays(draws[0].log_flops(L), draws[1].log_flops(L)),
        level=level,
    )


def _apart(log_C: float, log_C_recipe: float) -> float:
    """Return log(C_A/C_B), NaN where neither is a number."""
    return math.nan if math.isinf(log_C) and math.isinf(log_C_recipe) else log_C - log_C_recipe


def _apart_arrays(log_C: "FloatArray", log_C_recipe: "FloatArray") -> "FloatArray":
    import numpy as np

    with np.errstate(invalid="ignore"):
        return log_C - log_C_recipe


def _multiplier(
    *,
    flops: float | None,
    loss: float,
    log_value: float,
    reason: str,
    drawn: "FloatArray | None",
    level: float,
) -> Multiplier:
    is_number = abs(log_value) < LARGEST_LOG
    value = math.exp(log_value) if is_number else None
    if drawn is None:
        return Multiplier(flops, loss, value, reason="" if is_number else reason)
    interval, unreached = log_interval(drawn, level)
    return Multiplier(
        flops=flops,
        loss=loss,
        value=value,
        interval=interval,
        p_better=share_above(drawn, 0.0),
        unreached=unreached,
        reason="" if is_number else reason,
    )


def log_interval(logs: "FloatArray", level: float) -> tuple[Ends | None, float]:
    """Return the percentile interval of exp(``logs``) and the share of them that are no numbers.

    Infinities are values beyond every number, and make an end open that lies among them; NaN is none at
    all. With both ends open, or without any value, there is no interval.
    """
    import numpy as np

    from scaling_cli.planning.uncertainty import percentile_interval

    is_number = np.isfinite(logs) & (np.abs(logs) < LARGEST_LOG)
    share = float(1 - is_number.mean())
    known = logs[~np.isnan(logs)]
    if not known.size:
        return None, share
    if is_number.all():
        low, high = percentile_interval(known, level)
    else:  # an infinity pulls no neighbour with it: the ends are values themselves
        bounded = np.clip(known, -LARGEST_LOG, LARGEST_LOG)
        low, high = np.quantile(bounded, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    ends = _number(low), _number(high)
    return (None if ends == (None, None) else ends), share


def _number(log_value: float) -> float | None:
    return math.exp(log_value) if abs(log_value) < LARGEST_LOG else None


def share_above(values: "FloatArray", threshold: float) -> float | None:
    """Return the share of the values above a threshold, those that equal it (to rounding) counted by half."""
    import numpy as np

    known = values[~np.isnan(values)]
    if not known.size:
        return None
    is_tie = np.abs(known - threshold) <= TIE
    return float(np.mean(~is_tie & (known > threshold)) + 0.5 * np.mean(is_tie))
