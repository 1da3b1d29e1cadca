"""Rows that share a run: its steps, of which the last is the run, and its repeats, which all are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from scaling_cli.errors import QuantityError
from scaling_cli.files.cells import is_missing, read_number
from scaling_cli.files.columns import column_option, normalise
from scaling_cli.files.hygiene import count_rows
from scaling_cli.files.rows import Rows, column_cells
from scaling_cli.findings import Finding

if TYPE_CHECKING:
    from scaling_cli.files.rows import IntArray

SAME_TOKENS = 0.001
"""Rows of a run whose tokens all lie within 0.1 % of each other are repeats of it, not its steps."""

LOGGED_SHARE = 0.98
"""A loss that is logged only now and then stands for the run where it was read at 98 % of its tokens."""

_ROWS_OF_A_CURVE = 5
_SHARE_OF_FALLS = 0.8
_MAYBE_RUN_IDS = ("name", "id", "model")


@dataclass(frozen=True, slots=True)
class _Run:
    """The rows (indices) of one run in the order of its training, and what becomes of them."""

    name: str
    rows: list[int]
    used: list[int]
    missing: list[int]
    is_curve: bool


@dataclass(slots=True)
class _Chosen:
    """Which rows are kept, and the runs behind them."""

    rows: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    runs: list[_Run] = field(default_factory=list)


def choose_rows(rows: Rows, kept: "IntArray", *, all_steps: bool) -> "tuple[IntArray, list[Finding]]":
    """Keep the rows that have a loss: of each run the last one, or all of them.

    A run is a run_id with one size: rows that share a run_id and differ in params are different runs. Its
    last row is the one with the most tokens, of the latest step among equals. A run whose last row has no
    loss did not finish, and is left out whole, unless its loss is merely logged on few of its rows. Rows of
    equal tokens that no step tells apart are repeats, and all stay.
    """
    import numpy as np

    kept, duplicates = _leave_out_duplicates(rows, kept)
    chosen = _choose(rows, kept, all_steps=all_steps)
    findings = [
        duplicates,
        _missing_loss(rows, chosen),
        _diverged([] if all_steps else chosen.runs),
        _steps_found(rows, chosen.runs, all_steps=all_steps),
        _repeats(chosen.runs),
    ]
    index = np.array(sorted(chosen.rows), dtype=np.intp)
    return index, [finding for finding in findings if finding]


def find_maybe_steps(rows: Rows, kept: "IntArray") -> Finding | None:
    """Say which column looks like a run_id, where none is known: one size, rising tokens, falling loss."""
    if rows.columns.get("run_id") is not None or rows.columns.get("step") is not None:
        return None
    for column in rows.table.columns:
        if normalise(column) in _MAYBE_RUN_IDS and _holds_curves(rows, kept, column):
            message = (
                f"{column} repeats with one size, rising tokens and falling loss, as a run's steps do: "
                f"if they are, {column_option('run_id', column)} fits the last of each and not all"
            )
            return Finding("maybe-steps", "warning", message)
    return None


def _leave_out_duplicates(rows: Rows, kept: "IntArray") -> "tuple[IntArray, Finding | None]":
    """Keep one of rows that are the same in every cell and name the same run."""
    import numpy as np

    seen: set[tuple[str, ...]] = set()
    is_first = []
    for i in kept.tolist():
        cells = tuple(cell.strip() for cell in rows.table.rows[i].cells)
        is_first.append(rows.run_ids[i] is None or cells not in seen)
        seen.add(cells)
    first = np.array(is_first, dtype=bool)
    if first.all():
        return kept, None
    out = kept[~first].tolist()
    message = f"{count_rows(len(out))} that repeat another in every cell: left out"
    return kept[first], Finding("duplicate-runs", "info", message, _labels(rows, out))


def _choose(rows: Rows, kept: "IntArray", *, all_steps: bool) -> _Chosen:
    chosen = _Chosen()
    groups: dict[tuple[str, float], list[int]] = {}
    for i in kept.tolist():
        run_id = rows.run_ids[i]
        if run_id is None:
            (chosen.rows if _has_loss(rows, i) else chosen.missing).append(i)
        else:
            # NaN is no key: it differs from itself
            size = float(rows.params[i])
            groups.setdefault((run_id, 0.0 if math.isnan(size) else size), []).append(i)
    steps = _steps(rows)
    for (run_id, _), members in groups.items():
        run = _choose_run(rows, run_id, members, steps)
        chosen.runs.append(run)
        chosen.rows += [i for i in members if _has_loss(rows, i)] if all_steps else run.used
        chosen.missing += [i for i in members if not _has_loss(rows, i)] if all_steps else run.missing
    return chosen


def _choose_run(rows: Rows, name: str, members: list[int], steps: Sequence[float | None]) -> _Run:
    """Choose the rows of one run that stand for it: none where it did not finish."""
    ordered = sorted(members, key=lambda i: (_tokens(rows, i), steps[i] or 0.0, i))
    logged = [i for i in ordered if _has_loss(rows, i)]
    if not logged:
        return _Run(name, ordered, used=[], missing=ordered, is_curve=False)
    last = _last_rows(rows, ordered, steps)
    is_curve = len(last) < len(ordered)
    used = [i for i in last if _has_loss(rows, i)]
    if not used:
        after = ordered[ordered.index(logged[-1]) + 1 :]
        share = _tokens(rows, logged[-1]) / _tokens(rows, ordered[-1])
        if share >= LOGGED_SHARE and all(_is_blank(rows, i) for i in after):
            used = _last_rows(rows, logged, steps)
    missing = [] if is_curve else [i for i in ordered if not _has_loss(rows, i)]
    return _Run(name, ordered, used=used, missing=missing, is_curve=is_curve)


def _last_rows(rows: Rows, ordered: list[int], steps: Sequence[float | None]) -> list[int]:
    """Return the last of a run's rows, or all that nothing tells apart: repeats."""
    most, least = _tokens(rows, ordered[-1]), _tokens(rows, ordered[0])
    all_alike = least >= (1 - SAME_TOKENS) * most
    last = ordered if all_alike else [i for i in ordered if _tokens(rows, i) == most]
    numbered = {steps[i] for i in last if steps[i] is not None}
    if len(numbered) == len(last):
        return [max(last, key=lambda i: (steps[i] or 0.0, _tokens(rows, i)))]
    return last


