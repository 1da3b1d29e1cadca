"""A run table's rows as measured: the quantities of each as arrays, before anything is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.errors import UsageError
from scaling_cli.files.cells import BadValues, is_missing, read_counts, read_losses
from scaling_cli.files.columns import Columns
from scaling_cli.files.keys import suggest
from scaling_cli.files.table import Table
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import FloatArray

    IntArray = NDArray[np.intp]
    BoolArray = NDArray[np.bool_]

UNIT_QUANTITIES = ("params", "tokens", "flops", "loss", "budget", "schedule_tokens", "unique_tokens")

_KINDS = {"schedule_tokens": "tokens", "unique_tokens": "tokens", "budget": "flops"}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What every row of a table says; all arrays have shape (rows,), NaN where a row says nothing.

    ``labels`` name the rows (run_id, or ``line 7``), ``run_ids`` hold the run_id or None. Tokens and
    flops that follow from C = 6ND are marked in ``tokens_derived`` and ``flops_derived``. ``scale`` holds
    what the cells of each quantity were multiplied by.
    """

    table: Table
    columns: Columns
    scale: Mapping[str, float]
    params: "FloatArray"
    tokens: "FloatArray"
    flops: "FloatArray"
    loss: "FloatArray"
    budget: "FloatArray"
    schedule_tokens: "FloatArray"
    unique_tokens: "FloatArray"
    tokens_derived: "BoolArray"
    flops_derived: "BoolArray"
    run_ids: tuple[str | None, ...]
    labels: tuple[str, ...]

    def cells(self, quantity: str) -> tuple[str, ...] | None:
        """Return the text cells of a recognised column, or None."""
        column = self.columns.get(quantity)
        return None if column is None else column_cells(self.table, column)


def column_cells(table: Table, column: str) -> tuple[str, ...]:
    """Return the text cells of one column."""
    index = table.columns.index(column)
    return tuple(row.cells[index] for row in table.rows)


def label_rows(table: Table, columns: Columns) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    """Return the run_id of each row, None where it has none, and its label."""
    column = columns.get("run_id")
    cells = column_cells(table, column) if column is not None else ("",) * len(table.rows)
    run_ids = tuple(None if is_missing(cell) else cell.strip() for cell in cells)
    labels = tuple(run_id or f"line {row.line}" for run_id, row in zip(run_ids, table.rows, strict=True))
    return run_ids, labels


def measure_rows(table: Table, columns: Columns, rows: "IntArray", units: Mapping[str, float]) -> Rows:
    """Read the numbers of ``rows`` (indices), and derive whichever of tokens and flops a row lacks.

    Raises one ``InputError`` that names every cell that makes the file be refused: text or a number
    that is not positive, or a count that is missing. A row without a loss may lack its counts too.
    """
    import numpy as np

    wanted = rows.tolist()
    bad = BadValues(table.name, rows=len(wanted))
    scale = find_scales(columns, units)
    losses = columns.names["loss"]
    loss = read_losses(table, wanted, losses, scale["loss"], bad)
    counts: dict[str, FloatArray] = {}
    for quantity in ("params", "tokens", "flops", "budget", "schedule_tokens", "unique_tokens"):
        column = columns.get(quantity)
        if quantity == "budget" and column is not None and column == columns.get("flops"):
            # its bad cells are named once, as flops
            counts[quantity] = counts["flops"].copy()
        elif column is None:
            counts[quantity] = np.full(len(table.rows), np.nan)
        else:
            counts[quantity] = read_counts(table, wanted, column, quantity, scale[quantity], bad)
    _note_missing_counts(table, rows[np.isfinite(loss[rows])], columns, counts, bad)
    bad.refuse()
    params, tokens, flops = counts["params"], counts["tokens"], counts["flops"]
    tokens_derived, flops_derived = np.isnan(tokens) & ~np.isnan(flops), np.isnan(flops) & ~np.isnan(tokens)
    run_ids, labels = label_rows(table, columns)
    return Rows(
        table=table,
        columns=columns,
        scale=scale,
        params=params,
        tokens=np.where(tokens_derived, flops / (FLOPS_PER_PARAM_TOKEN * params), tokens),
        flops=np.where(flops_derived, FLOPS_PER_PARAM_TOKEN * params * tokens, flops),
        loss=loss,
        budget=counts["budget"],
        schedule_tokens=counts["schedule_tokens"],
        unique_tokens=counts["unique_tokens"],
        tokens_derived=tokens_derived,
        flops_derived=flops_derived,
        run_ids=run_ids,
        labels=labels,
    )


def _note_missing_counts(
    table: Table, rows: "IntArray", columns: Columns, counts: Mapping[str, "FloatArray"], bad: BadValues
) -> None:
    """Note the rows that have a loss but no params, or neither tokens nor flops."""
    import numpy as np

    noted = {line for line, _ in bad.found}
    budget_columns = [quantity for quantity in ("tokens", "flops") if columns.get(quantity) is not None]
    for quantities in (["params"], budget_columns):
        lacking = rows[np.all([np.isnan(counts[quantity][rows]) for quantity in quantities], axis=0)]
        for i in lacking.tolist():
            row = table.rows[i]
            if row.line not in noted:
                cell = row.cells[table.columns.index(columns.names[quantities[0]])].strip()
                got = "missing" if not cell else f"missing, got {cell!r}"
                bad.add(
                    row.line,
                    f"{' and '.join(quantities)} {'is' if quantities == ['params'] else 'are'} {got}",
                )


def find_scales(columns: Columns, units: Mapping[str, float]) -> dict[str, float]:
    """Return what each quantity's cells are multiplied by.

    A unit that the user gives replaces the one that a column's name implies, and goes for the other
    columns of the same kind too, unless their names say a unit: schedule_tokens and unique_tokens are
    counted as tokens are, a budget as flops are.
    """
    for quantity, unit in units.items():
        if quantity not in UNIT_QUANTITIES:
            hint = suggest(quantity, UNIT_QUANTITIES)
            raise UsageError(f"--unit: no quantity is called {quantity!r}", hint=hint)
        if not 0 < unit < float("inf"):
            raise UsageError(
                f"--unit {quantity}: must be positive, got {unit}", hint="write it like params=1e6"
            )
    named = {quantity: unit.size for quantity, unit in columns.units.items()}
    scale = dict.fromkeys(UNIT_QUANTITIES, 1.0) | named | dict(units)
    for quantity, kind in _KINDS.items():
        if quantity not in units and quantity not in named:
            scale[quantity] = units.get(kind, 1.0)
    return scale
