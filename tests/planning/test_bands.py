"""Bands are the percentiles of what the draws say, point by point."""

import numpy as np

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.planning.bands import frontier_band, loss_band, optimum_bands
from scaling_cli.planning.uncertainty import percentile_interval

DRAWS = [ChinchillaLaw(1.8, 480 + step, 2085, 0.34 + 0.001 * step, 0.36) for step in range(40)]
C = np.geomspace(1e19, 1e24, 5)


def test_a_band_at_one_budget_is_the_percentile_interval_there() -> None:
    N, D = optimum_bands(DRAWS, C, 0.9)
    L = frontier_band(DRAWS, C, 0.9)
    for index, budget in enumerate(C.tolist()):
        sizes = [draw.optimum(budget) for draw in DRAWS]
        losses = [draw.frontier_loss(budget) for draw in DRAWS]
        assert (N.low[index], N.high[index]) == percentile_interval([size[0] for size in sizes], 0.9)
        assert (D.low[index], D.high[index]) == percentile_interval([size[1] for size in sizes], 0.9)
        assert (L.low[index], L.high[index]) == percentile_interval(losses, 0.9)


def test_the_loss_at_a_size_has_the_interval_of_the_draws() -> None:
    N, D = np.array([1e9, 7e10]), np.array([2e10, 1.4e12])
    band = loss_band(DRAWS, N, D, 0.5)
    assert (band.low[1], band.high[1]) == percentile_interval([d.loss(7e10, 1.4e12) for d in DRAWS], 0.5)


def test_draws_that_agree_have_a_band_of_no_width() -> None:
    N, D = optimum_bands(DRAWS[:1] * 9, C, 0.9)
    np.testing.assert_allclose(N.low, N.high, rtol=1e-12)
    np.testing.assert_allclose(6 * N.low * D.low, C, rtol=1e-12)


def test_a_higher_level_has_a_wider_band() -> None:
    narrow, wide = frontier_band(DRAWS, C, 0.5), frontier_band(DRAWS, C, 0.9)
    assert (wide.low < narrow.low).all()
    assert (wide.high > narrow.high).all()
