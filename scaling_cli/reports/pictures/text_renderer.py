"""The main panel of a picture as text: lines in braille dots, everything that matters as a letter on top."""

import io
import textwrap
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text as RichText

from scaling_cli.reports.pictures.canvas import Canvas, Cell, Place
from scaling_cli.reports.pictures.picture import (
    SHARED,
    Axis,
    Band,
    Line,
    Mark,
    Panel,
    Picture,
    Points,
    Range,
    Role,
    Rule,
    Series,
    Text,
    groups,
    legend,
)
from scaling_cli.reports.pictures.scale import frame, share, ticks

NARROWEST, DEFAULT_WIDTH, WIDEST = 20, 80, 140
"""Columns: of the plot at least, where nobody says how many there are, and at most."""
SHAPE = 0.26
ROWS = (14, 32)
"""The plot is that share of its columns high, within these rows."""

GLYPHS: Mapping[Role, str] = {"runs": "o", "rejected": "x", "optimum": "#", "target": "*", "flat": "="}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
"""A group is known by its letter, small on its lines and large where it has an optimum."""
LETTER_EVERY = 13
"""Columns from one letter on a line to the next."""

LETTERS_USED = "⠒░│┤└─┬"
"""What a terminal must be able to show, where it is not to be ASCII."""

STRIDES: Mapping[Role, int] = {"beyond": 2, "raw": 3, "published": 3, "level": 4, "rejected": 3}
"""Every so many dots of a line are drawn; all of them elsewhere."""

STYLES: Mapping[Role, str] = {
    "runs": "",
    "fitted": "blue",
    "beyond": "blue",
    "raw": "",
    "interval": "cyan",
    "flat": "bold blue",
    "optimum": "bold blue",
    "target": "bold red",
    "published": "yellow",
    "rejected": "dim",
    "level": "dim",
}
GROUP_STYLES = ("blue", "red", "green", "magenta", "yellow", "cyan", "")


