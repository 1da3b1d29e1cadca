"""``--where`` conditions on a run table: which rows meet them, by quantity or by the file's own column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaling_cli.conditions import Condition
from scaling_cli.errors import InputError, QuantityError
from scaling_cli.files.cells import read_number
from scaling_cli.files.columns import find_column, list_columns
from scaling_cli.files.hygiene import count_rows
from scaling_cli.files.rows import Rows, column_cells
from scaling_cli.findings import Finding
from scaling_cli.names import nearest

if TYPE_CHECKING:
    from scaling_cli.files.rows import IntArray

_MEASURED = ("params", "tokens", "flops", "loss")
_MEASURED_WHERE_GIVEN = ("budget", "schedule_tokens")


def keep_where(
    rows: Rows, kept: "IntArray", conditions: Sequence[Condition]
) -> "tuple[IntArray, Finding | None]":
    """Keep the rows that meet all conditions.

    ``params``, ``tokens``, ``flops``, ``loss`` and ``budget`` are the quantities as they are fitted,
    whatever their columns are called; every other name is a column, compared as the file writes it.
    """
    import numpy as np

    values = [_values(rows, condition) for condition in conditions]
    if not conditions:
        return kept, None
    said = []
    for condition, cells in zip(conditions, values, strict=True):
        meets = np.array([condition.holds(cells[i]) for i in kept.tolist()], dtype=bool)
        said.append(f'--where "{condition}" leaves out {count_rows(int((~meets).sum()))}')
        kept = kept[meets]
    return kept, Finding("filtered", "info", "; ".join(said))


def _values(rows: Rows, condition: Condition) -> Sequence[float | str]:
    """Return what the condition is compared with, one value per row of the table."""
    name = condition.field.strip().lower()
    if name in _MEASURED or (name in _MEASURED_WHERE_GIVEN and rows.columns.get(name) is not None):
        measured: list[float] = getattr(rows, name).tolist()
        return measured
    column = rows.columns.get(name) or find_column(rows.table.columns, condition.field)
    if column is None:
        names = rows.table.named_columns
        near = nearest(condition.field, dict.fromkeys([*names, *_MEASURED]))
        hint = f"did you mean {near}?" if near else f"a column of the file, or one of {', '.join(_MEASURED)}"
        what = f"--where names no column {condition.field!r} ({list_columns(names)})"
        raise InputError(f"{rows.table.name}: {what}", hint=hint)
    return [_value(cell) for cell in column_cells(rows.table, column)]


def _value(cell: str) -> float | str:
    """Return a cell as the number it is, 0.4 for 40%, else as text without the quotes around it."""
    text = cell.strip().strip("\"'")
    try:
        return read_number(text[:-1]) / 100 if text.endswith("%") else read_number(text)
    except QuantityError:
        return text
