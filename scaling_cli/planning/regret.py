"""Regret: what a choice of params and tokens wastes against the optimum, and how flat the optimum is."""

import math
from dataclasses import dataclass

from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.roots import expand_until, find_root
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

_WIDEST = math.log(1e12)
"""A flat range reaches at most a factor of 1e12 to either side of N_opt."""

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
