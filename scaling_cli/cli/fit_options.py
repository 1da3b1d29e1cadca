"""The options of ``scaling fit``."""

from enum import StrEnum
from functools import partial
from typing import Annotated, get_args

import typer


class Approach(StrEnum):
    """The approaches of Hoffmann et al. 2022: training curves, IsoFLOP profiles, parametric loss; or all."""

    curves = "1"
    isoflop = "2"
    parametric = "3"
    all = "all"


def complete_form(incomplete: str) -> list[str]:
    """Complete the name of a form."""
    from scaling_cli.fitting.fit import FormName

    return [name for name in (*get_args(FormName), "all") if name.startswith(incomplete)]


def complete_objective(incomplete: str) -> list[str]:
    """Complete the name of an objective."""
    from scaling_cli.fitting.fit import ObjectiveName

    return [name for name in get_args(ObjectiveName) if name.startswith(incomplete)]


def complete_starts(incomplete: str) -> list[str]:
    """Complete where the descents begin."""
    from scaling_cli.fitting.fit import StartsName

    return [name for name in get_args(StartsName) if name.startswith(incomplete)]


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
    int | None, Reading("--drop-highest-losses", metavar="COUNT", min=0, help="Leave so many out.")
]
AllStepsOption = Annotated[
    bool | None,
    Reading("--all-steps/--last-steps", help="Fit every row of a run, or its last.", show_default="last"),
]
UnfinishedOption = Annotated[
    bool | None,
    Reading(
        "--include-unfinished/--finished",
        help="Fit runs with less than 80 % of their schedule's tokens, or not.",
        show_default="leave out",
    ),
]
ApproachOption = Annotated[
    Approach | None,
    Fitting(
        "--approach",
        help="1: the envelope of learning curves. 2: IsoFLOP profiles. 3: a parametric loss.",
        show_default="3",
    ),
]
SmoothOption = Annotated[
    int | None,
    Fitting(
        "--smooth",
        metavar="POINTS",
        min=0,
        help="The Gaussian window over learning curves; 0: none. For --approach 1.",
        show_default="10",
    ),
]
DeltaOption = Annotated[
    str | None,
    Fitting("--delta", metavar="DELTA", help="The Huber threshold in log loss.", show_default="1e-3"),
]
FormOption = Annotated[
    str | None,
    Fitting(
        "--form",
        metavar="FORM",
        help="chinchilla, tied, overtraining, kaplan, data-constrained, frontier; all ranks them.",
        show_default="chinchilla",
        autocompletion=complete_form,
    ),
]
ObjectiveOption = Annotated[
    str | None,
    Fitting(
        "--objective",
        metavar="NAME",
        help="log-huber, huber, log-mse or mse.",
        show_default="log-huber",
        autocompletion=complete_objective,
    ),
]
PenaltyOption = Annotated[
    str | None,
    Fitting(
        "--overestimate-penalty",
        metavar="FACTOR",
        help="How much more a law above a run's loss counts than one below it.",
        show_default="1",
    ),
]
WeightsOption = Annotated[
    str | None, Fitting("--weights", metavar="COLUMN", help="How much each run counts, in proportion.")
]
FixOption = Annotated[
    list[str] | None, Fitting("--fix", metavar="NAME=VALUE", help="E=1.69: not fitted; repeat it.")
]
BoundOption = Annotated[
    list[str] | None, Fitting("--bound", metavar="NAME=LOW:HIGH", help="alpha=0.1:0.6; repeat it.")
]
StartsOption = Annotated[
    str | None,
    Fitting(
        "--starts",
        metavar="NAME",
        help="projection, or hoffmann: the 4500 of the paper, which take seconds.",
        show_default="projection",
        autocompletion=complete_starts,
    ),
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

Checking = partial(typer.Option, rich_help_panel="Checking the fit")

BacktestOption = Annotated[
    bool, Checking("--backtest", help="Refit without the largest budgets, and predict them.")
]
SensitivityOption = Annotated[
    bool, Checking("--sensitivity", help="The last target's plan under each other reasonable choice.")
]
VerifyOption = Annotated[
    str | None,
    Checking("--verify", metavar="LAW", help="Say whether the runs give this law file again, and stop."),
]
