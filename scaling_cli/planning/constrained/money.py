"""Hardware and money: what a FLOP of training and of serving takes, and what a plan therefore takes."""

import math
from dataclasses import dataclass, replace

from scaling_cli.errors import UsageError
from scaling_cli.findings import Finding
from scaling_cli.planning.constrained.limits import Budget, Cost
from scaling_cli.planning.constrained.plan import Phase, Plan
from scaling_cli.planning.hardware import PRECISIONS, Accelerator, find_chip, peak_findings
from scaling_cli.planning.utilisation import closest_all_in, describe_published, most_matmul
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_count, format_number, format_share

INFERENCE_FLOPS_PER_PARAM_TOKEN = 2.0
"""The forward pass alone (Kaplan et al. 2020, Sec. 2.1; Sardana et al. 2023, arXiv 2401.00448)."""

HOUR = 3600.0
DAY_HOURS = 24.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What one FLOP takes on a chip at an MFU: accelerator-hours, and dollars; ``None`` where unknown."""

    chip: str
    hours: float | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of training and of serving, and what is to be said of them.

    ``is_shared`` where both run on the same accelerators, so that a budget of them covers both.
    """

    training: Rate
    serving: Rate
    is_shared: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class HardwareUse:
    """What training takes: ``gpus`` accelerators for ``days``, ``gpu_hours`` and ``usd`` in all.

    ``serving_hours`` and ``serving_usd`` are those of the lifetime demand. What is unknown is ``None``.
    """

    gpu: str
    gpus: int | None
    gpu_hours: float | None
    days: float | None
    usd: float | None
    is_serving: bool = False
    serving_hours: float | None = None
    serving_usd: float | None = None


def rates_of(plan: Plan) -> Rates | None:
    """Return what a FLOP takes; ``None`` where the plan speaks of no hardware.

    Raises ``UsageError`` without an MFU, naming what is published for the chip, and for a budget of
    accelerators or dollars on a chip whose peak nobody knows.
    """
    if not plan.asks_for_hardware:
        return None
    chip = _chip(plan.training)
    if plan.training.mfu is None:
        raise UsageError(
            "no MFU: what share of its peak the accelerator reaches is not said",
            hint=f"add it, --mfu 40%; {describe_published(chip.name, plan.training.precision)}",
        )
    training = _rate(plan.training, chip)
    is_capped = plan.hardware.gpus is not None and plan.hardware.days is not None
    if training.hours is None and (plan.usd is not None or is_capped):
        raise UsageError(
            f"no dense {plan.training.precision.upper()} peak of {chip.name} is known: it makes no budget",
            hint="give its peak_tflops in the plan file, --config plan.yaml",
        )
    served = _serving_phase(plan)
    serving_chip = _chip(served)
    serving = _rate(served, serving_chip)
    findings = [*_chip_findings(plan.training, chip), *_mfu_findings(plan.training.mfu, chip, plan)]
    if plan.inference_tokens is not None:
        findings += _serving_findings(plan, chip, serving_chip)
    return Rates(training, serving, chip == serving_chip, tuple(findings))


def _chip(phase: Phase) -> Accelerator:
    """Return the chip of a phase, with one's own peak where that is given."""
    if phase.peak_tflops is None:
        assert phase.gpu is not None
        return find_chip(phase.gpu)
    try:
        known = find_chip(phase.gpu or "")
    except UsageError:  # a chip of one's own
        known = Accelerator(phase.gpu or "custom", None)
    return replace(known, bf16_tflops=phase.peak_tflops, fp8_tflops=phase.peak_tflops, note="")


def _rate(phase: Phase, chip: Accelerator) -> Rate:
    """1/(3600 x peak x MFU) accelerator-hours a FLOP, and their price."""
    peak = chip.peak(phase.precision)
    assert phase.mfu is not None
    hours = None if peak is None else 1 / (HOUR * peak * phase.mfu)
    price = phase.gpu_hour_price
    return Rate(chip.name, hours, None if hours is None or price is None else hours * price)


def _serving_phase(plan: Plan) -> Phase:
    """Return what serving runs on: where it is not said, as training does."""
    mine, theirs = plan.serving, plan.training
    is_other_chip = mine.gpu is not None or mine.peak_tflops is not None
    return Phase(
        gpu=mine.gpu if is_other_chip else theirs.gpu,
        mfu=mine.mfu or theirs.mfu,
        gpu_hour_price=mine.gpu_hour_price or theirs.gpu_hour_price,
        precision=mine.precision if is_other_chip or mine.precision != PRECISIONS[0] else theirs.precision,
        peak_tflops=mine.peak_tflops if is_other_chip else theirs.peak_tflops,
    )


def flops_cost(plan: Plan) -> Cost:
    """Return 6 N D + 2 N D_inf, in FLOPs."""
    demand = plan.inference_tokens or 0.0
    return Cost(FLOPS_PER_PARAM_TOKEN, INFERENCE_FLOPS_PER_PARAM_TOKEN * demand)


def goal_cost(plan: Plan, rates: Rates | None) -> Cost:
    """Return what is made least: dollars where both phases have a price, else FLOPs."""
    return _priced(plan, rates) or flops_cost(plan)


def _priced(plan: Plan, rates: Rates | None) -> Cost | None:
    """Return the cost in dollars, where prices are known."""
    if rates is None or rates.training.usd is None or rates.serving.usd is None:
        return None
    plain = flops_cost(plan)
    return Cost(plain.training * rates.training.usd, plain.serving * rates.serving.usd)


