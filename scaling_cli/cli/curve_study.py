"""Approach 1, from its options and its YAML to a planned envelope."""

from pathlib import PurePath
from typing import TYPE_CHECKING

from scaling_cli import __version__
from scaling_cli.cli.output import say
from scaling_cli.cli.study import Sureness

if TYPE_CHECKING:
    from scaling_cli.files.curve_table import CurveTable
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.fitting.trace import EnvelopeSettings
    from scaling_cli.planning.envelope_plan import EnvelopePlan


def read_curve_table(study: "Experiment") -> "CurveTable":
    """Read the learning curves of a study."""
    from scaling_cli.files.curve_table import read_curves, why_slow
    from scaling_cli.reports.progress import progress

    slow = why_slow(study.runs)
    if slow:
        say(f"note: {slow}")
    return read_curves(
        study.runs,
        columns=study.columns,
        units=study.units,
        where=study.where,
        named_by=study.runs_place,
        progress=progress,
    )


def plan_curves(
    study: "Experiment", table: "CurveTable", settings: "EnvelopeSettings", sureness: Sureness
) -> "EnvelopePlan":
    """Trace the envelope of a table, resample its runs, and solve its law at the targets of the study."""
    from scaling_cli.fitting.envelope import fit_envelope
    from scaling_cli.fitting.envelope_bootstrap import bootstrap_envelope
    from scaling_cli.planning.envelope_plan import CurvesRead, plan_envelope
    from scaling_cli.reports.progress import progress

    with progress("smoothing the curves", len(table.curves.tokens)) as advance:
        fitted = fit_envelope(table.curves, settings, advance)
    bootstrap = None
    if fitted.law and sureness.replicates:
        with progress("resampling the runs", sureness.replicates) as advance:
            bootstrap = bootstrap_envelope(
                fitted, replicates=sureness.replicates, seed=sureness.seed, progress=advance
            )
    read = CurvesRead(
        name=PurePath(table.name).name,
        read=table.read,
        params_definition=table.params_definition,
        loss_unit=table.loss_unit,
        findings=table.findings,
        provenance=_provenance(study, table, settings, sureness),
    )
    return plan_envelope(
        fitted,
        read,
        bootstrap=bootstrap,
        flops=study.flops,
        interval=sureness.interval,
    )


def _provenance(
    study: "Experiment", table: "CurveTable", settings: "EnvelopeSettings", sureness: Sureness
) -> dict[str, object]:
    """Say how a frontier came about, so that anyone with the data can draw it again."""
    return {
        "data": {
            "name": PurePath(table.name).name,
            "sha256": table.sha256,
            "columns": dict(table.columns),
            "units": dict(study.units),
        },
        "approach": 1,
        "runs": {"read": table.read, "used": len(table.curves)},
        "filters": {"where": [str(condition) for condition in study.where]} if study.where else {},
        "envelope": {
            "smoothing": settings.smooth,
            "budgets": settings.budgets,
            "read_share": settings.read_share,
        },
        "bootstrap": {"replicates": sureness.replicates, "seed": sureness.seed},
        "version": f"scaling {__version__}",
    }
