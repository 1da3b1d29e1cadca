"""Axes reach round what they hold, and their ticks are round numbers in the tables' own writing."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_cli.reports.pictures.picture import Axis, Line, Mark, Panel, Rule, Text, at
from scaling_cli.reports.pictures.scale import frame, round_numbers, share, ticks

PARAMS = Axis("params", "count", is_log=True)
FLOPS = Axis("training FLOPs", "flops", is_log=True)
LOSS = Axis("loss", "loss")


def texts(axis: Axis, low: float, high: float, most: int = 7) -> list[str]:
    return [text for _, text in ticks(axis, (low, high), most)]


def test_ticks_are_written_as_the_tables_write_their_numbers() -> None:
    assert texts(PARAMS, 5e7, 2e11) == ["100M", "300M", "1B", "3B", "10B", "30B", "100B"]
    assert texts(PARAMS, 7e9, 7.2e11, 8) == ["10B", "20B", "50B", "100B", "200B", "500B"]
    assert texts(FLOPS, 5e18, 9e23) == ["1e19", "1e20", "1e21", "1e22", "1e23"]
    assert texts(FLOPS, 1e10, 1e30, 5) == ["1e12", "1e16", "1e20", "1e24", "1e28"]


def test_losses_side_by_side_have_the_same_decimals() -> None:
    assert texts(LOSS, 1.97, 2.031) == ["1.97", "1.98", "1.99", "2.00", "2.01", "2.02", "2.03"]
    assert texts(LOSS, 1.8, 3.3) == ["2.0", "2.5", "3.0"]


def test_a_short_log_axis_is_divided_evenly() -> None:
    assert texts(PARAMS, 19e9, 34e9) == ["20B", "25B", "30B"]


@given(
    low=st.floats(1e-3, 1e26),
    decades=st.floats(0.05, 20),
    most=st.integers(3, 14),
    is_log=st.booleans(),
)
def test_there_are_never_too_many_ticks_and_all_lie_on_the_axis(
    low: float, decades: float, most: int, is_log: bool
) -> None:
    high = low * 10**decades
    found = ticks(Axis("", "flops", is_log), (low, high), most)
    values = [value for value, _ in found]
    assert 1 <= len(values) <= most
    assert values == sorted(set(values))
    slack = 1e-6 * (high if is_log else high - low)
    assert all(low - slack <= value <= high + slack for value in values)


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6), most=st.integers(2, 12))
def test_round_numbers_are_multiples_of_one_step(low: float, width: float, most: int) -> None:
    values = round_numbers((low, low + width), most)
    assert len(values) <= most
    steps = {round((b - a) / width, 6) for a, b in pairwise(values)}
    assert len(steps) <= 1


def test_a_frame_holds_all_that_is_drawn_intervals_included_and_words_not() -> None:
    panel = Panel(
        "",
        PARAMS,
        LOSS,
        (
            Line("fitted", "", (1e8, 1e9), (2.0, 3.0)),
            Mark("target", "", *at(5e9, 2.5), x_interval=(4e9, 8e9), y_interval=(1.5, 2.6)),
            Rule("fitted", "", (2e10,)),
            Text("far away", *at(1e15, 99.0)),
        ),
    )
    (x_low, x_high), (y_low, y_high) = frame(panel)
    assert 9e7 > x_low > 5e7
    assert 2e10 < x_high < 4e10
    assert 1.3 < y_low < 1.5
    assert 3.0 < y_high < 3.2


def test_a_limit_is_kept_and_what_lies_beyond_it_stretches_nothing() -> None:
    line = Line("fitted", "", (1e8, 1e9), (2.0, 30.0))
    _, (low, high) = frame(Panel("", PARAMS, Axis("loss", "loss", high=3.0), (line,)))
    assert high == 3.0
    assert 1.5 < low < 2.0
    (first, _), _ = frame(Panel("", Axis("", "count", True, low=5e8), LOSS, (line,)))
    assert first == 5e8


@pytest.mark.parametrize("drawn", [(), (Line("fitted", "", (1e9,), (2.0,)),)])
def test_an_empty_panel_and_a_single_point_have_a_frame(drawn: tuple[Line, ...]) -> None:
    for low, high in frame(Panel("", PARAMS, LOSS, drawn)):
        assert low < high


def test_places_run_from_zero_to_one_along_the_axis() -> None:
    assert [share(PARAMS, (1e8, 1e10), value) for value in (1e8, 1e9, 1e10)] == pytest.approx([0, 0.5, 1])
    assert share(LOSS, (2.0, 3.0), 2.25) == 0.25
    assert share(PARAMS, (1e8, 1e10), 0.0) == -math.inf
