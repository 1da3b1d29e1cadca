"""Plans under limits as a report: the answer of ``scaling optimal`` with hardware, money, data or sizes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from scaling_cli.planning.constrained.costs import LimitCost
from scaling_cli.planning.constrained.ladder import Ladder, Rung
from scaling_cli.planning.constrained.money import HardwareUse
from scaling_cli.planning.constrained.solved import Point, SolvedPlan
from scaling_cli.planning.constrained.wording import BUDGETS, format_limit, limit_words
from scaling_cli.reports.plan import UNKNOWN, plan_notes, plan_table, result_dict, result_row, show_number
from scaling_cli.reports.report import Cell, Record, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

LIMITS_CAPTION = (
    "What each limit that binds costs: the loss above that of the plan without it, the share of the compute "
    "that the same loss would save without it, and the slope of the loss at the margin."
)
PRICED_CAPTION = LIMITS_CAPTION.replace("compute", "dollars")
TARGET_CAPTION = (
    "What each limit that binds costs: the share of the {0} that the same loss would save without it, and "
    "the change of the {0} at the margin, in percent for one percent of the limit."
)
LADDER_CAPTION = (
    "Every size reaches the loss of the optimum. Serving more tokens than pays beyond, it costs less in all "
    "than the optimum does; at the demand under best at it costs less than any other size."
)


def constrained_report(solved: Sequence[SolvedPlan]) -> Report:
    """Return the report of ``scaling optimal`` under limits: its schema, with more of each result."""
    allocations = [one.allocation for one in solved]
    sections: list[Table | Record] = [replace(plan_table(allocations), groups=_groups(solved))]
    for one in solved:
        sections += _sections(one, is_alone=len(solved) == 1, is_last=one is solved[-1])
    return Report(
        schema="scaling.optimal/1",
        data={"results": [constrained_dict(one) for one in solved]},
        sections=tuple(sections),
        rows=[_row(one) for one in solved],
        notes=plan_notes(allocations),
    )


def _groups(solved: Sequence[SolvedPlan]) -> frozenset[int]:
    """Return the rows that begin a new plan, where several laws answer each; intervals have rows too."""
    if len({one.allocation.card.name for one in solved}) < 2:
        return frozenset()
    begun, row = set(), 0
    for before, one in pairwise([None, *solved]):
        assert one is not None
        # under the first law again; the plans of one question differ where laws count a model's params
        if before is not None and one.allocation.card.name == solved[0].allocation.card.name:
            begun.add(row)
        row += 1 if one.allocation.uncertainty is None else 2
    return frozenset(begun)


def constrained_dict(solved: SolvedPlan) -> dict[str, object]:
    """Return one entry of ``results``: that of the allocation, and what the limits add to it."""
    result = result_dict(solved.allocation)
    findings = result.pop("findings")
    hardware, free, ladder = solved.hardware, solved.unconstrained, solved.ladder
    result |= {
        "inference_flops": solved.inference_flops,
        "total_flops": solved.total_flops,
        "hardware": None if hardware is None else _hardware_dict(hardware),
        "unconstrained": None if free is None else _point_dict(free),
        "constraints": [_constraint_dict(one) for one in solved.constraints],
        "saving": solved.saving if solved.inference_flops else None,
        "epochs": solved.epochs,
        "ladder": None if ladder is None else [_rung_dict(rung) for rung in ladder.rungs],
    }
    if ladder is not None:
        result["ladder_least_ratio"] = ladder.least_ratio
    return result | {"findings": findings}


def _hardware_dict(use: HardwareUse) -> dict[str, object]:
    """Return what training takes, and beside it what serving does where there is demand."""
    taken: dict[str, object] = {
        "gpu": use.gpu,
        "gpus": use.gpus,
        "gpu_hours": use.gpu_hours,
        "days": use.days,
        "usd": use.usd,
    }
    if use.is_serving:
        taken["serving"] = {"gpu_hours": use.serving_hours, "usd": use.serving_usd}
    return taken


def _point_dict(point: Point) -> dict[str, object]:
    return {
        "params": point.params,
        "tokens": point.tokens,
        "flops": point.flops,
        "loss": point.loss,
        "total_flops": point.total_flops,
    }


def _constraint_dict(cost: LimitCost) -> dict[str, object]:
    return {
        "name": cost.name,
        "limit": cost.limit,
        "active": cost.active,
        "loss_cost": cost.loss_cost,
        "compute_cost": cost.compute_cost,
        "shadow_price": cost.shadow_price,
        "cost": cost.cost,
        "cost_elasticity": cost.cost_elasticity,
    }


def _rung_dict(rung: Rung) -> dict[str, object]:
    return {
        "ratio": rung.ratio,
        "params": rung.params,
        "tokens": rung.tokens,
        "flops": rung.flops,
        "tokens_ratio": rung.tokens_ratio,
        "flops_ratio": rung.flops_ratio,
        "inference_saving": rung.inference_saving,
        "break_even_tokens": rung.break_even_tokens,
        "right_for_tokens": rung.right_for_tokens,
    }


def _row(solved: SolvedPlan) -> dict[str, Cell]:
    """Return one line of CSV, with the same columns for every plan under limits."""
    row = result_row(solved.allocation)
    findings = row.pop("findings")
    use, free = solved.hardware, solved.unconstrained
    added: dict[str, Cell] = {
        "inference_flops": solved.inference_flops,
        "total_flops": solved.total_flops,
        "gpu": use.gpu if use else None,
        "gpus": use.gpus if use else None,
        "gpu_hours": use.gpu_hours if use else None,
        "days": use.days if use else None,
        "usd": use.usd if use else None,
        "serving_gpu_hours": use.serving_hours if use else None,
        "serving_usd": use.serving_usd if use else None,
        "unconstrained_params": free.params if free else None,
        "unconstrained_tokens": free.tokens if free else None,
        "unconstrained_flops": free.flops if free else None,
        "unconstrained_loss": free.loss if free else None,
        "unconstrained_total_flops": free.total_flops if free else None,
        "binding": ";".join(one.name for one in solved.constraints if one.active),
        "epochs": solved.epochs,
        "findings": findings,
    }
    return row | added


def _sections(solved: SolvedPlan, *, is_alone: bool, is_last: bool) -> list[Table | Record]:
    """Return what a person reads of one plan below the table of all; captions stand below the last."""
    if solved.allocation.refusal:
        return []
    found: list[Table | Record] = []
    if not is_alone:
        C = show_number(solved.allocation.flops, format_flops)
        found.append(Record(f"{solved.allocation.card.name}, {C} FLOPs", ()))
    if solved.unconstrained is not None and solved.allocation.question.is_what_if:
        found.append(_beside(solved, solved.unconstrained))
    if solved.hardware is not None:
        found.append(_hardware_record(solved.hardware))
    if any(one.name not in BUDGETS for one in solved.constraints) or len(solved.constraints) > 1:
        found.append(_limits_table(solved, _limits_caption(solved) if is_last else ""))
    if solved.ladder is not None:
        found.append(_ladder_table(solved.ladder, LADDER_CAPTION if is_last else ""))
    return found


def _beside(solved: SolvedPlan, free: Point) -> Table:
    """Return the plan beside the training-only optimum, with what serving takes where there is demand."""
    plan = solved.allocation
    serves = bool(solved.inference_flops)
    headings = ["", "params", "tokens", "training FLOPs"]
    headings += ["serving FLOPs", "FLOPs in all"] if serves else []
    own = (plan.params, plan.tokens, plan.flops, solved.total_flops, plan.loss)
    other = (free.params, free.tokens, free.flops, free.total_flops, free.loss)
    rows = []
    without = _name_of_free(solved)
    for name, (N, D, C, total, loss) in (("this plan", own), (without, other)):
        cells = [
            name,
            show_number(N, format_count),
            show_number(D, format_count),
            show_number(C, format_flops),
        ]
        if serves and total is not None and C is not None:
            cells += [format_flops(total - C), format_flops(total)]
        rows.append((*cells, show_number(loss, lambda L: f"{L:.4f}")))
    headings.append("loss")
    if solved.epochs is not None:
        headings.append("epochs")
        unique = solved.plan.unique_tokens or 1.0
        rows = [
            (*row, format_number(epochs, 4))
            for row, epochs in zip(rows, (solved.epochs, free.tokens / unique), strict=True)
        ]
    return Table(tuple(headings), tuple(rows))


def _name_of_free(solved: SolvedPlan) -> str:
    """Say what the plan stands beside: what limits leave out, or the optimum of training alone."""
    if solved.inference_flops:
        return f"training-only, same {'loss' if solved.plan.loss is not None else 'budget'}"
    return "optimum" if solved.plan.fixed and not solved.keeps_fixed else "without limits"


def _hardware_record(use: HardwareUse) -> Record:
    """Return accelerators, hours, days and dollars."""
    fields = [
        ("accelerator", use.gpu),
        ("accelerator-hours", _with_serving(use.gpu_hours, use.serving_hours)),
    ]
    if use.gpus is not None:
        fields.append(("accelerators", str(use.gpus)))
    if use.days is not None:
        fields.append(("days", format_number(use.days, 4)))
    if use.usd is not None:
        fields.append(("dollars", _with_serving(use.usd, use.serving_usd, "$")))
    return Record("Hardware", tuple(fields))


def _with_serving(training: float | None, serving: float | None, unit: str = "") -> str:
    """Write an amount of training, and that of serving beside it."""
    if training is None:
        return UNKNOWN
    if serving is None:
        return f"{unit}{format_count(training)}"
    parts = (training, serving, training + serving)
    first, second, both = (f"{unit}{format_count(part)}" for part in parts)
    return f"{first} to train, {second} to serve: {both}"


def _limits_caption(solved: SolvedPlan) -> str:
    """Return what the columns of the limits mean, in what the plan's cost is counted."""
    if solved.plan.loss is not None:
        return TARGET_CAPTION.format("dollars" if solved.is_priced else "compute")
    return PRICED_CAPTION if solved.is_priced else LIMITS_CAPTION


