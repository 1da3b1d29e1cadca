"""Run tables: a CSV or JSON lines file of training runs, checked, completed and cleared, as ``Runs``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.conditions import Condition
from scaling_cli.errors import InputError
from scaling_cli.files.columns import Columns, column_option, normalise, recognise
from scaling_cli.files.count_units import check_ratio, refuse_small_counts
from scaling_cli.files.extra_columns import extra_columns, read_quantity
from scaling_cli.files.filters import keep_where
from scaling_cli.files.flop_convention import check_flops
from scaling_cli.files.hygiene import (
    cluster_rows,
    count_rows,
    find_simulated,
    leave_out_failed,
    leave_out_unfinished,
)
from scaling_cli.files.params_definition import refuse_mixed_params
from scaling_cli.files.rows import Rows, measure_rows
from scaling_cli.files.source import Source, read_source
from scaling_cli.files.steps import choose_rows, find_maybe_steps
from scaling_cli.files.table import parse_table
from scaling_cli.findings import Finding
from scaling_cli.laws.card import NATS
from scaling_cli.runs import Runs
from scaling_cli.units import format_flops

if TYPE_CHECKING:
    from scaling_cli.files.rows import IntArray
    from scaling_cli.runs import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RunTable:
    """The runs of a file that are fit to be fitted, and what was noticed on the way.

    ``read`` counts the data rows of the file; ``columns`` says which column each quantity was read from
    and ``loss_unit`` what the loss is in. ``budgets`` (shape (n,)) holds the nominal budget of each run
    where the file has a column for it, else None; ``clusters`` says which runs belong together where
    some do, else None. ``flops`` of the runs are the file's where it has them, else 6ND. ``rows`` are all
    rows of the file, of which those of the indices ``kept`` became the runs.
    """

    runs: Runs
    read: int
    findings: tuple[Finding, ...]
    name: str
    sha256: str
    columns: Mapping[str, str]
    params_definition: str
    loss_unit: str
    budgets: "FloatArray | None"
    clusters: tuple[str, ...] | None
    rows: Rows
    kept: "IntArray"

    def quantity(self, name: str) -> "FloatArray | None":
        """Return any numeric column of the runs, shape (n,), NaN where it is blank; None without a column.

        ``name`` is a quantity by any name people give it (``lr``, ``epochs``, ``non_embedding_params``),
        or the column's own. Raises ``InputError`` that names every cell that is no number.
        """
        return read_quantity(self.rows, self.kept, name)

    def extra_columns(self) -> "dict[str, FloatArray]":
        """Return the quantities that say how the runs were made, by name: what ``diagnose`` looks at.

        Those that the file has no column for are not there, and a cell that is no number is NaN.
        """
        return extra_columns(self.rows, self.kept)


def read_runs(
    path: str,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, float] | None = None,
    where: Sequence[Condition] = (),
    drop_highest_losses: int = 0,
    all_steps: bool = False,
    include_unfinished: bool = False,
    named_by: str = "",
) -> RunTable:
    """Read the runs of a CSV or JSON lines file; ``-`` is standard input.

    ``columns`` names the column of a quantity where its name does not say so; ``units`` says what a
    column is counted in (``{"params": 1e6}``: in millions). Numbers that make no sense make the file be
    refused, all of them named; rows that are no finished run are left out and reported as findings.
    ``named_by`` is the place that names the path (``exp.yaml:1``), where it is not the command line.
    Raises ``InputError`` for the file, ``FitRefused`` for params of two definitions in one column,
    ``UsageError`` for quantities that do not exist.
    """
    source = _read_named(path, named_by)
    table = parse_table(source.text, source.name)
    found = recognise(table.columns, columns or {}, table.name)
    wanted, failed = leave_out_failed(table, found)
    rows = measure_rows(table, found, wanted, units or {})
    kept, chosen = choose_rows(rows, wanted, all_steps=all_steps)
    kept, unfinished = leave_out_unfinished(rows, kept, include_unfinished=include_unfinished)
    refuse_small_counts(rows, kept)
    maybe_steps = find_maybe_steps(rows, kept)
    kept, filtered = keep_where(rows, kept, where)
    kept, dropped = _drop_highest_losses(rows, kept, drop_highest_losses)
    left_out = [f for f in (failed, *chosen, unfinished, filtered, dropped) if f]
    if not len(kept):
        raise _nothing_left(rows, left_out)
    refuse_mixed_params(rows, kept)
    runs = _runs(rows, kept)
    noticed = (maybe_steps, *describe_columns(found, units or {}), *_describe_counts(rows, kept, runs))
    findings = (*left_out, *noticed, find_simulated(rows, kept))
    return RunTable(
        runs=runs,
        read=len(table.rows),
        findings=tuple(finding for finding in findings if finding),
        name=source.name,
        sha256=source.sha256,
        columns=found.names,
        params_definition=found.params_definition,
        loss_unit=found.loss_unit,
        budgets=_budgets(rows, kept),
        clusters=cluster_rows(rows, kept),
        rows=rows,
        kept=kept,
    )


def _read_named(path: str, named_by: str) -> Source:
    """Read a file; where it cannot be read, the error begins with the place that names it."""
    try:
        return read_source(path)
    except InputError as error:
        raise (error.at(named_by) if named_by else error) from None


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
        unique_tokens=_unique_tokens(rows, kept),
    )


def _unique_tokens(rows: Rows, kept: "IntArray") -> "FloatArray | None":
    """Return the unique tokens; a row that leaves them blank saw each of its tokens once."""
    import numpy as np

    unique = rows.unique_tokens[kept]
    if np.isnan(unique).all():
        return None
    return np.where(np.isnan(unique), rows.tokens[kept], unique)


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


def describe_columns(columns: Columns, units: Mapping[str, float]) -> list[Finding]:
    """Say what the names of the columns imply for the answer; ``units`` are those the user gave."""
    findings = []
    names = columns.names
    for quantity, unit in columns.units.items():
        if quantity not in units and (quantity == "flops" or names.get("flops") != names[quantity]):
            message = (
                f"{names[quantity]} is in {unit.name}: multiplied by {format_flops(unit.size)} "
                f"(--unit {quantity}=1 leaves it as it is)"
            )
            finding_id = "flop-unit" if quantity in ("flops", "budget") else "named-unit"
            findings.append(Finding(finding_id, "info", message))
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
    elif columns.loss_unit != NATS:
        message = f"{names['loss']} is {columns.loss_unit}, whose logarithm is the loss: fitted as it is"
        findings.append(Finding("loss-unit", "warning", message))
    return findings


def _describe_counts(rows: Rows, kept: "IntArray", runs: Runs) -> list[Finding]:
    """Say which counts were derived, and whether those that were given agree with each other."""
    import numpy as np

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
    blank = np.isnan(rows.unique_tokens[kept])
    if blank.any() and not blank.all():
        message = f"{blank.sum()} of {len(kept)} runs leave unique_tokens blank: taken to be all their tokens"
        names = tuple(runs.names[i] for i in np.flatnonzero(blank))
        findings.append(Finding("blank-unique-tokens", "info", message, names))
    checks = (check_flops(runs, runs.select(given)), check_ratio(rows, kept))
    return [*findings, *(finding for finding in checks if finding)]


def _nothing_left(rows: Rows, findings: Sequence[Finding]) -> InputError:
    """Return the error for a table of which no run is left, with why each group was left out."""
    import numpy as np

    name, losses = rows.table.name, rows.columns.names["loss"]
    why = "; ".join(finding.message for finding in findings)
    hint = "a fit needs runs with a loss that pass every filter"
    if np.isnan(rows.loss).all() and "missing-loss" in [finding.id for finding in findings]:
        others = [c for c in rows.table.named_columns if "loss" in normalise(c) and c != losses]
        option = column_option("loss", others[0] if others else None)
        hint = f"no row has a {losses}: name the column that holds the loss with {option}"
    return InputError(f"{name}: no runs left of {count_rows(len(rows.table.rows))}: {why}", hint=hint)
