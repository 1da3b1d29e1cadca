"""Learning curves in a picture: where each is read, the envelope below, its edges left out, the frontier."""

from typing import TypeVar

import numpy as np
import pytest

from scaling_cli.reports.pictures import curves as pictures
from scaling_cli.reports.pictures.curves import READ, curves_picture
from scaling_cli.reports.pictures.names import HEIGHT, LETTER
from scaling_cli.reports.pictures.picture import Drawn, Line, Mark, Panel, Points, Text
from scaling_cli.reports.pictures.scale import frame
from tests.reports.pictures.studies import TARGET, envelope_plan

T = TypeVar("T", bound=Drawn)


def of_kind(panel: Panel, kind: type[T]) -> list[T]:
    return [one for one in panel.drawn if isinstance(one, kind)]


def test_a_curve_is_solid_only_where_it_is_read() -> None:
    fit = envelope_plan(has_frontier=False).fit
    panel = curves_picture(envelope_plan(has_frontier=False)).panels[0]
    read = [line for line in of_kind(panel, Line) if line.label == READ]
    before = [line for line in of_kind(panel, Line) if line.label != READ]
    assert len(read) == len(before) == len(fit.curves)
    for run, (dotted, solid) in enumerate(zip(before, read, strict=True)):
        flops = fit.curves.flops_6ND(run)
        assert dotted.x[0] == pytest.approx(flops[0])
        assert dotted.x[-1] == solid.x[0]
        assert solid.x[-1] == pytest.approx(flops[-1])
        assert solid.y[-1] == fit.curves.last_loss[run]
        # the last 15 % of a schedule that each run ends with
        assert 0.8499 < solid.x[0] / solid.x[-1] < 0.87


def test_the_envelope_is_told_from_its_edges_in_every_panel() -> None:
    fit = envelope_plan().fit
    envelope = fit.envelope
    picture = curves_picture(envelope_plan())
    for panel, quantity in zip(picture.panels, ("loss", "params", "tokens"), strict=True):
        values = dict(zip(envelope.flops.tolist(), getattr(envelope, quantity).tolist(), strict=True))
        parts = {points.role: points for points in of_kind(panel, Points)}
        for role, kept in (("fitted", envelope.is_fitted), ("rejected", envelope.is_won & envelope.is_edge)):
            points = parts[role]  # type: ignore[index]
            assert set(points.x) <= set(envelope.flops[kept].tolist())
            assert points.x[0] == envelope.flops[kept][0]
            assert points.y == tuple(values[C] for C in points.x)


def test_the_frontier_and_its_target_are_the_laws_own() -> None:
    plan = envelope_plan()
    law = plan.fit.law
    assert law is not None
    for index, panel in enumerate(curves_picture(plan).panels[1:]):
        lines = {line.role: line for line in of_kind(panel, Line) if not line.group}
        assert lines["fitted"].y == pytest.approx([law.optimum(C)[index] for C in lines["fitted"].x])
        assert lines["beyond"].x[-1] > TARGET
        (mark,) = of_kind(panel, Mark)
        assert mark.x == (TARGET,)
        assert mark.y[0] == pytest.approx(law.optimum(TARGET)[index])
        assert mark.y_interval is not None


def test_curves_without_a_frontier_say_why() -> None:
    plan = envelope_plan(has_frontier=False)
    picture = curves_picture(plan)
    assert len(picture.panels) == 1
    assert plan.fit.refusal is not None
    assert picture.notes == (f"No frontier: {plan.fit.refusal.message}.",)
    assert [text.text for text in of_kind(picture.panels[0], Text)] == ["70M", "10B"]


def test_of_many_runs_those_on_the_envelope_are_drawn_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = envelope_plan()
    winners = set(np.unique(plan.fit.envelope.run[plan.fit.envelope.is_won]).tolist())
    monkeypatch.setattr(pictures, "MOST_RUNS", len(winners) + 5)
    picture = curves_picture(plan)
    ends = {line.x[-1] for line in of_kind(picture.panels[0], Line) if line.label == READ}
    assert len(ends) == len(winners) + 5
    assert {float(plan.fit.curves.flops_6ND(run)[-1]) for run in winners} <= ends
    assert picture.notes[0].startswith(f"{len(winners) + 5} of 288 runs are drawn")


def test_a_curve_of_many_points_is_drawn_with_few_and_keeps_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_POINTS", 5)
    plan = envelope_plan()
    lines = of_kind(curves_picture(plan).panels[0], Line)
    assert max(len(line.x) for line in lines) <= 5
    assert {line.x[-1] for line in lines if line.label == READ} <= {
        float(plan.fit.curves.flops_6ND(run)[-1]) for run in range(len(plan.fit.curves))
    }


def test_of_many_sizes_the_smallest_and_the_largest_are_named() -> None:
    panel = curves_picture(envelope_plan()).panels[0]
    assert [text.text for text in of_kind(panel, Text)] == ["70M", "10B"]


def test_no_name_of_a_size_covers_the_envelope() -> None:
    panel = curves_picture(envelope_plan()).panels[0]
    (x_low, x_high), (y_low, y_high) = frame(panel)

    def place(x: float, y: float) -> tuple[float, float]:
        return float(np.log(x / x_low) / np.log(x_high / x_low)), (y - y_low) / (y_high - y_low)

    envelope = [place(x, y) for one in of_kind(panel, Points) for x, y in zip(one.x, one.y, strict=True)]
    for text in panel.texts:
        (across, up), width = place(text.x[0], text.y[0]), LETTER * len(text.text)
        left, low = {
            "right": (across, up - HEIGHT / 2),
            "left": (across - width, up - HEIGHT / 2),
            "above": (across - width / 2, up),
            "below": (across - width / 2, up - HEIGHT),
        }[text.side]
        covered = [one for one in envelope if left < one[0] < left + width and low < one[1] < low + HEIGHT]
        assert covered == []
