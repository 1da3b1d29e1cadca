"""What a budget is judged to be, which size it should run next, and that a copied run counts once."""

import numpy as np
import pytest

from scaling_cli.fitting.isoflop import fit_isoflop
from scaling_cli.fitting.parabola import FAR, ParabolaDesign
from scaling_cli.runs import Runs
from tests.fitting.isoflop_studies import (
    BUDGETS,
    LAWS,
    PUBLISHED,
    SIZES,
    TARGET,
    one_budget,
    study,
    together,
)

N = [1e9, 2e9, 4e9, 8e9, 16e9]


def replaced(runs: Runs, budget: int, losses: np.ndarray) -> Runs:
    """A study with other losses at one of its budgets."""
    loss = runs.loss.copy()
    loss[budget * SIZES : (budget + 1) * SIZES] = losses
    return Runs(runs.params, runs.tokens, runs.flops, loss, runs.names)


def test_losses_that_are_all_the_same_are_flat_and_have_no_vertex() -> None:
    result = fit_isoflop(one_budget(N, [2.5] * 5), replicates=20)
    (valley,) = result.valleys
    assert valley.status == "flat"
    assert valley.run_next is None


def test_noise_alone_is_flat_nine_times_in_ten() -> None:
    found = []
    for seed in range(200):
        losses = 2.5 * np.exp(0.003 * np.random.default_rng(seed).standard_normal(SIZES))
        runs = one_budget(np.geomspace(1e9, 16e9, SIZES).tolist(), losses.tolist())
        found.append(fit_isoflop(runs, replicates=0).valleys[0].status)
    # the level is 90 %: 5 % on either side, concave on one of them
    assert found.count("flat") / 200 > 0.85
    assert found.count("concave") / 200 < 0.1


def test_of_five_budgets_of_noise_one_is_called_concave_in_one_study_of_twenty() -> None:
    budgets, studies = np.repeat(BUDGETS[:5], SIZES), 0
    for seed in range(150):
        losses = 2.5 * np.exp(0.003 * np.random.default_rng(seed).standard_normal(5 * SIZES))
        runs = study(PUBLISHED, 4.0).select(np.arange(5 * SIZES))
        noise = Runs(runs.params, runs.tokens, runs.flops, losses, runs.names)
        found = fit_isoflop(noise, budgets, replicates=0).valleys
        studies += any(valley.status == "concave" for valley in found)
    assert studies / 150 < 0.08


def test_a_hill_that_noise_cannot_make_is_concave() -> None:
    runs = replaced(study(PUBLISHED, 4.0, noise=0.002), 4, 2.6 - 0.05 * np.linspace(-1.4, 1.4, SIZES) ** 2)
    assert fit_isoflop(runs, replicates=0).valleys[4].status == "concave"


@pytest.mark.parametrize("shape", ["flat", "concave"])
def test_a_budget_without_a_valley_is_to_run_the_size_of_the_others_frontier(shape: str) -> None:
    x = np.linspace(-1.4, 1.4, SIZES)
    losses = 2.6 + 0.01 * np.cos(9 * x) if shape == "flat" else 2.6 - 0.05 * x**2
    result = fit_isoflop(replaced(study(PUBLISHED, 4.0, noise=0.001), 4, losses), replicates=0)
    valley = result.valleys[4]
    assert valley.status == shape
    assert valley.run_next is not None
    assert result.frontier is not None
    assert valley.run_next.params == pytest.approx(result.frontier.params.at(valley.flops))
    assert valley.run_next.params == pytest.approx(PUBLISHED.optimum(BUDGETS[4])[0], rel=0.1)
    assert 6 * valley.run_next.params * valley.run_next.tokens == pytest.approx(valley.flops)


def test_three_sizes_are_to_be_joined_by_that_of_the_frontier_where_it_is_not_among_them() -> None:
    runs, budget = study(PUBLISHED, 8.0), 4
    inside = np.arange(len(runs)) // SIZES == budget
    three = runs.select(~inside | (np.arange(len(runs)) % SIZES < 3))
    valley = fit_isoflop(three, np.repeat(BUDGETS, SIZES)[~inside | (np.arange(len(runs)) % SIZES < 3)])
    found = valley.valleys[budget]
    assert found.status == "too-few"
    assert found.run_next is not None
    assert found.run_next.params == pytest.approx(PUBLISHED.optimum(BUDGETS[budget])[0], rel=0.02)


@pytest.mark.parametrize("shape", ["flat", "concave"])
def test_without_a_frontier_the_next_size_is_one_step_to_where_the_loss_falls(shape: str) -> None:
    bent = {"flat": [0, 0.001, -0.001, 0.001, 0], "concave": [0, 0.02, 0.025, 0.02, 0]}[shape]
    losses = np.array([2.60, 2.57, 2.54, 2.51, 2.48]) + bent
    for side, N_next in ((1, 32e9), (-1, 0.5e9)):
        (valley,) = fit_isoflop(one_budget(N, losses[::side].tolist()), replicates=0).valleys
        assert valley.status == shape
        assert valley.run_next is not None
        assert valley.run_next.params == pytest.approx(N_next)


def test_a_straight_line_has_no_minimum_that_a_number_could_not_hold() -> None:
    x = np.log(np.array(N))
    line = one_budget(N, (2.5 - 0.01 * (x - x[0]) + 1e-13 * x**2).tolist())
    (valley,) = fit_isoflop(line, replicates=20).valleys
    assert valley.vertex is None
    design = ParabolaDesign(x)
    found = design.vertices(design.fit(line.loss[None, :]))
    assert not found.is_minimum[0]
    assert abs(found.log_N[0] - design.centre) == pytest.approx(FAR)


def test_a_copied_run_counts_once() -> None:
    runs = study(PUBLISHED, 4.0, noise=0.003)
    once, twice = (fit_isoflop(some, replicates=200) for some in (runs, together(runs, runs)))
    assert len(twice.copies) == len(runs)
    assert once.copies == ()
    assert [len(valley.runs) for valley in twice.valleys] == [SIZES] * len(BUDGETS)
    assert [v.intervals for v in once.valleys] == [v.intervals for v in twice.valleys]
    assert once.corrected == twice.corrected
    assert once.corrected is not None
    assert twice.corrected is not None
    for ours, theirs in zip(once.corrected.laws.values(), twice.corrected.laws.values(), strict=True):
        assert ours.draws is not None
        assert theirs.draws is not None
        assert np.array_equal(ours.draws.at(TARGET), theirs.draws.at(TARGET))


def test_runs_that_agree_in_a_rounded_loss_are_no_copies() -> None:
    rounded = one_budget(N * 2, [2.31, 2.30, 2.31, 2.34, 2.42] * 2)
    assert fit_isoflop(rounded, replicates=0).copies == ()
    exact = one_budget(N * 2, [2.3101, 2.3011, 2.3131, 2.3401, 2.4201] * 2)
    assert len(fit_isoflop(exact, replicates=0).copies) == 5


def test_a_repeat_with_a_loss_of_its_own_is_a_run() -> None:
    law = LAWS["0.34/0.28"]
    both = together(study(law, 4.0, noise=0.003, seed=0), study(law, 4.0, noise=0.003, seed=1))
    result = fit_isoflop(both, replicates=0)
    assert result.copies == ()
    assert [len(valley.runs) for valley in result.valleys] == [2 * SIZES] * len(BUDGETS)
