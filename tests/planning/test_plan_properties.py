"""What holds for every plan under every law: any two of its quantities give the rest of it back."""

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.errors import PlanError
from scaling_cli.laws.additive import AdditiveLaw, ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.law import Allocates
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.allocation import allocate
from scaling_cli.planning.question import QUANTITIES

TERMS = st.floats(0.05, 2.0)
BUDGETS = st.floats(17, 27).map(lambda log_C: 10**log_C)
PAIRS = list(combinations(QUANTITIES, 2))
checked = settings(max_examples=40, derandomize=True, deadline=None)


@st.composite
def drawn_cards(draw: st.DrawFn) -> LawCard:
    """Chinchilla and overtraining laws whose terms are worth 0.05 to 2 nats at 1B params on 20B tokens."""
    E, term_N, term_D = draw(st.floats(0, 3)), draw(TERMS), draw(TERMS)
    if draw(st.booleans()):
        alpha, beta = draw(st.floats(0.15, 0.8)), draw(st.floats(0.15, 0.8))
        law = ChinchillaLaw(E=E, A=term_N * 1e9**alpha, B=term_D * 2e10**beta, alpha=alpha, beta=beta)
        return LawCard(name="drawn", law=law)
    eta = draw(st.floats(0.08, 0.4))
    a, b = term_N * (1.2e20 / 20) ** eta, term_D * (1.2e20 * 20) ** eta
    return LawCard(name="drawn", law=OvertrainingLaw(E=E, a=a, b=b, eta=eta))


WITH_LOSS = st.one_of(
    st.sampled_from([card for card in PUBLISHED.values() if isinstance(card.law, AdditiveLaw)]), drawn_cards()
)
ALLOCATING = st.one_of(
    st.sampled_from([card for card in PUBLISHED.values() if isinstance(card.law, Allocates)]), drawn_cards()
)


def whole_plan(card: LawCard, N: float, D: float) -> dict[str, float]:
    assert isinstance(card.law, AdditiveLaw)
    values = (6 * N * D, N, D, D / N, card.law.loss(N, D))
    return dict(zip(QUANTITIES, values, strict=True))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@checked
@given(card=WITH_LOSS, log_N=st.floats(7, 13), log_D=st.floats(8, 15))
def test_any_two_quantities_give_the_rest_of_the_plan(
    pair: tuple[str, str], card: LawCard, log_N: float, log_D: float
) -> None:
    expected = whole_plan(card, 10**log_N, 10**log_D)
    plan = allocate(card, **{name: expected[name] for name in pair})
    if set(pair) == {"flops", "loss"}:
        # two sizes reach the loss: the plan's own, or the one beyond the optimum
        assert plan.params is not None
        assert plan.params <= expected["params"] * (1 + 1e-3)
        assert plan.loss == expected["loss"]
        assert card.law.loss(plan.params, plan.tokens) == pytest.approx(expected["loss"], rel=1e-12)  # type: ignore[attr-defined]
        return
    for name, value in expected.items():
        assert getattr(plan, name) == pytest.approx(value, rel=1e-6), name


@checked
@given(card=WITH_LOSS, C=BUDGETS)
def test_each_quantity_of_an_optimum_alone_gives_the_optimum(card: LawCard, C: float) -> None:
    best = allocate(card, flops=C)
    for name in ("params", "tokens", "loss"):
        again = allocate(card, **{name: getattr(best, name)})
        for quantity in QUANTITIES:
            assert getattr(again, quantity) == pytest.approx(getattr(best, quantity), rel=1e-6), name


@checked
@given(card=ALLOCATING, C=BUDGETS)
def test_every_plan_spends_its_budget(card: LawCard, C: float) -> None:
    best = allocate(card, flops=C)
    assert best.params is not None
    assert best.tokens is not None
    for known in ({"flops": C}, {"params": best.params}, {"tokens": best.tokens}):
        plan = allocate(card, **known)
        assert plan.flops is not None
        assert plan.params is not None
        assert plan.tokens is not None
        assert 6 * plan.params * plan.tokens == pytest.approx(plan.flops, rel=1e-9)
        assert plan.flops == pytest.approx(C, rel=1e-9)


@checked
@given(card=WITH_LOSS, C=BUDGETS)
def test_the_best_loss_of_a_budget_can_be_asked_for_with_it(card: LawCard, C: float) -> None:
    best = allocate(card, flops=C)
    again = allocate(card, flops=C, loss=best.loss)
    assert again.params == pytest.approx(best.params, rel=1e-4)


@checked
@given(card=WITH_LOSS, log_N=st.floats(7, 13), log_D=st.floats(8, 15))
def test_a_what_if_wastes_a_share_and_lies_outside_the_flat_range_where_it_wastes_more(
    card: LawCard, log_N: float, log_D: float
) -> None:
    plan = allocate(card, params=10**log_N, tokens=10**log_D)
    assert plan.waste is not None
    assert plan.params is not None
    assert plan.flat_range is not None
    assert 0 <= plan.waste < 1
    is_inside = plan.flat_range.low <= plan.params <= plan.flat_range.high
    if not math.isclose(plan.waste, 0.01, rel_tol=1e-6):
        assert is_inside == (plan.waste < 0.01)


EXTREMES = (1e-300, 1e-30, 1.0, 1e30, 1e300)


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_question_however_odd_ends_in_anything_but_a_plan_or_a_reason(name: str) -> None:
    card, plans, refusals = PUBLISHED[name], 0, 0
    alone = [
        {quantity: value} for quantity in QUANTITIES if quantity != "tokens_per_param" for value in EXTREMES
    ]
    pairs = [{a: x, b: y} for a, b in PAIRS for x in EXTREMES for y in EXTREMES]
    for known in alone + pairs:
        try:
            plan = allocate(card, **known)
        except PlanError:
            refusals += 1
            continue
        plans += 1
        for quantity in ("flops", "params", "tokens"):
            value = getattr(plan, quantity)
            assert math.isfinite(value), known
            assert value > 0, known
    assert plans + refusals == len(alone + pairs)
