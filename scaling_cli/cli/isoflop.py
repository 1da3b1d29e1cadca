"""``scaling isoflop``: sweeps of sizes at fixed budgets become minima, and the frontier through them."""

from pathlib import PurePath
from typing import TYPE_CHECKING, get_args

import typer

from scaling_cli import __version__
from scaling_cli.cli.fit_options import (
    AllStepsOption,
    ColumnOption,
    ConfigOption,
    DropOption,
    RunsArgument,
    UnfinishedOption,
    UnitOption,
    WhereOption,
)
from scaling_cli.cli.isoflop_options import (
    BootstrapOption,
    BudgetsOption,
    CurveOption,
    LawOption,
    SaveOption,
    SeedOption,
    TargetsOption,
    ToleranceOption,
)
from scaling_cli.cli.options import (
    DEFAULT_INTERVAL,
    FormatOption,
    IntervalOption,
    OutputOption,
    PlotOption,
    StrictOption,
    read_interval,
    read_laws,
    read_option,
    read_pairs,
)
from scaling_cli.cli.output import Format, show
from scaling_cli.cli.plot import Plot, check_files
from scaling_cli.cli.unused import LOSS_KEYS, say_what_is_unused
from scaling_cli.conditions import parse_condition
from scaling_cli.errors import ScalingError, UsageError
from scaling_cli.units import parse_fraction, parse_positive, parse_sweep

if TYPE_CHECKING:
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.files.run_table import RunTable
    from scaling_cli.fitting.isoflop import IsoflopSettings
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.isoflop_plan import IsoflopPlan
    from scaling_cli.reports.pictures.picture import Picture

_OF_LAWS = ("law", "flops", "output_format", "output", "plot", "strict")
"""What there is to say of a law's own profile; every other option is of runs."""

EPILOG = """Examples:

$ scaling isoflop sweeps.csv --flops 5.76e23 --save law.json

$ scaling isoflop sweeps.csv --budgets 6e18,1e19,3e19 --curve akima --format json

$ scaling isoflop --law besiroglu2024 --flops 1e20"""


def isoflop(
    context: typer.Context,
    runs: RunsArgument = None,
    config: ConfigOption = None,
    column: ColumnOption = None,
    unit: UnitOption = None,
    where: WhereOption = None,
    drop_highest_losses: DropOption = None,
    all_steps: AllStepsOption = None,
    include_unfinished: UnfinishedOption = None,
    budgets: BudgetsOption = None,
    budget_tolerance: ToleranceOption = None,
    curve: CurveOption = None,
    flops: TargetsOption = None,
    bootstrap: BootstrapOption = 1000,
    seed: SeedOption = 0,
    save: SaveOption = None,
    law: LawOption = None,
    interval: IntervalOption = DEFAULT_INTERVAL,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    plot: PlotOption = None,
    strict: StrictOption = False,
) -> None:
    """Find the minima of IsoFLOP sweeps, and the compute-optimal frontier through them."""
    targets = tuple(C for text in flops or [] for C in read_option("--flops", parse_sweep, text))
    check_files(plot, is_table=output_format is Format.table, output=output, save=save)
    if law:
        if runs or config:
            raise UsageError("--law and runs contradict each other", hint="leave one of them out")
        _refuse_what_is_of_runs(context)
        _show_profiles(law, targets, output_format, output, strict=strict, plot=plot)
        return
    if runs is None and config is None:
        hint = "name a file, - for stdin, or a --config that names one; --law NAME --flops C needs no runs"
        raise UsageError("no runs to draw a frontier through", hint=hint)
    from scaling_cli.cli import study as studies

    study = studies.read_study(
        config,
        runs=runs,
        columns=read_pairs("--column", column or [], may_be_blank=True),
        units=_read_units(unit),
        where=tuple(read_option("--where", parse_condition, text) for text in where or []),
        drop_highest_losses=drop_highest_losses,
        all_steps=all_steps,
        include_unfinished=include_unfinished,
        fixed={},
        bounds={},
        flops=targets,
        budgets=_read_budgets(budgets),
        budget_tolerance=_read_tolerance(budget_tolerance),
        curve=_read_curve(curve),
    )
    settings = read_settings(study, read_interval(interval))
    say_what_is_unused(study, "scaling isoflop", (*LOSS_KEYS, "smooth", "waste"))
    table = studies.read_table(study)
    plan = plan_table(study, table, settings, replicates=bootstrap, seed=seed)
    if save and plan.card is not None:
        from scaling_cli.files.law_file import write_law

        write_law(save, plan.card)
    _show_plan(plan, table.name, output_format, output, strict=strict, plot=plot)


