"""A study, from its options and its YAML to a fitted law: which runs, which fit, how sure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from scaling_cli import __version__
from scaling_cli.cli.options import read_waste
from scaling_cli.errors import FitRefused, UsageError

if TYPE_CHECKING:
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.files.run_table import RunTable
    from scaling_cli.fitting.fit import Fit
    from scaling_cli.planning.fitted_plan import FittedPlan


def read_study(config: str | None, **options: object) -> "Experiment":
    """Return the experiment of a config file, the options that were given put in the place of its own.

    Columns and units are merged name by name; conditions and targets on the command line replace those
    of the file.
    """
    from scaling_cli.files.experiment import Experiment

    study = Experiment(name="", runs="")
    if config is not None:
        from scaling_cli.files.experiment_file import read_experiment

        study = read_experiment(config)
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    if "runs" in given:  # the config no longer says which runs
        given["runs_place"] = ""
    for name in ("columns", "units"):
        option = given[name]
        assert isinstance(option, Mapping)
        given[name] = {**getattr(study, name), **option}
    study = replace(study, **given)  # type: ignore[arg-type]  # the keywords are Experiment's own fields
    if not study.runs:
        raise UsageError("no runs to fit", hint="name a file, - for stdin, or a --config that names one")
    return study


@dataclass(frozen=True, slots=True)
class Sureness:
    """How the intervals are made: the bootstrap's replicates (0: none), its seed, and their level."""

    replicates: int
    interval: float
    seed: int


def run_study(study: "Experiment", sureness: Sureness) -> "FittedPlan":
    """Read the runs of a study, fit them, resample them, and solve the law at the targets."""
    from scaling_cli.files.run_table import read_runs
    from scaling_cli.fitting.bootstrap import bootstrap_law
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.fitted_plan import plan_fit

    table = read_runs(
        study.runs,
        columns=study.columns,
        units=study.units,
        where=study.where,
        drop_highest_losses=study.drop_highest_losses or 0,
        all_steps=bool(study.all_steps),
        include_unfinished=bool(study.include_unfinished),
        named_by=study.runs_place,
    )
    fitted = _fit(table, study.delta)
    bootstrap = None
    if sureness.replicates:
        bootstrap = bootstrap_law(
            fitted, replicates=sureness.replicates, seed=sureness.seed, clusters=table.clusters
        )
    name = PurePath(table.name).name
    card = LawCard(
        name=name,
        law=fitted.law,
        source=f"fitted to {len(fitted.runs)} runs of {name}",
        params_definition=table.params_definition,
        loss_unit=table.loss_unit,
        dataset=name,
        findings=table.findings,
        provenance=_provenance(study, table, fitted, sureness),
    )
    return plan_fit(
        fitted,
        card,
        runs_read=table.read,
        bootstrap=bootstrap,
        flops=study.flops,
        waste=study.waste or read_waste(None),
        interval=sureness.interval,
    )


def _fit(table: "RunTable", delta: float | None) -> "Fit":
    """Fit the runs of a table; a refusal says how many of its rows they are."""
    from scaling_cli.fitting.parametric import DELTA, fit_law

    try:
        return fit_law(table.runs, delta=delta or DELTA)
    except FitRefused as refusal:
        rows = f" ({len(table.runs)} of {table.read} rows)" if len(table.runs) < table.read else ""
        raise refusal.at(f"{table.name}{rows}") from None


def _provenance(
    study: "Experiment", table: "RunTable", fitted: "Fit", sureness: Sureness
) -> dict[str, object]:
    """Say how a law came about, so that anyone with the data can make it again."""
    filters = {
        "where": [str(condition) for condition in study.where],
        "drop_highest_losses": study.drop_highest_losses,
        "all_steps": study.all_steps,
        "include_unfinished": study.include_unfinished,
    }
    return {
        "data": {
            "name": PurePath(table.name).name,
            "sha256": table.sha256,
            "columns": dict(table.columns),
            "units": dict(study.units),
        },
        "runs": {"read": table.read, "used": len(fitted.runs)},
        "filters": {name: value for name, value in filters.items() if value},
        "objective": {
            "name": fitted.objective.name,
            "delta": fitted.objective.delta,
            "value": fitted.objective.value,
        },
        "status": fitted.status,
        "bootstrap": {"replicates": sureness.replicates, "seed": sureness.seed},
        "version": f"scaling {__version__}",
    }
