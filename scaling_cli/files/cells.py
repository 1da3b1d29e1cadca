"""Numbers out of text cells: what is missing, what is a number, and what makes the file be refused."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaling_cli.errors import InputError, QuantityError
from scaling_cli.files.table import Row, Table
from scaling_cli.units import parse_quantity

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

_MISSING = frozenset({"", "-", "--", "—", "?", "nan", "null", "none", "n/a", "na", "#n/a", "nil"})
# far outside what anyone measures, so that 6ND and C/(6N) can neither overflow nor vanish
SMALLEST, LARGEST = 1e-60, 1e60
_DECIMAL_COMMA = re.compile(r"'-?\d+,\d+'")
_AMBIGUOUS = "may be"
# one group of three digits: thousands, or a decimal comma with three digits after it
_ONE_COMMA_GROUP = re.compile(r"[+-]?\d{1,3},\d{3}\s*[kKmMbBgGtTpP]?")
_OTHER_GROUPS = re.compile(r"'\d{1,3}(?:[.' \u00a0\u202f\u2019]\d{3})+(?:,\d+)?'")
_WITH_SUFFIX = ("params", "tokens", "schedule_tokens", "unique_tokens")
_SHOWN = 10


@dataclass(slots=True)
class BadValues:
    """The cells that make a file be refused, gathered so that they are named together.

    ``rows`` is how many rows were read: where all are bad it is not the rows that are wrong.
    """

    name: str
    rows: int
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """Note what is wrong on a line."""
        self.found.append((line, what))

    def refuse(self) -> None:
        """Raise ``InputError`` with the first ten, in the order of the file, if there are any."""
        if not self.found:
            return
        self.found.sort(key=lambda bad: bad[0])
        hint = self._hint()
        if len(self.found) == 1:
            line, what = self.found[0]
            raise InputError(f"{self.name}:{line}: {what}", hint=hint)
        shown = "; ".join(f"line {line}: {what}" for line, what in self.found[:_SHOWN])
        more = f"; and {len(self.found) - _SHOWN} more" if len(self.found) > _SHOWN else ""
        raise InputError(f"{self.name}: {len(self.found)} bad values: {shown}{more}", hint=hint)

    def _hint(self) -> str:
        said = [what for _, what in self.found]
        quantities = {what.split()[0] for what in said}
        if any(f" {_AMBIGUOUS} " in what for what in said):
            return "write the decimal sign as a point, and thousands without a sign: 50.443, or 50443"
        if all(_DECIMAL_COMMA.search(what) for what in said):
            return "write the decimal sign as a point: 2.5, not 2,5"
        if any(_OTHER_GROUPS.search(what) for what in said):
            return "write thousands without a sign and decimals with a point: 50442605, 2.5"
        if len(quantities) == 1 and len({line for line, _ in self.found}) == self.rows > 1:
            quantity = quantities.pop()
            return (
                f"no row has {quantity} that can be read: name their column with --column {quantity}=COLUMN"
            )
        return "correct it, or delete the row" if len(self.found) == 1 else "correct them, or delete the rows"


def is_missing(cell: str) -> bool:
    """Say whether a cell says that there is no value: blank, ``-``, NaN, null, none, n/a."""
    return not cell or cell.strip(" \t\"'").lower() in _MISSING


def read_number(cell: str) -> float:
    """Read one number of a cell; raises ``QuantityError`` where it is none or not finite."""
    try:
        # the plain numbers that most cells hold, at a tenth of the price of the full parser
        number = float(cell)
    except ValueError:
        return parse_quantity(cell)
    if not math.isfinite(number):
        raise QuantityError(f"{cell.strip()!r} is not a finite number")
    return number


def read_counts(
    table: Table, rows: Iterable[int], column: str, quantity: str, unit: float, bad: BadValues
) -> "FloatArray":
    """Return the positive numbers of a column times ``unit``, NaN where a cell is missing or bad.

    Shape (rows of the table,); only ``rows`` are read. What is not a positive number goes to ``bad``, and
    so does ``50,443`` where commas do not separate the cells: there they may be decimal ones. A count with
    its own suffix (``12M``) is whole, and not multiplied.
    """
    import numpy as np

    values = np.full(len(table.rows), np.nan)
    for i, row, cell, text in _present_cells(table, rows, column):
        if table.separator != "," and _ONE_COMMA_GROUP.fullmatch(text):
            readings = f"{text.replace(',', '.')} or {text.replace(',', '')}"
            bad.add(row.line, f"{quantity} {text!r} {_AMBIGUOUS} {readings}")
            continue
        try:
            scale = 1.0 if text[-1:].isalpha() and quantity in _WITH_SUFFIX else unit
            values[i] = _positive(read_number(cell) * scale, row, cell, quantity, bad)
        except QuantityError as problem:
            bad.add(row.line, f"{quantity} {problem.message}")
    return values


def _present_cells(table: Table, rows: Iterable[int], column: str) -> Iterator[tuple[int, Row, str, str]]:
    """Yield the index, row, cell and bare text of each of ``rows`` that holds something in ``column``."""
    index = table.columns.index(column)
    for i in rows:
        cell = table.rows[i].cells[index]
        if not is_missing(cell):
            yield i, table.rows[i], cell, cell.strip(" \t\"'")


def read_losses(table: Table, rows: Iterable[int], column: str, unit: float, bad: BadValues) -> "FloatArray":
    """Return the losses of a column times ``unit``, NaN where one is missing or not finite.

    A loss is read more strictly than a count: neither ``2,554`` (a decimal comma, or thousands?) nor
    ``2.5k`` is one.
    """
    import numpy as np

    values = np.full(len(table.rows), np.nan)
    for i, row, cell, text in _present_cells(table, rows, column):
        try:
            number = float(text) * unit
        except ValueError:
            bad.add(row.line, f"loss {text!r} is not a number")
        else:
            if math.isfinite(number):
                values[i] = _positive(number, row, cell, "loss", bad)
    return values


def _positive(number: float, row: Row, cell: str, quantity: str, bad: BadValues) -> float:
    if SMALLEST < number < LARGEST:
        return number
    if number <= 0:
        what = f"must be positive, got {cell.strip()}"
    else:
        what = f"{cell.strip()} is too {'large' if number > 1 else 'small'}"
    bad.add(row.line, f"{quantity} {what}")
    return math.nan
