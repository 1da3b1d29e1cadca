"""Every form against known truth: noiseless runs give its constants back; what it cannot say is refused."""

from typing import Any

import numpy as np
import pytest

from scaling_cli.errors import FitRefused, UsageError
from scaling_cli.fitting.bootstrap import bootstrap_law
from scaling_cli.fitting.fit import FormName, predicted_loss
from scaling_cli.fitting.forms import FITTED_FORMS
from scaling_cli.fitting.parametric import fit_law, ordered_problem
from scaling_cli.laws.additive import ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import HasFrontier
from scaling_cli.runs import Runs

LAWS: dict[FormName, list[HasFrontier]] = {
    "chinchilla": [
        ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3478),
        ChinchillaLaw(E=1.7, A=900.0, B=1200.0, alpha=0.36, beta=0.30),
        ChinchillaLaw(E=1.5, A=4e5, B=250.0, alpha=0.66, beta=0.22),
    ],
    "tied": [
        ChinchillaLaw(E=1.8, A=480.0, B=2085.0, alpha=0.35, beta=0.35),
        ChinchillaLaw(E=1.0, A=48.0, B=85.0, alpha=0.2, beta=0.2),
        ChinchillaLaw(E=2.0, A=4e4, B=4e5, alpha=0.6, beta=0.6),
    ],
    "overtraining": [
        OvertrainingLaw(E=1.50826, a=141.278, b=189.516, eta=0.121236),
        OvertrainingLaw(E=1.83665, a=212.236, b=366.687, eta=0.1364255),
        OvertrainingLaw(E=1.0, a=1000.0, b=500.0, eta=0.2),
    ],
    "kaplan": [
        KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103),
        KaplanLaw(N_c=1e13, D_c=1e13, alpha_N=0.1, alpha_D=0.1),
        KaplanLaw(N_c=5e11, D_c=5e13, alpha_N=0.2, alpha_D=0.12),
    ],
    "data-constrained": [
        DataConstrainedLaw(1.87, 520.8, 1487.7, 0.35266, 0.35266, R_D_star=15.39, R_N_star=5.31),
        DataConstrainedLaw(1.8, 600.0, 1200.0, 0.36, 0.30, R_D_star=10.0, R_N_star=4.0),
        DataConstrainedLaw(1.5, 4e5, 250.0, 0.66, 0.22, R_D_star=20.0, R_N_star=6.0),
    ],
    "frontier": [
        FrontierLaw(E=0.5066, A=5.984e22**0.0737, alpha=0.0737),
        FrontierLaw(E=1.7, A=1e4, alpha=0.2),
        FrontierLaw(E=2.2, A=300.0, alpha=0.1),
    ],
}
CASES = [(form, law) for form, laws in LAWS.items() for law in laws]
IDS = [f"{form} {i}" for form, laws in LAWS.items() for i in range(len(laws))]


def design(form: FormName) -> Runs:
    """Runs that identify the form: a ray for the frontier, repeated data for the data-constrained form."""
    random, unique = np.random.default_rng(0), None
    if form == "frontier":
        N = np.geomspace(1e8, 1e10, 12)
        D = 20 * N
    elif form == "data-constrained":
        N = np.exp(random.uniform(np.log(2e7), np.log(8e9), 150))
        unique = np.exp(random.uniform(np.log(1e8), np.log(2e10), 150))
        D = unique * np.exp(np.maximum(random.uniform(-0.5, np.log(40), 150), 0))
    else:
        C = np.repeat(np.geomspace(6e18, 3e21, 9), 7)
        N = np.sqrt(C / 120) * np.tile(np.geomspace(0.25, 4, 7), 9)
        D = C / (6 * N)
    names = tuple(f"run {i}" for i in range(len(N)))
    return Runs(N, D, 6 * N * D, np.ones_like(N), names, unique_tokens=unique)


