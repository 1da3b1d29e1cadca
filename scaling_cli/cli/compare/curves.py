"""``scaling compare curves``: learning curves as a race at equal tokens, FLOPs and GPU-hours."""

from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from scaling_cli.cli.fit_options import ColumnOption, UnitOption, WhereOption
from scaling_cli.cli.options import (
    DEFAULT_INTERVAL,
    FormatOption,
    IntervalOption,
    OutputOption,
    PlotOption,
    StrictOption,
    complete_law,
    read_interval,
    read_laws,
    read_option,
    read_pairs,
)
from scaling_cli.cli.output import Format, say, show
from scaling_cli.cli.plot import Plot, check_files
from scaling_cli.conditions import parse_condition
from scaling_cli.units import parse_positive

if TYPE_CHECKING:
    from scaling_cli.planning.compare_curves import CurveComparison
    from scaling_cli.reports.pictures.picture import Picture

EPILOG = """Examples:

$ scaling compare curves curves.csv --plot race.svg

$ scaling compare curves curves.csv --pair 7B:13B --law law.json --format json"""

CurvesArgument = Annotated[
    str, typer.Argument(metavar="CURVES", help="A table of learning curves, a row per point; - for stdin.")
]
PairOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pair",
        metavar="A:B",
        help="Race these two runs only; repeat it.",
        show_default="all pairs of up to 8 runs, of more the neighbouring sizes",
    ),
]
LawOption = Annotated[
    list[str] | None,
    typer.Option(
        "--law",
        metavar="NAME|FILE",
        help="Set every run beside this law, by its decayed points; repeat it.",
        autocompletion=complete_law,
    ),
]


def curves(
    curves: CurvesArgument,
    pair: PairOption = None,
    law: LawOption = None,
    column: ColumnOption = None,
    unit: UnitOption = None,
    where: WhereOption = None,
    interval: IntervalOption = DEFAULT_INTERVAL,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    plot: PlotOption = None,
    strict: StrictOption = False,
) -> None:
    """Race learning curves: who leads when, the crossings, by how much, and which leads are suspect."""
    check_files(plot, is_table=output_format is Format.table, output=output)
    level = read_interval(interval)
    cards = read_laws(law or [])
    columns = read_pairs("--column", column or [], may_be_blank=True)
    units = {
        name: read_option(f"--unit {name}", parse_positive, value)
        for name, value in read_pairs("--unit", unit or []).items()
    }
    conditions = [read_option("--where", parse_condition, text) for text in where or []]

    from scaling_cli.files.curve_table import read_curves, why_slow
    from scaling_cli.planning.compare_curves import CurvesRead, compare_curves
    from scaling_cli.reports.compare_curves import compare_curves_report
    from scaling_cli.reports.progress import progress

    if slow := why_slow(curves):
        say(f"note: {slow}")
    table = read_curves(curves, columns=columns, units=units, where=conditions, progress=progress)
    read = CurvesRead(
        name=PurePath(table.name).name,
        params_definition=table.params_definition,
        loss_unit=table.loss_unit,
        findings=table.findings,
    )
    with progress("smoothing the curves", len(table.curves)) as advance:
        found = compare_curves(
            table.curves, read, pairs=pair or [], cards=cards, level=level, progress=advance
        )
    drawing = Plot(plot, lambda: _picture(found)) if plot else None
    show(compare_curves_report(found), output_format, output, strict=strict, plot=drawing)
    if output_format is Format.csv and found.races and (found.leaders or found.beside):
        say("note: CSV holds the races only; the rest is in the table, the JSON and the Markdown")


def _picture(found: "CurveComparison") -> "Picture":
    """Draw a race; here, so that a race without a picture imports nothing for one."""
    from scaling_cli.reports.pictures.race import race_picture

    return race_picture(found)
