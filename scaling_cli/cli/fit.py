"""``scaling fit``: a table of runs becomes a law, and the law's answer at the target budgets."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from scaling_cli import __version__
from scaling_cli.cli.approaches import Ending, check_approach, fit_by
from scaling_cli.cli.fit_options import (
    AllStepsOption,
    Approach,
    ApproachOption,
    BacktestOption,
    BootstrapOption,
    BoundOption,
    ClusterOption,
    ColumnOption,
    ConfigOption,
    DeltaOption,
    DropOption,
    FixOption,
    FormOption,
    ObjectiveOption,
    PenaltyOption,
    RunsArgument,
    SaveOption,
    SeedOption,
    SensitivityOption,
    SmoothOption,
    StartsOption,
    TargetsOption,
    UnfinishedOption,
    UnitOption,
    VerifyOption,
    WeightsOption,
    WhereOption,
)
from scaling_cli.cli.options import (
    DEFAULT_INTERVAL,
    FormatOption,
    IntervalOption,
    OutputOption,
    PlotOption,
    StrictOption,
    WasteOption,
    read_interval,
    read_option,
    read_pairs,
    read_waste,
)
from scaling_cli.cli.output import Format, say, show
from scaling_cli.cli.plot import Plot, check_files
from scaling_cli.cli.unused import say_what_is_unused
from scaling_cli.conditions import parse_condition
from scaling_cli.errors import ScalingError, UsageError
from scaling_cli.units import parse_positive, parse_quantity, parse_range, parse_sweep

if TYPE_CHECKING:
    from scaling_cli.cli.study import Sureness
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.fitted_plan import FittedPlan
    from scaling_cli.reports.pictures.picture import Picture

T = TypeVar("T")

EPILOG = """Examples:

$ scaling fit runs.csv --flops 5.76e23 --save law.json

