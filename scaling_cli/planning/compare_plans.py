"""Plans side by side: what each comes to, what it wastes, and which wastes least."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scaling_cli.errors import PlanError
from scaling_cli.laws.card import LawCard, Range
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.constrained.answer import solve_plan
from scaling_cli.planning.constrained.draws import ENOUGH
from scaling_cli.planning.constrained.limits import Cost, Limit, TargetLoss
from scaling_cli.planning.constrained.money import flops_cost, goal_cost, rates_of
from scaling_cli.planning.constrained.plan import Plan
from scaling_cli.planning.constrained.problem import problem_of
from scaling_cli.planning.constrained.solved import SolvedPlan
from scaling_cli.planning.constrained.solver import Problem, solve_limits

RANKED_BY = "waste"

ROUNDING = 1e-9
"""A waste below this is the solver's last digits, by which no plan is better than another."""

Field = float | str | bool | None
"""One value of a plan; ``None`` where the law, or what the plan says, does not tell it."""


@dataclass(frozen=True, slots=True)
class Cheapest:
    """The (N, D) of least cost with the loss of a plan, its demand and its data; its FLOPs and dollars."""

    params: float
    tokens: float
    flops: float
    total_flops: float
    total_usd: float | None


@dataclass(frozen=True, slots=True)
class RankedPlan:
    """A plan among others: ``waste`` is the share of its cost that ``cheapest`` saves, training and serving.

    The cost is dollars where both phases have a price, else FLOPs. ``rank`` counts from 1, the least waste;
    where the law cannot tell, all three are ``None``. ``waste_interval`` is of a law with draws.
    """

    solved: SolvedPlan
    rank: int | None = None
    waste: float | None = None
    cheapest: Cheapest | None = None
    waste_interval: Range | None = None

    @property
    def name(self) -> str:
        """What the plan is called."""
        return self.solved.plan.name

    @property
    def is_in_flat_range(self) -> bool | None:
        """Whether the plan wastes no more than the flat range of its cost may."""
        return None if self.waste is None else self.waste <= self.solved.plan.waste

    @property
    def total_usd(self) -> float | None:
        """Dollars of training, and of serving where there is demand."""
        use = self.solved.hardware
        if use is None or use.usd is None or (use.is_serving and use.serving_usd is None):
            return None
        return use.usd + (use.serving_usd or 0.0)

    @property
    def intervals(self) -> dict[str, Range]:
        """Percentile intervals by name, where the law has draws."""
        sure = self.solved.allocation.uncertainty
        found = (
            {} if sure is None else {name: ends for name, ends in sure.intervals.items() if name != "waste"}
        )
        return found if self.waste_interval is None else {**found, "waste": self.waste_interval}


def compare_plans(
    card: LawCard, plans: Sequence[Plan], progress: Callable[[int], None] = lambda done: None
) -> tuple[RankedPlan, ...]:
    """Solve plans under a law and rank them by the share of their cost that they waste, the least first.

    At one cost that is the order of their losses, at one loss that of their costs. What wastes as little
    is ranked by its loss; what the law cannot judge comes last, without a rank. Raises ``PlanError`` where
    none of the plans has a solution. ``progress`` is told of every plan done.
    """
    judged = []
    for plan in plans:
        judged.append(_judge(solve_plan(card, plan)))
        progress(1)
    first = judged[0].solved
    if first.allocation.refusal and all(one.solved.allocation.refusal for one in judged):
        error = PlanError(first.allocation.refusal, hint=first.way_out or None)
        raise error.at(f"{card.name}: {first.plan.name}")
    ranked = sorted((one for one in judged if one.waste is not None), key=_order)
    unranked = [one for one in judged if one.waste is None]
    return (*(replace(one, rank=index) for index, one in enumerate(ranked, 1)), *unranked)


def _order(one: RankedPlan) -> tuple[float, float]:
    """Return what plans are sorted by: alike to the solver's last digits, they stay in the file's order."""
    return float(f"{one.waste or 0.0:.9g}"), float(f"{one.solved.allocation.loss or 0.0:.9g}")


