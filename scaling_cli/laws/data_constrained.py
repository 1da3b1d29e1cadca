"""The data-constrained form: the additive law where tokens repeat and params outgrow the data."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from scaling_cli.laws.additive import AdditiveLaw
from scaling_cli.laws.law import Number
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GOLDEN = (math.sqrt(5) - 1) / 2

SEARCH_WIDTH = 12.0
"""The optimum is looked for within exp(12) of the base form's N_opt: 160,000 times on either side."""

SEARCH_STEPS = 60
"""Golden-section steps to 1e-11 of that width: the loss is too flat for more, the slope takes over."""


@dataclass(frozen=True, slots=True)
class DataConstrainedLaw(AdditiveLaw):
    """L(N, D, U) = E + A N'^-alpha + B D'^-beta with what N and D are worth (Muennighoff et al. 2023, Eq. 5).

    - D' = U + U R_D_star (1 - exp(-R_D/R_D_star)), R_D = D/U - 1: U unique tokens, read again R_D times
    - N' = U_N + U_N R_N_star (1 - exp(-R_N/R_N_star)), R_N = N/U_N - 1, U_N = min(N, N_opt(U))
    - N_opt(U) = (alpha A U^beta/(beta B))^(1/alpha), the params for which U tokens are optimal

    Asked without U it answers for fresh data, where nothing repeats, with the additive form itself: every
    closed solution of ``AdditiveLaw`` holds. Fewer tokens than U are all fresh (U is then D).
    """

    form: ClassVar[str] = "data-constrained"
    formula: ClassVar[str] = "L = E + A N'^-alpha + B D'^-beta, N' and D' what repeated data leave of N and D"

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    R_D_star: float
    R_N_star: float

    def __post_init__(self) -> None:
        self._require_positive("R_D_star", "R_N_star")
        self._check()

    def loss(self, N: Number, D: Number, U: Number | None = None) -> Number:
        """L(N, D, U) in nats per token; without ``U`` unique tokens the base form, fresh data."""
        N_worth, D_worth = (N, D) if U is None else self.effective(N, D, U)
        total: Number = self.E + self.A * N_worth**-self.alpha + self.B * D_worth**-self.beta
        return total

    def params_for_unique(self, U: Number) -> Number:
        """N_opt(U) = (alpha A U^beta/(beta B))^(1/alpha): the params for which U tokens are optimal."""
        N: Number = math.exp(self.log_G * (self.alpha + self.beta) / self.alpha) * U ** (
            self.beta / self.alpha
        )
        return N

    def effective(self, N: Number, D: Number, U: Number) -> tuple[Number, Number]:
        """Return (N', D'), what N params and D tokens of which U are unique are worth."""
        if isinstance(N, float | int) and isinstance(D, float | int) and isinstance(U, float | int):
            unique = min(U, D)
            used = min(N, self.params_for_unique(unique))
            return (
                used * (1 - self.R_N_star * math.expm1(-(N / used - 1) / self.R_N_star)),
                unique * (1 - self.R_D_star * math.expm1(-(D / unique - 1) / self.R_D_star)),
            )
        return self._effective_arrays(N, D, U)

    def _effective_arrays(
        self, N: "NDArray[np.float64]", D: "NDArray[np.float64]", U: "NDArray[np.float64]"
    ) -> tuple["NDArray[np.float64]", "NDArray[np.float64]"]:
        import numpy as np

        unique = np.minimum(U, D)
        used = np.minimum(N, self.params_for_unique(unique))
        return (
            used * (1 - self.R_N_star * np.expm1(-(N / used - 1) / self.R_N_star)),
            unique * (1 - self.R_D_star * np.expm1(-(D / unique - 1) / self.R_D_star)),
        )

    def optimum_of_unique(self, C: float, U: float) -> tuple[float, float]:
        """Return (N, D) of least L(N, C/(6 N), U) for C FLOPs and U unique tokens.

        Where the budget does not use up the fresh tokens this is the base form's optimum. Beyond, the
        loss has one minimum along N: golden section brings it near, and the root of its slope, taken
        in closed form, to the last digits.
        """
        N_fresh, D_fresh = self.optimum(C)
        if D_fresh <= U:
            return N_fresh, D_fresh
        # with D > U the base form would repeat data: the loss can only favour more params than it does
        low, high = math.log(N_fresh) - SEARCH_WIDTH, math.log(N_fresh) + SEARCH_WIDTH

        def loss(log_N: float) -> float:
            N = math.exp(log_N)
            return self.loss(N, C / (K * N), U)

        for _ in range(SEARCH_STEPS):
            left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            low, high = (low, right) if loss(left) < loss(right) else (left, high)
        middle = (low + high) / 2
        log_N = self._root_of_slope(middle - 1e-3, middle + 1e-3, C, U)
        N = math.exp(log_N)
        return N, C / (K * N)

    def _slope(self, log_N: float, C: float, U: float) -> float:
        """dL/d(log N) along 6 N D = C."""
        N = math.exp(log_N)
        D = C / (K * N)
        unique = min(U, D)
        used = min(N, self.params_for_unique(unique))
        N_worth, D_worth = self.effective(N, D, U)
        # d log N'/d log N = N exp(-R_N/R_N*)/N'; d log D'/d log N = -D exp(-R_D/R_D*)/D' while U is fixed
        N_slope = N * math.exp(-(N / used - 1) / self.R_N_star) / N_worth
        D_slope = D * math.exp(-(D / unique - 1) / self.R_D_star) / D_worth
        slope: float = (
            -self.alpha * self.A * N_worth**-self.alpha * N_slope
            + self.beta * self.B * D_worth**-self.beta * D_slope
        )
        return slope

    def _root_of_slope(self, low: float, high: float, C: float, U: float) -> float:
        """Bisect for the minimum where the slope changes its sign between the ends, else take the middle."""
        if not self._slope(low, C, U) < 0 < self._slope(high, C, U):
            return (low + high) / 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._slope(middle, C, U) < 0 else (low, middle)
        return (low + high) / 2
