"""The bootstrap beside the plain loop: one scipy minimisation for each replicate.

Run by hand: ``python tests/benchmarks/bench_bootstrap.py [RUNS.csv]``. The loop is given every help: the
same objective in centred logarithms with its analytic gradient, and a warm start at the fit to all runs.
A sample of ``SAMPLE`` replicates of it is run and the time scaled up, which is said. Both sides see the
same runs in the same process, numpy held to one thread by OMP_NUM_THREADS=1 for a core against a core.
Then as many runs as a log of checkpoints holds, with the peak of the process's memory.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from scaling_cli.files.run_table import read_runs
from scaling_cli.fitting.bootstrap import bootstrap_law
from scaling_cli.fitting.fit import Fit
from scaling_cli.fitting.parametric import fit_law, order_runs
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

RUNS = Path(__file__).parents[2] / "sample_runs" / "simulated_isoflop.csv"
REPLICATES, SAMPLE = 4000, 40
MANY_RUNS, FEW_REPLICATES = 24_000, 200


class PlainLoop:
    """The weighted objective of a fit in scipy's hands."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        log_N, log_D, self.log_L = (np.log(v) for v in (fit.runs.params, fit.runs.tokens, fit.runs.loss))
        self.centre_N, self.centre_D = log_N.mean(), log_D.mean()
        self.x, self.y = log_N - self.centre_N, log_D - self.centre_D

    def vector(self, law: ChinchillaLaw) -> Any:
        """Return a, b, e, alpha, beta of a law, at the runs' centre."""
        a, b = np.log(law.A) - law.alpha * self.centre_N, np.log(law.B) - law.beta * self.centre_D
        return np.array([a, b, np.log(law.E), law.alpha, law.beta])

    def value(self, theta: Any, weights: Any) -> tuple[float, Any]:
        """Return the weighted sum of Huber losses, and its gradient."""
        a, b, e, alpha, beta = theta
        x, y, delta = self.x, self.y, self.fit.objective.delta
        terms = np.exp([a - alpha * x, b - beta * y, np.full_like(x, e)])
        total = terms.sum(axis=0)
        r, shares = np.log(total) - self.log_L, terms / total
        inner = np.minimum(np.abs(r), delta)
        p1, p2, p3 = weights * np.copysign(inner, r) * shares
        slope = np.array([p1.sum(), p2.sum(), p3.sum(), -p1 @ x, -p2 @ y])
        return float(weights @ (inner * (np.abs(r) - 0.5 * inner))), slope

    def refit(self, weights: Any) -> float:
        """Return the objective that L-BFGS-B reaches from the fit to all runs."""

        def scaled(theta: Any) -> tuple[float, Any]:  # the objective is near 1e-3: too small for its tests
            value, slope = self.value(theta, weights)
            return 1e6 * value, 1e6 * slope

        assert isinstance(self.fit.law, ChinchillaLaw)
        start = self.vector(self.fit.law)
        found = minimize(scaled, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000, "gtol": 1e-8})
        return float(found.fun) / 1e6


def many_runs() -> Runs:
    """Simulate ``MANY_RUNS`` checkpoints of models of 40 sizes, at 40 token counts."""
    law = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
    random = np.random.default_rng(0)
    N = random.choice(np.geomspace(4e7, 2e10, 40), MANY_RUNS)
    D = random.choice(np.geomspace(1e9, 1e12, 40), MANY_RUNS)
    loss = law.loss(N, D) * np.exp(0.005 * random.standard_normal(MANY_RUNS))
    return Runs(N, D, 6 * N * D, loss, tuple(f"run {i}" for i in range(MANY_RUNS)))


def peak_memory() -> float:
    """The most memory that the process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print both times and their ratio, then time and memory of a large table."""
    runs = read_runs(sys.argv[1] if len(sys.argv) > 1 else str(RUNS), drop_highest_losses=5).runs
    fit = fit_law(runs.select(order_runs(runs)))  # the bootstrap's own order, to compare draw by draw
    times = []
    for _ in range(5):
        start = time.perf_counter()
        found = bootstrap_law(fit, replicates=REPLICATES)
        times.append(time.perf_counter() - start)
    loop, n, random = PlainLoop(fit), len(runs), np.random.default_rng(found.seed)
    resamples = random.multinomial(n, np.full(n, 1 / n), size=SAMPLE).astype(np.float64)
    start = time.perf_counter()
    theirs = [loop.refit(weights) for weights in resamples]
    plain = (time.perf_counter() - start) * REPLICATES / SAMPLE
    ours = [
        loop.value(loop.vector(draw), weights)[0]
        for draw, weights in zip(found.draws, resamples, strict=False)
        if isinstance(draw, ChinchillaLaw)
    ]
    short = sum(at > least * (1 + 1e-6) for at, least in zip(theirs, ours, strict=True))
    lower = sum(at < least * (1 - 1e-9) for at, least in zip(theirs, ours, strict=True))
    print(f"{n} runs (the 5 highest losses left out), {REPLICATES} replicates, one thread")
    print(f"bootstrap_law               {min(times):8.2f} s   {found.converged} of {REPLICATES} converged")
    print(f"scipy L-BFGS-B, one by one  {plain:8.2f} s   scaled up from {SAMPLE}: of these {short} stopped")
    print(f"ratio {plain / min(times):.0f}                                 short of ours, {lower} went below")

    large = fit_law(many_runs())
    before = peak_memory()
    start = time.perf_counter()
    found = bootstrap_law(large, replicates=FEW_REPLICATES)
    seconds = time.perf_counter() - start
    print(f"{MANY_RUNS} runs, {FEW_REPLICATES} replicates  {seconds:8.2f} s   {found.converged} converged")
    print(f"peak memory {peak_memory():.0f} MiB ({before:.0f} MiB before the bootstrap, the fit's own peak)")


if __name__ == "__main__":
    main()
