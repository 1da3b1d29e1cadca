"""The additive forms: a constant, a power of the params and a power of the tokens, solved in closed form."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from scaling_cli.errors import LawError
from scaling_cli.laws.law import Number, PredictsLoss, finite_or_inf
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K


class AdditiveLaw(PredictsLoss):
    """L(N, D) = E + A N^-alpha + B D^-beta with C = 6 N D.

    Everything about it has a closed form (Hoffmann et al. 2022, Eq. 4):

    - G = (alpha A / (beta B))^(1/(alpha + beta))
    - N_opt = G (C/6)^(beta/(alpha+beta)), D_opt = G^-1 (C/6)^(alpha/(alpha+beta))
    - L*(C) = E + F (C/6)^-g with g = alpha beta/(alpha+beta) and F = A G^-alpha + B G^beta
    """

    __slots__ = ()
    A: float
    B: float
    alpha: float
    beta: float

    def _check(self) -> None:
        self._require_positive("A", "B", "alpha", "beta")
        if not math.isfinite(self.E) or self.E < 0:
            raise LawError(f"E must not be negative, got {self.E}")
        try:
            # G itself too: exponents near zero put it past any float while A N^-alpha is still a number
            scale = self.log_G * max(self.alpha, self.beta, 1.0)
        except (OverflowError, ValueError):  # a ratio of constants past the largest float
            scale = math.inf
        if abs(scale) > 600:  # exp(709) is the largest float
            raise LawError(f"A = {self.A:g} and B = {self.B:g} are too far apart to have an optimum")

    @property
    def log_G(self) -> float:
        """The logarithm of G, where N_opt/D_opt at C = 6 is G^2."""
        log_ratio = math.log(self.alpha) + math.log(self.A) - math.log(self.beta) - math.log(self.B)
        return log_ratio / (self.alpha + self.beta)

    @property
    def exponents(self) -> tuple[float, float]:
        """(beta/(alpha+beta), alpha/(alpha+beta))."""
        total = self.alpha + self.beta
        return self.beta / total, self.alpha / total

    @property
    def frontier_exponent(self) -> float:
        """The exponent g = alpha beta/(alpha+beta) of L*(C) = E + F (C/6)^-g."""
        return self.alpha * self.beta / (self.alpha + self.beta)

    @property
    def frontier_coefficient(self) -> float:
        """The coefficient F = A G^-alpha + B G^beta of L*(C) = E + F (C/6)^-g."""
        return self.A * math.exp(-self.alpha * self.log_G) + self.B * math.exp(self.beta * self.log_G)

    def loss(self, N: Number, D: Number) -> Number:
        """L = E + A N^-alpha + B D^-beta, in nats per token."""
        total: Number = self.E + self.A * N**-self.alpha + self.B * D**-self.beta
        return total

    def optimum(self, C: Number) -> tuple[Number, Number]:
        """(N_opt, D_opt) for C FLOPs."""
        N_exponent, _ = self.exponents
        N: Number = math.exp(self.log_G) * (C / K) ** N_exponent
        return N, C / (K * N)

    def frontier_loss(self, C: Number) -> Number:
        """L*(C) = E + F (C/6)^-g, in nats per token."""
        total: Number = self.E + self.frontier_coefficient * (C / K) ** -self.frontier_exponent
        return total

    def flops_for_loss(self, L: float) -> float:
        """C = 6 (F/(L - E))^(1/g); ``inf`` where L <= E."""
        if L <= self.E:
            return math.inf
        base = self.frontier_coefficient / (L - self.E)
        return finite_or_inf(lambda: K * base ** (1 / self.frontier_exponent))

    def flops_for_params(self, N: float) -> float:
        """C = 6 (N/G)^((alpha+beta)/beta)."""
        N_exponent, _ = self.exponents
        return finite_or_inf(lambda: K * math.exp((math.log(N) - self.log_G) / N_exponent))

    def flops_for_tokens(self, D: float) -> float:
        """C = 6 (D G)^((alpha+beta)/alpha)."""
        _, D_exponent = self.exponents
        return finite_or_inf(lambda: K * math.exp((math.log(D) + self.log_G) / D_exponent))

    def tokens_for_loss(self, N: float, L: float) -> float:
        """D = (B/(L - E - A N^-alpha))^(1/beta)."""
        rest = L - self.E - self.A * N**-self.alpha
        return finite_or_inf(lambda: (self.B / rest) ** (1 / self.beta)) if rest > 0 else math.inf

    def params_for_loss(self, D: float, L: float) -> float:
        """N = (A/(L - E - B D^-beta))^(1/alpha)."""
        rest = L - self.E - self.B * D**-self.beta
        return finite_or_inf(lambda: (self.A / rest) ** (1 / self.alpha)) if rest > 0 else math.inf


@dataclass(frozen=True, slots=True)
class ChinchillaLaw(AdditiveLaw):
    """L(N, D) = E + A N^-alpha + B D^-beta (Hoffmann et al. 2022, Eq. 2)."""

    form: ClassVar[str] = "chinchilla"
    formula: ClassVar[str] = "L = E + A N^-alpha + B D^-beta"

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def __post_init__(self) -> None:
        self._check()


@dataclass(frozen=True, slots=True)
class OvertrainingLaw(AdditiveLaw):
    """L = E + (a M^eta + b M^-eta) C^-eta with M = D/N (Gadre et al. 2024).

    With C = 6 N D this is the additive form with alpha = beta = 2 eta, A = a 6^-eta, B = b 6^-eta.
    """

    form: ClassVar[str] = "overtraining"
    formula: ClassVar[str] = "L = E + (a M^eta + b M^-eta) C^-eta, M = D/N"

    E: float
    a: float
    b: float
    eta: float
    A: float = field(init=False, repr=False, compare=False)
    B: float = field(init=False, repr=False, compare=False)
    alpha: float = field(init=False, repr=False, compare=False)
    beta: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._require_positive("a", "b", "eta")
        object.__setattr__(self, "A", self.a * K**-self.eta)
        object.__setattr__(self, "B", self.b * K**-self.eta)
        object.__setattr__(self, "alpha", 2 * self.eta)
        object.__setattr__(self, "beta", 2 * self.eta)
        self._check()
