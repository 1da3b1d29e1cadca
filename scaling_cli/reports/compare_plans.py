"""A comparison of plans as a report, of the schema ``scaling.compare.plans/1``."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from scaling_cli.findings import Finding
from scaling_cli.laws.card import Range
from scaling_cli.planning.compare_plans import RANKED_BY, Field, RankedPlan, fields_of
from scaling_cli.planning.constrained.money import HardwareUse
from scaling_cli.planning.gates import SHARES, Gate
from scaling_cli.reports.constrained import constrained_dict
from scaling_cli.reports.plan import UNKNOWN, show_number
from scaling_cli.reports.report import Cell, Note, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

CHEAPEST = "Cheapest is the plan of the same loss and the same demand that costs least in all."

ALIKE = ("extrapolates", "extrapolates-ratio")
"""Findings that differ from plan to plan by their figures alone."""

TOLD = ("inference-saving",)
"""Findings that the columns of the cheapest plan say already."""

INTERVALS = ("params", "tokens", "loss", "waste")
"""The intervals that a line of CSV holds, low and high."""


def compare_plans_report(plans: Sequence[RankedPlan], gates: Sequence[Gate]) -> Report:
    """Return the report of ``scaling compare plans``: an entry and a row per plan, the best first."""
    sections = [_plans_table(plans)]
    if any(one.solved.inference_flops for one in plans):
        sections.append(_cost_table(plans))
    if any(one.solved.hardware is not None for one in plans):
        sections.append(_hardware_table(plans))
    if gates:
        sections.append(_gates_table(gates))
    return Report(
        schema="scaling.compare.plans/1",
        data={
            "ranked_by": RANKED_BY,
            "plans": [_plan_dict(one) for one in plans],
            "gates": [_gate_dict(gate) for gate in gates],
        },
        sections=tuple(sections),
        rows=[_row(one) for one in plans],
        notes=_notes(plans),
    )


def _plan_dict(one: RankedPlan) -> dict[str, object]:
    """Return one entry of ``plans``: the fields that gates know, nested, and what is no single value."""
    entry = _nested(fields_of(one))
    whole = constrained_dict(one.solved)
    # the flat range of a law's own frontier is that of training alone
    entry["flat_range"] = None if one.solved.inference_flops else whole["flat_range"]
    entry["unconstrained"] = whole["unconstrained"]
    entry["constraints"] = whole["constraints"]
    if intervals := one.intervals:
        level = one.solved.allocation.question.interval
        entry["intervals"] = {"level": level, **{name: list(ends) for name, ends in intervals.items()}}
    return entry | {"findings": whole["findings"]}


def _nested(fields: dict[str, Field]) -> dict[str, Any]:
    """Return dotted names as mappings: ``hardware.usd`` as ``{"hardware": {"usd": ...}}``."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        *parents, last = name.split(".")
        inner = found
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return found


def _gate_dict(gate: Gate) -> dict[str, object]:
    return {"expression": gate.expression, "failed": gate.failed, "met_by": [name for name, _ in gate.met_by]}


def _row(one: RankedPlan) -> dict[str, Cell]:
    """Return one line of CSV, with the same columns for every plan."""
    cells: dict[str, Cell] = {}
    for name, value in fields_of(one).items():
        cells[name.replace(".", "_")] = ("true" if value else "false") if isinstance(value, bool) else value
    for name in INTERVALS:
        low, high = one.intervals.get(name, (None, None))
        cells |= {f"{name}_low": low, f"{name}_high": high}
    cells["binding"] = ";".join(limit.name for limit in one.solved.constraints if limit.active)
    return cells | {"findings": ";".join(finding.id for finding in one.solved.allocation.findings)}


