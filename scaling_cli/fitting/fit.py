"""What a fit is: a law, how well it describes its runs, and how sure its minimum is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from scaling_cli.findings import Finding
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.law import HasFrontier, PredictsLoss
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

Status = Literal["converged", "not-converged"]
ObjectiveName = Literal["log-huber", "huber", "log-mse", "mse"]
StartsName = Literal["projection", "hoffmann"]
FormName = Literal["chinchilla", "tied", "overtraining", "kaplan", "data-constrained", "frontier"]


@dataclass(frozen=True, slots=True, eq=False)
class FitSettings:
    """Everything a law was fitted with but its runs: with them, enough to fit it again.

    ``weights`` say how much each run counts, (n,) in the order of the runs, of mean one; ``fixed`` holds
    constants of the form that were not fitted, ``bounds`` the range that others had to stay in, both
    under the constants' published names. ``starts`` says where the descents begin: at the vectors of
    variable projection, or on the published grid (fitting/published_grid.py).
    """

    form: FormName = "chinchilla"
    objective: ObjectiveName = "log-huber"
    delta: float = 1e-3
    overestimate_penalty: float = 1.0
    weights: "FloatArray | None" = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    starts: StartsName = "projection"


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
    """Residuals r = log L_predicted - log L, whatever the objective.

    ``r_squared`` is 1 - sum r^2 / sum (log L - mean log L)^2, ``residual_rms`` the root of the mean of
    r^2, ``residual_mad`` 1.4826 times the median of abs(r): the spread that outliers do not move.
    """

    r_squared: float
    residual_rms: float
    residual_mad: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A law fitted to ``runs``; ``findings`` are what the fit itself has to say against it."""

    law: HasFrontier
    runs: Runs
    objective: Objective
    starts: Starts
    status: Status
    quality: Quality
    findings: tuple[Finding, ...] = ()
    settings: FitSettings = field(default_factory=FitSettings)

    @property
    def residuals(self) -> "FloatArray":
        """Log L_predicted - log L of every run, shape (n,)."""
        import numpy as np

        return np.log(predicted_loss(self.law, self.runs)) - np.log(self.runs.loss)

    @property
    def fitted_range(self) -> dict[str, tuple[float, float]]:
        """The least and the largest params, tokens, FLOPs (6 N D) and tokens per param of the runs."""
        spans = {
            "params": self.runs.params,
            "tokens": self.runs.tokens,
            "flops": self.runs.flops_6ND,
            "tokens_per_param": self.runs.tokens / self.runs.params,
        }
        return {name: (float(values.min()), float(values.max())) for name, values in spans.items()}


def predicted_loss(law: HasFrontier, runs: Runs) -> "FloatArray":
    """Return the loss in nats per token that ``law`` predicts for every run, shape (n,).

    A frontier sees of a run only its 6 N D; the data-constrained form also its unique tokens, where known.
    """
    if isinstance(law, DataConstrainedLaw):
        return law.loss(runs.params, runs.tokens, runs.unique_tokens)
    if isinstance(law, PredictsLoss):
        return law.loss(runs.params, runs.tokens)
    return law.frontier_loss(runs.flops_6ND)
