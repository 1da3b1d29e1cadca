"""The bias of approach 2, and what is left of it once removed, on studies whose law is known.

Run by hand from the root: ``PYTHONPATH=. python tests/benchmarks/bench_isoflop.py [STUDIES]``. Hoffmann's
nine budgets, seven sizes each, from 1/4, 1/8, 1/16 of the centre to as many times it, the centre at N_opt,
3x off, or drifting to 3x; three laws. First without noise, then ``STUDIES`` (300) with 0.3 %, seed k for
study k: the median of log(N_opt at 1e24 over the truth), its standard error (1.2533 sd/sqrt n) and the
spread, of the raw frontier, the corrected one and approach 3 on the same runs; then surfaces of other forms;
then the time beside np.polyfit's.
"""

import math
import sys
import time
from itertools import product

import numpy as np

from scaling_cli.fitting.isoflop import Isoflop, fit_isoflop
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.runs import Runs
from tests.fitting.isoflop_studies import BUDGETS, CENTRES, LAWS, PUBLISHED, SIZES, TARGET, study

WIDTHS = (4.0, 8.0, 16.0)
NOISE = 0.003
REPLICATES = 1000
POLYFIT_SAMPLE = 50


def offsets(result: Isoflop, law: PredictsLoss) -> tuple[float, float, float] | None:
    """Return log N_opt at the target over the truth: raw, reported, approach 3; None without a frontier."""
    if result.raw is None:
        return None
    truth = law.optimum(TARGET)[0]
    raw = math.log(result.raw.params.at(TARGET) / truth)
    if result.corrected is None or result.bias is None:  # what is reported then is the raw one
        return raw, raw, math.nan
    found = result.corrected.params.at(TARGET), result.bias.law.optimum(TARGET)[0]
    corrected, surface = (math.log(N / truth) for N in found)
    return raw, corrected, surface


def print_noise_free() -> None:
    """Print what the procedure does to the answer by itself."""
    print("without noise: log(N_opt at 1e24 / truth), and the raw N exponent less the truth")
    for name, width, centres in product(LAWS, (2.0, *WIDTHS), CENTRES):
        result = fit_isoflop(study(LAWS[name], width, centres), replicates=0)
        found = offsets(result, LAWS[name])
        place = f"{name:>12}  +-{width:g}x  {centres:<15} {len(result.ok)} ok"
        if found is None or result.raw is None:
            statuses = ", ".join(sorted({valley.status for valley in result.valleys}))
            print(f"{place}   no frontier ({statuses})")
            continue
        exponent = result.raw.params.exponent - LAWS[name].exponents[0]
        print(f"{place}   raw {found[0]:+.4f}   corrected {found[1]:+.6f}   exponent {exponent:+.4f}")


def print_noisy(studies: int) -> None:
    """Print the medians and spreads of many studies with noise."""
    print(f"\n{100 * NOISE:g} % noise, {studies} studies: median (standard error) [spread] of the same")
    for name, width, centres in product(LAWS, WIDTHS, CENTRES):
        found, ok = [], []
        for seed in range(studies):
            result = fit_isoflop(study(LAWS[name], width, centres, noise=NOISE, seed=seed), replicates=0)
            ok.append(len(result.ok))
            if (one := offsets(result, LAWS[name])) is not None:
                found.append(one)
        place = f"{name:>12}  +-{width:g}x  {centres:<15} {np.mean(ok):.1f} ok"
        cells = []
        for column in np.array(found).T:
            values = column[np.isfinite(column)]
            error = 1.2533 * values.std(ddof=1) / math.sqrt(len(values))
            median = float(np.median(values))
            mark = "*" if abs(median) > 2 * error else " "
            cells.append(f"{median:+.4f} ({error:.4f}){mark}[{values.std(ddof=1):.3f}]")
        print(f"{place}   raw {cells[0]}   corrected {cells[1]}   approach 3 {cells[2]}   n {len(found)}")
    print("* more than two standard errors from zero")


