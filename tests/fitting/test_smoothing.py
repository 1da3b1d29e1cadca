"""Smoothing: a Gaussian over the points of one run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d

from scaling_cli.curves import Curves
from scaling_cli.fitting.smoothing import gaussian_kernel, smooth_losses


def make_curves(*losses: list[float]) -> Curves:
    lengths = [len(loss) for loss in losses]
    return Curves(
        params=np.full(len(losses), 1e9),
        schedule_tokens=np.full(len(losses), np.nan),
        names=tuple(f"run{i}" for i in range(len(losses))),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        tokens=np.concatenate([1e9 * np.arange(1.0, n + 1) for n in lengths]),
        loss=np.concatenate(losses),
    )


@given(
    st.lists(st.lists(st.floats(1.0, 9.0), min_size=1, max_size=60), min_size=1, max_size=4),
    st.integers(0, 25),
)
@settings(max_examples=60, deadline=None)
def test_smoothing_agrees_with_scipy_run_by_run(losses: list[list[float]], window: int) -> None:
    kernel = gaussian_kernel(window)
    expected = [
        correlate1d(np.array(loss), kernel, mode="constant")
        / correlate1d(np.ones(len(loss)), kernel, mode="constant")
        for loss in losses
    ]
    np.testing.assert_allclose(smooth_losses(make_curves(*losses), window), np.concatenate(expected))


def test_nothing_leaks_from_one_run_into_the_next() -> None:
    flat, high = [2.0] * 30, [8.0] * 30
    smoothed = smooth_losses(make_curves(flat, high, flat), 10)
    np.testing.assert_allclose(smoothed, np.repeat([2.0, 8.0, 2.0], 30), rtol=1e-14)


def test_a_window_of_ten_is_eleven_points_of_deviation_two_and_a_half() -> None:
    kernel = gaussian_kernel(10)
    assert len(kernel) == 11
    assert kernel.sum() == pytest.approx(1)
    assert kernel[5] / kernel[7] == pytest.approx(np.exp(0.5 * (2 / 2.5) ** 2))


@pytest.mark.parametrize("window", [0, 1])
def test_no_window_leaves_the_losses_as_they_are(window: int) -> None:
    curves = make_curves([3.0, 2.5, 2.0])
    assert smooth_losses(curves, window) is curves.loss


def test_noise_shrinks_as_the_kernel_says() -> None:
    noise = np.random.default_rng(0).normal(size=20_000)
    smoothed = smooth_losses(make_curves((5 + 0.1 * noise).tolist()), 10)
    expected = 0.1 * np.sqrt((gaussian_kernel(10) ** 2).sum())
    assert smoothed[50:-50].std() == pytest.approx(expected, rel=0.05)
