"""The line through a handful of frontier points: a public study, scipy's regression, and Student's t."""

import math

import numpy as np
import pytest
from scipy import stats

from scaling_cli.errors import FitRefused, InputError
from scaling_cli.fitting.frontier_points import FrontierLine, fit_frontier_points

MARIN_FLOPS = np.array([1e18, 3e18, 1e19, 3e19, 1e20, 3e20])
MARIN_LOSS = np.array([3.522, 3.339, 3.154, 3.000, 2.848, 2.725])
"""Macro losses of a public IsoFLOP study, marin-community/marin issue 4447; 2.599 was measured at 1e21."""


def fit(loss: np.ndarray = MARIN_LOSS, *, E: float = 1.6) -> FrontierLine:
    names = tuple(f"line {i + 2}" for i in range(len(loss)))
    return fit_frontier_points(MARIN_FLOPS[: len(loss)], loss, names, E=E)


def test_a_public_study_is_reproduced_and_its_next_measurement_lies_in_the_interval() -> None:
    line = fit()
    assert pytest.approx(95, rel=0.01) == line.law.A
    assert line.law.alpha == pytest.approx(0.0940, abs=0.0003)
    assert 2.605 <= line.law.frontier_loss(1e21) <= 2.607
    low, high = line.interval(1e21, 0.95, is_new_point=True)
    assert low <= 2.599 <= high


def test_line_and_intervals_are_those_of_scipys_regression() -> None:
    line = fit()
    x, y = np.log(MARIN_FLOPS), np.log(MARIN_LOSS - 1.6)
    other = stats.linregress(x, y)
    assert line.law.alpha == pytest.approx(-other.slope, rel=1e-10)
    assert pytest.approx(math.exp(other.intercept), rel=1e-9) == line.law.A
    assert line.spread / math.sqrt(line.width) == pytest.approx(other.stderr, rel=1e-8)
    # the covariance of slope and intercept gives the variance of the line anywhere
    at = math.log(1e21)
    variance = (
        other.intercept_stderr**2 + at**2 * other.stderr**2 - 2 * at * float(x.mean()) * other.stderr**2
    )
    for is_new, extra in ((False, 0.0), (True, line.spread**2)):
        half = stats.t.ppf(0.95, 4) * math.sqrt(variance + extra)
        middle = other.intercept + other.slope * at
        expected = [1.6 + math.exp(middle - half), 1.6 + math.exp(middle + half)]
        assert line.interval(1e21, 0.9, is_new_point=is_new) == pytest.approx(expected, rel=1e-9)


def test_the_draws_spread_as_students_t_says() -> None:
    line = fit()
    losses = [law.frontier_loss(1e21) for law in line.draws(20_000, seed=1)]
    expected = line.interval(1e21, 0.9, is_new_point=False)
    assert np.quantile(losses, [0.05, 0.95]) == pytest.approx(expected, abs=1e-4)


def test_new_points_lie_in_their_interval_as_often_as_it_says() -> None:
    random, held, studies = np.random.default_rng(5), 0, 2000
    for _ in range(studies):
        noise = np.exp(0.01 * random.standard_normal(7))
        excess = 95 * np.array([*MARIN_FLOPS, 1e21]) ** -0.094 * noise
        low, high = fit(1.6 + excess[:6]).interval(1e21, 0.9, is_new_point=True)
        held += low <= 1.6 + excess[6] <= high
    assert held / studies == pytest.approx(0.9, abs=3.3 * math.sqrt(0.09 / studies))


def test_points_without_noise_leave_no_doubt() -> None:
    line = fit(1.6 + 95 * MARIN_FLOPS**-0.094)
    assert line.interval(1e21, 0.9, is_new_point=True) == pytest.approx(
        (line.law.frontier_loss(1e21),) * 2, rel=1e-12
    )


@pytest.mark.parametrize(
    ("flops", "loss", "finding"),
    [
        ([1e18, 1e19], [3.5, 3.1], "too-few-runs"),
        ([1e18, 1.01e18, 1e19, 1.02e19], [3.5, 3.51, 3.1, 3.11], "too-few-budgets"),
        ([1e18, 1e19, 1e20], [2.5, 2.6, 2.7], "unidentified"),
    ],
)
def test_points_that_make_no_frontier_are_refused(
    flops: list[float], loss: list[float], finding: str
) -> None:
    with pytest.raises(FitRefused) as refusal:
        fit_frontier_points(np.array(flops), np.array(loss), tuple(map(str, flops)), E=1.6)
    assert refusal.value.finding.id == finding


def test_an_asymptote_above_a_loss_is_refused_with_the_point() -> None:
    with pytest.raises(InputError, match=r"E = 2\.8 is not below the loss of line 7, 2\.725"):
        fit(E=2.8)
