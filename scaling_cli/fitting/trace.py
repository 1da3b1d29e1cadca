"""Tracing: the least loss that any run has at each of many budgets, and by which run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.fitting.edges import prepare_edges
from scaling_cli.fitting.loss_table import NO_RUN, LossTable, find_winners
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    from scaling_cli.curves import BoolArray, IntArray
    from scaling_cli.runs import FloatArray

BUDGETS = 1500
"""Log-spaced budgets at which the least loss is looked for (Hoffmann et al. 2022, Sec. 3.1)."""

SMOOTHING = 10
"""The Gaussian window, in logged points of a curve (Hoffmann et al. 2022, App. D: 10 steps)."""

FINAL_SHARE = 0.15
"""The share of its schedule at the end of which a run is read: the points that the paper's envelope selects
all lie in the last 15 % (Hoffmann et al. 2022, Sec. 3.1)."""

WHOLE_SHARE = 0.9
"""Along the way a run is read from a tenth of its schedule: before it come the warm-up and the first fall,
and of budgets spaced evenly in log C half and more would lie there."""


@dataclass(frozen=True, slots=True)
class EnvelopeSettings:
    """How an envelope is traced: see the constants of this module.

    ``include_unfinished`` reads the curves along the way (their last ``WHOLE_SHARE``) and not only in the
    ``final_share`` of their schedules.
    """

    smooth: int = SMOOTHING
    budgets: int = BUDGETS
    final_share: float = FINAL_SHARE
    include_unfinished: bool = False

    @property
    def read_share(self) -> float:
        """The last share of its schedule in which a run is read."""
        return WHOLE_SHARE if self.include_unfinished else self.final_share


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """The least loss that any run has at each of g budgets; all arrays have shape (g,).

    ``flops`` C are log-spaced. ``run`` is the index of the run that wins, -1 where no run is read at that
    budget; ``params`` N, ``tokens`` D = C/(6 N) and ``loss`` L are its own there, NaN where none is.
    ``is_edge`` marks the budgets whose best size may lie beyond those that were run (``Edges.find``): they
    leave the fit.
    """

    flops: "FloatArray"
    run: "IntArray"
    params: "FloatArray"
    tokens: "FloatArray"
    loss: "FloatArray"
    is_edge: "BoolArray"

    @property
    def is_won(self) -> "BoolArray":
        """Which budgets any run is read at."""
        won: BoolArray = self.run >= 0
        return won

    @property
    def is_fitted(self) -> "BoolArray":
        """Which budgets the power laws are fitted to."""
        fitted: BoolArray = self.is_won & ~self.is_edge
        return fitted


def trace_envelope(table: LossTable | None, settings: EnvelopeSettings) -> Envelope:
    """Return the run of least loss at each budget of a table, and its params, tokens and loss there."""
    import numpy as np

    if table is None:
        nothing = np.full(settings.budgets, np.nan)
        no_run = np.full(settings.budgets, NO_RUN)
        return Envelope(nothing, no_run, nothing, nothing, nothing, np.zeros(settings.budgets, dtype=bool))
    winner = find_winners(table)
    won = winner != NO_RUN
    params = np.where(won, table.params[winner], np.nan)
    edges = prepare_edges(table, is_local=not settings.include_unfinished)
    return Envelope(
        flops=table.flops,
        run=winner,
        params=params,
        tokens=table.flops / (FLOPS_PER_PARAM_TOKEN * params),
        loss=np.where(won, table.loss.min(axis=0), np.nan),
        is_edge=edges.find(winner[None], np.ones((1, len(table.params)), dtype=bool))[0],
    )
