"""Races in a picture: gaps beside losses on every axis, the suspect parts dashed, the changes of the lead."""

from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest

from scaling_cli.curves import Curves
from scaling_cli.laws.published import published_laws
from scaling_cli.planning.compare_curves import CurveComparison, CurvesRead, compare_curves
from scaling_cli.reports.pictures.names import HEIGHT
from scaling_cli.reports.pictures.picture import Drawn, Line, Mark, Panel, Text
from scaling_cli.reports.pictures.race import CHANGE, DECAYED, GAP, MOST_RUNS, SMOOTHED, SUSPECT, race_picture
from scaling_cli.reports.pictures.scale import frame
from tests.planning.race_curves import CROSSING, crossing, make_curves

T = TypeVar("T", bound=Drawn)


def of_kind(panel: Panel, kind: type[T]) -> list[T]:
    return [one for one in panel.drawn if isinstance(one, kind)]


def compare(curves: Curves, *pairs: str, law: str = "") -> CurveComparison:
    return compare_curves(
        curves, CurvesRead("curves.csv"), pairs=pairs, cards=published_laws(law) if law else []
    )


def many(count: int) -> Curves:
    tokens = np.linspace(0.01, 1, 30) * 1e11
    sizes = [1e9 * 1.2**i for i in range(count)]
    return make_curves([tokens] * count, [3 - tokens / 1e12 - N / 1e13 for N in sizes], sizes)


def test_every_axis_has_a_row_the_hours_first() -> None:
    picture = race_picture(compare(crossing()))
    assert [[panel.title for panel in row] for row in picture.rows] == [
        ["Gap at equal GPU-hours", "Loss along GPU-hours"],
        ["Gap at equal FLOPs", "Loss along FLOPs"],
        ["Gap at equal tokens", "Loss along tokens"],
    ]
    assert picture.notes[0] == "Where a gap is below zero the first of its pair leads."


def test_the_gap_is_the_first_less_the_second_and_dashed_where_it_is_suspect() -> None:
    # the large one leads at the end, and had decayed from 2.55e10 of its 3e10 tokens
    found = compare(crossing(schedules=(1e12, 3e10)))
    gaps = race_picture(found).rows[1][0]
    plain, suspect = (
        next(line for line in of_kind(gaps, Line) if line.label == label) for label in (GAP, SUSPECT)
    )
    (one,) = (one for one in found.races if one.race.axis == "flops")
    assert (plain.x[0], suspect.x[-1]) == pytest.approx(one.race.overlap)
    assert suspect.y[-1] == pytest.approx(one.race.end_gap)
    assert plain.x[-1] == suspect.x[0] == pytest.approx(one.suspects[0].start, rel=0.03)
    (mark,) = of_kind(gaps, Mark)
    assert mark.label == CHANGE
    assert mark.x[0] == pytest.approx(CROSSING, rel=1e-3)
    assert mark.y[0] == pytest.approx(0, abs=1e-3)


def test_losses_are_dashed_at_the_end_of_their_schedule_and_named() -> None:
    losses = race_picture(compare(crossing(schedules=(1e11, 2e11)))).rows[2][1]
    lines = of_kind(losses, Line)
    assert [line.label for line in lines] == [SMOOTHED, DECAYED, SMOOTHED]
    assert lines[1].x[0] == pytest.approx(8.5e10, rel=0.03)
    assert [text.text for text in of_kind(losses, Text)] == ["small-1B", "large-2B"]


def test_a_law_is_marked_at_the_end_of_decayed_runs_alone() -> None:
    losses = race_picture(compare(crossing(schedules=(1e11, 2e11)), law="besiroglu2024")).rows[0][1]
    (mark,) = of_kind(losses, Mark)
    assert (mark.role, mark.label, mark.y_interval) == ("target", "besiroglu2024", None)
    assert losses.y.high is not None
    assert losses.y.high > mark.y[0]


def test_of_two_named_runs_the_others_are_not_drawn_and_names_drop_what_they_share() -> None:
    curves = many(4)
    picture = race_picture(compare(curves, "run-1:run-3"))
    assert [text.text for text in of_kind(picture.panels[0], Text)] == ["1 : 3"]
    assert [text.text for text in of_kind(picture.panels[1], Text)] == ["run-1", "run-3"]


def test_of_many_runs_some_are_drawn_and_that_is_said() -> None:
    picture = race_picture(compare(many(MOST_RUNS + 5)))
    assert len([line for line in of_kind(picture.panels[1], Line) if line.label == SMOOTHED]) == MOST_RUNS
    assert f"{MOST_RUNS} of {MOST_RUNS + 5} runs are drawn." in picture.notes


def test_of_many_runs_and_pairs_those_with_room_are_named_the_first_and_the_last_at_least() -> None:
    picture = race_picture(compare(many(20)))
    gaps, losses = ([text.text for text in panel.texts] for panel in picture.rows[1])
    assert {"0 : 1", "18 : 19"} <= set(gaps)
    assert {"run-0", "run-19"} <= set(losses)
    for panel in picture.panels:
        (x_low, x_high), (y_low, y_high) = frame(panel)
        places = [
            (np.log(text.x[0] / x_low) / np.log(x_high / x_low), (text.y[0] - y_low) / (y_high - y_low))
            for text in panel.texts
            if text.side == "right"
        ]
        heights = sorted(up for _, up in places)
        assert all(high - low >= HEIGHT for low, high in pairwise(heights))


def test_a_pair_of_long_names_is_named_by_its_sizes() -> None:
    tokens = np.linspace(0.01, 1, 30) * 1e11
    names = ("baseline-70M-7.2B", "wide-106M-10.8B")
    curves = make_curves([tokens] * 2, [3 - tokens / 1e12, 2.9 - tokens / 1e12], [7e7, 1.06e8], names=names)
    assert [text.text for text in race_picture(compare(curves)).panels[0].texts] == ["70M : 106M"]


def test_a_run_alone_beside_a_law_is_drawn_without_gaps() -> None:
    alone = crossing().select(np.array([True, False]))
    picture = race_picture(compare(alone, law="besiroglu2024"))
    assert [len(row) for row in picture.rows] == [1, 1, 1]
    assert picture.notes == ()
