"""A plan under a law, solved: what it comes to, beside what it would be without its limits."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from scaling_cli.errors import PlanError
from scaling_cli.findings import Finding
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.repeated import for_repeated_data
from scaling_cli.planning.allocation import Allocation, answer
from scaling_cli.planning.constrained.conflicts import find_conflicts, find_ways_out
from scaling_cli.planning.constrained.costs import LimitCost, limit_costs
from scaling_cli.planning.constrained.doubts import plan_findings
from scaling_cli.planning.constrained.ladder import climb
from scaling_cli.planning.constrained.limits import Budget, Cost
from scaling_cli.planning.constrained.money import (
    Rates,
    budgets_of,
    flops_cost,
    hardware_use,
    rates_of,
)
from scaling_cli.planning.constrained.plan import Plan, Sizes
from scaling_cli.planning.constrained.problem import problem_of, with_budget_of_size
from scaling_cli.planning.constrained.solved import Point, SolvedPlan
from scaling_cli.planning.constrained.solver import Problem, solve_limits
from scaling_cli.planning.constrained.wording import BUDGETS, describe_conflict, describe_ways_out
from scaling_cli.planning.question import Question
from scaling_cli.planning.roots import find_root
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K
from scaling_cli.units import format_number

ROUNDING = 1e-12
"""What an optimum wastes by the last digits of its loss."""


def solve_plans(
    cards: Sequence[LawCard],
    plans: Iterable[Plan],
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[SolvedPlan, ...]:
    """Solve every plan under every law, the laws side by side within a plan.

    Raises ``PlanError`` where a single law was asked and none of the plans has a solution.
    """
    solved = []
    for plan in plans:
        for card in cards:
            solved.append(solve_plan(card, plan))
            progress(1)
    first = solved[0]
    if len(cards) == 1 and all(one.allocation.refusal for one in solved):
        assert first.allocation.refusal
        raise PlanError(first.allocation.refusal, hint=first.way_out or None).at(first.allocation.card.name)
    return tuple(solved)


def solve_plan(card: LawCard, plan: Plan) -> SolvedPlan:
    """Return the plan of least loss within its budgets, or of least cost at its target loss.

    A plan that a law cannot answer, or that nothing keeps to, has a finding of severity ``refusal``. Raises
    ``UsageError`` where hardware or money are spoken of and what they come to is not said.
    """
    rates = rates_of(plan)
    if plan.unique_tokens is not None:
        card = for_repeated_data(card)
    refused = _refuse(card, plan)
    if refused is not None:
        return refused
    asked, plan = plan, with_budget_of_size(plan, card.law)
    if not isinstance(card.law, PredictsLoss):
        return _divide(card, plan, rates)
    problem = problem_of(card.law, plan, rates)
    try:
        point = solve_limits(problem)
        if point is None:
            return _conflicting(card, plan, problem)
        if not math.isfinite(flops_cost(plan)(*point)):
            raise OverflowError
        solved = _describe(card, plan, rates, problem, *point, _question(asked, *point))
    except ArithmeticError:  # a power past the largest float, or a division by what is below the least
        message = "the plan leads beyond the range of numbers"
        return _refused(
            card, plan, Finding("out-of-range", "refusal", message), "ask for what a model can have"
        )
    return replace(solved, allocation=_with_intervals(solved, problem))


def _describe(
    card: LawCard,
    plan: Plan,
    rates: Rates | None,
    problem: Problem,
    N: float,
    D: float,
    question: Question,
) -> SolvedPlan:
    """Return everything that follows from the plan's (N, D), which answers ``question``."""
    law = card.law
    assert isinstance(law, PredictsLoss)
    allocation = answer(card, question)
    loss = problem.surface.loss(N, D)
    if problem.surface.repeats(D) and allocation.flops is not None:
        # the question knows fresh data alone: what is repeated costs loss, and no size is as good as any then
        waste = max(0.0, 1 - law.flops_for_loss(loss) / allocation.flops)
        allocation = replace(allocation, loss=loss, waste=waste, flat_range=None)
    if allocation.waste is not None and allocation.waste < ROUNDING:
        allocation = replace(allocation, waste=0.0)
    flops = flops_cost(plan)
    same_loss = _point(law, law.flops_for_loss(loss), flops)
    free = _unconstrained(law, plan, problem, flops, K * N * D)
    costs = limit_costs(problem, N, D, flops)
    kept = _with_what_is_fixed(problem, flops) if _is_clipped(plan, costs) else None
    solved = SolvedPlan(
        plan=plan,
        allocation=allocation,
        inference_flops=flops.serving * N,
        hardware=hardware_use(plan, rates, K * N * D, flops.serving * N) if rates else None,
        unconstrained=kept or free,
        same_loss=same_loss,
        saving=_saving(problem, N, D, same_loss),
        constraints=costs,
        epochs=None if plan.unique_tokens is None else D / plan.unique_tokens,
        ladder=climb(law, free.params, free.tokens) if plan.ladder and free else None,
        is_priced=problem.cost != flops,
        keeps_fixed=kept is not None,
        unspent=_unspent(plan, problem, N, D),
    )
    findings = (*allocation.findings, *(rates.findings if rates else ()), *plan_findings(solved))
    return replace(solved, allocation=replace(allocation, findings=findings))


