"""How sure an envelope's law is: the law again for resamples of the runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.curves import Curves
from scaling_cli.errors import LawError
from scaling_cli.fitting.edges import Edges, first_present, prepare_edges
from scaling_cli.fitting.envelope import EnvelopeFit, both_sides
from scaling_cli.fitting.envelope_checks import LEAST_SIZES
from scaling_cli.fitting.loss_table import NO_RUN, LossTable
from scaling_cli.laws.allocation import AllocationLaw

if TYPE_CHECKING:
    from scaling_cli.curves import BoolArray, IntArray
    from scaling_cli.runs import FloatArray

CELLS_PER_BLOCK = 1_000_000
"""Replicates are traced together in blocks of this many (replicate, budget) cells, of some 100 bytes each."""


@dataclass(frozen=True, slots=True)
class EnvelopeBootstrap:
    """The laws of the replicates that gave one, and how many were drawn; ``units`` counts the runs."""

    draws: tuple[AllocationLaw, ...]
    replicates: int
    seed: int
    units: int


def bootstrap_envelope(
    fit: EnvelopeFit,
    *,
    replicates: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> EnvelopeBootstrap:
    """Trace and fit the envelope again for ``replicates`` resamples of the runs, drawn with replacement.

    A curve that is drawn twice wins nothing more, so what counts is which are there. The losses of every run
    at every budget are known already: a replicate is a masked minimum. The runs are put in a canonical order
    first, so that their order in the file does not change the draws.
    """
    import numpy as np

    assert fit.table is not None
    order = _order_runs(fit.curves)
    table = LossTable(fit.table.flops, fit.table.params[order], fit.table.loss[order])
    by_loss = np.argsort(table.loss, axis=0, kind="stable")
    edges = prepare_edges(table, is_local=not fit.settings.include_unfinished)
    random = np.random.default_rng(seed)
    count = len(order)
    block = max(1, CELLS_PER_BLOCK // len(table.flops))
    draws: list[AllocationLaw] = []
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        present = random.multinomial(count, np.full(count, 1 / count), size=size) > 0
        winner = first_present(by_loss, edges.read, present)
        fitted = (winner != NO_RUN) & ~edges.find(winner, present)
        draws.extend(_laws(table, edges, winner, fitted))
        if progress:
            progress(size)
    return EnvelopeBootstrap(tuple(draws), replicates=replicates, seed=seed, units=count)


def _order_runs(curves: Curves) -> "IntArray":
    import numpy as np

    return np.lexsort((curves.last_loss, curves.last_tokens, curves.params))


def _laws(table: LossTable, edges: Edges, winner: "IntArray", fitted: "BoolArray") -> Iterator[AllocationLaw]:
    """Return the least-squares laws of envelopes (s, g), without those of too few sizes or no law."""
    import numpy as np

    log_C = np.log(table.flops)
    log_N = np.log(table.params)[winner]
    points = np.maximum(fitted.sum(axis=1), 1)
    mean_C = (fitted * log_C).sum(axis=1) / points
    mean_N = (fitted * log_N).sum(axis=1) / points
    centred = fitted * (log_C - mean_C[:, None])
    width = (centred**2).sum(axis=1)
    slope = (centred * log_N).sum(axis=1) / np.where(width > 0, width, 1)
    log_k: FloatArray = mean_N - slope * mean_C
    for row in range(len(winner)):
        if len(np.unique(edges.sizes[winner[row, fitted[row]]])) < LEAST_SIZES:
            continue
        try:
            yield both_sides(float(np.exp(log_k[row])), float(slope[row]))
        except LawError:
            continue
