"""``scaling optimal``: give what is known of a plan, see the rest under one law or several."""

from itertools import product
from typing import TYPE_CHECKING

from scaling_cli.cli.optimal_options import (
    DEFAULT_LAWS,
    BatchOption,
    BudgetOption,
    ConfigOption,
    DaysOption,
    FlopsOption,
    GpuOption,
    GpusOption,
    InferenceOption,
    LadderOption,
    LawOption,
    ListLawsOption,
    LossOption,
    MaxParamsOption,
    MaxTokensOption,
    MfuOption,
    ParamsOption,
    PfDaysOption,
    PriceOption,
    RatioOption,
    SaveModelOption,
    ShapeOption,
    ShowLawOption,
    TokensOption,
    UniqueOption,
    UsdOption,
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
    read_laws,
    read_option,
    read_waste,
)
from scaling_cli.cli.output import Format, say, show
from scaling_cli.cli.plot import Plot, check_files
from scaling_cli.errors import ScalingError, UsageError
from scaling_cli.findings import Finding
from scaling_cli.planning.question import Question
from scaling_cli.units import PF_DAY, parse_hardware_time, parse_sweep

if TYPE_CHECKING:
    from scaling_cli.cli.optimal_shape import ShapeRequest
    from scaling_cli.planning.allocation import Allocation
    from scaling_cli.reports.pictures.picture import Picture
    from scaling_cli.reports.report import Report

EPILOG = """Examples:

$ scaling optimal --flops 5.76e23

$ scaling optimal --params 280B --tokens 300B --law besiroglu2024 --format json"""


def optimal(
    flops: FlopsOption = None,
    pf_days: PfDaysOption = None,
    budget: BudgetOption = None,
    params: ParamsOption = None,
    tokens: TokensOption = None,
    tokens_per_param: RatioOption = None,
    loss: LossOption = None,
    gpus: GpusOption = None,
    gpu: GpuOption = None,
    days: DaysOption = None,
    mfu: MfuOption = None,
    usd: UsdOption = None,
    gpu_hour_price: PriceOption = None,
    inference_tokens: InferenceOption = None,
    unique_tokens: UniqueOption = None,
    max_params: MaxParamsOption = None,
    max_tokens: MaxTokensOption = None,
    ladder: LadderOption = False,
    shape: ShapeOption = False,
    batch_tokens: BatchOption = None,
    save: SaveModelOption = None,
    config: ConfigOption = None,
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
    shaping = _read_shaping(shape, batch_tokens, save)
    check_files(plot, is_table=output_format is Format.table, output=output, save=save)
    if list_laws or show_law:
        _show_laws(show_law, output_format, output)
        return
    known = _read_known(
        flops=flops, params=params, tokens=tokens, tokens_per_param=tokens_per_param, loss=loss
    )
    budgets = {"--flops": flops or [], "--pf-days": pf_days or [], "--budget": budget or []}
    shares = {"interval": read_interval(interval)} | ({"waste": read_waste(waste)} if waste else {})
    limits = {
        "gpus": gpus,
        "gpu": gpu,
        "days": days,
        "mfu": mfu,
        "usd": usd,
        "gpu_hour_price": gpu_hour_price,
        "inference_tokens": inference_tokens,
        "unique_tokens": unique_tokens,
        "max_params": max_params,
        "max_tokens": max_tokens,
    }
    if config or ladder or any(text is not None for text in limits.values()):
        from scaling_cli.cli.optimal_plans import plan_under_limits

        report, allocations = plan_under_limits(known, budgets, limits, shares, law, ladder, config, shaping)
    else:
        report, allocations = _plan(known, budgets, shares, law, shaping)
    if plot and not allocations:
        raise UsageError("--plot draws plans, not the account of a model", hint="add a budget: --flops 1e21")
    drawing = Plot(plot, lambda: _picture(allocations)) if plot else None
    if output_format is Format.csv and _has_ladder(report):
        say("note: the ladder is in the table, in JSON and in Markdown; CSV holds a row for each plan")
    show(report, output_format, output, strict=strict, plot=drawing)
    refusals = [plan.refusal for plan in allocations if plan.refusal]
    if refusals and len(refusals) == len(allocations):
        raise ScalingError(f"none of the laws could answer: {refusals[0].message}")


def _plan(
    known: dict[str, list[float]],
    budgets: dict[str, list[str]],
    shares: dict[str, float],
    law: list[str] | None,
    shaping: "ShapeRequest | None",
) -> "tuple[Report, tuple[Allocation, ...]]":
    """Answer what one or two known quantities ask, under every law."""
    C, findings = _read_budgets(known.pop("flops", []), budgets["--pf-days"], budgets["--budget"])
    questions = _questions(C, known, findings, {"waste": read_waste(None), **shares})
    cards = read_laws(law or [DEFAULT_LAWS])

    from scaling_cli.planning.allocation import allocate_all
    from scaling_cli.reports.plan import plan_report

    allocations = allocate_all(cards, questions)
    report = plan_report(allocations)
    if shaping is not None:
        from scaling_cli.cli.optimal_shape import shape_allocations

        report = shape_allocations(report, allocations, shaping)
    return report, allocations


def _read_shaping(shape: bool, batch_tokens: str | None, save: str | None) -> "ShapeRequest | None":
    """Return what is asked of shapes; a plan without them imports nothing for them."""
    if not shape and batch_tokens is None and save is None:
        return None
    from scaling_cli.cli.optimal_shape import read_shape_request

    return read_shape_request(shape, batch_tokens, save)


def _picture(allocations: "tuple[Allocation, ...]") -> "Picture | None":
    """Draw the plans; here, so that a plan without a picture imports nothing for one."""
    from scaling_cli.reports.pictures.plan import plan_picture

    return plan_picture(allocations)


def _has_ladder(report: "Report") -> bool:
    """Say whether any plan has sizes beside its own, for which CSV has no rows."""
    results = report.data["results"]
    return isinstance(results, list) and any(result.get("ladder") for result in results)


def _show_laws(name: str | None, output_format: Format, output: str | None) -> None:
    """Show the registry, or the law called ``name``."""
    from scaling_cli.laws.published import PUBLISHED
    from scaling_cli.reports.laws import law_report, laws_report

    if name is None:
        show(laws_report(list(PUBLISHED.values())), output_format, output)
        return
    cards = read_laws([name], "--show-law")
    show(law_report(cards[0]) if len(cards) == 1 else laws_report(cards), output_format, output)


def _read_known(**texts: list[str] | None) -> dict[str, list[float]]:
    """Return the values of the quantities that are given, by name."""
    return {
        name: _read_sweeps(f"--{name.replace('_', '-')}", given) for name, given in texts.items() if given
    }


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
