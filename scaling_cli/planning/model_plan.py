"""The plan of a model that is given: N is the model's, as each law counts it, and the rest is solved."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from scaling_cli.errors import PlanError, UsageError
from scaling_cli.findings import Finding
from scaling_cli.laws.accounting import count_params
from scaling_cli.laws.architecture import Architecture
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.account import params_as
from scaling_cli.planning.allocation import Allocation
from scaling_cli.planning.constrained.answer import solve_plan
from scaling_cli.planning.constrained.plan import Plan
from scaling_cli.planning.constrained.solved import SolvedPlan
from scaling_cli.planning.question import Question
from scaling_cli.units import format_count

ROUNDED_NAME = 0.01
"""Params this close to the model's count name it: Llama 3.1 405B has 405.85B, Llama 3 8B has 8.03B."""

PlanOfSize = Callable[[float], Plan]
"""What is asked of a model, once its N is known."""


def solve_model_plans(
    cards: Sequence[LawCard],
    shape: Architecture,
    plans: Iterable[PlanOfSize],
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[SolvedPlan, ...]:
    """Solve every plan of one model under every law, each with the N that the law counts.

    Raises ``PlanError`` where a single law was asked and none of the plans has a solution.
    """
    solved = []
    for plan in plans:
        for card in cards:
            N, finding = params_as(card, shape)
            solved.append(
                solve_plan(card, plan(N)) if N is not None else _not_counted(card, shape, finding, plan)
            )
            progress(1)
    first = solved[0]
    if len(cards) == 1 and all(one.allocation.refusal for one in solved):
        assert first.allocation.refusal
        raise PlanError(first.allocation.refusal, hint=first.way_out or None).at(first.allocation.card.name)
    return tuple(solved)


def _not_counted(card: LawCard, shape: Architecture, finding: Finding | None, plan: PlanOfSize) -> SolvedPlan:
    """Refuse a law whose N has no meaning for the model."""
    assert finding is not None
    N = float(count_params(shape).active)
    refusal = replace(finding, severity="refusal")
    allocation = Allocation(card=card, question=Question(params=N), findings=(*card.findings, refusal))
    return SolvedPlan(plan(N), allocation, way_out="--law besiroglu2024 counts every parameter")


def check_same_model(params: float, shape: Architecture) -> None:
    """Raise ``UsageError`` for params that are none of the model's counts, to a hundredth."""
    count = count_params(shape)
    counts = (count.total, count.active, count.non_embedding, count.active_non_embedding)
    if any(math.isclose(params, one, rel_tol=ROUNDED_NAME) for one in counts):
        return
    raise UsageError(
        f"params {format_count(params)} and the model block, which has {format_count(count.total)}, "
        "contradict each other",
        hint="leave params out, or add --shape, which takes the block for a style",
    )
