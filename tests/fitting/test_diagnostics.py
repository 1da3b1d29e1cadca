"""The data doctor: for every finding the smallest table that raises it, and one that does not."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import spearmanr

from scaling_cli.files.run_table import read_runs
from scaling_cli.findings import Finding
from scaling_cli.fitting.bootstrap import bootstrap_law
from scaling_cli.fitting.diagnostics import diagnose
from scaling_cli.fitting.diagnostics_fit import _f_tail, _rank_correlation
from scaling_cli.fitting.diagnostics_influence import find_outliers, one_step_moves, refit_weighted
from scaling_cli.fitting.fit import Fit
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.law import Allocates
from scaling_cli.runs import Runs
from tests.fitting.conftest import SHARED, Simulate

LAW = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
TARGET = 5.76e23


def runs_of(N: Any, D: Any, loss: Any = None, *, unique: Any = None) -> Runs:
    N, D = (np.asarray(values, dtype=np.float64) for values in (N, D))
    losses = LAW.loss(N, D) if loss is None else np.asarray(loss, dtype=np.float64)
    return Runs(N, D, 6 * N * D, losses, tuple(f"run {i}" for i in range(len(N))), unique_tokens=unique)


def grid(copies: int = 1) -> Runs:
    """Four sizes on four token counts, each as often as told, without noise."""
    N, D = np.meshgrid(np.geomspace(1e8, 2.7e9, 4), np.geomspace(2e9, 5.4e10, 4))
    return runs_of(np.repeat(N.ravel(), copies), np.repeat(D.ravel(), copies))


def scatter(runs: Runs, noise: float, seed: int = 1) -> Runs:
    errors = noise * np.random.default_rng(seed).standard_normal(len(runs))
    return replace(runs, loss=runs.loss * np.exp(errors))


def ids(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.id for finding in findings]


def one(findings: tuple[Finding, ...], name: str) -> Finding:
    (found,) = (finding for finding in findings if finding.id == name)
    return found


def size_of(fit: Fit) -> float:
    assert isinstance(fit.law, Allocates)
    return fit.law.optimum(TARGET)[0]


def column(*values: float) -> Any:
    return np.array(values, dtype=np.float64)


def test_a_clean_study_has_no_findings() -> None:
    for runs in (grid(), scatter(grid(), 0.001)):
        assert diagnose(runs, fit_law(runs), target=1e22) == ()
    assert diagnose(runs_of([], [])) == ()


# before any fit


@pytest.mark.parametrize(
    ("unique", "epochs", "named"),
    [
        (None, (1, 4.1), ("run 1",)),
        ((2e9, 1.9e9), None, ("run 1",)),
        ((2e9, 2e9), (1, 5), ("run 1",)),
        (None, (1, 4), None),
        (None, (np.nan, 1), None),
        ((2e9, 1.99e9), None, None),
        (None, None, None),
    ],
)
def test_data_seen_more_than_four_times_or_than_there_is_are_repeated(
    unique: Any, epochs: Any, named: Any
) -> None:
    runs = runs_of([1e8, 1e8], [2e9, 2e9], unique=unique)
    found = diagnose(runs, columns={} if epochs is None else {"epochs": column(*epochs)})
    assert ids(found) == ([] if named is None else ["repeated-data"])
    if named:
        assert (found[0].severity, found[0].runs) == ("warning", named)


def test_repeated_data_say_how_often_and_what_a_token_is_worth() -> None:
    runs = runs_of([1e8], [4e9], unique=column(1e9))
    # 1 + 15.39 (1 - exp(-3/15.39)) = 3.726 of 4
    assert "up to 4 epochs, where a token is worth about 93 % of a new one" in diagnose(runs)[0].message


PERPLEXITY = (20.0, 15.0, 11.0)


@pytest.mark.parametrize(
    ("loss", "columns", "says"),
    [
        (PERPLEXITY, {"perplexity": column(*PERPLEXITY)}, "equals the perplexity"),
        (np.log2(PERPLEXITY), {"perplexity": column(*PERPLEXITY)}, "binary logarithm"),
        ((0.9, 0.8, 0.7), {"bits_per_byte": column(0.9, 0.8, 0.7)}, "equals the bits per byte"),
        ((20, 15, 11), {}, "is 15 in the median"),
        (np.log(PERPLEXITY), {"perplexity": column(*PERPLEXITY)}, None),
        ((3.0, 2.5, 2.4), {"perplexity": column(40, 30, 20), "bits_per_byte": column(0.9, 0.8, 0.7)}, None),
        ((3.0, 2.5, 2.4), {"perplexity": column(3.0, np.nan, np.nan)}, None),
        ((11.0, 11.5, 11.8), {}, None),
    ],
)
def test_losses_that_are_shown_to_be_no_nats_are_said(loss: Any, columns: Any, says: str | None) -> None:
    runs = runs_of([1e8, 2e8, 4e8], [2e9, 4e9, 8e9], loss)
    found = diagnose(runs, columns=columns)
    assert ids(found) == ([] if says is None else ["loss-unit"])
    if says is not None:
        assert found[0].severity == "warning"
        assert says in found[0].message
    assert diagnose(runs, columns=columns, loss_unit="perplexity") == ()


@pytest.mark.parametrize(
    ("rates", "loss", "end"),
    [
        ((1, 2, 3), (3.0, 2.9, 2.8), "largest"),
        ((1, 2, 3), (2.8, 2.9, 3.0), "smallest"),
        ((1, 2, 3), (2.9, 2.8, 3.0), None),
        ((1, 2, 2), (3.0, 2.9, 2.8), None),
        ((1, 2, np.nan), (3.0, 2.9, 2.8), None),
    ],
)
def test_a_sweep_whose_best_rate_is_at_its_end_is_said(rates: Any, loss: Any, end: str | None) -> None:
    found = diagnose(runs_of([1e8] * 3, [2e9] * 3, loss), columns={"lr": column(*rates)})
    assert ids(found) == ([] if end is None else ["lr-at-sweep-edge"])
    if end is not None:
        assert found[0].message.startswith(
            f"the best learning rate is at the end of 1 of 1 sweeps (the {end} tried in 1)"
        )
        assert found[0].runs == (f"run {int(np.argmin(loss))}",)


def test_rates_at_different_sizes_are_no_sweep() -> None:
    runs = runs_of([1e8, 2e8, 4e8], [2e9] * 3, (3.0, 2.9, 2.8))
    assert diagnose(runs, columns={"lr": column(1, 2, 3)}) == ()


def test_of_a_grid_the_sweep_at_the_best_batch_counts_and_seeds_are_averaged() -> None:
    # at batch 1 the end is best, but batch 2 is better still, and its best rate is in the middle
    lr, batch = column(1, 2, 3, 1, 2, 3), column(1, 1, 1, 2, 2, 2)
    runs = runs_of([1e8] * 6, [2e9] * 6, (3.0, 2.9, 2.8, 2.7, 2.6, 2.7))
    assert diagnose(runs, columns={"lr": lr, "batch": batch}) == ()
    seeds = runs_of([1e8] * 4, [2e9] * 4, (3.0, 2.8, 2.7, 3.0))  # 2.85 at rate 3, on average
    assert diagnose(seeds, columns={"lr": column(1, 2, 3, 3)}) == ()


# of a fit


def fit_of_line(noise: float) -> Fit:
    """Sixteen runs close to a ray of 20 tokens per param."""
    N = np.geomspace(1e8, 1e10, 16)
    D = 20 * N * np.tile([0.8, 1.25], 8)
    return fit_law(scatter(runs_of(N, D), noise, seed=3))


@pytest.mark.parametrize("replicates", [0, 200])
def test_a_ratio_open_by_a_factor_of_ten_is_a_design_near_a_line(replicates: int) -> None:
    for fit, is_near in ((fit_of_line(0.01), True), (fit_of_line(0.0), False)):
        draws = bootstrap_law(fit, replicates=replicates).draws if replicates else ()
        found = diagnose(fit.runs, fit, draws=draws, target=TARGET)
        assert ("near-collinear-design" in ids(found)) == is_near
        if is_near:
            finding = one(found, "near-collinear-design")
            assert finding.severity == "warning"
            assert "tokens per param at 5.76e23 FLOPs are " in finding.message


def test_draws_with_no_size_at_all_are_open_too(simulate: Simulate) -> None:
    fit = fit_law(simulate(LAW, noise=0.002))
    wild = [ChinchillaLaw(E=1.8, A=482.0, B=2085.0, alpha=alpha, beta=0.37) for alpha in (0.01, 0.35, 3.0)]
    assert "near-collinear-design" in ids(diagnose(fit.runs, fit, draws=wild, target=TARGET))
    assert "near-collinear-design" not in ids(diagnose(fit.runs, fit, draws=[LAW] * 3, target=TARGET))


def with_twin(factor: float, *, apart: float = 1.005) -> Fit:
    """The noisy grid and a run beside its last one, of which the loss is ``factor`` times the law's."""
    runs = scatter(grid(), 0.001)
    N, D = runs.params[-1] * apart, runs.tokens[-1]
    loss = np.append(runs.loss, LAW.loss(N, D) * factor)
    return fit_law(runs_of(np.append(runs.params, N), np.append(runs.tokens, D), loss))