def _plans_table(plans: Sequence[RankedPlan]) -> Table:
    """Return the plans in their order, intervals below each where the law has draws."""
    rows: list[tuple[str, ...]] = []
    for one in plans:
        found = one.solved.allocation
        rows.append(
            (
                UNKNOWN if one.rank is None else str(one.rank),
                one.name,
                show_number(found.params, format_count),
                show_number(found.tokens, format_count),
                show_number(found.tokens_per_param, lambda ratio: format_number(ratio, 4)),
                show_number(found.flops, format_flops),
                show_number(found.loss, lambda loss: f"{loss:.4f}"),
                show_number(one.waste, format_share),
                {None: UNKNOWN, True: "yes", False: "no"}[one.is_in_flat_range],
            )
        )
        if one.intervals:
            rows.append(_interval_cells(one))
    share = format_share(plans[0].solved.plan.waste)
    headings = ("#", "plan", "params", "tokens", "tokens per param", "training FLOPs", "loss", "waste")
    return Table(
        (*headings, f"wastes under {share}"), tuple(rows), is_text=frozenset({1}), caption=_caption(plans)
    )


def _caption(plans: Sequence[RankedPlan]) -> str:
    """Say what waste is a share of, and therefore what the rank means."""
    law = plans[0].solved.allocation.card.name
    if all(one.rank is None for one in plans):
        return f"Under {law}, which says nothing of loss: there is no rank."
    if any(one.solved.inference_flops for one in plans):
        waste = (
            "the share of a plan's cost, training and serving, that the cheapest of its loss and demand saves"
        )
    else:
        waste = "the share of a plan's training compute that the cheapest plan of its loss saves"
    order = "At one cost that is the order of the losses, at one loss that of the costs."
    text = f"Under {law}, ranked by waste: {waste}. {order}"
    if any(one.intervals for one in plans):
        level = format_share(plans[0].solved.allocation.question.interval)
        text += f" Below each plan its {level} intervals."
    return text


def _interval_cells(one: RankedPlan) -> tuple[str, ...]:
    def between(name: str, write: Callable[[float], str]) -> str:
        ends: Range | None = one.intervals.get(name)
        return f"{write(ends[0])}-{write(ends[1])}" if ends else ""

    level = format_share(one.solved.allocation.question.interval)
    return (
        "",
        level,
        between("params", lambda N: format_count(N, 3)),
        between("tokens", lambda D: format_count(D, 3)),
        between("tokens_per_param", lambda ratio: format_number(ratio, 3)),
        between("flops", lambda C: format_flops(C, 3)),
        between("loss", lambda loss: f"{loss:.3f}"),
        _between_shares(one.intervals.get("waste")),
        "",
    )


def _between_shares(ends: Range | None) -> str:
    """Write ``3.1-4.2 %``."""
    if ends is None:
        return ""
    low, high = map(format_share, ends)
    return f"{low.removesuffix(' %')}-{high}"


def _cost_table(plans: Sequence[RankedPlan]) -> Table:
    """Return training and serving in FLOPs, beside the cheapest plan of the same loss and demand."""
    is_priced = any(one.total_usd is not None for one in plans)
    least = "dollars in all" if is_priced else "FLOPs in all"
    headings = ("plan", "served", "serving FLOPs", "FLOPs in all", "cheapest: params", "tokens", least)
    rows = []
    for one in plans:
        solved, best = one.solved, one.cheapest
        own = (best.total_usd if is_priced else best.total_flops) if best else None
        rows.append(
            (
                one.name,
                show_number(solved.plan.inference_tokens, format_count),
                show_number(solved.inference_flops or None, format_flops),
                show_number(solved.total_flops, format_flops),
                show_number(best.params if best else None, format_count),
                show_number(best.tokens if best else None, format_count),
                show_number(own, _dollars if is_priced else format_flops),
            )
        )
    return Table(headings, tuple(rows), caption=CHEAPEST)


