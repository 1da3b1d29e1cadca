"""A second search for the minimum of every replicate: some resamples have two, and one start finds one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.fitting.newton import descend
from scaling_cli.fitting.penalty import Penalty
from scaling_cli.fitting.problem import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.fitting.newton import Evaluation

    FloatArray = NDArray[np.float64]

    Weighted = Callable[[Penalty, FloatArray, FloatArray, NDArray[np.intp]], Evaluation]
    """The objective under a penalty at (S, m), given all weights (R, n) and the row that each one has."""

FROM_THE_FIT = (100.0, 10.0)
"""The first search goes from the fit through the objective at these multiples of delta, six steps at each:
a single descent wants a smoother way than the many starts of the point fit."""

RELAXED_STEPS, FINAL_STEPS = 6, 60

RIVALS = 300
"""The second begins at the best of so many other replicates' minima ..."""

NEAREST = 0.2
"""... that is not among the nearest fifth of them, which lie in the same basin."""

LOWER = 1e-9
"""A minimum is another one when it is lower by more than this share."""

ALWAYS, PILOT = 64, 64
"""Of tables of so many runs every replicate is searched again, of larger ones so many first, and all where
that found anything. With one start, of 300 resamples of 24 to 123 digitised runs up to four ended in a
minimum up to 5 % above the other; of 1500 resamples of all 240 none did."""


@dataclass(frozen=True, slots=True, eq=False)
class Minima:
    """The minimum found for each replicate, ``phi`` (R, m), and which descents converged, (R,).

    ``better`` counts those of which another search found a lower one.
    """

    phi: "FloatArray"
    converged: "NDArray[np.bool_]"
    better: int = 0


def pilot_size(runs: int, replicates: int, *, is_first: bool, better: int) -> int:
    """Return how many of a block's replicates are searched again for certain.

    All of a small table, and of a large one once the search has ``better``ed any; else a sample of the
    first block.
    """
    if runs <= ALWAYS or better:
        return replicates
    return PILOT if is_first else 0


def search_again(
    found: Minima, problem: Problem, weights: "FloatArray", weighted: "Weighted", pilot: int
) -> Minima:
    """Return the better of the minima ``found`` and those of two more searches.

    The first ``pilot`` replicates are searched, and the others too where that finds anything; what had
    not converged is searched always, and takes a minimum as low that has. ``weights`` (R, n) count the runs
    of each replicate; ``weighted`` evaluates them in pieces that fit the cache.
    """
    import numpy as np

    is_searched = ~found.converged
    is_searched[:pilot] = True
    if not is_searched.any():
        return found
    searched = _search(found, problem, weights, weighted, np.flatnonzero(is_searched))
    if not searched.better or is_searched.all():
        return searched
    return _search(searched, problem, weights, weighted, np.flatnonzero(~is_searched))


def _search(
    found: Minima, problem: Problem, weights: "FloatArray", weighted: "Weighted", some: "NDArray[np.intp]"
) -> Minima:
    """Search again for the minima of ``some`` replicates."""
    import numpy as np

    phi, counts, done = found.phi[some], weights[some], found.converged[some]
    value = weighted(problem.penalty, phi, counts, np.arange(len(some)))[0]
    least = value.copy()
    relaxation = () if problem.penalty.is_square else FROM_THE_FIT
    for starts, factors in ((phi.copy(), relaxation), (_rivals(found, problem, counts, phi), ())):
        theta = starts
        for factor in (*factors, 1.0):
            penalty = problem.penalty if factor == 1 else problem.penalty.relaxed(factor)
            descent = descend(
                theta,
                lambda at, rows, penalty=penalty: weighted(penalty, at, counts, rows),  # type: ignore[misc]
                problem.scale(theta),
                problem.box,
                max_steps=FINAL_STEPS if factor == 1 else RELAXED_STEPS,
            )
            theta = descent.theta
        limit = np.where(done, least * (1 - LOWER), least * (1 + LOWER))
        taken = descent.converged & (descent.value <= limit)
        phi[taken], least[taken], done[taken] = theta[taken], descent.value[taken], True
    all_phi, converged = found.phi.copy(), found.converged.copy()
    all_phi[some], converged[some] = phi, done
    better = int((found.converged[some] & (least < value * (1 - LOWER))).sum())
    return Minima(all_phi, converged, found.better + better)


def _rivals(found: Minima, problem: Problem, counts: "FloatArray", phi: "FloatArray") -> "FloatArray":
    """Return for each replicate the minimum of another, of another kind, that suits its runs best, (S, m)."""
    import numpy as np

    rivals = found.phi[found.converged][:RIVALS] if found.converged.any() else found.phi[:RIVALS]
    r, of_rivals = (problem.surface.predict(problem.theta(minima)) - problem.z for minima in (phi, rivals))
    counted = counts if problem.weights is None else counts * problem.weights
    cost = counted @ problem.penalty.costs(of_rivals + problem.z, problem.z)[0].T
    apart = (r * r).sum(axis=1)[:, None] + (of_rivals * of_rivals).sum(axis=1) - 2 * (r @ of_rivals.T)
    cost[apart <= np.quantile(apart, NEAREST, axis=1, keepdims=True)] = np.inf
    chosen: FloatArray = rivals[cost.argmin(axis=1)]
    return chosen
