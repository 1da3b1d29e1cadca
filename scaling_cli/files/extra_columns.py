"""Columns that no law needs and that say how the runs of a table were made: lr, seed, epochs, perplexity."""

from typing import TYPE_CHECKING

from scaling_cli.errors import InputError, QuantityError
from scaling_cli.files.cells import is_missing, read_number
from scaling_cli.files.columns import (
    ACTIVE_PARAMS,
    NON_EMBEDDING_PARAMS,
    TOTAL_PARAMS,
    find_column,
    normalise,
    other_loss,
)
from scaling_cli.files.named_units import find_unit
from scaling_cli.files.rows import Rows, column_cells

if TYPE_CHECKING:
    from scaling_cli.files.rows import IntArray
    from scaling_cli.runs import FloatArray

_MEASURED = ("params", "tokens", "flops", "loss", "budget", "schedule_tokens", "unique_tokens")

_PARAMS_NAMES = {
    "total_params": TOTAL_PARAMS,
    "non_embedding_params": NON_EMBEDDING_PARAMS,
    "active_params": ACTIVE_PARAMS,
    "embedding_params": "nemb nembed nembedding embparams embedparams embeddingparams embeddingparameters",
}
_NAMES = _PARAMS_NAMES | {
    "lr": "lr learningrate maxlr lrmax maxlearningrate peaklr peaklearningrate baselr baselearningrate",
    "batch": """batch batchsize bs globalbatch globalbatchsize trainbatchsize batchtokens batchsizetokens
        tokensperbatch tokensperstep""",
    "epochs": "epochs nepochs numepochs numberofepochs dataepochs",
    "seed": "seed randomseed rngseed initseed",
    "weights": "weights weight runweight runweights",
}
_LOSSES = {"bits_per_byte": "bits per byte", "perplexity": "perplexity"}


def read_quantity(rows: Rows, kept: "IntArray", name: str) -> "FloatArray | None":
    """Return the numbers of a quantity or a column in the rows ``kept``, NaN where blank, or None.

    Counts that the program knows come in its units; other columns as the file writes them. Raises
    ``InputError`` where a cell is no number.
    """
    measured = _measured(rows, name)
    column = None if measured else _column(rows, name)
    if column is not None:
        measured = next((fitted for fitted in _MEASURED if rows.columns.get(fitted) == column), None)
    if measured is not None:
        values: FloatArray = getattr(rows, measured)[kept]
        return values
    if column is None:
        return None
    found, bad = _numbers(rows, kept, column, name)
    if bad:
        shown = "; ".join(bad[:10]) + (f"; and {len(bad) - 10} more" if len(bad) > 10 else "")
        raise InputError(f"{rows.table.name}: {shown}", hint=f"{column} must hold numbers, or be blank")
    return found


def extra_columns(rows: Rows, kept: "IntArray") -> "dict[str, FloatArray]":
    """Return the known quantities besides those that are fitted, by name, where the table has numbers."""
    import numpy as np

    found = {}
    for name in (*_NAMES, *_LOSSES):
        column = _column(rows, name)
        if column is not None and column != rows.columns.get("loss"):
            values, _ = _numbers(rows, kept, column, name)
            if not np.isnan(values).all():
                found[name] = values
    if not np.isnan(rows.schedule_tokens[kept]).all():
        found["schedule_tokens"] = rows.schedule_tokens[kept]
    return found


def _measured(rows: Rows, name: str) -> str | None:
    """Return the quantity that ``name`` is, if it is one of those every row was measured for."""
    plain = name.strip().lower()
    return plain if plain in _MEASURED and rows.columns.get(plain) is not None else None


def _column(rows: Rows, name: str) -> str | None:
    """Return the column of that name, else the first whose name says the quantity."""
    columns = rows.table.columns
    exact = find_column(columns, name)
    if exact is not None:
        return exact
    plain = next((known for known in (*_NAMES, *_LOSSES) if normalise(known) == normalise(name)), None)
    if plain in _LOSSES:
        return next((column for column in columns if other_loss(column) == _LOSSES[plain]), None)
    if plain is None:
        return rows.columns.get(name.strip().lower())
    names = _NAMES[plain].split()
    hits = [column for column in columns if normalise(column) in names]
    if not hits and plain in _PARAMS_NAMES:
        hits = [column for column in columns if _without_unit(column) in names]
    # of two columns that are called alike, the one that is not fitted says something more
    others = [column for column in hits if column != rows.columns.get("params")]
    return next(iter([*others, *hits]), None)


def _without_unit(column: str) -> str:
    unit = find_unit(column, "params")
    return normalise(column if unit is None else unit.base)


def _numbers(rows: Rows, kept: "IntArray", column: str, name: str) -> "tuple[FloatArray, list[str]]":
    """Return the numbers of a column, NaN where there is none, and what is wrong with its other cells."""
    import numpy as np

    scale = _scale(rows, column, name)
    cells = column_cells(rows.table, column)
    values, bad = np.full(len(kept), np.nan), []
    for place, i in enumerate(kept.tolist()):
        if is_missing(cells[i]):
            continue
        text = cells[i].strip(" \t\"'")
        try:
            number = read_number(cells[i])
        except QuantityError as problem:
            bad.append(f"line {rows.table.rows[i].line}: {column} {problem.message}")
        else:
            values[place] = number if text[-1:].isalpha() else number * scale
    return values, bad


def _scale(rows: Rows, column: str, name: str) -> float:
    """Return what params of another definition are counted in: what their name says, else as params are."""
    if normalise(name) not in {normalise(known) for known in _PARAMS_NAMES}:
        return 1.0
    unit = find_unit(column, "params")
    return unit.size if unit is not None else rows.scale["params"]
