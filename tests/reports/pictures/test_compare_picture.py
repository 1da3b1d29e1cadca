"""Comparisons in pictures: every law's frontier and waste, models at their params and tokens with names."""

from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_cli.laws.law import Allocates, PredictsLoss
from scaling_cli.laws.models import MODELS, SHOWN
from scaling_cli.laws.published import published_law, published_laws
from scaling_cli.planning.compare_laws import compare_laws
from scaling_cli.planning.compare_models import compare_models
from scaling_cli.planning.regret import wasted_share
from scaling_cli.reports.pictures.compare import laws_picture, models_picture
from scaling_cli.reports.pictures.names import GAP, HEIGHT, LETTER, place_names
from scaling_cli.reports.pictures.picture import Axis, Drawn, Line, Mark, Panel, Picture, Points, Text

T = TypeVar("T", bound=Drawn)

BUDGETS = (1e21, 1e23, 1e25)


def of_kind(panel: Panel, kind: type[T]) -> list[T]:
    return [one for one in panel.drawn if isinstance(one, kind)]


def laws_drawn(*names: str) -> Picture:
    cards = [card for name in names for card in published_laws(name)]
    picture = laws_picture(compare_laws(cards, BUDGETS))
    assert picture is not None
    return picture


def test_laws_have_their_frontiers_with_the_plans_on_them() -> None:
    picture = laws_drawn("hoffmann2022-a1", "besiroglu2024")
    for index, panel in enumerate(picture.rows[0]):
        lines, marks = of_kind(panel, Line), of_kind(panel, Mark)
        assert [line.group for line in lines] == ["hoffmann2022-a1", "besiroglu2024"]
        law = published_law("besiroglu2024").law
        assert isinstance(law, PredictsLoss)
        on_line = [mark for mark in marks if mark.group == "besiroglu2024"]
        assert [mark.x[0] for mark in on_line] == list(BUDGETS)
        assert [mark.y[0] for mark in on_line] == pytest.approx([law.optimum(C)[index] for C in BUDGETS])


def test_what_a_law_wastes_is_drawn_under_every_law_that_could_be_true() -> None:
    picture = laws_drawn("hoffmann2022-a1", "besiroglu2024", "hoffmann2022-a3")
    panels = picture.rows[1]
    assert [panel.title for panel in panels] == [
        "Wasted if besiroglu2024 is true",
        "Wasted if hoffmann2022-a3 is true",
    ]
    lines = {line.group: line for line in of_kind(panels[0], Line)}
    assert set(lines) == {"hoffmann2022-a1", "hoffmann2022-a3"}
    true, followed = published_law("besiroglu2024").law, published_law("hoffmann2022-a3").law
    assert isinstance(true, PredictsLoss)
    assert isinstance(followed, Allocates)
    line = lines["hoffmann2022-a3"]
    expected = [100 * wasted_share(true, *followed.optimum(C)) for C in line.x]
    assert line.y == pytest.approx(expected, rel=1e-6)


def test_a_law_alone_wastes_nothing_and_has_no_such_panel() -> None:
    assert len(laws_drawn("besiroglu2024").rows) == 1


def test_laws_past_the_most_and_those_that_divide_nothing_are_named() -> None:
    picture = laws_drawn("all")
    assert "cerebras2023" in picture.notes[0]
    cerebras = published_law("cerebras2023")
    assert laws_picture(compare_laws([cerebras, replace(cerebras, name="another")], BUDGETS)) is None


def test_models_lie_at_their_params_and_tokens_with_the_frontier_between() -> None:
    models = [MODELS[name] for name in SHOWN]
    (panel,) = models_picture(compare_models(models, [published_law("besiroglu2024")])).panels
    (points,) = of_kind(panel, Points)
    assert points.x == tuple(model.compute_params for model in models)
    assert points.y == tuple(model.tokens for model in models)
    (line,) = of_kind(panel, Line)
    law = published_law("besiroglu2024").law
    assert isinstance(law, PredictsLoss)
    for N, D in zip(line.x, line.y, strict=True):
        assert law.optimum(6 * N * D)[0] == pytest.approx(N)
    names = {text.text: (text.x[0], text.y[0]) for text in of_kind(panel, Text)}
    assert names["Gopher"] == (280e9, 300e9)
    assert set(names) <= set(SHOWN)


def test_models_without_room_for_their_names_are_counted() -> None:
    picture = models_picture(compare_models(list(MODELS.values()), published_laws("chinchilla")))
    named = len(of_kind(picture.panels[0], Text))
    assert named >= 20
    assert picture.notes == (f"{len(MODELS) - named} of {len(MODELS)} models have no room for their names.",)


UNIT = (Axis("", "loss"), Axis("", "loss"))
ENDS = ((0.0, 1.0), (0.0, 1.0))


@given(places=st.lists(st.tuples(st.floats(0.15, 0.85), st.floats(0.15, 0.85)), min_size=1, max_size=30))
def test_no_name_covers_another_point(places: list[tuple[float, float]]) -> None:
    points = [(f"model {index}", x, y) for index, (x, y) in enumerate(places)]
    texts = place_names(points, UNIT, ENDS)
    for text in texts:
        reach = GAP + LETTER * len(text.text)
        for name, x, y in points:
            across, up = x - text.x[0], y - text.y[0]
            is_level = abs(up) < HEIGHT / 2
            if name != text.text and is_level and text.side == "right":
                assert not GAP < across < reach
            if name != text.text and is_level and text.side == "left":
                assert not GAP < -across < reach
    if len(points) == 1:
        assert [text.side for text in texts] == ["right"]


def test_names_go_to_the_side_that_is_free() -> None:
    points = [
        ("middle", 0.5, 0.5),
        ("right of it", 0.55, 0.5),
        ("at the end", 0.99, 0.2),
        ("on top", 0.5, 0.5),
    ]
    sides = {text.text: text.side for text in place_names(points, UNIT, ENDS)}
    assert sides["middle"] == "left"
    assert sides["right of it"] == "right"
    assert sides["at the end"] == "left"
