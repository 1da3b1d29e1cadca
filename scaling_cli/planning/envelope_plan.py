"""An envelope's law and what it says, and how surely, at the budgets it was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scaling_cli.findings import Finding
from scaling_cli.fitting.envelope import EnvelopeFit
from scaling_cli.fitting.envelope_bootstrap import EnvelopeBootstrap
from scaling_cli.laws.card import NATS, NOT_STATED, LawCard
from scaling_cli.planning.allocation import Allocation, answer
from scaling_cli.planning.fitted_plan import DEFAULT_TARGETS, LEAST_UNITS, doubt_draws, stays_with_law
from scaling_cli.planning.question import Question


@dataclass(frozen=True, slots=True, eq=False)
class EnvelopePlan:
    """An envelope, its law as a card, its optima, and everything noticed on the way from the file to here.

    Where the curves give no frontier there is no ``card`` and no ``optima``, and ``fit.refusal`` says why.
    ``points_read`` counts the rows of the file, ``interval`` is the level of every interval, and
    ``bootstrap`` is None where it was turned off or there was no law.
    """

    fit: EnvelopeFit
    name: str
    card: LawCard | None
    optima: tuple[Allocation, ...]
    points_read: int
    interval: float
    bootstrap: EnvelopeBootstrap | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class CurvesRead:
    """A table of curves called ``name``, ``read`` rows long, and what a law from it is to say of them."""

    name: str
    read: int
    params_definition: str = NOT_STATED
    loss_unit: str = NATS
    findings: tuple[Finding, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)


def plan_envelope(
    fit: EnvelopeFit,
    table: CurvesRead,
    *,
    bootstrap: EnvelopeBootstrap | None = None,
    flops: Sequence[float] = (),
    interval: float = 0.9,
) -> EnvelopePlan:
    """Solve an envelope's law at each budget of ``flops`` (FLOPs), with the draws of its bootstrap.

    ``table`` is where its curves come from. Without targets they are 1, 10 and 100 times the largest budget
    fitted.
    """
    findings = (*table.findings, *fit.findings)
    plan = EnvelopePlan(fit, table.name, None, (), table.read, interval, None, findings)
    if fit.law is None:
        return plan
    largest = fit.fitted_range["flops"][1]
    targets = tuple(flops) or tuple(factor * largest for factor in DEFAULT_TARGETS)
    findings += _unsure(bootstrap, interval)
    card = LawCard(
        name=table.name,
        law=fit.law,
        source=f"the envelope of {len(fit.curves)} learning curves of {table.name}",
        params_definition=table.params_definition,
        loss_unit=table.loss_unit,
        dataset=table.name,
        confidence="fitted",
        findings=tuple(finding for finding in findings if stays_with_law(finding)),
        fitted_range=fit.fitted_range,
        draws=bootstrap.draws if bootstrap else (),
        provenance=table.provenance,
    )
    # the report shows the fit's findings once, not again with every optimum
    quiet = replace(card, findings=())
    questions = [Question(flops=target, interval=interval) for target in targets]
    optima = tuple(answer(quiet, question) for question in questions)
    return replace(plan, card=card, optima=optima, bootstrap=bootstrap, findings=findings)


def _unsure(bootstrap: EnvelopeBootstrap | None, level: float) -> tuple[Finding, ...]:
    """Say where replicates are missing from the intervals, or there were few runs to resample."""
    if bootstrap is None:
        return ()
    found = doubt_draws(len(bootstrap.draws), bootstrap.replicates, level)
    if bootstrap.units >= LEAST_UNITS:
        return found
    what = f"the intervals rest on {bootstrap.units} runs that can be resampled"
    return (*found, Finding("few-clusters", "warning", f"{what}: they are too narrow"))
