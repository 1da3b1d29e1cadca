"""What each limit costs: in loss, in compute, and at the margin."""

import math
from dataclasses import dataclass

from scaling_cli.planning.constrained.limits import Budget, Cost, Limit, TargetLoss, UniqueTokens
from scaling_cli.planning.constrained.solver import Problem, solve_limits

TAKEN = 1e-9
"""An amount this near to its limit takes it up whole."""

STEP = 1e-4
"""Half the difference of log limit over which the shadow price is taken: its error is of the order of the
step's square, and the solver's last digits over the step, 1e-11, are smaller still."""


@dataclass(frozen=True, slots=True)
class LimitCost:
    """What a limit costs a plan.

    ``loss_cost`` is the loss above that of the plan without the limit, ``compute_cost`` the FLOPs, training
    and serving, above those with which the plan without it reaches the same loss: below zero where a plan
    of the fewest dollars would trade cheap FLOPs for dear ones. ``shadow_price`` is dL/dlog(limit) at the
    plan's own cost. ``None`` where there is no plan without the limit.
    """

    name: str
    limit: float
    active: bool
    loss_cost: float | None
    compute_cost: float | None
    shadow_price: float | None


def limit_costs(problem: Problem, N: float, D: float, flops: Cost) -> tuple[LimitCost, ...]:
    """Return what each limit costs the plan (N, D) that solves the problem; ``flops`` counts its compute."""
    limits = [one for one in problem.limits if not (one.is_given or isinstance(one, TargetLoss))]
    return tuple(_cost_of(problem, limit, N, D, flops) for limit in limits)


def is_active(problem: Problem, limit: Limit, N: float, D: float) -> bool:
    """Say whether a plan takes a limit up whole."""
    amount = limit.amount(N, D, problem.surface)
    if isinstance(limit, UniqueTokens):
        return amount > limit.value
    return amount >= limit.value * (1 - TAKEN) if limit.is_most else amount <= limit.value * (1 + TAKEN)


def _cost_of(problem: Problem, limit: Limit, N: float, D: float, flops: Cost) -> LimitCost:
    if not is_active(problem, limit, N, D):
        return LimitCost(limit.name, limit.value, False, 0.0, 0.0, 0.0)
    loss = problem.surface.loss(N, D)
    return LimitCost(
        limit.name,
        limit.value,
        True,
        _loss_cost(problem, limit, loss),
        _compute_cost(problem, limit, loss, flops(N, D), flops),
        _shadow_price(problem, limit, loss, problem.cost(N, D)),
    )


def _loss_cost(problem: Problem, limit: Limit, loss: float) -> float | None:
    """Return how much lower the loss would be without the limit; none at all where a target is reached."""
    if problem.target is not None:
        return 0.0
    without = problem.without(limit)
    if not any(isinstance(other, Budget) for other in without.limits):
        return None
    best = solve_limits(without)
    return None if best is None else max(0.0, loss - without.surface.loss(*best))


def _compute_cost(problem: Problem, limit: Limit, loss: float, spent: float, flops: Cost) -> float | None:
    """Return the FLOPs that the same loss would save without the limit, whatever the budgets."""
    if isinstance(limit, Budget):
        return None
    kept = (one for one in problem.without(limit).limits if not isinstance(one, Budget | TargetLoss))
    best = solve_limits(problem.under((*kept, TargetLoss("loss", loss))))
    if best is None:
        return None
    saved = spent - flops(*best)
    return saved if abs(saved) > TAKEN * spent else 0.0


def _shadow_price(problem: Problem, limit: Limit, loss: float, cost: float) -> float | None:
    """Return dL/dlog(limit), where a target is reached at the cost that it takes."""
    if problem.target is not None:
        spent = Budget("cost", cost, is_given=True, cost=problem.cost)
        problem = problem.under((*(one for one in problem.limits if not isinstance(one, TargetLoss)), spent))
    ends: list[tuple[float, float]] = []
    for step in (-STEP, STEP):
        moved = problem.at(limit, limit.value * math.exp(step))
        if best := solve_limits(moved):
            ends.append((step, moved.surface.loss(*best)))
    if not ends:
        return None
    (low, loss_low), (high, loss_high) = (ends[0], ends[1]) if len(ends) == 2 else (ends[0], (0.0, loss))
    return (loss_high - loss_low) / (high - low)
