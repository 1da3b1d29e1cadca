"""Recipes against each other: known gains, known crossings, how often the intervals hold them."""

import math
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from scaling_cli.errors import FitRefused, UsageError
from scaling_cli.files.run_table import read_runs
from scaling_cli.fitting.fit import FitSettings
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.compare_recipes import RecipesCompared, budgets_for, compare_recipes
from scaling_cli.planning.compute_multiplier import multiplier_at
from scaling_cli.planning.crossover import find_crossover
from scaling_cli.planning.frontiers import PowerFrontiers
from scaling_cli.planning.recipe import pair_draws, pick
from scaling_cli.planning.recipe_fits import RecipeLaw, RecipeRuns, Resampling, fit_recipes, point_runs
from scaling_cli.runs import Runs

DIGITISED = Path(__file__).parents[2].parent / "shared" / "data" / "chinchilla_digitised.csv"
BUDGETS = (6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21)
"""The IsoFLOP budgets of Hoffmann et al. 2022, Fig. 3."""

GAIN, CROSSING = 1.25, 1e22
BASELINE = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
BETTER = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43 * GAIN**-0.3658, alpha=0.3478, beta=0.3658)
"""The baseline with its tokens counted 1.25 times: its loss at C/1.25 is the baseline's at C."""


def steeper() -> ChinchillaLaw:
    """The law with alpha 0.05 larger whose frontier meets the baseline's at 1e22 FLOPs."""

    def law(log_A: float) -> ChinchillaLaw:
        return ChinchillaLaw(E=1.8172, A=math.exp(log_A), B=2085.43, alpha=0.3978, beta=0.3658)

    aim = BASELINE.frontier_loss(CROSSING)
    return law(brentq(lambda log_A: law(log_A).frontier_loss(CROSSING) - aim, 0, 15, xtol=1e-14))


def study(law: ChinchillaLaw, noise: float = 0.0, seed: tuple[int, int] = (0, 0)) -> Runs:
    """Nine budgets with seven sizes each, from a quarter of the baseline's optimum to four times it."""
    C = np.repeat(BUDGETS, 7)
    N = BASELINE.optimum(C)[0] * np.tile(np.geomspace(0.25, 4, 7), 9)
    D = C / (6 * N)
    errors = np.exp(noise * np.random.default_rng(seed).standard_normal(63))
    return Runs(N, D, C, law.loss(N, D) * errors, tuple(f"run {i}" for i in range(63)))


def table(name: str, runs: Runs, **settings: Any) -> RecipeRuns:
    card = LawCard(name=name, law=BASELINE)
    return RecipeRuns(runs, card, FitSettings(**settings), read=len(runs), place=name)


def undiagnosed(name: str, runs: Runs) -> RecipeRuns:
    """A table that the data doctor, of whom many studies ask nothing, does not look at."""
    return replace(table(name, runs), has_counts=False)


def compared(
    *inputs: RecipeRuns | RecipeLaw,
    replicates: int = 0,
    seed: int = 0,
    flops: tuple[float, ...] = (),
    losses: tuple[float, ...] = (),
    share: tuple[str, ...] = (),
) -> RecipesCompared:
    fitted = fit_recipes(inputs, Resampling(replicates, seed, 0.9), share=share, flops=flops)
    return compare_recipes(fitted, flops=flops, losses=losses, unit="nats per token")


def holds(ends: Any, truth: float) -> bool:
    low, high = ends or (math.inf, 0.0)
    return (low is None or low <= truth) and (high is None or truth <= high)


def once_in_a_thousand(share: float, studies: int) -> int:
    """The largest count that at most a thousandth of binomial samples stay at or below."""
    below, count = 0.0, -1
    while below <= 1e-3:
        count += 1
        below += math.comb(studies, count) * share**count * (1 - share) ** (studies - count)
    return count - 1


@pytest.mark.parametrize("share", [(), ("E",), ("alpha", "beta")])
def test_a_known_gain_comes_back_from_runs_without_noise(share: tuple[str, ...]) -> None:
    found = compared(
        table("a", study(BASELINE)),
        table("b", study(BETTER)),
        replicates=20,
        flops=(1e20, 3e21, 1e24),
        losses=(2.3,),
        share=share,
    )
    (one,) = found.comparisons
    for multiplier in one.multipliers:
        assert multiplier.value == pytest.approx(GAIN, rel=1e-3)
        assert multiplier.interval == pytest.approx((GAIN, GAIN), rel=1e-3)
        assert multiplier.p_better == 1
    assert one.trend.per_decade == pytest.approx(1, abs=1e-3)
    assert one.trend.growth == "not-established"
    assert one.crossover.flops is None
    assert one.pairing == "paired"