def budgets_of(plan: Plan, rates: Rates | None) -> tuple[Budget, ...]:
    """Return the caps: FLOPs, accelerator-hours (``hardware``) and dollars, training and serving alike.

    Accelerators for a time cover serving only where it runs on the same ones.
    """
    plain = flops_cost(plan)
    found = [] if plan.flops is None else [Budget("flops", plan.flops, cost=plain)]
    gpus, days = plan.hardware.gpus, plan.hardware.days
    if rates is not None and gpus is not None and days is not None and rates.training.hours is not None:
        serving = (rates.serving.hours or 0.0) if rates.is_shared else 0.0
        hours = Cost(plain.training * rates.training.hours, plain.serving * serving)
        found.append(Budget("hardware", gpus * days * DAY_HOURS, cost=hours))
    dollars = _priced(plan, rates)
    if plan.usd is not None and dollars is not None:
        found.append(Budget("usd", plan.usd, cost=dollars))
    return tuple(found)


def hardware_use(plan: Plan, rates: Rates, flops: float, inference_flops: float) -> HardwareUse:
    """Return accelerators, hours, days and dollars of C training FLOPs, and of those of serving.

    Of accelerators and days the one that is given fixes the other: whole accelerators, rounded up.
    """
    hours = None if rates.training.hours is None else flops * rates.training.hours
    gpus, days = plan.hardware.gpus, plan.hardware.days
    if hours is not None and gpus is not None:
        days = hours / gpus / DAY_HOURS
    elif hours is not None and days is not None:
        # a rounding above a whole number is that number
        gpus = math.ceil(float(f"{hours / days / DAY_HOURS:.12g}"))
    served = plan.inference_tokens is not None
    return HardwareUse(
        gpu=rates.training.chip,
        gpus=None if gpus is None else int(gpus),
        gpu_hours=hours,
        days=days,
        usd=None if rates.training.usd is None else flops * rates.training.usd,
        is_serving=served,
        serving_hours=inference_flops * rates.serving.hours if served and rates.serving.hours else None,
        serving_usd=inference_flops * rates.serving.usd if served and rates.serving.usd else None,
    )


def _chip_findings(phase: Phase, chip: Accelerator) -> tuple[Finding, ...]:
    """Say what the peak is, or that none is known, or that one's own stands for that of the table."""
    if phase.peak_tflops is not None:
        return _own_peak(phase, phase.peak_tflops)
    if chip.peak(phase.precision) is None:
        message = (
            f"no dense {phase.precision.upper()} peak of {chip.name} is known, so that its hours are not: "
            "give its peak_tflops in the plan file"
        )
        return (Finding("no-peak", "warning", message),)
    return peak_findings(chip, phase.precision)


def _own_peak(phase: Phase, tflops: float) -> tuple[Finding, ...]:
    """Say where a peak of one's own is another than that of the chip it is given for."""
    try:
        known = find_chip(phase.gpu or "")
    except UsageError:  # a chip of one's own
        return ()
    peak = known.peak(phase.precision)
    if peak is None or math.isclose(peak, tflops * 1e12):
        return ()
    message = (
        f"{known.name} is taken at the given peak_tflops {format_number(tflops)}: its dense "
        f"{phase.precision.upper()} peak is {format_number(peak / 1e12)} TFLOP/s"
    )
    return (Finding("own-peak", "info", message),)


def _mfu_findings(mfu: float, chip: Accelerator, plan: Plan) -> tuple[Finding, ...]:
    """Say what an MFU leaves out, and where it is higher than a chip was seen to reach."""
    example = closest_all_in(chip.name)
    explained, published_mfu = example.share_explained, example.mfu
    assert explained is not None
    assert published_mfu is not None
    message = (
        f"MFU leaves out restarts, evaluation and downtime: at its {format_share(published_mfu)} MFU "
        f"{example.model} comes to {format_count(example.hours_at(published_mfu))} {example.chip} hours, "
        f"published are {format_count(example.hours)}: MFU explains {format_share(explained)} of them"
    )
    findings = [Finding("mfu-excludes-downtime", "info", message)]
    ceiling = most_matmul(chip.name, plan.training.precision)
    if ceiling is not None and mfu > ceiling and plan.training.peak_tflops is None:
        message = (
            f"an MFU of {format_share(mfu)} is more than any single matrix product reaches on {chip.name}, "
            f"{format_share(ceiling)}; {describe_published(chip.name, plan.training.precision)}"
        )
        findings.append(Finding("mfu-above-matmul", "warning", message))
    return tuple(findings)


def _serving_findings(plan: Plan, chip: Accelerator, serving_chip: Accelerator) -> list[Finding]:
    """Say what serving is taken to be, where that was not said."""
    findings = []
    if plan.serving.mfu is None:
        mfu = format_share(plan.training.mfu or 0.0)
        message = (
            f"serving is taken to reach the MFU of training, {mfu}: generation token by token reaches less, "
            "say serving: {mfu: ...} in the plan file"
        )
        findings.append(Finding("serving-as-training", "info", message))
    if chip != serving_chip:
        findings += _chip_findings(_serving_phase(plan), serving_chip)
        if plan.hardware.gpus is not None and plan.hardware.days is not None:
            hours = format_number(plan.hardware.gpus * plan.hardware.days * DAY_HOURS)
            message = (
                f"serving runs on {serving_chip.name}: the {hours} hours of {chip.name} cover training alone"
            )
            findings.append(Finding("serving-elsewhere", "info", message))
    return findings
