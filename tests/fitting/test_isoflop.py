"""IsoFLOP studies whose law is known: statuses, the known bias, and what is left once it is removed."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.errors import UsageError
from scaling_cli.fitting.frontier import fit_lines, moderate, seen_shift
from scaling_cli.fitting.isoflop import Isoflop, IsoflopSettings, fit_isoflop
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.published import published_law
from scaling_cli.runs import Runs
from tests.fitting.isoflop_studies import (
    BUDGETS,
    CENTRES,
    LAWS,
    PUBLISHED,
    SIZES,
    TARGET,
    one_budget,
    study,
    together,
)

GRIDS = list(product(LAWS, (4.0, 8.0, 16.0), CENTRES))


def log_error(result: Isoflop, name: str, which: str = "corrected") -> float:
    """Log of N_opt at the target over that of the law called so."""
    frontier = result.raw if which == "raw" else result.corrected
    assert frontier is not None
    return math.log(frontier.params.at(TARGET) / LAWS[name].optimum(TARGET)[0])


def statuses(result: Isoflop) -> list[str]:
    return [valley.status for valley in result.valleys]


@pytest.mark.parametrize(("name", "width", "centres"), GRIDS)
def test_without_noise_the_corrected_frontier_is_the_laws_own(name: str, width: float, centres: str) -> None:
    result = fit_isoflop(study(LAWS[name], width, centres), replicates=0)
    if name == "0.465/0.155" and width == 4 and centres == "3x large":
        assert statuses(result) == ["edge"] * 9
        assert result.raw is None
        return
    # the last budget of the drifting one ends on the edge
    is_drifting = name == "0.465/0.155" and width == 4 and centres == "drifting to 3x"
    assert statuses(result) == ["ok"] * 8 + ["edge" if is_drifting else "ok"]
    assert abs(log_error(result, name)) < 1e-3
    assert result.corrected is not None
    assert result.corrected.params.exponent == pytest.approx(LAWS[name].exponents[0], abs=1e-4)
    assert result.corrected.tokens.at(TARGET) == pytest.approx(LAWS[name].optimum(TARGET)[1], rel=1e-3)


def test_centred_sizes_of_a_symmetric_law_have_no_bias() -> None:
    for width in (4.0, 8.0, 16.0):
        result = fit_isoflop(study(LAWS["alpha = beta"], width), replicates=0)
        assert abs(log_error(result, "alpha = beta", "raw")) < 1e-6
        assert result.bias is not None
        assert abs(result.bias.params_exponent) < 1e-6


def test_centred_sizes_of_another_law_shift_the_intercept_and_leave_the_exponent() -> None:
    offsets = []
    for width in (4.0, 8.0, 16.0):
        result = fit_isoflop(study(LAWS["0.465/0.155"], width), replicates=0)
        offsets.append(log_error(result, "0.465/0.155", "raw"))
        assert result.bias is not None
        assert abs(result.bias.params_exponent) < 1e-6
    # the wider the sizes, the less a parabola fits them
    assert offsets == pytest.approx([0.077, 0.171, 0.299], abs=1e-3)


def test_centres_that_drift_bias_the_exponent() -> None:
    result = fit_isoflop(study(LAWS["0.465/0.155"], 8.0, "drifting to 3x"), replicates=0)
    assert result.bias is not None
    assert -0.03 < result.bias.params_exponent < -0.01
    assert result.bias.tokens_exponent == pytest.approx(-result.bias.params_exponent)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("centres", ["3x large", "3x small"])
def test_sizes_beside_the_optimum_are_all_edge(name: str, centres: str) -> None:
    result = fit_isoflop(study(LAWS[name], 2.0, centres), replicates=0)
    assert statuses(result) == ["edge"] * 9
    assert result.raw is result.corrected is result.frontier is None
    for valley, N in zip(result.valleys, LAWS[name].optimum(BUDGETS)[0], strict=True):
        assert valley.run_next is not None
        outward = -1 if centres == "3x large" else 1
        end = valley.runs.params.min() if outward < 0 else valley.runs.params.max()
        # on the side of the optimum, further out than any size, and not out of the world
        assert math.log(valley.run_next.params / end) * outward > 0
        assert abs(math.log(valley.run_next.params / N)) < math.log(4)
        assert 6 * valley.run_next.params * valley.run_next.tokens == pytest.approx(valley.flops)


def test_noise_leaves_the_corrected_frontier_true_on_the_whole() -> None:
    # a small version of tests/benchmarks/bench_isoflop.py, where the noise and the edge matter most
    name, errors = "0.34/0.28", []
    for seed in range(40):
        runs = study(LAWS[name], 4.0, "3x small", noise=0.003, seed=seed)
        errors.append(log_error(fit_isoflop(runs, replicates=0), name))
    standard_error = 1.2533 * np.std(errors, ddof=1) / math.sqrt(len(errors))
    assert abs(np.median(errors)) < 2 * standard_error
    assert np.std(errors) < 0.25


KAPLAN = KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103)
"""Kaplan et al. 2020, Eq. 1.5 with the constants of their Table 2: no sum of three terms."""


def test_a_surface_of_another_form_leaves_some_bias() -> None:
    result = fit_isoflop(study(KAPLAN, 8.0), replicates=0)
    assert result.raw is not None
    assert result.corrected is not None
    truth = KAPLAN.optimum(TARGET)[0]
    raw, corrected = (math.log(f.params.at(TARGET) / truth) for f in (result.raw, result.corrected))
    print(f"left over on Kaplan's surface: {corrected:+.4f} of {raw:+.4f}")
    assert raw == pytest.approx(-0.106, abs=1e-3)
    assert -0.05 < corrected < -0.01


@pytest.mark.parametrize("centres", ["3x large", "3x small", "drifting to 3x"])
def test_a_surface_with_its_minima_elsewhere_is_not_believed(centres: str) -> None:
    result = fit_isoflop(study(KAPLAN, 8.0, centres), replicates=30)
    assert result.corrected is None
    assert result.frontier is result.raw
    assert "away from those of the runs" in result.not_removed
    assert result.raw is not None
    assert result.raw.params.draws is not None


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = study(PUBLISHED, 8.0, noise=0.003)
    shuffled = runs.select(np.random.default_rng(0).permutation(len(runs)))
    ours, theirs = (fit_isoflop(some, replicates=50, seed=3) for some in (runs, shuffled))
    assert ours.corrected is not None
    assert theirs.corrected is not None
    assert ours.corrected == theirs.corrected
    assert [v.intervals for v in ours.valleys] == [v.intervals for v in theirs.valleys]


@settings(max_examples=10, deadline=None)
@given(unit=st.sampled_from([1e-3, 1e-2, 10.0]))
def test_to_count_params_otherwise_changes_the_coefficient_only(unit: float) -> None:
    runs = study(PUBLISHED, 8.0, noise=0.003)
    other = Runs(runs.params * unit, runs.tokens / unit, runs.flops, runs.loss, runs.names)
    ours, theirs = (fit_isoflop(some, replicates=0) for some in (runs, other))
    assert ours.raw is not None
    assert theirs.raw is not None
    assert theirs.raw.params.exponent == pytest.approx(ours.raw.params.exponent)
    assert theirs.raw.params.coefficient == pytest.approx(ours.raw.params.coefficient * unit)


def test_params_times_tokens_is_the_budget_everywhere_on_the_frontier() -> None:
    result = fit_isoflop(study(PUBLISHED, 8.0, noise=0.003), replicates=20)
    for frontier in (result.raw, result.corrected):
        assert frontier is not None
        for C in (1e18, 1e21, 1e25):
            assert 6 * frontier.params.at(C) * frontier.tokens.at(C) == pytest.approx(C)
            assert frontier.params.draws is not None
            assert frontier.tokens.draws is not None
            assert 6 * frontier.params.draws.at(C) * frontier.tokens.draws.at(C) == pytest.approx(C)


def test_intervals_hold_the_truth_and_shrink_with_the_noise() -> None:
    widths = []
    for noise in (0.001, 0.004):
        result = fit_isoflop(study(PUBLISHED, 8.0, noise=noise, seed=1), replicates=300)
        assert result.corrected is not None
        assert result.corrected.params.draws is not None
        assert result.drawn == 300
        low, high = np.quantile(result.corrected.params.draws.at(TARGET), [0.05, 0.95])
        assert low < PUBLISHED.optimum(TARGET)[0] < high
        widths.append(math.log(high / low))
        for valley in result.valleys:
            assert valley.vertex is not None
            assert valley.intervals["params"][0] < valley.vertex.params < valley.intervals["params"][1]
            assert valley.intervals["tokens"][0] < valley.vertex.tokens < valley.intervals["tokens"][1]
    assert widths[1] > 2 * widths[0]


def test_a_local_interpolation_finds_the_valleys_too() -> None:
    result = fit_isoflop(study(PUBLISHED, 8.0), settings=IsoflopSettings(curve="akima"), replicates=50)
    assert statuses(result) == ["ok"] * 9
    for valley, N in zip(result.valleys, PUBLISHED.optimum(BUDGETS)[0], strict=True):
        assert valley.vertex is not None
        assert valley.vertex.params == pytest.approx(N, rel=0.05)
        low, high = valley.intervals["params"]
        assert low <= valley.vertex.params <= high
    assert abs(log_error(result, "0.34/0.28")) < 1e-3


def test_runs_off_their_budget_do_not_bias_the_corrected_frontier() -> None:
    runs = study(PUBLISHED, 8.0)
    # the larger the size the dearer the run, 8 % from end to end
    dearer = runs.tokens * np.tile(np.linspace(0.96, 1.04, SIZES), len(BUDGETS))
    other = Runs(runs.params, dearer, runs.flops, PUBLISHED.loss(runs.params, dearer), runs.names)
    result = fit_isoflop(other, replicates=0)
    assert abs(log_error(result, "0.34/0.28", "raw")) > 0.05
    assert abs(log_error(result, "0.34/0.28")) < 1e-3


def test_three_sizes_a_concave_a_flat_and_an_edge_budget_are_told_apart() -> None:
    N = [1e9, 2e9, 4e9, 8e9, 16e9]
    parts = (
        one_budget(N[:3], [2.6, 2.5, 2.6], 1e19),
        one_budget(N, [2.5, 2.6, 2.65, 2.6, 2.5], 1e20),
        one_budget(N, [2.51, 2.48, 2.53, 2.48, 2.52], 1e21),
        one_budget(N, [2.30, 2.31, 2.34, 2.39, 2.46], 1e22),
        one_budget(N, [2.3, 2.2, 2.1666, 2.2, 2.3], 1e23),
    )
    names = np.repeat([1e19, 1e20, 1e21, 1e22, 1e23], [len(part) for part in parts])
    result = fit_isoflop(together(*parts), names, replicates=100)
    assert statuses(result) == ["too-few", "concave", "flat", "edge", "ok"]
    few, concave, flat, edge, ok = result.valleys
    assert (few.curve, few.vertex, concave.vertex) == (None, None, None)
    assert flat.vertex is not None
    assert few.run_next is not None
    assert few.run_next.params in (pytest.approx(math.sqrt(2) * 1e9), pytest.approx(math.sqrt(8) * 1e9))
    # as high on the left as on the right, and no frontier that says more
    assert concave.run_next is flat.run_next is None
    assert edge.run_next is not None
    assert edge.run_next.params < 1e9
    assert ok.run_next is None
    assert result.raw is None


def test_runs_of_one_size_are_no_profile() -> None:
    runs = one_budget([1e9, 1.01e9, 1.02e9, 1.03e9], [2.5, 2.4, 2.5, 2.6])
    result = fit_isoflop(runs, replicates=20)
    assert statuses(result) == ["too-few"]
    assert result.valleys[0].run_next is not None
    assert result.valleys[0].run_next.params == pytest.approx(2e9, rel=0.05)


def test_no_budget_at_all_is_an_empty_study() -> None:
    result = fit_isoflop(one_budget([1e9, 2e9], [2.5, 2.4]), replicates=20)
    assert result.valleys == ()
    assert result.outside == ("run 0", "run 1")
    assert result.raw is None


def test_two_budgets_are_a_line_and_one_is_none() -> None:
    runs = study(PUBLISHED, 8.0)
    two = fit_isoflop(runs.select(np.arange(2 * SIZES)), replicates=0)
    assert two.corrected is not None
    assert two.corrected.params.at(3e19) == pytest.approx(PUBLISHED.optimum(3e19)[0], rel=1e-3)
    assert fit_isoflop(runs.select(np.arange(SIZES)), replicates=0).raw is None


def test_where_approach_3_cannot_be_fitted_the_raw_frontier_stands() -> None:
    # the loss is a parabola in log N at each budget and the same everywhere: no power law of D
    N = np.geomspace(1e8, 1e9, 5)
    parts = [
        one_budget((N * k).tolist(), (3 + 0.1 * np.log(N / 3e8) ** 2).tolist(), C)
        for k, C in ((1, 1e19), (3, 9e19))
    ]
    result = fit_isoflop(together(*parts), replicates=50)
    assert statuses(result) == ["ok", "ok"]
    assert result.raw is not None
    assert result.corrected is None
    assert result.frontier is result.raw
    assert result.not_removed
    assert result.raw.params.exponent == pytest.approx(0.5)


def test_a_named_budget_whose_runs_cost_something_else_names_them() -> None:
    runs = study(PUBLISHED, 8.0)
    nominal = np.repeat(BUDGETS, SIZES)
    nominal[SIZES] = BUDGETS[0]
    result = fit_isoflop(runs, nominal, replicates=0)
    assert result.off_budget == (f"run {SIZES}",)


def test_an_exponent_is_that_of_the_published_law_within_its_interval() -> None:
    law = published_law("besiroglu2024").law
    result = fit_isoflop(study(law, 8.0, noise=0.003), replicates=200)  # type: ignore[arg-type]
    assert result.corrected is not None
    assert result.corrected.params.draws is not None
    low, high = np.quantile(result.corrected.params.draws.exponent, [0.01, 0.99])
    assert low < law.exponents[0] < high  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("bad", "message"),
    [(IsoflopSettings(tolerance=1.0), "tolerance"), (IsoflopSettings(level=1.0), "level")],
)
def test_settings_that_no_table_can_have_are_refused(bad: IsoflopSettings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit_isoflop(study(PUBLISHED, 8.0), settings=bad)


def test_lines_are_those_of_polyfit_with_its_weights() -> None:
    random = np.random.default_rng(2)
    x, y, weights = np.log(BUDGETS), random.normal(20, 2, (5, 9)), random.uniform(0.1, 3, (5, 9))
    lines = fit_lines(x, y, weights)
    for i in range(5):
        slope, height = np.polyfit(x, y[i], 1, w=np.sqrt(weights[i]))
        assert lines.slope[i] == pytest.approx(slope)
        assert lines.height[i] == pytest.approx(height)


def test_a_point_of_weight_zero_plays_no_part_and_one_point_is_no_line() -> None:
    x = np.log(BUDGETS[:3])
    weights = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    lines = fit_lines(x, np.array([[1.0, 2.0, np.inf], [1.0, 2.0, 3.0]]), weights)
    assert lines.slope[0] == pytest.approx(1 / (x[1] - x[0]))
    assert np.isnan(lines.slope[1])


def test_a_noise_from_few_residuals_is_drawn_to_what_is_usual() -> None:
    found = moderate(np.array([[1.0, 1.0, 100.0]]), np.array([4.0, 4.0, 4.0]))[0]
    assert found[0] == found[1]
    assert 40 < found[2] < 60
    assert moderate(np.zeros((1, 3)), np.array([4.0, 4.0, 4.0])).min() > 0


def test_what_is_seen_of_a_vertex_near_an_edge_is_the_truncated_normals_mean() -> None:
    random = np.random.default_rng(0)
    low, high = np.array([0.0]), np.array([1.0])
    for place, error in ((0.1, 0.2), (0.95, 0.1), (-0.1, 0.2)):
        draws = place + error * random.standard_normal(400_000)
        mean = draws[(draws > 0) & (draws < 1)].mean()
        assert place + seen_shift(np.array([[place]]), np.array([[error]]), low, high)[0, 0] == pytest.approx(
            mean, abs=2e-3
        )
    assert seen_shift(np.array([[0.5, 0.5]]), np.array([[0.0, 0.01]]), low, high) == pytest.approx(0.0)
    assert seen_shift(np.array([[-5.0]]), np.array([[0.01]]), low, high)[0, 0] == pytest.approx(5.0)
