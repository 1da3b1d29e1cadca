"""How often a comparison of recipes tells the truth, on studies simulated from laws that are known.

Run by hand: ``python tests/benchmarks/bench_recipes.py [STUDIES] [PART...]``, the parts being
``multiplier``, ``crossover`` and ``halves``.

- multiplier: B is A with its tokens counted 1.25x, so that the multiplier is 1.25 everywhere; the share of
  studies whose 90 % interval holds it at each budget, beside the plain alternative: two independent
  intervals of C_A and C_B, the ratios of whose ends are taken. Shared exponents are true there:
  the test may refuse them in one study of ten.
- crossover: alpha is 0.05 larger and the frontiers are equal at 1e22 FLOPs; the share of studies whose
  interval of the crossover holds that.
- halves: the 240 digitised Chinchilla runs (not part of the repository) split at random into two recipes
  that are the same; how often one passes for better with a chance outside [0.05, 0.95].

Studies are those of ``bench_calibration``: Hoffmann's nine budgets, seven sizes each. The seeds are fixed:
study k has the noise of seeds (k, 0) and (k, 1), and its resampling begins with ``RESAMPLING`` + k.
"""

import math
import sys
import time
from pathlib import Path

import numpy as np
from bench_calibration import (  # type: ignore[import-not-found]  # it lies beside this script
    BUDGETS,
    LEVEL,
    NOISES,
    REPLICATES,
    RESAMPLING,
    SIZES,
    study,
)
from scipy.optimize import brentq

from scaling_cli.files.run_table import read_runs
from scaling_cli.fitting.fit import FitSettings
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.compare_recipes import RecipeComparison, compare_recipes
from scaling_cli.planning.recipe_fits import RecipeRuns, Resampling, fit_recipes
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.runs import Runs

GAIN = 1.25
TARGETS = (1e20, 3e21)
CROSSING = 1e22
HALVES, HALVES_REPLICATES = 200, 1000
"""As many replicates as the command makes: what a chance near 0.05 is rests on few of them."""

DIGITISED = Path(__file__).parents[2].parent / "shared" / "data" / "chinchilla_digitised.csv"


def noisy(law: ChinchillaLaw, design: Runs, noise: float, seed: tuple[int, int]) -> Runs:
    """Return the runs of a design under a law, with lognormal noise."""
    errors = np.exp(noise * np.random.default_rng(seed).standard_normal(len(design)))
    loss = law.loss(design.params, design.tokens) * errors
    return Runs(design.params, design.tokens, design.flops, loss, design.names)


def compare(
    first: Runs, second: Runs, seed: int, flops: tuple[float, ...], replicates: int = REPLICATES
) -> RecipeComparison:
    """Fit, resample and compare two tables."""
    tables = [
        RecipeRuns(
            runs=runs,
            card=LawCard(name=name, law=PUBLISHED["besiroglu2024"].law),
            settings=FitSettings(),
            read=len(runs),
            place=name,
        )
        for name, runs in (("A", first), ("B", second))
    ]
    fitted = fit_recipes(tables, Resampling(replicates, seed, LEVEL), flops=flops)
    return compare_recipes(fitted, flops=flops, unit="nats per token", level=LEVEL).comparisons[0]


def more_tokens(law: ChinchillaLaw) -> ChinchillaLaw:
    """Return the law with every token counted ``GAIN`` times: B D^-beta becomes B (GAIN D)^-beta."""
    return ChinchillaLaw(E=law.E, A=law.A, B=law.B * GAIN**-law.beta, alpha=law.alpha, beta=law.beta)


def steeper(law: ChinchillaLaw) -> ChinchillaLaw:
    """Return the law with alpha 0.05 larger whose frontier meets its own at ``CROSSING``."""

    def with_A(log_A: float) -> ChinchillaLaw:
        return ChinchillaLaw(E=law.E, A=math.exp(log_A), B=law.B, alpha=law.alpha + 0.05, beta=law.beta)

    least = law.frontier_loss(CROSSING)
    return with_A(brentq(lambda log_A: with_A(log_A).frontier_loss(CROSSING) - least, 0.0, 15.0, xtol=1e-14))


def error(share: float, studies: int) -> str:
    """Write a share of studies with its binomial standard error, in percent."""
    return f"{100 * share:.1f} % (standard error {100 * math.sqrt(share * (1 - share) / studies):.1f})"


def holds(ends: tuple[float | None, float | None] | None, truth: float) -> bool:
    """Say whether an interval holds the truth; an open end holds whatever lies beyond."""
    if ends is None:
        return False
    low, high = ends
    return (low is None or low <= truth) and (high is None or truth <= high)


