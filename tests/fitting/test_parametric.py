"""Fits against known truth, against the known minima of real runs, and against an independent optimiser."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import huber, logsumexp

from scaling_cli.errors import FitRefused
from scaling_cli.fitting.fit import predicted_loss
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    from tests.fitting.conftest import Simulate

BESIROGLU = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
LAWS = {
    "besiroglu2024": BESIROGLU,
    "hoffmann2022-a3": ChinchillaLaw(E=1.6933737, A=406.40102, B=410.72283, alpha=0.33917084, beta=0.2849083),
    "steep": ChinchillaLaw(E=1.0, A=1e8, B=1e9, alpha=1.0, beta=1.0),
    "lopsided": ChinchillaLaw(E=2.0, A=5e3, B=4e4, alpha=0.465, beta=0.155),
    "tokens three times as steep": ChinchillaLaw(E=1.5, A=100.0, B=3e9, alpha=0.3, beta=0.9),
}


@pytest.mark.parametrize("name", LAWS)
def test_noiseless_runs_give_all_constants_back(name: str, simulate: "Simulate") -> None:
    fit = fit_law(simulate(LAWS[name]))
    assert fit.law.parameters == pytest.approx(LAWS[name].parameters, rel=1e-6)
    assert fit.status == "converged"
    assert fit.quality.r_squared == pytest.approx(1, abs=1e-12)


def test_the_240_chinchilla_runs_reach_the_known_minimum(chinchilla_runs: Callable[[int], Runs]) -> None:
    fit = fit_law(chinchilla_runs(5))
    assert len(fit.runs) == 240
    assert fit.objective.value <= 1.01827403e-3
    known = {"E": 1.8172181, "A": 477.825868, "B": 2143.41736, "alpha": 0.347310499, "beta": 0.367172433}
    assert fit.law.parameters == pytest.approx(known, rel=1e-6)


def test_all_245_chinchilla_runs_reach_the_known_minimum(chinchilla_runs: Callable[[int], Runs]) -> None:
    fit = fit_law(chinchilla_runs(0))
    assert fit.objective.value <= 1.82601053e-3
    assert fit.law.parameters["alpha"] == pytest.approx(0.349312894, rel=1e-6)
    assert fit.law.parameters["beta"] == pytest.approx(0.453049296, rel=1e-6)


def scipy_minimum(runs: Runs, starts: int, seed: int) -> float:
    """Return the least objective that L-BFGS-B, polished by BFGS, finds from random starts."""
    x, y = (np.log(v) - np.log(v).mean() for v in (runs.params, runs.tokens))
    z = np.log(runs.loss)

    def value(theta: Any) -> tuple[float, Any]:
        a, b, e, alpha, beta = theta
        terms = np.stack([a - alpha * x, b - beta * y, np.full(len(z), e)])
        predicted = logsumexp(terms, axis=0)
        r, p = predicted - z, np.exp(terms - predicted)
        psi = np.clip(r, -1e-3, 1e-3)
        slope = [psi @ p[0], psi @ p[1], psi @ p[2], -(psi * p[0]) @ x, -(psi * p[1]) @ y]
        return 1e6 * float(huber(1e-3, r).sum()), 1e6 * np.array(slope)

    random, best = np.random.default_rng(seed), np.inf
    for _ in range(starts):
        start = [*random.uniform(-3, 0.5, 3) + z.mean(), *random.uniform(0.05, 1.2, 2)]
        rough = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000})
        fine = minimize(value, rough.x, jac=True, method="BFGS", options={"gtol": 1e-9})
        best = min(best, fine.fun / 1e6)
    return best


@pytest.mark.parametrize(
    ("noise", "budgets", "sizes"), [(0.002, 9, 7), (0.005, 4, 4), (0.01, 3, 5), (0.03, 5, 5)]
)
def test_no_independent_optimiser_finds_a_lower_minimum(
    noise: float, budgets: int, sizes: int, simulate: "Simulate"
) -> None:
    for seed, law in enumerate((BESIROGLU, LAWS["lopsided"])):
        runs = simulate(law, noise=noise, seed=seed, budgets=budgets, sizes=sizes)
        ours = fit_law(runs).objective.value
        assert ours <= scipy_minimum(runs, starts=12, seed=seed) * (1 + 1e-9)


def test_the_objective_reported_is_that_of_the_law_reported(simulate: "Simulate") -> None:
    runs = simulate(BESIROGLU, noise=0.01)
    fit = fit_law(runs)
    assert isinstance(fit.law, ChinchillaLaw)
    r = np.log(predicted_loss(fit.law, runs)) - np.log(runs.loss)
    assert fit.objective.value == pytest.approx(huber(1e-3, r).sum(), rel=1e-9)
    assert fit.quality.residual_rms == pytest.approx(np.sqrt((r**2).mean()), rel=1e-9)
    total = ((np.log(runs.loss) - np.log(runs.loss).mean()) ** 2).sum()
    assert fit.quality.r_squared == pytest.approx(1 - (r**2).sum() / total, rel=1e-9)


@settings(max_examples=8, derandomize=True, deadline=None)
@given(order=st.permutations(range(63)))
def test_the_order_of_the_runs_does_not_matter(order: list[int], simulate: "Simulate") -> None:
    runs = simulate(BESIROGLU, noise=0.005)
    assert fit_law(runs.select(np.array(order))).law == fit_law(runs).law


def test_counting_params_in_millions_changes_only_A(simulate: "Simulate") -> None:
    runs = simulate(BESIROGLU, noise=0.003)
    millions = Runs(runs.params / 1e6, runs.tokens, runs.flops, runs.loss, runs.names)
    law, scaled = fit_law(runs).law, fit_law(millions).law
    assert isinstance(law, ChinchillaLaw)
    assert isinstance(law, ChinchillaLaw)
    expected = {**law.parameters, "A": law.A * 1e6**-law.alpha}
    assert scaled.parameters == pytest.approx(expected, rel=1e-6)


def test_five_wild_losses_do_not_move_the_law(simulate: "Simulate") -> None:
    runs = simulate(BESIROGLU, noise=0.002)
    wild = runs.loss.copy()
    wild[::13] *= 1.5
    spoiled = Runs(runs.params, runs.tokens, runs.flops, wild, runs.names)
    clean, robust = fit_law(runs).law, fit_law(spoiled).law
    assert isinstance(clean, ChinchillaLaw)
    assert isinstance(robust, ChinchillaLaw)
    assert isinstance(clean, ChinchillaLaw)
    assert isinstance(robust, ChinchillaLaw)
    N_clean, N_robust = clean.optimum(5.76e23)[0], robust.optimum(5.76e23)[0]
    assert abs(np.log(N_robust / N_clean)) < 0.15


def test_a_study_without_an_irreducible_loss_is_said_to_have_none(simulate: "Simulate") -> None:
    runs = simulate(ChinchillaLaw(E=0.0, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658))
    fit = fit_law(runs)
    assert [finding.id for finding in fit.findings] == ["no-irreducible-loss"]
    expected = {"E": 0.0, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
    assert fit.law.parameters == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_a_noisy_study_is_warned_of(simulate: "Simulate") -> None:
    fit = fit_law(simulate(BESIROGLU, noise=0.10, seed=4))
    assert "poor-fit" in [finding.id for finding in fit.findings]


NONSENSE: dict[str, Callable[[Any, Any, Any], Any]] = {
    "a constant loss": lambda N, D, random: np.full(len(N), 2.0),
    "pure noise": lambda N, D, random: np.exp(0.1 * random.standard_normal(len(N))) * 2,
    "a loss that rises with size": lambda N, D, random: 1.5 + 1e-5 * N**0.5,
    "a loss that ignores the tokens": lambda N, D, random: 1.5 + 400 * N**-0.34,
    "a loss that ignores the params": lambda N, D, random: 1.5 + 2000 * D**-0.37,
}


@pytest.mark.parametrize("what", NONSENSE)
def test_runs_that_show_no_law_are_refused(what: str) -> None:
    random = np.random.default_rng(5)
    N, D = np.exp(random.uniform(17, 22, 40)), np.exp(random.uniform(20, 25, 40))
    runs = Runs(N, D, 6 * N * D, NONSENSE[what](N, D, random), tuple(f"line {i}" for i in range(40)))
    with pytest.raises(FitRefused, match="unidentified"):
        fit_law(runs)
