"""Runs: checked once, then trusted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scaling_cli.errors import InputError
from scaling_cli.runs import Runs


def make_runs(*loss: float) -> Runs:
    count = np.arange(1.0, len(loss) + 1)
    names = tuple("abcdefgh"[: len(loss)])
    return Runs(
        params=1e9 * count, tokens=2e10 * count, flops=6 * 2e19 * count**2, loss=np.array(loss), names=names
    )


@pytest.mark.parametrize("value", [0.0, -1.2, np.nan, np.inf])
def test_a_run_that_makes_no_sense_is_refused_by_name(value: float) -> None:
    with pytest.raises(InputError, match="b: loss must be positive, got"):
        make_runs(3.0, value)


def test_columns_of_different_lengths_are_refused() -> None:
    one, two = np.ones(1), np.ones(2)
    with pytest.raises(InputError, match="tokens has shape"):
        Runs(params=one, tokens=two, flops=one, loss=one, names=("a",))


def test_integers_become_floats() -> None:
    one: Any = np.ones(1, dtype=np.int64)
    assert Runs(params=one, tokens=one, flops=one, loss=one, names=("a",)).params.dtype == np.float64


def test_a_selection_keeps_the_columns_together() -> None:
    runs = make_runs(3.0, 2.5, 2.2)
    for keep in (np.array([True, False, True]), np.array([0, 2])):
        selected = runs.select(keep)
        assert selected.names == ("a", "c")
        assert selected.loss.tolist() == [3.0, 2.2]
        assert selected.params.tolist() == [1e9, 3e9]


def test_the_highest_losses_are_left_out_and_the_order_stays() -> None:
    runs = make_runs(2.2, 3.0, 2.4, 3.1)
    assert runs.without_highest_losses(2).names == ("a", "c")
    assert runs.without_highest_losses(0).names == runs.names
    assert len(runs.without_highest_losses(9)) == 0


def test_equal_losses_are_left_out_whatever_the_order_of_the_runs() -> None:
    runs = make_runs(3.0, 3.0, 2.0)
    backwards = runs.select(np.array([2, 1, 0]))
    assert runs.without_highest_losses(1).names == ("a", "c")
    assert backwards.without_highest_losses(1).names == ("c", "a")


def test_unique_tokens_are_checked_and_selected_where_they_are_known() -> None:
    runs = replace(make_runs(3.0, 2.5), unique_tokens=np.array([1e9, 2e9]))
    selected = runs.select(np.array([1])).unique_tokens
    assert selected is not None
    assert selected.tolist() == [2e9]
    assert make_runs(3.0, 2.5).select(np.array([1])).unique_tokens is None
    with pytest.raises(InputError, match="b: unique_tokens must be positive"):
        replace(runs, unique_tokens=np.array([1e9, 0]))
    with pytest.raises(InputError, match="unique_tokens has shape"):
        replace(runs, unique_tokens=np.array([1e9]))