def _hardware_table(plans: Sequence[RankedPlan]) -> Table:
    """Return accelerators, hours, days and dollars, as far as they are known of any; of serving too."""
    columns: list[tuple[str, Callable[[RankedPlan, HardwareUse], str]]] = [
        ("accelerator", lambda one, use: use.gpu),
        ("number", lambda one, use: show_number(use.gpus, lambda count: str(int(count)))),
        ("hours", lambda one, use: show_number(use.gpu_hours, format_count)),
        ("days", lambda one, use: show_number(use.days, lambda days: format_number(days, 4))),
        ("dollars to train", lambda one, use: show_number(use.usd, _dollars)),
        ("dollars to serve", lambda one, use: show_number(use.serving_usd, _dollars)),
        ("dollars in all", lambda one, use: show_number(one.total_usd if use.is_serving else None, _dollars)),
    ]
    cells = []
    for one in plans:
        use = one.solved.hardware
        cells.append([write(one, use) if use else UNKNOWN for _, write in columns])
    # what nobody said of any plan has no column
    known = [index for index in range(len(columns)) if any(row[index] != UNKNOWN for row in cells)]
    return Table(
        ("plan", *(columns[index][0] for index in known)),
        tuple((one.name, *(row[index] for index in known)) for one, row in zip(plans, cells, strict=True)),
        is_text=frozenset({0, 1}),
    )


def _dollars(amount: float) -> str:
    return f"${format_count(amount)}"


def _gates_table(gates: Sequence[Gate]) -> Table:
    """Return the gates, whether they hold, and the plans that met those that failed."""
    rows = [
        (gate.expression, "failed" if gate.failed else "passed", ", ".join(name for name, _ in gate.met_by))
        for gate in gates
    ]
    return Table(("fail if", "gate", "met by"), tuple(rows), is_text=frozenset({0, 1, 2}))


def _notes(plans: Sequence[RankedPlan]) -> tuple[Note, ...]:
    """Return every finding once, with the plans it concerns where these are not all.

    Findings that differ from plan to plan by their figures alone are told by the first of them.
    """
    concerned: dict[Finding, list[str]] = {}
    for one in plans:
        for finding in dict.fromkeys(one.solved.allocation.findings):
            if finding.id not in TOLD:
                concerned.setdefault(finding, []).append(one.name)
    alike: dict[object, list[Finding]] = {}
    for finding in concerned:
        key = (finding.id, finding.severity) if finding.id in ALIKE else finding
        alike.setdefault(key, []).append(finding)
    answered = {one.name for one in plans if not one.solved.allocation.refusal}
    notes = []
    for first, *others in alike.values():
        names = concerned[first]
        about = "" if answered <= set(names) else ", ".join(names)
        notes.append(Note(_counted(first, sum(len(concerned[other]) for other in others)), about))
    return tuple(notes)


def _counted(finding: Finding, others: int) -> Finding:
    if not others:
        return finding
    more = "1 more plan" if others == 1 else f"{others} more plans"
    return replace(finding, message=f"{finding.message} (and {more} likewise)")


def refusal_lines(plans: Sequence[RankedPlan]) -> list[str]:
    """Say in one line each which plans were refused, why, and the way out."""
    lines = []
    for one in plans:
        way_out = one.solved.way_out
        if refusal := one.solved.allocation.refusal:
            lines.append(f"{one.name}: {refusal.message}" + (f" ({way_out})" if way_out else ""))
    return lines


def gate_line(gate: Gate) -> str:
    """Say in one line which plans met the condition of a gate, and with what."""
    met = ", ".join(f"{name} ({_write(gate.field, value)})" for name, value in gate.met_by)
    return f"gate {gate.expression!r} failed: {met}"


def _write(field: str, value: Field) -> str:
    """Write a field's value for people, in its unit."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int | float):
        return str(value)
    if field in SHARES:
        return format_share(value)
    if field.endswith("usd"):
        return _dollars(value)
    if field.endswith("flops"):
        return format_flops(value)
    is_count = field.rpartition(".")[2] in ("params", "tokens", "gpu_hours")
    return format_count(value) if is_count else format_number(value, 5)
