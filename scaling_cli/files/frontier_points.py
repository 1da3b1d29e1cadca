"""Tables of frontier points: budgets and the loss that the best use of each reached, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.conditions import Condition
from scaling_cli.errors import InputError
from scaling_cli.files.cells import BadValues, read_counts, read_losses
from scaling_cli.files.columns import Columns, recognise_points
from scaling_cli.files.filters import keep_where
from scaling_cli.files.hygiene import count_rows, find_simulated
from scaling_cli.files.rows import Rows, find_scales, label_rows
from scaling_cli.files.run_table import describe_columns
from scaling_cli.files.source import read_source
from scaling_cli.files.table import Table, parse_table
from scaling_cli.findings import Finding

if TYPE_CHECKING:
    from scaling_cli.files.rows import IntArray
    from scaling_cli.runs import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class FrontierPoints:
    """The points of a file: ``flops`` C and ``loss`` L, shape (n,), and what was noticed on the way.

    ``read`` counts the data rows of the file, of which those of the indices ``kept`` became points.
    """

    name: str
    flops: "FloatArray"
    loss: "FloatArray"
    names: tuple[str, ...]
    read: int
    loss_unit: str
    findings: tuple[Finding, ...]
    table: Table
    kept: "IntArray"


def read_frontier_points(
    path: str,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, float] | None = None,
    where: Sequence[Condition] = (),
) -> FrontierPoints | None:
    """Read a file of points with columns for FLOPs and loss; ``None`` where its columns say it holds runs.

    Raises ``InputError`` for numbers that make no sense, all of them named, and where no point is left.
    """
    import numpy as np

    source = read_source(path)
    table = parse_table(source.text, source.name)
    found = recognise_points(table.columns, columns or {}, table.name)
    if found is None:
        return None
    rows = _measure(table, found, units or {})
    has_loss = ~(np.isnan(rows.loss) | np.isnan(rows.flops))
    kept, filtered = keep_where(rows, np.flatnonzero(has_loss), where)
    if not len(kept):
        what = f"no points left of {count_rows(len(table.rows))}"
        raise InputError(f"{table.name}: {what}", hint="a frontier needs budgets with their losses")
    findings = (filtered, *describe_columns(found, units or {}), find_simulated(rows, kept))
    return FrontierPoints(
        name=source.name,
        flops=rows.flops[kept],
        loss=rows.loss[kept],
        names=tuple(rows.labels[i] for i in kept.tolist()),
        read=len(table.rows),
        loss_unit=found.loss_unit,
        findings=tuple(finding for finding in findings if finding),
        table=table,
        kept=kept,
    )


def _measure(table: Table, found: Columns, units: Mapping[str, float]) -> Rows:
    """Return the rows with their FLOPs and losses; params and tokens are unknown."""
    import numpy as np

    bad = BadValues(table.name, rows=len(table.rows))
    scale = find_scales(found, units)
    every = range(len(table.rows))
    loss = read_losses(table, every, found.names["loss"], scale["loss"], bad)
    flops = read_counts(table, every, found.names["flops"], "flops", scale["flops"], bad)
    bad.refuse()
    unknown, no = np.full(len(table.rows), np.nan), np.zeros(len(table.rows), dtype=bool)
    run_ids, labels = label_rows(table, found)
    return Rows(
        table=table,
        columns=found,
        scale=scale,
        params=unknown,
        tokens=unknown,
        flops=flops,
        loss=loss,
        budget=flops if found.get("budget") else unknown,
        schedule_tokens=unknown,
        unique_tokens=unknown,
        tokens_derived=no,
        flops_derived=no,
        run_ids=run_ids,
        labels=labels,
    )
