"""Kaplan's joint form: params and tokens as two bottlenecks of one loss that falls without end."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from scaling_cli.errors import LawError
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.law import Number, PredictsLoss, finite_or_inf


@dataclass(frozen=True, slots=True)
class KaplanLaw(PredictsLoss):
    """L(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D (Kaplan et al. 2020, Eq. 1.5).

    N are the params that the constants were fitted to, in the paper those outside the embeddings. The sum
    inside is the additive form without a constant: A = N_c^(alpha_N/alpha_D), alpha = alpha_N/alpha_D,
    B = D_c, beta = 1. As the power outside is increasing, everything about C = 6 N D is solved there.
    """

    form: ClassVar[str] = "kaplan"
    formula: ClassVar[str] = "L = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D"

    N_c: float
    D_c: float
    alpha_N: float
    alpha_D: float
    E: float = field(init=False, default=0.0, repr=False, compare=False)
    inner: ChinchillaLaw = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._require_positive("N_c", "D_c", "alpha_N", "alpha_D")
        slope = self.alpha_N / self.alpha_D
        try:
            A = self.N_c**slope
        except OverflowError:
            raise LawError(f"alpha_N = {self.alpha_N:g} is too far from alpha_D = {self.alpha_D:g}") from None
        object.__setattr__(self, "inner", ChinchillaLaw(E=0.0, A=A, B=self.D_c, alpha=slope, beta=1.0))

    @property
    def exponents(self) -> tuple[float, float]:
        """(alpha_D/(alpha_N+alpha_D), alpha_N/(alpha_N+alpha_D))."""
        return self.inner.exponents

    def loss(self, N: Number, D: Number) -> Number:
        """L = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D, in nats per token."""
        total: Number = ((self.N_c / N) ** (self.alpha_N / self.alpha_D) + self.D_c / D) ** self.alpha_D
        return total

    def optimum(self, C: Number) -> tuple[Number, Number]:
        """(N_opt, D_opt) for C FLOPs."""
        return self.inner.optimum(C)

    def frontier_loss(self, C: Number) -> Number:
        """L*(C), the loss at the optimum: a pure power of C."""
        total: Number = self.inner.frontier_loss(C) ** self.alpha_D
        return total

    def _inside(self, L: float) -> float:
        """L^(1/alpha_D), the sum inside the brackets."""
        return finite_or_inf(lambda: L ** (1 / self.alpha_D)) if L > 0 else 0.0

    def flops_for_loss(self, L: float) -> float:
        """C such that L*(C) = L; ``inf`` where L is not positive."""
        inside = self._inside(L)
        return 0.0 if math.isinf(inside) else self.inner.flops_for_loss(inside)

    def flops_for_params(self, N: float) -> float:
        """C such that N_opt(C) = N."""
        return self.inner.flops_for_params(N)

    def flops_for_tokens(self, D: float) -> float:
        """C such that D_opt(C) = D."""
        return self.inner.flops_for_tokens(D)

    def tokens_for_loss(self, N: float, L: float) -> float:
        """D = D_c/(L^(1/alpha_D) - (N_c/N)^(alpha_N/alpha_D)); ``inf`` where nothing is left."""
        return self.inner.tokens_for_loss(N, self._inside(L))

    def params_for_loss(self, D: float, L: float) -> float:
        """N = N_c/(L^(1/alpha_D) - D_c/D)^(alpha_D/alpha_N); ``inf`` where nothing is left."""
        return self.inner.params_for_loss(D, self._inside(L))
