"""Backtests of studies whose law is known, and of the digitised Chinchilla runs."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scaling_cli.errors import FitRefused
from scaling_cli.files.run_table import read_runs
from scaling_cli.findings import Finding
from scaling_cli.fitting.fit import Fit, predicted_loss
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import published_law
from scaling_cli.planning.backtest import BacktestLevel, backtest, budget_levels
from scaling_cli.reports.backtest import backtest_dict, backtest_table, format_change
from scaling_cli.reports.report import Report
from scaling_cli.reports.terminal import to_terminal
from scaling_cli.runs import Runs

DIGITISED = Path(__file__).parents[2].parent / "shared" / "data" / "chinchilla_digitised.csv"
BUDGETS = np.geomspace(6e18, 3e21, 6)


def study(noise: float = 0.0, seed: int = 0, sizes: int = 7) -> Runs:
    """An IsoFLOP study of besiroglu2024: sizes from a quarter to four times the optimum."""
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    C = np.repeat(BUDGETS, sizes)
    N = law.optimum(C)[0] * np.tile(np.geomspace(0.25, 4, sizes), len(BUDGETS))
    D = C / (6 * N)
    errors = np.exp(noise * np.random.default_rng(seed).standard_normal(len(C)))
    return Runs(N, D, C, law.loss(N, D) * errors, tuple(f"run {i}" for i in range(len(C))))


def test_noise_free_runs_are_predicted_exactly() -> None:
    result = backtest(fit_law(study()), replicates=50)
    assert len(result.levels) == 4
    for level in result.levels:
        assert level.loss_error == pytest.approx(0, abs=1e-6)
        assert level.params_error == pytest.approx(0, abs=1e-4)
        assert level.tokens_error == pytest.approx(0, abs=1e-4)
        assert level.covered == 1
    assert "100 % of runs" in result.verdict


def test_each_level_holds_out_one_budget_more() -> None:
    result = backtest(fit_law(study()), replicates=20)
    assert [level.runs for level in result.levels] == [7, 14, 21, 28]
    assert [level.fitted for level in result.levels] == [35, 28, 21, 14]
    assert [level.fitted_up_to for level in result.levels] == pytest.approx(BUDGETS[[4, 3, 2, 1]])
    assert {round(level.predicted / 3e21, 9) for level in result.levels} == {1.0}
    assert result.levels[1].ahead == pytest.approx(BUDGETS[5] / BUDGETS[3])


def test_the_runs_of_one_budget_are_refused_and_end_the_list_with_the_reason() -> None:
    result = backtest(fit_law(study()), replicates=10)
    assert "7 runs are left" in result.ended
    assert "single-line-design" in result.ended


def nearest_level(runs: Runs, seed: int) -> BacktestLevel:
    """The first level of a backtest, whose others are refused for the sake of time."""

    def refit(kept: "NDArray[np.intp]") -> Fit:
        if len(kept) < 35:
            raise FitRefused(Finding("enough", "refusal", "one level is enough"))
        return fit_law(runs.select(kept))

    result = backtest(fit_law(runs), replicates=100, seed=seed, refit=refit)
    assert "enough" in result.ended
    return result.levels[0]


def test_the_intervals_hold_about_as_many_runs_as_they_say() -> None:
    # the largest budget of 24 studies, 168 runs. At a true coverage of 90 % the share of independent runs
    # has a standard error of 2.3 %; those of one study share the error of its law: counted as a third
    levels = [nearest_level(study(noise=0.005, seed=seed), seed) for seed in range(24)]
    total = sum(level.runs for level in levels)
    share = sum((level.covered or 0) * level.runs for level in levels) / total
    error = np.sqrt(0.9 * 0.1 / (total / 3))
    assert total == 168
    assert 0.9 - 3 * error < share < 0.9 + 2 * error


def test_nominal_budgets_are_the_levels_where_runs_share_them() -> None:
    runs = study()
    nominal = np.repeat(np.round(BUDGETS, -16), 7)
    levels = budget_levels(runs, nominal)
    assert levels.kind == "budgets"
    assert levels.centres == pytest.approx(np.unique(nominal).tolist())


def test_nominal_budgets_in_another_convention_are_asked_about_in_6ND() -> None:
    levels = budget_levels(study(), np.repeat(BUDGETS / 3, 7))
    assert levels.kind == "budgets"
    assert levels.centres == pytest.approx(BUDGETS)


def test_budgets_of_one_run_each_are_no_levels() -> None:
    runs = study()
    assert budget_levels(runs, np.arange(1.0, len(runs) + 1)).kind == "isoflop"


def test_groups_of_runs_within_ten_percent_are_levels() -> None:
    runs = study()
    jitter = np.exp(np.random.default_rng(0).uniform(-0.08, 0.08, len(runs)))
    jittered = Runs(runs.params, runs.tokens * jitter, runs.flops, runs.loss, runs.names)
    levels = budget_levels(jittered)
    assert levels.kind == "isoflop"
    assert levels.centres == pytest.approx(BUDGETS, rel=0.08)


def test_runs_spread_evenly_over_compute_are_held_out_by_shares() -> None:
    random = np.random.default_rng(1)
    N, D = np.exp(random.uniform(18, 23, 200)), np.exp(random.uniform(21, 26, 200))
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    runs = Runs(N, D, 6 * N * D, law.loss(N, D), tuple(str(i) for i in range(200)))
    assert budget_levels(runs).kind == "shares"
    result = backtest(fit_law(runs), replicates=10)
    assert [level.runs for level in result.levels] == [10, 20, 40, 80]
    assert all(level.covered == 1 for level in result.levels)


def test_the_order_of_the_runs_changes_nothing() -> None:
    runs = study(noise=0.003)
    order = np.random.default_rng(0).permutation(len(runs))
    once, again = (backtest(fit_law(some), replicates=30) for some in (runs, runs.select(order)))
    for one, other in zip(once.levels, again.levels, strict=True):
        assert one.loss_error == pytest.approx(other.loss_error, rel=1e-9)
        assert one.covered == other.covered


def test_clusters_are_kept_with_the_runs_that_are_left() -> None:
    runs = study(noise=0.003)
    clusters = [f"size {i % 7}" for i in range(len(runs))]
    alone, together = (
        backtest(fit_law(runs), clusters=given, replicates=60).levels[0] for given in (None, clusters)
    )
    assert alone.loss_error == together.loss_error
    assert together.covered is not None


def test_without_replicates_no_share_is_covered() -> None:
    result = backtest(fit_law(study(noise=0.003)), replicates=0)
    assert {level.covered for level in result.levels} == {None}
    assert "intervals" not in result.verdict


def test_a_caller_may_say_how_to_refit() -> None:
    runs = study(noise=0.003)
    asked: list[int] = []

    def refit(kept: "NDArray[np.intp]") -> Fit:
        asked.append(len(kept))
        return fit_law(runs.select(kept), delta=1e-2)

    result = backtest(fit_law(runs, delta=1e-2), refit=refit, replicates=0)
    same = backtest(fit_law(runs, delta=1e-2), replicates=0)
    assert asked == [35, 28, 21, 14, 7]
    assert result.levels == same.levels


def test_the_levels_are_fitted_under_the_settings_of_the_full_fit() -> None:
    runs = study(noise=0.003)
    weights = np.random.default_rng(0).uniform(0.5, 2, len(runs))
    full = fit_law(runs, form="tied", objective="log-mse", weights=weights)
    level = backtest(full, replicates=0).levels[0]
    kept = np.arange(35)
    alone = fit_law(runs.select(kept), form="tied", objective="log-mse", weights=weights[kept])
    held = runs.select(np.arange(35, 42))
    error = float(np.mean(predicted_loss(alone.law, held) / held.loss - 1))
    assert level.loss_error == pytest.approx(error, rel=1e-9)


def test_the_report_is_narrow_enough_for_a_terminal_and_says_what_json_does() -> None:
    result = backtest(fit_law(study(noise=0.003)), replicates=20)
    table, data = backtest_table(result), backtest_dict(result)
    text = to_terminal(Report("scaling.fit/1", {}, (table,), []), width=80, color=False)
    assert max(map(len, text.splitlines())) <= 80
    assert result.verdict.split(",")[0] in text
    levels = data["levels"]
    assert isinstance(levels, list)
    assert list(levels[0]) == [
        "fitted_up_to",
        "predicted",
        "runs",
        "loss_error",
        "params_error",
        "tokens_error",
        "covered",
    ]
    assert len(levels) == len(table.rows) == len(result.levels)


def test_a_form_without_an_optimum_leaves_its_columns_open() -> None:
    level = BacktestLevel(1e20, 20, 1e21, 5, 0.01, None, None, None)
    whole = backtest(fit_law(study()), replicates=0)
    table = backtest_table(type(whole)(whole.kind, 0.9, (level,), "no more"))
    assert table.rows[0][5:] == ("+1 %", "-", "-", "-")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0622, "+6.22 %"), (-0.5, "-50 %"), (3.226, "x4.23"), (1e-9, "0 %"), (-1e-9, "0 %")],
)
def test_changes_are_written_with_their_sign_and_large_ones_as_factors(share: float, text: str) -> None:
    assert format_change(share) == text


@pytest.mark.skipif(not DIGITISED.exists(), reason="the digitised Chinchilla runs are not on this machine")
def test_the_chinchilla_runs_are_predicted_level_by_level() -> None:
    result = backtest(fit_law(read_runs(str(DIGITISED), drop_highest_losses=5).runs))
    assert result.kind == "isoflop"
    assert len(result.levels) >= 6
    assert result.levels[0].predicted == pytest.approx(3e21, rel=0.05)
    for level in result.levels:
        assert abs(level.loss_error) < 0.03
        assert level.covered is not None
        assert 0 < level.covered <= 1
