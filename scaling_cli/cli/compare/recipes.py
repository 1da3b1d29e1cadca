"""``scaling compare recipes``: how much less compute one recipe needs than another, and if that lasts."""

from typing import TYPE_CHECKING, Annotated

import typer

from scaling_cli.cli.fit_options import (
    AllStepsOption,
    BootstrapOption,
    ClusterOption,
    ColumnOption,
    DropOption,
    Fitting,
    FixOption,
    SeedOption,
    UnfinishedOption,
    UnitOption,
    WhereOption,
)
from scaling_cli.cli.options import (
    DEFAULT_INTERVAL,
    FormatOption,
    IntervalOption,
    OutputOption,
    PlotOption,
    StrictOption,
    read_interval,
    read_option,
    read_pairs,
)
from scaling_cli.cli.output import Format, show
from scaling_cli.cli.plot import Plot, check_files
from scaling_cli.conditions import parse_condition
from scaling_cli.units import parse_positive, parse_quantity, parse_sweep

if TYPE_CHECKING:
    from scaling_cli.planning.compare_recipes import RecipesCompared
    from scaling_cli.reports.pictures.picture import Picture

EPILOG = """Examples:

$ scaling compare recipes baseline.csv muon.csv --flops 1e22

$ scaling compare recipes a.csv b.csv --share E --where "flops < 1e21" --format json"""

_FORMS = ("chinchilla", "tied", "overtraining", "kaplan", "frontier")


def complete_form(incomplete: str) -> list[str]:
    """Complete the name of a form that has a frontier of its own."""
    return [name for name in _FORMS if name.startswith(incomplete)]


RecipesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="A B...",
        help="Tables of runs (one may be -) or of frontier points (flops, loss), YAML experiments, law files "
        "or published laws; the first is the baseline.",
        show_default=False,
    ),
]
FlopsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--flops",
        metavar="C",
        help="A budget of the baseline; repeat it, or sweep 1e20:1e26:7. The largest is the target.",
        show_default="1, 10 and 100 times the largest run, the first the target",
    ),
]
LossOption = Annotated[
    list[str] | None, typer.Option("--loss", metavar="L", help="A loss that both are to reach; repeat it.")
]
ShareOption = Annotated[
    list[str] | None,
    Fitting("--share", metavar="NAME", help="E, alpha: one value for all tables, fitted jointly; repeat it."),
]
FormOption = Annotated[
    str | None,
    Fitting(
        "--form",
        metavar="FORM",
        help="chinchilla, tied, overtraining, kaplan; frontier, where each run is the best of its budget.",
        show_default="chinchilla, of points frontier",
        autocompletion=complete_form,
    ),
]
ConvertOption = Annotated[
    bool,
    typer.Option(
        "--convert/--as-published",
        help="Count the embeddings in every recipe's params and budgets, or leave each its own.",
    ),
]


def recipes(
    recipe: RecipesArgument = None,
    flops: FlopsOption = None,
    loss: LossOption = None,
    column: ColumnOption = None,
    unit: UnitOption = None,
    where: WhereOption = None,
    drop_highest_losses: DropOption = None,
    all_steps: AllStepsOption = None,
    include_unfinished: UnfinishedOption = None,
    form: FormOption = None,
    fix: FixOption = None,
    share: ShareOption = None,
    convert: ConvertOption = True,
    bootstrap: BootstrapOption = 1000,
    seed: SeedOption = 0,
    cluster: ClusterOption = None,
    interval: IntervalOption = DEFAULT_INTERVAL,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    plot: PlotOption = None,
    strict: StrictOption = False,
) -> None:
    """Compare recipes: whether one is better, by how much compute, and whether the gain lasts with scale."""
    from scaling_cli.cli.compare.recipe_inputs import read_recipes
    from scaling_cli.planning.compare_recipes import compare_recipes
    from scaling_cli.planning.recipe_fits import Resampling, fit_recipes
    from scaling_cli.reports.compare_recipes import compare_recipes_report
    from scaling_cli.reports.progress import progress

    check_files(plot, is_table=output_format is Format.table, output=output)
    budgets = [C for text in flops or [] for C in read_option("--flops", parse_sweep, text)]
    losses = [L for text in loss or [] for L in read_option("--loss", parse_sweep, text)]
    resampling = Resampling(replicates=bootstrap, seed=seed, level=read_interval(interval))
    fixed = read_pairs("--fix", fix or [])
    units = read_pairs("--unit", unit or [])
    options = {
        "columns": read_pairs(
            "--column", [*(column or []), *([f"cluster={cluster}"] if cluster else [])], may_be_blank=True
        ),
        "units": {name: read_option(f"--unit {name}", parse_positive, text) for name, text in units.items()},
        "where": tuple(read_option("--where", parse_condition, text) for text in where or []),
        "drop_highest_losses": drop_highest_losses,
        "all_steps": all_steps,
        "include_unfinished": include_unfinished,
        "form": form,
        "fixed": {name: read_option(f"--fix {name}", parse_quantity, text) for name, text in fixed.items()},
        "bounds": {},
    }
    inputs, common = read_recipes(recipe or [], options, convert=convert)
    with progress("resampling the runs", bootstrap * len(inputs)) as advance:
        fitted = fit_recipes(
            inputs, resampling, share=list(dict.fromkeys(share or [])), flops=budgets, progress=advance
        )
    found = compare_recipes(
        fitted,
        flops=budgets,
        losses=losses,
        unit=common.unit,
        level=resampling.level,
        findings=common.findings,
    )
    drawing = Plot(plot, lambda: _picture(found)) if plot else None
    show(compare_recipes_report(found), output_format, output, strict=strict, plot=drawing)


def _picture(found: "RecipesCompared") -> "Picture":
    """Draw the comparison; here, so that one without a picture imports nothing for it."""
    from scaling_cli.reports.pictures.recipes import recipes_picture

    return recipes_picture(found)