def test_runs_within_a_percent_that_contradict_each_other_are_named() -> None:
    fit = with_twin(1.03)
    finding = one(diagnose(fit.runs, fit), "near-duplicate-runs")
    assert (finding.severity, finding.runs) == ("warning", ("run 15", "run 16"))
    assert "run 15 has 2.3" in finding.message
    for other in (with_twin(1.001), with_twin(1.03, apart=1.05)):
        assert "near-duplicate-runs" not in ids(diagnose(other.runs, other))
    rates = {"lr": np.append(np.full(16, 1e-3), 1e-2)}
    assert "near-duplicate-runs" not in ids(diagnose(fit.runs, fit, columns=rates))


def test_a_measurement_that_stands_twice_is_said() -> None:
    runs = scatter(grid(), 0.001)
    twice = runs.select(np.append(np.arange(16), 15))
    finding = one(diagnose(twice, fit_law(twice)), "duplicate-runs")
    assert (finding.severity, finding.runs) == ("info", ("run 15",))
    rounded = replace(twice, loss=twice.loss.round(2))
    assert "duplicate-runs" not in ids(diagnose(rounded, fit_law(rounded)))
    seeds = {"seed": np.append(np.zeros(16), 1)}
    assert "duplicate-runs" not in ids(diagnose(twice, fit_law(twice), columns=seeds))


