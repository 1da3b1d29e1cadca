"""The surface behind IsoFLOP profiles: fitted to their runs, refitted to other losses, read at the runs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaling_cli.errors import FitRefused, LawError
from scaling_cli.fitting import objective
from scaling_cli.fitting.fit import Fit
from scaling_cli.fitting.newton import descend
from scaling_cli.fitting.objective import LogRuns, log_runs
from scaling_cli.fitting.parametric import box_around, fit_law
from scaling_cli.fitting.penalty import DELTA, Penalty
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.fitting.newton import Evaluation

    FloatArray = NDArray[np.float64]

CELLS_PER_CHUNK = 64_000
"""The derivatives are taken for so many (replicate, run) cells at a time: of fewer most of the time goes into
the calls themselves, and the arrays of more leave the cache. 300 replicates of 10,000 runs take 0.45 s, and
0.8 s with a quarter as many."""

FINAL_STEPS = 1000
"""Ten steps are common; a replicate whose E falls to nothing takes hundreds."""


@dataclass(frozen=True, slots=True, eq=False)
class Optima:
    """The optima of R surfaces: log N_opt = ``height`` + ``slope`` log C, L* = E + F (C/6)^-g; (R,) each."""

    height: "FloatArray"
    slope: "FloatArray"
    E: "FloatArray"
    log_F: "FloatArray"
    g: "FloatArray"

    def log_loss(self, log_C: float) -> "FloatArray":
        """Return log L*(C), (R,)."""
        import numpy as np

        reduced = np.exp(self.log_F - self.g * (log_C - np.log(FLOPS_PER_PARAM_TOKEN)))
        return np.asarray(np.log(self.E + reduced))


class ProfileSurface:
    """The Chinchilla surface of the runs of a study; ``vectors`` (R, 5) stand for surfaces like it."""

    def __init__(self, fit: Fit) -> None:
        assert isinstance(fit.law, ChinchillaLaw)
        self.fit = fit
        self._data: LogRuns = log_runs(fit.runs)
        self._box = box_around(self._data)

    @property
    def vector(self) -> "FloatArray":
        """The fitted surface itself, (1, 5)."""
        import numpy as np

        assert isinstance(self.fit.law, ChinchillaLaw)
        with np.errstate(divide="ignore"):  # E may be zero
            return objective.pack(self.fit.law, self._data)[None, :]

    def log_losses(self, vectors: "FloatArray") -> "FloatArray":
        """Return the logarithm of each surface's loss at the runs' (N, D), (R, n)."""
        return objective.predict(vectors, self._data)

    def refit(
        self, log_losses: "FloatArray", progress: Callable[[int], None] | None = None
    ) -> tuple["FloatArray", "NDArray[np.bool_]"]:
        """Return the surfaces (R, 5) at the minima for other losses (R, n) at the runs, and which converged.

        Every descent begins at the fitted surface.
        """
        import numpy as np

        chunk = max(1, CELLS_PER_CHUNK // len(self._data.z))
        penalty = Penalty(delta=DELTA)
        start = np.clip(self.vector, self._box.lower, self._box.upper)
        scale = objective.column_norms(start, self._data)
        vectors, converged = [], []
        for first in range(0, len(log_losses), chunk):
            block = log_losses[first : first + chunk]

            def derivatives(
                theta: "FloatArray", rows: "NDArray[np.intp]", block: "FloatArray" = block
            ) -> "Evaluation":
                return objective.derivatives(theta, replace(self._data, z=block[rows]), penalty)

            begin, unit = (np.tile(row, (len(block), 1)) for row in (start, scale))
            end = descend(begin, derivatives, unit, self._box, max_steps=FINAL_STEPS)
            within = (end.theta[:, 3:] > self._box.lower[3:]) & (end.theta[:, 3:] < self._box.upper[3:])
            vectors.append(end.theta)
            converged.append(end.converged & within.all(axis=1))
            if progress:
                progress(len(block))
        return np.concatenate(vectors), np.concatenate(converged)

    def optima(self, vectors: "FloatArray") -> Optima:
        """Return where each surface has its optimum (Hoffmann et al. 2022, Eq. 4)."""
        import numpy as np

        a, b, e, alpha, beta = vectors.T
        log_A, log_B = a + alpha * self._data.centre_N, b + beta * self._data.centre_D
        total = alpha + beta
        log_G = (np.log(alpha / beta) + log_A - log_B) / total
        slope = beta / total
        return Optima(
            height=log_G - slope * np.log(FLOPS_PER_PARAM_TOKEN),
            slope=slope,
            E=np.exp(e),
            log_F=np.logaddexp(log_A - alpha * log_G, log_B + beta * log_G),
            g=alpha * beta / total,
        )


def fit_surface(runs: Runs) -> tuple[ProfileSurface | None, str]:
    """Fit the Chinchilla surface to the runs of all budgets; where that cannot be, say why."""
    try:
        return ProfileSurface(fit_law(runs)), ""
    except (FitRefused, LawError) as error:
        return None, error.message
