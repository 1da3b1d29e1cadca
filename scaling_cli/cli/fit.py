"""``scaling fit``: a table of runs becomes a law, and the law's answer at the target budgets."""

from scaling_cli.cli.fit_options import (
    AllStepsOption,
    BootstrapOption,
    ClusterOption,
    ColumnOption,
    ConfigOption,
    DeltaOption,
    DropOption,
    RunsArgument,
    SaveOption,
    SeedOption,
    TargetsOption,
    UnfinishedOption,
    UnitOption,
    WhereOption,
)
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
from scaling_cli.cli.study import Sureness, read_study, run_study
from scaling_cli.conditions import parse_condition
from scaling_cli.units import parse_positive, parse_sweep

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
    study = read_study(
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

    sureness = Sureness(replicates=bootstrap, interval=read_interval(interval), seed=seed)
    plan = run_study(study, sureness)

    from scaling_cli.files.law_file import write_law
    from scaling_cli.reports.fit import fit_report

    report = fit_report(plan)
    if save:
        write_law(save, plan.card)
    show(report, output_format, output, strict=strict)


def _read_units(texts: list[str]) -> dict[str, float]:
    """Return ``--unit params=1e6`` as numbers."""
    pairs = read_pairs("--unit", texts)
    return {name: read_option(f"--unit {name}", parse_positive, value) for name, value in pairs.items()}
