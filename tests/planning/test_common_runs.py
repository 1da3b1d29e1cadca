"""The runs that two tables have in common: which they are, and how they are drawn."""

from dataclasses import replace

import numpy as np
import pytest

from scaling_cli.planning.common_runs import are_identical, common_runs
from scaling_cli.runs import Runs
from tests.planning.test_compare_recipes import BASELINE, BETTER, study


def test_runs_are_matched_by_params_and_tokens_and_repeated_ones_are_not() -> None:
    runs = study(BASELINE)
    assert common_runs(runs, study(BETTER)).are_all
    one_lost = common_runs(runs, runs.select(np.arange(62)))
    assert (one_lost.matched, one_lost.of, one_lost.are_most, one_lost.are_all) == (62, 63, True, False)
    repeated = runs.select(np.array([0, *range(62)]))
    assert common_runs(repeated, repeated).matched == 61
    few = common_runs(runs, runs.select(np.arange(31)))
    assert (few.matched, few.are_most) == (31, False)
    N, D = (np.array([float(f"{x:.3e}") for x in each]) for each in (runs.params, runs.tokens))
    assert common_runs(runs, Runs(N, D, runs.flops, runs.loss, runs.names)).are_all


def test_counts_of_common_runs_are_the_first_tables_and_others_spread_alike() -> None:
    runs = study(BASELINE, 0.003)
    order = np.random.default_rng(1).permutation(63)
    other = Runs(runs.params.copy(), runs.tokens, runs.flops, runs.loss, runs.names)
    other.params[:3] *= 1.3
    common = common_runs(runs, other.select(order))
    counts = common.counts(4)(4000)
    first = np.random.default_rng(4).multinomial(63, np.full(63, 1 / 63), size=4000)
    here = common.places >= 0
    assert here.sum() == 60
    assert (counts[:, here] == first[:, common.places[here]]).all()
    assert counts[:, ~here].mean(axis=0) == pytest.approx(1, abs=0.06)
    assert counts[:, ~here].var(axis=0) == pytest.approx(62 / 63, abs=0.09)
    drawn = common.counts(4)
    assert (np.concatenate([drawn(1000), drawn(3000)])[:, here] == counts[:, here]).all()


def test_tables_are_identical_in_any_order_and_with_other_losses_they_are_not() -> None:
    runs = study(BASELINE, 0.003)
    assert are_identical(runs, runs.select(np.random.default_rng(0).permutation(63)))
    assert not are_identical(runs, replace(runs, loss=1.001 * runs.loss))
    assert not are_identical(runs, runs.select(np.arange(62)))
