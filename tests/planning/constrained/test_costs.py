"""What limits cost, against closed forms and against solving without them."""

import math

import pytest

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.constrained.answer import solve_plan
from scaling_cli.planning.constrained.costs import LimitCost
from scaling_cli.planning.constrained.plan import plan_of
from scaling_cli.planning.constrained.solved import SolvedPlan
from scaling_cli.planning.regret import wasted_share

CARD = PUBLISHED["besiroglu2024"]
LAW = CARD.law
C = 5.76e23


def solve(**known: object) -> SolvedPlan:
    return solve_plan(CARD, plan_of(known))


def cost_of(solved: SolvedPlan, name: str) -> LimitCost:
    (found,) = [one for one in solved.constraints if one.name == name]
    return found


def test_the_shadow_price_of_a_budget_alone_is_the_slope_of_the_frontier() -> None:
    assert isinstance(LAW, ChinchillaLaw)
    price = cost_of(solve(flops=C), "flops").shadow_price
    # L* = E + F (C/6)^-g
    assert price == pytest.approx(-LAW.frontier_exponent * (LAW.frontier_loss(C) - LAW.E), rel=1e-6)


def test_the_shadow_prices_at_a_largest_size_are_those_of_the_terms() -> None:
    assert isinstance(LAW, ChinchillaLaw)
    solved = solve(flops=C, max_params=30e9)
    eps_N = LAW.alpha * LAW.A * 30e9**-LAW.alpha
    eps_D = LAW.beta * LAW.B * (C / 6 / 30e9) ** -LAW.beta
    # D = C/(6 N): more budget is more tokens, and a larger N fewer
    assert cost_of(solved, "flops").shadow_price == pytest.approx(-eps_D, rel=1e-6)
    assert cost_of(solved, "max_params").shadow_price == pytest.approx(eps_D - eps_N, rel=1e-6)


def test_a_largest_size_costs_the_loss_and_the_compute_that_the_what_if_wastes() -> None:
    assert isinstance(LAW, ChinchillaLaw)
    solved = solve(flops=C, max_params=30e9)
    cost = cost_of(solved, "max_params")
    assert cost.active
    assert solved.allocation.loss is not None
    assert cost.loss_cost == pytest.approx(solved.allocation.loss - LAW.frontier_loss(C), rel=1e-9)
    assert cost.compute_cost == pytest.approx(wasted_share(LAW, 30e9, C / 6 / 30e9) * C, rel=1e-9)


def test_a_limit_that_does_not_bind_costs_nothing() -> None:
    cost = cost_of(solve(flops=C, max_params=300e9), "max_params")
    assert cost == LimitCost("max_params", 300e9, False, 0.0, 0.0, 0.0, 0.0)


def test_the_only_budget_has_no_plan_without_it() -> None:
    cost = cost_of(solve(flops=C, max_params=30e9), "flops")
    assert (cost.loss_cost, cost.compute_cost) == (None, None)


def test_without_the_budget_that_binds_the_next_one_does() -> None:
    solved = solve(flops=C, usd=1e6, gpu="H100", mfu=0.4, gpu_hour_price=2.5)
    first, second = cost_of(solved, "flops"), cost_of(solved, "usd")
    assert (first.active, second.active) == (False, True)
    assert solved.allocation.loss is not None
    assert second.loss_cost == pytest.approx(solved.allocation.loss - LAW.frontier_loss(C), rel=1e-9)  # type: ignore[attr-defined]
    assert [one.id for one in solved.allocation.findings if one.id == "binding-budget"] == ["binding-budget"]


def test_at_a_target_a_limit_costs_compute_and_no_loss() -> None:
    free = solve(loss=2.0, inference_tokens=10e12)
    held = solve(loss=2.0, inference_tokens=10e12, max_tokens=1e12)
    cost = cost_of(held, "max_tokens")
    assert held.total_flops is not None
    assert free.total_flops is not None
    assert cost.loss_cost == 0
    assert cost.compute_cost == pytest.approx(held.total_flops - free.total_flops, rel=1e-9)
    assert cost.shadow_price is not None
    assert cost.shadow_price < 0


def test_the_shadow_price_at_a_target_is_that_of_the_budget_that_it_takes() -> None:
    held = solve(loss=2.0, max_params=20e9)
    same = solve(flops=held.total_flops, max_params=20e9)
    assert same.allocation.loss == pytest.approx(2.0, rel=1e-9)
    ours, theirs = (cost_of(one, "max_params").shadow_price for one in (held, same))
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_a_least_ratio_raises_the_loss_and_its_shadow_price_is_positive() -> None:
    cost = cost_of(solve(flops=C, min_tokens_per_param=100), "min_tokens_per_param")
    assert cost.active
    assert cost.loss_cost is not None
    assert cost.loss_cost > 0
    assert cost.shadow_price is not None
    assert cost.shadow_price > 0


def test_unique_tokens_under_a_repeating_law_cost_what_fresh_ones_would_save() -> None:
    card = PUBLISHED["muennighoff2023"]
    solved = solve_plan(card, plan_of({"flops": 1e22, "unique_tokens": 25e9}))
    cost = cost_of(solved, "unique_tokens")
    assert solved.allocation.loss is not None
    assert cost.active
    assert cost.loss_cost == pytest.approx(solved.allocation.loss - card.law.frontier_loss(1e22), rel=1e-9)  # type: ignore[attr-defined]
    assert cost.shadow_price is not None
    more = solve_plan(card, plan_of({"flops": 1e22, "unique_tokens": 25e9 * math.exp(1e-3)}))
    assert more.allocation.loss is not None
    slope = (more.allocation.loss - solved.allocation.loss) / 1e-3
    assert cost.shadow_price == pytest.approx(slope, rel=1e-3)


def test_a_limit_on_the_cheapest_plan_may_save_compute_and_cost_dollars() -> None:
    known = {
        "loss": 2.05,
        "inference_tokens": 5e12,
        "gpu": "H100",
        "mfu": 0.4,
        "gpu_hour_price": 2.5,
        "serving": {"mfu": 0.1, "gpu_hour_price": 2.0},
    }
    free, held = solve(**known), solve(**known, max_tokens_per_param=300)
    cost = cost_of(held, "max_tokens_per_param")
    assert free.total_flops is not None
    assert held.total_flops is not None
    assert cost.compute_cost == pytest.approx(held.total_flops - free.total_flops, rel=1e-6)
    assert cost.compute_cost is not None
    assert cost.compute_cost < 0

    def dollars(solved: SolvedPlan) -> float:
        assert solved.hardware is not None
        return (solved.hardware.usd or 0) + (solved.hardware.serving_usd or 0)

    assert dollars(held) > dollars(free)
    # what the plan is to cost least of is what a limit costs of it
    assert cost.cost == pytest.approx(1 - dollars(free) / dollars(held), rel=1e-6)
    above, below = (solve(**known, max_tokens_per_param=300 * math.exp(step)) for step in (1e-3, -1e-3))
    slope = (math.log(dollars(above)) - math.log(dollars(below))) / 2e-3
    assert cost.cost_elasticity == pytest.approx(slope, rel=1e-3)
    assert slope < 0


def test_without_prices_a_limit_costs_a_share_of_the_compute() -> None:
    solved = solve(flops=C, max_params=30e9)
    cost = cost_of(solved, "max_params")
    assert cost.compute_cost is not None
    assert cost.cost == pytest.approx(cost.compute_cost / C, rel=1e-12)
    assert cost.cost_elasticity is None
