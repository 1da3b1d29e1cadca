"""Laws that divide a budget and say nothing of the loss: a power law of one side, or a fixed ratio."""

import math
from dataclasses import dataclass
from typing import ClassVar

from scaling_cli.errors import LawError
from scaling_cli.laws.law import Allocates, Number, finite_or_inf
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K

PLAUSIBLE_FLOPS = (1e18, 1e22, 1e26)
"""Budgets at which a published pair of sides is held against 6 N D = C."""

WIDEST_PAIR = 3.0
"""Published pairs are within a few percent; a factor of three is another convention, or a slip."""


@dataclass(frozen=True, slots=True)
class AllocationLaw(Allocates):
    """N_opt = params_coefficient C^params_exponent, or D_opt = tokens_coefficient C^tokens_exponent.

    One side is solved for, the params wherever they are known, and C/(6 x) gives the other, so that
    every plan spends its budget. A published pair rarely multiplies to C/6: the tokens' side, where it
    stands beside the params', is kept as it was published and enters no answer.
    """

    form: ClassVar[str] = "allocation"
    formula: ClassVar[str] = "N_opt = params_coefficient C^params_exponent, or D_opt likewise; 6 N D = C"

    params_coefficient: float | None = None
    params_exponent: float | None = None
    tokens_coefficient: float | None = None
    tokens_exponent: float | None = None

    def __post_init__(self) -> None:
        for side in ("params", "tokens"):
            coefficient, exponent = getattr(self, f"{side}_coefficient"), getattr(self, f"{side}_exponent")
            if (coefficient is None) != (exponent is None):
                raise LawError(f"{side}_coefficient and {side}_exponent go together")
            if coefficient is not None:
                self._require_positive(f"{side}_coefficient", f"{side}_exponent")
                if exponent >= 1:
                    raise LawError(f"{side}_exponent must be below 1, got {exponent}")
        if self.params_coefficient is None and self.tokens_coefficient is None:
            raise LawError("an allocation law needs params_coefficient or tokens_coefficient")
        self._check_pair()

    def _check_pair(self) -> None:
        """Raise ``LawError`` where both sides are given and are nowhere near 6 N D = C."""
        if self.params_coefficient is None or self.tokens_coefficient is None:
            return
        assert self.params_exponent is not None
        assert self.tokens_exponent is not None
        spent = [
            math.log(K * self.params_coefficient * self.tokens_coefficient)
            + (self.params_exponent + self.tokens_exponent - 1) * math.log(C)
            for C in PLAUSIBLE_FLOPS
        ]
        if min(map(abs, spent)) > math.log(WIDEST_PAIR):
            raise LawError(
                f"params and tokens do not make up the budget: 6 N D is {math.exp(spent[0]):.3g} C"
            )

    @property
    def solved_side(self) -> str:
        """``params`` or ``tokens``: the side the law fixes; the other is C/(6 x)."""
        return "tokens" if self.params_coefficient is None else "params"

    @property
    def _solved(self) -> tuple[float, float]:
        """(coefficient, exponent) of the side that the law fixes."""
        if self.params_coefficient is not None and self.params_exponent is not None:
            return self.params_coefficient, self.params_exponent
        assert self.tokens_coefficient is not None
        assert self.tokens_exponent is not None
        return self.tokens_coefficient, self.tokens_exponent

    @property
    def exponents(self) -> tuple[float, float]:
        """(N_exponent, D_exponent); the side that is not solved for gets 1 minus the other."""
        _, exponent = self._solved
        return (exponent, 1 - exponent) if self.solved_side == "params" else (1 - exponent, exponent)

    def optimum(self, C: Number) -> tuple[Number, Number]:
        """(N_opt, D_opt) for C FLOPs: x = k C^p on the solved side, C/(6 x) on the other."""
        coefficient, exponent = self._solved
        solved: Number = coefficient * C**exponent
        other: Number = C / (K * solved)
        return (solved, other) if self.solved_side == "params" else (other, solved)

    def flops_for_params(self, N: float) -> float:
        """C such that N_opt(C) = N."""
        return self._invert(N, is_solved=self.solved_side == "params")

    def flops_for_tokens(self, D: float) -> float:
        """C such that D_opt(C) = D."""
        return self._invert(D, is_solved=self.solved_side == "tokens")

    def _invert(self, value: float, *, is_solved: bool) -> float:
        """Solve value = k C^p, or value = C^(1-p)/(6 k), for C."""
        coefficient, exponent = self._solved
        if is_solved:
            return finite_or_inf(lambda: math.exp(math.log(value / coefficient) / exponent))
        return finite_or_inf(lambda: math.exp(math.log(K * coefficient * value) / (1 - exponent)))


@dataclass(frozen=True, slots=True)
class RatioLaw(Allocates):
    """D_opt = tokens_per_param N_opt, so that N_opt = sqrt(C/(6 tokens_per_param))."""

    form: ClassVar[str] = "ratio"
    formula: ClassVar[str] = "D_opt = tokens_per_param N_opt"

    tokens_per_param: float

    def __post_init__(self) -> None:
        self._require_positive("tokens_per_param")

    @property
    def exponents(self) -> tuple[float, float]:
        """(1/2, 1/2)."""
        return 0.5, 0.5

    def optimum(self, C: Number) -> tuple[Number, Number]:
        """(N_opt, D_opt) for C FLOPs."""
        N: Number = (C / (K * self.tokens_per_param)) ** 0.5
        return N, C / (K * N)

    def flops_for_params(self, N: float) -> float:
        """C = 6 r N^2."""
        return K * self.tokens_per_param * N * N

    def flops_for_tokens(self, D: float) -> float:
        """C = 6 D^2 / r."""
        return K * D * D / self.tokens_per_param
