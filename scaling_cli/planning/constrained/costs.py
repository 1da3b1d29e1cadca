"""What each limit costs: in loss, in what the plan costs itself, in compute, and at the margin."""

import math
from collections.abc import Callable
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
    of the fewest dollars would trade cheap FLOPs for dear ones. ``cost`` is the share of the plan's own cost,
    of dollars where prices are known and else of FLOPs, that the plan without it saves at the same loss.
    ``shadow_price`` is dL/dlog(limit) at the plan's own cost; ``cost_elasticity`` is dlog(cost)/dlog(limit)
    at the target loss. ``None`` where there is no plan without the limit, or no target.
    """

    name: str
    limit: float
    active: bool
    loss_cost: float | None
    compute_cost: float | None
    shadow_price: float | None
    cost: float | None = None
    cost_elasticity: float | None = None


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
        at_target = None if problem.target is None else 0.0
        return LimitCost(limit.name, limit.value, False, 0.0, 0.0, 0.0, 0.0, at_target)
    loss = problem.surface.loss(N, D)
    best = None if isinstance(limit, Budget) else _without(problem, limit, loss)
    return LimitCost(
        limit.name,
        limit.value,
        True,
        _loss_cost(problem, limit, loss),
        None if best is None else _saved(flops(N, D), flops(*best)),
        _shadow_price(problem, limit, loss, problem.cost(N, D)),
        None if best is None else _saved(problem.cost(N, D), problem.cost(*best)) / problem.cost(N, D),
        None if problem.target is None else _cost_elasticity(problem, limit, problem.cost(N, D)),
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


def _without(problem: Problem, limit: Limit, loss: float) -> tuple[float, float] | None:
    """Return the cheapest (N, D) of the same loss without the limit, whatever the budgets."""
    kept = (one for one in problem.without(limit).limits if not isinstance(one, Budget | TargetLoss))
    return solve_limits(problem.under((*kept, TargetLoss("loss", loss))))


def _saved(spent: float, least: float) -> float:
    """Return what is spent above the least; nothing within a rounding."""
    saved = spent - least
    return saved if abs(saved) > TAKEN * spent else 0.0


def _shadow_price(problem: Problem, limit: Limit, loss: float, cost: float) -> float | None:
    """Return dL/dlog(limit), where a target is reached at the cost that it takes."""
    if problem.target is not None:
        spent = Budget("cost", cost, is_given=True, cost=problem.cost)
        problem = problem.under((*(one for one in problem.limits if not isinstance(one, TargetLoss)), spent))
    return _slope(problem, limit, loss, lambda moved, N, D: moved.surface.loss(N, D))


def _cost_elasticity(problem: Problem, limit: Limit, cost: float) -> float | None:
    """Return dlog(cost)/dlog(limit) at the target loss."""
    return _slope(problem, limit, math.log(cost), lambda moved, N, D: math.log(moved.cost(N, D)))


def _slope(
    problem: Problem, limit: Limit, here: float, told: Callable[[Problem, float, float], float]
) -> float | None:
    """Return d told/d log(limit) by a central difference, or from ``here`` where one side has no plan."""
    ends: list[tuple[float, float]] = []
    for step in (-STEP, STEP):
        moved = problem.at(limit, limit.value * math.exp(step))
        if best := solve_limits(moved):
            ends.append((step, told(moved, *best)))
    if not ends:
        return None
    (low, first), (high, last) = (ends[0], ends[1]) if len(ends) == 2 else (ends[0], (0.0, here))
    return (last - first) / (high - low)
