"""Objectives, weights, fixed constants and bounds, each against scipy or a plain equivalent."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import huber

from scaling_cli.errors import FitRefused, UsageError
from scaling_cli.fitting.bootstrap import bootstrap_law
from scaling_cli.fitting.fit import Fit, ObjectiveName
from scaling_cli.fitting.parametric import fit_law, fit_with
from scaling_cli.fitting.penalty import OBJECTIVES, Penalty
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    from tests.fitting.conftest import Simulate

LAW = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)


def law_of(fit: Fit) -> ChinchillaLaw:
    assert isinstance(fit.law, ChinchillaLaw)
    return fit.law


def cost(law: ChinchillaLaw, runs: Runs, objective: str, delta: float, penalty: float) -> Any:
    """The objective as the words say it."""
    predicted = law.loss(runs.params, runs.tokens)
    r = np.log(predicted) - np.log(runs.loss) if "log" in objective else predicted - runs.loss
    each = 0.5 * r**2 if "mse" in objective else huber(delta, r)
    return each * np.where(r > 0, penalty, 1.0)


@pytest.mark.parametrize("penalty", [1.0, 10.0])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_objective_has_a_lower_point_that_scipy_finds(
    objective: ObjectiveName, penalty: float, simulate: "Simulate"
) -> None:
    runs = simulate(LAW, noise=0.005, seed=3, sizes=5, budgets=5)
    fit = fit_law(runs, objective=objective, delta=1e-3, overestimate_penalty=penalty)
    law = law_of(fit)
    assert fit.objective.name == objective
    assert fit.objective.value == pytest.approx(cost(law, runs, objective, 1e-3, penalty).sum(), rel=1e-9)
    centre = np.log(runs.params).mean(), np.log(runs.tokens).mean()

    def value(v: Any) -> float:
        A, B = np.exp(v[0] + v[3] * centre[0]), np.exp(v[1] + v[4] * centre[1])
        trial = ChinchillaLaw(E=float(np.exp(v[2])), A=float(A), B=float(B), alpha=v[3], beta=v[4])
        return 1e6 * float(cost(trial, runs, objective, 1e-3, penalty).sum())

    start = [
        np.log(law.A) - law.alpha * centre[0], np.log(law.B) - law.beta * centre[1], np.log(law.E),
        law.alpha, law.beta,
    ]  # fmt: skip
    random = np.random.default_rng(0)
    for _ in range(3):
        nearby = np.array(start) * (1 + 0.02 * random.standard_normal(5))
        options: Any = {"maxiter": 4000, "xatol": 1e-9, "fatol": 1e-9}
        found = minimize(value, nearby, method="Nelder-Mead", options=options)
        assert found.fun / 1e6 >= fit.objective.value * (1 - 1e-9)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("penalty", [1.0, 7.0])
def test_the_derivatives_of_every_penalty_agree_with_finite_differences(
    objective: ObjectiveName, penalty: float
) -> None:
    z = np.log(np.linspace(2, 4, 11))
    f = z + np.array([[-0.3, -0.2, -0.05, -4e-3, -1e-3, 2e-4, 2e-3, 0.01, 0.06, 0.2, 0.4]])
    told = Penalty(objective, 0.02, penalty)
    costs, slope, curvature = told.costs(f, z)
    ahead, behind = told.costs(f + 1e-6, z), told.costs(f - 1e-6, z)
    np.testing.assert_allclose((ahead[0] - behind[0]) / 2e-6, slope, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose((ahead[1] - behind[1]) / 2e-6, curvature, rtol=1e-6, atol=1e-9)
    assert (costs > 0).all()


def test_a_penalty_on_overestimates_follows_the_lowest_runs(simulate: "Simulate") -> None:
    runs = simulate(LAW)
    loss = runs.loss.copy()
    loss[::3] *= 1.03  # a third of the runs was badly tuned
    tuned = Runs(runs.params, runs.tokens, runs.flops, loss, runs.names)
    true = LAW.loss(1e10, 2e11)
    plain, penal = (
        law_of(fit_law(tuned, objective="log-mse", overestimate_penalty=p)).loss(1e10, 2e11) for p in (1, 20)
    )
    assert plain > 1.005 * true
    assert abs(penal / true - 1) < 0.3 * abs(plain / true - 1)


def test_weights_are_copies(simulate: "Simulate") -> None:
    runs = simulate(LAW, noise=0.01, seed=2)
    counts = np.random.default_rng(7).integers(0, 4, len(runs))
    weighted = law_of(fit_law(runs, weights=counts.astype(float)))
    copied = law_of(fit_law(runs.select(np.repeat(np.arange(len(runs)), counts))))
    assert weighted.parameters == pytest.approx(copied.parameters, rel=1e-6)


def test_a_fixed_constant_stays_and_the_others_settle_around_it(simulate: "Simulate") -> None:
    runs = simulate(LAW, noise=0.005)
    free = fit_law(runs)
    for name, value in {"E": 1.69, "A": 400.0, "alpha": 0.33, "beta": 0.4}.items():
        fit = fit_law(runs, fixed={name: value})
        assert fit.law.parameters[name] == value
        assert fit.objective.value >= free.objective.value
        again = fit_law(runs, fixed={n: v for n, v in fit.law.parameters.items() if n != "B"})
        assert again.law.parameters == pytest.approx(fit.law.parameters, rel=1e-6)
    assert fit_law(runs, fixed={"E": 0.0}).law.parameters["E"] == 0.0


@pytest.mark.parametrize("name", ["E", "A", "B", "alpha", "beta"])
def test_the_true_value_of_a_constant_fixed_or_bounded_gives_the_others_back(
    name: str, simulate: "Simulate"
) -> None:
    runs, value = simulate(LAW), LAW.parameters[name]
    assert fit_law(runs, fixed={name: value}).law.parameters == pytest.approx(LAW.parameters, rel=1e-6)
    wide = fit_law(runs, bounds={name: (0.5 * value, 2 * value)})
    assert wide.law.parameters == pytest.approx(LAW.parameters, rel=1e-6)
    assert not wide.findings


@pytest.mark.parametrize("name", ["E", "A", "alpha"])
def test_a_constant_at_its_bound_is_a_finding_and_the_fit_is_that_of_the_bound(
    name: str, simulate: "Simulate"
) -> None:
    runs = simulate(LAW, noise=0.001)
    bound = 0.9 * LAW.parameters[name]
    fit = fit_law(runs, bounds={name: (0.1 * bound, bound)})
    assert [finding.id for finding in fit.findings] == ["parameter-at-bound"]
    assert fit.findings[0].severity == "warning"
    assert fit.findings[0].message.startswith(f"{name} = ")
    held = fit_law(runs, fixed={name: bound})
    assert fit.law.parameters == pytest.approx(held.law.parameters, rel=1e-6)


def test_a_fit_can_be_repeated_from_its_settings_and_resampled_with_them(simulate: "Simulate") -> None:
    runs = simulate(LAW, noise=0.005)
    fit = fit_law(
        runs,
        objective="huber",
        delta=0.01,
        overestimate_penalty=2.0,
        weights=np.linspace(1, 2, len(runs)),
        fixed={"E": 1.8},
        bounds={"alpha": (0.2, 0.5)},
    )
    assert fit_with(runs, fit.settings).law == fit.law
    draws = bootstrap_law(fit, replicates=30).draws
    assert len(draws) == 30
    assert {draw.E for draw in draws} == {1.8}
    assert len({draw.parameters["alpha"] for draw in draws}) == 30


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "log-hubr"}, "unknown objective 'log-hubr'"),
        ({"overestimate_penalty": 0.0}, "the penalty of an overestimate"),
        ({"overestimate_penalty": float("nan")}, "the penalty of an overestimate"),
        ({"weights": [1.0]}, "there are 1 weights for 63 runs"),
        ({"weights": [-1.0] * 63}, "run 0: a weight must not be negative"),
        ({"fixed": {"gamma": 1.0}}, "cannot fix gamma: it is no constant of the chinchilla form"),
        ({"fixed": {"A": 0.0}}, "A must be positive, got 0"),
        ({"fixed": {"E": 1.0}, "bounds": {"E": (0.5, 2.0)}}, "E is fixed and bounded at once"),
        ({"bounds": {"alpha": (0.6, 0.1)}}, "the bounds of alpha must rise"),
        ({"bounds": {"alpha": (-2, -1)}}, "the bounds of alpha must rise and reach above zero"),
        ({"fixed": LAW.parameters}, "every constant of the chinchilla form is fixed"),
        ({"delta": 1e-9}, "delta must lie between"),
    ],
)
def test_settings_that_are_none_are_refused(
    settings: dict[str, Any], message: str, simulate: "Simulate"
) -> None:
    with pytest.raises(UsageError, match=message):
        fit_law(simulate(LAW), **settings)


def test_the_scale_of_the_weights_does_not_matter_and_a_vanishing_one_is_none(simulate: "Simulate") -> None:
    runs = simulate(ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658), noise=0.003)
    weights = np.linspace(0.5, 2, len(runs))
    plain = fit_law(runs, weights=weights).law.parameters
    for scale in (1e-200, 1e20, 1e250):
        assert fit_law(runs, weights=scale * weights).law.parameters == pytest.approx(plain, rel=1e-9)
    first = np.where(np.arange(len(runs)) < 3, 1e300, 1.0)
    with pytest.raises(FitRefused):
        fit_law(runs, weights=first)
