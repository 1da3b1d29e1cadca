"""A canvas of letters for a terminal: fills below, dots of lines over them, letters on top."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a braille letter's dots, row by row (Unicode 16.0, chapter 21.1)."""

Cell = tuple[int, int]
Place = tuple[float, float]


@dataclass(slots=True)
class Canvas:
    """``rows`` of ``columns`` letters, each with a style; places are shares of it, (0, 0) its lower left.

    Without ``unicode`` a cell with any dot is a full stop, and a fill a colon.
    """

    columns: int
    rows: int
    unicode: bool = True
    letters: dict[Cell, tuple[str, str]] = field(default_factory=dict)
    dots: dict[Cell, tuple[int, str]] = field(default_factory=dict)
    fills: dict[Cell, str] = field(default_factory=dict)

    def cell(self, place: Place) -> Cell | None:
        """Return the column and the row (from the top) of a place; ``None`` outside."""
        across, up = place
        if not (0 <= across <= 1 and 0 <= up <= 1):
            return None
        return min(int(across * self.columns), self.columns - 1), min(
            int((1 - up) * self.rows), self.rows - 1
        )

    def put(self, cell: Cell | None, letter: str, style: str) -> None:
        """Put a letter on a cell, over whatever is there; outside, nothing happens."""
        if cell is not None and 0 <= cell[0] < self.columns and 0 <= cell[1] < self.rows:
            self.letters[cell] = letter, style

    def trace(self, places: Sequence[Place]) -> Iterator[tuple[int, int]]:
        """Yield the dots along a line, each once, two to a column and four to a row, from the upper left."""
        known = [(across, up) for across, up in places if math.isfinite(across) and math.isfinite(up)]
        spots = [
            (min(max(across, -1), 2) * 2 * self.columns, (1 - min(max(up, -1), 2)) * 4 * self.rows)
            for across, up in known
        ]
        last = None
        for (x, y), (x_next, y_next) in pairwise(spots):
            steps = max(1, math.ceil(max(abs(x_next - x), abs(y_next - y))))
            for step in range(steps + 1):
                dot = (
                    math.floor(x + (x_next - x) * step / steps),
                    math.floor(y + (y_next - y) * step / steps),
                )
                if dot != last and 0 <= dot[0] < 2 * self.columns and 0 <= dot[1] < 4 * self.rows:
                    yield dot
                last = dot

    def dot(self, dot: tuple[int, int], style: str) -> None:
        """Set a dot inside the canvas."""
        cell = dot[0] // 2, dot[1] // 4
        bits, first = self.dots.get(cell, (0, style))
        self.dots[cell] = bits | DOTS[dot[1] % 4][dot[0] % 2], first

    def write(self, column: int, row: int, text: str) -> bool:
        """Write words where only lines and fills are in their way; say whether they found room."""
        if column < 0 or column + len(text) > self.columns or not 0 <= row < self.rows:
            return False
        if any((column + index, row) in self.letters for index in range(-1, len(text) + 1)):
            return False
        for index, letter in enumerate(text):
            self.letters[column + index, row] = letter, ""
        return True

    def line(self, row: int) -> list[tuple[str, str]]:
        """Return the letters of a row, each with its style."""
        return [self._shown((column, row)) for column in range(self.columns)]

    def _shown(self, cell: Cell) -> tuple[str, str]:
        if cell in self.letters:
            return self.letters[cell]
        if cell in self.dots:
            bits, style = self.dots[cell]
            return (chr(BRAILLE + bits) if self.unicode else "."), style
        if cell in self.fills:
            return ("░" if self.unicode else ":"), self.fills[cell]
        return " ", ""
