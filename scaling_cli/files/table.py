"""A table of text cells, from CSV (comma, tab or semicolon) or JSON lines, each row with its line number."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from scaling_cli.errors import InputError

_JSON_SUFFIXES = (".jsonl", ".ndjson")
_OTHER_SEPARATORS = re.compile(r"[|:]|\w\s+\w")
_BYTE_ORDER_MARK = "\ufeff"
_PIECE = 4_000_000  # characters: a StringIO of all of a large file would hold four bytes for each


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line of the file that it begins on, and its cells in the order of the columns."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text, blank where there is none; every row has as many as there are columns.

    ``separator`` is what stands between the cells in the file.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    separator: str = ","

    @property
    def named_columns(self) -> tuple[str, ...]:
        """The columns that have a name: a data frame's index is written without one."""
        return tuple(column for column in self.columns if column)


def parse_table(text: str, name: str) -> Table:
    """Read CSV or JSON lines, told apart by the file's name or its first character.

    Lines that begin with # before the header are comments. What cannot be read raises ``InputError``
    with the line.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    table = _parse_json_lines(text, name) if is_json_lines(text, name) else _parse_csv(text, name)
    if not table.rows:
        raise InputError(f"{name}: a header and no runs", hint="it needs one line per run below the header")
    return table


def is_json_lines(text: str, name: str) -> bool:
    """Say whether a text is JSON lines and not CSV; raises ``InputError`` where it is neither."""
    start = re.search(r"[^\s\ufeff]", text)
    if start is None:
        raise InputError(f"{name}: the file is empty", hint="it needs a header and one line per run")
    if start[0] == "[":
        hint = f"write one object per line: jq -c '.[]' {name} > runs.jsonl"
        raise InputError(f"{name}: a JSON array, expected CSV or JSON lines", hint=hint)
    return start[0] == "{" or name.lower().removesuffix(".gz").endswith(_JSON_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a CSV file, what stands between its cells, and the line the header is on."""

    columns: tuple[str, ...]
    separator: str
    line: int


def open_csv(text: str, name: str) -> tuple[Header, Iterator[tuple[int, list[str]]]]:
    """Read the header of a CSV text; yield its rows as cells, each with the line it begins on."""
    text = text.removeprefix(_BYTE_ORDER_MARK)
    skipped, first_line = _find_header(text)
    separator = _separator(first_line, name)
    records = _records(text, name, skipped, separator)
    header_line, header = next(records, (0, []))
    if not header_line:
        raise InputError(f"{name}: comments and no header", hint="it needs a header and one line per run")
    columns = [cell.strip() for cell in header]
    while columns and not columns[-1]:
        columns.pop()
    _refuse_other_separators(columns, f"{name}:{header_line}")
    _refuse_repeats(columns, f"{name}:{header_line}")
    return Header(tuple(columns), separator, header_line), records


def _parse_csv(text: str, name: str) -> Table:
    header, records = open_csv(text, name)
    return make_table(header, records, name)


def make_table(header: Header, records: Iterable[tuple[int, list[str]]], name: str) -> Table:
    """Return rows of a CSV file as a table; raises ``InputError`` where one is longer or shorter."""
    width = len(header.columns)
    rows: list[Row] = []
    odd: list[tuple[int, int]] = []
    for line, cells in records:
        if len(cells) > width:
            while len(cells) > width and not cells[-1].strip():
                cells.pop()
        if len(cells) != width:
            odd.append((line, len(cells)))
        else:
            rows.append(Row(line, tuple(cells)))
    if odd:
        raise _width_error(name, width, odd)
    return Table(name=name, columns=header.columns, rows=tuple(rows), separator=header.separator)


def _find_header(text: str) -> tuple[int, str]:
    """Return how many comments and blank lines come before the header, and the header's line or nothing."""
    skipped = 0
    for skipped, line in enumerate(_lines(text)):
        if line.strip() and not line.lstrip().startswith("#"):
            return skipped, line
    return skipped + 1, ""


