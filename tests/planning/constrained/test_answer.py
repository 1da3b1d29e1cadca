"""A solved plan: what stands beside it, what is said of it, and how sure it is."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.allocation import answer
from scaling_cli.planning.constrained.answer import solve_plan
from scaling_cli.planning.constrained.plan import plan_of
from scaling_cli.planning.constrained.solved import SolvedPlan
from scaling_cli.planning.question import Question

CARD = PUBLISHED["besiroglu2024"]
LAW = ChinchillaLaw(**CARD.law.parameters)
REPEATING = LawCard("repeating", DataConstrainedLaw(**LAW.parameters, R_D_star=15.4, R_N_star=5.3))


def solve(_card: LawCard = CARD, /, **known: Any) -> SolvedPlan:
    return solve_plan(_card, plan_of(known))


def ids(solved: SolvedPlan) -> list[str]:
    return [finding.id for finding in solved.allocation.findings]


def test_a_plan_that_nothing_limits_is_the_optimum() -> None:
    solved, plain = solve(flops=5.76e23), answer(CARD, Question(flops=5.76e23))
    assert solved.allocation.params == plain.params
    assert solved.allocation.tokens == plain.tokens
    assert solved.allocation.flat_range == plain.flat_range
    assert solved.allocation.waste is None


def test_the_optimum_beside_a_plan_with_demand_spends_the_same_budget_with_its_serving() -> None:
    solved = solve(flops=5e22, inference_tokens=2e12)
    free = solved.unconstrained
    assert free is not None
    assert free.flops + 2 * free.params * 2e12 == pytest.approx(5e22, rel=1e-9)
    assert (free.params, free.tokens) == pytest.approx(LAW.optimum(free.flops))
    assert solved.allocation.loss is not None
    assert solved.allocation.loss < free.loss


def test_the_optimum_beside_a_target_reaches_it_for_less_training_and_more_in_all() -> None:
    solved = solve(loss=2.1, inference_tokens=2e12)
    free = solved.unconstrained
    assert free is not None
    assert solved.total_flops is not None
    assert free.flops == pytest.approx(LAW.flops_for_loss(2.1))
    assert free.flops < (solved.allocation.flops or 0) < solved.total_flops < free.total_flops
    assert solved.saving == pytest.approx(1 - solved.total_flops / free.total_flops)
    assert "inference-saving" in ids(solved)


def test_a_fixed_size_stays_fixed_under_every_limit() -> None:
    solved = solve(params=7e9, loss=2.1, inference_tokens=2e12)
    assert solved.allocation.params == 7e9
    assert LAW.loss(7e9, solved.allocation.tokens or 0) == pytest.approx(2.1)
    fixed = solve(tokens=300e9, tokens_per_param=20, inference_tokens=2e12)
    assert (fixed.allocation.params, fixed.allocation.tokens) == (15e9, 300e9)


def test_a_fixed_ratio_is_kept_to_a_rounding() -> None:
    goals: list[dict[str, Any]] = [{"flops": 1e22}, {"loss": 2.1}]
    for known in goals:
        solved = solve(**known, tokens_per_param=50, inference_tokens=1e12)
        assert solved.allocation.tokens_per_param == pytest.approx(50, rel=1e-9)


def test_tokens_are_capped_where_the_law_knows_no_repetition() -> None:
    solved = solve(flops=5.76e23, unique_tokens=1e12)
    assert solved.allocation.params == pytest.approx(96e9)
    assert solved.allocation.tokens == 1e12
    assert solved.epochs == 1
    (capped,) = [one for one in solved.allocation.findings if one.id == "data-capped"]
    assert capped.message.endswith("that costs 0.00081 in loss and 2.84 % of the compute")
    assert "data-capped" not in ids(solve(flops=5.76e23, unique_tokens=2e12))


def test_more_than_one_epoch_is_refused_where_the_law_knows_no_repetition() -> None:
    solved = solve(flops=1e22, unique_tokens=50e9, epochs=4)
    assert solved.allocation.refusal is not None
    assert solved.allocation.refusal.id == "repeats-data"
    assert solve(flops=1e22, unique_tokens=50e9, epochs=1).allocation.refusal is None


def test_epochs_and_params_are_optimal_together_under_a_law_that_knows_repetition() -> None:
    C, U = 1e22, 25e9
    solved = solve(REPEATING, flops=C, unique_tokens=U)
    law = REPEATING.law
    assert isinstance(law, DataConstrainedLaw)
    assert (solved.allocation.params, solved.allocation.tokens) == pytest.approx(law.optimum_of_unique(C, U))
    assert solved.epochs == pytest.approx((solved.allocation.tokens or 0) / U)
    assert solved.allocation.loss == law.loss(solved.allocation.params or 0, solved.allocation.tokens or 0, U)


def test_epochs_that_are_capped_are_no_more() -> None:
    solved = solve(REPEATING, flops=1e22, unique_tokens=25e9, epochs=4)
    assert solved.epochs == 4
    assert [one.name for one in solved.constraints if one.active] == ["flops", "unique_tokens", "epochs"]


@pytest.mark.parametrize(("dtype", "each"), [("bf16", 2), ("int8", 1), ("int4", 0.5), ("fp32", 4)])
def test_weights_fill_the_memory_that_serving_has(dtype: str, each: float) -> None:
    solved = solve(flops=1e25, memory_gb=80, serve_dtype=dtype)
    assert solved.allocation.params == pytest.approx(80e9 / each)


def test_a_cache_leaves_room_for_fewer_params() -> None:
    known: dict[str, Any] = {"flops": 1e25, "memory_gb": 80, "kv_tokens": 32768}
    N = solve(**known).allocation.params or 0
    assert pytest.approx(80e9) == 2 * N + 32768 * 2 * 0.10774 * N**0.65265
    exact = solve(**known, kv_bytes_per_token=131072).allocation.params
    assert exact == pytest.approx((80e9 - 32768 * 131072) / 2)


def test_a_ratio_outside_the_runs_behind_the_law_is_doubted() -> None:
    assert "extrapolates-ratio" in ids(solve(flops=5.76e23, max_params=10e9))
    assert "extrapolates-ratio" not in ids(solve(flops=5.76e23, max_params=30e9))
    span = {"params": (1e8, 1e10), "tokens": (1e9, 1e11)}
    mine = LawCard("mine", LAW, fitted_range=span)
    assert "extrapolates-ratio" not in ids(solve(mine, flops=1e22, min_tokens_per_param=900))
    assert "extrapolates-ratio" in ids(solve(mine, flops=1e22, min_tokens_per_param=1100))


@pytest.mark.parametrize("name", ["hoffmann2022-a1", "kaplan2020", "llama3"])
def test_a_law_without_a_loss_still_counts_hours(name: str) -> None:
    solved = solve(PUBLISHED[name], flops=1e24, gpu="H100", mfu=0.4, days=30)
    assert solved.hardware is not None
    assert solved.hardware.gpus == math.ceil(1e24 / (989e12 * 0.4 * 86400 * 30))
    assert solved.allocation.params == answer(PUBLISHED[name], Question(flops=1e24)).params


@pytest.mark.parametrize("known", [{"max_params": 1e9}, {"inference_tokens": 1e12}, {"ladder": True}])
def test_limits_cannot_be_weighed_against_a_law_without_a_loss(known: dict[str, Any]) -> None:
    solved = solve(PUBLISHED["hoffmann2022-a1"], flops=1e22, **known)
    assert solved.allocation.refusal is not None
    assert solved.allocation.refusal.id == "law-has-no-loss"


def test_every_rung_of_the_ladder_reaches_the_loss_and_pays_where_it_says() -> None:
    ladder = solve(flops=5.76e23, ladder=True).ladder
    assert ladder is not None
    N_opt, D_opt = LAW.optimum(5.76e23)
    for rung in ladder.rungs:
        N, D = rung.params, rung.tokens
        assert (
            pytest.approx(
                brentq(lambda D, N=N: LAW.loss(N, D) - ladder.loss, 1e9, 1e16, rtol=1e-14), rel=1e-9
            )
            == D
        )
        if rung.break_even_tokens is None:
            continue
        served = rung.break_even_tokens
        assert 6 * N * (D or 0) + 2 * N * served == pytest.approx(6 * N_opt * D_opt + 2 * N_opt * served)
        right = solve(loss=ladder.loss, inference_tokens=rung.right_for_tokens).allocation
        assert right.params == pytest.approx(N, rel=1e-6)


def test_a_rung_below_the_least_size_is_unreachable() -> None:
    # a term in N that is nearly all there is: no smaller model makes up for it
    steep = LawCard("steep", ChinchillaLaw(E=1.0, A=10.0, B=0.5e6, alpha=0.1, beta=0.8))
    ladder = solve(steep, flops=1e22, ladder=True).ladder
    assert ladder is not None
    assert ladder.least_ratio > 0.25
    assert [rung.tokens is None for rung in ladder.rungs] == [
        rung.ratio <= ladder.least_ratio for rung in ladder.rungs
    ]


def near(seed: int) -> ChinchillaLaw:
    random = np.random.default_rng(seed)
    alpha, beta = (
        LAW.alpha * math.exp(0.02 * random.standard_normal()),
        LAW.beta * math.exp(0.02 * random.standard_normal()),
    )
    return ChinchillaLaw(
        LAW.E, LAW.A * 1e10 ** (alpha - LAW.alpha), LAW.B * 2e11 ** (beta - LAW.beta), alpha, beta
    )


DRAWN = LawCard("mine", LAW, draws=tuple(near(seed) for seed in range(60)), residuals=(-0.01, 0.0, 0.01))


def test_intervals_are_those_of_the_plan_solved_under_every_draw() -> None:
    sure = solve(DRAWN, loss=2.1, inference_tokens=2e12).allocation.uncertainty
    assert sure is not None
    sizes = [solve(LawCard("one", draw), loss=2.1, inference_tokens=2e12) for draw in DRAWN.draws]
    expected = np.quantile([one.allocation.params or 0 for one in sizes], [0.05, 0.95])
    assert sure.intervals["params"] == pytest.approx(tuple(expected), rel=1e-9)
    assert {"tokens", "flops", "total_flops", "waste"} <= sure.intervals.keys()
    assert "loss" not in sure.intervals


def test_what_a_limit_fixes_has_no_interval_and_the_loss_has() -> None:
    sure = solve(DRAWN, flops=5.76e23, max_params=30e9).allocation.uncertainty
    assert sure is not None
    assert sure.intervals.keys() == {"loss", "observed_loss", "waste"}
    assert sure.regret is not None


def test_limits_that_many_draws_cannot_keep_to_leave_the_loss_of_the_plan_and_it_is_said() -> None:
    least = LAW.flops_for_loss(2.1)
    solved = solve(DRAWN, loss=2.1, flops=least * 1.0001, max_params=50e9)
    assert "no-interval" in ids(solved)
    assert solved.allocation.uncertainty is not None
    assert "loss" in solved.allocation.uncertainty.intervals


@pytest.mark.parametrize("flops", [1e3, 1e40, 1e300])
@pytest.mark.parametrize(
    "limit", ["max_params", "max_tokens", "inference_tokens", "unique_tokens", "min_tokens_per_param"]
)
def test_no_plan_however_odd_ends_in_anything_but_numbers_or_a_reason(flops: float, limit: str) -> None:
    for value in (1e-3, 1e12, 1e100):
        for card in (CARD, REPEATING):
            solved = solve(card, flops=flops, **{limit: value})
            if solved.allocation.refusal is None:
                assert math.isfinite(solved.allocation.params or math.inf)
                assert math.isfinite(solved.allocation.loss or math.inf)


@pytest.mark.parametrize("known", [{"params": 7e9}, {"tokens": 140e9}])
def test_a_size_alone_has_the_hours_of_the_budget_for_which_it_is_optimal(known: dict[str, float]) -> None:
    solved, plain = solve(**known, gpu="H100", mfu=0.4), answer(CARD, Question(**known))  # type: ignore[arg-type]
    assert solved.allocation.flops == pytest.approx(plain.flops, rel=1e-9)
    assert (solved.allocation.question, solved.allocation.waste) == (plain.question, None)
    assert solved.hardware is not None
    assert solved.hardware.gpu_hours == pytest.approx((plain.flops or 0) / (989e12 * 3600 * 0.4), rel=1e-9)


def test_of_several_budgets_the_one_that_binds_is_named() -> None:
    known = {"gpus": 64, "days": 30, "gpu": "H100", "mfu": 0.4, "gpu_hour_price": 2.5}
    (note,) = [
        one for one in solve(flops=1e24, usd=1e5, **known).allocation.findings if one.id == "binding-budget"
    ]
    assert note.message == (
        "the budget that binds is $100k; 1e24 FLOPs and 46.08k accelerator-hours would allow more"
    )
    (note,) = [
        one for one in solve(loss=2.5, usd=1e5, **known).allocation.findings if one.id == "binding-budget"
    ]
    assert note.message == "no budget binds: 46.08k accelerator-hours and $100k all allow more"


def test_a_budget_that_limits_leave_unspent_is_said_and_what_is_fixed_stays_fixed_without_them() -> None:
    solved = solve(flops=5.76e23, params=30e9, max_tokens=10e9)
    (finding,) = [one for one in solved.allocation.findings if one.id == "budget-unspent"]
    assert finding.severity == "warning"
    assert finding.message.startswith(
        "99.7 % of the budget is left unspent, of 5.76e23 FLOPs: params 30B and max"
    )
    free = solved.unconstrained
    assert free is not None
    assert (free.params, free.tokens) == pytest.approx((30e9, 5.76e23 / 6 / 30e9))
    assert free.loss == pytest.approx(LAW.loss(free.params, free.tokens))
    both = solve(flops=5.76e23, max_params=1e9, max_tokens=10e9)
    assert both.unspent == pytest.approx(1 - 6e19 / 5.76e23)
    assert both.unconstrained is not None
    assert both.unconstrained.params == pytest.approx(LAW.optimum(5.76e23)[0])


def test_a_budget_that_is_spent_or_that_a_target_ends_is_no_finding() -> None:
    for known in ({"flops": 5.76e23, "max_params": 30e9}, {"loss": 2.0, "flops": 1e25, "max_params": 30e9}):
        assert "budget-unspent" not in ids(solve(**known))
