"""``scaling optimal --shape``: models that can be built, near the params of each plan."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaling_cli.cli.options import read_option
from scaling_cli.errors import InputError, UsageError
from scaling_cli.units import format_count, format_flops, parse_positive

if TYPE_CHECKING:
    from scaling_cli.files.plan_file import PlanFile
    from scaling_cli.planning.allocation import Allocation
    from scaling_cli.planning.constrained.solved import SolvedPlan
    from scaling_cli.planning.shape_plan import ShapePlan
    from scaling_cli.reports.report import Report


@dataclass(frozen=True, slots=True)
class ShapeRequest:
    """What was asked of shapes: a batch of one's own, and where to write the ``model`` block."""

    batch_tokens: float | None = None
    save: str | None = None


def read_shape_request(shape: bool, batch_tokens: str | None, save: str | None) -> ShapeRequest:
    """Return what ``--shape`` asks for; ``UsageError`` where the others stand alone."""
    if not shape:
        alone = "--save" if batch_tokens is None else "--batch-tokens"
        raise UsageError(f"{alone} needs a model", hint="add --shape, which proposes one")
    batch = None if batch_tokens is None else read_option("--batch-tokens", parse_positive, batch_tokens)
    return ShapeRequest(batch, save)


def shape_allocations(
    report: "Report", allocations: "Sequence[Allocation]", request: ShapeRequest
) -> "Report":
    """Return the report of plain plans with shapes."""
    return _shaped(report, [(one, _resolver(one), None) for one in allocations], request, {}, "")


def shape_solved(
    report: "Report",
    solved: "Sequence[SolvedPlan]",
    request: ShapeRequest,
    file: "PlanFile | None",
) -> "Report":
    """Return the report of plans under limits with shapes, in the style of the ``model`` block."""
    plans = [(one.allocation, _limited_resolver(one), one.plan.sizes.max_params) for one in solved]
    style, place = ({}, "") if file is None else (file.model or {}, file.model_place)
    return _shaped(report, plans, request, style, place)


def _shaped(
    report: "Report",
    plans: "Sequence[tuple[Allocation, Callable[[float], Allocation], float | None]]",
    request: ShapeRequest,
    model: Mapping[str, Any],
    place: str,
) -> "Report":
    from scaling_cli.planning.shape import Style
    from scaling_cli.planning.shape_plan import shape_plan
    from scaling_cli.reports.shape import with_shapes

    try:
        shaped = [
            shape_plan(allocation, Style(model), resolve, most=most, batch_tokens=request.batch_tokens)
            for allocation, resolve, most in plans
        ]
    except UsageError as error:
        raise InputError(f"{place}: model: {error.message}", hint=error.hint) from None
    if request.save is not None:
        _save(request.save, shaped)
    return with_shapes(report, shaped)


def _resolver(plan: "Allocation") -> "Callable[[float], Allocation]":
    """Return what solves a plan for another N at the same FLOPs."""
    from dataclasses import replace

    from scaling_cli.planning.allocation import answer
    from scaling_cli.planning.question import Question

    card = replace(plan.card, draws=())  # the intervals are the plan's, and take a while
    waste = plan.question.waste
    return lambda N: answer(card, Question(flops=plan.flops, params=N, waste=waste))


def _limited_resolver(solved: "SolvedPlan") -> "Callable[[float], Allocation]":
    """Return what solves a plan under its limits for another N at the same training FLOPs."""
    from dataclasses import replace

    from scaling_cli.planning.constrained.answer import solve_plan
    from scaling_cli.planning.constrained.plan import Plan, Sizes

    asked = solved.plan
    limits = Sizes(max_tokens=asked.sizes.max_tokens)
    plan = Plan(
        flops=solved.allocation.flops,
        unique_tokens=asked.unique_tokens,
        epochs=asked.epochs,
        sizes=limits,
    )
    card = replace(solved.allocation.card, draws=())
    return lambda N: solve_plan(card, replace(plan, params=N)).allocation


def _save(path: str, shaped: "Sequence[ShapePlan]") -> None:
    """Write the typical shape of the only plan."""
    from scaling_cli.files.model_block import write_model

    chosen = [one.chosen for one in shaped if one.chosen is not None]
    if len(shaped) > 1:
        raise UsageError(
            f"--save writes one model, and there are {len(shaped)} plans",
            hint="ask for one budget under one law: --law besiroglu2024",
        )
    if not chosen or chosen[0].plan.flops is None:
        raise UsageError("--save has no model to write: no shape fits", hint="leave it out to see why")
    model = chosen[0]
    comment = (
        f"{format_count(model.count.total)} params, proposed by scaling optimal --shape for "
        f"{format_flops(model.plan.flops or 0)} FLOPs under {model.plan.card.name}"
    )
    write_model(path, model.shape, comment)
