"""The fast reader of learning curves, for large CSV files where polars, the extra ``tables``, is there."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from scaling_cli.errors import InputError
from scaling_cli.files.columns import Columns
from scaling_cli.files.curve_blocks import Recognise
from scaling_cli.files.curve_points import NUMBERS, TEXTS, Block, IrregularBlockError, Texts, check_block
from scaling_cli.files.rows import find_scales
from scaling_cli.files.table import Header, open_csv

if TYPE_CHECKING:
    import polars

FROM_BYTES = 20_000_000
"""What the plain reader has read in about a second."""

PIECE = 16_000_000
"""The file is parsed so many bytes at a time: enough for several cores, and what an allocator reuses."""

HEAD = 1_000_000
"""The header, and the comments above it, lie within so many bytes."""

_WHOLE = ("params", "tokens", "schedule_tokens")
"""Counts, which most files write as whole numbers: these are parsed in half the time of others."""


def is_large(path: str) -> bool:
    """Say whether a path is a file that the plain reader takes long for."""
    try:
        return path != "-" and Path(path).is_file() and Path(path).stat().st_size >= FROM_BYTES
    except (OSError, ValueError):
        return False


def is_installed() -> bool:
    """Say whether polars is there."""
    return find_spec("polars") is not None


@dataclass(slots=True)
class FastFile:
    """A large CSV file: its ``header``, the byte at which its rows ``start``, and what its columns hold."""

    path: str
    header: Header
    start: int
    columns: Columns
    units: Mapping[str, float]
    digest: Any = field(default_factory=hashlib.sha256)
    whole: tuple[str, ...] = _WHOLE

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file, once all its blocks were read."""
        text: str = self.digest.hexdigest()
        return text

    def blocks(self, progress: Callable[[int], None]) -> Iterator[Block]:
        """Yield the rows, block by block, every one checked; ``progress`` is told how many bytes were read.

        Raises ``IrregularBlockError`` where the plain reader must look at the file.
        """
        with Path(self.path).open("rb") as file, ThreadPoolExecutor(1) as worker:
            self.digest.update(file.read(self.start))
            for piece in _pieces(file):
                hashed = worker.submit(self.digest.update, piece)
                yield self._parse(piece)
                hashed.result()
                progress(len(piece))

    def _parse(self, piece: bytes) -> Block:
        """Return a piece of the file as a block that was checked."""
        from polars.exceptions import PolarsError

        try:
            frame = self._read_csv(piece)
        except PolarsError:
            try:  # one 1.5e9 is enough: from here on counts are read as any number
                self.whole = ()
                frame = self._read_csv(piece)
            except PolarsError:
                raise IrregularBlockError from None
        self._check_width(piece, frame)
        scales = find_scales(self.columns, self.units)
        block = Block(
            rows=frame.height,
            numbers={name: _numbers(frame[name], scales.get(name, 1.0)) for name in NUMBERS if name in frame},
            texts={name: _texts(frame[name]) for name in TEXTS if name in frame},
        )
        check_block(block)
        return block

    def _read_csv(self, piece: bytes) -> "polars.DataFrame":
        """Read the columns that a curve is made of, under the names of their quantities."""
        import polars as pl

        wanted = {self.columns.names[name]: name for name in (*NUMBERS, *TEXTS) if name in self.columns.names}
        schema: dict[str, Any] = {}
        for index, column in enumerate(self.header.columns):
            name = wanted.get(column)
            kind = pl.Int64 if name in self.whole else pl.Float64 if name in NUMBERS else pl.String
            schema[name or f"column {index}"] = kind
        chosen = [index for index, column in enumerate(self.header.columns) if column in wanted]
        return pl.read_csv(
            piece, has_header=False, columns=chosen, schema=schema, separator=self.header.separator
        )

    def _check_width(self, piece: bytes, frame: "polars.DataFrame") -> None:
        """Raise ``IrregularBlockError`` for rows with fewer cells than columns, which polars fills up."""
        import numpy as np

        if b'"' in piece:  # what is quoted may hold separators: a row that is cut short shows as a blank
            is_odd = any(series.null_count() for series in frame.get_columns())
        else:
            separators = np.count_nonzero(np.frombuffer(piece, np.uint8) == ord(self.header.separator))
            is_odd = separators != frame.height * (len(self.header.columns) - 1)
        if is_odd:
            raise IrregularBlockError


def open_fast(path: str, recognise: Recognise, units: Mapping[str, float]) -> FastFile | None:
    """Open a large CSV file for the fast reader; None where only the plain one can read it.

    Raises ``InputError`` for columns that cannot be told.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(HEAD)
        text = head[: head.rfind(b"\n") + 1].decode("utf-8-sig")
        header, _ = open_csv(text, path)
    except (OSError, UnicodeDecodeError, InputError):
        return None  # the plain reader says what is wrong
    is_plain = text.lstrip()[0] not in "{[" and "\0" not in text and "\r" not in text.replace("\r\n", "")
    lines = head.split(b"\n", header.line)[: header.line]
    if not is_plain or lines[-1].count(b'"') % 2:  # a header of several lines
        return None
    columns = recognise(header.columns)
    if len(set(columns.names.values())) < len(columns.names):  # one column stands for two quantities
        return None
    return FastFile(path, header, sum(map(len, lines)) + len(lines), columns, units)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of a file in pieces that end with a line, each read once and never copied."""
    start = file.tell()
    end = file.seek(0, 2)
    while start < end:
        file.seek(min(start + PIECE, end))
        file.readline()
        stop = file.tell()
        file.seek(start)
        piece = file.read(stop - start)
        if stop < end or piece.strip():
            yield piece
        start = stop


def _numbers(series: "polars.Series", scale: float) -> Any:
    """Return a column of numbers, NaN where it is blank."""
    import polars as pl

    values = series.cast(pl.Float64).to_numpy()
    return values if scale == 1.0 else values * scale


def _texts(series: "polars.Series") -> Texts:
    """Return a column of text by its codes; most are long stretches of one text."""
    import numpy as np

    stretches = series.fill_null("").rle().struct
    index: dict[str, int] = {}
    codes = [index.setdefault(text, len(index)) for text in stretches.field("value").to_list()]
    return Texts(np.repeat(codes, stretches.field("len").to_numpy()), tuple(index))
