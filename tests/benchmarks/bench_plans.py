"""A plan under limits beside the same plan by scipy, from one run: python tests/benchmarks/bench_plans.py.

The plain alternative is SLSQP over (log N, log D) with the limits as inequalities, from one start; ours is
the whole of ``solve_limits``. Both are the median of many runs.
"""

import math
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import NonlinearConstraint, minimize

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.constrained.plan import plan_of
from scaling_cli.planning.constrained.problem import problem_of
from scaling_cli.planning.constrained.solver import Problem, solve_limits

FloatArray = NDArray[np.float64]

RUNS = 200
LAW = ChinchillaLaw(**PUBLISHED["besiroglu2024"].law.parameters)
PLANS: dict[str, dict[str, float]] = {
    "5.76e23 FLOPs, 30B params at most": {"flops": 5.76e23, "max_params": 30e9},
    "5.76e23 FLOPs, 1T tokens at most": {"flops": 5.76e23, "max_tokens": 1e12},
    "loss 2.1, 2T tokens served": {"loss": 2.1, "inference_tokens": 2e12},
    "all of these": {"loss": 2.1, "inference_tokens": 2e12, "max_tokens": 6e11, "min_tokens_per_param": 30},
}


def by_scipy(problem: Problem) -> tuple[float, float]:
    """Solve the same problem with SLSQP in logarithms."""

    def point(x: FloatArray) -> tuple[float, float]:
        return math.exp(x[0]), math.exp(x[1])

    def goal(x: FloatArray) -> float:
        N, D = point(x)
        return LAW.loss(N, D) if problem.target is None else math.log(problem.cost(N, D))

    def room(x: FloatArray) -> FloatArray:
        amounts = [limit.amount(*point(x), problem.surface) / limit.value for limit in problem.limits]
        signs = [1.0 if limit.is_most else -1.0 for limit in problem.limits]
        return np.array([-sign * math.log(amount) for sign, amount in zip(signs, amounts, strict=True)])

    start = np.log(LAW.optimum(1e23))
    inside = NonlinearConstraint(room, 0.0, np.inf)
    found = minimize(goal, start, method="SLSQP", constraints=inside, tol=1e-12)
    return point(found.x)


def median_ms(run: Callable[[], object]) -> float:
    """Return the median time of a call in milliseconds."""
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times)


def main() -> None:
    """Print one line per plan."""
    print(f"{'plan':36} {'ours':>9} {'SLSQP':>9} {'ratio':>6}  params, ours and SLSQP")
    for name, known in PLANS.items():
        problem = problem_of(LAW, plan_of(known), None)
        ours, theirs = solve_limits(problem), by_scipy(problem)
        assert ours is not None
        first, second = median_ms(lambda p=problem: solve_limits(p)), median_ms(lambda p=problem: by_scipy(p))  # type: ignore[misc]
        print(
            f"{name:36} {first:6.2f} ms {second:6.2f} ms {second / first:6.1f}  {ours[0]:.6g} {theirs[0]:.6g}"
        )


if __name__ == "__main__":
    main()
