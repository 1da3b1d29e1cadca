"""Plans compared: what they waste agrees with brute force, and the rank follows from it."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.errors import PlanError
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.laws.repeated import for_repeated_data
from scaling_cli.planning.compare_plans import (
    RankedPlan,
    cheapest_at,
    compare_plans,
    fields_of,
)
from scaling_cli.planning.constrained.limits import Cost
from scaling_cli.planning.constrained.plan import Plan, plan_of
from scaling_cli.planning.regret import wasted_share

BESIROGLU = PUBLISHED["besiroglu2024"]


def chinchilla_law(card: LawCard) -> ChinchillaLaw:
    assert isinstance(card.law, ChinchillaLaw)
    return card.law


LAW = chinchilla_law(BESIROGLU)
ON_H100 = {"gpu": "h100", "mfu": 0.4, "gpu_hour_price": 2.5}


def compared(*known: Mapping[str, object], card: LawCard = BESIROGLU) -> dict[str, RankedPlan]:
    plans = [plan_of({"name": f"plan {index}", **one}) for index, one in enumerate(known)]
    return {one.name: one for one in compare_plans(card, plans)}


def cheapest_on_a_grid(law: ChinchillaLaw, loss: float, training: float, serving: float) -> float:
    """The least of a N D + b N over a fine grid of N, with the D that reaches the loss."""
    least = (law.A / (loss - law.E)) ** (1 / law.alpha)
    N = least * np.geomspace(1 + 1e-6, 1e4, 400_001)
    D = (law.B / (loss - law.E - law.A * N**-law.alpha)) ** (1 / law.beta)
    return float((training * N * D + serving * N).min())


@pytest.mark.parametrize(("N", "D"), [(280e9, 300e9), (70e9, 1.4e12), (6.7e9, 1e12)])
@pytest.mark.parametrize("demand", [None, 2e12, 5e13])
def test_waste_is_what_the_cheapest_plan_of_the_loss_saves(N: float, D: float, demand: float | None) -> None:
    served = {} if demand is None else {"inference_tokens": demand}
    (one,) = compared({"params": N, "tokens": D, **served}).values()
    own = 6 * N * D + 2 * N * (demand or 0)
    best = cheapest_on_a_grid(LAW, LAW.loss(N, D), 6, 2 * (demand or 0))
    assert one.waste == pytest.approx(1 - best / own, abs=1e-6)
    assert one.cheapest is not None
    assert one.cheapest.total_flops == pytest.approx(best, rel=1e-6)
    assert one.cheapest.total_usd is None
    assert LAW.loss(one.cheapest.params, one.cheapest.tokens) == pytest.approx(LAW.loss(N, D), rel=1e-9)
    if demand is None:
        assert one.waste == pytest.approx(wasted_share(LAW, N, D), abs=1e-9)


def test_waste_is_of_dollars_where_serving_has_a_price_of_its_own() -> None:
    known = {"params": 30e9, "tokens": 3e12, "inference_tokens": 5e12, **ON_H100, "serving": {"mfu": 0.1}}
    (one,) = compared(known).values()
    rate = 2.5 / (3600 * 989e12 * 0.4)
    training, serving = 6 * rate, 2 * 5e12 * rate * 4
    best = cheapest_on_a_grid(LAW, LAW.loss(30e9, 3e12), training, serving)
    assert one.total_usd == pytest.approx(training * 30e9 * 3e12 + serving * 30e9)
    assert one.cheapest is not None
    assert one.cheapest.total_usd == pytest.approx(best, rel=1e-6)
    assert one.total_usd is not None
    assert one.waste == pytest.approx(1 - best / one.total_usd, abs=1e-6)
    (in_flops,) = compared({**known, "serving": {}, "mfu": 0.2}).values()
    assert in_flops.waste != pytest.approx(one.waste, abs=1e-3)


def test_waste_allows_for_the_data_there_are() -> None:
    card = PUBLISHED["muennighoff2023"]
    law = for_repeated_data(card).law
    assert isinstance(law, DataConstrainedLaw)
    known = {"params": 3e9, "tokens": 500e9, "unique_tokens": 25e9}
    (one,) = compared(known, card=card).values()
    loss = law.loss(3e9, 500e9, 25e9)
    assert one.solved.allocation.loss == pytest.approx(loss)
    assert one.cheapest is not None
    best = one.cheapest.params, one.cheapest.tokens
    assert law.loss(*best, 25e9) == pytest.approx(loss, rel=1e-9)
    for factor in (0.99, 1.01):  # neighbours of the same loss cost more
        near = best[0] * factor
        low, high = 25e9, 1e14
        for _ in range(200):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if law.loss(near, middle, 25e9) > loss else (low, middle)
        assert near * high > best[0] * best[1]
    assert one.waste == pytest.approx(1 - best[0] * best[1] / (3e9 * 500e9))
    # against fresh data it would be more, but there are none
    assert one.waste is not None
    assert 0 < one.waste < (one.solved.allocation.waste or 0)


def test_an_optimum_wastes_nothing_whatever_it_was_asked_by() -> None:
    found = compared(
        {"flops": 5.76e23},
        {"loss": 2.0, "inference_tokens": 1e13},
        {"gpus": 64, "days": 30, **ON_H100},
        {"usd": 2e6, "inference_tokens": 2e12, **ON_H100},
    )
    assert [one.waste for one in found.values()] == [0, 0, 0, 0]
    assert [one.is_in_flat_range for one in found.values()] == [True] * 4
    # what wastes as little is ranked by its loss
    losses = [one.solved.allocation.loss or 0 for one in found.values()]
    assert losses == sorted(losses)


def test_plans_that_are_alike_stay_in_the_order_of_the_file() -> None:
    dear = {"loss": 2.0, "inference_tokens": 2e12, **ON_H100}
    found = compared(dear, {**dear, "gpu_hour_price": 4.0}, {**dear, "serving": {"mfu": 0.1}}, {"loss": 2.0})
    assert list(found) == ["plan 0", "plan 1", "plan 2", "plan 3"]
    assert [one.rank for one in found.values()] == [1, 2, 3, 4]


def test_limits_and_fixed_sizes_are_what_a_plan_wastes() -> None:
    found = compared({"flops": 5.76e23, "max_params": 30e9}, {"flops": 5.76e23, "max_tokens": 1e12})
    assert found["plan 0"].waste == pytest.approx(0.2365, abs=1e-4)
    assert found["plan 1"].waste == pytest.approx(0.0284, abs=1e-4)
    assert [one.rank for one in found.values()] == [1, 2]
    assert list(found) == ["plan 1", "plan 0"]


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=5, unique=True), st.floats(0, 14))
@settings(max_examples=30, deadline=None)
def test_at_one_cost_the_rank_is_the_order_of_the_losses(sizes: list[float], demand: float) -> None:
    cost, D_inf = 1e23, 10**demand
    plans = []
    for index, size in enumerate(sizes):
        N = 1e10 * math.exp(size)
        D = cost / (6 * N) - D_inf / 3
        if D > 1e6:
            plans.append(Plan(params=N, tokens=D, inference_tokens=D_inf, name=str(index)))
    if not plans:
        return
    ranked = compare_plans(BESIROGLU, plans)
    losses = [one.solved.allocation.loss or 0 for one in ranked]
    assert losses == sorted(losses)
    assert [one.rank for one in ranked] == list(range(1, len(plans) + 1))


@given(st.floats(-1.5, 1.5), st.floats(20, 25), st.floats(0.001, 0.3))
@settings(max_examples=30, deadline=None)
def test_a_plan_in_its_flat_range_is_one_whose_params_lie_there(
    size: float, flops: float, waste: float
) -> None:
    C = 10**flops
    N = LAW.optimum(C)[0] * math.exp(size)
    (one,) = compare_plans(BESIROGLU, [Plan(params=N, flops=C, waste=waste, name="a")])
    flat = one.solved.allocation.flat_range
    assert flat is not None
    if not math.isclose(N, flat.low, rel_tol=1e-6) and not math.isclose(N, flat.high, rel_tol=1e-6):
        assert one.is_in_flat_range == (flat.low < N < flat.high)


@given(st.floats(1.9, 2.6))
@settings(max_examples=20, deadline=None)
def test_serving_next_to_nothing_is_serving_nothing(loss: float) -> None:
    plan = Plan(loss=loss)
    closed, solved = cheapest_at(plan, LAW, Cost(6.0), loss), cheapest_at(plan, LAW, Cost(6.0, 1e-3), loss)
    assert closed is not None
    assert solved == pytest.approx(closed, rel=1e-6)


def test_a_law_with_draws_says_how_sure_the_waste_is() -> None:
    draws = [replace(LAW, alpha=LAW.alpha * (1 + 0.002 * k)) for k in range(-10, 11)]
    card = replace(BESIROGLU, name="drawn", draws=tuple(draws))
    for demand in (0.0, 2e12):
        served = {"inference_tokens": demand} if demand else {}
        found = compared({"params": 7e9, "tokens": 2e12, **served, "interval": 0.8}, card=card)
        one = found["plan 0"]
        b = 2 * demand
        own = 6 * 7e9 * 2e12 + b * 7e9
        wastes = [1 - cheapest_on_a_grid(draw, draw.loss(7e9, 2e12), 6, b) / own for draw in draws]
        assert one.waste_interval == pytest.approx(tuple(np.quantile(wastes, [0.1, 0.9])), abs=1e-5)
        assert one.waste is not None
        assert one.intervals["waste"][0] < one.waste < one.intervals["waste"][1]
        low, high = one.intervals["loss"]
        assert low < (one.solved.allocation.loss or 0) < high


def test_a_plan_that_nothing_keeps_to_comes_last_without_a_rank() -> None:
    found = compared({"params": 7e9, "loss": 1.9}, {"params": 280e9, "tokens": 300e9})
    assert list(found) == ["plan 1", "plan 0"]
    refused = found["plan 0"]
    assert (refused.rank, refused.waste, refused.cheapest, refused.is_in_flat_range) == (None,) * 4
    with pytest.raises(PlanError, match=r"no plan has params 7B and loss 1\.9"):
        compared({"params": 7e9, "loss": 1.9})


def test_a_law_without_a_loss_ranks_nothing() -> None:
    found = compared({"flops": 1e22}, {"flops": 1e23, **ON_H100}, card=PUBLISHED["kaplan2020"])
    assert list(found) == ["plan 0", "plan 1"]
    assert [one.rank for one in found.values()] == [None, None]
    values = fields_of(found["plan 1"])
    assert (values["loss"], values["waste"], values["in_flat_range"], values["cheapest.params"]) == (
        None,
    ) * 4
    assert values["total_usd"] == values["hardware.usd"] == pytest.approx(1e23 * 2.5 / (3600 * 989e12 * 0.4))


def test_progress_is_told_of_every_plan() -> None:
    done: list[int] = []
    compare_plans(BESIROGLU, [Plan(flops=1e22, name="a"), Plan(flops=1e23, name="b")], done.append)
    assert done == [1, 1]
