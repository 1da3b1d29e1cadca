"""Edges: the budgets whose best size may lie beyond the sizes that were run; they leave an envelope's fit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.fitting.loss_table import NO_RUN, LossTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.curves import BoolArray, IntArray

SAME_SIZE = 0.01
"""Sizes within 1 % of each other are one: neither lies between the other and the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """What tells an edge for a table of r runs at g budgets.

    ``sizes`` (r,) number the sizes of the runs in ascending order, those within 1 % of each other alike.
    ``is_read`` (r, g) says which runs are read where; ``ascending`` and ``descending`` (r, g) list those of
    each budget by size, and ``read`` (g,) counts them. ``is_local`` says whether a winner is held against
    the sizes read at its own budget as well as against all.
    """

    sizes: "IntArray"
    is_read: "BoolArray"
    ascending: "IntArray"
    descending: "IntArray"
    read: "IntArray"
    is_local: bool

    def find(self, winner: "IntArray", present: "BoolArray") -> "BoolArray":
        """Return which budgets are edges, shape (s, g), where only the runs ``present`` (s, r) were there.

        ``winner`` (s, g) is the run of least loss, or ``NO_RUN``. An edge is won by the smallest or the
        largest size, of those read at that budget or of all; and so is every budget below one that the
        smallest of all wins against the next, or above one that the largest wins against the next: there too
        sizes beyond them would have won, which shifts what is left towards the middle.
        """
        import numpy as np

        won = winner != NO_RUN
        size = np.where(won, self.sizes[winner], NO_RUN)
        column = np.arange(winner.shape[1])
        edge = np.zeros(winner.shape, dtype=bool)
        for sample, there in enumerate(present):
            sizes = np.unique(self.sizes[there])
            smallest, largest = sizes[0], sizes[-1]
            ends = (size[sample] == smallest) | (size[sample] == largest)
            low = (size[sample] == smallest) & self._reads(sizes[min(1, len(sizes) - 1)], there)
            high = (size[sample] == largest) & self._reads(sizes[max(-2, -len(sizes))], there)
            below = np.where(low, column, -1).max()
            above = np.where(high, column, len(column)).min()
            edge[sample] = ends | (column <= below) | (column >= above)
        if self.is_local:
            first = self.sizes[first_present(self.ascending, self.read, present)]
            last = self.sizes[first_present(self.descending, self.read, present)]
            edge |= (size == first) | (size == last)
        found: BoolArray = won & edge
        return found

    def _reads(self, size: int, there: "BoolArray") -> "BoolArray":
        """Say at which budgets a size is read, shape (g,), where only some runs are there."""
        found: BoolArray = self.is_read[(self.sizes == size) & there].any(axis=0)
        return found


def prepare_edges(table: LossTable, *, is_local: bool) -> Edges:
    """Sort the runs of a table by size, at each budget those that are read."""
    import numpy as np

    sizes = number_sizes(table.params)
    is_read = np.isfinite(table.loss)
    count = len(sizes)
    return Edges(
        sizes=sizes,
        is_read=is_read,
        ascending=np.argsort(np.where(is_read, sizes[:, None], count), axis=0, kind="stable"),
        descending=np.argsort(np.where(is_read, -sizes[:, None], 1), axis=0, kind="stable"),
        read=is_read.sum(axis=0),
        is_local=is_local,
    )


def number_sizes(params: "NDArray[np.float64]") -> "IntArray":
    """Number sizes from 0 in ascending order, those within ``SAME_SIZE`` of the least of a group alike."""
    import numpy as np

    order = np.argsort(params, kind="stable")
    numbers = np.zeros(len(params), dtype=np.intp)
    number, least = -1, 0.0
    for i in order.tolist():
        if params[i] > least * (1 + SAME_SIZE):
            number, least = number + 1, float(params[i])
        numbers[i] = number
    return numbers


def count_sizes(table: LossTable) -> "IntArray":
    """Return how many sizes are read at each budget, shape (g,)."""
    import numpy as np

    sizes, is_read = number_sizes(table.params), np.isfinite(table.loss)
    counts: IntArray = np.sum([is_read[sizes == size].any(axis=0) for size in np.unique(sizes)], axis=0)
    return counts


def first_present(order: "IntArray", read: "IntArray", present: "BoolArray") -> "IntArray":
    """Return the first run of each column of ``order`` that is present, ``NO_RUN`` where none is.

    ``order`` (r, g) lists runs, of which the first ``read`` (g,) of a column count; ``present`` (s, r) says
    which are there in each of s samples. Shape (s, g).
    """
    import numpy as np

    found = np.full((len(present), order.shape[1]), NO_RUN)
    sample, budget = np.nonzero(np.broadcast_to(read > 0, found.shape))
    place = 0
    while len(sample):
        run = order[place, budget]
        is_there = present[sample, run]
        found[sample[is_there], budget[is_there]] = run[is_there]
        place += 1
        goes_on = ~is_there & (read[budget] > place)
        sample, budget = sample[goes_on], budget[goes_on]
    return found
