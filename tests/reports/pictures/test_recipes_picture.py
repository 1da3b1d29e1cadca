"""The picture of recipes compared: what stands in it, and where."""

import pytest

from scaling_cli.laws.published import published_laws
from scaling_cli.planning.recipe_fits import RecipeLaw
from scaling_cli.reports.pictures.picture import Band, Line, Mark, Points, Rule
from scaling_cli.reports.pictures.recipes import recipes_picture
from tests.planning.test_compare_recipes import BASELINE, compared, steeper, study, table
from tests.reports.pictures.pictures import picture_of


def test_the_multiplier_lies_in_its_band_and_the_target_on_its_line() -> None:
    panel, _ = picture_of("compare-recipes").panels
    (band,) = [one for one in panel.series if isinstance(one, Band)]
    line, level = [one for one in panel.series if isinstance(one, Line)]
    (target,) = [one for one in panel.series if isinstance(one, Mark)]
    assert band.x == line.x
    assert all(low < value < high for low, value, high in zip(band.low, line.y, band.high, strict=True))
    assert level.y == (1.0, 1.0)
    assert target.x == (1e22,)
    assert target.y[0] == pytest.approx(line.y[-1], rel=1e-9)
    assert target.y_interval == pytest.approx((band.low[-1], band.high[-1]), rel=1e-9)


def test_each_recipe_has_its_runs_its_frontier_and_its_interval() -> None:
    _, panel = picture_of("compare-recipes").panels
    for kind in (Points, Line, Band):
        assert [one.group for one in panel.series if isinstance(one, kind)] == ["a.csv", "b.csv"]
    points = [one for one in panel.series if isinstance(one, Points)]
    assert [len(one.x) for one in points] == [63, 63]


def test_a_crossover_is_a_rule_at_its_budget() -> None:
    tables = table("a.csv", study(BASELINE)), table("b.csv", study(steeper()))
    picture = recipes_picture(compared(*tables, flops=(1e21, 1e23)))
    (rule,) = [one for one in picture.panels[0].series if isinstance(one, Rule)]
    assert rule.x[0] == pytest.approx(1e22, rel=1e-3)


def test_laws_without_draws_have_lines_alone() -> None:
    laws = [RecipeLaw(card) for name in ("besiroglu2024", "hoffmann2022-a3") for card in published_laws(name)]
    picture = recipes_picture(compared(*laws, flops=(1e23,)))
    kinds = {type(one) for panel in picture.panels for one in panel.series}
    assert Line in kinds
    assert not kinds & {Band, Points}