def _refuse_what_is_of_runs(context: typer.Context) -> None:
    """Raise ``UsageError`` where an option that only runs need was given with ``--law``."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name not in _OF_LAWS and source is not None and source.name == "COMMANDLINE":
            what = f"{option.opts[0]} says nothing under --law, which reads no runs"
            raise UsageError(what, hint="leave it out, or name runs in place of --law")


def _read_units(texts: list[str] | None) -> dict[str, float]:
    """Return what each quantity is counted in, from ``--unit NAME=SIZE``."""
    pairs = read_pairs("--unit", texts or [])
    return {name: read_option(f"--unit {name}", parse_positive, value) for name, value in pairs.items()}


def _show_plan(
    plan: "IsoflopPlan",
    place: str,
    output_format: Format,
    output: str | None,
    *,
    strict: bool,
    plot: str | None,
) -> None:
    """Show a study; one without a frontier shows its budgets, and ends with exit code 1."""
    from scaling_cli.planning.isoflop_findings import no_frontier
    from scaling_cli.reports.isoflop import isoflop_report

    drawing = Plot(plot, lambda: _picture(plan)) if plot else None
    has_frontier = plan.card is not None
    show(isoflop_report(plan), output_format, output, strict=strict and has_frontier, plot=drawing)
    if not has_frontier:
        raise ScalingError(f"{place}: {no_frontier(plan.study)}")


def _picture(plan: "IsoflopPlan") -> "Picture":
    """Draw a study; here, so that a study without a picture imports nothing for one."""
    from scaling_cli.reports.pictures.isoflop import isoflop_picture

    return isoflop_picture(plan)


def _profiles_picture(cards: "list[LawCard]", targets: tuple[float, ...]) -> "Picture | None":
    """Draw the profiles of laws: the valleys around their plans."""
    from scaling_cli.planning.allocation import allocate_all
    from scaling_cli.planning.question import Question
    from scaling_cli.reports.pictures.plan import plan_picture

    return plan_picture(allocate_all(cards, [Question(flops=C) for C in targets]))


def _read_budgets(text: str | None) -> tuple[float, ...]:
    """Return the budgets of ``--budgets``, none where it was not given."""
    texts = [part for part in (text or "").split(",") if part.strip()]
    if text is not None and not texts:
        raise UsageError(f"--budgets: {text!r} names none", hint="write them like 6e18,1e19,3e19")
    return tuple(read_option("--budgets", parse_positive, part) for part in texts)


def _read_tolerance(text: str | None) -> float | None:
    """Return ``--budget-tolerance`` as a share below one, ``None`` where it was not given."""
    if text is None:
        return None
    share = read_option("--budget-tolerance", parse_fraction, text)
    if share >= 1:
        raise UsageError(f"--budget-tolerance: must lie below 100 %, got {text}", hint="write it like 10%")
    return share


def _read_curve(name: str | None) -> str | None:
    from scaling_cli.fitting.valley import CurveName

    if name is not None and name not in get_args(CurveName):
        raise UsageError(f"--curve: {name!r} is not known", hint=f"curves: {', '.join(get_args(CurveName))}")
    return name


def read_settings(study: "Experiment", level: float) -> "IsoflopSettings":
    """Return how a study finds its budgets and what it draws through them, with intervals at ``level``."""
    from scaling_cli.fitting.isoflop import IsoflopSettings

    given = {"tolerance": study.budget_tolerance, "picked": study.budgets or None, "curve": study.curve}
    return IsoflopSettings(level=level, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # both are read where they are checked


def plan_table(
    study: "Experiment", table: "RunTable", settings: "IsoflopSettings", *, replicates: int, seed: int
) -> "IsoflopPlan":
    """Draw the frontier through the runs of a table, and plan with it at the targets of the study."""
    from scaling_cli.fitting.isoflop import fit_isoflop
    from scaling_cli.planning.isoflop_plan import RunsRead, plan_isoflop
    from scaling_cli.reports.progress import progress

    with progress("resampling the residuals", replicates) as advance:
        found = fit_isoflop(
            table.runs, table.budgets, settings, replicates=replicates, seed=seed, progress=advance
        )
    read = RunsRead(
        runs=table.runs,
        name=PurePath(table.name).name,
        read=table.read,
        params_definition=table.params_definition,
        loss_unit=table.loss_unit,
        findings=table.findings,
        columns=table.extra_columns(),
        clusters=table.clusters,
        provenance=_provenance(study, table),
    )
    return plan_isoflop(found, read, study.flops)


def _provenance(study: "Experiment", table: "RunTable") -> dict[str, object]:
    """Say which data a frontier rests on, so that anyone who has it can draw it again."""
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
        "runs": {"read": table.read, "used": len(table.runs)},
        "filters": {name: value for name, value in filters.items() if value},
        "version": f"scaling {__version__}",
    }


def _show_profiles(
    names: list[str],
    targets: tuple[float, ...],
    output_format: Format,
    output: str | None,
    *,
    strict: bool,
    plot: str | None,
) -> None:
    """Show the theoretical profile of each law at each target."""
    if not targets:
        raise UsageError("--law needs a budget", hint="give one, --flops 1e20")
    cards = read_laws(names)

    from scaling_cli.planning.profile import laws_without_profile, profile_laws
    from scaling_cli.reports.profile import profile_report

    report = profile_report(profile_laws(cards, targets), laws_without_profile(cards))
    drawing = Plot(plot, lambda: _profiles_picture(cards, targets)) if plot else None
    show(report, output_format, output, strict=strict, plot=drawing)
