"""Curve tables: a CSV or JSON lines file of learning curves, checked and cleared, as ``Curves``."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_cli.conditions import Condition
from scaling_cli.curves import Curves
from scaling_cli.errors import InputError
from scaling_cli.files import fast_blocks
from scaling_cli.files.columns import Columns, column_option, list_columns, recognise
from scaling_cli.files.count_units import check_ratio, refuse_small_counts, refuse_steps
from scaling_cli.files.curve_blocks import read_text_blocks
from scaling_cli.files.curve_points import Gathered, IrregularBlockError
from scaling_cli.files.curve_runs import assemble_curves, count_runs
from scaling_cli.files.flop_convention import check_flops
from scaling_cli.files.hygiene import leave_out_unfinished
from scaling_cli.files.rows import Rows, find_scales
from scaling_cli.files.run_table import RunTable, describe_columns
from scaling_cli.files.source import read_source
from scaling_cli.files.table import Table
from scaling_cli.findings import Finding
from scaling_cli.fitting.envelope_checks import SAME_SCHEDULE
from scaling_cli.names import nearest
from scaling_cli.runs import Runs
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_count, format_number

if TYPE_CHECKING:
    from scaling_cli.curves import IntArray

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""What shows progress: told what is done and how much of it there is, it gives a function to advance."""

_SPEEDS_UP = "pip install 'scaling-cli[tables]' reads files like this one in a fraction of the time"

WHERE = ("params", "tokens", "flops", "loss", "schedule_tokens", "run_id")
"""What chooses curves: params, schedule and name of the run, and what its last point says."""


@dataclass(frozen=True, slots=True, eq=False)
class CurveTable:
    """The curves of a file, and what was noticed on the way.

    ``read`` counts the data rows of the file, ``columns`` says which column each quantity was read from and
    ``loss_unit`` what the loss is in. ``final_rows`` are the last points, as a run table has its rows.
    """

    curves: Curves
    read: int
    findings: tuple[Finding, ...]
    name: str
    sha256: str
    columns: Mapping[str, str]
    params_definition: str
    loss_unit: str
    final_rows: Rows


def read_curves(
    path: str,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, float] | None = None,
    where: Sequence[Condition] = (),
    named_by: str = "",
    progress: Progress | None = None,
) -> CurveTable:
    """Read the learning curves of a CSV or JSON lines file; ``-`` is standard input.

    Columns are recognised as those of a run table, and what makes no sense refuses the file in the same
    words; a run is a run_id with one size. Large CSV files are read by polars where it is installed, and
    again by the plain reader where they hold anything but plain numbers. ``where`` chooses runs. Raises
    ``InputError`` for the file, ``UsageError`` for quantities that do not exist.
    """
    import numpy as np

    show = progress or (lambda what, total: nullcontext(lambda done: None))

    def find(names: tuple[str, ...]) -> Columns:
        place = path if path != "-" else "<stdin>"
        recognised = _recognise(names, columns or {}, place)
        refuse_steps(recognised, units or {}, place)
        return recognised

    try:
        found, gathered, name, sha256 = _read(path, find, units or {}, show)
    except InputError as error:
        raise (error.at(named_by) if named_by else error) from None
    curves, numbers, noticed = assemble_curves(gathered, name)
    rows = _final_rows(curves, found, units or {}, name)
    everything = np.arange(len(curves))
    refuse_small_counts(rows, everything)
    checks = (
        _find_changed_schedules(curves, numbers, gathered),
        _find_beyond_schedule(curves),
        _check_flops(curves, numbers, gathered),
        check_ratio(rows, everything),
        _find_simulated(curves, numbers, gathered),
    )
    curves, filtered = _keep_where(curves, where, name)
    findings = (*noticed, *filtered, *describe_columns(found, units or {}), *(f for f in checks if f))
    return CurveTable(
        curves=curves,
        read=gathered.rows,
        findings=findings,
        name=name,
        sha256=sha256,
        columns=found.names,
        params_definition=found.params_definition,
        loss_unit=found.loss_unit,
        final_rows=_final_rows(curves, found, units or {}, name),
    )


