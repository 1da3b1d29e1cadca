"""A fit and what it says, and how surely, at the budgets it was made for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scaling_cli.findings import Finding
from scaling_cli.fitting.bootstrap import Bootstrap
from scaling_cli.fitting.fit import Fit
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.allocation import Allocation, allocate_all
from scaling_cli.planning.question import Question

DEFAULT_TARGETS = (1.0, 10.0, 100.0)
"""Where no target budget is given: these multiples of the largest budget fitted."""

MOST_RESIDUALS = 1000
"""A law file keeps that many residuals at most, evenly along their sorted values."""


@dataclass(frozen=True, slots=True)
class FittedPlan:
    """A fit, its law as a card, its optima, and everything noticed on the way from the file to here.

    ``interval`` is the level of every interval; ``bootstrap`` is ``None`` where it was turned off.
    """

    fit: Fit
    card: LawCard
    optima: tuple[Allocation, ...]
    runs_read: int
    interval: float
    bootstrap: Bootstrap | None
    findings: tuple[Finding, ...]


def plan_fit(
    fit: Fit,
    card: LawCard,
    *,
    runs_read: int,
    bootstrap: Bootstrap | None = None,
    flops: Sequence[float] = (),
    waste: float = 0.01,
    interval: float = 0.9,
) -> FittedPlan:
    """Solve a fit's law at each budget of ``flops`` (FLOPs), with the draws of its bootstrap.

    ``card`` says what the runs were (name, units, provenance, findings); the law, what it was fitted to
    and its draws are put on it here. The warnings among the findings, and what the runs are, go with the
    law wherever it goes.
    """
    findings = (*card.findings, *fit.findings, *_unsure(bootstrap))
    card = replace(
        card,
        law=fit.law,
        confidence="fitted",
        findings=tuple(finding for finding in findings if _stays_with_law(finding)),
        fitted_range=fit.fitted_range,
        draws=bootstrap.draws if bootstrap else (),
        residuals=_some_residuals(fit),
    )
    largest = fit.fitted_range["flops"][1]
    targets = tuple(flops) or tuple(factor * largest for factor in DEFAULT_TARGETS)
    questions = [Question(flops=target, waste=waste, interval=interval) for target in targets]
    # the report shows the fit's findings once, not again with every optimum
    optima = allocate_all([replace(card, findings=())], questions)
    return FittedPlan(fit, card, optima, runs_read, interval, bootstrap, findings)


def _unsure(bootstrap: Bootstrap | None) -> tuple[Finding, ...]:
    """Say where replicates are missing from the intervals."""
    if bootstrap is None or len(bootstrap.draws) == bootstrap.replicates:
        return ()
    missing = bootstrap.replicates - len(bootstrap.draws)
    message = (
        f"{missing} of {bootstrap.replicates} bootstrap replicates found no law: the intervals lack them"
    )
    severity = "warning" if missing > 0.01 * bootstrap.replicates else "info"
    return (Finding("bootstrap-incomplete", severity, message),)  # type: ignore[arg-type]


def _some_residuals(fit: Fit) -> tuple[float, ...]:
    """Return the fit's residuals to six digits, sorted, thinned where there are very many."""
    ordered = sorted(fit.residuals.tolist())
    step = max(1, -(-len(ordered) // MOST_RESIDUALS))
    return tuple(float(f"{value:.6g}") for value in ordered[::step])


def _stays_with_law(finding: Finding) -> bool:
    return finding.severity == "warning" or finding.id in (
        "simulated-runs",
        "non-embedding-params",
        "active-params",
        "loss-unit",
        "named-unit",
    )