def test_a_known_crossing_comes_back_from_runs_without_noise() -> None:
    found = compared(table("a", study(BASELINE)), table("b", study(steeper())), replicates=20)
    (one,) = found.comparisons
    assert one.crossover.flops == pytest.approx(CROSSING, rel=1e-3)
    assert one.crossover.interval == pytest.approx((CROSSING, CROSSING), rel=1e-3)
    assert one.crossover.leads_after
    assert one.crossover.share == 1
    assert one.shared_exponents.is_rejected
    assert one.trend.growth == "grows"


def test_the_interval_of_the_multiplier_holds_the_truth_as_often_as_it_says() -> None:
    studies = 60
    held = {C: {0.5: 0, 0.9: 0} for C in (1e20, 3e21)}
    for k in range(studies):
        noise = (0.002, 0.005)[k % 2]
        tables = (
            undiagnosed("a", study(BASELINE, noise, (k, 0))),
            undiagnosed("b", study(BETTER, noise, (k, 1))),
        )
        first, second = fit_recipes(tables, Resampling(60, 1_000_000 + k, 0.9), flops=tuple(held))
        pairs = pair_draws(first, second)
        assert pairs is not None
        draws = pick(first, pairs.first), pick(second, pairs.second)
        for C, level in product(held, (0.5, 0.9)):
            found = multiplier_at(first.frontier, second.frontier, C, level, draws)
            held[C][level] += holds(found.interval, GAIN)
    for counts in held.values():
        # 60 studies cannot tell 90 % from 96 %: that the intervals are not too wide shows at 50 %
        assert counts[0.9] > once_in_a_thousand(0.87, studies)
        assert once_in_a_thousand(0.5, studies) < counts[0.5] < studies - once_in_a_thousand(0.5, studies)


def test_the_interval_of_the_crossover_holds_the_truth_as_often_as_it_says() -> None:
    studies, held = 15, 0
    for k in range(studies):
        tables = (
            undiagnosed("a", study(BASELINE, 0.002, (k, 0))),
            undiagnosed("b", study(steeper(), 0.002, (k, 1))),
        )
        found = compared(*tables, replicates=60, seed=k)
        held += holds(found.comparisons[0].crossover.interval, CROSSING)
    assert held > once_in_a_thousand(0.85, studies)


def test_halves_of_the_same_runs_seldom_pass_for_better() -> None:
    if not DIGITISED.exists():
        pytest.skip("the digitised Chinchilla runs are not on this machine")
    runs = read_runs(str(DIGITISED), drop_highest_losses=5).runs
    splits, outside = 8, 0
    for k in range(splits):
        order = np.random.default_rng(k).permutation(240)
        halves = [runs.select(np.sort(half)) for half in np.array_split(order, 2)]
        tables = [undiagnosed(f"half {i}", half) for i, half in enumerate(halves)]
        found = compared(*tables, replicates=40, seed=k)
        p = found.comparisons[0].p_better
        assert p is not None
        outside += not 0.05 <= p <= 0.95
        assert found.comparisons[0].pairing == "independent"
    assert splits - outside > once_in_a_thousand(0.9, splits)


def test_pairing_takes_out_the_noise_that_two_tables_share() -> None:
    runs, same = study(BASELINE, 0.005, (1, 0)), study(BASELINE, 0.005, (1, 0))
    twice = Runs(same.params, same.tokens, same.flops, 0.98 * same.loss, same.names)
    paired = compared(table("a", runs), table("b", twice), replicates=60, flops=(1e21,))
    order = np.random.default_rng(0).permutation(63)
    moved = compared(table("a", runs), table("b", twice.select(order)), replicates=60, flops=(1e21,))
    assert moved.comparisons[0].multipliers == paired.comparisons[0].multipliers
    nudged = Runs(1.01 * same.params, same.tokens, same.flops, 0.98 * same.loss, same.names)
    apart = compared(table("a", runs), table("b", nudged), replicates=60, flops=(1e21,))
    assert [one.comparisons[0].pairing for one in (paired, apart)] == ["paired", "independent"]
    widths = []
    for one in (paired, apart):
        ends = one.comparisons[0].multipliers[0].interval
        assert ends is not None
        assert ends[0] is not None
        assert ends[1] is not None
        widths.append(math.log(ends[1] / ends[0]))
    assert widths[0] < 0.3 * widths[1]


