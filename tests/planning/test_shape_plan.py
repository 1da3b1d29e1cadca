"""A shaped plan spends the budget of the plan it came from, with the N its law counts."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.laws.accounting import count_params
from scaling_cli.laws.published import published_law
from scaling_cli.planning.account import params_as
from scaling_cli.planning.allocation import Allocation, allocate, answer
from scaling_cli.planning.question import Question
from scaling_cli.planning.shape import Style
from scaling_cli.planning.shape_plan import ShapePlan, shape_plan, training_scale


def shaped(law: str, C: float, style: Style | None = None, batch: float | None = None) -> ShapePlan:
    card = published_law(law)

    def resolve(N: float) -> Allocation:
        return answer(card, Question(flops=C, params=N))

    return shape_plan(allocate(card, flops=C), style or Style(), resolve, batch_tokens=batch)


def ids(plan: ShapePlan) -> set[str]:
    return {finding.id for finding in plan.findings}


@settings(max_examples=40, deadline=None)
@given(
    law=st.sampled_from(["besiroglu2024", "hoffmann2022-a1", "kaplan2020", "porian2024", "deepseek2024"]),
    log_C=st.floats(math.log(1e20), math.log(1e25)),
)
def test_every_shape_spends_the_whole_budget_on_the_params_its_law_counts(law: str, log_C: float) -> None:
    C = math.exp(log_C)
    plan = shaped(law, C)
    assert plan.models
    for model in plan.models:
        N, _ = params_as(plan.allocation.card, model.shape)
        assert model.params == N
        assert plan.allocation.params is not None
        assert abs(N / plan.allocation.params - 1) <= 0.02
        assert model.plan.tokens is not None
        assert 6 * N * model.plan.tokens == pytest.approx(C)


def test_two_percent_beside_the_optimum_costs_next_to_nothing() -> None:
    plan = shaped("besiroglu2024", 5.76e23)
    assert [model.name for model in plan.models] == ["deeper", "typical", "wider"]
    for model in plan.models:
        assert model.plan.waste is not None
        assert 0 <= model.plan.waste < 1e-3
        assert model.plan.loss == pytest.approx(1.97444, abs=2e-5)


def test_steps_are_tokens_over_batch_counted_whole() -> None:
    plan = shaped("besiroglu2024", 1e22, batch=4e6)
    assert plan.chosen is not None
    assert plan.chosen.plan.tokens is not None
    assert plan.steps(4e6) == -(-plan.chosen.plan.tokens // 4e6)
    assert len(plan.suggestions) == 3


def test_the_laws_of_batch_and_rate_are_asked_with_the_n_and_c_they_were_fitted_with() -> None:
    plan = shaped("besiroglu2024", 1e22)
    assert plan.chosen is not None
    shape, D = plan.chosen.shape, plan.chosen.plan.tokens
    assert D is not None
    L, d = shape.layers, shape.d_model
    asked = {one.law.name: one.counted for one in plan.suggestions}
    assert asked["steplaw2025"]["params"] == count_params(shape).non_embedding
    assert asked["moonlight2025"]["flops"] == pytest.approx(6 * count_params(shape).non_embedding * D)
    # the layers hold 12 d^2 where ffn is 4 d, gains apart: here it is 16640 of 16384
    M = 6 * L * (4 * d * d + 2 * d * shape.ffn) + 12 * L * d * shape.context
    assert asked["deepseek2024"]["flops"] == pytest.approx(M * D, rel=1e-3)
    assert training_scale(plan.chosen).tokens == D


def test_doubts_about_a_shape_are_findings() -> None:
    small = shaped("besiroglu2024", 1e19)
    assert ids(small) >= {"starting-points"}
    large = shaped("besiroglu2024", 5.76e23)
    assert ids(large) == {"aspect-extrapolates", "starting-points", "tuning-extrapolates"}
    experts = Style({"experts": 8, "active_experts": 2, "vocabulary": 50257, "swiglu": True})
    assert ids(shaped("besiroglu2024", 1e22, experts)) >= {"dense-law", "padded-vocabulary"}
    assert ids(shaped("kaplan2020", 1e22)) >= {"params-as-fitted"}
    wide = Style({"vocabulary": 128_256, "tied": False})
    assert ids(shaped("besiroglu2024", 2.5e19, wide)) & {"much-vocabulary", "no-shape"}


def test_what_cannot_be_shaped_says_why() -> None:
    experts = Style({"experts": 8, "active_experts": 2})
    plan = shaped("deepseek2024", 1e22, experts)
    assert (plan.chosen, ids(plan)) == (None, {"no-shape"})
    assert "without experts" in plan.findings[0].message
    assert ids(shaped("besiroglu2024", 1e14)) == {"no-shape"}
