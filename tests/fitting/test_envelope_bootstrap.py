"""The bootstrap of an envelope: the same as doing it the slow way, and intervals that hold the truth."""

import numpy as np
import pytest

from scaling_cli.fitting.edges import first_present, number_sizes
from scaling_cli.fitting.envelope import fit_envelope
from scaling_cli.fitting.envelope_bootstrap import bootstrap_envelope
from scaling_cli.fitting.trace import EnvelopeSettings
from tests.fitting.learning_curves import besiroglu, matched_schedules, simulate

SIZES = np.geomspace(70e6, 10e9, 20)


@pytest.mark.parametrize("along_the_way", [False, True])
def test_a_replicate_is_the_fit_to_the_runs_it_drew(along_the_way: bool) -> None:
    curves = simulate(*matched_schedules(SIZES, 8), rows=60, noise=0.01)
    # the canonical order of the bootstrap is the order of these runs
    order = np.lexsort((curves.last_loss, curves.last_tokens, curves.params))
    assert (order == np.arange(len(curves))).all()
    settings = EnvelopeSettings(include_unfinished=along_the_way, budgets=300)
    fit = fit_envelope(curves, settings)
    draws = bootstrap_envelope(fit, replicates=6, seed=3).draws
    counts = np.random.default_rng(3).multinomial(len(curves), np.full(len(curves), 1 / len(curves)), size=6)
    assert fit.table is not None
    slow = []
    for drawn in counts > 0:
        # the budgets stay those of the whole study
        table = fit.table
        loss = np.where(drawn[:, None], table.loss, np.inf)
        winner = loss.argmin(axis=0)
        won = np.isfinite(loss.min(axis=0))
        read = np.isfinite(loss)
        sizes = number_sizes(table.params)
        first = np.where(read, sizes[:, None], 99).min(axis=0)
        last = np.where(read, sizes[:, None], -1).max(axis=0)
        size = sizes[winner]
        small, large = sizes[drawn].min(), sizes[drawn].max()
        second, last_but_one = np.unique(sizes[drawn])[[1, -2]]
        g = np.arange(len(winner))
        below = g[won & (size == small) & (read & (sizes == second)[:, None]).any(axis=0)].max(initial=-1)
        is_high = won & (size == large) & (read & (sizes == last_but_one)[:, None]).any(axis=0)
        above = g[is_high].min(initial=len(g))
        ends = (size == small) | (size == large) if along_the_way else (size == first) | (size == last)
        keep = won & ~ends & (g > below) & (g < above)
        log_N, log_C = np.log(table.params[winner[keep]]), np.log(table.flops[keep])
        slow.append(np.polyfit(log_C, log_N, 1)[0])
    assert [draw.exponents[0] for draw in draws] == pytest.approx(slow, rel=1e-9)


def test_the_first_present_is_found_in_every_column() -> None:
    order = np.array([[2, 0, 1], [0, 1, 2], [1, 2, 0]])
    read = np.array([3, 2, 0])
    present = np.array([[True, True, False], [False, False, True], [False, True, False]])
    assert first_present(order, read, present).tolist() == [[0, 0, -1], [2, -1, -1], [1, 1, -1]]


def test_sizes_within_one_percent_are_one() -> None:
    assert number_sizes(np.array([3e8, 1e8, 1.009e8, 1.02e8])).tolist() == [2, 0, 0, 1]


def test_the_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    law = besiroglu()
    held = []
    for seed in range(20):
        curves = simulate(*matched_schedules(SIZES, 10), rows=40, noise=0.005, seed=seed)
        fit = fit_envelope(curves, EnvelopeSettings(smooth=0, budgets=300))
        draws = [d.exponents[0] for d in bootstrap_envelope(fit, replicates=200, seed=seed).draws]
        low, high = np.quantile(draws, [0.05, 0.95])
        held.append(low <= law.exponents[0] <= high)
    print(f"90 % intervals that hold the exponent: {sum(held)} of {len(held)}")
    assert sum(held) >= 13


def test_the_order_of_the_runs_does_not_change_the_draws() -> None:
    sizes, schedules = matched_schedules(SIZES, 8)
    back = slice(None, None, -1)
    one = fit_envelope(simulate(sizes, schedules, rows=40))
    two = fit_envelope(simulate(sizes[back], schedules[back], rows=40))
    there = bootstrap_envelope(one, replicates=20, seed=1).draws
    here = bootstrap_envelope(two, replicates=20, seed=1).draws
    for a, b in zip(there, here, strict=True):
        assert a.exponents == pytest.approx(b.exponents, rel=1e-9)


def test_progress_counts_every_replicate() -> None:
    fit = fit_envelope(simulate(*matched_schedules(SIZES, 8), rows=40))
    told: list[int] = []
    found = bootstrap_envelope(fit, replicates=700, progress=told.append)
    assert sum(told) == found.replicates == 700
    assert found.units == len(fit.curves)