def _saving(problem: Problem, N: float, D: float, other: Point | None) -> float | None:
    """Return the share of the cost that a plan saves against another."""
    return None if other is None else 1 - problem.cost(N, D) / problem.cost(other.params, other.tokens)


def _is_clipped(plan: Plan, costs: Sequence[LimitCost]) -> bool:
    """Say whether limits keep a plan from what is fixed of it, none of it being served."""
    is_fixed = len(plan.fixed) == 1 and plan.inference_tokens is None
    return is_fixed and any(one.active and one.name not in BUDGETS for one in costs)


def _with_what_is_fixed(problem: Problem, flops: Cost) -> Point | None:
    """Return the plan with the budgets or the target and what is fixed, and none of the limits."""
    held = tuple(limit for limit in problem.limits if limit.is_given or limit.is_budget)
    without = problem.under(held)
    best = solve_limits(without)
    if best is None:
        return None
    return Point(*best, K * best[0] * best[1], flops(*best), without.surface.loss(*best))


def _unspent(plan: Plan, problem: Problem, N: float, D: float) -> float:
    """Return the share left of the budget that comes nearest to binding; none where a target is reached."""
    spent = [limit.amount(N, D, problem.surface) / limit.value for limit in problem.limits if limit.is_budget]
    if not spent or plan.loss is not None or len(plan.fixed) == 2:
        return 0.0
    return max(0.0, 1 - max(spent))


def _question(plan: Plan, N: float, D: float) -> Question:
    """Return the question that the plan answers: a plain one where it is an optimum that nothing limits."""
    shares = {"waste": plan.waste, "interval": plan.interval}
    is_plain = plan.inference_tokens is None and plan.unique_tokens is None and plan.sizes == Sizes()
    if is_plain and not plan.fixed and plan.loss is not None and not plan.has_budget:
        return Question(loss=plan.loss, **shares, findings=plan.findings)
    if is_plain and len(plan.fixed) == 1 and plan.loss is None and not plan.has_budget:
        return Question(params=plan.params, tokens=plan.tokens, **shares, findings=plan.findings)
    if is_plain and not plan.fixed and plan.loss is None:
        # exactly what was given, where FLOPs were
        spent = plan.flops if plan.flops and math.isclose(plan.flops, K * N * D, rel_tol=1e-12) else K * N * D
        return Question(flops=spent, **shares, findings=plan.findings)
    return Question(params=N, tokens=D, **shares, findings=plan.findings)


def _divide(card: LawCard, plan: Plan, rates: Rates | None) -> SolvedPlan:
    """Return the plan of a law that divides a budget and has no loss."""
    budgets = [limit.value / (limit.cost.training / K) for limit in budgets_of(plan, rates)]
    question = Question(
        flops=min(budgets) if budgets else None,
        params=plan.params,
        tokens=plan.tokens,
        tokens_per_param=plan.tokens_per_param,
        waste=plan.waste,
        interval=plan.interval,
        findings=plan.findings,
    )
    allocation = answer(card, question)
    C = allocation.flops
    if C is None or rates is None:
        return SolvedPlan(plan, allocation)
    allocation = replace(allocation, findings=(*allocation.findings, *rates.findings))
    return SolvedPlan(plan, allocation, 0.0, hardware_use(plan, rates, C, 0.0))


