"""Models against laws: over- and under-sized, what they wasted, and what their size is right for."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.models import MODELS, Model
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.compare_models import MEASURES, ModelUnderLaw, compare_models

REFERENCE = Path(__file__).parents[1] / "reference" / "compare.yaml"
BESIROGLU = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 4e+08 for text: here it is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
EXPECTED: dict[str, Any] = yaml.load(REFERENCE.read_text(), Loader=_Loader)


def under(law: str, model: str | Model) -> ModelUnderLaw:
    (found,) = compare_models([MODELS[model] if isinstance(model, str) else model], [PUBLISHED[law]])
    return found


def ids(found: ModelUnderLaw) -> list[str]:
    return [finding.id for finding in found.findings]


@pytest.mark.parametrize(("model", "waste"), EXPECTED["models"]["waste"].items())
def test_a_model_wasted_what_the_constants_say(model: str, waste: float) -> None:
    found = under(EXPECTED["models"]["law"], model)
    assert found.measures.waste == pytest.approx(waste, abs=EXPECTED["models"]["within"])


def test_chinchilla_wasted_next_to_nothing() -> None:
    expected = EXPECTED["models"]["chinchilla"]
    waste = under("besiroglu2024", "Chinchilla").measures.waste
    assert waste == pytest.approx(expected["waste"], abs=expected["within"])


@pytest.mark.parametrize(("model", "demand"), EXPECTED["models"]["break_even_inference_tokens"].items())
def test_the_break_even_demand_is_that_of_the_closed_form(model: str, demand: float) -> None:
    found = under(EXPECTED["models"]["law"], model)
    tolerance = EXPECTED["models"]["break_even_tolerance"]
    assert found.break_even_inference_tokens == pytest.approx(demand, rel=tolerance)


@pytest.mark.parametrize("row", EXPECTED["table3"]["rows"], ids=lambda row: str(row["model"]))
def test_sizes_would_have_been_optimal_at_the_budgets_of_hoffmanns_table_3(row: dict[str, Any]) -> None:
    measures = under(EXPECTED["table3"]["law"], row["model"]).measures
    tolerance = EXPECTED["table3"]["tolerance"]
    assert measures.optimal_at_flops == pytest.approx(row["flops"], rel=tolerance)
    assert measures.optimal_at_tokens == pytest.approx(row["tokens"], rel=tolerance)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(log_N=st.floats(8, 12.5), log_D=st.floats(9.5, 14))
def test_every_measure_follows_from_the_formula(log_N: float, log_D: float) -> None:
    N, D = 10**log_N, 10**log_D
    found = under("besiroglu2024", Model("mine", N, D))
    measures, law = found.measures, BESIROGLU
    N_opt, D_opt = law.optimum(6 * N * D)
    assert measures.optimum_params == pytest.approx(N_opt)
    assert measures.optimum_tokens == pytest.approx(D_opt)
    assert measures.oversize == pytest.approx(N / N_opt)
    assert measures.loss == pytest.approx(law.E + law.A * N**-law.alpha + law.B * D**-law.beta)
    assert measures.optimal_at_flops == pytest.approx(law.flops_for_params(N))
    demand = 3 * D * (law.alpha * law.A * N**-law.alpha / (law.beta * law.B * D**-law.beta) - 1)
    assert measures.break_even_inference_tokens == pytest.approx(demand, abs=1e-9 * D)
    # a demand makes a size right just where it is under the optimum
    assert (found.break_even_inference_tokens is not None) == (demand >= 0)
    if abs(demand) > 1e-6 * D:
        assert (demand > 0) == (measures.oversize < 1)  # type: ignore[operator]


def test_an_oversized_model_has_no_break_even_demand_and_says_why() -> None:
    gopher = under("besiroglu2024", "Gopher")
    assert gopher.measures.oversize == pytest.approx(280 / 67.47, rel=1e-3)
    assert gopher.break_even_inference_tokens is None
    assert "no-break-even" in ids(gopher)


def test_a_law_without_a_loss_sizes_a_model_and_says_no_more() -> None:
    found = under("hoffmann2022-a1", "Gopher")
    missing = ("optimum_loss", "loss", "waste", "break_even_inference_tokens")
    for name in MEASURES:
        assert (getattr(found.measures, name) is None) == (name in missing), name
    assert "law-has-no-loss" in ids(found)


def test_a_law_without_an_allocation_tells_nothing_and_says_so() -> None:
    found = under("cerebras2023", "Gopher")
    assert not found.could_answer
    assert "law-has-no-allocation" in ids(found)


def test_a_mixture_of_experts_is_judged_by_its_active_params() -> None:
    found = under("besiroglu2024", "DeepSeek-V3")
    dense = under("besiroglu2024", Model("dense", 37e9, 14.8e12))
    assert found.measures == dense.measures
    assert "active-params" in ids(found)
    assert "active-params" not in ids(dense)


def test_published_flops_are_shown_where_they_are_not_6nd() -> None:
    assert "published-flops" in ids(under("besiroglu2024", "Gopher"))
    assert "published-flops" not in ids(under("besiroglu2024", "Chinchilla"))


@pytest.mark.parametrize(
    ("model", "is_other"), [("Gopher", False), ("Chinchilla", False), ("GPT-3 175B", True)]
)
def test_a_loss_from_other_data_says_so(model: str, is_other: bool) -> None:
    assert ("other-data" in ids(under("besiroglu2024", model))) == is_other
    assert "other-data" in ids(under("muennighoff2023", model))


def test_kaplans_law_is_asked_in_total_params() -> None:
    found = under("kaplan2020", "Gopher")
    assert "converted-params" in ids(found)
    assert found.measures.optimum_params == pytest.approx(4.4e11, rel=0.01)


def test_intervals_are_the_percentiles_of_the_draws_taken_one_by_one() -> None:
    rng = np.random.default_rng(5)
    draws = [
        replace(BESIROGLU, alpha=BESIROGLU.alpha + shift) for shift in rng.normal(0, 0.004, 100).tolist()
    ]
    card = LawCard("mine", BESIROGLU, params_definition="total", draws=tuple(draws))
    model = MODELS["Llama 2 7B"]
    (found,) = compare_models([model], [card], level=0.8)
    assert set(found.intervals) == set(MEASURES)
    N, D = model.params, model.tokens
    sizes = [N / draw.optimum(model.flops)[0] for draw in draws]
    losses = [draw.loss(N, D) for draw in draws]
    assert found.intervals["oversize"] == pytest.approx(tuple(np.quantile(sizes, [0.1, 0.9])))
    assert found.intervals["loss"] == pytest.approx(tuple(np.quantile(losses, [0.1, 0.9])))
    for name, (low, high) in found.intervals.items():
        assert low < getattr(found.measures, name) < high, name


def test_a_budget_far_beyond_the_fitted_ones_is_said() -> None:
    card = replace(PUBLISHED["besiroglu2024"], fitted_range={"flops": (6e18, 3e21)})
    found = compare_models([MODELS["Pythia 70M"], MODELS["Gopher"]], [card])
    assert ["extrapolates" in ids(one) for one in found] == [False, True]


def test_progress_is_told_of_every_model_under_every_law() -> None:
    told: list[int] = []
    models = [MODELS["Gopher"], MODELS["Chinchilla"]]
    compare_models(models, [PUBLISHED["besiroglu2024"], PUBLISHED["kaplan2020"]], progress=told.append)
    assert sum(told) == 4


@pytest.mark.parametrize(
    "model", [Model("tiny", 1, 1), Model("huge", 1e290, 1e10)], ids=lambda m: str(m.name)
)
def test_a_model_beyond_the_range_of_numbers_is_said_and_not_raised(model: Model) -> None:
    found = under("besiroglu2024", model)
    assert not found.could_answer
    assert "out-of-range" in ids(found)