def last_points(curves: Curves) -> Runs:
    """Return the last point of each curve as a run, C = 6 N D."""
    flops = FLOPS_PER_PARAM_TOKEN * curves.params * curves.last_tokens
    return Runs(curves.params, curves.last_tokens, flops, curves.last_loss, curves.names)


def final_table(table: CurveTable, *, include_unfinished: bool = False) -> RunTable:
    """Return the last point of each curve as a table of runs, without those short of their schedule."""
    import numpy as np

    rows = table.final_rows
    kept, unfinished = leave_out_unfinished(
        rows, np.arange(len(table.curves)), include_unfinished=include_unfinished
    )
    if not len(kept):
        hint = "--include-unfinished fits them"
        raise InputError(f"{table.name}: no run gets to 80 % of its schedule", hint=hint)
    keep = np.zeros(len(table.curves), dtype=bool)
    keep[kept] = True
    return RunTable(
        runs=last_points(table.curves.select(keep)),
        read=table.read,
        findings=(*table.findings, *((unfinished,) if unfinished else ())),
        name=table.name,
        sha256=table.sha256,
        columns=table.columns,
        params_definition=table.params_definition,
        loss_unit=table.loss_unit,
        budgets=None,
        clusters=None,
        rows=rows,
        kept=kept,
    )


def _read(
    path: str, find: Callable[[tuple[str, ...]], Columns], units: Mapping[str, float], show: Progress
) -> tuple[Columns, Gathered, str, str]:
    """Return the columns and the rows of a file, its name and SHA-256."""
    if fast_blocks.is_large(path) and fast_blocks.is_installed():
        fast = fast_blocks.open_fast(path, find, units)
        gathered = Gathered()
        if fast is not None:
            try:
                with show("reading the curves", Path(path).stat().st_size) as advance:
                    for block in fast.blocks(advance):
                        gathered.add(block)
                return fast.columns, gathered, path, fast.sha256
            except IrregularBlockError:
                pass  # the plain reader names the cell, or makes sense of it
    source = read_source(path)
    gathered = Gathered()
    with show("reading the curves", source.text.count("\n") or 1) as advance:
        found, blocks = read_text_blocks(source.text, source.name, find, units, advance)
        for block in blocks:
            gathered.add(block)
    return found, gathered, source.name, source.sha256


def why_slow(path: str) -> str | None:
    """Return what would read a large file sooner, None where nothing is missing."""
    return _SPEEDS_UP if fast_blocks.is_large(path) and not fast_blocks.is_installed() else None


def _recognise(names: tuple[str, ...], named: Mapping[str, str], place: str) -> Columns:
    """Find the columns; a curve needs a run_id besides what a run needs."""
    try:
        found = recognise(names, named, place)
    except InputError as error:
        if "tokens or flops" in error.message:
            hint = "where only steps are counted: --column tokens=STEP --unit tokens=TOKENS_PER_STEP"
            raise InputError(error.message, hint=hint) from None
        raise
    if found.get("run_id") is None:
        hint = f"name the column that says which run a row is of: {column_option('run_id', None)}"
        raise InputError(f"{place}: no column for run_id ({list_columns(names)})", hint=hint)
    return found


def _final_rows(curves: Curves, columns: Columns, units: Mapping[str, float], name: str) -> Rows:
    """Return the last points as the rows of a run table, for the checks that run tables go through."""
    import numpy as np

    blank, derived = np.full(len(curves), np.nan), np.full(len(curves), "tokens" not in columns.names)
    runs = last_points(curves)
    return Rows(
        table=Table(name=name, columns=(), rows=()),
        columns=columns,
        scale=find_scales(columns, units),
        params=runs.params,
        tokens=runs.tokens,
        flops=runs.flops,
        loss=runs.loss,
        budget=blank,
        schedule_tokens=curves.schedule_tokens,
        unique_tokens=blank,
        tokens_derived=derived,
        flops_derived=~derived,
        run_ids=runs.names,
        labels=runs.names,
    )