def _refuse(card: LawCard, plan: Plan) -> SolvedPlan | None:
    """Refuse what a law cannot answer, whatever the numbers."""
    needs_loss = (
        plan.loss is not None
        or plan.inference_tokens is not None
        or plan.unique_tokens is not None
        or plan.sizes != Sizes()
        or plan.ladder
    )
    if needs_loss and not isinstance(card.law, PredictsLoss):
        message = "this law says nothing of the loss of a size, so that limits cannot be weighed against it"
        way_out = "--law besiroglu2024 has both a loss and an allocation"
        return _refused(card, plan, Finding("law-has-no-loss", "refusal", message), way_out)
    if (plan.epochs or 0) > 1 and not isinstance(card.law, DataConstrainedLaw):
        message = (
            f"{format_number(plan.epochs or 0, 4)} epochs under a law that knows fresh data alone: "
            "what repeated tokens are worth it does not say"
        )
        way_out = "leave epochs out, or ask a law that does: --law muennighoff2023, or a fit of that form"
        return _refused(card, plan, Finding("repeats-data", "refusal", message), way_out)
    return None


def _refused(card: LawCard, plan: Plan, refusal: Finding, way_out: str) -> SolvedPlan:
    known = plan.known or {"flops": 1.0}
    question = Question(**known, waste=plan.waste, interval=plan.interval)  # type: ignore[arg-type]  # names of quantities
    findings = (*plan.findings, *card.findings, refusal)
    return SolvedPlan(plan, Allocation(card=card, question=question, findings=findings), way_out=way_out)


def _conflicting(card: LawCard, plan: Plan, problem: Problem) -> SolvedPlan:
    """Name the smallest sets of limits that contradict each other, and the way out of each."""
    conflicts = find_conflicts(problem)
    E, demand = problem.law.E, plan.inference_tokens
    message = "; ".join(describe_conflict(conflict, E=E, demand=demand) for conflict in conflicts)
    way_out = describe_ways_out(conflicts, find_ways_out(problem, conflicts))
    return _refused(card, plan, Finding("infeasible", "refusal", message), way_out)


def _unconstrained(
    law: PredictsLoss, plan: Plan, problem: Problem, flops: Cost, spent: float
) -> Point | None:
    """Return the training-only optimum of the same target, or within the same budgets.

    With demand for inference it is the largest C on the law's own frontier whose training and serving the
    budgets pay for; a plan without budgets has that of its own FLOPs.
    """
    if plan.loss is not None:
        return _point(law, law.flops_for_loss(plan.loss), flops)
    budgets = [limit for limit in problem.limits if isinstance(limit, Budget)]
    if not budgets:
        return _point(law, spent, flops)
    return _point(law, min(_frontier_within(law, budget) for budget in budgets), flops)


def _frontier_within(law: PredictsLoss, budget: Budget) -> float:
    """Return the C at which N_opt(C) and D_opt(C), with their serving, cost what the budget allows."""
    most = budget.value / (budget.cost.training / K)
    if not budget.cost.serving:
        return most

    def excess(log_C: float) -> float:
        return math.log(budget.cost(*law.optimum(math.exp(log_C))) / budget.value)

    low = high = math.log(most)
    if excess(high) <= 0:  # serving is lost in the rounding of training
        return most
    while excess(low) > 0:
        low -= math.log(10)
    return math.exp(find_root(excess, low, high))


def _point(law: PredictsLoss, C: float, flops: Cost) -> Point | None:
    """Return the training-only optimum of C FLOPs, and what its serving adds; ``None`` beyond any float."""
    if not math.isfinite(C):
        return None
    N, D = law.optimum(C)
    return Point(N, D, C, C + flops.serving * N, law.frontier_loss(C))


def _with_intervals(solved: SolvedPlan, problem: Problem) -> Allocation:
    """Return the allocation with intervals of the plan itself, solved under every draw of the law."""
    allocation = solved.allocation
    if not allocation.card.draws or not allocation.question.is_what_if:
        return allocation
    from scaling_cli.planning.constrained.draws import plan_uncertainty

    return plan_uncertainty(allocation, solved.plan, problem)