def test_a_run_that_the_answer_hangs_on_is_named_with_the_answer_without_it(simulate: Simulate) -> None:
    clean = simulate(LAW, noise=0.001, budgets=5, sizes=5)
    # nearly a fit of least squares: one of least absolute errors hardly sees a single run
    assert "outlier-run" not in ids(diagnose(clean, fit_law(clean, delta=0.1), target=TARGET))
    loss = clean.loss.copy()
    loss[4] *= 1.1  # the largest size at the smallest budget
    spoilt = replace(clean, loss=loss)
    fit = fit_law(spoilt, delta=0.1)
    finding = one(diagnose(spoilt, fit, target=TARGET), "outlier-run")
    assert (finding.severity, finding.runs) == ("warning", ("run 4",))
    without = fit_law(spoilt.select(np.arange(25) != 4), delta=0.1)
    N, N_without = (size_of(each) / 1e9 for each in (fit, without))
    assert finding.message.startswith(f"{N:.3g}B params at 5.76e23 FLOPs hang on run 4: without it")
    assert f"{N_without:.3g}B params" in finding.message


def test_a_weighted_refit_is_the_fit_to_the_runs_that_are_left(simulate: Simulate) -> None:
    fit = fit_law(simulate(LAW, noise=0.003, budgets=5, sizes=5))
    weights = 1 - np.eye(25)[[0, 7]]
    for law, left_out in zip(refit_weighted(fit, weights), (0, 7), strict=True):
        assert law is not None
        again = fit_law(fit.runs.select(np.arange(25) != left_out)).law
        assert law.parameters["alpha"] == pytest.approx(again.parameters["alpha"], rel=1e-5)


