"""What a scaling law is, and the three things a law may be able to do.

``Law`` is a form with its constants. ``Allocates`` divides a budget into params and tokens,
``HasFrontier`` knows the loss that a budget can reach, ``PredictsLoss`` knows the loss of every
(params, tokens) and therefore can do both. Everything is plain arithmetic, so the forward formulas
take floats and arrays alike; the inverses take floats.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, ClassVar, TypeVar

from scaling_cli.errors import LawError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Number = TypeVar("Number", float, "NDArray[np.float64]")


class Law(ABC):
    """A form and its constants; subclasses are frozen dataclasses whose fields are the constants."""

    __slots__ = ()
    form: ClassVar[str]
    formula: ClassVar[str]

    @property
    def parameters(self) -> dict[str, float]:
        """The constants under their published names; those that are not known are left out."""
        constants = {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]
        return {name: value for name, value in constants.items() if value is not None}

    def as_dict(self) -> dict[str, object]:
        """Return ``{"form", "parameters"}``, which ``forms.law_from_dict`` reads back."""
        return {"form": self.form, "parameters": self.parameters}

    def _require_positive(self, *names: str) -> None:
        """Raise ``LawError`` unless the constants called ``names`` are finite and positive."""
        for name in names:
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0:
                raise LawError(f"{name} must be positive, got {value}")


class Allocates(Law):
    """A law that divides a budget: N_opt(C), D_opt(C) with 6 N_opt D_opt = C, and back."""

    __slots__ = ()

    @property
    @abstractmethod
    def exponents(self) -> tuple[float, float]:
        """(N_exponent, D_exponent) of N_opt ~ C^N_exponent, D_opt ~ C^D_exponent; they add up to 1."""

    @abstractmethod
    def optimum(self, C: Number) -> tuple[Number, Number]:
        """Return (N_opt, D_opt) for a budget of C FLOPs."""

    @abstractmethod
    def flops_for_params(self, N: float) -> float:
        """Return the budget in FLOPs for which N params are optimal."""

    @abstractmethod
    def flops_for_tokens(self, D: float) -> float:
        """Return the budget in FLOPs for which D tokens are optimal."""


class HasFrontier(Law):
    """A law that knows L*(C), the loss that the best use of C FLOPs reaches."""

    __slots__ = ()
    E: float
    """The irreducible loss in nats per token: no budget goes below it."""

    @abstractmethod
    def frontier_loss(self, C: Number) -> Number:
        """Return L*(C) in nats per token."""

    @abstractmethod
    def flops_for_loss(self, L: float) -> float:
        """Return the smallest budget in FLOPs that reaches loss L; ``inf`` where none does."""


class PredictsLoss(Allocates, HasFrontier):
    """A law with a whole surface L(N, D), falling in both."""

    __slots__ = ()

    @abstractmethod
    def loss(self, N: Number, D: Number) -> Number:
        """Return the loss of N params trained on D tokens, in nats per token."""

    @abstractmethod
    def tokens_for_loss(self, N: float, L: float) -> float:
        """Return the tokens D on which N params reach loss L; ``inf`` where no number of tokens does."""

    @abstractmethod
    def params_for_loss(self, D: float, L: float) -> float:
        """Return the params N that reach loss L on D tokens; ``inf`` where no number of params does."""


def finite_or_inf(compute: Callable[[], float]) -> float:
    """Return ``compute()``, or ``inf`` where it is past the largest float."""
    try:
        return compute()
    except (OverflowError, ZeroDivisionError):
        return math.inf
