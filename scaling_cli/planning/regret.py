"""Regret: what a choice of params and tokens wastes against the optimum, and how flat the optimum is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.laws.additive import AdditiveLaw
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.roots import expand_until, find_root
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WIDEST = math.log(1e12)
"""A flat range reaches at most a factor of 1e12 to either side of N_opt."""

NEWTON_STEPS = 30
"""From where one term alone is the whole level, six or seven steps reach a root to rounding; some waste
thresholds close to one need more."""

ROUNDING = 1e-13
"""Losses closer than this share are the same to a float's last digits."""


@dataclass(frozen=True, slots=True)
class FlatRange:
    """The params from ``low`` to ``high`` that waste at most ``waste`` of a budget."""

    waste: float
    low: float
    high: float


def wasted_share(law: PredictsLoss, N: float, D: float) -> float:
    """Return 1 - C'/C, the share of C = 6 N D that N params on D tokens waste.

    C' is the smallest budget that reaches the same loss, that of the optimum with L*(C') = L(N, D).
    """
    C = FLOPS_PER_PARAM_TOKEN * N * D
    enough = law.flops_for_loss(law.loss(N, D))
    return max(0.0, 1 - enough / C)


def flat_range(law: PredictsLoss, C: float, waste: float) -> FlatRange | None:
    """Return the params N whose waste at a budget of C FLOPs, with D = C/(6 N), is at most ``waste``.

    Its ends are the two roots of L(N, C/(6 N)) = L*((1 - waste) C), one on either side of N_opt.
    ``None`` where the loss is the irreducible one to rounding, so that no size can be told from another.
    """
    if law.frontier_loss((1 - waste) * C) - law.frontier_loss(C) < ROUNDING * law.frontier_loss(C):
        return None
    low, high = sizes_for_loss(law, C, law.frontier_loss((1 - waste) * C))
    return FlatRange(waste=waste, low=low, high=high)


def flat_ranges(
    laws: Sequence[PredictsLoss], C: float, waste: float
) -> tuple["NDArray[np.float64]", "NDArray[np.float64]"]:
    """Return the ends of ``flat_range`` for many laws, (lows, highs); laws that have none are left out.

    For additive laws both ends are found for all laws at once: with x = log(N/N_opt), u = A N_opt^-alpha
    and v = B D_opt^-beta they are the roots of u e^(-alpha x) + v e^(beta x) = (u + v) (1 - waste)^-g,
    a convex function of x, which Newton's method reaches from outside without overshooting.
    """
    import numpy as np

    additive = [law for law in laws if isinstance(law, AdditiveLaw)]
    if len(additive) < len(laws):
        ranges = [found for law in laws if (found := flat_range(law, C, waste))]
        return np.array([found.low for found in ranges]), np.array([found.high for found in ranges])
    constants = np.array([(law.A, law.B, law.alpha, law.beta, *law.optimum(C)) for law in additive])
    A, B, alpha, beta, N_opt, D_opt = constants.T
    u, v = A * N_opt**-alpha, B * D_opt**-beta
    level = (u + v) * (1 - waste) ** (-alpha * beta / (alpha + beta))
    ends = []
    for start in (-np.log(level / u) / alpha, np.log(level / v) / beta):
        x = start  # one term alone makes up the level there: the sum lies above it
        for _ in range(NEWTON_STEPS):
            falling, rising = u * np.exp(-alpha * x), v * np.exp(beta * x)
            x = x - (falling + rising - level) / (beta * rising - alpha * falling)
        ends.append(N_opt * np.exp(x))
    return ends[0], ends[1]


def sizes_for_loss(law: PredictsLoss, C: float, L: float) -> tuple[float, float]:
    """Return the smallest and the largest params that reach loss L with exactly C FLOPs.

    L is at least L*(C). Between the two the loss is lower; an end that lies beyond a factor of 1e12
    of N_opt is returned as that factor.
    """
    N_opt, D_opt = law.optimum(C)

    def excess(log_factor: float) -> float:
        return law.loss(N_opt * math.exp(log_factor), D_opt * math.exp(-log_factor)) - L

    if excess(0.0) >= 0:  # L is the optimum's own loss, to rounding
        return N_opt, N_opt
    ends = []
    for step in (-0.25, 0.25):
        outside = expand_until(lambda x: excess(x) >= 0, 0.0, step, _WIDEST)
        log_factor = math.copysign(_WIDEST, step) if outside is None else find_root(excess, 0.0, outside)
        ends.append(N_opt * math.exp(log_factor))
    return ends[0], ends[1]