def study(form: FormName, law: HasFrontier, noise: float = 0.0, seed: int = 1) -> Runs:
    """Simulate runs of a law."""
    runs = design(form)
    errors = np.exp(noise * np.random.default_rng(seed).standard_normal(len(runs)))
    loss = predicted_loss(law, runs) * errors
    return Runs(runs.params, runs.tokens, runs.flops, loss, runs.names, unique_tokens=runs.unique_tokens)


@pytest.mark.parametrize(("form", "law"), CASES, ids=IDS)
def test_noiseless_runs_give_all_constants_back(form: FormName, law: HasFrontier) -> None:
    fit = fit_law(study(form, law), form=form)
    assert fit.law.parameters == pytest.approx(law.parameters, rel=1e-6)
    assert type(fit.law) is type(law)
    assert fit.status == "converged"
    assert fit.settings.form == form
    assert np.abs(fit.residuals).max() < 1e-9


def test_data_constrained_studies_repeat_their_data_and_outgrow_it() -> None:
    for law in LAWS["data-constrained"]:
        assert isinstance(law, DataConstrainedLaw)
        runs = study("data-constrained", law)
        assert runs.unique_tokens is not None
        assert (runs.tokens > 1.05 * runs.unique_tokens).mean() > 0.5
        beyond = runs.params > law.params_for_unique(runs.unique_tokens)
        assert 0.3 < beyond.mean() < 0.97


@pytest.mark.parametrize("form", FITTED_FORMS)
def test_the_jacobian_and_the_hessian_of_every_form_agree_with_finite_differences(form: FormName) -> None:
    problem = ordered_problem(study(form, LAWS[form][1], noise=0.01), fit_law(
        study(form, LAWS[form][1], noise=0.01), form=form).settings)  # fmt: skip
    phi = problem.vector(LAWS[form][1])[None, :] * 1.003
    penalty = problem.penalty.relaxed(1e4)  # no run near its kink
    value, gradient, hessian = problem.derivatives(phi, penalty)
    f, J = problem.surface.jacobian(problem.theta(phi))
    np.testing.assert_allclose(problem.surface.predict(problem.theta(phi)), f, rtol=1e-13)
    for k in range(phi.shape[1]):
        step = np.zeros(phi.shape[1])
        step[k] = 1e-5
        ahead, behind = (problem.derivatives(phi + sign * step, penalty) for sign in (1, -1))
        slope = (ahead[0] - behind[0]) / 2e-5
        np.testing.assert_allclose(slope, gradient[:, k], rtol=1e-5, atol=1e-7 * np.abs(gradient).max())
        row = (ahead[1] - behind[1]) / 2e-5
        np.testing.assert_allclose(row, hessian[:, k], rtol=1e-3, atol=1e-5 * np.abs(hessian).max())
    assert J.shape == (1, len(problem.z), problem.T.shape[0])
    assert value > 0


@pytest.mark.parametrize("form", FITTED_FORMS)
def test_every_form_is_resampled(form: FormName) -> None:
    fit = fit_law(study(form, LAWS[form][0], noise=0.003), form=form)
    bootstrap = bootstrap_law(fit, replicates=60)
    assert bootstrap.converged >= 58
    assert {type(draw) for draw in bootstrap.draws} == {type(fit.law)}
    name = list(fit.law.parameters)[-1]
    draws = np.log([draw.parameters[name] for draw in bootstrap.draws])
    assert abs(np.median(draws) - np.log(fit.law.parameters[name])) < 2 * draws.std() + 1e-12
    assert draws.std() > 0


@pytest.mark.parametrize("form", FITTED_FORMS)
def test_the_order_of_the_runs_does_not_matter(form: FormName) -> None:
    runs = study(form, LAWS[form][0], noise=0.003)
    shuffled = runs.select(np.random.default_rng(5).permutation(len(runs)))
    assert fit_law(shuffled, form=form).law == fit_law(runs, form=form).law


