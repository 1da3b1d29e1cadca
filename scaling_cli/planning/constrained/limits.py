"""Limits: each says what it does to (N, D), and how much of it a plan takes up."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from scaling_cli.planning.constrained.surface import Surface
from scaling_cli.planning.roots import find_root

Edge = tuple[float, float]
"""A bound on D at a given N, and its d log D/d log N."""


@dataclass(frozen=True, slots=True)
class Limit(ABC):
    """One limit called ``name`` with its ``value``; ``is_most`` where the amount may not lie above it.

    ``is_given`` marks what the question fixed (``--params 7B``), which is no limit on top of it.
    """

    name: str
    value: float
    is_most: bool = True
    is_given: bool = False
    is_budget: ClassVar[bool] = False

    @abstractmethod
    def amount(self, N: float, D: float, surface: Surface) -> float:
        """Return what N params on D tokens take of what is limited."""

    def params_range(self, surface: Surface) -> tuple[float, float]:
        """Return the params that the limit leaves, whatever the tokens."""
        return 1.0, math.inf

    def most_tokens(self, N: float, surface: Surface) -> Edge | None:
        """Return the tokens that N params may have at most, ``None`` where the limit does not say."""
        return None

    def least_tokens(self, N: float, surface: Surface) -> Edge | None:
        """Return the tokens that N params must have at least, ``None`` where the limit does not say."""
        return None

    def is_counted_in(self, other: "Limit") -> bool:
        """Say whether the value is a number of those of another limit, as epochs are of unique tokens."""
        return False

    def at(self, value: float) -> "Limit":
        """Return the same limit at another value."""
        return replace(self, value=value)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan costs: ``training`` a and ``serving`` b of a N D + b N, each per FLOP times FLOPs.

    In FLOPs a = 6 and b = 2 D_inf; in dollars or accelerator-seconds each FLOP has its price.
    """

    training: float
    serving: float = 0.0

    def __call__(self, N: float, D: float) -> float:
        """Return a N D + b N."""
        return self.training * N * D + self.serving * N

    @property
    def tokens_of_serving(self) -> float:
        """b/a: the training tokens that cost as much as serving does."""
        return self.serving / self.training


@dataclass(frozen=True, slots=True)
class Budget(Limit):
    """a N D + b N <= value: D <= value/(a N) - b/a."""

    cost: Cost = Cost(1.0)
    is_budget: ClassVar[bool] = True

    def amount(self, N: float, D: float, surface: Surface) -> float:
        """Return a N D + b N."""
        return self.cost(N, D)

    def params_range(self, surface: Surface) -> tuple[float, float]:
        """Up to value/(a + b), where one token is left."""
        return 0.0, self.value / (self.cost.training + self.cost.serving)

    def most_tokens(self, N: float, surface: Surface) -> Edge | None:
        """value/(a N) - b/a, falling at least as fast as N grows."""
        spent = self.value / (self.cost.training * N)
        D = spent - self.cost.tokens_of_serving
        return (D, -spent / D) if D > 0 else (0.0, -math.inf)


@dataclass(frozen=True, slots=True)
class Params(Limit):
    """N <= value, or N >= value."""

    def amount(self, N: float, D: float, surface: Surface) -> float:
        """N."""
        return N

    def params_range(self, surface: Surface) -> tuple[float, float]:
        """Up to the value, or from it on."""
        return (0.0, self.value) if self.is_most else (self.value, math.inf)


@dataclass(frozen=True, slots=True)
class Memory(Limit):
    """w N + k c N^p <= value: weights of w each and k cached tokens of c N^p each, in the value's unit."""

    weight: float = 2.0
    cache_tokens: float = 0.0
    cache_coefficient: float = 0.0
    cache_exponent: float = 0.0

    def amount(self, N: float, D: float, surface: Surface) -> float:
        """Return w N + k c N^p."""
        cache: float = self.cache_coefficient * N**self.cache_exponent
        return self.weight * N + self.cache_tokens * cache

    def params_range(self, surface: Surface) -> tuple[float, float]:
        """Up to the root of w N + k c N^p = value."""
        if not self.cache_tokens:
            return 0.0, self.value / self.weight

        def excess(log_N: float) -> float:
            return math.log(self.amount(math.exp(log_N), 0.0, surface) / self.value)

        most = math.log(self.value / self.weight)
        # a cache that fills the memory by itself leaves room for less than one parameter
        return 0.0, 0.0 if most <= 0 or excess(0.0) >= 0 else math.exp(find_root(excess, 0.0, most))


@dataclass(frozen=True, slots=True)
class Tokens(Limit):
    """D <= value, or D >= value; ``unit`` is what one of the value is worth in tokens (U of an epoch)."""

    unit: float = 1.0

    def amount(self, N: float, D: float, surface: Surface) -> float:
        """D in units."""
        return D / self.unit

    def is_counted_in(self, other: Limit) -> bool:
        """Epochs are of the unique tokens."""
        return isinstance(other, UniqueTokens) and self.name == "epochs"

    def most_tokens(self, N: float, surface: Surface) -> Edge | None:
        """The value, whatever N."""
        return (self.value * self.unit, 0.0) if self.is_most else None

    def least_tokens(self, N: float, surface: Surface) -> Edge | None:
        """The value, whatever N."""
        return None if self.is_most else (self.value * self.unit, 0.0)


@dataclass(frozen=True, slots=True)
class Ratio(Limit):
    """D/N <= value, or D/N >= value."""

    def amount(self, N: float, D: float, surface: Surface) -> float:
        """D/N."""
        return D / N

    def most_tokens(self, N: float, surface: Surface) -> Edge | None:
        """Return value N."""
        return (self.value * N, 1.0) if self.is_most else None

    def least_tokens(self, N: float, surface: Surface) -> Edge | None:
        """Return value N."""
        return None if self.is_most else (self.value * N, 1.0)


@dataclass(frozen=True, slots=True)
class TargetLoss(Limit):
    """L(N, D) <= value."""

    def amount(self, N: float, D: float, surface: Surface) -> float:
        """L(N, D) in nats per token."""
        return surface.loss(N, D)

    def params_range(self, surface: Surface) -> tuple[float, float]:
        """From the params on that reach the loss with tokens without end."""
        return surface.least_params(self.value), math.inf

    def least_tokens(self, N: float, surface: Surface) -> Edge | None:
        """The D with L(N, D) = value, along which -d log D/d log N is the marginal ratio."""
        D = surface.tokens_for_loss(N, self.value)
        return (D, surface.slope_at_loss(N, D)) if math.isfinite(D) else (math.inf, -math.inf)


@dataclass(frozen=True, slots=True)
class UniqueTokens(Limit):
    """U unique tokens under a law that knows what repeated ones are worth: the loss is L(N, D, U)."""

    def amount(self, N: float, D: float, surface: Surface) -> float:
        """D: beyond the value tokens repeat."""
        return D