def _records(text: str, name: str, skipped: int, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the header and the rows, each with the line it begins on, without blank lines."""
    import csv

    stream = _lines(text)
    for _ in range(skipped):
        next(stream, "")
    # strict, so that a quote that is never closed is an error and not one very long cell
    reader = csv.reader(stream, delimiter=separator, strict=True, skipinitialspace=True)
    line = skipped + 1
    try:
        for cells in reader:
            if cells and (cells[0].strip() or any(cell and not cell.isspace() for cell in cells)):
                yield line, cells
            line = skipped + reader.line_num + 1
    except csv.Error as problem:
        hint = 'look for a quote (") without its partner'
        raise InputError(f"{name}:{line}: not CSV ({problem})", hint=hint) from None


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text with their ends, a piece of it at a time."""
    import io

    def pieces() -> Iterator[io.StringIO]:
        start = 0
        while start < len(text):
            end = text.rfind("\n", start, start + _PIECE) + 1
            end = end or text.find("\n", start) + 1 or len(text)
            yield io.StringIO(text[start:end], newline="")
            start = end

    return chain.from_iterable(pieces())


def _separator(header: str, name: str) -> str:
    if name.lower().removesuffix(".gz").endswith(".tsv") and "\t" in header:
        return "\t"
    if "," not in header:
        for separator in ("\t", ";"):
            if separator in header:
                return separator
    return ","


def _refuse_other_separators(columns: list[str], place: str) -> None:
    """Refuse a header that was not divided: its one cell holds what divides it elsewhere."""
    if len(columns) == 1 and _OTHER_SEPARATORS.search(columns[0]):
        hint = "put commas, tabs or semicolons between the columns: these are the separators that are read"
        raise InputError(f"{place}: the header is one cell, {columns[0]!r}", hint=hint)


def _refuse_repeats(columns: list[str], place: str) -> None:
    repeated = sorted({column for column in columns if column and columns.count(column) > 1})
    if repeated:
        hint = "rename or delete all but one"
        raise InputError(f"{place}: the header repeats {', '.join(map(repr, repeated))}", hint=hint)


def _width_error(name: str, width: int, odd: list[tuple[int, int]]) -> InputError:
    hint = "every row needs one cell per column; quote cells that contain the separator"
    if len(odd) == 1:
        line, count = odd[0]
        return InputError(f"{name}:{line}: {count} cells, but the header has {width}", hint=hint)
    shown = "; ".join(f"line {line}: {count} cells" for line, count in odd[:10])
    more = f"; and {len(odd) - 10} more" if len(odd) > 10 else ""
    return InputError(
        f"{name}: {len(odd)} rows do not fit the header's {width} cells: {shown}{more}", hint=hint
    )


def _parse_json_lines(text: str, name: str) -> Table:
    objects: list[tuple[int, dict[str, str]]] = []
    columns: dict[str, None] = {}
    # not splitlines, which also breaks at U+2028, a legal character inside a JSON string
    for line, content in enumerate(text.split("\n"), start=1):
        if content.strip() and not (not objects and content.lstrip().startswith("#")):
            cells = _parse_object(content, f"{name}:{line}")
            columns.update(dict.fromkeys(cells))
            objects.append((line, cells))
    names = tuple(columns)
    rows = tuple(Row(line, tuple(cells.get(key, "") for key in names)) for line, cells in objects)
    return Table(name=name, columns=names, rows=rows)


def _parse_object(content: str, place: str) -> dict[str, str]:
    """Read one JSON object into text cells; numbers keep the digits they are written with."""
    import json

    def cells_of(pairs: list[tuple[str, object]]) -> dict[str, str]:
        _refuse_repeats([key.strip() for key, _ in pairs], place)
        return {key.strip(): _cell(key, value, place) for key, value in pairs}

    hint = "each line is one object like {"
    hint += '"params": 1e9, "tokens": 2e10, "loss": 2.9}'
    try:
        cells = json.loads(
            content, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=cells_of
        )
    except (json.JSONDecodeError, RecursionError) as problem:
        what = (
            f"{problem.msg}, column {problem.colno}"
            if isinstance(problem, json.JSONDecodeError)
            else "too deep"
        )
        raise InputError(f"{place}: not a JSON object ({what})", hint=hint) from None
    if not isinstance(cells, dict):
        raise InputError(f"{place}: not a JSON object, got {content.strip()[:40]}", hint=hint)
    return cells


def _cell(key: str, value: object, place: str) -> str:
    if isinstance(value, dict | list):
        hint = "flatten it: one plain value per key"
        raise InputError(f"{place}: {key!r} holds a nested value", hint=hint)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