def _judge(solved: SolvedPlan) -> RankedPlan:
    """Return what a plan wastes; nothing where the law refused it or predicts no loss."""
    found, law, plan = solved.allocation, solved.allocation.card.law, solved.plan
    if found.refusal or found.params is None or found.tokens is None or not isinstance(law, PredictsLoss):
        return RankedPlan(solved)
    flops, cost = flops_cost(plan), goal_cost(plan, rates_of(plan))
    best = _cheaper(plan, law, cost, found.params, found.tokens)
    if best is None:
        return RankedPlan(solved)
    N, D = best
    usd = None if cost == flops else cost(N, D)
    return RankedPlan(
        solved,
        waste=_share_saved(cost, (found.params, found.tokens), best),
        cheapest=Cheapest(N, D, flops.training * N * D, flops(N, D), usd),
        waste_interval=_waste_interval(solved, cost),
    )


def cheapest_at(plan: Plan, law: PredictsLoss, cost: Cost, loss: float) -> tuple[float, float] | None:
    """Return the (N, D) of least cost at a loss, with the demand that is in ``cost`` and the plan's data.

    No other limit of the plan is kept. ``None`` where no (N, D) reaches the loss.
    """
    data = _data(plan, law)
    if not data and not cost.serving:  # training alone: the frontier of the law itself
        C = law.flops_for_loss(loss)
        return law.optimum(C) if math.isfinite(C) else None
    return solve_limits(Problem(law, (*data, TargetLoss("loss", loss, is_given=True)), cost))


def _data(plan: Plan, law: PredictsLoss) -> tuple[Limit, ...]:
    """Return the limits that the data set, which no plan is free to choose."""
    return tuple(one for one in problem_of(law, plan, None).limits if one.name in ("unique_tokens", "epochs"))


def _cheaper(plan: Plan, law: PredictsLoss, cost: Cost, N: float, D: float) -> tuple[float, float] | None:
    """Return the (N, D) of least cost with the loss of N params on D tokens."""
    return cheapest_at(plan, law, cost, Problem(law, _data(plan, law), cost).surface.loss(N, D))


def _share_saved(cost: Cost, own: tuple[float, float], best: tuple[float, float]) -> float:
    """Return 1 - cost(best)/cost(own)."""
    saved = 1 - cost(*best) / cost(*own)
    return saved if saved > ROUNDING else 0.0


def _waste_interval(solved: SolvedPlan, cost: Cost) -> Range | None:
    """Return the interval of what the plan's own (N, D) wastes, whichever draw of the law is true."""
    found = solved.allocation
    if not found.card.draws or found.params is None or found.tokens is None:
        return None
    from scaling_cli.planning.uncertainty import percentile_interval

    own = found.params, found.tokens
    draws = [draw for draw in found.card.draws if isinstance(draw, PredictsLoss)]
    answers = (_cheaper(solved.plan, draw, cost, *own) for draw in draws)
    wastes = [_share_saved(cost, own, best) for best in answers if best is not None]
    if not wastes or len(wastes) < ENOUGH * len(draws):
        return None
    return percentile_interval(wastes, found.question.interval)


def fields_of(one: RankedPlan) -> dict[str, Field]:
    """Return every single value that is told of a plan, by the dotted name that it has in JSON.

    The same names for every plan: counts, FLOPs, nats per token, hours, dollars.
    """
    found, use, best = one.solved.allocation, one.solved.hardware, one.cheapest
    return {
        "name": one.name,
        "rank": one.rank,
        "law": found.card.name,
        "params": found.params,
        "tokens": found.tokens,
        "tokens_per_param": found.tokens_per_param,
        "flops": found.flops,
        "inference_flops": one.solved.inference_flops,
        "total_flops": one.solved.total_flops,
        "total_usd": one.total_usd,
        "loss": found.loss,
        "waste": one.waste,
        "in_flat_range": one.is_in_flat_range,
        "epochs": one.solved.epochs,
        "extrapolation": found.extrapolation,
        "hardware.gpu": use.gpu if use else None,
        "hardware.gpus": use.gpus if use else None,
        "hardware.gpu_hours": use.gpu_hours if use else None,
        "hardware.days": use.days if use else None,
        "hardware.usd": use.usd if use else None,
        "hardware.serving.gpu_hours": use.serving_hours if use else None,
        "hardware.serving.usd": use.serving_usd if use else None,
        "cheapest.params": best.params if best else None,
        "cheapest.tokens": best.tokens if best else None,
        "cheapest.flops": best.flops if best else None,
        "cheapest.total_flops": best.total_flops if best else None,
        "cheapest.total_usd": best.total_usd if best else None,
    }
