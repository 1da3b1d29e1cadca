"""A fit and what it says at the budgets it was made for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scaling_cli.findings import Finding
from scaling_cli.fitting.fit import Fit
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.allocation import Allocation, allocate_all
from scaling_cli.planning.question import Question

DEFAULT_TARGETS = (1.0, 10.0, 100.0)
"""Where no target budget is given: these multiples of the largest budget fitted."""


@dataclass(frozen=True, slots=True)
class FittedPlan:
    """A fit, its law as a card, its optima, and everything noticed on the way from the file to here."""

    fit: Fit
    card: LawCard
    optima: tuple[Allocation, ...]
    runs_read: int
    findings: tuple[Finding, ...]


def plan_fit(
    fit: Fit,
    *,
    name: str,
    params_definition: str,
    loss_unit: str,
    runs_read: int,
    findings: Sequence[Finding],
    provenance: Mapping[str, object],
    flops: Sequence[float] = (),
    waste: float = 0.01,
) -> FittedPlan:
    """Put a fit's law on a card called ``name`` and solve it at each budget of ``flops`` (FLOPs).

    ``findings`` are those of the runs; the warnings among them, and what the runs are, go with the law
    wherever it goes. ``provenance`` says how the law came about.
    """
    everything = (*findings, *fit.findings)
    largest = fit.fitted_range["flops"][1]
    targets = tuple(flops) or tuple(factor * largest for factor in DEFAULT_TARGETS)
    card = LawCard(
        name=name,
        law=fit.law,
        source=f"fitted to {len(fit.runs)} runs of {name}",
        params_definition=params_definition,
        loss_unit=loss_unit,
        dataset=name,
        confidence="fitted",
        findings=tuple(finding for finding in everything if _stays_with_law(finding)),
        fitted_range=fit.fitted_range,
        provenance=provenance,
    )
    # the report shows the fit's findings once, not again with every optimum
    quiet = replace(card, findings=())
    optima = allocate_all([quiet], [Question(flops=target, waste=waste) for target in targets])
    return FittedPlan(fit, card, optima, runs_read, everything)


def _stays_with_law(finding: Finding) -> bool:
    return finding.severity == "warning" or finding.id in (
        "simulated-runs",
        "non-embedding-params",
        "active-params",
        "loss-unit",
        "named-unit",
    )
