"""What the losses of a table are of: its tokenizer, evaluation set and bytes per token, from its columns."""

from collections.abc import Sequence
from typing import Any

from scaling_cli.errors import InputError, QuantityError
from scaling_cli.files.cells import is_missing, read_number
from scaling_cli.files.columns import normalise
from scaling_cli.files.rows import column_cells
from scaling_cli.files.table import Table
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.loss_measure import LossMeasure

_NAMES = {
    "tokenizer": "tokenizer tokeniser tokenizername tokenisername",
    "eval_set": "evalset evaluationset evaldataset evaldata valset valdataset validationset testset",
    "bytes_per_token": "bytespertoken",
}

SAME = 1e-6
"""Bytes per token of two rows are the same where they agree to this share."""


def read_loss_measure(
    table: Table,
    kept: Sequence[int],
    *,
    name: str,
    unit: str,
    tokenizer: str = "",
    eval_set: str = "",
    bytes_per_token: float | None = None,
) -> LossMeasure:
    """Return what the losses of the rows ``kept`` are; what a YAML file states stands before the columns.

    Blank cells say nothing. Raises ``InputError`` where a column states two different things: losses of
    one fit have to be of one kind.
    """
    columns = {quantity: _column(table, names) for quantity, names in _NAMES.items()}
    texts = {
        quantity: _stated(table, kept, column) if column is not None else ""
        for quantity, column in columns.items()
        if quantity != "bytes_per_token"
    }
    column = columns["bytes_per_token"]
    if bytes_per_token is None and column is not None:
        bytes_per_token = _stated_number(table, kept, column)
    return LossMeasure(
        name=name,
        unit=unit,
        tokenizer=tokenizer or texts["tokenizer"],
        eval_set=eval_set or texts["eval_set"],
        bytes_per_token=bytes_per_token,
    )


def describe_evaluation(table: Table, kept: Sequence[int], **stated: Any) -> dict[str, object]:
    """Return what the losses are of, for a law's provenance; nothing where the rows state several things."""
    try:
        measure = read_loss_measure(table, kept, name=table.name, unit="", **stated)
    except InputError:
        return {}
    values = {quantity: getattr(measure, quantity) for quantity in _NAMES}
    return {quantity: value for quantity, value in values.items() if value}


def measure_of_law(card: LawCard, name: str) -> LossMeasure:
    """Return what the losses of a law are: as its file says, or as its runs did when it was fitted."""
    stated = card.provenance.get("evaluation")
    known = stated if isinstance(stated, dict) else {}
    texts = {key: str(known.get(key) or "") for key in ("tokenizer", "eval_set")}
    number = known.get("bytes_per_token")
    if not isinstance(number, int | float) or isinstance(number, bool) or not number > 0:
        number = None
    return LossMeasure(name, card.loss_unit, **texts, bytes_per_token=number)


def _column(table: Table, names: str) -> str | None:
    return next((column for column in table.columns if normalise(column) in names.split()), None)


def _stated(table: Table, kept: Sequence[int], column: str) -> str:
    """Return what the cells say, which must be one thing."""
    cells = column_cells(table, column)
    said = list(dict.fromkeys(cells[i].strip() for i in kept if not is_missing(cells[i])))
    if len(said) > 1:
        raise _mixed(table, column, said)
    return said[0] if said else ""


def _stated_number(table: Table, kept: Sequence[int], column: str) -> float | None:
    """Return the number that the cells hold, which must be one, and positive."""
    cells, found = column_cells(table, column), list[float]()
    for i in kept:
        if is_missing(cells[i]):
            continue
        place = f"{table.name}:{table.rows[i].line}"
        try:
            number = read_number(cells[i])
        except QuantityError as problem:
            raise InputError(f"{place}: {column} {problem.message}", hint="write it like 4.2") from None
        if number <= 0:
            raise InputError(
                f"{place}: {column} must be positive, got {cells[i].strip()}", hint="such as 4.2"
            )
        found.append(number)
    if found and max(found) > min(found) * (1 + SAME):
        raise _mixed(table, column, [f"{number:g}" for number in dict.fromkeys(found)])
    return found[0] if found else None


def _mixed(table: Table, column: str, said: Sequence[str]) -> InputError:
    shown = ", ".join(said[:5]) + (", ..." if len(said) > 5 else "")
    what = f"the runs state {len(said)} different values of {column}: {shown}"
    return InputError(
        f"{table.name}: {what}", hint=f'keep the rows of one with --where "{column} == {said[0]}"'
    )
