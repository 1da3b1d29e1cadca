"""The three approaches on one table: each planned with what the table allows it, and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from scaling_cli.cli.curve_study import plan_curves, read_curve_table
from scaling_cli.cli.isoflop import plan_table, read_settings
from scaling_cli.cli.options import read_waste
from scaling_cli.cli.study import Sureness, fit_table, plan_study, read_table
from scaling_cli.errors import FitRefused, InputError

if TYPE_CHECKING:
    from scaling_cli.files.curve_table import CurveTable
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.files.run_table import RunTable
    from scaling_cli.findings import Finding
    from scaling_cli.fitting.trace import EnvelopeSettings
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.approaches import KnownLoss, SideBySide
    from scaling_cli.runs import Runs

    Told = tuple[LawCard | str, tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class Compared:
    """The approaches side by side, what the JSON of approach 3 holds, and the runs behind 2 and 3."""

    found: "SideBySide"
    fit: Mapping[str, object]
    runs: "Runs"


def compare_study(study: "Experiment", sureness: Sureness, settings: "EnvelopeSettings") -> Compared:
    """Plan a study by each approach at the same targets.

    A table without learning curves leaves approach 1 without an answer; a table of them gives 2 and 3 the
    last row of each run.
    """
    from scaling_cli.planning.approaches import compare_approaches
    from scaling_cli.planning.fitted_plan import DEFAULT_TARGETS

    curves, no_curves = _try_curves(study)
    table = _read_runs(study, curves)
    largest = float(table.runs.flops_6ND.max())
    study = replace(study, flops=study.flops or tuple(factor * largest for factor in DEFAULT_TARGETS))
    told: dict[int, Told] = {}
    told[1] = (no_curves, ()) if curves is None else _by_curves(study, curves, sureness, settings)
    told[2], losses = _by_isoflop(study, table, sureness)
    told[3], fit = _by_loss(study, table, sureness)
    found = compare_approaches(
        PurePath(table.name).name,
        {approach: card for approach, (card, _) in told.items()},
        {approach: findings for approach, (_, findings) in told.items()},
        study.flops,
        waste=study.waste or read_waste(None),
        level=sureness.interval,
        losses={2: losses},
    )
    return Compared(found, fit, table.runs)


def _try_curves(study: "Experiment") -> "tuple[CurveTable | None, str]":
    """Read the learning curves of a table, or say why it holds none."""
    try:
        return read_curve_table(study), ""
    except InputError as error:
        what = error.message.removeprefix(f"{study.runs}: ")
        return None, f"no learning curves ({what})"


def _read_runs(study: "Experiment", curves: "CurveTable | None") -> "RunTable":
    """Read the last row of each run; of a large table of curves, those that were read already."""
    from scaling_cli.files.curve_table import final_table
    from scaling_cli.files.fast_blocks import is_large

    if curves is not None and is_large(study.runs):
        return final_table(curves, include_unfinished=bool(study.include_unfinished))
    return read_table(study)


def _by_curves(
    study: "Experiment", curves: "CurveTable", sureness: Sureness, settings: "EnvelopeSettings"
) -> "Told":
    plan = plan_curves(study, curves, settings, sureness)
    if plan.card is None:
        assert plan.fit.refusal is not None
        return f"{plan.fit.refusal.id}: {plan.fit.refusal.message}", plan.findings
    return plan.card, plan.findings


def _by_isoflop(
    study: "Experiment", table: "RunTable", sureness: Sureness
) -> "tuple[Told, Sequence[KnownLoss]]":
    """Return approach 2's law and findings, and its losses where the bias could be removed from them."""
    from scaling_cli.planning.isoflop_findings import no_frontier

    settings = read_settings(study, sureness.interval)
    plan = plan_table(study, table, settings, replicates=sureness.replicates, seed=sureness.seed)
    told = (no_frontier(plan.study) if plan.card is None else plan.card), plan.findings
    if plan.study.corrected is None:  # a power law of the loss has no floor: far out it is too low
        return told, ()
    return told, [(optimum.best.loss, optimum.best.intervals.get("loss")) for optimum in plan.optima]


def _by_loss(
    study: "Experiment", table: "RunTable", sureness: Sureness
) -> "tuple[Told, Mapping[str, object]]":
    """Return approach 3's law and findings, and what the JSON of its fit holds."""
    from scaling_cli.reports.fit import fit_report

    try:
        plan = plan_study(study, table, fit_table(study, table), sureness)
    except FitRefused as refusal:
        return (f"{refusal.finding.id}: {refusal.finding.message}", (refusal.finding,)), {}
    return (plan.card, plan.findings), fit_report(plan).data
