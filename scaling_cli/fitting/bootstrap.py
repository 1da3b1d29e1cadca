"""The bootstrap: the law refitted to resampled runs, every replicate to convergence, in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.errors import LawError
from scaling_cli.fitting.fit import Fit
from scaling_cli.fitting.newton import descend
from scaling_cli.fitting.parametric import order_runs, ordered_problem
from scaling_cli.fitting.penalty import Penalty
from scaling_cli.fitting.problem import LOG_ZERO, Problem
from scaling_cli.fitting.second_search import Minima, pilot_size, search_again
from scaling_cli.laws.law import HasFrontier
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.fitting.newton import Evaluation

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

CELLS_PER_BLOCK = 4_000_000
"""Replicates are descended together in blocks of this many (replicate, run) cells: 32 MB of weights."""

CELLS_PER_CHUNK = 16_000
"""Within a block the derivatives are taken for so many cells at a time, whose arrays stay in the cache."""

FINAL_STEPS = 1000
"""A replicate starts at the fit to all runs: ten steps are common, but one whose E falls to nothing takes
hundreds, and to leave those out would cut one end off the intervals."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The laws of the replicates that converged to one, and how many were drawn.

    ``draws`` are a sample of what the law could have been had the runs been others of their kind;
    every interval is taken from them jointly, never from the marginals of the constants.
    ``second_minima`` counts the replicates for which the fit's own basin was not the best one.
    ``places`` says which replicate each draw is of: with the same seed and number of runs two fits share
    the weights of their replicates, so that their draws can be paired.
    """

    draws: tuple[HasFrontier, ...]
    replicates: int
    converged: int
    seed: int
    units: int
    second_minima: int = 0
    places: tuple[int, ...] = ()


def bootstrap_law(
    fit: Fit,
    *,
    replicates: int = 1000,
    seed: int = 0,
    clusters: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
    counts: "Callable[[int], IntArray] | None" = None,
) -> Bootstrap:
    """Refit ``fit``'s law to ``replicates`` resamples of its runs.

    Runs are drawn with replacement, as multinomial counts that weigh the runs of the fit's own objective;
    where ``clusters`` says which runs belong together (one label per run, in the order of ``fit.runs``),
    whole clusters are drawn. The runs are put in a canonical order first, so that their order in the
    file does not change the draws. ``progress`` is told how many replicates each block has added.
    ``counts`` gives so many rows of counts, (S, units), where they are to be those of another table.
    """
    import numpy as np

    order = order_runs(fit.runs)
    problem = ordered_problem(fit.runs, fit.settings)
    units = units_of([clusters[i] for i in order] if clusters is not None else None, fit.runs.select(order))
    count = int(units.max()) + 1
    random = np.random.default_rng(seed)
    block = max(1, CELLS_PER_BLOCK // len(order))
    draws: list[HasFrontier] = []
    places: list[int] = []
    drawn_before = converged = second = 0
    for size in _block_sizes(replicates, block):
        if counts is None:
            drawn = random.multinomial(count, np.full(count, 1 / count), size=size)
        else:
            drawn = counts(size)
        pilot = pilot_size(len(order), size, is_first=not drawn_before, better=second)
        found = _refit(fit, problem, drawn[:, units].astype(np.float64), pilot)
        converged += int(found.converged.sum())
        second += found.better
        for place, law in _laws(found, problem):
            draws.append(law)
            places.append(drawn_before + place)
        drawn_before += size
        if progress:
            progress(size)
    return Bootstrap(tuple(draws), replicates, converged, seed, count, second, tuple(places))


def units_of(clusters: Sequence[str] | None, runs: Runs) -> "NDArray[np.intp]":
    """Return which resampled unit holds each run, (n,); without clusters a unit is a run."""
    import numpy as np

    if clusters is None:
        return np.arange(len(runs))
    held: dict[str, list[list[float]]] = {}
    for label, run in zip(
        clusters, np.stack([runs.params, runs.tokens, runs.loss], axis=1).tolist(), strict=True
    ):
        held.setdefault(label, []).append(run)
    # in the order of what they hold: neither labels nor the file's order of equal runs decide
    place = {label: index for index, label in enumerate(sorted(held, key=held.__getitem__))}
    return np.array([place[label] for label in clusters])


def _block_sizes(total: int, block: int) -> Iterator[int]:
    for start in range(0, total, block):
        yield min(block, total - start)


def _refit(fit: Fit, problem: Problem, weights: "FloatArray", pilot: int) -> Minima:
    """Return the minima of the objectives under each row of weights, (S, n); ``pilot`` are searched twice."""
    import numpy as np

    box = problem.box
    # E = 0 has its logarithm far below the box: the descents begin on the floor
    start = np.tile(np.clip(problem.vector(fit.law), box.lower, box.upper), (len(weights), 1))
    scale = np.tile(problem.scale(start[:1]), (len(weights), 1))
    chunk = max(1, CELLS_PER_CHUNK // len(problem.z))

    def weighted(
        penalty: Penalty, phi: "FloatArray", weights: "FloatArray", rows: "NDArray[np.intp]"
    ) -> "Evaluation":
        parts = [
            problem.derivatives(phi[i : i + chunk], penalty, weights[rows[i : i + chunk]])
            for i in range(0, len(phi), chunk)
        ]
        value, gradient, hessian = (np.concatenate(part) for part in zip(*parts, strict=True))
        return value, gradient, hessian

    descent = descend(
        start,
        lambda phi, rows: weighted(problem.penalty, phi, weights, rows),
        scale,
        box,
        max_steps=FINAL_STEPS,
    )
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        return search_again(Minima(descent.theta, descent.converged), problem, weights, weighted, pilot)


def _laws(found: Minima, problem: Problem) -> Iterator[tuple[int, HasFrontier]]:
    """Return the laws of the minima that are ones, each with its place in the batch.

    What is no law (a term that vanished) is left out.
    """
    import numpy as np

    places = np.flatnonzero(found.converged)
    phi, floor = found.phi[places], problem.floor
    if floor is not None:  # the floor of log E stands for E = 0
        phi[phi[:, floor] <= problem.box.lower[floor], floor] = LOG_ZERO
    for place, constants in zip(places.tolist(), problem.constants_of_all(phi), strict=True):
        try:
            yield place, problem.form.make_law(**constants)
        except LawError:
            continue
