"""Parabolas and local interpolations of loss in log N, held against numpy's and scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import Akima1DInterpolator

from scaling_cli.fitting.akima import AkimaCurve, akima_slopes, akima_vertices
from scaling_cli.fitting.parabola import ParabolaDesign

RANDOM = np.random.default_rng(5)
SIZES = np.log(np.geomspace(5e8, 8e9, 7))


def test_parabolas_are_those_of_polyfit() -> None:
    losses = 2.5 + 0.05 * RANDOM.standard_normal((20, 7)) + 0.1 * (SIZES - SIZES.mean()) ** 2
    design = ParabolaDesign(SIZES)
    constants = design.fit(losses)
    vertices = design.vertices(constants)
    for row, a, x, loss in zip(losses, constants, vertices.log_N, vertices.loss, strict=True):
        theirs = np.polynomial.Polynomial.fit(SIZES, row, 2)
        assert design.curve(a).loss(np.exp(SIZES)) == pytest.approx(theirs(SIZES), abs=1e-12)
        assert x == pytest.approx(theirs.deriv().roots()[0])
        assert loss == pytest.approx(theirs(x))


def test_a_parabola_that_bends_down_has_no_minimum_and_points_to_where_it_falls() -> None:
    design = ParabolaDesign(SIZES)
    vertices = design.vertices(design.fit(np.stack([-((SIZES - 19) ** 2), -((SIZES - 24) ** 2)])))
    assert not vertices.is_minimum.any()
    assert vertices.log_N[0] > SIZES[-1] + np.log(10)
    assert vertices.log_N[1] < SIZES[0] - np.log(10)


@given(shift=st.floats(-1, 1), noise=st.floats(0.001, 0.02))
def test_the_spread_of_a_vertex_is_what_noise_does_to_it(shift: float, noise: float) -> None:
    design = ParabolaDesign(SIZES)
    smooth = 2.5 + 0.4 * (SIZES - SIZES.mean() - shift) ** 2
    constants = design.fit(smooth[None, :])
    curvature, of_curvature = design.curvature_per_size(constants)
    of_vertex, of_loss = design.spreads(design.vertices(constants).log_N, curvature)
    noisy = design.fit(smooth + noise * np.random.default_rng(0).standard_normal((4000, 7)))
    found = design.vertices(noisy)
    assert np.std(found.log_N) == pytest.approx(noise * np.sqrt(of_vertex[0]), rel=0.1)
    assert np.std(found.loss) == pytest.approx(noise * np.sqrt(of_loss[0]), rel=0.1)
    assert np.std(design.curvature_per_size(noisy)[0]) == pytest.approx(noise * of_curvature**0.5, rel=0.1)


@pytest.mark.parametrize("count", [3, 4, 7, 12])
def test_the_local_interpolation_is_scipys_akima(count: int) -> None:
    knots = np.sort(RANDOM.uniform(15, 22, count))
    losses = RANDOM.normal(3, 0.3, (30, count))
    slopes, vertices = akima_slopes(knots, losses), akima_vertices(knots, losses)
    fine = np.linspace(knots[0], knots[-1], 4001)
    for i, row in enumerate(losses):
        theirs = Akima1DInterpolator(knots, row)(fine)
        ours = AkimaCurve(knots, row, slopes[i]).loss(np.exp(fine))
        assert ours == pytest.approx(theirs, abs=1e-9)
        assert vertices.loss[i] <= theirs.min() + 1e-12
        assert float(Akima1DInterpolator(knots, row)(vertices.log_N[i])) == pytest.approx(vertices.loss[i])


def test_a_straight_stretch_stays_straight() -> None:
    knots = np.arange(5.0)
    slopes = akima_slopes(knots, 3 - 0.1 * knots[None, :])
    assert slopes == pytest.approx(np.full((1, 5), -0.1))


def test_the_local_interpolation_says_nothing_outside_its_knots() -> None:
    curve = AkimaCurve(SIZES, np.full(7, 3.0), np.zeros(7))
    assert np.isnan(curve.loss(np.array([1e8, 1e11]))).all()
    assert not np.isnan(curve.loss(np.exp(SIZES))).any()
