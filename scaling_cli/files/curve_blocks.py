"""The plain reader of learning curves: text to blocks of numbers, cell by cell only where it must be."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from scaling_cli.errors import InputError, QuantityError
from scaling_cli.files.cells import BadValues, is_missing, read_number
from scaling_cli.files.columns import Columns
from scaling_cli.files.curve_points import (
    COUNTS,
    NUMBERS,
    TEXTS,
    Block,
    IrregularBlockError,
    Texts,
    check_block,
)
from scaling_cli.files.rows import column_cells, find_scales, measure_rows
from scaling_cli.files.table import Header, Table, is_json_lines, make_table, open_csv, parse_table

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

ROWS_PER_BLOCK = 1000
"""Rows are held as text so many at a time: more outlive Python's garbage collector's youngest generation,
and take three times as long."""

MOST_CHARACTERS = 20_000_000
"""In a text no longer than this all bad cells are named together, as a run table's are; in a longer one those
of the first block that has any."""

Recognise = Callable[[tuple[str, ...]], Columns]


def read_text_blocks(
    text: str,
    name: str,
    recognise: Recognise,
    units: Mapping[str, float],
    progress: Callable[[int], None] | None = None,
) -> tuple[Columns, Iterator[Block]]:
    """Return the columns of a CSV or JSON lines text, and its rows block by block, every one checked.

    Raises ``InputError`` that names the bad cells of a block. ``progress`` is told how many rows were read.
    """
    if is_json_lines(text, name):
        table = parse_table(text, name)
        columns = recognise(table.columns)
        return columns, iter([_careful_block(table, columns, units)])
    header, records = open_csv(text, name)
    columns = recognise(header.columns)

    def careful(rows: list[tuple[int, list[str]]]) -> Block:
        try:
            return _careful_block(make_table(header, rows, name), columns, units)
        except InputError:
            if len(text) <= MOST_CHARACTERS:
                _careful_block(parse_table(text, name), columns, units)
            raise

    def blocks() -> Iterator[Block]:
        scales = find_scales(columns, units)
        while rows := list(islice(records, ROWS_PER_BLOCK)):
            try:
                yield _quick_block(header, rows, columns, scales)
            except IrregularBlockError:
                yield careful(rows)
            if progress:
                progress(len(rows))

    return columns, blocks()


def _quick_block(
    header: Header, rows: list[tuple[int, list[str]]], columns: Columns, scales: Mapping[str, float]
) -> Block:
    """Read plain numbers; raises ``IrregularBlockError`` for whatever needs a closer look."""
    width = len(header.columns)
    if set(map(len, (cells for _, cells in rows))) != {width}:
        raise IrregularBlockError
    by_column = dict(zip(header.columns, zip(*(cells for _, cells in rows), strict=True), strict=True))

    def cells_of(quantity: str) -> Sequence[str]:
        return by_column[columns.names[quantity]]

    numbers: dict[str, FloatArray] = {}
    for quantity in NUMBERS:
        if columns.get(quantity) is not None:
            numbers[quantity] = _numbers(cells_of(quantity)) * scales.get(quantity, 1.0)
    texts = {text: _texts(cells_of(text)) for text in TEXTS if columns.get(text) is not None}
    block = Block(rows=len(rows), numbers=numbers, texts=texts)
    check_block(block)
    return block


def _numbers(cells: Sequence[str]) -> "FloatArray":
    """Return plain numbers, NaN for a blank."""
    import numpy as np

    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        plain = ("nan" if is_missing(cell) else cell for cell in cells)
        try:
            return np.fromiter(map(float, plain), np.float64, len(cells))
        except ValueError:
            raise IrregularBlockError from None


def _texts(cells: Sequence[str]) -> Texts:
    import numpy as np

    index: dict[str, int] = {}
    codes = np.fromiter((index.setdefault(cell, len(index)) for cell in cells), np.intp, len(cells))
    return Texts(codes, tuple(index))


def _careful_block(table: Table, columns: Columns, units: Mapping[str, float]) -> Block:
    """Read a block as a run table is read, and name every cell that makes no sense."""
    import numpy as np

    everything = np.arange(len(table.rows))
    rows = measure_rows(table, columns, everything, units)
    bad = BadValues(table.name, rows=len(table.rows))
    numbers = {
        quantity: getattr(rows, quantity)
        for quantity in (*COUNTS, "loss")
        if columns.get(quantity) is not None
    }
    for row, run_id, loss in zip(table.rows, rows.run_ids, rows.loss.tolist(), strict=True):
        if run_id is None and math.isfinite(loss):
            bad.add(row.line, "run_id is missing")
    hours = columns.get("gpu_hours")
    if hours is not None:
        numbers["gpu_hours"] = _read_hours(table, hours, bad)
    bad.refuse()
    texts = {
        text: _texts(column_cells(table, column))
        for text in TEXTS
        if (column := columns.get(text)) is not None
    }
    return Block(rows=len(table.rows), numbers=numbers, texts=texts)


def _read_hours(table: Table, column: str, bad: BadValues) -> "FloatArray":
    """Return the hours of a column, NaN where blank; what is no number from 0 goes to ``bad``."""
    import numpy as np

    values = np.full(len(table.rows), np.nan)
    for i, (row, cell) in enumerate(zip(table.rows, column_cells(table, column), strict=True)):
        if is_missing(cell):
            continue
        try:
            values[i] = read_number(cell)
        except QuantityError as problem:
            bad.add(row.line, f"gpu_hours {problem.message}")
        if values[i] < 0:
            bad.add(row.line, f"gpu_hours must not be negative, got {cell.strip()}")
    return values
