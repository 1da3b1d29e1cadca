"""Designs that cannot identify five constants are refused; the nearest ones that can are fitted."""

import numpy as np
import pytest

from scaling_cli.errors import FitRefused
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

LAW = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
SIZES = np.array([1e8, 2e8, 4e8, 8e8, 1.6e9, 3.2e9, 6.4e9])


def runs_of(N: "np.ndarray[tuple[int], np.dtype[np.float64]]", D: object) -> Runs:
    tokens = np.broadcast_to(np.asarray(D, dtype=float), N.shape)
    return Runs(N, tokens, 6 * N * tokens, LAW.loss(N, tokens), tuple(f"run {i}" for i in range(len(N))))


GRID_N, GRID_D = (axis.ravel() for axis in np.meshgrid(SIZES[:3], [1e10, 3e10, 9e10]))

REFUSED = {
    "one-token-count": (runs_of(SIZES, 3e11), "add runs of the same sizes at two or more other token counts"),
    "one-size": (runs_of(np.full(7, 1e9), 20 * SIZES), "add runs of the same token counts"),
    "too-few-sizes": (runs_of(GRID_N[GRID_N < 3e8], GRID_D[GRID_N < 3e8]), "other sizes"),
    "too-few-token-counts": (runs_of(GRID_N[GRID_D < 8e10], GRID_D[GRID_D < 8e10]), "other token counts"),
    "single-ray-design": (runs_of(SIZES, 20 * SIZES), "add runs off the line"),
    "single-line-design": (runs_of(SIZES, 1e20 / SIZES), "add runs off the line"),
    "too-few-runs": (runs_of(SIZES[:6], 20 * SIZES[:6] * [1, 0.2, 5, 1, 8, 0.3]), "give at least 7"),
}


@pytest.mark.parametrize("finding_id", REFUSED)
def test_a_hopeless_design_is_refused_and_the_missing_experiment_named(finding_id: str) -> None:
    runs, cure = REFUSED[finding_id]
    with pytest.raises(FitRefused) as refused:
        fit_law(runs)
    assert refused.value.finding.id == finding_id
    assert refused.value.finding.severity == "refusal"
    assert refused.value.hint is not None
    assert cure in refused.value.hint


def test_a_four_run_table_at_twenty_tokens_per_param_is_refused() -> None:
    with pytest.raises(FitRefused, match="single-ray-design: all 4 runs have about 20 tokens per param"):
        fit_law(runs_of(SIZES[:4], 20 * SIZES[:4]))


def test_six_sizes_at_one_token_count_name_the_token_count() -> None:
    with pytest.raises(FitRefused, match="one-token-count: all 6 runs have 300B tokens"):
        fit_law(runs_of(SIZES[:6], 3e11))


def test_a_token_count_that_wavers_by_a_percent_is_still_one() -> None:
    wavering = 3e11 * np.array([1, 1.01, 0.99, 1, 1.005, 0.995, 1])
    with pytest.raises(FitRefused, match="one-token-count"):
        fit_law(runs_of(SIZES, wavering))


def test_three_sizes_at_three_token_counts_are_enough() -> None:
    assert fit_law(runs_of(GRID_N, GRID_D)).law.parameters == pytest.approx(LAW.parameters, rel=1e-6)


def test_seven_runs_in_general_position_are_enough() -> None:
    D = 20 * SIZES * np.array([1, 0.2, 5, 1, 8, 0.3, 2])
    assert fit_law(runs_of(SIZES, D)).law.parameters == pytest.approx(LAW.parameters, rel=1e-6)


def test_token_counts_that_lie_densely_are_many_and_not_one() -> None:
    N = np.tile(SIZES[:3], 40)
    D = np.repeat(np.geomspace(1e10, 1e11, 40), 3)
    assert fit_law(runs_of(N, D)).law.parameters == pytest.approx(LAW.parameters, rel=1e-6)


@pytest.mark.parametrize(
    ("N", "D", "finding_id"),
    [
        (SIZES, 3e11, "one-token-count: all 7 runs have 300B tokens"),
        (np.full(7, 1e9), 20 * SIZES, "one-size"),
    ],
)
def test_runs_that_grow_in_one_quantity_only_are_no_frontier(
    N: "np.ndarray[tuple[int], np.dtype[np.float64]]", D: object, finding_id: str
) -> None:
    with pytest.raises(FitRefused, match=finding_id):
        fit_law(runs_of(N, D), form="frontier")
