"""Runs into budgets: by their column, by windows, by name."""

import numpy as np
import pytest

from scaling_cli.errors import UsageError
from scaling_cli.fitting.budgets import group_budgets, windows
from scaling_cli.runs import Runs


def runs_at(C: list[float]) -> Runs:
    """Runs with these 6 N D, of ascending size."""
    N = np.geomspace(1e8, 1e9, len(C))
    D = np.array(C) / (6 * N)
    return Runs(N, D, np.array(C), np.full(len(C), 3.0), tuple(f"run {i}" for i in range(len(C))))


def test_a_window_takes_no_run_that_only_a_chain_of_neighbours_connects() -> None:
    # steps of 8 % over a factor of nine: chained they would be one budget
    C = np.array([1e19 * 1.08**step for step in range(29)])
    assert C[-1] / C[0] > 8.6
    found = windows(C)
    assert all(C[index].max() / C[index].min() <= 1.1 / 0.9 for index in found)
    assert all(np.ptp(index) == len(index) - 1 for index in found[:2])


def test_the_fullest_window_is_taken_first_and_a_run_is_in_one_only() -> None:
    C = np.array([1e19] * 4 + [1.12e19] * 4 + [1.25e19] * 3)
    found = windows(C)
    assert sorted(found[0].tolist()) == list(range(8))
    taken = np.concatenate(found)
    assert len(taken) == len(set(taken.tolist()))


def test_fewer_than_four_runs_are_no_window() -> None:
    assert windows(np.array([1e19, 1e19, 1e19, 5e19])) == []


def test_runs_that_fit_no_budget_are_listed() -> None:
    budgets = group_budgets(runs_at([1e19] * 4 + [5e19] + [1e20] * 5))
    assert [group.budget for group in budgets.groups] == pytest.approx([1e19, 1e20])
    assert budgets.outside.tolist() == [4]
    assert not budgets.is_nominal


def test_a_column_of_budgets_is_believed_whatever_the_runs_cost() -> None:
    runs = runs_at([1e19, 1.5e19, 2e19, 2.4e19, 1e20, 1.1e20])
    nominal = np.array([1e19, 1e19, 1e19, 1e19, 1e20, 1e20])
    budgets = group_budgets(runs, nominal)
    assert budgets.is_nominal
    assert [sorted(group.index.tolist()) for group in budgets.groups] == [[0, 1, 2, 3], [4, 5]]


def test_a_budget_of_one_run_is_none() -> None:
    runs = runs_at([1e19] * 4 + [1e20])
    budgets = group_budgets(runs, np.array([1e19] * 4 + [1e20]))
    assert budgets.outside.tolist() == [4]


def test_a_column_in_which_no_two_runs_agree_names_no_budgets() -> None:
    C = [1e19, 1.01e19, 1.02e19, 0.99e19]
    budgets = group_budgets(runs_at(C), np.array(C))
    assert not budgets.is_nominal
    assert len(budgets.groups) == 1


def test_picked_budgets_take_what_is_near_them_and_the_nearer_one_wins() -> None:
    runs = runs_at([1e19, 1.02e19, 1.09e19, 1.12e19, 1e20])
    budgets = group_budgets(runs, picked=(1e19, 1.1e19))
    assert [group.index.tolist() for group in budgets.groups] == [[0, 1], [2, 3]]
    assert budgets.outside.tolist() == [4]


def test_a_wider_tolerance_takes_more() -> None:
    runs = runs_at([1e19, 1.1e19, 1.2e19, 1.3e19])
    assert group_budgets(runs).groups == ()
    assert len(group_budgets(runs, tolerance=0.15).groups) == 1


def test_a_picked_budget_that_no_run_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no run has a budget of 7e19") as caught:
        group_budgets(runs_at([1e19] * 4), picked=(7e19,))
    assert caught.value.hint == "the nearest run has 1e19"