def _limits_table(solved: SolvedPlan, caption: str) -> Table:
    """Return the limits, whether they bind, and what they cost."""
    is_target = solved.plan.loss is not None
    rows = []
    for one in solved.constraints:
        slope = one.cost_elasticity if is_target else one.shadow_price
        costs = [
            show_number(one.cost, format_share),
            show_number(slope, lambda price: format_number(price, 3)),
        ]
        if not is_target:
            costs.insert(0, show_number(one.loss_cost, lambda cost: f"{cost:.4f}"))
        name = {"flops": "compute", "hardware": "hardware", "usd": "dollars"}.get(
            one.name, limit_words(one.name)
        )
        binds = ("yes", *costs) if one.active else ("no", *[""] * len(costs))
        rows.append((name, format_limit(one.name, one.limit), *binds))
    cost = "dollar cost" if solved.is_priced else "compute cost"
    shown = (cost, "dlog cost/dlog limit") if is_target else ("loss cost", cost, "dL/dlog limit")
    headings = ("limit", "at", "binds", *shown)
    has_costs = any(one.active for one in solved.constraints)
    return Table(headings, tuple(rows), caption=caption if has_costs else "")


def _ladder_table(ladder: Ladder, caption: str) -> Table:
    """Return the sizes at the loss of the optimum."""
    headings = (
        *("size", "params", "tokens", "x tokens", "training FLOPs", "x FLOPs"),
        *("saved per token", "pays beyond", "best at"),
    )
    return Table(headings, tuple(_rung_cells(rung) for rung in ladder.rungs), caption=caption)


def _rung_cells(rung: Rung) -> tuple[str, ...]:
    size = f"{format_number(rung.ratio)}x"
    if rung.tokens is None:
        return (size, format_count(rung.params), "unreachable", *[UNKNOWN] * 6)
    return (
        size,
        format_count(rung.params),
        show_number(rung.tokens, format_count),
        show_number(rung.tokens_ratio, lambda ratio: format_number(ratio, 4)),
        show_number(rung.flops, format_flops),
        show_number(rung.flops_ratio, lambda ratio: format_number(ratio, 4)),
        show_number(rung.inference_saving, format_share),
        show_number(rung.break_even_tokens, format_count),
        show_number(rung.right_for_tokens, format_count),
    )