def plain(found: RecipeComparison, C: float) -> bool:
    """Say whether the ratio of two separate intervals holds the truth: what notebooks do."""
    assert found.baseline.draws is not None
    assert found.recipe.draws is not None
    L = float(found.baseline.frontier.loss(C)[0])
    needed = [
        percentile_interval(one.log_flops(L), LEVEL) for one in (found.baseline.draws, found.recipe.draws)
    ]
    (low, high), (least, most) = needed
    return low - most <= math.log(GAIN) <= high - least


def bench_multiplier(law: ChinchillaLaw, design: Runs, studies: int) -> None:
    """Print the coverage of the multiplier, and how often shared exponents are refused."""
    for noise in NOISES:
        start = time.perf_counter()
        held, plainly, refused, claims = np.zeros((4, len(TARGETS)))
        for k in range(studies):
            tables = (
                noisy(law, design, noise, (k, 0)),
                noisy(more_tokens(law), design, noise, (k, 1)),
            )
            found = compare(*tables, RESAMPLING + k, TARGETS)
            held += [holds(one.interval, GAIN) for one in found.multipliers]
            plainly += [plain(found, C) for C in TARGETS]
            refused += bool(found.shared_exponents.is_rejected)
            claims += found.trend.growth != "not-established"
        for place, C in enumerate(TARGETS):
            print(
                f"noise {100 * noise:.1f} %: the interval of the multiplier at {C:g} holds {GAIN:g} in "
                f"{error(held[place] / studies, studies)}; two separate intervals in "
                f"{100 * plainly[place] / studies:.1f} %"
            )
        print(
            f"             shared exponents, which are true, are refused in {100 * refused[0] / studies:.1f} "
            f"%, growth is claimed in {100 * claims[0] / studies:.1f} %; {time.perf_counter() - start:.0f} s"
        )


def bench_crossover(law: ChinchillaLaw, design: Runs, studies: int) -> None:
    """Print the coverage of the crossover."""
    other = steeper(law)
    for noise in NOISES:
        start = time.perf_counter()
        held = open_ended = nowhere = refused = 0
        for k in range(studies):
            tables = noisy(law, design, noise, (k, 0)), noisy(other, design, noise, (k, 1))
            found = compare(*tables, RESAMPLING + k, (TARGETS[-1],))
            ends = found.crossover.interval
            held += holds(ends, CROSSING)
            open_ended += ends is not None and None in ends
            nowhere += found.crossover.flops is None
            refused += bool(found.shared_exponents.is_rejected)
        print(
            f"noise {100 * noise:.1f} %: the interval of the crossover holds {CROSSING:g} in "
            f"{error(held / studies, studies)}; {100 * open_ended / studies:.1f} % are open-ended, "
            f"{100 * nowhere / studies:.1f} % of the best fits do not cross in range; shared exponents, "
            f"which are wrong, are refused in {100 * refused / studies:.1f} %; "
            f"{time.perf_counter() - start:.0f} s"
        )


def bench_halves(splits: int) -> None:
    """Print how often one half of the same runs passes for better than the other."""
    if not DIGITISED.exists():
        print("halves: the digitised runs are not on this machine")
        return
    runs = read_runs(str(DIGITISED), drop_highest_losses=5).runs
    start = time.perf_counter()
    targets = (1e21, float(runs.flops_6ND.max()), 5.76e23)  # the second is the target unless one is given
    chances = []
    for k in range(splits):
        order = np.random.default_rng(k).permutation(len(runs))
        halves = [runs.select(np.sort(half)) for half in np.array_split(order, 2)]
        found = compare(halves[0], halves[1], RESAMPLING + 2 * k, targets, HALVES_REPLICATES)
        chances.append([one.p_better for one in found.multipliers])
    for C, p in zip(targets, np.array(chances, dtype=float).T, strict=True):
        outside = float(np.mean((p < 0.05) | (p > 0.95)))
        print(
            f"halves of {len(runs)} runs at {C:.4g}: P(B better) outside [.05, .95] in "
            f"{error(outside, splits)}"
        )
    print(f"             {splits} splits, {time.perf_counter() - start:.0f} s")


def main() -> None:
    """Run the parts that were asked for."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    parts = sys.argv[2:] or ["multiplier", "crossover", "halves"]
    law = PUBLISHED["besiroglu2024"].law
    assert isinstance(law, ChinchillaLaw)
    design = study(law, 0.0, 0)
    print(f"{studies} studies of {len(BUDGETS) * SIZES} runs a recipe, {REPLICATES} replicates each")
    if "multiplier" in parts:
        bench_multiplier(law, design, studies)
    if "crossover" in parts:
        bench_crossover(law, design, studies)
    if "halves" in parts:
        bench_halves(min(studies, HALVES))


if __name__ == "__main__":
    main()
