"""Gathered rows become curves: runs put together, steps in order, and what cannot be a curve left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.curves import Curves
from scaling_cli.errors import InputError
from scaling_cli.files.curve_points import Gathered
from scaling_cli.files.hygiene import count_rows
from scaling_cli.files.steps import LOGGED_SHARE
from scaling_cli.findings import Finding

if TYPE_CHECKING:
    from scaling_cli.curves import BoolArray, IntArray
    from scaling_cli.runs import FloatArray

ROWS_PER_RESTART = 20
"""Tokens that go backwards once in 20 rows or less often are restarts from a checkpoint; more often than that
the rows of the file are merely in another order."""

FEW_RESTARTS = 2
"""And so are one or two steps back in a run of few rows, unless they go back beyond its first row: rows in
another order go back more often."""


@dataclass(slots=True)
class _Points:
    """The points of r runs, one run after the other, and the run each ``number`` is."""

    number: "IntArray"
    offsets: "IntArray"
    tokens: "FloatArray"
    loss: "FloatArray"
    hours: "FloatArray | None"

    def keep(self, points: "BoolArray") -> None:
        """Keep some of the points, and the runs that still have one."""
        import numpy as np

        lengths = np.add.reduceat(points, self.offsets[:-1], dtype=np.intp)
        self.tokens, self.loss = self.tokens[points], self.loss[points]
        self.hours = None if self.hours is None else self.hours[points]
        self.number = self.number[lengths > 0]
        self.offsets = np.concatenate([[0], np.cumsum(lengths[lengths > 0])])

    def reorder(self, place: slice, order: "IntArray") -> None:
        """Put the points of one run in another order."""
        self.tokens[place] = self.tokens[place][order]
        self.loss[place] = self.loss[place][order]
        if self.hours is not None:
            self.hours[place] = self.hours[place][order]


def assemble_curves(gathered: Gathered, name: str) -> tuple[Curves, "IntArray", list[Finding]]:
    """Return the curves, the number of each run in ``gathered``, and what was noticed on the way.

    Left out are rows without a loss, rows that a restart or a later row at the same tokens replaces, runs
    whose loss ends before their tokens do, and runs of one point. Raises ``InputError`` where none is left.
    """
    import numpy as np

    labels = _labels(gathered)
    findings = [*_failed(gathered), *_missing(gathered, labels)]
    points, hours_finding = _join(gathered)
    findings += hours_finding
    if len(points.tokens):
        findings += _order_steps(points, labels)
        findings += _leave_out_diverged(points, gathered, labels)
    if len(points.tokens):
        findings += _leave_out_single_points(points, labels)
    if not len(points.tokens):
        if not findings:
            why = "there are none below the header"
        elif [finding.id for finding in findings] == ["one-point-curve"]:
            why = "every run has one row"
        else:
            why = "; ".join(finding.message for finding in findings)
        hint = "a learning curve needs two rows or more of one run_id, with rising tokens and a loss"
        raise InputError(f"{name}: no curves in {count_rows(gathered.rows)}: {why}", hint=hint)
    keys = list(gathered.index)
    numbers = points.number.tolist()
    curves = Curves(
        params=np.array([keys[i][1] for i in numbers]),
        schedule_tokens=np.array([gathered.schedule.get(i, np.nan) for i in numbers]),
        names=tuple(labels[i] for i in numbers),
        offsets=points.offsets,
        tokens=points.tokens,
        loss=points.loss,
        gpu_hours=points.hours,
    )
    return curves, points.number, findings


def _labels(gathered: Gathered) -> list[str]:
    """Name the runs; one that shares its run_id with another size says its own."""
    sizes: dict[str, int] = {}
    for run_id, _ in gathered.index:
        sizes[run_id] = sizes.get(run_id, 0) + 1
    return [run_id if sizes[run_id] == 1 else f"{run_id} ({N:g} params)" for run_id, N in gathered.index]


def _failed(gathered: Gathered) -> list[Finding]:
    if not gathered.failed:
        return []
    what = ", ".join(f"{state} ({count})" for state, count in sorted(gathered.failed.items()))
    message = f"{count_rows(sum(gathered.failed.values()))} whose state is {what}: left out"
    return [Finding("failed-runs", "warning", message, tuple(gathered.failed_runs))]


def _missing(gathered: Gathered, labels: list[str]) -> list[Finding]:
    if not gathered.missing:
        return []
    count = sum(gathered.missing.values())
    message = f"{count_rows(count)} without a loss (blank, NaN or infinite): left out"
    return [Finding("missing-loss", "info", message, tuple(labels[i] for i in sorted(gathered.missing)))]


def _join(gathered: Gathered) -> tuple[_Points, list[Finding]]:
    """Put the points of each run together, in the order of the file; the blocks are used up."""
    import numpy as np

    if not gathered.tokens:
        empty = np.zeros(0)
        return _Points(np.zeros(0, dtype=np.intp), np.zeros(1, dtype=np.intp), empty, empty, None), []
    run, length = np.concatenate(gathered.run), np.concatenate(gathered.length)
    run, length = run[length > 0], length[length > 0]
    # the blocks are let go of one quantity at a time: a large file would be held twice
    tokens = _concatenate(gathered.tokens)
    loss = _concatenate(gathered.loss)
    hours = _concatenate(gathered.hours) if gathered.hours else None
    findings: list[Finding] = []
    if hours is not None and (len(hours) != len(tokens) or not np.isfinite(hours).all()):
        message = "gpu_hours are blank in some rows: the curves are read without them"
        findings.append(Finding("blank-gpu-hours", "info", message))
        hours = None
    is_first = np.ones(len(run), dtype=bool)
    is_first[1:] = run[1:] != run[:-1]
    number = run[is_first]
    if len(np.unique(number)) == len(number):
        ends = np.cumsum(length)
        offsets = np.concatenate([ends[is_first] - length[is_first], ends[-1:]])
        return _Points(number, offsets, tokens, loss, hours), findings
    order = np.argsort(np.repeat(run, length), kind="stable")
    number = np.unique(run)
    counts = np.bincount(run, weights=length).astype(np.intp)[number]
    tokens, loss = tokens[order], loss[order]
    hours = None if hours is None else hours[order]
    return _Points(number, np.concatenate([[0], np.cumsum(counts)]), tokens, loss, hours), findings


def _concatenate(blocks: "list[FloatArray]") -> "FloatArray":
    import numpy as np

    whole = np.concatenate(blocks)
    blocks.clear()
    return whole


def _order_steps(points: _Points, labels: list[str]) -> list[Finding]:
    """Make tokens rise within every run."""
    import numpy as np

    falls = np.flatnonzero(points.tokens[1:] <= points.tokens[:-1]) + 1
    falls = falls[~np.isin(falls, points.offsets)]
    if not falls.size:
        return []
    keep = np.ones(len(points.tokens), dtype=bool)
    kinds: dict[str, dict[int, int]] = {"restarted": {}, "unsorted": {}, "repeated": {}}
    for run in np.unique(np.searchsorted(points.offsets, falls, side="right") - 1).tolist():
        place = slice(int(points.offsets[run]), int(points.offsets[run + 1]))
        tokens = points.tokens[place]
        backwards = int((np.diff(tokens) < 0).sum())
        if _is_unsorted(backwards, tokens):
            points.reorder(place, np.argsort(tokens, kind="stable"))
            kinds["unsorted"][run] = backwards
            backwards = 0
        tokens = points.tokens[place]
        # a row stays where every later one has more tokens
        keep[place][:-1] = tokens[:-1] < np.minimum.accumulate(tokens[::-1])[::-1][1:]
        dropped = int((~keep[place]).sum())
        if dropped:
            kinds["restarted" if backwards else "repeated"][run] = dropped
    names = {kind: tuple(labels[points.number[run]] for run in runs) for kind, runs in kinds.items()}
    points.keep(keep)
    return _step_findings(kinds, names)


def _is_unsorted(backwards: int, tokens: "FloatArray") -> bool:
    """Say whether rows are in another order than that of their tokens, and no run was restarted."""
    if backwards <= FEW_RESTARTS:
        # a checkpoint is from after the first row
        return bool(tokens.min() < tokens[0]) and backwards * ROWS_PER_RESTART > len(tokens)
    return backwards * ROWS_PER_RESTART > len(tokens)


def _step_findings(
    kinds: Mapping[str, Mapping[int, int]], names: Mapping[str, tuple[str, ...]]
) -> list[Finding]:
    findings = []
    if kinds["restarted"]:
        message = (
            f"tokens go backwards in {count_runs(len(kinds['restarted']))}: taken as restarts from a "
            f"checkpoint, whose later rows replace {count_rows(sum(kinds['restarted'].values()))}"
        )
        findings.append(Finding("restarted-runs", "warning", message, names["restarted"]))
    if kinds["unsorted"]:
        message = (
            f"the rows of {count_runs(len(kinds['unsorted']))} are not in the order of their tokens: sorted"
        )
        findings.append(Finding("unsorted-curves", "info", message, names["unsorted"]))
    if kinds["repeated"]:
        count = sum(kinds["repeated"].values())
        repeat, their = ("repeats", "its") if count == 1 else ("repeat", "their")
        message = (
            f"{count_rows(count)} {repeat} the tokens of another row of {their} run: of each the last in the "
            "file is read"
        )
        findings.append(Finding("duplicate-steps", "warning", message, names["repeated"]))
    return findings


def _leave_out_diverged(points: _Points, gathered: Gathered, labels: list[str]) -> list[Finding]:
    """Leave out runs that went on without a loss: what they last had is no end of a schedule."""
    import numpy as np

    last = points.tokens[points.offsets[1:] - 1]
    went_to = np.array([gathered.last_tokens.get(i, 0.0) for i in points.number.tolist()])
    out = last < LOGGED_SHARE * went_to
    if not out.any():
        return []
    several = out.sum() > 1
    message = (
        f"{count_runs(int(out.sum()))} whose last rows have no loss: left out, with "
        f"{'their' if several else 'its'} earlier rows"
    )
    names = tuple(labels[i] for i in points.number[out].tolist())
    points.keep(np.repeat(~out, np.diff(points.offsets)))
    return [Finding("diverged-run", "warning", message, names)]


def _leave_out_single_points(points: _Points, labels: list[str]) -> list[Finding]:
    import numpy as np

    single = np.diff(points.offsets) < 2
    if not single.any():
        return []
    several = single.sum() > 1
    are = "they are no curves" if several else "it is no curve"
    message = f"{count_runs(int(single.sum()))} with one row: left out, for {are}"
    names = tuple(labels[i] for i in points.number[single].tolist())
    points.keep(np.repeat(~single, np.diff(points.offsets)))
    return [Finding("one-point-curve", "warning", message, names)]


def count_runs(count: int) -> str:
    """Write a number of runs: ``1 run``, ``12 runs``."""
    return f"{count} run{'' if count == 1 else 's'}"
