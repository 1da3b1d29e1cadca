"""Laws in total params: the relation against Hoffmann's models, and optima against scipy's own solve."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.allocation import AllocationLaw, RatioLaw
from scaling_cli.laws.conversion import (
    OMEGA,
    TotalAllocation,
    TotalLossLaw,
    as_published,
    in_total_params,
    is_comparable,
    non_embedding_params,
    total_params,
)
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import Allocates, PredictsLoss
from scaling_cli.laws.marginal import break_even_inference_tokens, marginal_ratio
from scaling_cli.laws.published import PUBLISHED

# Hoffmann et al. 2022, Table A9: params in millions and d_model of some of its fifty models
TABLE_A9 = [(44, 512), (163, 768), (425, 1280), (1143, 1792), (2298, 2560), (6796, 3584), (16183, 5120)]
VOCABULARY = 32_000

KAPLAN_JOINT = KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103)  # Kaplan et al. 2020, Table 2
CHINCHILLA = ChinchillaLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
LOSSES = {"kaplan": KAPLAN_JOINT, "chinchilla": CHINCHILLA}
ALLOCATIONS = {
    "kaplan2020": PUBLISHED["kaplan2020"].law,
    "tokens' side": AllocationLaw(tokens_coefficient=0.3, tokens_exponent=0.537),
    "ratio": RatioLaw(tokens_per_param=20.0),
}
BUDGETS = [1e15, 1e18, 1e21, 5.76e23, 1e26]
checked = settings(max_examples=60, derandomize=True, deadline=None)


def spent(N: float, D: float) -> float:
    """C = 6 N D."""
    return 6 * N * D


@pytest.mark.parametrize(("millions", "d_model"), TABLE_A9)
def test_the_relation_gives_hoffmanns_models_their_embeddings_back(millions: int, d_model: int) -> None:
    N_total = 1e6 * millions
    # one relation for fifty shapes: the smallest, where the embeddings are a third, is 5 % off
    assert total_params(N_total - VOCABULARY * d_model) == pytest.approx(N_total, rel=0.05)


@checked
@given(log_N=st.floats(0, 15))
def test_what_the_embeddings_add_can_be_taken_off_again(log_N: float) -> None:
    N = 10**log_N
    assert total_params(N) > N
    assert non_embedding_params(total_params(N)) == pytest.approx(N, rel=1e-12)


def test_counts_may_be_arrays() -> None:
    N = np.array([1e6, 1e9, 1e12])
    assert total_params(N) == pytest.approx([total_params(x) for x in N.tolist()], rel=1e-12)
    assert non_embedding_params(N) == pytest.approx([non_embedding_params(x) for x in N.tolist()], rel=1e-12)


@pytest.mark.parametrize("name", ALLOCATIONS)
@pytest.mark.parametrize("C", BUDGETS)
def test_a_converted_allocation_divides_the_budget_without_the_embeddings_as_the_law_does(
    name: str, C: float
) -> None:
    inner = ALLOCATIONS[name]
    assert isinstance(inner, Allocates)
    # x = 6 N D of the law's own N, the budget C less what the embeddings cost
    log_x = brentq(
        lambda y: (
            y
            + math.log(total_params(inner.optimum(math.exp(y))[0]) / inner.optimum(math.exp(y))[0])
            - math.log(C)
        ),
        math.log(C) - 40,
        math.log(C),
        xtol=1e-13,
    )
    N_inner, D_inner = inner.optimum(math.exp(log_x))
    optimum = TotalAllocation(inner).optimum(C)
    assert optimum == pytest.approx((total_params(N_inner), D_inner), rel=1e-9)
    assert spent(*optimum) == pytest.approx(C, rel=1e-12)


@pytest.mark.parametrize("name", ALLOCATIONS)
@pytest.mark.parametrize("C", BUDGETS)
def test_a_converted_allocation_is_inverted(name: str, C: float) -> None:
    inner = ALLOCATIONS[name]
    assert isinstance(inner, Allocates)
    law = TotalAllocation(inner)
    N, D = law.optimum(C)
    assert law.flops_for_params(N) == pytest.approx(C, rel=1e-9)
    assert law.flops_for_tokens(D) == pytest.approx(C, rel=1e-9)


def test_kaplans_exponent_is_reached_where_the_embeddings_no_longer_count() -> None:
    law = in_total_params(PUBLISHED["kaplan2020"]).law
    assert isinstance(law, TotalAllocation)

    def growth(C: float) -> float:
        return law.optimum(10 * C)[0] / law.optimum(C)[0]

    assert growth(1e18) < growth(1e21) < growth(5.76e23) < 10**0.73
    assert growth(1e27) == pytest.approx(10**0.73, rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("C", BUDGETS)
def test_a_converted_loss_has_its_optimum_where_scipy_finds_it(name: str, C: float) -> None:
    inner = LOSSES[name]

    def loss(log_N: float) -> float:
        N = math.exp(log_N)
        return float(inner.loss(N, C / (6 * (N + OMEGA * N ** (1 / 3)))))

    solved = minimize_scalar(loss, bounds=(0, 45), method="bounded", options={"xatol": 1e-9})
    law = TotalLossLaw(inner)
    N, D = law.optimum(C)
    assert non_embedding_params(N) == pytest.approx(math.exp(solved.x), rel=1e-6)
    assert law.loss(N, D) == pytest.approx(solved.fun, rel=1e-12)
    assert law.frontier_loss(C) == pytest.approx(solved.fun, rel=1e-12)
    assert spent(N, D) == pytest.approx(C, rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("C", BUDGETS)
def test_a_converted_loss_is_inverted(name: str, C: float) -> None:
    law = TotalLossLaw(LOSSES[name])
    N, D = law.optimum(C)
    L = law.frontier_loss(C)
    assert law.flops_for_params(N) == pytest.approx(C, rel=1e-9)
    assert law.flops_for_tokens(D) == pytest.approx(C, rel=1e-9)
    assert law.flops_for_loss(L) == pytest.approx(C, rel=1e-9)
    assert law.tokens_for_loss(N, L) == pytest.approx(D, rel=1e-9)
    assert law.params_for_loss(D, L) == pytest.approx(N, rel=1e-9)
    assert marginal_ratio(law, N, D) == pytest.approx(1, rel=1e-9)


def test_no_budget_goes_below_the_irreducible_loss_of_a_converted_law() -> None:
    law = TotalLossLaw(CHINCHILLA)
    assert (law.flops_for_loss(1.8), law.flops_for_loss(CHINCHILLA.E)) == (math.inf, math.inf)
    assert law.params_for_loss(1e9, 1.8) == math.inf


def test_budgets_may_be_arrays() -> None:
    C = np.array([1e18, 1e22])
    for law in (TotalLossLaw(CHINCHILLA), TotalAllocation(CHINCHILLA)):
        N, D = law.optimum(C)
        assert list(zip(N.tolist(), D.tolist(), strict=True)) == [law.optimum(x) for x in C.tolist()]


def test_a_law_of_non_embedding_params_is_converted_with_its_draws_and_says_so() -> None:
    card = replace(
        PUBLISHED["besiroglu2024"], params_definition="non-embedding", draws=(CHINCHILLA, CHINCHILLA)
    )
    converted = in_total_params(card)
    assert isinstance(converted.law, TotalLossLaw)
    assert converted.draws == (converted.law, converted.law)
    assert [finding.id for finding in converted.findings] == ["converted-params"]
    assert in_total_params(converted).law == converted.law  # once is enough


@pytest.mark.parametrize(
    ("name", "findings"),
    [
        ("besiroglu2024", []),
        ("hoffmann2022-a1", []),
        ("kaplan2020", ["converted-params", "converted-flops"]),
        ("porian2024", ["nearly-total-params"]),
        ("deepseek2024", ["not-comparable-params"]),
        ("llama3", ["params-not-stated"]),
        ("cerebras2023", ["other-flops"]),
    ],
)
def test_every_convention_is_converted_kept_or_marked_and_always_said(name: str, findings: list[str]) -> None:
    card = in_total_params(PUBLISHED[name])
    assert [finding.id for finding in card.findings] == findings
    assert is_comparable(card) == (name != "deepseek2024")


@pytest.mark.parametrize("spelled", ["non-embedding", "Non embedding", " NON-EMBEDDING "])
def test_however_it_is_spelled_non_embedding_is_converted(spelled: str) -> None:
    card = replace(PUBLISHED["besiroglu2024"], params_definition=spelled)
    assert in_total_params(card).law == TotalLossLaw(card.law)  # type: ignore[arg-type]  # a law with a loss


def test_params_of_no_known_kind_are_taken_for_total_with_a_warning() -> None:
    card = replace(PUBLISHED["besiroglu2024"], params_definition="backbone")
    (finding,) = in_total_params(card).findings
    assert (finding.id, finding.severity) == ("params-not-known", "warning")
    assert "(backbone)" in finding.message
    for known in ("Total", "active", "total, with one embedding"):
        assert in_total_params(replace(card, params_definition=known)).findings == ()


def test_what_a_law_was_fitted_to_is_converted_with_it() -> None:
    N, D = CHINCHILLA.optimum(1e20)
    ranges = {
        "params": (1e8, 1e9),
        "tokens": (1e9, 1e11),
        "flops": (1e20, 1e22),
        "tokens_per_param": (1.0, 9.0),
    }
    card = replace(PUBLISHED["besiroglu2024"], params_definition="non-embedding", fitted_range=ranges)
    fitted = in_total_params(card).fitted_range
    assert fitted["params"] == pytest.approx((total_params(1e8), total_params(1e9)))
    # the budget that the same model takes, its embeddings counted
    assert fitted["flops"][0] == pytest.approx(spent(total_params(N), D), rel=1e-12)
    assert fitted["tokens"] == (1e9, 1e11)
    assert "tokens_per_param" not in fitted


@pytest.mark.parametrize("definition", ["non-embedding", PUBLISHED["deepseek2024"].params_definition])
def test_budgets_without_params_cannot_be_converted_and_are_marked(definition: str) -> None:
    card = replace(PUBLISHED["cerebras2023"], params_definition=definition)
    marked = in_total_params(card)
    assert not is_comparable(marked)
    assert marked.law is card.law
    assert definition in marked.findings[0].message
    assert [finding.id for finding in as_published(card).findings] == ["mixed-params"]


def test_no_published_law_counts_params_in_a_way_that_passes_unsaid() -> None:
    for name, card in PUBLISHED.items():
        said = in_total_params(card).findings != card.findings
        assert said or card.params_definition.startswith("total"), name


def test_a_law_left_as_published_is_itself_and_warns() -> None:
    kaplan = as_published(PUBLISHED["kaplan2020"])
    assert kaplan.law is PUBLISHED["kaplan2020"].law
    assert [(finding.id, finding.severity) for finding in kaplan.findings] == [("mixed-params", "warning")]
    for name in ("besiroglu2024", "llama3", "cerebras2023"):
        assert as_published(PUBLISHED[name]) is PUBLISHED[name]


@pytest.mark.parametrize(
    "law", [CHINCHILLA, KAPLAN_JOINT, TotalLossLaw(CHINCHILLA)], ids=lambda law: law.form
)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_at_the_break_even_demand_scipy_would_have_trained_the_same_model(
    law: PredictsLoss, share: float
) -> None:
    N_opt, _ = law.optimum(1e22)
    N = share * N_opt
    D = 1e22 / (6 * N)
    D_inf = break_even_inference_tokens(law, N, D)
    assert D_inf > 0
    L = law.loss(N, D)

    def lifetime(log_N: float) -> float:
        return math.exp(log_N) * (6 * law.tokens_for_loss(math.exp(log_N), L) + 2 * D_inf) / 1e22

    bounds = (math.log(N) - 0.1, math.log(N) + 0.1)
    solved = minimize_scalar(lifetime, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    assert math.exp(solved.x) == pytest.approx(N, rel=1e-4)


def test_no_demand_makes_a_model_right_that_is_larger_than_its_optimum() -> None:
    N_opt, D_opt = CHINCHILLA.optimum(1e22)
    assert break_even_inference_tokens(CHINCHILLA, 2 * N_opt, D_opt / 2) < 0
    assert break_even_inference_tokens(CHINCHILLA, N_opt, D_opt) == pytest.approx(0, abs=1e-3 * D_opt)
