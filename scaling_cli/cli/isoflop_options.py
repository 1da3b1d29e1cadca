"""The options of ``scaling isoflop``."""

from functools import partial
from typing import Annotated, get_args

import typer

from scaling_cli.cli.options import complete_law


def complete_curve(incomplete: str) -> list[str]:
    """Complete the name of a curve."""
    from scaling_cli.fitting.valley import CurveName

    return [name for name in get_args(CurveName) if name.startswith(incomplete)]


Frontier = partial(typer.Option, rich_help_panel="The budgets and the frontier")

BudgetsOption = Annotated[
    str | None,
    Frontier(
        "--budgets",
        metavar="C,C,...",
        help="Only these budgets, 6e18,1e19.",
        show_default="all that runs share",
    ),
]
ToleranceOption = Annotated[
    str | None,
    Frontier(
        "--budget-tolerance",
        metavar="SHARE",
        help="How far C of a run may lie from its budget.",
        show_default="10%",
    ),
]
CurveOption = Annotated[
    str | None,
    Frontier(
        "--curve",
        metavar="NAME",
        help="parabola, or akima, a local interpolation.",
        show_default="parabola",
        autocompletion=complete_curve,
    ),
]
TargetsOption = Annotated[
    list[str] | None,
    Frontier(
        "--flops",
        metavar="C",
        help="A target budget; repeat it, or sweep 1e20:1e26:7.",
        show_default="1, 10 and 100 times the largest ok budget",
    ),
]
BootstrapOption = Annotated[
    int,
    Frontier("--bootstrap", metavar="COUNT", min=0, help="Resamples of the residuals, for intervals."),
]
SeedOption = Annotated[
    int, Frontier("--seed", metavar="SEED", min=0, help="What the resampling begins with.")
]
SaveOption = Annotated[
    str | None,
    Frontier("--save", metavar="FILE", help="Save the frontier, for scaling optimal --law FILE."),
]
LawOption = Annotated[
    list[str] | None,
    typer.Option(
        "--law",
        metavar="NAME|FILE",
        help="A law's own profile at each --flops; repeat it.",
        rich_help_panel="Without runs",
        autocompletion=complete_law,
    ),
]
