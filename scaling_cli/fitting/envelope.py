"""The training-curve envelope (Hoffmann et al. 2022, approach 1): learning curves become an allocation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaling_cli.curves import Curves
from scaling_cli.errors import LawError
from scaling_cli.findings import Finding
from scaling_cli.fitting.edges import SAME_SIZE, count_sizes
from scaling_cli.fitting.envelope_checks import (
    Refusal,
    count_values,
    find_assumed_schedule,
    find_coarse,
    find_edge_budgets,
    find_narrow,
    find_unfinished,
    refuse_curves,
    refuse_envelope,
)
from scaling_cli.fitting.loss_table import LossTable, tabulate
from scaling_cli.fitting.smoothing import fit_windows, smooth_losses
from scaling_cli.fitting.trace import Envelope, EnvelopeSettings, trace_envelope
from scaling_cli.laws.allocation import AllocationLaw
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    from scaling_cli.curves import BoolArray, IntArray
    from scaling_cli.runs import FloatArray


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
    ``hint`` which runs are missing. ``windows`` (r,) are those over which the runs were smoothed, and
    ``table`` holds the smoothed losses that were compared, None where no run could be read.
    """

    curves: Curves
    settings: EnvelopeSettings
    windows: "IntArray"
    table: LossTable | None
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
    def sizes_compared(self) -> "IntArray":
        """How many sizes are read at each budget that any is read at; empty where no run could be read."""
        import numpy as np

        return (
            np.zeros(0, dtype=np.intp)
            if self.table is None
            else count_sizes(self.table)[self.envelope.is_won]
        )

    @property
    def runs_read(self) -> int:
        """How many runs are read at some budget."""
        import numpy as np

        return 0 if self.table is None else int(np.isfinite(self.table.loss).any(axis=1).sum())

    @property
    def fitted_range(self) -> dict[str, tuple[float, float]]:
        """The least and the largest params, tokens and FLOPs (6 N D) of the budgets fitted."""
        kept = self.envelope.is_fitted
        spans = {name: getattr(self.envelope, name)[kept] for name in ("params", "tokens", "flops")}
        return {
            name: (float(values.min()), float(values.max())) for name, values in spans.items() if len(values)
        }


def fit_envelope(
    curves: Curves,
    settings: EnvelopeSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> EnvelopeFit:
    """Fit N_opt = k C^a through the runs of least loss at log-spaced budgets; D_opt = C/(6 N_opt).

    Least squares of log N on log C over the budgets that are won by neither the smallest nor the largest
    size read there. The curves are smoothed first, each by itself and over no more than its final points
    allow (``fit_windows``). Curves that give no frontier come back
    with ``law`` None and a refusal among the findings. ``progress`` is told how many points were smoothed.
    Hoffmann et al. 2022, Sec. 3.1 and App. D.
    """
    settings = settings or EnvelopeSettings()
    windows = fit_windows(curves, settings.smooth, settings.final_share)
    losses = smooth_losses(curves, windows, progress)
    table = tabulate(curves, losses, budgets=settings.budgets, last=settings.read_share)
    envelope = trace_envelope(table, settings)
    refusal = refuse_curves(curves, settings) or refuse_envelope(curves, envelope, table)
    law = None
    if refusal is None:
        law, refusal = _fit_or_refuse(envelope, envelope.is_fitted, curves)
    short_of_all = refusal is not None and refusal[0].id == "unfinished-schedule"
    found = (
        find_assumed_schedule(curves),
        find_unfinished(curves, envelope, settings) if not short_of_all else None,
        find_edge_budgets(envelope) if law else None,
        find_narrow(envelope) if law else None,
        find_coarse(curves, settings, windows),
        refusal[0] if refusal else None,
    )
    return EnvelopeFit(
        curves=curves,
        settings=settings,
        windows=windows,
        table=table,
        envelope=envelope,
        law=law,
        variants=_variants(curves, losses, settings, envelope),
        findings=tuple(finding for finding in found if finding),
        hint=refusal[1] if refusal else "",
    )


def allocation_law(flops: "FloatArray", params: "FloatArray") -> AllocationLaw:
    """Return the least-squares line of log N on log C as a law of both sides, 6 N_opt D_opt = C.

    Raises ``LawError`` where N would not grow with C, or faster than C.
    """
    import numpy as np

    log_C, log_N = np.log(flops), np.log(params)
    centred = log_C - log_C.mean()
    exponent = float((centred * log_N).sum() / (centred**2).sum())
    coefficient = float(np.exp(log_N.mean() - exponent * log_C.mean()))
    return both_sides(coefficient, exponent)


def both_sides(coefficient: float, exponent: float) -> AllocationLaw:
    """Return the law of N_opt = k C^a with D_opt = C/(6 N_opt) spelled out beside it."""
    return AllocationLaw(
        params_coefficient=coefficient,
        params_exponent=exponent,
        tokens_coefficient=1 / (FLOPS_PER_PARAM_TOKEN * coefficient),
        tokens_exponent=1 - exponent,
    )


def _fit_or_refuse(
    envelope: Envelope, kept: "BoolArray", curves: Curves
) -> tuple[AllocationLaw | None, Refusal | None]:
    """Return the law through the budgets that are kept, or why there is none."""
    try:
        return allocation_law(envelope.flops[kept], envelope.params[kept]), None
    except LawError as error:
        finding = Finding("no-allocation", "refusal", f"the envelope gives no allocation: {error.message}")
        return None, (finding, "look at the curves: N_opt must grow with the budget, and more slowly than it")


def _variants(
    curves: Curves, losses: "FloatArray", settings: EnvelopeSettings, envelope: Envelope
) -> tuple[Variant, ...]:
    """Return what the same curves give with the edge budgets, and read from other points."""
    other = replace(settings, include_unfinished=not settings.include_unfinished)
    table = tabulate(curves, losses, budgets=other.budgets, last=other.read_share)
    elsewhere = trace_envelope(table, other)
    why = refuse_curves(curves, other) or refuse_envelope(curves, elsewhere, table)
    rule = "all-points" if other.include_unfinished else "final-points"
    return (
        _variant("with-edges", envelope, envelope.is_won, curves, refuse_curves(curves, settings)),
        _variant(rule, elsewhere, elsewhere.is_fitted, curves, why),
    )


def _variant(
    rule: str, envelope: Envelope, kept: "BoolArray", curves: Curves, refusal: Refusal | None
) -> Variant:
    law = None
    if refusal is None and count_values(envelope.params[kept], SAME_SIZE) > 1:
        law, refusal = _fit_or_refuse(envelope, kept, curves)
    return Variant(rule, int(kept.sum()), law, note=refusal[0].id if refusal else "")
