"""What a fit is: a law, how well it describes its runs, and how sure its minimum is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scaling_cli.findings import Finding
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

Status = Literal["converged", "not-converged"]


@dataclass(frozen=True, slots=True)
class Objective:
    """What was minimised: its name, the Huber threshold, and the sum over runs at the minimum."""

    name: str
    delta: float
    value: float


@dataclass(frozen=True, slots=True)
class Starts:
    """How many descents were made, and how many ended at the best minimum."""

    tried: int
    reached: int


@dataclass(frozen=True, slots=True)
class Quality:
    """Residuals r = log L_predicted - log L, all in the space of the fit.

    ``r_squared`` is 1 - sum r^2 / sum (log L - mean log L)^2, ``residual_rms`` the root of the mean of
    r^2, ``residual_mad`` 1.4826 times the median of abs(r): the spread that outliers do not move.
    """

    r_squared: float
    residual_rms: float
    residual_mad: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A law fitted to ``runs``; ``findings`` are what the fit itself has to say against it."""

    law: ChinchillaLaw
    runs: Runs
    objective: Objective
    starts: Starts
    status: Status
    quality: Quality
    findings: tuple[Finding, ...] = ()

    @property
    def residuals(self) -> "FloatArray":
        """Log L_predicted - log L of every run, shape (n,)."""
        import numpy as np

        return np.log(self.law.loss(self.runs.params, self.runs.tokens)) - np.log(self.runs.loss)

    @property
    def fitted_range(self) -> dict[str, tuple[float, float]]:
        """The least and the largest params, tokens and FLOPs (6 N D) of the runs."""
        spans = {"params": self.runs.params, "tokens": self.runs.tokens, "flops": self.runs.flops_6ND}
        return {name: (float(values.min()), float(values.max())) for name, values in spans.items()}