$ scaling fit runs.csv --where "flops < 1e21" --unit params=1e6 --unit tokens=1e9 --format json"""


def fit(
    runs: RunsArgument = None,
    config: ConfigOption = None,
    column: ColumnOption = None,
    unit: UnitOption = None,
    where: WhereOption = None,
    drop_highest_losses: DropOption = None,
    all_steps: AllStepsOption = None,
    include_unfinished: UnfinishedOption = None,
    approach: ApproachOption = None,
    smooth: SmoothOption = None,
    form: FormOption = None,
    objective: ObjectiveOption = None,
    delta: DeltaOption = None,
    overestimate_penalty: PenaltyOption = None,
    weights: WeightsOption = None,
    fix: FixOption = None,
    bound: BoundOption = None,
    starts: StartsOption = None,
    flops: TargetsOption = None,
    save: SaveOption = None,
    bootstrap: BootstrapOption = 1000,
    seed: SeedOption = 0,
    cluster: ClusterOption = None,
    interval: IntervalOption = DEFAULT_INTERVAL,
    backtest: BacktestOption = False,
    sensitivity: SensitivityOption = False,
    verify: VerifyOption = None,
    waste: WasteOption = None,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    plot: PlotOption = None,
    strict: StrictOption = False,
) -> None:
    """Fit a scaling law to training runs, and solve it at the target budgets."""
    from scaling_cli.cli import study as studies

    given = {
        "--form": form,
        "--objective": objective,
        "--delta": delta,
        "--overestimate-penalty": overestimate_penalty,
        "--weights": weights,
        "--fix": fix,
        "--bound": bound,
        "--starts": starts,
        "--drop-highest-losses": drop_highest_losses,
        "--all-steps": all_steps,
        "--cluster": cluster,
        "--backtest": backtest,
        "--sensitivity": sensitivity,
        "--verify": verify,
        "--waste": waste,
    }
    if approach:
        check_approach(approach, smooth, given)
    check_files(plot, is_table=output_format is Format.table, output=output, save=save)
    if plot and verify:
        raise UsageError("--plot draws a fit, and --verify shows none", hint="leave one of them out")
    stored = studies.read_stored_law(verify) if verify else None
    study = studies.read_study(
        config,
        runs=runs,
        columns=read_pairs(
            "--column", [*(column or []), *([f"cluster={cluster}"] if cluster else [])], may_be_blank=True
        ),
        units=_read_named("--unit", unit, parse_positive),
        where=tuple(read_option("--where", parse_condition, text) for text in where or []),
        drop_highest_losses=drop_highest_losses,
        all_steps=all_steps,
        include_unfinished=include_unfinished,
        approach=approach,
        smooth=smooth,
        form=form or studies.stored_form(stored),
        objective=objective,
        delta=_read_positive("--delta", delta),
        overestimate_penalty=_read_positive("--overestimate-penalty", overestimate_penalty),
        weights=weights,
        fixed=_read_named("--fix", fix, parse_quantity),
        bounds=_read_named("--bound", bound, parse_range),
        starts=starts,
        flops=tuple(C for text in flops or [] for C in read_option("--flops", parse_sweep, text)),
        waste=None if waste is None else read_waste(waste),
    )
    sureness = studies.Sureness(replicates=bootstrap, interval=read_interval(interval), seed=seed)
    ending = Ending(save, output, output_format, plot, strict)
    chosen = Approach(study.approach or Approach.parametric)
    check_approach(chosen, smooth, given)
    if chosen is not Approach.parametric:
        fit_by(chosen, study, sureness, ending)
    elif stored:
        _verify(stored, study, ending)
    else:
        _fit_loss(study, sureness, ending, backtest=backtest, sensitivity=sensitivity)


def _fit_loss(
    study: "Experiment", sureness: "Sureness", ending: Ending, *, backtest: bool, sensitivity: bool
) -> None:
    """Fit a study by approach 3, the parametric loss, and show it."""
    from scaling_cli.cli.study import make_plan, read_table
    from scaling_cli.files.law_file import write_law
    from scaling_cli.reports.fit import fit_report

    say_what_is_unused(study, "approach 3", ["smooth"])
    plan = make_plan(study, read_table(study), sureness, backtest=backtest, sensitivity=sensitivity)
    report = fit_report(plan)
    if ending.save:
        write_law(ending.save, plan.card)
    drawing = Plot(ending.plot, lambda: _picture(plan)) if ending.plot else None
    show(report, ending.output_format, ending.output, strict=ending.strict, plot=drawing)
    if ending.output_format is Format.csv and (plan.backtest or plan.sensitivity or plan.ranking):
        say("note: CSV holds the plans only; the checks are in the table, the JSON and the Markdown")


def _picture(plan: "FittedPlan") -> "Picture":
    """Draw a fit; here, so that a fit without a picture imports nothing for one."""
    from scaling_cli.reports.pictures.fit import fit_picture

    return fit_picture(plan)


def _verify(stored: "LawCard", study: "Experiment", ending: Ending) -> None:
    """Show whether a saved law is the one its runs give again; exit 1 where it is not."""
    from scaling_cli.cli.study import fit_table, read_table
    from scaling_cli.planning.verify import verify
    from scaling_cli.reports.verify import verify_report

    table = read_table(study)
    fitted = fit_table(study, table)
    found = verify(stored, fitted, sha256=table.sha256, version=f"scaling {__version__}")
    show(verify_report(found), ending.output_format, ending.output)
    if not found.is_same:
        raise ScalingError(f"--verify: {found.verdict}")


def _read_named(option: str, texts: list[str] | None, parse: Callable[[str], T]) -> dict[str, T]:
    """Return the values of a repeated option ``NAME=VALUE``, by name."""
    pairs = read_pairs(option, texts or [])
    return {name: read_option(f"{option} {name}", parse, value) for name, value in pairs.items()}


def _read_positive(option: str, text: str | None) -> float | None:
    return None if text is None else read_option(option, parse_positive, text)
