"""The surface a plan moves on: a law's loss over (N, D), at the unique tokens there are."""

import math
from dataclasses import dataclass

from scaling_cli.laws import repeated
from scaling_cli.laws.conversion import TotalLossLaw, additive_part, non_embedding_params
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.law import PredictsLoss

LARGEST_LOG = 700.0
"""exp(709) is the largest float."""


@dataclass(frozen=True, slots=True)
class Surface:
    """L(N, D) under ``law``; where it knows repeated data and ``unique`` is U, L(N, D, U)."""

    law: PredictsLoss
    unique: float | None = None

    @property
    def _repeating(self) -> tuple[DataConstrainedLaw, float] | None:
        """The law and U, where tokens may repeat."""
        if self.unique is not None and isinstance(self.law, DataConstrainedLaw):
            return self.law, self.unique
        return None

    def repeats(self, D: float) -> bool:
        """Say whether D tokens are more than are unique, under a law that knows what that is worth."""
        return self._repeating is not None and self._repeating[1] < D

    def loss(self, N: float, D: float) -> float:
        """L in nats per token; falling in D, and in N."""
        if pair := self._repeating:
            law, U = pair
            return law.loss(N, D, U)
        return self.law.loss(N, D)

    def tokens_for_loss(self, N: float, L: float) -> float:
        """Return the tokens on which N params reach loss L; ``inf`` where none do."""
        if pair := self._repeating:
            law, U = pair
            return repeated.tokens_for_loss(law, N, L, U)
        return self.law.tokens_for_loss(N, L)

    def least_params(self, L: float) -> float:
        """Return the params below which no number of tokens reaches loss L; ``inf`` where none do."""
        if pair := self._repeating:
            law, U = pair
            return repeated.least_params(law, L, U)
        return self.law.params_for_loss(math.inf, L)

    def log_marginal_ratio(self, N: float, D: float) -> float:
        """Log of (N dL/dN)/(D dL/dD): what a percent of params is worth against one of tokens."""
        if pair := self._repeating:
            law, U = pair
            return repeated.log_marginal_ratio(law, N, D, U)
        return _log_marginal_ratio(self.law, N, D)

    def slope_at_loss(self, N: float, D: float) -> float:
        """Return d log D/d log N along which the loss stays what it is."""
        return -math.exp(min(self.log_marginal_ratio(N, D), LARGEST_LOG))


def _log_marginal_ratio(law: PredictsLoss, N: float, D: float) -> float:
    """As ``laws.marginal.marginal_ratio``, in logarithms: no power of an extreme N or D is taken."""
    if isinstance(law, TotalLossLaw):
        inner = _log_marginal_ratio(law.inner, non_embedding_params(N), D)
        return math.log(law.elasticity(N)) + inner
    part = additive_part(law)
    scale = math.log(part.alpha * part.A) - math.log(part.beta * part.B)
    return scale - part.alpha * math.log(N) + part.beta * math.log(D)
