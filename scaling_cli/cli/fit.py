"""``scaling fit``: a table of runs becomes a law, and the law's answer at the target budgets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from scaling_cli import __version__
from scaling_cli.cli.options import (
    DEFAULT_INTERVAL,
    FormatOption,
    IntervalOption,
    OutputOption,
    StrictOption,
    WasteOption,
    read_interval,
    read_option,
    read_pairs,
    read_waste,
)
from scaling_cli.cli.output import Format, show
from scaling_cli.conditions import parse_condition
from scaling_cli.errors import FitRefused, UsageError
from scaling_cli.units import parse_positive, parse_sweep

if TYPE_CHECKING:
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.files.run_table import RunTable
    from scaling_cli.fitting.fit import Fit
    from scaling_cli.planning.fitted_plan import FittedPlan

EPILOG = """Examples:

$ scaling fit runs.csv --flops 5.76e23 --save law.json

$ scaling fit runs.csv --where "flops < 1e21" --unit params=1e6 --unit tokens=1e9 --format json"""

Reading = partial(typer.Option, rich_help_panel="Reading the runs")
Fitting = partial(typer.Option, rich_help_panel="The fit")

RunsArgument = Annotated[
    str | None, typer.Argument(metavar="[RUNS]", help="CSV, TSV, JSON lines, gzip of these, or - for stdin.")
]
ConfigOption = Annotated[
    str | None, Reading("--config", metavar="FILE", help="A YAML experiment; options win over it.")
]
ColumnOption = Annotated[
    list[str] | None, Reading("--column", metavar="NAME=COLUMN", help="tokens=steps_x_batch; repeat it.")
]
UnitOption = Annotated[
    list[str] | None,
    Reading("--unit", metavar="NAME=SIZE", help="params=1e6: counted in millions; repeat it."),
]
WhereOption = Annotated[
    list[str] | None, Reading("--where", metavar="CONDITION", help='"flops < 1e21": fit these; repeat it.')
]
DropOption = Annotated[
    int | None, Reading("--drop-highest-losses", metavar="COUNT", min=0, help="Leave out that many runs.")
]
AllStepsOption = Annotated[
    bool | None,
    Reading("--all-steps/--last-steps", help="Fit every row of a run, or its last.", show_default="last"),
]
UnfinishedOption = Annotated[
    bool | None,
    Reading(
        "--include-unfinished/--leave-out-unfinished",
        help="Fit runs with less than 80 % of their schedule's tokens, or not.",
        show_default="leave out",
    ),
]
DeltaOption = Annotated[
    str | None,
    Fitting("--delta", metavar="DELTA", help="The Huber threshold in log loss.", show_default="1e-3"),
]
TargetsOption = Annotated[
    list[str] | None,
    Fitting(
        "--flops",
        metavar="C",
        help="A target budget; repeat it, or sweep 1e20:1e26:7.",
        show_default="1, 10 and 100 times the largest run",
    ),
]
BootstrapOption = Annotated[
    int,
    Fitting("--bootstrap", metavar="COUNT", min=0, help="Refits to resampled runs, for intervals; 0: none."),
]
SeedOption = Annotated[int, Fitting("--seed", metavar="SEED", min=0, help="What the resampling begins with.")]
ClusterOption = Annotated[
    str | None,
    Fitting("--cluster", metavar="COLUMN", help="Resample the groups of rows that share a value of it."),
]
SaveOption = Annotated[
    str | None, Fitting("--save", metavar="FILE", help="Save the law, for scaling optimal --law FILE.")
]


def fit(
    runs: RunsArgument = None,
    config: ConfigOption = None,
    column: ColumnOption = None,
    unit: UnitOption = None,
    where: WhereOption = None,
    drop_highest_losses: DropOption = None,
    all_steps: AllStepsOption = None,
    include_unfinished: UnfinishedOption = None,
    delta: DeltaOption = None,
    flops: TargetsOption = None,
    save: SaveOption = None,
    bootstrap: BootstrapOption = 1000,
    seed: SeedOption = 0,
    cluster: ClusterOption = None,
    interval: IntervalOption = DEFAULT_INTERVAL,
    waste: WasteOption = None,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    strict: StrictOption = False,
) -> None:
    """Fit the Chinchilla form to training runs, and solve it at the target budgets."""
    study = _study(
        config,
        runs=runs,
        columns=read_pairs("--column", [*(column or []), *([f"cluster={cluster}"] if cluster else [])]),
        units=_read_units(unit or []),
        where=tuple(read_option("--where", parse_condition, text) for text in where or []),
        drop_highest_losses=drop_highest_losses,
        all_steps=all_steps,
        include_unfinished=include_unfinished,
        delta=None if delta is None else read_option("--delta", parse_positive, delta),
        flops=tuple(C for text in flops or [] for C in read_option("--flops", parse_sweep, text)),
        waste=None if waste is None else read_waste(waste),
    )

    sureness = _Sureness(replicates=bootstrap, interval=read_interval(interval), seed=seed)
    plan = _plan(study, sureness)

    from scaling_cli.files.law_file import write_law
    from scaling_cli.reports.fit import fit_report

    report = fit_report(plan)
    if save:
        write_law(save, plan.card)
    show(report, output_format, output, strict=strict)


@dataclass(frozen=True, slots=True)
class _Sureness:
    """How the intervals are made: the bootstrap's replicates (0: none), its seed, and their level."""

    replicates: int
    interval: float
    seed: int


def _plan(study: "Experiment", sureness: _Sureness) -> "FittedPlan":
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


def _study(config: str | None, **options: object) -> "Experiment":
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


def _read_units(texts: list[str]) -> dict[str, float]:
    """Return ``--unit params=1e6`` as numbers."""
    pairs = read_pairs("--unit", texts)
    return {name: read_option(f"--unit {name}", parse_positive, value) for name, value in pairs.items()}


def _provenance(
    study: "Experiment", table: "RunTable", fitted: "Fit", sureness: _Sureness
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
