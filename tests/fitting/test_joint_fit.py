"""Fits that share constants: known truth, an independent profile, and the derivatives."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from scaling_cli.errors import FitRefused, UsageError
from scaling_cli.fitting.fit import FitSettings
from scaling_cli.fitting.joint_fit import JointFit, JointProblem, bootstrap_sharing, fit_sharing
from scaling_cli.fitting.parametric import fit_law, ordered_problem
from scaling_cli.laws.additive import ChinchillaLaw

if TYPE_CHECKING:
    from tests.fitting.conftest import Simulate

FIRST = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
SECOND = ChinchillaLaw(E=1.8172, A=300.0, B=1500.0, alpha=0.33, beta=0.36)


@pytest.fixture
def noisy(simulate: "Simulate") -> JointFit:
    tables = [simulate(FIRST, noise=0.005, seed=1), simulate(SECOND, noise=0.005, seed=2)]
    return fit_sharing(tables, [FitSettings()] * 2, ["E"])


def test_tables_without_noise_give_both_laws_back(simulate: "Simulate") -> None:
    joint = fit_sharing([simulate(FIRST), simulate(SECOND)], [FitSettings()] * 2, ["E"])
    for fit, law in zip(joint.fits, (FIRST, SECOND), strict=True):
        assert fit.law.parameters == pytest.approx(law.parameters, rel=1e-7)
        assert fit.settings.fixed == {"E": pytest.approx(1.8172, rel=1e-9)}


def test_the_minimum_is_that_of_the_profile_over_the_shared_constant(noisy: JointFit) -> None:
    def total(E: float) -> float:
        return sum(fit_law(fit.runs, fixed={"E": E}).objective.value for fit in noisy.fits)

    best = minimize_scalar(total, bracket=(1.80, 1.83), tol=1e-9)
    assert sum(fit.objective.value for fit in noisy.fits) <= best.fun * (1 + 1e-10)
    assert [fit.law.parameters["E"] for fit in noisy.fits] == pytest.approx([best.x] * 2, rel=1e-6)


def test_one_table_shares_with_nobody_and_gets_its_own_fit(simulate: "Simulate") -> None:
    runs = simulate(FIRST, noise=0.005, seed=4)
    joint = fit_sharing([runs], [FitSettings()], ["E"])
    assert joint.fits[0].law.parameters == pytest.approx(fit_law(runs).law.parameters, rel=1e-7)


@pytest.mark.parametrize("shared", [("E",), ("alpha",), ("alpha", "beta"), ("E", "alpha", "beta")])
def test_gradient_and_hessian_are_those_of_differences(shared: tuple[str, ...], simulate: "Simulate") -> None:
    settings = FitSettings(objective="log-mse")
    tables = [simulate(FIRST, noise=0.005, seed=1), simulate(SECOND, noise=0.005, seed=2)]
    joint = JointProblem([ordered_problem(runs, settings) for runs in tables], shared)
    assert joint.size == 10 - len(shared)
    phi = joint.starts()[:3]
    _, gradient, hessian = joint.derivatives(phi)
    for k in range(joint.size):
        ahead, behind = phi.copy(), phi.copy()
        ahead[:, k] += 1e-6
        behind[:, k] -= 1e-6
        up, down = joint.derivatives(ahead), joint.derivatives(behind)
        np.testing.assert_allclose((up[0] - down[0]) / 2e-6, gradient[:, k], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose((up[1] - down[1]) / 2e-6, hessian[:, k], rtol=1e-4, atol=1e-4)


def test_every_draw_shares_the_constant_and_draws_go_together(noisy: JointFit) -> None:
    first, second = bootstrap_sharing(noisy, clusters=[None, None], replicates=60, seed=3)
    assert [draw.E for draw in first.draws] == [draw.E for draw in second.draws]
    assert first.places == second.places
    assert len(first.draws) == first.converged == 60
    assert np.std([draw.E for draw in first.draws]) > 0


def test_sharing_makes_the_constant_surer(noisy: JointFit, simulate: "Simulate") -> None:
    from scaling_cli.fitting.bootstrap import bootstrap_law

    together = bootstrap_sharing(noisy, clusters=[None, None], replicates=200, seed=3)[0]
    alone = bootstrap_law(fit_law(noisy.fits[0].runs), replicates=200, seed=3)
    assert np.std([draw.E for draw in together.draws]) < np.std([draw.E for draw in alone.draws])


def test_no_draw_has_a_lower_minimum_elsewhere(noisy: JointFit) -> None:
    counts = np.random.default_rng(5).multinomial(63, np.full(63, 1 / 63), size=10).astype(float)
    drawn = bootstrap_sharing(noisy, clusters=[None, None], replicates=10, counts=[lambda size: counts] * 2)
    joint = noisy.problem
    for row, laws in zip(counts, zip(*(one.draws for one in drawn), strict=True), strict=True):
        weights = [row[None, :]] * 2
        phi = np.empty((1, joint.size))
        for problem, place, law in zip(joint.problems, joint.places, laws, strict=True):
            phi[0, place] = problem.vector(law)
        found = joint.derivatives(phi, weights=weights)[0][0]
        starts = joint.starts()[:8]
        others = joint.descend(starts, 300, weights=[row[None, :].repeat(8, axis=0)] * 2)
        assert found <= others.value.min() * (1 + 1e-9)


def test_whole_clusters_are_drawn(noisy: JointFit) -> None:
    clusters: list[Any] = [["all"] * 63, None]
    first, second = bootstrap_sharing(noisy, clusters=clusters, replicates=20, seed=3)
    assert (first.units, second.units) == (1, 63)


@pytest.mark.parametrize(
    ("share", "settings", "error"),
    [
        (["A"], FitSettings(), "cannot share A: the chinchilla form can share E, alpha, beta"),
        (["alfa"], FitSettings(), "cannot share alfa"),
        (["E"], FitSettings(fixed={"E": 1.7}), "E is shared and fixed or bounded at once"),
        (["eta"], FitSettings(form="kaplan"), "cannot share eta: the kaplan form can share alpha_N, alpha_D"),
    ],
)
def test_constants_that_cannot_be_shared_are_refused(
    share: list[str], settings: FitSettings, error: str, simulate: "Simulate"
) -> None:
    with pytest.raises(UsageError, match=error):
        fit_sharing([simulate(FIRST)] * 2, [settings] * 2, share)


def test_a_table_of_too_few_runs_is_refused(simulate: "Simulate") -> None:
    few = simulate(SECOND).select(np.arange(5))
    with pytest.raises(FitRefused):
        fit_sharing([simulate(FIRST), few], [FitSettings()] * 2, ["E"])
