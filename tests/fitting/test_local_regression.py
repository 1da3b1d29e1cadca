"""A smooth curve follows the curve and not its noise, says how large that is, and minds no outlier."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from scaling_cli.fitting.local_regression import LEAST_NOISE, LEAST_POINTS, MOST_POINTS, smooth_curve

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray


def power_law(tokens: "FloatArray") -> "FloatArray":
    loss: FloatArray = 1.8 + 2000 * tokens**-0.37
    return loss


def uneven_tokens(points: int, seed: int = 0) -> "FloatArray":
    """Tokens that rise by steps of very different sizes, as digitised points do."""
    steps = np.random.default_rng(seed).uniform(0.2, 1.8, points)
    tokens: FloatArray = 1e11 * np.cumsum(steps) / steps.sum()
    return tokens


@pytest.mark.parametrize("points", [40, 150, 1000])
def test_a_curve_without_noise_is_its_own_line(points: int) -> None:
    tokens = np.geomspace(1e9, 1e11, points)
    curve = smooth_curve(tokens, power_law(tokens))
    assert curve.loss == pytest.approx(power_law(np.exp(curve.log_tokens)), abs=2e-3)
    inner = slice(len(curve.loss) // 10, -len(curve.loss) // 10)
    assert curve.loss[inner] == pytest.approx(power_law(np.exp(curve.log_tokens))[inner], abs=5e-4)
    assert np.exp(curve.log_tokens[[0, -1]]) == pytest.approx([1e9, 1e11])


def test_the_noise_is_found_and_most_of_it_smoothed_away() -> None:
    sd, found, errors = 0.004, [], []
    for seed in range(12):
        tokens = uneven_tokens(150, seed)
        noise = np.random.default_rng(100 + seed).normal(0, sd, 150)
        curve = smooth_curve(tokens, power_law(tokens) + noise)
        late = curve.log_tokens > np.log(tokens[30])
        error = curve.loss - power_law(np.exp(curve.log_tokens))
        found.append(float(np.median(curve.noise)))
        errors.append(float(np.mean(error[late] ** 2)))
    assert np.mean(found) == pytest.approx(sd, rel=0.1)
    assert np.sqrt(np.mean(errors)) < 0.5 * sd


def test_noise_is_local() -> None:
    tokens = np.geomspace(1e9, 1e11, 200)
    sizes = np.where(tokens < 1e10, 0.01, 0.001)
    loss = power_law(tokens) + sizes * np.random.default_rng(1).normal(size=200)
    _, noise = smooth_curve(tokens, loss).at(np.log(np.array([2e9, 5e10])))
    assert noise == pytest.approx([0.01, 0.001], rel=0.4)


def test_a_spike_of_the_loss_moves_nothing() -> None:
    tokens = np.geomspace(1e9, 1e11, 150)
    loss = power_law(tokens) + np.random.default_rng(2).normal(0, 0.002, 150)
    spiked = loss.copy()
    spiked[100:102] += 1.5
    plain, robust = smooth_curve(tokens, loss), smooth_curve(tokens, spiked)
    # two points fewer is all that is left of it: no more than the noise
    assert robust.loss == pytest.approx(plain.loss, abs=3 * 0.002)


def test_a_dense_log_is_gathered_and_its_noise_is_that_of_its_bins() -> None:
    tokens = np.linspace(1e9, 1e11, 50_000)
    loss = power_law(tokens) + np.random.default_rng(3).normal(0, 0.03, len(tokens))
    curve = smooth_curve(tokens, loss)
    assert curve.points <= MOST_POINTS
    assert curve.loss[-1] == pytest.approx(power_law(tokens[-1:])[0], abs=0.005)
    assert curve.noise[-1] < 0.03 / 10


def test_few_points_are_joined() -> None:
    tokens = np.geomspace(1e9, 1e11, LEAST_POINTS - 1)
    curve = smooth_curve(tokens, power_law(tokens))
    assert curve.is_joined
    assert curve.loss.tolist() == power_law(tokens).tolist()
    assert set(curve.noise) == {LEAST_NOISE}
    assert not smooth_curve(*(np.geomspace(1e9, 1e11, LEAST_POINTS),) * 2).is_joined


def test_a_final_decay_is_followed() -> None:
    tokens = np.linspace(1e9, 1e11, 300)
    loss = power_law(tokens) - 0.1 * np.clip((tokens / 1e11 - 0.85) / 0.15, 0, None)
    curve = smooth_curve(tokens, loss)
    assert curve.loss[-1] == pytest.approx(loss[-1], abs=2e-3)
    assert curve.at(np.log(np.array([8e10])))[0] == pytest.approx(power_law(np.array([8e10])), abs=2e-3)
