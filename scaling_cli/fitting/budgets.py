"""The budgets that runs have in common: by a column that names them, else by windows of C = 6 N D."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.errors import UsageError
from scaling_cli.runs import Runs
from scaling_cli.units import format_flops

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import FloatArray

    IntArray = NDArray[np.intp]

SAME_BUDGET = 0.1
"""Runs whose C lies within 10 % of one figure were meant to have that budget."""

LEAST_RUNS_PER_BUDGET = 4
"""Fewer sizes than that show no minimum: they are no IsoFLOP profile."""

SAME_NAME = 1e-6
"""Two spellings of one nominal budget differ by their rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class BudgetRuns:
    """The runs of one budget (FLOPs), by their indices in the table, in ascending order of C."""

    budget: float
    index: "IntArray"


@dataclass(frozen=True, slots=True, eq=False)
class Budgets:
    """The groups from the least budget to the largest, and the indices of the runs that are in none.

    ``is_nominal`` says that a column named the budgets.
    """

    groups: tuple[BudgetRuns, ...]
    outside: "IntArray"
    is_nominal: bool


def group_budgets(
    runs: Runs,
    nominal: "FloatArray | None" = None,
    *,
    tolerance: float = SAME_BUDGET,
    picked: Sequence[float] = (),
) -> Budgets:
    """Put runs into budgets.

    Where most runs share their ``nominal`` budget (FLOPs, shape (n,)) with another, each figure that two
    runs share is a budget; else the budgets are the ``windows`` of 6 N D. ``picked`` budgets take the
    runs whose nominal budget, or 6 N D, lies within ``tolerance`` of them. ``tolerance`` is a share
    between 0 and 1. Raises ``UsageError`` for a picked budget that no run has.
    """
    import numpy as np

    is_nominal = nominal is not None and _is_shared(nominal)
    C = nominal if is_nominal and nominal is not None else runs.flops_6ND
    if picked:
        groups = _pick(C, tolerance, picked)
    elif is_nominal:
        groups = _shared(C)
    else:
        groups = [BudgetRuns(float(np.median(C[index])), index) for index in windows(C, tolerance)]
    groups.sort(key=lambda group: group.budget)
    inside = np.zeros(len(runs), dtype=bool)
    for group in groups:
        inside[group.index] = True
    return Budgets(tuple(groups), np.flatnonzero(~inside), is_nominal)


def windows(C: "FloatArray", tolerance: float = SAME_BUDGET) -> list["IntArray"]:
    """Return repeatedly the +-``tolerance`` window of C that holds most of the remaining runs, at least four.

    Each is the indices of its runs in ascending order of C, shape (n,). To chain neighbours instead would
    make one budget of everything between two runs that many small steps connect.
    """
    import numpy as np

    left = np.argsort(C, kind="stable")
    found = []
    while len(left) >= LEAST_RUNS_PER_BUDGET:
        ends = np.searchsorted(C[left], C[left] * (1 + tolerance) / (1 - tolerance), side="right")
        counts = ends - np.arange(len(left))
        first = int(counts.argmax())
        if counts[first] < LEAST_RUNS_PER_BUDGET:
            break
        found.append(left[first : ends[first]])
        left = np.delete(left, slice(first, ends[first]))
    return found


def _is_shared(nominal: "FloatArray") -> bool:
    """Say whether most runs share their nominal budget with another: a column of 6 N D names none."""
    groups = _shared(nominal)
    return 2 * sum(len(group.index) for group in groups) >= len(nominal)


def _shared(nominal: "FloatArray") -> list[BudgetRuns]:
    """Return the nominal budgets that two runs or more have."""
    import numpy as np

    order = np.argsort(nominal, kind="stable")
    breaks = np.flatnonzero(np.diff(np.log(nominal[order])) > SAME_NAME) + 1
    groups = [index for index in np.split(order, breaks) if len(index) > 1]
    return [BudgetRuns(float(np.median(nominal[index])), index) for index in groups]


def _pick(C: "FloatArray", tolerance: float, picked: Sequence[float]) -> list[BudgetRuns]:
    """Return the runs of each picked budget; between two that overlap the nearer one gets a run."""
    import numpy as np

    values = np.unique(np.asarray(picked, dtype=np.float64))
    nearest = np.abs(np.log(C[:, None] / values)).argmin(axis=1)
    is_near = np.abs(C / values[nearest] - 1) <= tolerance
    groups = []
    for place, value in enumerate(values.tolist()):
        index = np.flatnonzero(is_near & (nearest == place))
        if not index.size:
            closest = format_flops(float(C[np.abs(np.log(C / value)).argmin()]), 3)
            raise UsageError(
                f"--budgets: no run has a budget of {format_flops(value)} FLOPs",
                hint=f"the nearest run has {closest}",
            )
        groups.append(BudgetRuns(value, index[np.argsort(C[index], kind="stable")]))
    return groups