def _missing_loss(rows: Rows, chosen: _Chosen) -> Finding | None:
    if not chosen.missing:
        return None
    # a run of which another row is fitted is not left out
    fitted = {rows.labels[i] for i in chosen.rows}
    names = tuple(label for label in _labels(rows, sorted(chosen.missing)) if label not in fitted)
    message = f"{count_rows(len(chosen.missing))} without a loss (blank, NaN or infinite): left out"
    return Finding("missing-loss", "warning", message, names)


def _diverged(runs: list[_Run]) -> Finding | None:
    out = [run for run in runs if not run.used and not run.missing]
    if not out:
        return None
    several = len(out) > 1
    message = (
        f"{_count_runs(len(out))} whose last row has no loss: left out, "
        f"with {'their' if several else 'its'} earlier rows"
    )
    return Finding("diverged-run", "warning", message, _names(out))


def _steps_found(rows: Rows, runs: list[_Run], *, all_steps: bool) -> Finding | None:
    curves = [run for run in runs if run.is_curve and (run.used or all_steps)]
    if not curves:
        return None
    fitted = [i for run in curves for i in run.rows if not all_steps or _has_loss(rows, i)]
    what = f"{len(fitted)} rows belong to {_count_runs(len(curves))}"
    if all_steps:
        message = (
            f"{what}: all are fitted, though losses along a run are read before its schedule has decayed"
        )
        return Finding("all-steps", "warning", f"{message}, and are too high", _names(curves))
    message = f"{what}: of each the row with the most tokens is fitted (--all-steps fits all)"
    return Finding("last-steps", "info", message, _names(curves))


def _repeats(runs: list[_Run]) -> Finding | None:
    repeated = [run for run in runs if len(run.used) > 1]
    if not repeated:
        return None
    many = sum(len(run.used) for run in repeated)
    message = (
        f"{many} rows are repeats (seeds) of {_count_runs(len(repeated))}, "
        "alike in run_id, params and tokens: all are fitted"
    )
    return Finding("repeats", "info", message, _names(repeated))


def _holds_curves(rows: Rows, kept: "IntArray", column: str) -> bool:
    """Say whether most values of a column, each with many rows, look like one run's steps."""
    cells = column_cells(rows.table, column)
    groups: dict[str, list[int]] = {}
    for i in kept.tolist():
        if not is_missing(cells[i]):
            groups.setdefault(cells[i].strip(), []).append(i)
    if not groups or sum(map(len, groups.values())) <= _ROWS_OF_A_CURVE * len(groups):
        return False
    return sum(_is_curve(rows, group) for group in groups.values()) > len(groups) / 2


def _is_curve(rows: Rows, group: list[int]) -> bool:
    if len(group) < 2 or len({float(rows.params[i]) for i in group}) > 1:
        return False
    ordered = sorted(group, key=lambda i: float(rows.tokens[i]))
    pairs = list(pairwise(ordered))
    rises = all(rows.tokens[i] < rows.tokens[j] for i, j in pairs)
    falls = sum(bool(rows.loss[i] > rows.loss[j]) for i, j in pairs)
    return rises and falls >= _SHARE_OF_FALLS * len(pairs)


def _steps(rows: Rows) -> list[float | None]:
    """Return the step of each row, None where it has none: it only decides between rows of equal tokens."""
    cells = rows.cells("step")
    if cells is None:
        return [None] * len(rows.labels)
    steps: list[float | None] = []
    for cell in cells:
        try:
            steps.append(read_number(cell))
        except QuantityError:
            steps.append(None)
    return steps


def _tokens(rows: Rows, i: int) -> float:
    """Return the tokens of a row; one that has none comes before all others."""
    tokens = float(rows.tokens[i])
    return 0.0 if math.isnan(tokens) else tokens


def _has_loss(rows: Rows, i: int) -> bool:
    return not math.isnan(rows.loss[i])


def _is_blank(rows: Rows, i: int) -> bool:
    """Say whether a row's loss was not written down, which differs from one that was not a number."""
    cell = rows.table.rows[i].cells[rows.table.columns.index(rows.columns.names["loss"])]
    return is_missing(cell) and cell.strip(" \t\"'").lower() != "nan"


def _count_runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _names(runs: list[_Run]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.name for run in runs))


def _labels(rows: Rows, index: Sequence[int]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rows.labels[i] for i in index))
