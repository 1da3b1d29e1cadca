"""One fit to the global optimum beside the textbook way: L-BFGS-B from a grid of starts.

Run by hand: ``python tests/benchmarks/bench_fit.py [RUNS.csv]``; of a table that is given the five highest
losses are left out, which makes the 240 runs of Besiroglu et al. (2024) of the 245 digitised ones. The
textbook grid has 4,500 starts (Hoffmann et al. 2022, App. D.2); a random ``SAMPLE`` of them is run and the
time scaled up, which is said. Both sides see the same runs in the same process.
"""

import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import huber, logsumexp

from scaling_cli.files.run_table import read_runs
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.runs import Runs

RUNS = Path(__file__).parents[2] / "sample_runs" / "simulated_isoflop.csv"
SAMPLE = 60
FITS = 300
DROPPED = 5


def textbook_fit(runs: Runs, start: tuple[float, ...]) -> float:
    """Return the objective that scipy's L-BFGS-B reaches from one start, as the notebooks do it."""
    log_N, log_D, log_L = np.log(runs.params), np.log(runs.tokens), np.log(runs.loss)

    def value(theta: Any) -> float:
        a, b, e, alpha, beta = theta
        terms = [a - alpha * log_N, b - beta * log_D, np.full_like(log_L, e)]
        return float(huber(1e-3, logsumexp(terms, axis=0) - log_L).sum())

    return float(minimize(value, np.array(start), method="L-BFGS-B").fun)


def main() -> None:
    """Print both times, their ratio, and what each way reached."""
    given = sys.argv[1] if len(sys.argv) > 1 else None
    runs = read_runs(given or str(RUNS), drop_highest_losses=DROPPED if given else 0).runs
    fit_law(runs)
    times = sorted(_timed(lambda: fit_law(runs)) for _ in range(FITS))
    ours = times[FITS // 2]
    exponents, offsets = (0, 0.5, 1, 1.5, 2), (0, 5, 10, 15, 20, 25)
    grid = list(product(offsets, offsets, (-1, -0.5, 0, 0.5, 1), exponents, exponents))
    sample = np.random.default_rng(0).choice(len(grid), SAMPLE, replace=False)
    start = time.perf_counter()
    reached = [textbook_fit(runs, grid[i]) for i in sample]
    textbook = (time.perf_counter() - start) * len(grid) / SAMPLE
    best = fit_law(runs).objective.value
    print(f"{len(runs)} runs; fit_law {FITS} times, the fastest in {1000 * times[0]:.1f} ms")
    print(f"fit_law, global optimum, median     {1000 * ours:10.1f} ms   objective {best:.9e}")
    print(
        f"L-BFGS-B, {len(grid)} starts (from {SAMPLE})   {1000 * textbook:10.0f} ms   best {min(reached):.9e}"
    )
    print(
        f"ratio {textbook / ours:.0f}; of the {SAMPLE} starts {sum(r < best * 1.001 for r in reached)} came"
    )
    print("within 0.1 % of the optimum")


def _timed(run: Any) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
