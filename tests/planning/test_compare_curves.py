"""Curves compared: suspect leads, ends that decide, runs beside laws, and what is doubtful about them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.curves import Curves
from scaling_cli.errors import InputError, UsageError
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.published import published_law
from scaling_cli.planning.compare_curves import CurveComparison, CurvesRead, PairRace, compare_curves
from scaling_cli.planning.race import LEVEL, AxisName
from tests.planning.race_curves import CROSSING, crossing, make_curves

LAW = ChinchillaLaw(E=1.8, A=480.0, B=2100.0, alpha=0.35, beta=0.37)
TOKENS = np.linspace(0.01, 1, 120) * 1e11


def compare(curves: Curves, **asked: object) -> CurveComparison:
    return compare_curves(curves, CurvesRead(), **asked)  # type: ignore[arg-type]  # named as they are


def race_of(found: CurveComparison, axis: AxisName) -> PairRace:
    (one,) = (one for one in found.races if one.race.axis == axis)
    return one


def ids(found: CurveComparison) -> list[str]:
    return [finding.id for finding in found.findings]


def of_law(
    *sizes: float, noise: float = 0.0, schedules: tuple[float, ...] = (), excess: float = 0.0
) -> Curves:
    rng = np.random.default_rng(0)
    losses = [
        LAW.loss(np.full_like(TOKENS, N), TOKENS) * np.exp(rng.normal(0, noise, len(TOKENS))) + excess
        for N in sizes
    ]
    return make_curves([TOKENS] * len(sizes), losses, sizes, schedules=schedules)


def card(**about: object) -> LawCard:
    rng = np.random.default_rng(1)
    draws = tuple(replace(LAW, E=1.8 + 0.004 * z) for z in rng.normal(size=200).tolist())
    residuals = tuple(rng.normal(0, 0.002, 100).tolist())
    known = {"confidence": "fitted", "params_definition": "total", "draws": draws, "residuals": residuals}
    return LawCard("law.json", LAW, **known | about)  # type: ignore[arg-type]  # named as they are


def test_a_lead_is_suspect_where_one_run_had_decayed_and_the_other_had_not() -> None:
    # the large one decays from 2.55e10 of its 3e10 tokens, and leads; the small one, of 1e12, never does
    found = compare(crossing(schedules=(1e12, 3e10)))
    flops = race_of(found, "flops")
    (part,) = flops.suspects
    assert (part.start, part.end) == pytest.approx((6 * 2e9 * 2.55e10, 6 * 1e9 * 1e11))
    assert (part.leader, part.decayed) == (1, 1)
    assert flops.is_end_suspect
    assert not flops.is_told
    (finding,) = (finding for finding in found.findings if finding.id == "suspect-lead")
    assert (finding.severity, finding.runs) == ("warning", ("large-2B",))
    assert "assumed-schedule" not in ids(found)


def test_a_lead_of_the_run_that_had_not_decayed_is_not_suspect() -> None:
    # the small one decays within the last 15 % of its 1e11 tokens; the large one leads without
    found = compare(crossing(schedules=(1e11, 2e11)))
    flops = race_of(found, "flops")
    assert flops.suspects == ()
    assert not flops.is_end_suspect
    # what the large one would still gain only adds to its lead
    assert flops.further == 0
    assert flops.is_told
    assert "suspect-lead" not in ids(found)


def learning_rate_of(share: float) -> float:
    return 0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2


def test_runs_compare_like_for_like_as_long_as_their_learning_rates_are_about_the_same() -> None:
    # at equal FLOPs the small one is four times as far along its schedule as the large one
    flops = race_of(compare(crossing(schedules=(1e11, 2e11))), "flops")
    assert flops.alike_until is not None
    share = flops.alike_until / (6 * 1e9 * 1e11)
    assert learning_rate_of(share / 4) - learning_rate_of(share) == pytest.approx(0.1, abs=0.005)
    assert flops.alike_until < 0.3 * flops.race.overlap[1]


def test_neither_of_two_runs_need_be_at_its_end_to_compare_unlike() -> None:
    # at the end of the overlap the small one is 80 % along its schedule and the large one 40 %
    flops = race_of(compare(crossing(schedules=(1.25e11, 1.25e11))), "flops")
    assert flops.suspects == ()
    assert flops.further == 0
    assert flops.alike_until is not None
    assert flops.alike_until < 0.5 * flops.race.overlap[1]


def test_the_larger_model_wins_once_decayed_though_the_smaller_leads_while_it_has_not() -> None:
    # two lengths of each size; truth: the law, plus what a cosine has yet to bring down
    sizes, schedules = (1e8, 1e8, 1.5e8, 1.5e8), (1.2e10, 8e9, 1.8e10, 8e9)

    def curve(N: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        D = np.linspace(0.01, 1, 120) * end
        excess = 0.1 * (1 + np.cos(np.pi * D / end)) / 2
        return D, LAW.loss(np.full_like(D, N), D) + excess

    tokens, losses = zip(*map(curve, sizes, schedules), strict=True)
    curves = make_curves(tokens, losses, sizes, schedules=schedules)
    by_pair = {(one.race.axis, one.pair.a, one.pair.b): one for one in compare(curves).races}
    apart = by_pair["flops", 0, 2]
    assert apart.race.stretches[-1].leader == 0
    assert not apart.is_told
    together = by_pair["flops", 0, 3]  # 100M on 12B tokens and 150M on 8B: the same FLOPs
    assert together.pair.is_asked
    assert not apart.pair.is_asked
    assert LAW.loss(1e8, 1.2e10) > LAW.loss(1.5e8, 8e9)
    assert together.is_told
    assert together.race.stretches[-1].leader == 1
    assert by_pair["tokens", 1, 3].pair.is_asked


def test_runs_that_decay_together_are_compared_like_for_like() -> None:
    found = compare(crossing(schedules=(1e11, 1.02e11)), pairs=["small-1B:large-2B"])
    tokens = race_of(found, "tokens")
    assert (tokens.suspects, tokens.further, tokens.alike_until) == ((), None, tokens.race.overlap[1])
    assert race_of(found, "flops").further == 0


def test_runs_that_are_far_from_their_end_are_compared_like_for_like() -> None:
    found = compare(crossing(schedules=(1e12, 1e12)))
    assert all(one.suspects == () and one.is_told for one in found.races)
    assert all(one.alike_until == one.race.overlap[1] for one in found.races)
    assert "suspect-lead" not in ids(found)


def test_without_schedules_a_run_ends_with_its_last_row_and_that_is_said() -> None:
    found = compare(crossing())
    (finding,) = (finding for finding in found.findings if finding.id == "assumed-schedule")
    assert finding.severity == "info"
    # half way through its own tokens the large one has as many FLOPs as the small one ends with
    assert race_of(found, "flops").further == 0
    assert race_of(found, "tokens").further is None


def test_a_suspect_part_ends_where_the_lead_changes() -> None:
    # the last 15 % of the schedule of 1B begin at nine tenths of the FLOPs at which it is passed
    curves = crossing(schedules=(CROSSING / 6e9 / 0.85 * 0.9, 1e12))
    (part,) = race_of(compare(curves), "flops").suspects
    assert (part.leader, part.decayed) == (0, 0)
    assert part.start == pytest.approx(0.9 * CROSSING)
    assert part.end == pytest.approx(CROSSING, rel=1e-3)


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(4)), seed=st.integers(0, 3))
def test_the_order_of_the_runs_does_not_matter(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [1e9, 2e9, 4e9, 8e9]
    losses = [LAW.loss(np.full(60, N), np.geomspace(2e9, 2e11, 60)) + rng.normal(0, 0.01, 60) for N in sizes]
    tokens = np.geomspace(2e9, 2e11, 60)
    names = ["a", "b", "c", "d"]

    def told(order: list[int]) -> list[object]:
        curves = make_curves(
            [tokens] * 4,
            [losses[i] for i in order],
            [sizes[i] for i in order],
            names=[names[i] for i in order],
        )
        found = compare(curves)
        name = dict(enumerate(curves.names)) | {LEVEL: "level"}
        return [
            (
                one.race.axis,
                name[one.pair.a],
                name[one.pair.b],
                one.race.end_gap,
                [(s.start, s.leader) for s in one.race.stretches],
            )
            for one in found.races
        ] + [[(s.start, name[s.leader]) for s in stretches] for stretches in found.leaders.values()]

    assert told(list(order)) == told([0, 1, 2, 3])


def test_naming_a_pair_the_other_way_round_swaps_its_signs() -> None:
    curves = crossing(noise=0.003, schedules=(1e11, 2e11))
    for one, other in zip(
        compare(curves, pairs=["1B:2B"]).races, compare(curves, pairs=["2B:1B"]).races, strict=True
    ):
        swap = {0: 1, 1: 0, LEVEL: LEVEL}
        assert other.race.end_gap == -one.race.end_gap
        assert other.race.overlap == one.race.overlap
        assert [swap[s.leader] for s in other.race.stretches] == [s.leader for s in one.race.stretches]
        assert [s.start for s in other.race.stretches] == [s.start for s in one.race.stretches]
        assert (other.race.share(0), other.race.share(1)) == (one.race.share(1), one.race.share(0))
        assert [(1 - s.decayed, s.start) for s in other.suspects] == [
            (s.decayed, s.start) for s in one.suspects
        ]


def test_leaders_are_there_for_three_runs_and_name_them_by_their_place_in_the_file() -> None:
    assert compare(of_law(1e9, 2e9)).leaders == {}
    leaders = compare(of_law(8e9, 1e9, 2e9)).leaders
    assert list(leaders) == ["tokens", "flops"]
    assert [one.leader for one in leaders["tokens"]] == [0]
    # at the fewest FLOPs that two of them have the smallest leads, at the most the second smallest
    assert leaders["flops"][0].leader == 1


def test_a_run_of_the_law_lies_within_its_interval() -> None:
    found = compare(of_law(1e9, 4e9, noise=0.001), cards=[card()])
    assert [one.status for one in found.beside] == ["within", "within"]
    first = found.beside[0]
    assert first.tokens == 1e11
    assert first.predicted == pytest.approx(LAW.loss(1e9, 1e11))
    assert first.decayed == int((TOKENS >= 8.5e10).sum())
    assert first.interval is not None
    # E varies by 0.004, and 0.2 % of the loss is the noise: 1.645 deviations to either side
    width = 2 * 1.645 * np.hypot(0.004, 0.002 * LAW.loss(1e9, 1e11))
    assert first.interval[1] - first.interval[0] == pytest.approx(width, rel=0.15)
    assert first.share_within is not None
    assert first.share_within > 0.7


@pytest.mark.parametrize(("excess", "status"), [(0.05, "above"), (-0.05, "below")])
def test_a_run_off_the_law_is_said_to_be(excess: float, status: str) -> None:
    found = compare(of_law(1e9, 4e9, excess=excess), cards=[card()])
    assert [one.status for one in found.beside] == [status] * 2
    assert found.beside[0].gap == pytest.approx(excess, abs=2e-3)
    assert found.beside[0].share_within == 0


def test_a_run_before_the_end_of_its_schedule_is_undecayed_and_not_compared() -> None:
    found = compare(of_law(1e9, 4e9, schedules=(1.3e11, 1.1e11)), cards=[card()])
    running, done = found.beside
    assert running.status == "undecayed"
    assert (running.loss, running.predicted, running.gap, running.interval) == (None,) * 4
    assert running.schedule_share == pytest.approx(1 / 1.3)
    assert done.status == "within"
    assert "taken-for-decayed" not in ids(found)


def test_a_law_without_draws_gives_a_point_and_no_interval() -> None:
    found = compare(of_law(1e9, 4e9), cards=[card(draws=(), residuals=())])
    assert [one.status for one in found.beside] == ["no-interval"] * 2
    assert found.beside[0].interval is None
    assert found.beside[0].gap == pytest.approx(0, abs=2e-3)


def test_a_law_without_residuals_gives_the_interval_of_its_draws() -> None:
    found = compare(of_law(1e9, 4e9), cards=[card(residuals=())])
    assert found.beside[0].interval is not None
    low, high = found.beside[0].interval
    assert high - low == pytest.approx(2 * 1.645 * 0.004, rel=0.2)


def test_a_single_run_is_set_beside_a_law_and_races_nobody() -> None:
    alone = of_law(1e9, 4e9).select(np.array([True, False]))
    found = compare(alone, cards=[card()])
    assert (found.races, len(found.beside)) == ((), 1)
    with pytest.raises(InputError, match="a race needs two runs, found run-0 alone"):
        compare(alone)


def test_a_published_law_is_of_other_data_and_a_run_without_schedule_taken_for_decayed() -> None:
    found = compare(of_law(1e9, 4e9), cards=[published_law("besiroglu2024")])
    assert {"other-data", "taken-for-decayed"} <= set(ids(found))
    assert "other-data" not in ids(compare(of_law(1e9, 4e9), cards=[card()]))


def test_a_law_that_the_runs_go_beyond_says_so() -> None:
    found = compare(of_law(1e9, 4e9), cards=[card(fitted_range={"flops": (1e17, 1e18)})])
    (finding,) = (finding for finding in found.findings if finding.id == "extrapolates")
    assert finding.severity == "warning"


def test_a_law_without_a_loss_or_with_another_loss_is_refused() -> None:
    with pytest.raises(UsageError, match="kaplan2020 does not say what N params lose"):
        compare(crossing(), cards=[published_law("kaplan2020")])
    with pytest.raises(UsageError, match="are in bits per byte, those of the curves in nats per token"):
        compare(crossing(), cards=[card(loss_unit="bits per byte")])


def test_params_that_are_counted_differently_are_converted_or_warned_of() -> None:
    other = card(params_definition="non-embedding")
    found = compare(of_law(1e9, 4e9), cards=[other])
    assert "converted-params" in ids(found)
    assert found.beside[0].predicted != pytest.approx(LAW.loss(1e9, 1e11), abs=1e-4)
    mine = CurvesRead(params_definition="non-embedding")
    same = compare_curves(of_law(1e9, 4e9), mine, cards=[other])
    assert same.beside[0].predicted == pytest.approx(LAW.loss(1e9, 1e11))
    assert "mixed-params" in ids(compare_curves(of_law(1e9, 4e9), mine, cards=[card()]))


def test_what_limits_a_comparison_is_found() -> None:
    few = np.geomspace(1e9, 1e11, 8)
    curves = make_curves([TOKENS, few], [3 - TOKENS / 1e12, 3 - few / 1e12], [1e9, 2e9])
    (finding,) = (finding for finding in compare(curves).findings if finding.id == "coarse-curve")
    assert finding.runs == ("run-1",)
    early, late = np.geomspace(1e9, 2e9, 30), np.geomspace(3e9, 4e9, 30)
    apart = compare(make_curves([early, late], [3 - early / 1e12, 3 - late / 1e12], [1e9, 1e9]))
    assert "no-overlap" in ids(apart)
    assert apart.races == ()
    many = make_curves([TOKENS] * 9, [3 - TOKENS / 1e12] * 9, [1e9 * 2**i for i in range(9)])
    assert "neighbours-only" in ids(compare(many))
    assert "neighbours-only" not in ids(compare(many, pairs=["run-0:run-8"]))


def test_hours_that_go_back_leave_that_axis_out() -> None:
    curves = crossing()
    assert curves.gpu_hours is not None
    hours = curves.gpu_hours.copy()
    hours[10] = hours[5]
    found = compare(
        Curves(
            curves.params,
            curves.schedule_tokens,
            curves.names,
            curves.offsets,
            curves.tokens,
            curves.loss,
            hours,
        )
    )
    assert [one.race.axis for one in found.races] == ["tokens", "flops"]
    (finding,) = (finding for finding in found.findings if finding.id == "gpu-hours-go-back")
    assert finding.runs == ("small-1B",)
