"""The frontiers L*(C) of many laws at once, in closed form: what a comparison of recipes is made of."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from scaling_cli.errors import PlanError
from scaling_cli.findings import Finding
from scaling_cli.laws.additive import AdditiveLaw
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import Law
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

LARGEST_POWER = 700.0
"""exp(709) is the largest float: a loss further above E than exp of this is as good as infinite."""


class Frontiers(ABC):
    """The frontiers of R laws, L*(C) with C in FLOPs, falling towards ``E``, which has shape (R,)."""

    __slots__ = ()
    E: "FloatArray"

    def __len__(self) -> int:
        return len(self.E)

    def loss(self, C: "float | FloatArray") -> "FloatArray":
        """Return L*(C) of every law; C a number, or of any shape that goes with (R,)."""
        import numpy as np

        return self.loss_at(np.log(C))

    @abstractmethod
    def loss_at(self, log_C: "float | FloatArray") -> "FloatArray":
        """Return L*(C) of every law, of the logarithm of C."""

    @abstractmethod
    def log_flops(self, L: "float | FloatArray") -> "FloatArray":
        """Return log C with L*(C) = L; ``inf`` where L <= E."""

    @abstractmethod
    def exponents(self, C: float) -> "FloatArray":
        """Return g = -d log(L* - E)/d log C at C FLOPs, (R,)."""

    @abstractmethod
    def take(self, places: "IntArray") -> Self:
        """Return the frontiers at ``places``, in their order; one may come several times."""


@dataclass(frozen=True, slots=True, eq=False)
class PowerFrontiers(Frontiers):
    """L*(C) = E + exp(log_K) C^-g of R laws, C in FLOPs; all arrays have shape (R,)."""

    E: "FloatArray"
    log_K: "FloatArray"
    g: "FloatArray"

    def loss_at(self, log_C: "float | FloatArray") -> "FloatArray":
        """L*(C) = E + exp(log K - g log C)."""
        import numpy as np

        power = np.clip(self.log_K - self.g * log_C, -LARGEST_POWER, LARGEST_POWER)
        losses: FloatArray = self.E + np.exp(power)
        return losses

    def log_flops(self, L: "float | FloatArray") -> "FloatArray":
        """Return log C = (log K - log(L - E))/g; ``inf`` where L <= E."""
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            log_C = (self.log_K - np.log(L - self.E)) / self.g
        reached: FloatArray = np.where(np.asarray(L) > self.E, log_C, np.inf)
        return reached

    def exponents(self, C: float) -> "FloatArray":
        """Return g, the same at every budget."""
        return self.g

    def take(self, places: "IntArray") -> "PowerFrontiers":
        """Return the frontiers at ``places``, in their order; one may come several times."""
        return PowerFrontiers(self.E[places], self.log_K[places], self.g[places])


def power_frontiers(laws: Sequence[Law], name: str) -> PowerFrontiers:
    """Return the frontiers of laws that have a closed one, those of the recipe called ``name``.

    - additive forms: E, K = F 6^g, g = alpha beta/(alpha + beta), with F of laws/additive.py
    - the frontier form: E, A, alpha
    - Kaplan's: E = 0, and the additive form inside its brackets to the power of alpha_D

    Raises ``PlanError`` for a law that has no loss.
    """
    import numpy as np

    constants = [_constants(law, name) for law in laws]
    E, log_K, g = np.array(constants, dtype=np.float64).reshape(-1, 3).T
    return PowerFrontiers(E, log_K, g)


def _constants(law: Law, name: str) -> tuple[float, float, float]:
    """Return E, log K and g of one law."""
    if isinstance(law, AdditiveLaw):
        g = law.frontier_exponent
        return law.E, math.log(law.frontier_coefficient) + g * math.log(FLOPS_PER_PARAM_TOKEN), g
    if isinstance(law, FrontierLaw):
        return law.E, math.log(law.A), law.alpha
    if isinstance(law, KaplanLaw):
        _, log_K, g = _constants(law.inner, name)
        return 0.0, law.alpha_D * log_K, law.alpha_D * g
    message = "this law divides a budget and says nothing of the loss that it reaches"
    raise PlanError(
        Finding("law-has-no-loss", "refusal", message),
        hint="compare laws with a loss (besiroglu2024, hoffmann2022-a3, one of your own) or tables of runs",
    ).at(name)
