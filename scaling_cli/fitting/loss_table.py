"""What every run's learning curve says at each of many budgets, and which run has the least loss."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.curves import Curves
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    from scaling_cli.curves import IntArray
    from scaling_cli.runs import FloatArray

NO_RUN = -1
"""In place of a run's index: none is read at that budget."""

ROUNDING = 1e-9
"""In log C: budgets this close are one."""


@dataclass(frozen=True, slots=True, eq=False)
class LossTable:
    """The losses of r runs at g budgets.

    ``flops`` (g,) are log-spaced, ``params`` (r,) the runs' N, and ``loss`` (r, g) holds L in nats per token,
    infinite where a run is not read at a budget.
    """

    flops: "FloatArray"
    params: "FloatArray"
    loss: "FloatArray"


def tabulate(curves: Curves, losses: "FloatArray", *, budgets: int, last: float) -> LossTable | None:
    """Return L_i(C), linear in log C between the points of run i, at ``budgets`` log-spaced C.

    A run is read from where the ``last`` share of its schedule begins up to its last point. ``losses`` (p,)
    are those of the points, smoothed or not. None where no run gets as far as being read.
    """
    import numpy as np

    starts = np.maximum(curves.tokens[curves.offsets[:-1]], (1 - last) * curves.schedule)
    ends = curves.last_tokens
    read = np.flatnonzero(starts <= ends)
    if not read.size:
        return None
    flops_per_token = FLOPS_PER_PARAM_TOKEN * curves.params
    flops = np.geomspace(
        (flops_per_token * starts)[read].min(), (flops_per_token * ends)[read].max(), budgets
    )
    log_C = np.log(flops)
    table = np.full((len(curves), budgets), np.inf)
    for run in read.tolist():
        place = curves.points(run)
        tokens = curves.tokens[place]
        # the point before the start, so that the loss at the start lies between two
        first = max(0, int(np.searchsorted(tokens, starts[run], side="right")) - 1)
        log_start, log_end = np.log(flops_per_token[run] * np.array([starts[run], ends[run]]))
        # the ends of the grid are ends of runs, to a rounding
        low = int(np.searchsorted(log_C, log_start - ROUNDING))
        high = int(np.searchsorted(log_C, log_end + ROUNDING))
        points = np.log(flops_per_token[run] * tokens[first:])
        table[run, low:high] = np.interp(log_C[low:high], points, losses[place][first:])
    return LossTable(flops=flops, params=curves.params, loss=table)


def find_winners(table: LossTable) -> "IntArray":
    """Return the run of least loss at each budget, shape (g,); ``NO_RUN`` where none is read."""
    import numpy as np

    won = np.isfinite(table.loss).any(axis=0)
    return np.where(won, np.argmin(table.loss, axis=0), NO_RUN)
