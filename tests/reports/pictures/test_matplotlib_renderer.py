"""Files of pictures: of the format they are named for, with all words in them, and always the same."""

import re
from xml.etree import ElementTree

import pytest

from scaling_cli.errors import OutputError
from scaling_cli.reports.pictures.look import GROUPS, PUBLISHED, ROLES
from scaling_cli.reports.pictures.matplotlib_renderer import (
    FORMATS,
    legend_columns,
    require_matplotlib,
    to_image,
)
from scaling_cli.reports.pictures.picture import Axis, Line, Mark, Panel, Picture, Role, Text, at, legend
from tests.reports.pictures.pictures import PICTURES, picture_of

MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF"}


def words_of(svg: bytes) -> list[str]:
    return [
        "".join(node.itertext())
        for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


def small(title: str = "A title", *, label: str = "runs") -> Picture:
    line = Line("fitted", label, (1e8, 1e9, 1e10), (3.0, 2.0, 2.5))
    panel = Panel("A panel", Axis("params", "count", is_log=True), Axis("loss", "loss"), (line,))
    return Picture(title, ((panel,),), notes=("A note.",))


@pytest.mark.parametrize("name", list(PICTURES))
def test_every_picture_says_its_labels_title_and_notes(name: str) -> None:
    picture = picture_of(name)
    words = " ".join(words_of(to_image(picture, "svg")))
    for panel in picture.panels:
        assert panel.title in words
        assert panel.x.label in words
        assert panel.y.label in words
    for series in legend(picture.panels):
        assert series.label in words
    for text in (text for panel in picture.panels for text in panel.texts):
        assert text.text in words
    for said in (picture.title, *picture.notes):
        assert said in words  # wrapped lines are joined by the blanks they were broken at


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_is_what_its_suffix_says_the_same_every_time_and_holds_no_date(suffix: str) -> None:
    content = to_image(small(), suffix)
    assert content.startswith(MAGIC[suffix])
    assert content == to_image(small(), suffix)
    assert not re.search(rb"CreationDate|<dc:date>|20\d\d-\d\d-\d\d|[Mm]atplotlib v?\d", content)


def test_the_users_own_style_changes_nothing() -> None:
    import matplotlib

    usual = to_image(small(), "svg")
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "text.usetex": True}):
        assert to_image(small(), "svg") == usual
        assert matplotlib.rcParams["font.size"] == 30  # and is left as it was


def test_names_that_look_like_mathematics_are_left_as_they_are() -> None:
    words = words_of(to_image(small("runs_$x^2$.csv", label="$a_b$ & <c>"), "svg"))
    assert "runs_$x^2$.csv" in words
    assert "$a_b$ & <c>" in words


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_letters_that_the_font_lacks_are_no_warning(suffix: str) -> None:
    assert to_image(small("实验.csv"), suffix).startswith(MAGIC[suffix])


def test_intervals_that_end_before_their_value_are_drawn() -> None:
    mark = Mark("target", "target", *at(1e9, 2.0), x_interval=(2e9, 3e9), y_interval=(1.0, 1.5))
    panel = Panel(
        "", Axis("params", "count", True), Axis("loss", "loss"), (mark, Text("here", *at(1e9, 2.0)))
    )
    assert to_image(Picture("t", ((panel,),)), "png").startswith(MAGIC["png"])


def test_a_legend_has_as_many_columns_as_fit() -> None:
    assert legend_columns(["runs"] * 8, 7.2) == 4
    assert legend_columns(["a label of some forty letters, give or take"] * 4, 7.2) == 2
    assert legend_columns(["a label of some forty letters, give or take"] * 4, 4.0) == 1
    assert legend_columns(["runs"], 5.0) == 1


def test_no_two_groups_look_alike_even_in_grey() -> None:
    for groups in (GROUPS, PUBLISHED):
        assert len({color for color, _, _ in groups}) == len(groups)
        assert len({dashes for _, dashes, _ in groups}) == len(groups)
        assert len({marker for _, _, marker in groups}) == len(groups)


def test_what_matters_differs_in_shape_and_not_in_colour_alone() -> None:
    points: tuple[Role, ...] = ("runs", "rejected", "optimum", "target")
    lines: tuple[Role, ...] = ("fitted", "beyond", "raw", "rejected")
    assert len({ROLES[role].marker for role in points}) == len(points)
    assert len({ROLES[role].dashes for role in lines}) == len(lines)


def test_without_matplotlib_the_way_to_get_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    require_matplotlib("x.png")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OutputError, match=r"x\.png: cannot be drawn: matplotlib is not installed") as refused:
        require_matplotlib("x.png")
    assert refused.value.hint is not None
    assert "pip install 'scaling-cli[plots]'" in refused.value.hint
