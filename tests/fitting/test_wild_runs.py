"""Runs that went wrong are named, and do not leak into the rest of a study."""

import math

import numpy as np
import pytest

from scaling_cli.fitting.isoflop import Isoflop, IsoflopSettings, fit_isoflop
from tests.fitting.isoflop_studies import BUDGETS, PUBLISHED, SIZES, TARGET, study, with_losses


def width_of_loss(result: Isoflop, C: float = TARGET) -> float:
    """The width of the 90 % interval of the corrected loss at C."""
    assert result.bias is not None
    assert result.bias.optima_draws is not None
    low, high = np.quantile(result.bias.optima_draws.log_loss(math.log(C)), [0.05, 0.95])
    return float(high - low)


@pytest.mark.parametrize("factor", [1.05, 1.5, 3.0])
def test_one_diverged_run_is_named_and_what_is_left_without_it_is_said(factor: float) -> None:
    runs = study(PUBLISHED, 4.0, noise=0.003)
    result = fit_isoflop(with_losses(runs, {2 * SIZES + 3: factor}), replicates=0)
    valley = result.valleys[2]
    assert [v.wild is not None for v in result.valleys] == [index == 2 for index in range(len(BUDGETS))]
    assert valley.wild is not None
    assert valley.wild.names == (f"run {2 * SIZES + 3}",)
    assert valley.wild.misses[0] == pytest.approx(factor - 1, abs=0.02 * factor)
    # what is left is what there is where nobody ran it
    without = runs.select(np.arange(len(runs)) != 2 * SIZES + 3)
    clean = fit_isoflop(without, replicates=0).valleys[2]
    assert valley.wild.status == clean.status == "ok"
    assert valley.wild.vertex == clean.vertex
    if factor > 2:
        assert valley.status == "flat"  # and not concave


def test_a_study_without_wild_runs_names_none() -> None:
    for noise in (0.0, 0.001, 0.003):
        result = fit_isoflop(study(PUBLISHED, 16.0, "3x large", noise=noise), replicates=0)
        assert [valley.wild for valley in result.valleys] == [None] * len(BUDGETS)


def test_several_wild_runs_of_a_budget_do_not_hide_each_other() -> None:
    runs = study(PUBLISHED, 8.0, noise=0.002)
    result = fit_isoflop(with_losses(runs, {4 * SIZES + 5: 1.2, 4 * SIZES + 6: 1.4}), replicates=0)
    wild = result.valleys[4].wild
    assert wild is not None
    assert wild.names == (f"run {4 * SIZES + 6}", f"run {4 * SIZES + 5}")
    assert wild.misses[0] > wild.misses[1] > 0.1
    assert wild.vertex is not None
    assert wild.vertex.params == pytest.approx(PUBLISHED.optimum(BUDGETS[4])[0], rel=0.15)


def test_a_single_budget_can_name_its_wild_run() -> None:
    one = study(PUBLISHED, 4.0, noise=0.002).select(np.arange(SIZES))
    (valley,) = fit_isoflop(with_losses(one, {2: 2.0}), replicates=0).valleys
    assert valley.wild is not None
    assert valley.wild.names == ("run 2",)


def test_a_wild_run_is_found_under_the_local_curve_that_goes_through_it() -> None:
    runs = with_losses(study(PUBLISHED, 4.0, noise=0.003), {2 * SIZES + 3: 1.5})
    result = fit_isoflop(runs, settings=IsoflopSettings(curve="akima"), replicates=0)
    wild = result.valleys[2].wild
    assert wild is not None
    assert wild.names == (f"run {2 * SIZES + 3}",)


def test_a_wild_run_of_a_budget_left_out_does_not_widen_the_loss() -> None:
    runs = study(PUBLISHED, 4.0, noise=0.003)
    clean = fit_isoflop(runs.select(np.arange(len(runs)) != 2 * SIZES + 3), replicates=300)
    wild = fit_isoflop(with_losses(runs, {2 * SIZES + 3: 3.0}), replicates=300)
    assert wild.valleys[2].status == "flat"
    assert width_of_loss(wild) < 1.3 * width_of_loss(clean)