@pytest.mark.parametrize("share", [(), ("E",)])
def test_a_lost_run_leaves_the_others_paired(share: tuple[str, ...]) -> None:
    runs = study(BASELINE, 0.003, (1, 0))
    rest = runs.select(np.delete(np.arange(63), 30))
    for first, second in ((runs, rest), (rest, runs)):
        found = compared(table("a", first), table("b", second), replicates=60, flops=(1e21,), share=share)
        (one,) = found.comparisons
        assert one.pairing == "paired"
        assert one.recipe.common is not None
        assert (one.recipe.common.matched, one.recipe.common.of) == (62, 63)
        ends = one.at_target.interval
        assert ends is not None
        assert ends[0] is not None
        assert ends[1] is not None
        assert math.log(ends[1] / ends[0]) < 0.03


def test_a_table_against_its_copy_is_better_in_half_of_the_draws() -> None:
    runs = study(BASELINE, 0.003)
    order = np.random.default_rng(0).permutation(63)
    found = compared(table("a", runs), table("copy", runs.select(order)), replicates=40)
    assert {one.p_better for one in found.comparisons[0].multipliers} == {0.5}
    assert found.findings[0].id == "identical-tables"
    assert found.findings[0].message == "a and copy hold the same runs with the same losses"
    assert found.comparisons[0].shared_exponents.untested == "same-in-all-draws"


