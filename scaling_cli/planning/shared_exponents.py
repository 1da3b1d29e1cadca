"""Whether two recipes have different exponents at all, and whether the gain of one grows with scale."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scaling_cli.laws.card import Range
from scaling_cli.planning.compute_multiplier import Ends, log_interval, log_multipliers
from scaling_cli.planning.frontiers import Frontiers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

EXPONENTS = ("alpha", "beta", "alpha_N", "alpha_D", "eta")
"""The exponents of every form by their published names."""

IN_PARAMS = ("alpha", "alpha_N", "eta")
"""Those of them that say how the loss falls with N, and so are others where N counts other params."""

ROUNDING = 1e-6
"""Exponents of runs without noise come back to better than this; a spread below it is none."""

FRONTIER = "frontier"
"""The name of g = -d log(L* - E)/d log C among the exponents; where it changes with C, that at the target."""

Untested = Literal["no-draws", "few-points", "same-in-all-draws"]
"""Why exponents are not tested."""

Growth = Literal["grows", "shrinks", "not-established"]


@dataclass(frozen=True, slots=True)
class Difference:
    """The recipe's exponent less the baseline's, and its interval; ``None`` without draws."""

    value: float
    interval: Range | None = None

    @property
    def holds_zero(self) -> bool | None:
        """Whether the two may be the same."""
        return None if self.interval is None else self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True, slots=True)
class SharedExponents:
    """The test of shared exponents: how the recipe's differ, and how likely that is if they are the same.

    ``p_value`` is of all exponents of the form at once. ``is_rejected`` says whether shared ones are
    refused at the level of the intervals; ``None`` where there is nothing to test, and ``untested`` says
    why: no draws, draws of too few points, or exponents (fixed, shared, or of runs without noise) that are
    the same in all draws.
    """

    differences: Mapping[str, Difference]
    p_value: float | None
    is_rejected: bool | None
    untested: Untested | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """What the multiplier is multiplied by over the last tenfold of compute before ``flops``.

    ``growth`` claims a direction only where shared exponents are rejected and ``interval`` leaves out 1:
    the multiplier ``grows`` or ``shrinks`` (a gain that shrinks vanishes in the end).
    """

    flops: float
    per_decade: float | None
    interval: Ends | None
    growth: Growth


def compare_exponents(
    exponents: tuple[Mapping[str, float], Mapping[str, float]],
    draws: tuple[Mapping[str, "FloatArray"], Mapping[str, "FloatArray"]] | None,
    level: float,
) -> SharedExponents:
    """Return how the exponents of the recipe differ from the baseline's, name by name, and jointly.

    ``draws`` hold each exponent's values, (R,), in pairs. With d the differences, S their covariance over
    the draws and D^2(x) = (x - d)^T S^-1 (x - d), the p-value is the share of the draws of larger D^2
    than zero has: a bootstrap of Hotelling's test, free of the normal law.
    """
    import numpy as np

    from scaling_cli.planning.uncertainty import percentile_interval

    first, second = exponents
    names = [name for name in (*EXPONENTS, FRONTIER) if name in first and name in second]
    if draws is None:
        plain = {name: Difference(second[name] - first[name]) for name in names}
        return SharedExponents(plain, None, None, "no-draws")
    apart = {name: draws[1][name] - draws[0][name] for name in names}
    differences = {
        name: Difference(second[name] - first[name], percentile_interval(apart[name], level))
        for name in names
    }
    # g follows from the exponents of a surface: it is tested where some of them are not there to compare
    own = names if first.keys() != second.keys() else [name for name in names if name != FRONTIER]
    own = own or [FRONTIER]
    tested = [name for name in own if np.ptp(apart[name]) > ROUNDING]
    if any(abs(differences[name].value) > ROUNDING for name in own if name not in tested):
        return SharedExponents(differences, 0.0, is_rejected=True)  # runs without noise leave no doubt
    if not tested:
        return SharedExponents(differences, None, None, "same-in-all-draws")
    values = np.stack([apart[name] for name in tested], axis=1)
    p_value = _joint_p(values, np.array([differences[name].value for name in tested]))
    return SharedExponents(differences, p_value, p_value < 1 - level)


def _joint_p(values: "FloatArray", centre: "FloatArray") -> float:
    """Return the share of ``values`` (R, k) that lie as far from ``centre`` (k,) as zero does."""
    import numpy as np

    inverse = np.linalg.pinv(np.atleast_2d(np.cov(values, rowvar=False)))
    away = values - centre
    distances = np.einsum("ri,ij,rj->r", away, inverse, away)
    return float(np.mean(distances >= centre @ inverse @ centre))


def find_trend(
    baseline: Frontiers,
    recipe: Frontiers,
    C: float,
    level: float,
    shared: SharedExponents,
    draws: tuple[Frontiers, Frontiers] | None = None,
) -> Trend:
    """Return m(C)/m(C/10) of the multiplier m, and whether a change of it is established."""
    log_value = float(_log_trend(baseline, recipe, C)[0])
    value = math.exp(log_value) if math.isfinite(log_value) else None
    interval = None if draws is None else log_interval(_log_trend(*draws, C), level)[0]
    growth: Growth = "not-established"
    if interval is not None and shared.is_rejected:
        low, high = interval
        if low is not None and low > 1:
            growth = "grows"
        elif high is not None and high < 1:
            growth = "shrinks"
    return Trend(C, value, interval, growth)


def _log_trend(baseline: Frontiers, recipe: Frontiers, C: float) -> "FloatArray":
    import numpy as np

    with np.errstate(invalid="ignore"):
        return log_multipliers(baseline, recipe, C) - log_multipliers(baseline, recipe, C / 10)
