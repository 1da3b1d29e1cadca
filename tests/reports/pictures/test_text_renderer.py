"""Pictures as text: as wide as the terminal, the same without colour, ASCII where there is nothing else."""

import os
import re
from pathlib import Path

import pytest

from scaling_cli.reports.pictures.picture import (
    LOSS,
    Axis,
    Band,
    Line,
    Mark,
    Panel,
    Picture,
    Points,
    Rule,
    Text,
    at,
    legend,
)
from scaling_cli.reports.pictures.text_renderer import to_text
from tests.reports.pictures.pictures import PICTURES, picture_of

GOLDEN = Path(__file__).parents[2] / "golden"

TRACED = ("curves", "approaches")
"""Which run wins an envelope's budget hangs on last digits: their letters are held by other tests."""

FITTED = ("fit", "fit-frontier", "isoflop", "isoflop-none-ok", "optimal-draws", "compare-recipes", "race")
"""Where a dash or a dot falls hangs on the last digits of a fit, which differ between machines: of these the
frame and the words are held to the letter."""


def panel_of(*drawn: Line | Mark | Points | Rule | Band | Text) -> Picture:
    x, y = Axis("params", "count", True, 1e8, 1e10), Axis(LOSS, "loss", low=2.0, high=3.0)
    return Picture("Title", ((Panel("Panel", x, y, drawn),),))


def plot_of(text: str) -> list[str]:
    """The lines between the axes."""
    return [
        re.split("[│┤|+]", line, maxsplit=1)[1]
        for line in text.splitlines()
        if re.match(r" *[\d.]* [│┤|+]", line)
    ]


def frame_of(text: str) -> str:
    """The text without what stands between the axes."""
    return re.sub(r"^( *[\d.]*[KMBT]? *[│┤|+]).*$", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in PICTURES if name not in TRACED])
def test_at_80_columns_it_is_its_golden_file(name: str) -> None:
    text = to_text(picture_of(name), width=80, color=False)
    path = GOLDEN / f"plot-{name}-80-columns.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    golden = path.read_text()
    if name in FITTED:
        text, golden = frame_of(text), frame_of(golden)
    assert text == golden


@pytest.mark.parametrize("width", [40, 80, 140, 300, None])
@pytest.mark.parametrize("name", list(PICTURES))
def test_it_is_never_wider_than_the_terminal_and_has_no_blanks_at_the_ends(
    name: str, width: int | None
) -> None:
    lines = to_text(picture_of(name), width=width, color=False).splitlines()
    assert max(map(len, lines)) <= max(width or 80, 60)
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("name", list(PICTURES))
def test_everything_with_a_label_is_in_the_legend(name: str) -> None:
    picture = picture_of(name)
    text = to_text(picture, width=140, color=False)
    for series in legend(picture.panels[:1]):
        assert series.label in text
    assert picture.panels[0].x.label in text
    assert picture.panels[0].y.label in text


@pytest.mark.parametrize("name", list(PICTURES))
def test_without_unicode_it_is_ascii(name: str) -> None:
    assert to_text(picture_of(name), width=80, color=False, unicode=False).isascii()


@pytest.mark.parametrize("name", list(PICTURES))
def test_colour_changes_no_character(name: str) -> None:
    colored = to_text(picture_of(name), width=80, color=True)
    assert "\x1b[" in colored
    plain = "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", colored).split("\n"))
    assert plain == to_text(picture_of(name), width=80, color=False)


def test_a_line_is_dots_from_its_first_point_to_its_last() -> None:
    rows = plot_of(to_text(panel_of(Line("fitted", "law", (1e8, 1e10), (3.0, 2.0))), width=80, color=False))
    drawn = [[column for column, letter in enumerate(row) if letter != " "] for row in rows]
    assert drawn[0][0] == 0
    assert drawn[-1][-1] == max(map(max, drawn))
    firsts = [cells[0] for cells in drawn]
    assert firsts == sorted(firsts)


def test_a_mark_lies_on_its_row_and_column_over_lines_and_points() -> None:
    picture = panel_of(
        Mark("target", "target", *at(1e9, 2.5), x_interval=(5e8, 2e9), y_interval=(2.3, 2.7)),
        Points("runs", "runs", (1e9, 1e8), (2.5, 3.0)),
        Line("fitted", "law", (1e8, 1e10), (2.5, 2.5)),
    )
    rows = plot_of(to_text(picture, width=80, color=False))
    (row,) = [row for row in rows if "*" in row]
    assert row[row.index("*") - 3 : row.index("*") + 4] == "---*---"
    assert rows[0][0] == "o"
    above = rows[rows.index(row) - 1]
    assert above[row.index("*")] == "|"


def test_a_band_is_filled_between_its_ends() -> None:
    rows = plot_of(
        to_text(
            panel_of(Band("interval", "90 %", (1e8, 1e10), (2.4, 2.4), (2.6, 2.6))), width=80, color=False
        )
    )
    filled = [index for index, row in enumerate(rows) if "░" in row]
    assert filled == list(range(filled[0], filled[-1] + 1))
    assert 0.15 < len(filled) / len(rows) < 0.3


def test_words_find_a_free_side_or_are_left_out() -> None:
    points = Points("runs", "runs", (1e9,), (2.5,))
    words = [Text(word, *at(1e9, 2.5), "right") for word in ("one", "two", "three", "four", "five")]
    text = to_text(panel_of(points, *words), width=80, color=False)
    assert [word for word in ("one", "two", "three", "four", "five") if word in text] == [
        "one",
        "two",
        "three",
        "four",
    ]


def test_what_lies_outside_the_frame_is_not_drawn() -> None:
    picture = panel_of(
        Points("runs", "runs", (1e12,), (2.5,)), Line("fitted", "law", (1e8, 1e10), (9.0, 9.0))
    )
    assert {letter for row in plot_of(to_text(picture, width=80, color=False)) for letter in row} <= {" "}


def test_groups_are_known_by_their_letters() -> None:
    picture = panel_of(
        Line("fitted", "first", (1e8, 1e10), (2.2, 2.2), group="first"),
        Line("fitted", "second", (1e8, 1e10), (2.8, 2.8), group="second"),
        Mark("optimum", "optimum", *at(1e9, 2.2), group="first"),
        Mark("optimum", "optimum", *at(1e9, 2.8), group="second"),
        Rule("fitted", "third", (5e9,), group="third"),
    )
    text = to_text(picture, width=80, color=False)
    low, high = (row for row in plot_of(text) if row.count("A") + row.count("B"))
    assert ("b" in low, "B" in low, "a" in high, "A" in high) == (True, True, True, True)
    assert text.splitlines()[-1] == "⠒a⠒ first   ⠒b⠒ second   AB optimum   ⠒c⠒ third"
