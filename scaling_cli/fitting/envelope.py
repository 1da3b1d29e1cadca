"""The training-curve envelope (Hoffmann et al. 2022, approach 1): learning curves become an allocation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.curves import Curves
from scaling_cli.findings import Finding
from scaling_cli.laws.allocation import AllocationLaw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import FloatArray

    IntArray = NDArray[np.intp]
    BoolArray = NDArray[np.bool_]

BUDGETS = 1500
"""Log-spaced budgets at which the least loss is looked for (Hoffmann et al. 2022, Sec. 3.1)."""

SMOOTHING = 10
"""The Gaussian window, in logged points of a curve (Hoffmann et al. 2022, App. D: 10 steps)."""

FINAL_SHARE = 0.15
"""The share of its schedule at the end of which a run is read: the points that the paper's envelope selects
all lie in the last 15 % (Hoffmann et al. 2022, Sec. 3.1)."""


@dataclass(frozen=True, slots=True)
class EnvelopeSettings:
    """How an envelope is traced: see the constants of this module.

    ``include_unfinished`` reads the curves along the way and not only in the final share of their schedules.
    """

    smooth: int = SMOOTHING
    budgets: int = BUDGETS
    final_share: float = FINAL_SHARE
    include_unfinished: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """The least loss that any run has at each of g budgets; all arrays have shape (g,).

    ``flops`` C are log-spaced. ``run`` is the index of the run that wins, -1 where no run is read at that
    budget; ``params`` N, ``tokens`` D = C/(6 N) and ``loss`` L are its own there, NaN where none is.
    ``is_edge`` marks the budgets won by the smallest or the largest of the sizes that are read there: no
    minimum lies between the sizes, so they leave the fit.
    """

    flops: "FloatArray"
    run: "IntArray"
    params: "FloatArray"
    tokens: "FloatArray"
    loss: "FloatArray"
    is_edge: "BoolArray"

    @property
    def is_won(self) -> "BoolArray":
        """Which budgets any run is read at."""
        won: BoolArray = self.run >= 0
        return won

    @property
    def is_fitted(self) -> "BoolArray":
        """Which budgets the power laws are fitted to."""
        fitted: BoolArray = self.is_won & ~self.is_edge
        return fitted


@dataclass(frozen=True, slots=True)
class Variant:
    """What the same curves give under another rule: ``law`` is None where they give none, ``note`` says why.

    ``rule`` is one of ``with-edges`` (edge budgets kept), ``all-points`` (curves read along the way)
    and ``final-points`` (only in the last share of their schedules).
    """

    rule: str
    budgets: int
    law: AllocationLaw | None
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class EnvelopeFit:
    """An envelope and the power laws N_opt = k C^a, D_opt = C/(6 N_opt) through its budgets.

    ``law`` is None where there is no frontier; then one of ``findings`` is a refusal that says why, and
    ``hint`` which runs are missing.
    """

    curves: Curves
    settings: EnvelopeSettings
    envelope: Envelope
    law: AllocationLaw | None
    variants: tuple[Variant, ...] = ()
    findings: tuple[Finding, ...] = ()
    hint: str = ""

    @property
    def refusal(self) -> Finding | None:
        """Why there is no law, or None where there is one."""
        return next((finding for finding in self.findings if finding.severity == "refusal"), None)

    @property
    def fitted_range(self) -> dict[str, tuple[float, float]]:
        """The least and the largest params, tokens and FLOPs (6 N D) of the budgets fitted."""
        kept = self.envelope.is_fitted
        spans = {name: getattr(self.envelope, name)[kept] for name in ("params", "tokens", "flops")}
        return {
            name: (float(values.min()), float(values.max())) for name, values in spans.items() if len(values)
        }
