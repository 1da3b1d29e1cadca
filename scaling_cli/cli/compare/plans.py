"""``scaling compare plans``: plans of a file side by side, what each wastes, and gates for a pipeline."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling_cli.cli.options import (
    DEFAULT_INTERVAL,
    FormatOption,
    IntervalOption,
    OutputOption,
    PlotOption,
    StrictOption,
    WasteOption,
    complete_law,
    read_interval,
    read_laws,
    read_option,
    read_waste,
)
from scaling_cli.cli.output import Format, say, show
from scaling_cli.cli.plot import Plot, check_files
from scaling_cli.errors import ScalingError, UsageError

if TYPE_CHECKING:
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.compare_plans import RankedPlan
    from scaling_cli.reports.pictures.picture import Picture

DEFAULT_LAW = "besiroglu2024"

EPILOG = """Examples:

$ scaling compare plans plans.yaml --law law.json

$ scaling compare plans plans.yaml --fail-if "waste > 10%" --fail-if "best.hardware.usd > 2M"

Exit codes: 1 where a plan is refused or meets the condition of a gate, 2 where a gate tests nothing."""

PlansArgument = Annotated[
    str, typer.Argument(metavar="PLANS.yaml", help="Plans and what they share, from YAML; - for stdin.")
]
LawOption = Annotated[
    list[str] | None,
    typer.Option(
        "--law",
        metavar="NAME|FILE",
        help="A published law or a law file; else that of the file.",
        show_default=DEFAULT_LAW,
        autocompletion=complete_law,
    ),
]
FailIfOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if",
        metavar="CONDITION",
        help='Exit with 1 where any plan meets it, "waste > 10%"; best.waste is that of the first-ranked. '
        "Fields are those of the JSON of a plan; repeat it.",
    ),
]


def plans(
    file: PlansArgument,
    law: LawOption = None,
    fail_if: FailIfOption = None,
    interval: IntervalOption = DEFAULT_INTERVAL,
    waste: WasteOption = None,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    plot: PlotOption = None,
    strict: StrictOption = False,
) -> None:
    """Compare plans: their loss, cost and waste under one law, ranked; and gates that fail a pipeline."""
    check_files(plot, is_table=output_format is Format.table, output=output)
    if law and len(law) > 1:
        raise UsageError(
            f"--law: plans are compared under one law, got {', '.join(law)}", hint="compare once under each"
        )
    from scaling_cli.planning.gates import check_gates, parse_gate

    conditions = [(text, read_option("--fail-if", parse_gate, text)) for text in fail_if or []]
    given: dict[str, Any] = {"interval": read_interval(interval)}
    if waste is not None:
        given["waste"] = read_waste(waste)

    from scaling_cli.files.plans_file import read_plans
    from scaling_cli.planning.compare_plans import compare_plans
    from scaling_cli.reports.compare_plans import compare_plans_report, gate_line, refusal_lines
    from scaling_cli.reports.progress import progress

    read = read_plans(file, given)
    name = law[0] if law else read.law or DEFAULT_LAW
    card = _read_law(name, "--law" if law or not read.law else f"{read.name}: law")
    with progress("comparing the plans", len(read.plans)) as advance:
        found = compare_plans(card, read.plans, advance)
    try:
        gates = check_gates(found, conditions)
    except ScalingError as error:
        raise error.at("--fail-if") from None
    failed = [gate_line(gate) for gate in gates if gate.failed] + refusal_lines(found)
    drawing = Plot(plot, lambda: _picture(found)) if plot else None
    try:
        show(compare_plans_report(found, gates), output_format, output, strict=strict, plot=drawing)
    finally:
        for line in failed:
            say(f"error: {line}")
    if failed:
        raise typer.Exit(1)


def _read_law(name: str, place: str) -> "LawCard":
    """Return the one law that plans are compared under."""
    cards = read_laws([name], place)
    if len(cards) > 1:
        members = ", ".join(card.name for card in cards[:4])
        raise UsageError(f"{place}: {name} stands for several laws", hint=f"name one of them: {members}")
    return cards[0]


def _picture(found: "tuple[RankedPlan, ...]") -> "Picture | None":
    """Draw the plans; here, so that a comparison without a picture imports nothing for it."""
    from scaling_cli.reports.pictures.plans import plans_picture

    return plans_picture(found)
