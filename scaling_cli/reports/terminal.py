"""A report as text for a terminal: aligned tables, records, and the findings below."""

import io
from typing import Literal

from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from scaling_cli.reports.report import Note, Record, Report, Table

NATURAL_WIDTH = 10_000
"""Off a terminal nothing is wrapped: a line of output is a row of the table."""

GAP = "  "
"""What stands between two columns: a cell's padding and the box's divider."""

# a rule under the headings and between groups, nothing else; plain ASCII, so that any locale shows it
_RULES = Box("    \n    \n -- \n    \n -- \n    \n    \n    \n", ascii=True)
_SEVERITY_STYLES = {"info": "dim", "warning": "yellow", "refusal": "red"}


def to_terminal(report: Report, *, width: int | None, color: bool) -> str:
    """Return the report as text, wrapped to ``width`` columns (``None``: not wrapped at all)."""
    width = width or NATURAL_WIDTH
    blocks = [
        _render(_record(section), width=width, color=color)
        if isinstance(section, Record)
        else _render_table(section, width=width, color=color)
        for section in report.sections
    ]
    if report.notes:
        blocks.append(_render(_notes(report.notes), width=width, color=color))
    return "\n".join(blocks)


def _render(what: RenderableType, *, width: int, color: bool) -> str:
    """Return the lines of one block, without the blanks that rich fills them with."""
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
    console.print(what)
    return "\n".join(line.rstrip() for line in buffer.getvalue().split("\n"))


def _render_table(table: Table, *, width: int, color: bool) -> str:
    """Return a table, numbers to the right.

    Where it is too wide its headings wrap; its cells never do, so that no digit is lost: a terminal
    narrower than the cells is overrun.
    """
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.headings)
    cells = [max(map(len, column), default=0) for column in columns]
    wide = [max(cell, len(heading)) for cell, heading in zip(cells, table.headings, strict=True)]
    words = [heading.split() for heading in table.headings]
    narrow = [max([cell, *map(len, heading)]) for cell, heading in zip(cells, words, strict=True)]
    widths = wide if _total(wide) <= width else narrow
    text = _render(_rich_table(table, widths), width=_total(widths), color=color)
    return (
        text + _render(Text(table.caption, style="dim"), width=width, color=color) if table.caption else text
    )


def _total(widths: list[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _rich_table(table: Table, widths: list[int]) -> RichTable:
    """Lay a table out in columns of the given widths."""
    drawn = RichTable(box=_RULES, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for column, (heading, width) in enumerate(zip(table.headings, widths, strict=True)):
        justify: Literal["left", "right"] = "left" if column in table.is_text else "right"
        drawn.add_column(Text(heading), justify=justify, vertical="bottom", width=width)
    for index, row in enumerate(table.rows):
        if index and index in table.groups:
            drawn.add_section()
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _record(record: Record) -> Group:
    """Lay a title and its labelled lines out."""
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in record.fields:
        grid.add_row(Text(label, style="dim"), Text(value))
    return Group(Text(record.title, style="bold"), Padding(grid, (0, 0, 0, 2), expand=False))


def _notes(notes: tuple[Note, ...]) -> RichTable:
    """Lay the findings out: severity, what was found, the id."""
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for note in notes:
        severity = note.finding.severity
        line = Text(note.text).append(f" [{note.finding.id}]", style="dim")
        grid.add_row(Text(severity, style=_SEVERITY_STYLES[severity]), line)
    return grid