def test_overtraining_is_the_tied_fit_in_other_coordinates() -> None:
    runs = study("overtraining", LAWS["overtraining"][0], noise=0.01)
    over, tied = fit_law(runs, form="overtraining"), fit_law(runs, form="tied")
    assert isinstance(over.law, OvertrainingLaw)
    assert isinstance(tied.law, ChinchillaLaw)
    assert over.objective.value == pytest.approx(tied.objective.value, rel=1e-9)
    assert 2 * over.law.eta == pytest.approx(tied.law.alpha, rel=1e-6)
    assert tied.law.alpha == tied.law.beta
    assert over.law.loss(1e9, 1e11) == pytest.approx(tied.law.loss(1e9, 1e11), rel=1e-9)


def plain(**changes: Any) -> Runs:
    runs = design("chinchilla")
    given = {"params": runs.params, "tokens": runs.tokens, **changes}
    loss = ChinchillaLaw(1.8, 480.0, 2085.0, 0.35, 0.36).loss(given["params"], given["tokens"])
    return Runs(**given, flops=6 * given["params"] * given["tokens"], loss=loss, names=runs.names)


def test_the_data_constrained_form_needs_unique_tokens_and_runs_that_repeat_them() -> None:
    with pytest.raises(FitRefused, match="no-unique-tokens"):
        fit_law(plain(), form="data-constrained")
    runs = plain()
    with pytest.raises(FitRefused, match="no-repeated-data: 0 of 63 runs"):
        fit_law(plain(unique_tokens=runs.tokens), form="data-constrained")


def test_params_that_never_outgrow_the_data_leave_their_constant_open_unless_it_is_fixed() -> None:
    law = LAWS["data-constrained"][0]
    assert isinstance(law, DataConstrainedLaw)
    runs = design("data-constrained")
    assert runs.unique_tokens is not None
    N = np.minimum(runs.params, 0.9 * law.params_for_unique(runs.unique_tokens))
    loss = law.loss(N, runs.tokens, runs.unique_tokens)
    small = Runs(N, runs.tokens, 6 * N * runs.tokens, loss, runs.names, unique_tokens=runs.unique_tokens)
    with pytest.raises(FitRefused, match="no-excess-params"):
        fit_law(small, form="data-constrained")
    fit = fit_law(small, form="data-constrained", fixed={"R_N_star": law.R_N_star})
    assert fit.law.parameters == pytest.approx(law.parameters, rel=1e-6)


def test_a_design_in_two_variables_is_no_frontier_and_a_ray_nothing_else() -> None:
    with pytest.raises(FitRefused, match="not-a-frontier"):
        fit_law(plain(), form="frontier")
    ray = study("frontier", LAWS["frontier"][0])
    for form in ("chinchilla", "tied", "kaplan", "overtraining"):
        with pytest.raises(FitRefused, match="single-ray-design"):
            fit_law(ray, form=form)
    with pytest.raises(FitRefused, match="too-few-budgets"):
        fit_law(ray.select(np.repeat([0, 11], 4)), form="frontier")
    with pytest.raises(FitRefused, match="too-few-runs: 4 runs cannot identify three constants"):
        fit_law(ray.select(np.arange(4)), form="frontier")


def test_two_sizes_are_enough_where_the_exponent_is_known_from_the_tokens() -> None:
    law = ChinchillaLaw(1.8, 480.0, 2085.0, 0.35, 0.35)
    N, D = (axis.ravel() for axis in np.meshgrid([1e9, 1e10], np.geomspace(1e9, 1e12, 6)))
    runs = Runs(N, D, 6 * N * D, law.loss(N, D), tuple(str(i) for i in range(12)))
    assert fit_law(runs, form="tied").law.parameters == pytest.approx(law.parameters, rel=1e-6)
    with pytest.raises(FitRefused, match="too-few-sizes"):
        fit_law(runs)


def test_an_unknown_form_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown form 'chinchila'") as caught:
        fit_law(plain(), form="chinchila")  # type: ignore[arg-type]  # what a user types
    assert caught.value.hint is not None
    assert "did you mean chinchilla" in caught.value.hint
