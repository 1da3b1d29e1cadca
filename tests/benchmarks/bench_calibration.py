"""How often the 90 % interval of N_opt holds the truth, on studies simulated from a law that is known.

Run by hand: ``python tests/benchmarks/bench_calibration.py [STUDIES]``. Each study has Hoffmann's nine
budgets and seven sizes from a quarter of N_opt to four times it, simulated from besiroglu2024 with
lognormal noise; its law is fitted and resampled 500 times, and the interval of log N_opt at 100 times
the largest budget is held against the truth. The seeds are fixed: study k has the
noise of seed k, and its resampling begins with seed ``RESAMPLING`` + k.
"""

import math
import sys
import time
from dataclasses import dataclass

import numpy as np

from scaling_cli.fitting.bootstrap import bootstrap_law
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.runs import Runs

BUDGETS = (6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21)
"""The IsoFLOP budgets of Hoffmann et al. 2022, Fig. 3."""

SIZES, REPLICATES, LEVEL = 7, 500, 0.9
NOISES = (0.002, 0.005)
TARGET = 100 * BUDGETS[-1]
RESAMPLING = 1_000_000


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a series of studies showed; widths and offsets are those of log N_opt at ``TARGET``."""

    studies: int
    covered: int
    below: int
    above: int
    width: float
    offset: float
    missing: int

    @property
    def share(self) -> float:
        """The share of the studies whose interval holds the truth."""
        return self.covered / self.studies

    @property
    def error(self) -> float:
        """The binomial standard error of ``share``."""
        return math.sqrt(self.share * (1 - self.share) / self.studies)


def study(law: ChinchillaLaw, noise: float, seed: int) -> Runs:
    """Simulate one study."""
    C = np.repeat(BUDGETS, SIZES)
    N = law.optimum(C)[0] * np.tile(np.geomspace(0.25, 4, SIZES), len(BUDGETS))
    D = C / (6 * N)
    errors = np.exp(noise * np.random.default_rng(seed).standard_normal(len(C)))
    return Runs(N, D, C, law.loss(N, D) * errors, tuple(f"run {i}" for i in range(len(C))))


def coverage(law: ChinchillaLaw, noise: float, studies: int) -> Coverage:
    """Fit and resample ``studies`` studies, and count the intervals that hold the truth."""
    truth = math.log(law.optimum(TARGET)[0])
    ends, offsets, missing = [], [], 0
    for seed in range(studies):
        fit = fit_law(study(law, noise, seed))
        bootstrap = bootstrap_law(fit, replicates=REPLICATES, seed=RESAMPLING + seed)
        missing += REPLICATES - len(bootstrap.draws)
        sizes = [
            math.log(one.optimum(TARGET)[0]) for one in bootstrap.draws if isinstance(one, ChinchillaLaw)
        ]
        ends.append(percentile_interval(sizes, LEVEL))
        assert isinstance(fit.law, ChinchillaLaw)
        offsets.append(math.log(fit.law.optimum(TARGET)[0]) - truth)
        if (seed + 1) % 50 == 0:
            print(
                f"\r{100 * noise:g} %: {seed + 1} of {studies} studies", end="", file=sys.stderr, flush=True
            )
    print(file=sys.stderr)
    low, high = np.array(ends).T
    return Coverage(
        studies=studies,
        covered=int(((low <= truth) & (truth <= high)).sum()),
        below=int((high < truth).sum()),
        above=int((low > truth).sum()),
        width=float(np.mean(high - low)),
        offset=float(np.std(offsets)),
        missing=missing,
    )


def main() -> None:
    """Print the coverage at each noise, with its standard error."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    law = PUBLISHED["besiroglu2024"].law
    assert isinstance(law, ChinchillaLaw)
    print(f"{studies} studies of {len(BUDGETS) * SIZES} runs, {REPLICATES} replicates each")
    print(f"{100 * LEVEL:g} % interval of log N_opt at {TARGET:g} FLOPs, 100 times the largest budget")
    for noise in NOISES:
        start = time.perf_counter()
        found = coverage(law, noise, studies)
        seconds = time.perf_counter() - start
        print(
            f"noise {100 * noise:.1f} %: covers the truth in {100 * found.share:.1f} % "
            f"(standard error {100 * found.error:.1f}); {found.below} intervals lie below it, "
            f"{found.above} above"
        )
        print(
            f"             mean width {found.width:.3f}, spread of the fits {found.offset:.3f}, "
            f"{found.missing} of {studies * REPLICATES} replicates missing, {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