class Bowl(PredictsLoss):
    """A surface that is no sum of three terms: the published law with an interaction of N and D.

    L = E + A N^-alpha + B D^-beta + share sqrt(A N^-alpha B D^-beta)
    """

    form, formula = "interaction", "L = E + A N^-alpha + B D^-beta + share sqrt(product)"

    def __init__(self, share: float) -> None:
        self.E, self.share = PUBLISHED.E, share

    def loss(self, N, D):  # type: ignore[no-untyped-def]
        """Return the loss of floats or arrays."""
        in_N, in_D = PUBLISHED.A * N**-PUBLISHED.alpha, PUBLISHED.B * D**-PUBLISHED.beta
        return self.E + in_N + in_D + self.share * (in_N * in_D) ** 0.5

    def optimum(self, C):  # type: ignore[no-untyped-def]
        """Return N_opt and D_opt of floats or arrays, from a fine grid and a parabola at its least."""
        budgets = np.atleast_1d(np.asarray(C, dtype=float))
        x = np.linspace(math.log(1e5), math.log(1e14), 200_001)
        sizes = []
        for budget in budgets.tolist():
            losses = self.loss(np.exp(x), budget / 6 / np.exp(x))  # type: ignore[no-untyped-call]
            i = int(np.argmin(losses))
            a, b, _ = np.polyfit(x[i - 50 : i + 51] - x[i], losses[i - 50 : i + 51], 2)
            sizes.append(math.exp(x[i] - b / (2 * a)))
        N = np.array(sizes) if np.ndim(C) else sizes[0]
        return N, C / (6 * N)

    exponents = None  # type: ignore[assignment]
    flops_for_params = flops_for_tokens = frontier_loss = flops_for_loss = None  # type: ignore[assignment]
    tokens_for_loss = params_for_loss = None  # type: ignore[assignment]


def print_other_forms() -> None:
    """Print the bias that is left over where the surface is not of the Chinchilla form."""
    print("\nsurfaces of other forms, without noise: log(N_opt at 1e24 / truth)")
    kaplan = KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103)  # Kaplan et al. 2020, Table 2
    for name, law in {"kaplan": kaplan, "interaction 0.3": Bowl(0.3), "interaction 1": Bowl(1.0)}.items():
        for width, centres in product((8.0,), CENTRES):
            result = fit_isoflop(study(law, width, centres), replicates=0)
            found = offsets(result, law)
            if found is None:
                told = "no frontier"
            elif result.corrected is None:
                told = f"raw {found[0]:+.4f}   kept: {result.not_removed}"
            else:
                told = f"raw {found[0]:+.4f}   left over {found[1]:+.4f}   approach 3 {found[2]:+.4f}"
            print(f"{name:>16}  +-{width:g}x  {centres:<15} {len(result.ok)} ok   {told}")


def polyfit_bootstrap(runs: Runs, replicates: int) -> None:
    """Do what a notebook does: np.polyfit for every budget and replicate, and a line through the vertices."""
    random = np.random.default_rng(0)
    x, L = np.log(runs.params).reshape(-1, SIZES), runs.loss.reshape(-1, SIZES)
    fits = [np.polyfit(a, b, 2) for a, b in zip(x, L, strict=True)]
    for _ in range(replicates):
        vertices = []
        for a, b, fit in zip(x, L, fits, strict=True):
            smooth = np.polyval(fit, a)
            again = np.polyfit(a, smooth + random.choice(b - smooth, SIZES), 2)
            vertices.append(-again[1] / (2 * again[0]))
        np.polyfit(np.log(BUDGETS), vertices, 1)


def print_speed() -> None:
    """Print the time of a study with its bootstrap beside the plain one, from one run."""
    runs = study(PUBLISHED, 4.0, noise=NOISE)
    fit_isoflop(runs, replicates=10)
    start = time.perf_counter()
    result = fit_isoflop(runs, replicates=REPLICATES)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    polyfit_bootstrap(runs, POLYFIT_SAMPLE)
    theirs = (time.perf_counter() - start) * REPLICATES / POLYFIT_SAMPLE
    print(f"\n{len(runs)} runs, {REPLICATES} replicates")
    print(f"fit_isoflop, the surface refitted in each ({result.drawn})  {ours:6.2f} s")
    print(f"np.polyfit one by one, no surface, no bias           {theirs:6.2f} s   ratio {theirs / ours:.1f}")


def main() -> None:
    """Print all of it."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print_noise_free()
    print_noisy(studies)
    print_other_forms()
    print_speed()


if __name__ == "__main__":
    main()
