"""A fit's picture: the law's contours, its runs, its frontier within and beyond their range, its target."""

import math
from typing import TypeVar

import numpy as np
import pytest

from scaling_cli.fitting.fit import predicted_loss
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.published import published_law
from scaling_cli.reports.pictures import fit as pictures
from scaling_cli.reports.pictures.fit import fit_picture
from scaling_cli.reports.pictures.picture import Band, Drawn, Line, Mark, Panel, Points, Text
from tests.reports.pictures.studies import TARGET, fitted_plan

T = TypeVar("T", bound=Drawn)


def of_kind(panel: Panel, kind: type[T]) -> list[T]:
    return [one for one in panel.drawn if isinstance(one, kind)]


def test_it_has_four_panels_and_says_that_the_runs_are_simulated() -> None:
    picture = fit_picture(fitted_plan())
    assert picture.title == "Chinchilla law fitted to runs.csv"
    titles = [[panel.title for panel in row] for row in picture.rows]
    assert titles == [
        ["Fitted loss (contours, nats per token)", "Residuals: predicted above measured loss"],
        ["Frontier: params", "Frontier: tokens"],
    ]
    assert picture.notes == ("The runs are simulated, not trained.",)


def test_every_contour_is_a_line_of_equal_loss_and_says_which() -> None:
    plan, panel = fitted_plan(), fit_picture(fitted_plan()).panels[0]
    law = plan.fit.law
    assert isinstance(law, PredictsLoss)
    contours = [line for line in of_kind(panel, Line) if line.role == "level"]
    words = of_kind(panel, Text)
    assert len(contours) == len(words) >= 5
    for line, text in zip(contours, words, strict=True):
        losses = [law.loss(N, D) for N, D in zip(line.x, line.y, strict=True)]
        assert losses == pytest.approx([float(text.text)] * len(losses), rel=1e-9)
        assert (text.x[0], text.y[0]) == (line.x[-1], line.y[-1])


def test_contours_stay_in_the_frame() -> None:
    panel = fit_picture(fitted_plan()).panels[0]
    assert panel.x.low is not None
    assert panel.y.low is not None
    assert panel.y.high is not None
    for line in of_kind(panel, Line):
        if line.role == "level":
            assert min(line.x) >= panel.x.low
            assert panel.y.low <= min(line.y) <= max(line.y) <= panel.y.high


def test_runs_lie_where_they_were_run() -> None:
    plan, panels = fitted_plan(), fit_picture(fitted_plan()).panels
    runs = plan.fit.runs
    (points,) = of_kind(panels[0], Points)
    assert (points.x, points.y) == (tuple(runs.params), tuple(runs.tokens))
    (points,) = of_kind(panels[2], Points)
    assert (points.x, points.y) == (tuple(runs.flops_6ND), tuple(runs.params))


def test_residuals_are_in_percent_of_the_loss_with_their_robust_spread() -> None:
    plan, panel = fitted_plan(), fit_picture(fitted_plan()).panels[1]
    (points,) = of_kind(panel, Points)
    predicted = predicted_loss(plan.fit.law, plan.fit.runs)
    np.testing.assert_allclose(points.y, 100 * np.log(predicted / plan.fit.runs.loss), atol=1e-12)
    (band,) = of_kind(panel, Band)
    assert band.high[0] == pytest.approx(100 * plan.fit.quality.residual_mad)
    assert band.low[0] == -band.high[0]


@pytest.mark.parametrize("quantity", ["params", "tokens"])
def test_the_frontier_is_drawn_through_where_it_was_fitted_and_dashed_beyond(quantity: str) -> None:
    plan = fitted_plan()
    panel = fit_picture(plan).panels[2 if quantity == "params" else 3]
    law = plan.fit.law
    assert isinstance(law, PredictsLoss)
    lines = {line.role: line for line in of_kind(panel, Line) if not line.group}
    assert (lines["fitted"].x[0], lines["fitted"].x[-1]) == plan.fit.fitted_range["flops"]
    assert lines["beyond"].x[-1] > TARGET
    for line in lines.values():
        expected = [law.optimum(C)[0 if quantity == "params" else 1] for C in line.x]
        assert line.y == pytest.approx(expected, rel=1e-12)


def test_the_target_has_the_intervals_of_the_table() -> None:
    plan, panels = fitted_plan(), fit_picture(fitted_plan()).panels
    optimum = plan.optima[0]
    assert optimum.uncertainty is not None
    (mark,) = of_kind(panels[0], Mark)
    assert (mark.x, mark.y) == ((optimum.params,), (optimum.tokens,))
    assert mark.x_interval == optimum.uncertainty.intervals["params"]
    assert mark.y_interval == optimum.uncertainty.intervals["tokens"]
    (mark,) = of_kind(panels[2], Mark)
    assert mark.y_interval == optimum.uncertainty.intervals["params"]


def test_the_band_meets_the_interval_of_the_target() -> None:
    plan, panel = fitted_plan(), fit_picture(fitted_plan()).panels[2]
    assert plan.optima[0].uncertainty is not None
    (band,) = of_kind(panel, Band)
    at_target = [
        math.exp(np.interp(math.log(TARGET), np.log(band.x), np.log(ends))) for ends in (band.low, band.high)
    ]
    assert at_target == pytest.approx(plan.optima[0].uncertainty.intervals["params"], rel=1e-3)


def test_published_laws_stand_beside_it_and_say_what_their_params_leave_out() -> None:
    panel = fit_picture(fitted_plan()).panels[2]
    published = {line.label: line for line in of_kind(panel, Line) if line.role == "published"}
    assert list(published) == ["kaplan2020 (non-embedding)", "hoffmann2022-a1", "besiroglu2024"]
    law = published_law("besiroglu2024").law
    assert isinstance(law, PredictsLoss)
    line = published["besiroglu2024"]
    assert line.y[0] == law.optimum(line.x[0])[0]


def test_a_law_that_divides_no_budget_has_its_loss_drawn_over_compute() -> None:
    plan = fitted_plan("frontier")
    picture = fit_picture(plan)
    assert [panel.title for panel in picture.panels] == ["Loss", "Residuals: predicted above measured loss"]
    loss = picture.panels[0]
    for line in of_kind(loss, Line):
        assert line.y == pytest.approx([plan.fit.law.frontier_loss(C) for C in line.x], rel=1e-12)
    (mark,) = of_kind(loss, Mark)
    assert mark.y == (plan.optima[0].loss,)
    assert mark.y_interval is not None


def test_of_very_many_runs_some_are_drawn_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_RUNS", 10)
    picture = fit_picture(fitted_plan())
    assert picture.notes[0] == "10 of 63 runs are drawn."
    assert {len(points.x) for panel in picture.panels for points in of_kind(panel, Points)} == {10}
