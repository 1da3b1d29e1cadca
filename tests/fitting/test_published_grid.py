"""The starts of the paper: its grid, the same minimum, and where they do not apply."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scaling_cli.errors import UsageError
from scaling_cli.fitting.objective import log_runs
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.fitting.published_grid import published_grid
from scaling_cli.fitting.surfaces import AdditiveSurface
from scaling_cli.laws.additive import ChinchillaLaw

if TYPE_CHECKING:
    from tests.fitting.conftest import Simulate

BESIROGLU = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)


def test_the_grid_is_the_published_one(simulate: "Simulate") -> None:
    surface = AdditiveSurface(log_runs(simulate(BESIROGLU)))
    grid = published_grid(surface)
    assert grid.shape == (4500, 5)
    # undo the centring: a = log A, b = log B
    log_A = grid[:, 0] + grid[:, 3] * surface.centres[0]
    log_B = grid[:, 1] + grid[:, 4] * surface.centres[1]
    found = [np.unique(np.round(axis, 9)).tolist() for axis in (log_A, log_B, *grid[:, 2:].T)]
    coefficients, exponents = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0], [0.0, 0.5, 1.0, 1.5, 2.0]
    assert found == [coefficients, coefficients, [-1.0, -0.5, 0.0, 0.5, 1.0], exponents, exponents]


def test_the_published_starts_end_at_the_same_minimum(simulate: "Simulate") -> None:
    runs = simulate(BESIROGLU, noise=0.005)
    ours, published = fit_law(runs), fit_law(runs, starts="hoffmann")
    assert published.starts.tried == 4500
    assert published.starts.reached > 1
    assert published.objective.value == pytest.approx(ours.objective.value, rel=1e-12)
    np.testing.assert_allclose(
        list(published.law.parameters.values()), list(ours.law.parameters.values()), rtol=1e-7
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"form": "tied"}, "those of the chinchilla form"),
        ({"fixed": {"E": 1.7}}, "with all its constants free"),
        ({"bounds": {"alpha": (0.1, 0.6)}}, "with all its constants free"),
    ],
)
def test_other_forms_have_no_published_starts(
    settings: dict[str, Any], told: str, simulate: "Simulate"
) -> None:
    with pytest.raises(UsageError, match=told):
        fit_law(simulate(BESIROGLU), starts="hoffmann", **settings)


def test_unknown_starts_are_refused_with_the_nearest_name(simulate: "Simulate") -> None:
    with pytest.raises(UsageError, match="unknown starts 'hofman'") as refusal:
        fit_law(simulate(BESIROGLU), starts="hofman")  # type: ignore[arg-type]
    assert refusal.value.hint is not None
    assert "hoffmann" in refusal.value.hint
