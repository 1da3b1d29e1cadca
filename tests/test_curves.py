"""Curves: checked once, then trusted."""

from typing import Any

import numpy as np
import pytest

from scaling_cli.curves import Curves
from scaling_cli.errors import InputError


def make_curves(**changed: Any) -> Curves:
    """Two runs: three points of a, two of b."""
    given: dict[str, Any] = {
        "params": np.array([1e8, 2e8]),
        "schedule_tokens": np.array([4e9, np.nan]),
        "names": ("a", "b"),
        "offsets": np.array([0, 3, 5]),
        "tokens": np.array([1e9, 2e9, 4e9, 1e9, 3e9]),
        "loss": np.array([4.0, 3.5, 3.0, 3.9, 3.1]),
    }
    return Curves(**given | changed)


def test_what_a_run_ends_with_is_its_last_point() -> None:
    curves = make_curves()
    assert curves.last_tokens.tolist() == [4e9, 3e9]
    assert curves.last_loss.tolist() == [3.0, 3.1]
    assert curves.lengths.tolist() == [3, 2]
    assert curves.flops_6ND(1).tolist() == [1.2e18, 3.6e18]


def test_a_schedule_that_is_not_known_ends_with_the_run() -> None:
    assert make_curves().schedule.tolist() == [4e9, 3e9]


def test_tokens_may_fall_from_one_run_to_the_next_and_not_within_one() -> None:
    with pytest.raises(InputError, match="a: tokens must rise"):
        make_curves(tokens=np.array([1e9, 2e9, 2e9, 1e9, 3e9]))
    with pytest.raises(InputError, match="b: tokens must rise"):
        make_curves(tokens=np.array([1e9, 2e9, 4e9, 5e9, 3e9]))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_point_that_makes_no_sense_is_refused_by_its_run(value: float) -> None:
    with pytest.raises(InputError, match="b: loss must be positive"):
        make_curves(loss=np.array([4.0, 3.5, 3.0, 3.9, value]))
    with pytest.raises(InputError, match="a: params must be positive"):
        make_curves(params=np.array([value, 1e8]))


def test_hours_may_begin_with_nothing_and_are_not_negative() -> None:
    hours = np.array([0.0, 1.0, 2.0, 0.0, 3.0])
    assert make_curves(gpu_hours=hours).has_gpu_hours
    with pytest.raises(InputError, match="a: gpu_hours"):
        make_curves(gpu_hours=-hours)


def test_shapes_and_offsets_must_agree() -> None:
    with pytest.raises(InputError, match="tokens has shape"):
        make_curves(tokens=np.ones(4))
    for offsets in ([0, 5], [1, 3, 5], [0, 3, 3], [0, 5, 3]):
        with pytest.raises(InputError, match="offsets must rise"):
            make_curves(offsets=np.array(offsets))


def test_a_selection_keeps_the_points_of_its_runs() -> None:
    curves = make_curves(gpu_hours=np.arange(5.0))
    second = curves.select(np.array([False, True]))
    assert second.names == ("b",)
    assert second.tokens.tolist() == [1e9, 3e9]
    assert second.gpu_hours is not None
    assert second.gpu_hours.tolist() == [3.0, 4.0]
    assert curves.select(np.array([True, True])) is curves
