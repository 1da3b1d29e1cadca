"""Rows that are no finished run: what is left out of a run table, and the finding that says so."""

import re
from collections import Counter
from typing import TYPE_CHECKING

from scaling_cli.files.cells import is_missing
from scaling_cli.files.columns import Columns, normalise
from scaling_cli.files.rows import Rows, column_cells, label_rows
from scaling_cli.files.table import Table
from scaling_cli.findings import Finding

if TYPE_CHECKING:
    from scaling_cli.files.rows import BoolArray, IntArray

UNFINISHED_SHARE = 0.8
"""Runs that stop before 80 % of their schedule: a cosine 25 % too long hurts (Hoffmann 2022, App. B)."""

# as experiment trackers and schedulers (W&B, MLflow, Slurm) call runs that did not finish
_FAILED_STATES = """crashed crash failed failure fail killed diverged error errored oom outofmemory aborted
    abort preempted preempting cancelled canceled timeout timedout terminated interrupted nodefail bootfail
    deadline nan running pending queued scheduled"""
_FAILED = frozenset(_FAILED_STATES.split())
_TRUE = frozenset({"true", "1", "1.0", "yes", "y", "t"})


def count_rows(count: int) -> str:
    """Write a number of rows: ``1 row``, ``12 rows``."""
    return f"{count} row{'' if count == 1 else 's'}"


def leave_out_failed(table: Table, columns: Columns) -> "tuple[IntArray, Finding | None]":
    """Keep the rows (indices) whose state is not one of a run that crashed, was killed or still runs."""
    import numpy as np

    column = columns.get("state")
    if column is None:
        return np.arange(len(table.rows)), None
    states = [cell.strip().lower() for cell in column_cells(table, column)]
    failed = np.array([is_failure(state) for state in states], dtype=bool)
    if not failed.any():
        return np.arange(len(table.rows)), None
    counts = Counter(state for state, is_out in zip(states, failed, strict=True) if is_out)
    what = ", ".join(f"{state} ({count})" for state, count in sorted(counts.items()))
    _, labels = label_rows(table, columns)
    message = f"{count_rows(int(failed.sum()))} whose {column} is {what}: left out"
    return np.flatnonzero(~failed), Finding("failed-runs", "warning", message, _named(labels, failed))


def leave_out_unfinished(
    rows: Rows, kept: "IntArray", *, include_unfinished: bool
) -> "tuple[IntArray, Finding | None]":
    """Keep the rows that got to 80 % of their learning-rate schedule, or all of them."""
    # where there is no schedule the comparison with NaN is false
    unfinished = rows.tokens[kept] < UNFINISHED_SHARE * rows.schedule_tokens[kept]
    if not unfinished.any():
        return kept, None
    out = kept[unfinished]
    what = f"{count_rows(len(out))} short of {UNFINISHED_SHARE:.0%} of the learning-rate schedule"
    effect = "their losses are too high"
    if include_unfinished:
        message = f"{what}: fitted all the same, though {effect}, which favours size over tokens"
    else:
        message = f"{what}: left out, because {effect} (--include-unfinished fits them)"
    finding = Finding("unfinished-schedule", "warning", message, _labels(rows, out))
    return (kept if include_unfinished else kept[~unfinished]), finding


def find_simulated(rows: Rows, kept: "IntArray") -> Finding | None:
    """Say whether the runs that are kept are simulated ones."""
    cells = rows.cells("simulated")
    if cells is None:
        return None
    simulated = [i for i in kept.tolist() if cells[i].strip(" \t\"'").lower() in _TRUE]
    if not simulated:
        return None
    if len(simulated) == len(kept):
        return Finding("simulated-runs", "info", "the runs are simulated, not trained")
    message = f"{len(simulated)} of {len(kept)} runs are simulated, not trained"
    return Finding("simulated-runs", "info", message, tuple(rows.labels[i] for i in simulated))


def cluster_rows(rows: Rows, kept: "IntArray") -> tuple[str, ...] | None:
    """Return which kept rows belong together: by the cluster column, else by run where one has many rows."""
    cells = rows.cells("cluster")
    if cells is not None:
        return tuple(rows.labels[i] if is_missing(cells[i]) else cells[i].strip() for i in kept.tolist())
    if len({(rows.labels[i], float(rows.params[i])) for i in kept.tolist()}) == len(kept):
        return None
    sizes: dict[str, set[float]] = {}
    for i in kept.tolist():
        sizes.setdefault(rows.labels[i], set()).add(float(rows.params[i]))
    return tuple(
        rows.labels[i] if len(sizes[rows.labels[i]]) == 1 else f"{rows.labels[i]} ({rows.params[i]:g} params)"
        for i in kept.tolist()
    )


def is_failure(state: str) -> bool:
    """Say whether a state, whole or by its first word (``CANCELLED by 7``), is of an unfinished run."""
    first = re.split(r"[^a-z_-]", state, maxsplit=1)[0]
    return normalise(state) in _FAILED or normalise(first) in _FAILED


def _labels(rows: Rows, index: "IntArray") -> tuple[str, ...]:
    return tuple(dict.fromkeys(rows.labels[i] for i in index.tolist()))


def _named(labels: tuple[str, ...], mask: "BoolArray") -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for label, is_named in zip(labels, mask, strict=True) if is_named))
