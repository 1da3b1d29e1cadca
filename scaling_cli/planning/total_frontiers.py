"""The frontiers of laws whose params were converted to total ones: no power laws, solved for many at once."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.laws.conversion import OMEGA, TotalLossLaw, additive_part
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import Law
from scaling_cli.planning.frontiers import LARGEST_POWER, Frontiers, power_frontiers
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

NEWTON_STEPS = 100
"""Six or seven reach a root to its last digits; where a step leaves what is known of it, it is halved."""

LAST_DIGITS = 4e-16
"""A step of this share of log N (or of 1) moves a last digit or two."""


@dataclass(frozen=True, slots=True, eq=False)
class TotalFrontiers(Frontiers):
    """L*(C) = min over N of E + (A N^-alpha + B D^-beta)^power with C = 6 (N + omega N^(1/3)) D, for R laws.

    N leaves the embeddings out and C does not (laws/conversion.py). With u = omega N^(-2/3) and
    s = (1 + u)/(1 + u/3) the minimum has s alpha A N^-alpha = beta B D^-beta, and so, along n = log N,

    - log D = (log(beta B/(alpha A)) + alpha n - log s)/beta
    - log C = log 6 + n + log(1 + u) + log D
    - L* = E + (A N^-alpha (1 + s alpha/beta))^power
    - g = -d log(L* - E)/d log C = power alpha beta s/(beta + alpha s), falling as s does, from 3 to 1

    All rise or fall along n, which is solved for. ``power`` is 1 of the additive forms and alpha_D of
    Kaplan's; all arrays have shape (R,).
    """

    E: "FloatArray"
    log_A: "FloatArray"
    log_B: "FloatArray"
    alpha: "FloatArray"
    beta: "FloatArray"
    power: "FloatArray"

    def loss_at(self, log_C: "float | FloatArray") -> "FloatArray":
        """Return L*(C) of every law, of the logarithm of C."""
        import numpy as np

        log_above = -self.power * self._depth(self._log_size(log_C))[0]
        losses: FloatArray = self.E + np.exp(np.clip(log_above, -LARGEST_POWER, LARGEST_POWER))
        return losses

    def log_flops(self, L: "float | FloatArray") -> "FloatArray":
        """Return log C with L*(C) = L; ``inf`` where L <= E."""
        import numpy as np

        is_reached = np.asarray(L) > self.E
        depth = -np.log(np.where(is_reached, L - self.E, 1.0)) / self.power
        start = (depth + self.log_A + np.log1p(self.alpha / self.beta)) / self.alpha
        log_N = _invert(self._depth, depth, start, least=self.alpha)
        reached: FloatArray = np.where(is_reached, self._log_flops(log_N)[0], np.inf)
        return reached

    def exponents(self, C: float) -> "FloatArray":
        """Return g = power alpha beta s/(beta + alpha s) at C FLOPs."""
        import numpy as np

        s = np.exp(_log_elasticity(self._log_size(math.log(C)))[0])
        g: FloatArray = self.power * self.alpha * self.beta * s / (self.beta + self.alpha * s)
        return g

    def take(self, places: "IntArray") -> "TotalFrontiers":
        """Return the frontiers at ``places``, in their order; one may come several times."""
        fields = (self.E, self.log_A, self.log_B, self.alpha, self.beta, self.power)
        return TotalFrontiers(*(values[places] for values in fields))

    def _log_size(self, log_C: "float | FloatArray") -> "FloatArray":
        """Return log N of the optimum, beginning with that of the law as it was."""
        import numpy as np

        log_ratio = np.log(self.alpha / self.beta) + self.log_A - self.log_B
        log_product = np.asarray(log_C) - math.log(FLOPS_PER_PARAM_TOKEN)
        start = (log_ratio + self.beta * log_product) / (self.alpha + self.beta)
        return _invert(self._log_flops, np.asarray(log_C), start, least=1 / 3 + self.alpha / self.beta)

    def _log_flops(self, log_N: "FloatArray") -> "tuple[FloatArray, FloatArray]":
        """Return log C for which N is optimal, and its slope along log N, 1/s + (alpha - d log s)/beta."""
        import numpy as np

        log_s, slope = _log_elasticity(log_N)
        log_ratio = np.log(self.beta / self.alpha) + self.log_B - self.log_A
        log_D = (log_ratio + self.alpha * log_N - log_s) / self.beta
        log_C = math.log(FLOPS_PER_PARAM_TOKEN) + log_N + np.log1p(_embeddings(log_N)) + log_D
        return log_C, np.exp(-log_s) + (self.alpha - slope) / self.beta

    def _depth(self, log_N: "FloatArray") -> "tuple[FloatArray, FloatArray]":
        """Return -log(L* - E)/power = alpha n - log A - log(1 + s alpha/beta), and its slope along n."""
        import numpy as np

        log_s, slope = _log_elasticity(log_N)
        rest = np.exp(log_s) * self.alpha / self.beta
        return self.alpha * log_N - self.log_A - np.log1p(rest), self.alpha - slope * rest / (1 + rest)


def frontiers_of(laws: Sequence[Law], name: str) -> Frontiers:
    """Return the frontiers of laws of one form, those of the recipe called ``name``.

    Those of converted laws are solved for, all others have a closed form. Raises ``PlanError`` for a law
    that has no loss.
    """
    import numpy as np

    converted = [law for law in laws if isinstance(law, TotalLossLaw)]
    if not converted:
        return power_frontiers(laws, name)
    constants = [_constants(law) for law in converted]
    return TotalFrontiers(*np.array(constants, dtype=np.float64).T)


def _constants(law: TotalLossLaw) -> tuple[float, ...]:
    """Return E, log A, log B, alpha, beta and the power of one law."""
    part = additive_part(law.inner)
    power = law.inner.alpha_D if isinstance(law.inner, KaplanLaw) else 1.0
    return law.E, math.log(part.A), math.log(part.B), part.alpha, part.beta, power


def _embeddings(log_N: "FloatArray") -> "FloatArray":
    """Return u = omega N^(-2/3), the embeddings as a share of N."""
    import numpy as np

    u: FloatArray = np.exp(math.log(OMEGA) - (2 / 3) * np.maximum(log_N, -LARGEST_POWER))
    return u


def _log_elasticity(log_N: "FloatArray") -> "tuple[FloatArray, FloatArray]":
    """Return log s, s = (1 + u)/(1 + u/3), and its slope along log N, -(2/3) (u/(1 + u) - u/(3 + u))."""
    import numpy as np

    u = _embeddings(log_N)
    return np.log1p(u) - np.log1p(u / 3), -(2 / 3) * (u / (1 + u) - u / (3 + u))


def _invert(
    rising: "Callable[[FloatArray], tuple[FloatArray, FloatArray]]",
    value: "FloatArray",
    start: "FloatArray",
    *,
    least: "FloatArray",
) -> "FloatArray":
    """Return x with f(x) = ``value``, element by element, to the last digits.

    ``rising`` returns f and its slope, which is nowhere below ``least``: so far from ``start`` the root
    can lie. Newton's method within what is known of it.
    """
    import numpy as np

    x = start + np.zeros_like(value)
    reach = x + (value - rising(x)[0]) / least
    low, high = np.minimum(x, reach), np.maximum(x, reach)
    for _ in range(NEWTON_STEPS):
        f, slope = rising(x)
        low, high = np.where(f < value, x, low), np.where(f > value, x, high)
        step = x - (f - value) / slope
        is_inside = ((low < step) & (step < high)) | (f == value)
        after = np.where(is_inside, step, (low + high) / 2)
        moved = np.abs(after - x)
        x = after
        if (moved <= LAST_DIGITS * np.maximum(np.abs(x), 1.0)).all():
            break
    return x
