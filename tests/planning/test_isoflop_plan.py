"""What an isoflop study says at its targets, and what it says against itself."""

import numpy as np
import pytest

from scaling_cli.fitting.isoflop import Isoflop, IsoflopSettings, fit_isoflop
from scaling_cli.laws.published import published_law
from scaling_cli.planning.isoflop_findings import no_frontier
from scaling_cli.planning.isoflop_plan import IsoflopPlan, RunsRead, plan_isoflop
from scaling_cli.planning.profile import profile_laws
from scaling_cli.planning.regret import wasted_share
from scaling_cli.runs import Runs
from tests.fitting.isoflop_studies import BUDGETS, LAWS, PUBLISHED, SIZES, TARGET, study


def planned(runs: Runs, flops: tuple[float, ...] = (TARGET,), replicates: int = 0) -> IsoflopPlan:
    found = fit_isoflop(runs, replicates=replicates)
    return plan_isoflop(found, RunsRead(runs, "study.csv", len(runs)), flops)


def ids(plan: IsoflopPlan) -> set[str]:
    return {finding.id for finding in plan.findings}


def test_without_noise_the_best_answer_is_the_laws_own() -> None:
    law = LAWS["0.465/0.155"]
    optimum = planned(study(law, 8.0, "drifting to 3x")).optima[0]
    N, D = law.optimum(TARGET)
    assert optimum.best.params == pytest.approx(N, rel=1e-3)
    assert optimum.best.tokens == pytest.approx(D, rel=1e-3)
    # the raw loss is a power law's, the best one bends towards the floor that the surface shows
    assert optimum.best.loss == pytest.approx(law.frontier_loss(TARGET), rel=1e-3)
    assert optimum.raw.loss is not None
    assert optimum.raw.loss < 0.95 * law.frontier_loss(TARGET)
    assert abs(optimum.raw.params / N - 1) > 0.03


def test_waste_is_what_following_the_raw_frontier_costs_under_the_law() -> None:
    law = LAWS["0.465/0.155"]
    optimum = planned(study(law, 16.0)).optima[0]
    # 35 % too many params
    assert optimum.raw.params / law.optimum(TARGET)[0] == pytest.approx(1.349, abs=1e-3)
    waste = wasted_share(law, optimum.raw.params, optimum.raw.tokens)
    assert waste == pytest.approx(0.0266, abs=1e-4)
    assert optimum.waste == pytest.approx(waste, rel=1e-3)


def test_targets_are_multiples_of_the_largest_ok_budget_unless_given() -> None:
    plan = planned(study(LAWS["0.465/0.155"], 4.0, "drifting to 3x"), flops=())
    assert [valley.status for valley in plan.study.valleys][-1] == "edge"
    assert [optimum.flops for optimum in plan.optima] == pytest.approx([1e21, 1e22, 1e23])
    assert [optimum.extrapolation for optimum in plan.optima] == pytest.approx([1, 10, 100])
    assert "edge-vertex" in ids(plan)


def test_a_target_far_away_is_said_to_extrapolate() -> None:
    plan = planned(study(PUBLISHED, 8.0), flops=(1e21, 1e23, 1e24))
    found = [[(f.id, f.severity) for f in optimum.findings] for optimum in plan.optima]
    assert found == [[], [("extrapolates", "info")], [("extrapolates", "warning")]]


def test_the_card_answers_as_the_plan_does() -> None:
    plan = planned(study(PUBLISHED, 8.0, noise=0.003), replicates=50)
    assert plan.card is not None
    best = plan.optima[0].best
    assert plan.card.law.optimum(TARGET) == pytest.approx((best.params, best.tokens))  # type: ignore[attr-defined]
    sizes = [draw.optimum(TARGET)[0] for draw in plan.card.draws]  # type: ignore[attr-defined]
    assert tuple(np.quantile(sizes, [0.05, 0.95])) == pytest.approx(best.intervals["params"])
    assert plan.card.fitted_range["flops"] == pytest.approx((6e18, 3e21))


def test_a_budget_with_a_wild_run_is_said_to_fit_poorly() -> None:
    runs = study(PUBLISHED, 8.0, noise=0.001)
    loss = runs.loss.copy()
    loss[2 * SIZES + 3] *= 1.08
    wild = Runs(runs.params, runs.tokens, runs.flops, loss, runs.names)
    found = [finding for finding in planned(wild).findings if finding.id == "poor-curve"]
    assert len(found) == 1
    assert "budget 3e19: the curve through its other runs misses run 17 by 8" in found[0].message
    assert "the budget is ok (383M params, loss 2.784) without it" in found[0].message
    assert found[0].runs == ("run 17",)
    assert "poor-curve" not in ids(planned(runs))


def test_vertices_near_an_edge_are_said_to_be_a_selection() -> None:
    for seed in range(3):
        plan = planned(study(PUBLISHED, 4.0, "3x small", noise=0.003, seed=seed))
        assert plan.study.bias is not None
        assert plan.study.bias.selection.at(TARGET) < 0.99
        assert "edge-selection" in ids(plan)
    inside = planned(study(PUBLISHED, 16.0, noise=0.003))
    assert inside.study.bias is not None
    assert inside.study.bias.selection.at(TARGET) == pytest.approx(1)
    assert "edge-selection" not in ids(inside)


def test_two_budgets_and_runs_in_none_are_said() -> None:
    runs = study(PUBLISHED, 8.0).select(np.arange(2 * SIZES + 1))
    plan = planned(runs)
    assert {"few-budgets", "no-budget"} <= ids(plan)
    assert next(f.runs for f in plan.findings if f.id == "no-budget") == (f"run {2 * SIZES}",)


def test_where_there_is_no_frontier_the_statuses_refuse_it() -> None:
    plan = planned(study(PUBLISHED, 2.0, "3x large"))
    assert plan.card is None
    assert plan.optima == ()
    assert [(f.id, f.severity) for f in plan.findings] == [("edge-vertex", "refusal")]
    assert no_frontier(plan.study) == "no frontier: it takes two ok budgets; found 9 edge"


def test_no_budget_at_all_is_a_refusal_of_its_own() -> None:
    assert no_frontier(Isoflop((), (), (), IsoflopSettings())).endswith("no four runs share a budget")


def test_a_budget_counted_otherwise_keeps_its_name_and_is_planned_in_6ND() -> None:
    runs = study(PUBLISHED, 8.0)
    found = fit_isoflop(runs, np.repeat(BUDGETS * 3, SIZES), replicates=0)
    assert [valley.budget for valley in found.valleys] == pytest.approx(BUDGETS * 3)
    assert [valley.flops for valley in found.valleys] == pytest.approx(BUDGETS)
    assert found.corrected is not None
    assert found.corrected.params.at(TARGET) == pytest.approx(PUBLISHED.optimum(TARGET)[0], rel=1e-3)


def test_profiles_come_by_budget_and_then_by_law() -> None:
    cards = [published_law("besiroglu2024"), published_law("hoffmann2022-a3")]
    profiles = profile_laws(cards, [1e19, 1e20])
    told = [(profile.card.name, profile.flops) for profile in profiles]
    assert told == [(card.name, C) for C in (1e19, 1e20) for card in cards]
    for profile in profiles:
        losses = [point.loss for point in profile.points]
        assert profile.optimum.loss == min(losses)
        middle = len(losses) // 2
        assert losses[:middle] == sorted(losses[:middle], reverse=True)
        assert losses[middle:] == sorted(losses[middle:])