def _check_flops(curves: Curves, numbers: "IntArray", gathered: Gathered) -> Finding | None:
    """Compare the FLOPs that the file gives at the end of each run with 6ND, where it gives tokens too."""
    import numpy as np

    runs = last_points(curves)
    flops = np.array([gathered.last_flops.get(i, np.nan) for i in numbers.tolist()])
    # of a run that was cut, the last FLOPs are not those of its last point
    went_to = np.array([gathered.last_tokens.get(i, np.nan) for i in numbers.tolist()])
    given = np.isfinite(flops) & (went_to == curves.last_tokens)
    if not given.any():
        return None
    return check_flops(runs, replace(runs.select(given), flops=flops[given]))


def _find_changed_schedules(curves: Curves, numbers: "IntArray", gathered: Gathered) -> Finding | None:
    """Warn of runs whose rows differ in the length of the schedule."""
    most, least = gathered.schedule, gathered.least_schedule
    changed = {
        name: f"{format_count(least[i], 3)} to {format_count(most[i], 3)}"
        for name, i in zip(curves.names, numbers.tolist(), strict=True)
        if i in most and least[i] < most[i]
    }
    if not changed:
        return None
    message = (
        f"schedule_tokens of {count_runs(len(changed))} change along the run, of the first from "
        f"{next(iter(changed.values()))}: the most are taken for the end of the schedule"
    )
    return Finding("schedule-changes", "warning", message, tuple(changed))


def _find_beyond_schedule(curves: Curves) -> Finding | None:
    """Warn of runs that go on after the end of their schedule."""
    beyond = curves.last_tokens / curves.schedule
    names = tuple(
        name for name, times in zip(curves.names, beyond.tolist(), strict=True) if times > 1 + SAME_SCHEDULE
    )
    if not names:
        return None
    message = (
        f"{count_runs(len(names))} {'goes' if len(names) == 1 else 'go'} on beyond schedule_tokens, up to "
        f"{format_number(float(beyond.max()), 3)} times as far: either these are wrong, or the learning rate "
        "was at its end for the rest"
    )
    return Finding("beyond-schedule", "warning", message, names)


def _find_simulated(curves: Curves, numbers: "IntArray", gathered: Gathered) -> Finding | None:
    """Say whether the runs are simulated ones."""
    names = tuple(
        name for name, i in zip(curves.names, numbers.tolist(), strict=True) if i in gathered.simulated
    )
    if not names:
        return None
    if len(names) == len(curves):
        return Finding("simulated-runs", "info", "the runs are simulated, not trained")
    message = f"{len(names)} of {len(curves)} runs are simulated, not trained"
    return Finding("simulated-runs", "info", message, names)


def _keep_where(
    curves: Curves, conditions: Sequence[Condition], name: str
) -> tuple[Curves, tuple[Finding, ...]]:
    """Keep the runs that meet all conditions, by what is known of the whole run."""
    import numpy as np

    if not conditions:
        return curves, ()
    runs = last_points(curves)
    known: dict[str, Sequence[float | str]] = {
        quantity: getattr(runs, quantity).tolist() for quantity in ("params", "tokens", "flops", "loss")
    }
    known |= {"schedule_tokens": curves.schedule.tolist(), "run_id": list(curves.names)}
    keep = np.ones(len(curves), dtype=bool)
    said = []
    for condition in conditions:
        values = known.get(condition.field.strip().lower())
        if values is None:
            near = nearest(condition.field, WHERE)
            hint = f"did you mean {near}?" if near else "a row of a curve is kept or left out with its run"
            what = f"--where chooses whole curves, by {', '.join(WHERE)}, not by {condition.field!r}"
            raise InputError(f"{name}: {what}", hint=hint)
        meets = np.array([condition.holds(value) for value in values], dtype=bool)
        said.append(f'--where "{condition}" leaves out {count_runs(int((keep & ~meets).sum()))}')
        keep &= meets
    finding = Finding("filtered", "info", "; ".join(said))
    if not keep.any():
        hint = "loosen a condition: a run is kept where it meets all of them"
        raise InputError(f"{name}: no curves left of {len(curves)}: {finding.message}", hint=hint)
    return curves.select(keep), (finding,)
