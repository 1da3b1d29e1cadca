"""The solver against a fine grid of (N, D), for random laws and random limits, alone and together."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.constrained.limits import (
    Budget,
    Cost,
    Limit,
    Memory,
    Params,
    Ratio,
    TargetLoss,
    Tokens,
    UniqueTokens,
)
from scaling_cli.planning.constrained.solver import Problem, is_feasible, solve_limits

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-3
"""How near the grid's best must come to the solver's; the solver's may never be worse than the grid's."""

POINTS, ZOOMS, AROUND = 241, 6, 20
"""The grid is laid anew, six times finer, around its best point; along a slanting edge of what is feasible
the best of a coarse grid may lie some cells away from the best there is."""

checked = settings(max_examples=60, derandomize=True, deadline=None)
TERMS = st.floats(0.05, 2.0)
FACTORS = st.floats(-1.0, 1.0).map(lambda x: 10**x)


@st.composite
def drawn_laws(draw: st.DrawFn) -> PredictsLoss:
    """Laws of three forms whose terms are worth 0.05 to 2 nats at 1B params on 20B tokens."""
    E, term_N, term_D = draw(st.floats(0.1, 3)), draw(TERMS), draw(TERMS)
    alpha, beta = draw(st.floats(0.15, 0.8)), draw(st.floats(0.15, 0.8))
    A, B = term_N * 1e9**alpha, term_D * 2e10**beta
    match draw(st.sampled_from(["chinchilla", "data-constrained", "kaplan"])):
        case "chinchilla":
            return ChinchillaLaw(E=E, A=A, B=B, alpha=alpha, beta=beta)
        case "data-constrained":
            R_D_star, R_N_star = draw(st.floats(2, 40)), draw(st.floats(2, 20))
            return DataConstrainedLaw(
                E=E, A=A, B=B, alpha=alpha, beta=beta, R_D_star=R_D_star, R_N_star=R_N_star
            )
        case _:
            alpha_D = draw(st.floats(0.05, 0.3))
            alpha_N = alpha_D * draw(st.floats(0.4, 1.2))
            N_c, D_c = 10 ** draw(st.floats(12, 15)), 10 ** draw(st.floats(12, 14))
            return KaplanLaw(N_c=N_c, D_c=D_c, alpha_N=alpha_N, alpha_D=alpha_D)


SIZES: dict[str, Callable[[float, float, float], Limit]] = {
    "max_params": lambda N, D, factor: Params("max_params", N * factor),
    "min_params": lambda N, D, factor: Params("min_params", N * factor, is_most=False),
    "max_tokens": lambda N, D, factor: Tokens("max_tokens", D * factor),
    "min_tokens": lambda N, D, factor: Tokens("min_tokens", D * factor, is_most=False),
    "max_ratio": lambda N, D, factor: Ratio("max_ratio", D / N * factor),
    "min_ratio": lambda N, D, factor: Ratio("min_ratio", D / N * factor, is_most=False),
    "memory": lambda N, D, factor: Memory("memory", 2 * N * factor, True, False, 2.0, 8192, 2 * 0.1077, 0.65),
    "unique": lambda N, D, factor: UniqueTokens("unique", D * factor / 3),
}
NAMES = ("serving", *SIZES, "dollars")
SETS = [(name,) for name in NAMES] + [
    (one, two) for index, one in enumerate(NAMES) for two in NAMES[index + 1 :]
]


@st.composite
def drawn_problems(draw: st.DrawFn, *, is_target: bool) -> Problem:
    """A problem under one or two limits of size, data, serving or money, near the plain optimum."""
    law, C = draw(drawn_laws()), 10 ** draw(st.floats(19, 26))
    N, D = law.optimum(C)
    assume(1e6 < N < 1e15 and 1e6 < D < 1e17)
    names = draw(st.sampled_from(SETS))
    serving = 2 * D * 10 ** draw(st.floats(-1, 1.5)) if "serving" in names else 0.0
    cost = Cost(6.0, serving)
    limits: list[Limit] = [SIZES[name](N, D, draw(FACTORS)) for name in names if name in SIZES]
    if "dollars" in names:
        # another cap, which charges serving more than training
        dollars = Cost(6e-18, 3 * (serving or 2 * D) * 1e-18)
        limits.append(Budget("usd", dollars(N, D) * draw(FACTORS), cost=dollars))
    if is_target:
        limits.append(TargetLoss("loss", law.loss(N, D)))
    else:
        limits.append(Budget("flops", cost(N, D) * draw(FACTORS), cost=cost))
    return Problem(law, tuple(limits), cost)


def losses(problem: Problem, N: FloatArray, D: FloatArray) -> FloatArray:
    law, U = problem.law, problem.surface.unique
    if U is not None and isinstance(law, DataConstrainedLaw):
        return law.loss(N, D, np.full_like(N, U))
    return law.loss(N, D)


def keeps(problem: Problem, limit: Limit, N: FloatArray, D: FloatArray) -> NDArray[np.bool_]:
    """Say where a limit holds, from what its name says rather than from what the solver uses."""
    match limit:
        case Budget(cost=cost):
            return cost.training * N * D + cost.serving * N <= limit.value
        case Params():
            return limit.value >= N if limit.is_most else limit.value <= N
        case Tokens():
            return limit.value >= D if limit.is_most else limit.value <= D
        case Ratio():
            return limit.value >= D / N if limit.is_most else limit.value <= D / N
        case Memory():
            return limit.value >= 2 * N + 8192 * 2 * 0.1077 * N**0.65
        case TargetLoss():
            return losses(problem, N, D) <= limit.value
        case UniqueTokens():
            return np.ones_like(N, dtype=bool)
    raise AssertionError(limit)


def brute_force(problem: Problem) -> float | None:
    """The least loss, or the least cost at the target, on a grid that is laid ever finer around its best."""
    ends = np.array([[0.0, 45.0], [0.0, 55.0]])
    best = math.inf
    for _ in range(ZOOMS):
        log_N, log_D = (np.linspace(low, high, POINTS) for low, high in ends)
        N, D = (np.exp(grid) for grid in np.meshgrid(log_N, log_D, indexing="ij"))
        is_kept = np.ones_like(N, dtype=bool)
        for limit in problem.limits:
            is_kept &= keeps(problem, limit, N, D)
        goal = losses(problem, N, D)
        if problem.target is not None:
            goal = problem.cost.training * N * D + problem.cost.serving * N
        goal = np.where(is_kept, goal, math.inf)
        row, column = np.unravel_index(np.argmin(goal), goal.shape)
        if not math.isfinite(goal[row, column]):
            return None if math.isinf(best) else best
        best = min(best, float(goal[row, column]))
        width = AROUND * (ends[:, 1] - ends[:, 0]) / (POINTS - 1)
        middle = np.array([log_N[row], log_D[column]])
        ends = np.stack([middle - width, middle + width], axis=1)
    return best


def hold_to_brute_force(problem: Problem) -> None:
    solved, best = solve_limits(problem), brute_force(problem)
    assert is_feasible(problem) == (solved is not None)
    if solved is None:
        event("infeasible")
        assert best is None
        return
    N, D = solved
    for limit in problem.limits:
        amount = limit.amount(N, D, problem.surface)
        if not isinstance(limit, UniqueTokens):
            assert (
                (amount <= limit.value * (1 + 1e-9))
                if limit.is_most
                else (amount >= limit.value * (1 - 1e-9))
            )
    ours = problem.surface.loss(N, D) if problem.target is None else problem.cost(N, D)
    if best is None:  # what is feasible fell between the points of the grid
        event("between the points")
        return
    assert ours <= best * (1 + 1e-9)
    assert best == pytest.approx(ours, rel=TOLERANCE)


@checked
@given(problem=drawn_problems(is_target=False))
def test_the_least_loss_of_a_budget_is_that_of_the_grid(problem: Problem) -> None:
    hold_to_brute_force(problem)


@checked
@given(problem=drawn_problems(is_target=True))
def test_the_least_cost_of_a_loss_is_that_of_the_grid(problem: Problem) -> None:
    hold_to_brute_force(problem)