def test_a_crossing_that_the_draws_do_not_bound_may_be_anywhere() -> None:
    baseline = PowerFrontiers(np.array([1.8]), np.array([6.0]), np.array([0.17]))
    recipe = PowerFrontiers(np.array([1.8]), np.array([6.0 + 0.01 * 47.0]), np.array([0.18]))

    def shifted(*shifts: float) -> PowerFrontiers:
        return PowerFrontiers(
            np.full(20, 1.8), np.repeat(6.0 + np.array(shifts), 20 // len(shifts)), np.full(20, 0.17)
        )

    drawn, same = shifted(-0.1, 0.1), shifted(0.0)
    sides = shifted(0.1), shifted(-0.1)
    found = find_crossover(baseline, recipe, (1e18, 1e24), 1e21, 0.9, (same, drawn))
    assert found.flops == pytest.approx(math.exp(47), rel=1e-6)
    assert (found.interval, found.is_anywhere, found.share) == ((None, None), True, 0)
    up, down = (find_crossover(baseline, recipe, (1e18, 1e24), 1e21, 0.9, (same, each)) for each in sides)
    assert (up.interval, down.interval) == ((1e24, None), (None, 1e18))


def test_why_exponents_are_not_tested_is_said() -> None:
    runs, other = study(BASELINE, 0.003), study(BETTER, 0.003, (0, 1))
    bare = compared(table("a", runs), table("b", other)).comparisons[0]
    assert bare.shared_exponents.untested == "no-draws"
    fixed = [
        table(name, each, fixed={"alpha": 0.35, "beta": 0.37})
        for name, each in zip("ab", (runs, other), strict=True)
    ]
    assert compared(*fixed, replicates=20).comparisons[0].shared_exponents.untested == "same-in-all-draws"
    tested = compared(table("a", runs), table("b", other), replicates=40).comparisons[0]
    assert tested.shared_exponents.untested is None
    assert tested.shared_exponents.p_value is not None


def test_sharing_E_makes_the_gain_far_beyond_the_runs_surer() -> None:
    tables = table("a", study(BASELINE, 0.003, (5, 0))), table("b", study(BETTER, 0.003, (5, 1)))
    widths = []
    for share in ((), ("E",)):
        found = compared(*tables, replicates=100, flops=(3e23,), share=share)
        ends = found.comparisons[0].multipliers[0].interval
        assert ends is not None
        assert ends[1] is not None
        widths.append(ends[1] - (ends[0] or 0))
    assert widths[1] < 0.5 * widths[0]


def test_a_law_without_draws_is_taken_for_true_with_a_warning() -> None:
    law = RecipeLaw(PUBLISHED["besiroglu2024"])
    found = compared(law, table("b", study(BETTER, 0.002)), replicates=60, flops=(1e21,))
    one = found.comparisons[0]
    assert one.pairing == "independent"
    assert one.multipliers[0].interval is not None
    assert [finding.id for finding in found.recipes[0].findings] == ["law-without-draws"]
    bare = compared(law, RecipeLaw(PUBLISHED["hoffmann2022-a3"]))
    assert bare.flops == (5.76e23, 5.76e24, 5.76e25)
    assert bare.comparisons[0].pairing is None
    assert bare.comparisons[0].p_better is None


def test_points_are_compared_by_students_t_and_have_no_params() -> None:
    flops = np.array([1e18, 3e18, 1e19, 3e19, 1e20, 3e20])
    loss = np.array([3.522, 3.339, 3.154, 3.000, 2.848, 2.725])
    names = tuple("abcdef")
    points = [
        RecipeRuns(
            point_runs(flops, factor * loss, names),
            LawCard(name=name, law=BASELINE),
            FitSettings(form="frontier", fixed={"E": 1.6}),
            read=6,
            place=name,
            has_counts=False,
        )
        for name, factor in (("a", 1.0), ("b", 0.995))
    ]
    found = compared(*points, replicates=500, flops=(1e21,))
    assert [recipe.sureness for recipe in found.recipes] == ["student-t"] * 2
    assert list(found.recipes[0].card.fitted_range) == ["flops"]
    assert 2.605 <= found.frontiers[0][0].loss <= 2.607
    one = found.comparisons[0]
    assert (one.pairing, list(one.shared_exponents.differences)) == ("independent", ["frontier"])
    assert one.p_better is not None
    assert one.p_better > 0.95


def test_the_target_is_the_largest_budget_asked_for_or_fitted() -> None:
    assert budgets_for([(1e18, 3e21), None, (1e19, 1e21)], ()) == ((3e21, 3e22, 3e23), 3e21)
    assert budgets_for([(1e18, 3e21)], (1e24, 1e20, 1e24)) == ((1e24, 1e20), 1e24)
    assert budgets_for([None], ())[1] == 5.76e23


def test_the_multiplier_is_traced_from_the_smallest_budget_to_the_largest() -> None:
    found = compared(table("a", study(BASELINE)), table("b", study(BETTER)), replicates=10)
    curve = found.comparisons[0].curve
    assert [curve[0].flops, curve[-1].flops] == pytest.approx([6e18, 3e23])
    assert [point.value for point in curve] == pytest.approx([GAIN] * len(curve), rel=1e-3)
    assert all(point.interval is not None for point in curve)


def test_a_third_recipe_is_compared_with_the_first() -> None:
    tables = [table(name, study(law)) for name, law in (("a", BASELINE), ("b", BETTER), ("c", steeper()))]
    found = compared(*tables, replicates=10)
    assert [(one.baseline.name, one.recipe.name) for one in found.comparisons] == [("a", "b"), ("a", "c")]


def test_what_cannot_be_fitted_is_refused_with_its_table() -> None:
    few = study(BETTER).select(np.arange(5))
    with pytest.raises(FitRefused, match=r"^few: "):
        compared(table("a", study(BASELINE)), table("few", few))
    ray = study(BETTER).select(np.arange(3, 63, 7))
    with pytest.raises(FitRefused) as refusal:
        compared(table("a", study(BASELINE)), table("ray", ray))
    assert "--form frontier" in (refusal.value.hint or "")
    frontiers = [
        table(name, study(law).select(np.arange(3, 63, 7)), form="frontier")
        for name, law in (("a", BASELINE), ("b", BETTER))
    ]
    assert compared(*frontiers).comparisons[0].at_target.value == pytest.approx(GAIN, rel=0.01)


def test_constants_are_not_shared_with_a_law_or_another_form() -> None:
    law = RecipeLaw(PUBLISHED["besiroglu2024"])
    with pytest.raises(UsageError, match="besiroglu2024 is a law"):
        compared(law, table("b", study(BETTER)), share=("E",))
    with pytest.raises(UsageError, match="different forms"):
        compared(table("a", study(BASELINE)), table("b", study(BETTER), form="tied"), share=("E",))