def test_large_tables_try_only_the_runs_that_a_step_finds_influential(
    chinchilla_runs: Callable[[int], Runs], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = fit_law(chinchilla_runs(0))
    monkeypatch.setattr("scaling_cli.fitting.diagnostics_influence.CELLS", 0)
    finding = find_outliers(fit, TARGET)
    assert finding is not None
    assert finding.runs == ("epoch000",)
    assert int(np.argmax(np.abs(one_step_moves(fit, TARGET)))) in range(245)


@pytest.mark.parametrize("form", ["chinchilla", "tied", "overtraining"])
def test_the_other_forms_are_examined_too(form: Any, simulate: Simulate) -> None:
    clean = simulate(LAW, noise=0.001, budgets=5, sizes=5)
    loss = clean.loss.copy()
    loss[4] *= 2.0
    spoilt = replace(clean, loss=loss)
    fit = fit_law(spoilt, form=form, objective="log-mse")
    assert "run 4" in one(diagnose(spoilt, fit, target=TARGET), "outlier-run").runs


def test_a_step_ranks_the_runs_as_the_refits_do(simulate: Simulate) -> None:
    fit = fit_law(simulate(LAW, noise=0.001, budgets=5, sizes=5), objective="log-mse")
    laws = refit_weighted(fit, 1 - np.eye(25))
    sizes = [law.optimum(TARGET)[0] for law in laws if isinstance(law, ChinchillaLaw)]
    assert isinstance(fit.law, ChinchillaLaw)
    exact = np.log(sizes) - math.log(fit.law.optimum(TARGET)[0])
    assert np.corrcoef(exact, one_step_moves(fit, TARGET))[0, 1] > 0.95


def bent(tilt: Callable[[Any, Any], Any]) -> Fit:
    """A fit whose residuals follow ``tilt``: the clean fit, with other losses put to it."""
    fit = fit_law(scatter(grid(), 0.001))
    return replace(
        fit, runs=replace(fit.runs, loss=fit.runs.loss * np.exp(-tilt(fit.runs.params, fit.runs.tokens)))
    )


@pytest.mark.parametrize(
    ("tilt", "says"),
    [
        (
            lambda N, D: 0.01 * np.log(N * D),
            ("rise with log C", "too high at the largest budgets", "pessimistic"),
        ),
        (
            lambda N, D: -0.01 * np.log(N * D),
            ("fall with log C", "too low at the largest budgets", "optimistic"),
        ),
        (lambda N, D: 0.01 * np.log(D / N), ("rise with log D/N", "too high at many", "undervalues tokens")),
        (lambda N, D: -0.01 * np.log(D / N), ("fall with log D/N", "too low at many", "overvalues tokens")),
    ],
)
def test_residuals_that_follow_budget_or_ratio_are_said_with_their_sign(tilt: Any, says: Any) -> None:
    fit = bent(tilt)
    finding = one(diagnose(fit.runs, fit), "residual-trend")
    assert finding.severity == "warning"
    assert all(part in finding.message for part in says)


def test_of_rows_that_belong_together_each_group_counts_once() -> None:
    fit = bent(lambda N, D: 0.01 * np.log(N * D))
    groups = [f"run {i % 4}" for i in range(16)]
    assert "residual-trend" not in ids(diagnose(fit.runs, fit, clusters=groups))
    assert "residual-trend" in ids(diagnose(fit.runs, fit, clusters=fit.runs.names))
    near = fit_of_line(0.01)
    assert "near-collinear-design" in ids(diagnose(near.runs, near, clusters=near.runs.names))


def test_residuals_without_a_trend_are_no_trend(simulate: Simulate) -> None:
    for seed in range(10):
        fit = fit_law(simulate(LAW, noise=0.005, seed=seed, budgets=5, sizes=5))
        assert "residual-trend" not in ids(diagnose(fit.runs, fit))


def test_rank_correlations_are_scipys() -> None:
    random = np.random.default_rng(0)
    first, second = random.integers(0, 8, 40).astype(float), random.standard_normal(40)
    assert _rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert _rank_correlation(np.ones(40), second) == 0


def test_the_spread_of_repeats_is_said_beside_that_of_the_residuals() -> None:
    runs = scatter(grid(2), 0.005)
    found = diagnose(runs, fit_law(runs))
    finding = one(found, "seed-noise")
    assert (finding.severity, len(finding.runs)) == ("info", 32)
    assert finding.message.startswith("32 runs repeat 16 configurations: they spread by 0.")
    assert "lack-of-fit" not in ids(found)


def test_one_repeated_configuration_is_one() -> None:
    runs = scatter(grid(1), 0.005)
    again = runs.select(np.concatenate([np.arange(len(runs)), np.zeros(4, dtype=np.intp)]))
    spread = Runs(
        again.params,
        again.tokens,
        again.flops,
        again.loss * np.r_[np.ones(len(runs)), 1.003, 0.996, 1.002, 1.005],
        tuple(f"run {i}" for i in range(len(again))),
    )
    finding = one(diagnose(spread, fit_law(spread)), "seed-noise")
    assert finding.message.startswith("5 runs repeat 1 configuration: they spread by 0.")


def test_repeats_are_the_same_in_every_column_but_the_seed_and_three_at_least() -> None:
    runs = scatter(grid(2), 0.005)
    fit = fit_law(runs)
    columns = {"lr": np.tile([1.0, 2.0], 16), "seed": np.tile([0.0, 1.0], 16)}
    assert "seed-noise" not in ids(diagnose(runs, fit, columns=columns))
    assert "seed-noise" in ids(diagnose(runs, fit, columns={"seed": columns["seed"]}))
    two_pairs = runs.select(np.concatenate([np.arange(0, 32, 2), [1, 3]]))
    assert "seed-noise" not in ids(diagnose(two_pairs, fit_law(two_pairs)))


def test_residuals_far_beyond_the_repeats_are_a_lack_of_fit() -> None:
    """Each configuration is off by 2 %, and its two seeds agree within 0.1 %."""
    errors = 0.02 * np.repeat(np.random.default_rng(5).standard_normal(16), 2)
    runs = scatter(grid(2), 0.001)
    runs = replace(runs, loss=runs.loss * np.exp(errors))
    found = diagnose(runs, fit_law(runs))
    finding = one(found, "lack-of-fit")
    assert finding.severity == "warning"
    assert "times as far as repeats of one configuration" in finding.message


@pytest.mark.parametrize(("first", "second"), [(3, 3), (6, 4), (20, 10), (4.1, 16)])
def test_the_tail_of_f_is_scipys_or_a_little_more_where_it_decides(first: float, second: float) -> None:
    ratio = float(f_distribution.isf(0.01, first, second))
    assert 0.009 < _f_tail(ratio, first, second) < 0.015


# real runs


@pytest.mark.parametrize(
    ("name", "dropped", "expected"),
    [
        ("chinchilla_digitised", 5, ["duplicate-runs"]),
        ("chinchilla_digitised", 0, ["duplicate-runs", "outlier-run"]),
        ("chinchilla_isoflop", 0, ["duplicate-runs", "outlier-run", "seed-noise"]),
    ],
)
def test_the_published_runs_do_not_drown_in_findings(name: str, dropped: int, expected: list[str]) -> None:
    path = SHARED / f"{name}.csv"
    if not path.exists():
        pytest.skip("the published runs are not on this machine")
    table = read_runs(str(path), drop_highest_losses=dropped)
    found = diagnose(table.runs, fit_law(table.runs), columns=table.extra_columns(), target=TARGET)
    assert ids(found) == expected
