"""Power laws of compute, y = k C^p: through weighted points, with draws for how sure they are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PowerDraws:
    """log y = ``log_coefficient`` + ``exponent`` log C for every draw, both of shape (R,)."""

    log_coefficient: "FloatArray"
    exponent: "FloatArray"

    def at(self, C: float) -> "FloatArray":
        """Return y at C FLOPs under every draw, (R,)."""
        import numpy as np

        values: FloatArray = np.exp(self.log_coefficient + self.exponent * math.log(C))
        return values


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """y = ``coefficient`` C^``exponent``, C in FLOPs; ``draws`` say how sure it is, where they are known."""

    coefficient: float
    exponent: float
    draws: PowerDraws | None = field(default=None, compare=False, repr=False)

    def at(self, C: float) -> float:
        """Return y at C FLOPs."""
        return math.exp(math.log(self.coefficient) + self.exponent * math.log(C))


@dataclass(frozen=True, slots=True)
class Frontier:
    """The compute-optimal params, tokens and loss (nats per token) as power laws of C.

    ``loss`` is a description of the budgets it was fitted to: it has no irreducible loss. ``None`` where
    nobody asked for it.
    """

    params: PowerLaw
    tokens: PowerLaw
    loss: PowerLaw | None = None

    @property
    def laws(self) -> Mapping[str, PowerLaw]:
        """The power laws by the names of what they give."""
        known = {"params": self.params, "tokens": self.tokens, "loss": self.loss}
        return {name: law for name, law in known.items() if law is not None}
