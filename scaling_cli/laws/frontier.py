"""A law of runs that already sit on the optimum: the loss a budget reaches, and nothing of its division."""

import math
from dataclasses import dataclass
from typing import ClassVar

from scaling_cli.errors import LawError
from scaling_cli.laws.law import HasFrontier, Number, finite_or_inf


@dataclass(frozen=True, slots=True)
class FrontierLaw(HasFrontier):
    """L*(C) = E + A C^-alpha."""

    form: ClassVar[str] = "frontier"
    formula: ClassVar[str] = "L = E + A C^-alpha"

    E: float
    A: float
    alpha: float

    def __post_init__(self) -> None:
        self._require_positive("A", "alpha")
        if not math.isfinite(self.E) or self.E < 0:
            raise LawError(f"E must not be negative, got {self.E}")

    def frontier_loss(self, C: Number) -> Number:
        """L*(C), in nats per token."""
        total: Number = self.E + self.A * C**-self.alpha
        return total

    def flops_for_loss(self, L: float) -> float:
        """C = (A/(L - E))^(1/alpha); ``inf`` where L <= E."""
        if L <= self.E:
            return math.inf
        return finite_or_inf(lambda: (self.A / (L - self.E)) ** (1 / self.alpha))
