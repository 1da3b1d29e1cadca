"""How sure a limited plan is: the same limits solved under every draw of the law."""

from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.allocation import Allocation
from scaling_cli.planning.constrained.money import flops_cost
from scaling_cli.planning.constrained.plan import Plan
from scaling_cli.planning.constrained.solver import Problem, solve_limits
from scaling_cli.planning.uncertainty import NOISE_SEED, Uncertainty, percentile_interval
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENOUGH = 0.9
"""With fewer of the draws answering, a percentile would be one of those that can."""


def plan_uncertainty(allocation: Allocation, plan: Plan, problem: Problem) -> Allocation:
    """Return the allocation with percentile intervals of the plan, each draw solved under the same limits.

    What the plan wastes, and the regret of its size, are those of its own (N, D) under every draw. Where more
    than one draw in ten has no plan, the intervals of the loss at that (N, D) are kept, and it is said.
    """
    base = allocation.uncertainty
    draws = [draw for draw in allocation.card.draws if isinstance(draw, PredictsLoss)]
    solved = [(again, solve_limits(again)) for again in (replace(problem, law=draw) for draw in draws)]
    answered = [(again, point) for again, point in solved if point is not None]
    if base is None:
        return allocation
    unanswered = len(draws) - len(answered)
    if len(answered) < ENOUGH * len(draws):
        message = (
            f"under {unanswered} of the law's {len(draws)} draws no plan keeps to the limits: the "
            "intervals are of the loss of this plan alone"
        )
        doubt = Finding("no-interval", "warning", message)
        return replace(allocation, findings=(*allocation.findings, doubt))
    values = _values(answered, plan)
    _add_noise(values, allocation)
    asked = {**plan.fixed, **({} if plan.loss is None else {"loss": plan.loss})}
    intervals = {
        name: percentile_interval(sample, plan.interval)
        for name, sample in values.items()
        # what every draw has alike is no interval: the budget, a size at its limit
        if name not in asked and sample.max() - sample.min() > 1e-9 * sample.max()
    }
    # waste and regret are against fresh data: of a plan that repeats them they would say too little
    is_fresh = allocation.tokens is not None and not problem.surface.repeats(allocation.tokens)
    if is_fresh and "waste" in base.intervals:
        intervals["waste"] = base.intervals["waste"]
    sure = Uncertainty(plan.interval, intervals, len(answered), base.regret if is_fresh else None)
    return replace(allocation, uncertainty=sure)


def _values(
    answered: "list[tuple[Problem, tuple[float, float]]]", plan: Plan
) -> "dict[str, NDArray[np.float64]]":
    """Return what the draws say of every quantity, shape (draws,) each."""
    import numpy as np

    N, D = np.array([point for _, point in answered]).T
    losses = np.array([again.surface.loss(*point) for again, point in answered])
    values = {"flops": K * N * D, "params": N, "tokens": D, "tokens_per_param": D / N, "loss": losses}
    serving = flops_cost(plan).serving
    return values | {"total_flops": values["flops"] + serving * N} if serving else values


def _add_noise(values: "dict[str, NDArray[np.float64]]", allocation: Allocation) -> None:
    """Add what one new run would show: a draw's loss and a residual of the fit."""
    import numpy as np

    residuals = allocation.card.residuals
    if residuals:
        drawn = np.random.default_rng(NOISE_SEED).choice(np.array(residuals), len(values["loss"]))
        # a residual is log L_predicted - log L
        values["observed_loss"] = values["loss"] * np.exp(-drawn)
