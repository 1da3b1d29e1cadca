"""An IsoFLOP study in a picture: every valley with vertex and status, the frontier through the ok ones."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest

from scaling_cli.reports.pictures import isoflop as pictures
from scaling_cli.reports.pictures.isoflop import isoflop_picture
from scaling_cli.reports.pictures.picture import Drawn, Line, Mark, Panel, Points, Text
from tests.reports.pictures.studies import TARGET, isoflop_plan

T = TypeVar("T", bound=Drawn)


def of_kind(panel: Panel, kind: type[T]) -> list[T]:
    return [one for one in panel.drawn if isinstance(one, kind)]


def test_every_budget_is_named_and_those_left_out_say_why() -> None:
    panel = isoflop_picture(isoflop_plan()).panels[0]
    words = [text.text for text in of_kind(panel, Text)]
    assert words == ["1e19", "3e19", "1e20", "3e20 edge", "1e21 too-few", "3e21 concave"]


def test_runs_and_curves_are_those_of_the_valleys_in_the_shade_of_their_budget() -> None:
    plan = isoflop_plan()
    panel = isoflop_picture(plan).panels[0]
    for valley, points in zip(plan.study.valleys, of_kind(panel, Points), strict=True):
        assert (points.x, points.y) == (tuple(valley.runs.params), tuple(valley.runs.loss))
    assert [points.shade for points in of_kind(panel, Points)] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    lines = {line.shade: line for line in of_kind(panel, Line)}
    assert 0.8 not in lines  # three sizes have no curve
    first = plan.study.valleys[0]
    assert first.curve is not None
    assert lines[0.0].y == pytest.approx(first.curve.loss(np.array(lines[0.0].x)), rel=1e-12)
    assert [lines[shade].role for shade in (0, 0.2, 0.4, 0.6, 1)] == ["fitted"] * 3 + ["rejected"] * 2


def test_only_vertices_that_are_ok_have_an_interval_and_enter_the_frontier() -> None:
    plan = isoflop_plan()
    panels = isoflop_picture(plan).panels
    for panel, name in ((panels[0], "params"), (panels[1], "params"), (panels[2], "tokens")):
        marks = [mark for mark in of_kind(panel, Mark) if mark.role == "optimum"]
        assert len(marks) == 3
        for mark, valley in zip(marks, plan.study.ok, strict=True):
            interval = mark.x_interval if panel is panels[0] else mark.y_interval
            assert interval == valley.intervals[name]
    rejected = [mark for mark in of_kind(panels[1], Mark) if mark.role == "rejected"]
    assert all(mark.y_interval is None for mark in rejected)


def test_the_corrected_frontier_goes_through_with_the_raw_one_beside_it() -> None:
    plan = isoflop_plan()
    study = plan.study
    assert study.raw is not None
    assert study.corrected is not None
    for panel, name in zip(isoflop_picture(plan).panels[1:], ("params", "tokens"), strict=True):
        lines = {line.label: line for line in of_kind(panel, Line)}
        for label, law in (
            ("raw frontier", study.raw.laws[name]),
            ("corrected frontier", study.corrected.laws[name]),
            ("corrected frontier, extrapolated", study.corrected.laws[name]),
        ):
            assert lines[label].y == pytest.approx([law.at(C) for C in lines[label].x], rel=1e-12)
        fitted = lines["corrected frontier"]
        assert fitted.x == (study.ok[0].flops, study.ok[-1].flops)


def test_the_target_is_the_best_answer_with_its_intervals() -> None:
    plan = isoflop_plan()
    panels = isoflop_picture(plan).panels
    (mark,) = [mark for mark in of_kind(panels[2], Mark) if mark.role == "target"]
    assert (mark.x, mark.y) == ((TARGET,), (plan.optima[0].best.tokens,))
    assert mark.y_interval == plan.optima[0].best.intervals["tokens"]


def test_where_there_is_no_frontier_the_valleys_are_drawn_alone() -> None:
    picture = isoflop_picture(isoflop_plan(only_left_out=True))
    assert len(picture.panels) == 1
    assert not [mark for mark in of_kind(picture.panels[0], Mark) if mark.role == "optimum"]


def test_a_few_losses_far_up_are_named_and_do_not_flatten_the_valleys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = isoflop_plan()
    assert isoflop_picture(plan).notes == ()
    assert isoflop_picture(plan).panels[0].y.high is None
    monkeypatch.setattr(pictures, "ROOM_ABOVE", 0.0)
    picture = isoflop_picture(plan)
    assert picture.panels[0].y.high is not None
    assert picture.notes[0].startswith("Above the frame: run 0 (loss 3.")


def test_a_vertex_far_outside_its_runs_does_not_stretch_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = isoflop_plan()
    edge = plan.study.valleys[3]
    assert edge.vertex is not None
    near = [mark for mark in of_kind(isoflop_picture(plan).panels[0], Mark) if mark.role == "rejected"]
    assert edge.vertex.params in [mark.x[0] for mark in near]
    monkeypatch.setattr(pictures, "FARTHEST", 0.5)
    far = [mark for mark in of_kind(isoflop_picture(plan).panels[0], Mark) if mark.role == "rejected"]
    assert edge.vertex.params not in [mark.x[0] for mark in far]


def test_without_a_bootstrap_no_vertex_is_said_to_have_an_interval() -> None:
    plan = isoflop_plan()
    labels = [mark.label for mark in of_kind(isoflop_picture(plan).panels[0], Mark)]
    assert "vertex with its 90 % interval" in labels
    bare = replace(plan, study=replace(plan.study, replicates=0))
    labels = [mark.label for panel in isoflop_picture(bare).panels for mark in of_kind(panel, Mark)]
    assert "vertex" in labels
    assert not any("interval" in label for label in labels)
