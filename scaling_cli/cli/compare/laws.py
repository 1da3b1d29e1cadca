"""``scaling compare laws``: what laws make of the same compute, and what following the wrong one wastes."""

from typing import TYPE_CHECKING, Annotated

import typer

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
)
from scaling_cli.cli.output import Format, show
from scaling_cli.cli.plot import Plot, check_files
from scaling_cli.errors import ScalingError
from scaling_cli.units import parse_sweep

if TYPE_CHECKING:
    from scaling_cli.planning.compare_laws import LawComparison
    from scaling_cli.reports.pictures.picture import Picture

DEFAULT_LAWS = "chinchilla"

DEFAULT_FLOPS = "5.76e23"
"""The budget of Gopher and Chinchilla (Hoffmann et al. 2022), at which the published laws are told apart."""

EPILOG = """Examples:

$ scaling compare laws kaplan2020 hoffmann2022-a1 besiroglu2024

$ scaling compare laws law.json besiroglu2024 --flops 1e22:1e26:3 --format json"""

LawsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[LAW|FILE]...",
        help="Published laws, law files, all, or chinchilla (four of them).",
        show_default=DEFAULT_LAWS,
        autocompletion=complete_law,
    ),
]
FlopsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--flops",
        metavar="C",
        help="A budget; repeat it, or sweep 1e20:1e26:7. The multipliers start from the first.",
        show_default=DEFAULT_FLOPS,
    ),
]
ConvertOption = Annotated[
    bool,
    typer.Option(
        "--convert/--as-published",
        help="Count the embeddings in every law's params, or leave each law its own.",
    ),
]


def laws(
    law: LawsArgument = None,
    flops: FlopsOption = None,
    convert: ConvertOption = True,
    interval: IntervalOption = DEFAULT_INTERVAL,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    plot: PlotOption = None,
    strict: StrictOption = False,
) -> None:
    """Compare scaling laws: what more compute buys under each, and what following the wrong one wastes."""
    check_files(plot, is_table=output_format is Format.table, output=output)
    budgets = [C for text in flops or [DEFAULT_FLOPS] for C in read_option("--flops", parse_sweep, text)]
    level = read_interval(interval)
    cards = read_laws(law or [DEFAULT_LAWS], "LAW")

    from scaling_cli.planning.compare_laws import compare_laws
    from scaling_cli.reports.compare_laws import compare_laws_report

    found = compare_laws(cards, list(dict.fromkeys(budgets)), level=level, convert=convert)
    drawing = Plot(plot, lambda: _picture(found)) if plot else None
    show(compare_laws_report(found), output_format, output, strict=strict, plot=drawing)
    refusals = [plan.refusal for plan in found.allocations if plan.refusal]
    if len(refusals) == len(found.allocations):
        raise ScalingError(f"none of the laws could answer: {refusals[0].message}")


def _picture(found: "LawComparison") -> "Picture | None":
    """Draw a comparison; here, so that one without a picture imports nothing for it."""
    from scaling_cli.reports.pictures.compare import laws_picture

    return laws_picture(found)
