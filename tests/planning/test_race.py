"""Races of curves whose crossings are known: found where they are, and not where there are none."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.curves import Curves
from scaling_cli.planning.race import LEVEL, AxisName, Race, find_leaders, find_stretches, make_runner, race
from tests.planning.race_curves import CROSSING, crossing, make_curves

TOKENS = np.linspace(0.01, 1, 150) * 1e11


def race_of(curves: Curves, axis: AxisName, a: int = 0, b: int = 1) -> Race:
    found = race(make_runner(curves, a), make_runner(curves, b), axis)
    assert found is not None
    return found


def leaders(found: Race) -> list[int]:
    return [stretch.leader for stretch in found.stretches]


def test_two_power_laws_cross_where_they_do() -> None:
    found = race_of(crossing(), "flops")
    assert leaders(found) == [0, 1]
    assert found.overlap == (6 * 2e9 * 1e9, 6 * 1e9 * 1e11)
    assert found.crossings[0].start == pytest.approx(CROSSING, rel=1e-4)
    assert (found.crossings[0].change, found.crossings[0].other) == ("passed", 0)
    assert found.share(0) == pytest.approx((CROSSING - 1.2e19) / (6e20 - 1.2e19), rel=1e-3)
    assert found.share(0) + found.share(1) == pytest.approx(1)
    gap = 2.5 * ((6e20 / CROSSING) ** -0.05 - (6e20 / CROSSING) ** -0.08)
    assert found.end_gap == pytest.approx(gap, abs=1e-4)


def test_noise_moves_a_crossing_a_little_and_adds_none() -> None:
    found = [race_of(crossing(noise=0.005, seed=seed), "flops") for seed in range(20)]
    patterns = Counter(tuple(leaders(one)) for one in found)
    assert patterns[0, 1] >= 18
    places = [one.crossings[-1].start / CROSSING for one in found]
    assert np.mean(places) == pytest.approx(1, abs=0.05)
    assert max(abs(place - 1) for place in places) < 0.2


def test_the_same_curves_race_differently_on_every_axis() -> None:
    curves = crossing()
    # D = C/(6 N): 2.5 (1e10 x)^-.05 = 2.5 (2e10 x)^-.08 with x = 6e9/1.2e20 per token
    at_tokens = race_of(curves, "tokens").crossings[0].start
    first, second = (2.5 * (6 * N * at_tokens / CROSSING) ** -g for N, g in ((1e9, 0.05), (2e9, 0.08)))
    assert first == pytest.approx(second, abs=1e-4)
    # 2B takes twice the hours per token and twice the FLOPs: hours are FLOPs
    assert race_of(curves, "gpu_hours").crossings[0].start == pytest.approx(CROSSING / 6e9 * 1e-7, rel=1e-3)


@pytest.mark.parametrize("points", [40, 150, 1000])
def test_runs_that_differ_by_noise_alone_are_level(points: int) -> None:
    tokens = np.linspace(0.01, 1, points) * 1e11
    for seed in range(10):
        rng = np.random.default_rng(seed)
        losses = [1.8 + 2000 * tokens**-0.37 + rng.normal(0, 0.003, points) for _ in range(2)]
        found = race_of(make_curves([tokens, tokens], losses, [1e9, 1e9]), "tokens")
        assert leaders(found) == [LEVEL]
        assert found.share(LEVEL) == pytest.approx(1)


def test_the_same_curve_twice_is_level() -> None:
    loss = 1.8 + 2000 * TOKENS**-0.37
    found = race_of(make_curves([TOKENS, TOKENS], [loss, loss], [1e9, 1e9]), "tokens")
    assert leaders(found) == [LEVEL]
    assert found.end_gap == 0


def test_a_lead_that_is_lost_to_nobody_is_followed_by_a_level_stretch() -> None:
    rng = np.random.default_rng(0)
    base = 1.8 + 2000 * TOKENS**-0.37
    ahead = 0.05 * np.clip(1 - TOKENS / 4e10, 0, None)
    losses = [base - ahead + rng.normal(0, 0.002, 150), base + rng.normal(0, 0.002, 150)]
    found = race_of(make_curves([TOKENS, TOKENS], losses, [1e9, 1e9]), "tokens")
    assert leaders(found) == [0, LEVEL]
    assert found.crossings[0].change == "level"
    assert 2.5e10 < found.crossings[0].start < 5e10


def test_a_lead_that_grows_out_of_a_level_start_is_one_from_where_it_is_clear() -> None:
    rng = np.random.default_rng(0)
    base = 1.8 + 2000 * TOKENS**-0.37
    ahead = 0.05 * np.clip(TOKENS / 1e11 - 0.5, 0, None)
    losses = [base + rng.normal(0, 0.002, 150), base - ahead + rng.normal(0, 0.002, 150)]
    found = race_of(make_curves([TOKENS, TOKENS], losses, [1e9, 1e9]), "tokens")
    assert leaders(found)[-1] == 1
    assert leaders(found)[0] == LEVEL
    assert 5e10 < found.crossings[-1].start < 9e10


def test_a_dip_below_the_noise_is_no_crossing() -> None:
    rng = np.random.default_rng(1)
    base = 1.8 + 2000 * TOKENS**-0.37
    dip = 0.0305 * np.exp(-(((np.log(TOKENS / 3e10)) / 0.1) ** 2))
    losses = [base - 0.03 + dip + rng.normal(0, 0.002, 150), base + rng.normal(0, 0.002, 150)]
    assert leaders(race_of(make_curves([TOKENS, TOKENS], losses, [1e9, 1e9]), "tokens")) == [0]


def test_the_warm_up_is_no_part_of_a_race() -> None:
    tokens = np.linspace(1e-4, 1, 5000) * 1e11
    low, high = race_of(
        make_curves([tokens, tokens], [2 + 0 * tokens, 2.1 + 0 * tokens], [1e9, 1e9]), "tokens"
    ).overlap
    assert low == pytest.approx(1e9, rel=0.02)
    assert high == 1e11


def test_runs_that_do_not_meet_have_no_race() -> None:
    early, late = np.geomspace(1e9, 2e9, 30), np.geomspace(3e9, 4e9, 30)
    curves = make_curves([early, late], [3 - 1e-10 * early, 3 - 1e-10 * late], [1e9, 1e9])
    runners = make_runner(curves, 0), make_runner(curves, 1)
    assert race(*runners, "tokens") is None
    assert race(*runners, "gpu_hours") is None
    assert find_leaders(runners, "tokens") == ()


def test_hours_that_begin_at_zero_are_raced_and_hours_that_go_back_are_not() -> None:
    curves = crossing()
    assert curves.gpu_hours is not None
    hours = curves.gpu_hours.copy()
    hours[0] = 0.0
    from_zero = Curves(
        curves.params, curves.schedule_tokens, curves.names, curves.offsets, curves.tokens, curves.loss, hours
    )
    place = race_of(from_zero, "gpu_hours").crossings[0].start
    assert place == pytest.approx(race_of(curves, "gpu_hours").crossings[0].start, rel=1e-3)
    hours[50] = hours[40]
    backward = Curves(
        curves.params, curves.schedule_tokens, curves.names, curves.offsets, curves.tokens, curves.loss, hours
    )
    assert "gpu_hours" not in make_runner(backward, 0).positions
    assert "gpu_hours" in make_runner(backward, 1).positions


def test_of_three_runs_the_leader_changes_by_passing_joining_and_ending() -> None:
    long, short, late = TOKENS, TOKENS[:60], TOKENS[40:]
    curves = make_curves(
        [long, short, late], [3 - 0 * long, 2.9 - 0 * short, 2.5 - 0 * late], [1e9, 1e9, 1e9]
    )
    found = find_leaders([make_runner(curves, run) for run in range(3)], "tokens")
    assert [(one.leader, one.change) for one in found] == [(1, "start"), (2, "joined")]
    curves = make_curves([long, short, long], [3 - 0 * long, 2.9 - 0 * short, 2.95 - 0 * long], [1e9] * 3)
    found = find_leaders([make_runner(curves, run) for run in range(3)], "tokens")
    assert [(one.leader, one.change, one.other) for one in found] == [(1, "start", LEVEL), (2, "ended", 1)]
    assert found[1].start == pytest.approx(short[-1], rel=0.01)
    assert found[0].front == (1, 2)


def test_a_level_stretch_of_many_runs_names_all_that_are_in_front_in_turn() -> None:
    places = np.geomspace(1, 100, 600)
    loss = np.stack([0.001 * np.abs(np.log(places / best)) for best in (2, 10, 50)])
    (only,) = find_stretches(places, loss, np.full((3, 600), 0.01))
    assert (only.leader, only.front) == (LEVEL, (0, 1, 2))


def test_a_narrow_change_of_the_best_between_two_crossings_is_no_lead() -> None:
    places = np.geomspace(1, 10, 1000)
    gap = np.where(np.abs(places - 3) < 0.1, -0.1, 0.1)
    loss = np.stack([np.zeros(1000), gap])
    found = find_stretches(places, loss, np.full((2, 1000), 1e-3))
    assert [one.leader for one in found] == [0]
    wide = np.where(np.abs(places - 3) < 1, -0.1, 0.1)
    found = find_stretches(places, np.stack([np.zeros(1000), wide]), np.full((2, 1000), 1e-3))
    assert [one.leader for one in found] == [0, 1, 0]


@settings(max_examples=60, deadline=None)
@given(
    heights=st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=8),
    noise=st.floats(1e-4, 0.03),
    scale=st.floats(1e-3, 1e6),
)
def test_stretches_cover_the_overlap_and_swapping_runs_swaps_them(
    heights: list[float], noise: float, scale: float
) -> None:
    places = np.geomspace(1, 100, 300)
    gap = np.interp(np.log(places), np.linspace(0, math.log(100), len(heights)), heights)
    loss = np.stack([np.full(300, 2.0), 2.0 + gap])
    found = find_stretches(places, loss, np.full((2, 300), noise))
    assert found[0].start == places[0]
    assert found[-1].end == places[-1]
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(one.leader != other.leader for one, other in pairwise(found))
    swapped = find_stretches(places, loss[::-1], np.full((2, 300), noise))
    other = {0: 1, 1: 0, LEVEL: LEVEL}
    assert [one.leader for one in swapped] == [other[one.leader] for one in found]
    assert [one.start for one in swapped] == pytest.approx([one.start for one in found])
    moved = find_stretches(places * scale, loss, np.full((2, 300), noise))
    assert [one.start for one in moved] == pytest.approx([scale * one.start for one in found])
