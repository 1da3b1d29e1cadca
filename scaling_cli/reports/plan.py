"""Allocations as a report: the answer of ``scaling optimal`` and the targets of a fit."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.planning.allocation import Allocation
from scaling_cli.reports.report import Cell, Note, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

if TYPE_CHECKING:
    from scaling_cli.planning.uncertainty import Uncertainty

UNKNOWN = "-"

INTERVALS = ("params", "tokens", "tokens_per_param", "loss", "observed_loss")
"""The intervals that a line of CSV holds, low and high."""


def plan_report(allocations: Sequence[Allocation]) -> Report:
    """Return the report of ``scaling optimal``: one row per law and question."""
    return Report(
        schema="scaling.optimal/1",
        data={"results": [result_dict(allocation) for allocation in allocations]},
        sections=(plan_table(allocations),),
        rows=[result_row(allocation) for allocation in allocations],
        notes=plan_notes(allocations),
    )


def result_dict(allocation: Allocation) -> dict[str, object]:
    """Return one entry of ``results`` or ``optima``: counts, FLOPs, nats per token; unknown is null."""
    flat = allocation.flat_range
    result: dict[str, object] = {
        "law": allocation.card.name,
        "flops": allocation.flops,
        "params": allocation.params,
        "tokens": allocation.tokens,
        "tokens_per_param": allocation.tokens_per_param,
        "loss": allocation.loss,
        "flat_range": None if flat is None else {"waste": flat.waste, "params": [flat.low, flat.high]},
    }
    if allocation.question.is_what_if:
        result["waste"] = allocation.waste
    if allocation.extrapolation is not None:
        result["extrapolation"] = allocation.extrapolation
    if allocation.uncertainty is not None:
        result |= _uncertainty_dict(allocation.uncertainty)
    result["findings"] = [finding.as_dict() for finding in allocation.findings]
    return result


def _uncertainty_dict(sure: "Uncertainty") -> dict[str, object]:
    """Return ``intervals`` (their level, and [low, high] by name) and ``regret``."""
    regret = sure.regret and {
        "expected": sure.regret.expected,
        "p90": sure.regret.p90,
        "params": list(sure.regret.params) if sure.regret.params else None,
    }
    intervals = {name: list(ends) for name, ends in sure.intervals.items()}
    return {"intervals": {"level": sure.level, **intervals}, "regret": regret}


def result_row(allocation: Allocation) -> dict[str, Cell]:
    """Return one line of CSV, with the same columns for every question."""
    flat, sure = allocation.flat_range, allocation.uncertainty
    ends = {
        f"{name}_{end}": sure.intervals[name][index] if sure and name in sure.intervals else None
        for name in INTERVALS
        for index, end in enumerate(("low", "high"))
    }
    return {
        "law": allocation.card.name,
        "flops": allocation.flops,
        "params": allocation.params,
        "tokens": allocation.tokens,
        "tokens_per_param": allocation.tokens_per_param,
        "loss": allocation.loss,
        "waste": allocation.waste,
        "flat_range_waste": None if flat is None else flat.waste,
        "flat_range_params_low": None if flat is None else flat.low,
        "flat_range_params_high": None if flat is None else flat.high,
        "interval": sure.level if sure else None,
        **ends,
        "findings": ";".join(finding.id for finding in allocation.findings),
    }


def plan_table(allocations: Sequence[Allocation], *, with_law: bool = True) -> Table:
    """Return the table people read; the waste column stands where a what-if was asked."""
    has_waste = any(allocation.question.is_what_if for allocation in allocations)
    share = format_share(allocations[0].question.waste)
    headings = ["FLOPs", "params", "tokens", "tokens per param", "loss"]
    headings += ["waste"] if has_waste else []
    headings += [f"params wasting under {share}"]
    rows: list[tuple[str, ...]] = []
    groups: set[int] = set()
    for index, plan in enumerate(allocations):
        if index and plan.question != allocations[index - 1].question:
            groups.add(len(rows))
        cells = [
            show_number(plan.flops, format_flops),
            show_number(plan.params, format_count),
            show_number(plan.tokens, format_count),
            show_number(plan.tokens_per_param, lambda ratio: format_number(ratio, 4)),
            show_number(plan.loss, lambda loss: f"{loss:.4f}"),
        ]
        cells += [show_number(plan.waste, format_share)] if has_waste else []
        flat = plan.flat_range
        cells += [f"{format_count(flat.low)}-{format_count(flat.high)}" if flat else UNKNOWN]
        rows.append((plan.card.name, *cells) if with_law else tuple(cells))
        if plan.uncertainty is not None:
            sure = _interval_cells(plan.uncertainty, has_waste=has_waste)
            rows.append(("", *sure) if with_law else tuple(sure))
    # a rule between questions helps where several laws answer each
    several_laws = len({plan.card.name for plan in allocations}) > 1
    return Table(
        headings=("law", *headings) if with_law else tuple(headings),
        rows=tuple(rows),
        is_text=frozenset({0} if with_law else set()),
        groups=frozenset(groups if several_laws else ()),
        caption=_caption(allocations),
    )


def _caption(allocations: Sequence[Allocation]) -> str:
    """Say what the second line of a plan holds, where there is one."""
    sure = next((plan.uncertainty for plan in allocations if plan.uncertainty), None)
    if sure is None:
        return ""
    level, waste = format_share(sure.level), format_share(allocations[0].question.waste)
    said = f"Below each plan its {level} intervals"
    if not any(plan.uncertainty and plan.uncertainty.regret for plan in allocations):
        return f"{said}."
    return f"{said}, and the sizes that waste under {waste} whichever of {level} of the law's draws is true."


def _interval_cells(sure: "Uncertainty", *, has_waste: bool) -> list[str]:
    """Return the row below a plan: its intervals, and the sizes without regret under the flat range."""

    def between(name: str, write: Callable[[float], str]) -> str:
        ends = sure.intervals.get(name)
        return f"{write(ends[0])}-{write(ends[1])}" if ends else ""

    flops = between("flops", lambda C: format_flops(C, 3))
    cells = [
        flops or format_share(sure.level),
        between("params", lambda N: format_count(N, 3)),
        between("tokens", lambda D: format_count(D, 3)),
        between("tokens_per_param", lambda ratio: format_number(ratio, 3)),
        between("loss", lambda loss: f"{loss:.3f}"),
    ]
    waste = [between("waste", format_share)] if has_waste else []
    return [*cells, *waste, _without_regret(sure)]


def _without_regret(sure: "Uncertainty") -> str:
    """Return the sizes that waste as little under nearly every draw, where there are any."""
    if sure.regret is None:
        return ""
    ends = sure.regret.params
    return f"{format_count(ends[0], 3)}-{format_count(ends[1], 3)}" if ends else "none"


def plan_notes(allocations: Sequence[Allocation]) -> tuple[Note, ...]:
    """Return every finding once, with the laws it concerns, in the order of the rows.

    Findings of one kind that differ from row to row, as along a sweep, are told by the last of them.
    """
    concerned: dict[Finding, dict[str, None]] = {}
    for plan in allocations:
        for finding in plan.findings:
            concerned.setdefault(finding, {})[plan.card.name] = None
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for finding, laws in concerned.items():
        alike.setdefault((finding.id, finding.severity, ", ".join(laws)), []).append(finding)
    several_laws = len({plan.card.name for plan in allocations}) > 1
    notes = tuple(
        Note(_summed_up(findings), laws if several_laws else "") for (_, _, laws), findings in alike.items()
    )
    return (*notes, *_different_losses(allocations))


def _different_losses(allocations: Sequence[Allocation]) -> tuple[Note, ...]:
    """Say where the losses side by side come from different data, and therefore do not compare."""
    cards = {plan.card.name: plan.card for plan in allocations if plan.loss is not None}
    if len({(card.dataset, card.loss_unit) for card in cards.values()}) < 2:
        return ()
    message = "the laws' losses are of different data and tokenizers: compare sizes and shares, not losses"
    return (Note(Finding("different-losses", "info", message)),)


def _summed_up(findings: list[Finding]) -> Finding:
    """Return one finding for several of a kind."""
    last = findings[-1]
    if len(findings) == 1:
        return last
    return replace(last, message=f"{last.message} (and {len(findings) - 1} more rows likewise)")


def show_number(value: float | None, write: Callable[[float], str]) -> str:
    """Write a number, or that it is unknown."""
    return UNKNOWN if value is None else write(value)
