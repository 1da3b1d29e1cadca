"""A fit and what it says, and how surely, at the budgets it was made for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding, Severity
from scaling_cli.fitting.bootstrap import Bootstrap
from scaling_cli.fitting.diagnostics import diagnose
from scaling_cli.fitting.fit import Fit
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.allocation import Allocation, answer
from scaling_cli.planning.backtest import Backtest
from scaling_cli.planning.form_ranking import FormRanking
from scaling_cli.planning.noise import noise_of
from scaling_cli.planning.question import Question
from scaling_cli.planning.sensitivity import Sensitivity
from scaling_cli.units import format_share

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

DEFAULT_TARGETS = (1.0, 10.0, 100.0)
"""Where no target budget is given: these multiples of the largest budget fitted."""

LEAST_BEYOND = 2
"""So many draws should lie beyond either end of an interval."""

LEAST_UNITS = 7
"""A bootstrap of fewer runs or clusters than a fit needs runs says little of how they scatter."""

MOST_RESIDUALS = 1000
"""A law file keeps that many residuals at most."""


@dataclass(frozen=True, slots=True)
class FittedPlan:
    """A fit, its law as a card, its optima, and everything noticed on the way from the file to here.

    ``interval`` is the level of every interval; ``bootstrap`` is ``None`` where it was turned off, and
    ``backtest``, ``sensitivity`` and ``ranking`` (of forms) where nobody asked.
    """

    fit: Fit
    card: LawCard
    optima: tuple[Allocation, ...]
    runs_read: int
    interval: float
    bootstrap: Bootstrap | None
    findings: tuple[Finding, ...]
    backtest: Backtest | None = None
    sensitivity: Sensitivity | None = None
    ranking: FormRanking | None = None


def plan_fit(
    fit: Fit,
    card: LawCard,
    *,
    runs_read: int,
    columns: "Mapping[str, FloatArray] | None" = None,
    clusters: Sequence[str] | None = None,
    bootstrap: Bootstrap | None = None,
    flops: Sequence[float] = (),
    waste: float = 0.01,
    interval: float = 0.9,
) -> FittedPlan:
    """Solve a fit's law at each budget of ``flops`` (FLOPs), with the draws of its bootstrap.

    ``card`` says what the runs were (name, units, provenance, findings), ``columns`` what else their
    table says of them and ``clusters`` which of them belong together; the law, what it was fitted to
    and its draws are put on the card here. The warnings among the findings, and what the runs are, go
    with the law wherever it goes.
    """
    largest = fit.fitted_range["flops"][1]
    targets = tuple(flops) or tuple(factor * largest for factor in DEFAULT_TARGETS)
    draws = bootstrap.draws if bootstrap else ()
    doctor = diagnose(
        fit.runs,
        fit,
        columns=columns,
        draws=draws,
        target=max(targets),
        loss_unit=card.loss_unit,
        clusters=clusters,
    )
    findings = (*card.findings, *fit.findings, *doctor, *_unsure(bootstrap, interval))
    card = replace(
        card,
        law=fit.law,
        confidence="fitted",
        findings=tuple(finding for finding in findings if stays_with_law(finding)),
        fitted_range=fit.fitted_range,
        draws=draws,
        residuals=tuple(float(f"{value:.6g}") for value in noise_of(fit.residuals, clusters, MOST_RESIDUALS)),
    )
    questions = [Question(flops=target, waste=waste, interval=interval) for target in targets]
    # the report shows the fit's findings once, not again with every optimum; a law that knows no
    # allocation (a frontier) keeps its rows
    quiet = replace(card, findings=())
    optima = tuple(answer(quiet, question) for question in questions)
    return FittedPlan(fit, card, optima, runs_read, interval, bootstrap, findings)


def _unsure(bootstrap: Bootstrap | None, level: float) -> tuple[Finding, ...]:
    """Say where replicates are missing from the intervals, or there was little to resample."""
    if bootstrap is None:
        return ()
    found = list(doubt_draws(len(bootstrap.draws), bootstrap.replicates, level))
    if bootstrap.units < LEAST_UNITS:
        what = f"the intervals rest on {bootstrap.units} clusters that can be resampled"
        found.append(Finding("few-clusters", "warning", f"{what}: they are too narrow"))
    return tuple(found)


def doubt_draws(drawn: int, replicates: int, level: float) -> tuple[Finding, ...]:
    """Say where replicates found no law, or are too few for intervals of that level."""
    found = []
    missing = replicates - drawn
    if missing:
        what = f"{missing} of {replicates} bootstrap replicates found no law"
        severity: Severity = "warning" if missing > 0.01 * replicates else "info"
        found.append(Finding("bootstrap-incomplete", severity, f"{what}: the intervals lack them"))
    if drawn * (1 - level) / 2 < LEAST_BEYOND:
        what = f"{drawn} replicate{' is' if drawn == 1 else 's are'} few for {format_share(level)} intervals"
        found.append(Finding("few-replicates", "warning", f"{what}: their ends are a matter of chance"))
    return tuple(found)


def stays_with_law(finding: Finding) -> bool:
    """Say whether a finding goes with a law wherever it goes: a warning, and what the runs are."""
    return finding.severity == "warning" or finding.id in (
        "simulated-runs",
        "non-embedding-params",
        "active-params",
        "loss-unit",
        "named-unit",
        "flop-unit",
    )