def to_text(picture: Picture, *, width: int | None, color: bool, unicode: bool = True) -> str:
    """Return the picture's first panel as text ``width`` columns wide (``None``: 80), its legend below.

    Without ``unicode`` it is ASCII throughout; colour only repeats what letters and dots say.
    """
    panel, width = picture.panels[0], min(width or DEFAULT_WIDTH, WIDEST)
    ends = frame(panel)
    rows = min(max(round(SHAPE * width), ROWS[0]), ROWS[1])
    y_ticks = ticks(panel.y, ends[1], max(2, rows // 3))
    gutter = max((len(text) for _, text in y_ticks), default=0) + 1
    canvas = Canvas(max(width - gutter - 1, NARROWEST), rows, unicode)
    numbered = groups(picture)
    for series in sorted(panel.series, key=_layer):
        _draw(canvas, _Scale(panel, ends), series, numbered)
    for text in panel.texts:
        _place(canvas, _Scale(panel, ends), text)
    lines = [RichText(picture.title, style="bold"), RichText(panel.title), RichText(panel.y.label)]
    lines += _framed(canvas, y_ticks, panel.y, ends[1], gutter)
    lines += _floor(canvas, panel.x, ends[0], gutter)
    lines += _legend(panel, numbered, width, unicode=unicode)
    lines += [RichText(line, style="dim") for note in picture.notes for line in textwrap.wrap(note, width)]
    return _print(lines, width=width, color=color)


class _Scale:
    """Where the values of a panel lie on its canvas."""

    def __init__(self, panel: Panel, ends: tuple[Range, Range]) -> None:
        self._axes = panel.x, panel.y
        self._ends = ends

    def place(self, x: float, y: float) -> Place:
        """Return a point's place, in shares of the axes."""
        (x_axis, y_axis), (x_ends, y_ends) = self._axes, self._ends
        return share(x_axis, x_ends, x), share(y_axis, y_ends, y)


def _layer(series: Series) -> int:
    """Bands lie below lines, lines below points, and marks on top."""
    order: tuple[type, ...] = (Band, Rule, Line, Points, Mark)
    return order.index(type(series))


def _style(series: Series, numbered: Mapping[str, int]) -> str:
    if series.group:
        return GROUP_STYLES[numbered[series.group] % len(GROUP_STYLES)]
    return STYLES[series.role]


def _letter(series: Series, numbered: Mapping[str, int]) -> str:
    return LETTERS[numbered[series.group] % len(LETTERS)] if series.group else ""


def _draw(canvas: Canvas, scale: _Scale, series: Series, numbered: Mapping[str, int]) -> None:
    """Draw one series on the canvas."""
    style, letter = _style(series, numbered), _letter(series, numbered)
    if isinstance(series, Band):
        _fill(canvas, scale, series, style)
    elif isinstance(series, Rule):
        across = scale.place(series.x[0], 1.0)[0]
        _draw_line(canvas, [(across, 0.0), (across, 1.0)], series.role, style, letter)
    elif isinstance(series, Line):
        places = [scale.place(x, y) for x, y in zip(series.x, series.y, strict=True)]
        _draw_line(canvas, places, series.role, style, letter)
    else:
        if isinstance(series, Mark):
            _draw_intervals(canvas, scale, series, style)
        glyph = letter.upper() if letter and series.role == "optimum" else GLYPHS.get(series.role, "o")
        for x, y in zip(series.x, series.y, strict=True):
            canvas.put(canvas.cell(scale.place(x, y)), glyph, style)


def _draw_line(canvas: Canvas, places: list[Place], role: Role, style: str, letter: str) -> None:
    """Draw a line in dots, and its letter on it at intervals; a flat range is a row of ``=``."""
    stride = STRIDES.get(role, 1)
    last_letter: Cell | None = None
    for count, dot in enumerate(canvas.trace(places)):
        cell = dot[0] // 2, dot[1] // 4
        if role == "flat":
            canvas.put(cell, GLYPHS["flat"], style)
            continue
        if count % stride == 0:
            canvas.dot(dot, style)
        apart = max(abs(cell[0] - last_letter[0]), 2 * abs(cell[1] - last_letter[1])) if last_letter else 0
        first = not last_letter and count >= 4 * (1 + LETTERS.index(letter)) if letter else False
        if letter and (first or apart >= LETTER_EVERY):
            if cell not in canvas.letters:
                canvas.put(cell, letter, style)
            last_letter = cell


def _fill(canvas: Canvas, scale: _Scale, band: Band, style: str) -> None:
    """Fill a band column by column, between its ends interpolated there."""
    lows = [scale.place(x, y) for x, y in zip(band.x, band.low, strict=True)]
    highs = [scale.place(x, y) for x, y in zip(band.x, band.high, strict=True)]
    edges: dict[int, list[int]] = {}
    for side in (lows, highs):
        for across, up in canvas.trace(side):
            edges.setdefault(across // 2, []).append(up // 4)
    for column, rows in edges.items():
        for row in range(min(rows), max(rows) + 1):
            canvas.fills[column, row] = style


def _draw_intervals(canvas: Canvas, scale: _Scale, mark: Mark, style: str) -> None:
    """Draw the bars of a mark."""
    bars = []
    if mark.x_interval:
        bars.append(("-", [(end, mark.y[0]) for end in mark.x_interval]))
    if mark.y_interval:
        bars.append(("|", [(mark.x[0], end) for end in mark.y_interval]))
    for glyph, ends in bars:
        for dot in canvas.trace([scale.place(*end) for end in ends]):
            cell = dot[0] // 2, dot[1] // 4
            if cell not in canvas.letters:
                canvas.put(cell, glyph, style)


def _place(canvas: Canvas, scale: _Scale, text: Text) -> None:
    """Write words beside their point: on the side they ask for, else wherever there is room."""
    cell = canvas.cell(scale.place(text.x[0], text.y[0]))
    if cell is None:
        return
    (column, row), length = cell, len(text.text)
    places = {
        "left": (column - length - 1, row),
        "right": (column + 2, row),
        "above": (column - length // 2, row - 1),
        "below": (column - length // 2, row + 1),
    }
    for side in dict.fromkeys((text.side, "above", "right", "left", "below")):
        if canvas.write(*places[side], text.text):
            return


def _framed(
    canvas: Canvas, ticks_: tuple[tuple[float, str], ...], axis: Axis, ends: Range, gutter: int
) -> list[RichText]:
    """Return the canvas's rows behind the axis on their left."""
    said = {}
    for value, text in ticks_:
        cell = canvas.cell((0.0, share(axis, ends, value)))
        if cell:
            said[cell[1]] = text
    side, tick = ("│", "┤") if canvas.unicode else ("|", "+")
    lines = []
    for row in range(canvas.rows):
        line = RichText(f"{said.get(row, ''):>{gutter - 1}} {tick if row in said else side}")
        for letter, style in canvas.line(row):
            line.append(letter, style=style or None)
        lines.append(line)
    return lines


def _floor(canvas: Canvas, axis: Axis, ends: Range, gutter: int) -> list[RichText]:
    """Return the axis below the canvas: its line, what its ticks say, and its label."""
    corner, floor, tick = ("└", "─", "┬") if canvas.unicode else ("+", "-", "+")
    line, words = [floor] * canvas.columns, [" "] * (canvas.columns + gutter + 1)
    taken = -1
    for value, text in ticks(axis, ends, canvas.columns // 9):
        cell = canvas.cell((share(axis, ends, value), 0.0))
        start = gutter + 1 + (cell[0] if cell else 0) - len(text) // 2
        if cell is None or start <= taken or start + len(text) > len(words):
            continue
        line[cell[0]] = tick
        words[start : start + len(text)] = text
        taken = start + len(text)
    label = axis.label.center(canvas.columns)
    margin = " " * gutter
    return [RichText(f"{margin}{corner}{''.join(line)}"), RichText("".join(words)), RichText(margin + label)]


def _legend(panel: Panel, numbered: Mapping[str, int], width: int, *, unicode: bool) -> list[RichText]:
    """Return what the letters and lines mean, as many to a line as fit."""
    lines, here = [], RichText()
    for series in legend((panel,)):
        specimen = _specimen(panel, series, numbered, unicode=unicode)
        style = "" if series.shade == SHARED else _style(series, numbered)
        if here and len(here) + 3 + len(specimen) + 1 + len(series.label) > width:
            lines.append(here)
            here = RichText()
        here = here.append("   " if here else "").append(specimen, style=style or None)
        here.append(f" {series.label}")
    return [*lines, here] if here else lines


def _specimen(panel: Panel, series: Series, numbered: Mapping[str, int], *, unicode: bool) -> str:
    """Return a few letters of a series."""
    if isinstance(series, Band):
        return "░░░" if unicode else ":::"
    if isinstance(series, Points | Mark):
        alike = {one.group for one in panel.series if one.label == series.label and one.group}
        if series.role == "optimum" and alike:
            return "".join(sorted(LETTERS[numbered[group] % len(LETTERS)].upper() for group in alike))
        return GLYPHS.get(series.role, "o")
    if series.role == "flat":
        return 3 * GLYPHS["flat"]
    sample = Canvas(3, 1, unicode)
    for count, across in enumerate(range(6)):
        if count % STRIDES.get(series.role, 1) == 0:
            sample.dot((across, 1), "")
    text = "".join(letter for letter, _ in sample.line(0))
    return f"{text[0]}{_letter(series, numbered)}{text[2]}" if series.group else text


def _print(lines: list[RichText], *, width: int, color: bool) -> str:
    """Return the lines without the blanks at their ends."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        legacy_windows=False,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for line in lines:
        line.rstrip()
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    return "\n".join(line.rstrip() for line in buffer.getvalue().split("\n"))
