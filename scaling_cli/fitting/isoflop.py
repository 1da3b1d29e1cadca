"""Approach 2: the valleys of the budgets, the frontier through their vertices, and its bias removed."""

from collections.abc import Mapping
from dataclasses import dataclass

from scaling_cli.fitting.fit import Fit
from scaling_cli.fitting.power_law import Frontier
from scaling_cli.fitting.valley import CurveName, Valley


@dataclass(frozen=True, slots=True)
class Bias:
    """What approach 2 itself does to the answer, with no noise at all.

    ``surface`` is approach 3 fitted to the runs of the budgets, ``replay`` the frontier that approach 2
    draws through the surface's own losses at the runs' (N, D), with the same budgets and weights.
    ``params_exponent`` is replay less truth (``tokens_exponent`` is its negative).
    """

    surface: Fit
    replay: Frontier
    params_exponent: float
    tokens_exponent: float

    def factors(self, C: float) -> Mapping[str, float]:
        """Return replay over truth at C FLOPs, for params, tokens and loss."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Isoflop:
    """The valleys in ascending order of budget, and the frontier through those that are ok.

    ``outside`` names the runs that belong to no budget. ``raw`` is ``None`` with fewer than two ok
    valleys; ``corrected`` and ``bias`` where approach 3 cannot be fitted, ``not_removed`` saying why.
    """

    valleys: tuple[Valley, ...]
    outside: tuple[str, ...]
    curve: CurveName
    raw: Frontier | None
    corrected: Frontier | None
    bias: Bias | None
    not_removed: str = ""
