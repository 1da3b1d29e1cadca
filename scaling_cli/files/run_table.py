"""Run tables: a CSV or JSON lines file of training runs, checked, completed and cleared, as ``Runs``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.conditions import Condition
from scaling_cli.errors import InputError
from scaling_cli.files.columns import Columns, normalise, recognise
from scaling_cli.files.filters import keep_where
from scaling_cli.files.flop_convention import check_counts, check_flops
from scaling_cli.files.hygiene import (
    cluster_rows,
    count_rows,
    find_simulated,
    keep_last_steps,
    leave_out_failed,
    leave_out_missing_losses,
    leave_out_unfinished,
)
from scaling_cli.files.rows import Rows, measure_rows
from scaling_cli.files.source import read_source
from scaling_cli.files.table import parse_table
from scaling_cli.findings import Finding
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    from scaling_cli.files.rows import IntArray
    from scaling_cli.runs import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RunTable:
    """The runs of a file that are fit to be fitted, and what was noticed on the way.

    ``read`` counts the data rows of the file; ``columns`` says which column each quantity was read from
    and ``loss_unit`` what the loss is in. ``budgets`` (shape (n,)) holds the nominal budget of each run
    where the file has a column for it, else None; ``clusters`` says which runs belong together where
    some do, else None. ``flops`` of the runs are the file's where ``has_flops``, else 6ND.
    """

    runs: Runs
    read: int
    findings: tuple[Finding, ...]
    name: str
    sha256: str
    columns: Mapping[str, str]
    params_definition: str
    loss_unit: str
    has_tokens: bool
    has_flops: bool
    budgets: "FloatArray | None" = None
    clusters: tuple[str, ...] | None = None


def read_runs(
    path: str,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, float] | None = None,
    where: Sequence[Condition] = (),
    drop_highest_losses: int = 0,
    all_steps: bool = False,
    include_unfinished: bool = False,
) -> RunTable:
    """Read the runs of a CSV or JSON lines file; ``-`` is standard input.

    ``columns`` names the column of a quantity where its name does not say so; ``units`` says what a
    column is counted in (``{"params": 1e6}``: in millions). Numbers that make no sense make the file be
    refused, all of them named; rows that are no finished run are left out and reported as findings.
    Raises ``InputError`` for the file, ``UsageError`` for quantities that do not exist.
    """
    source = read_source(path)
    table = parse_table(source.text, source.name)
    found = recognise(table.columns, columns or {}, table.name)
    wanted, failed = leave_out_failed(table, found)
    rows = measure_rows(table, found, wanted, units or {})
    kept, missing = leave_out_missing_losses(rows, wanted)
    kept, steps = keep_last_steps(rows, kept, all_steps=all_steps)
    kept, unfinished = leave_out_unfinished(rows, kept, include_unfinished=include_unfinished)
    kept, filtered = keep_where(rows, kept, where)
    kept, dropped = _drop_highest_losses(rows, kept, drop_highest_losses)
    left_out = [finding for finding in (failed, missing, steps, unfinished, filtered, dropped) if finding]
    if not len(kept):
        raise _nothing_left(table.name, len(table.rows), left_out)
    runs = _runs(rows, kept)
    gflops = found.flop_unit != 1 and "flops" not in (units or {})
    findings = [*left_out, *_describe_columns(found, gflops=gflops), *_describe_counts(rows, kept, runs)]
    simulated = find_simulated(rows, kept)
    return RunTable(
        runs=runs,
        read=len(table.rows),
        findings=(*findings, simulated) if simulated else tuple(findings),
        name=source.name,
        sha256=source.sha256,
        columns=found.names,
        params_definition=found.params_definition,
        loss_unit=found.loss_unit,
        has_tokens=found.get("tokens") is not None,
        has_flops=found.get("flops") is not None,
        budgets=_budgets(rows, kept),
        clusters=cluster_rows(rows, kept, all_steps=all_steps),
    )


def _runs(rows: Rows, kept: "IntArray") -> Runs:
    index = kept.tolist()
    labels = [rows.labels[i] for i in index]
    count = Counter(labels)
    names = tuple(
        f"{label} (line {rows.table.rows[i].line})" if count[label] > 1 else label
        for i, label in zip(index, labels, strict=True)
    )
    return Runs(
        params=rows.params[kept],
        tokens=rows.tokens[kept],
        flops=rows.flops[kept],
        loss=rows.loss[kept],
        names=names,
    )


def _budgets(rows: Rows, kept: "IntArray") -> "FloatArray | None":
    """Return the nominal budgets, the FLOPs where a row leaves its budget blank."""
    import numpy as np

    if rows.columns.get("budget") is None:
        return None
    budget = rows.budget[kept]
    return np.where(np.isnan(budget), rows.flops[kept], budget)


def _drop_highest_losses(rows: Rows, kept: "IntArray", count: int) -> "tuple[IntArray, Finding | None]":
    import numpy as np

    if count <= 0 or not len(kept):
        return kept, None
    highest = np.zeros(len(kept), dtype=bool)
    highest[_runs(rows, kept).highest_losses(count)] = True
    dropped = tuple(rows.labels[i] for i in kept[highest].tolist())
    message = f"{count_rows(len(dropped))} with the highest losses: left out, as asked"
    return kept[~highest], Finding("dropped-highest-losses", "info", message, dropped)


def _describe_columns(columns: Columns, *, gflops: bool) -> list[Finding]:
    """Say what the names of the columns imply for the answer."""
    findings = []
    names = columns.names
    if gflops:
        message = f"{names['flops']} is in GFLOPs: multiplied by 1e9 (--unit flops=1 reads it as FLOPs)"
        findings.append(Finding("flop-unit", "info", message))
    if normalise(names.get("tokens", "")) == "samplesseen":
        message = (
            f"{names['tokens']} is read as tokens: if a sample is longer, say so with --unit tokens=LENGTH"
        )
        findings.append(Finding("samples-as-tokens", "info", message))
    if columns.params_definition != "total":
        what = f"params are {columns.params_definition} ones ({names['params']})"
        message = f"{what}: so are those of the law, and 6ND leaves the others out"
        findings.append(Finding(f"{columns.params_definition}-params", "info", message))
    if columns.loss_unit == "bits per byte":
        message = (
            f"{names['loss']} is in bits per byte: so is the law, which compares with none in nats per token"
        )
        findings.append(Finding("loss-unit", "info", message))
    elif columns.loss_unit != "nats":
        message = f"{names['loss']} is {columns.loss_unit}, whose logarithm is the loss: fitted as it is"
        findings.append(Finding("loss-unit", "warning", message))
    return findings


def _describe_counts(rows: Rows, kept: "IntArray", runs: Runs) -> list[Finding]:
    """Say which counts were derived, and whether those that were given agree with each other."""
    findings = []
    given = ~(rows.tokens_derived[kept] | rows.flops_derived[kept])
    for quantity, formula, derived in (
        ("tokens", "C/(6N)", rows.tokens_derived[kept]),
        ("flops", "6ND", rows.flops_derived[kept]),
    ):
        if derived.any():
            count = "all" if derived.all() else f"{derived.sum()} of {len(kept)}"
            other = "flops" if quantity == "tokens" else "tokens"
            message = f"{quantity} of {count} runs follow from params and {other}: {formula}"
            findings.append(Finding(f"derived-{quantity}", "info", message))
    checks = (
        check_flops(runs, runs.select(given)),
        check_counts(runs, tokens_from="flops" if rows.tokens_derived[kept].all() else "tokens"),
    )
    return [*findings, *(finding for finding in checks if finding)]


def _nothing_left(name: str, read: int, findings: Sequence[Finding]) -> InputError:
    """Return the error for a table of which no run is left, with why each group was left out."""
    why = "; ".join(finding.message for finding in findings)
    return InputError(
        f"{name}: no runs left of {count_rows(read)}: {why}",
        hint="a fit needs runs with a loss that pass every filter",
    )
