"""``scaling optimal``: give what is known of a plan, see the rest under one law or several."""

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Annotated

import typer

from scaling_cli.cli.options import (
    DEFAULT_INTERVAL,
    FormatOption,
    IntervalOption,
    OutputOption,
    PlotOption,
    StrictOption,
    WasteOption,
    complete_budget,
    complete_law,
    read_interval,
    read_laws,
    read_option,
    read_waste,
)
from scaling_cli.cli.output import Format, show
from scaling_cli.cli.plot import Plot, check_plot, refuse_same_file
from scaling_cli.errors import ScalingError, UsageError
from scaling_cli.findings import Finding
from scaling_cli.planning.question import Question
from scaling_cli.units import PF_DAY, parse_hardware_time, parse_sweep

if TYPE_CHECKING:
    from scaling_cli.planning.allocation import Allocation
    from scaling_cli.reports.pictures.picture import Picture

DEFAULT_LAWS = "chinchilla"

EPILOG = """Examples:

$ scaling optimal --flops 5.76e23

$ scaling optimal --params 280B --tokens 300B --law besiroglu2024 --format json"""


Known = partial(typer.Option, rich_help_panel="What is known (one asks for the optimum, two are a what-if)")
Laws = partial(typer.Option, rich_help_panel="Laws")

FlopsOption = Annotated[
    list[str] | None,
    Known("--flops", metavar="C", help="A budget, 5.76e23; repeat it, or sweep 1e20:1e26:7."),
]
PfDaysOption = Annotated[
    list[str] | None, Known("--pf-days", metavar="C", help="A budget in petaFLOP/s-days.")
]
BudgetOption = Annotated[
    list[str] | None,
    Known(
        "--budget",
        metavar="HARDWARE",
        help='A budget as "64xH100:30d@40%": count x accelerator : duration @ MFU.',
        autocompletion=complete_budget,
    ),
]
ParamsOption = Annotated[list[str] | None, Known("--params", metavar="N", help="A model size, 70B.")]
TokensOption = Annotated[list[str] | None, Known("--tokens", metavar="D", help="Training tokens, 1.4T.")]
RatioOption = Annotated[list[str] | None, Known("--tokens-per-param", metavar="D/N", help="Their ratio, 20.")]
LossOption = Annotated[list[str] | None, Known("--loss", metavar="L", help="A loss in nats per token, 2.0.")]
LawOption = Annotated[
    list[str] | None,
    Laws(
        "--law",
        metavar="NAME|FILE",
        help="A published law, a law file, all, or chinchilla (four of them); repeat it.",
        show_default=DEFAULT_LAWS,
        autocompletion=complete_law,
    ),
]
ListLawsOption = Annotated[bool, Laws("--list-laws", help="List the published laws, and stop.")]
ShowLawOption = Annotated[
    str | None,
    Laws(
        "--show-law",
        metavar="NAME|FILE",
        help="Show one law whole, and stop.",
        autocompletion=complete_law,
    ),
]


def optimal(
    flops: FlopsOption = None,
    pf_days: PfDaysOption = None,
    budget: BudgetOption = None,
    params: ParamsOption = None,
    tokens: TokensOption = None,
    tokens_per_param: RatioOption = None,
    loss: LossOption = None,
    law: LawOption = None,
    list_laws: ListLawsOption = False,
    show_law: ShowLawOption = None,
    interval: IntervalOption = DEFAULT_INTERVAL,
    waste: WasteOption = None,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    plot: PlotOption = None,
    strict: StrictOption = False,
) -> None:
    """Solve for params, tokens and loss under a budget, or for what else is missing."""
    if plot and (list_laws or show_law):
        raise UsageError("--plot draws plans, not laws", hint="leave it out, or ask for a plan: --flops 1e21")
    refuse_same_file({"--output": output, "--plot": plot})
    check_plot(plot, is_table=output_format is Format.table, output=output)
    if list_laws or show_law:
        _show_laws(show_law, output_format, output)
        return
    options = {
        "flops": ("--flops", flops),
        "params": ("--params", params),
        "tokens": ("--tokens", tokens),
        "tokens_per_param": ("--tokens-per-param", tokens_per_param),
        "loss": ("--loss", loss),
    }
    known = {name: _read_sweeps(option, texts) for name, (option, texts) in options.items() if texts}
    budgets, findings = _read_budgets(known.pop("flops", []), pf_days or [], budget or [])
    shares = {"waste": read_waste(waste), "interval": read_interval(interval)}
    questions = _questions(budgets, known, findings, shares)
    cards = read_laws(law or [DEFAULT_LAWS])

    from scaling_cli.planning.allocation import allocate_all
    from scaling_cli.reports.plan import plan_report

    allocations = allocate_all(cards, questions)
    drawing = Plot(plot, lambda: _picture(allocations)) if plot else None
    show(plan_report(allocations), output_format, output, strict=strict, plot=drawing)
    refusals = [plan.refusal for plan in allocations if plan.refusal]
    if len(refusals) == len(allocations):
        raise ScalingError(f"none of the laws could answer: {refusals[0].message}")


def _picture(allocations: "tuple[Allocation, ...]") -> "Picture | None":
    """Draw the plans; here, so that a plan without a picture imports nothing for one."""
    from scaling_cli.reports.pictures.plan import plan_picture

    return plan_picture(allocations)


def _show_laws(name: str | None, output_format: Format, output: str | None) -> None:
    """Show the registry, or the law called ``name``."""
    from scaling_cli.laws.published import PUBLISHED
    from scaling_cli.reports.laws import law_report, laws_report

    if name is None:
        show(laws_report(list(PUBLISHED.values())), output_format, output)
        return
    cards = read_laws([name], "--show-law")
    show(law_report(cards[0]) if len(cards) == 1 else laws_report(cards), output_format, output)


def _read_sweeps(option: str, texts: list[str]) -> list[float]:
    """Return the values of a repeated option, sweeps spelled out."""
    return [value for text in texts for value in read_option(option, parse_sweep, text)]


def _read_budgets(
    flops: list[float], pf_days: list[str], hardware: list[str]
) -> tuple[list[float], list[tuple[Finding, ...]]]:
    """Return the budgets in FLOPs, from whichever option gave them, and the findings of each."""
    given = [
        name for name, value in (("--flops", flops), ("--pf-days", pf_days), ("--budget", hardware)) if value
    ]
    if len(given) > 1:
        raise UsageError(
            f"{' and '.join(given)} contradict each other: each is a budget", hint="give one of them"
        )
    if pf_days:
        flops = [PF_DAY * days for days in _read_sweeps("--pf-days", pf_days)]
    if not hardware:
        return flops, [()] * len(flops)

    from scaling_cli.planning.hardware import hardware_flops

    budgets, findings = [], []
    for text in hardware:
        C, noticed = read_option("--budget", lambda text: hardware_flops(parse_hardware_time(text)), text)
        budgets.append(C)
        findings.append(noticed)
    return budgets, findings


def _questions(
    budgets: list[float],
    known: dict[str, list[float]],
    findings: list[tuple[Finding, ...]],
    shares: dict[str, float],
) -> list[Question]:
    """Return one question for every combination of the known values."""
    questions = []
    for C, noticed in zip(budgets, findings, strict=True) if budgets else [(None, ())]:
        for values in product(*known.values()):
            rest = dict(zip(known, values, strict=True))
            questions.append(Question(flops=C, **rest, **shares, findings=noticed))
    return questions
