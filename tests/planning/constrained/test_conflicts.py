"""Limits that contradict each other are named, no more of them than needed, each with the way out."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.errors import PlanError
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.laws.repeated import for_repeated_data
from scaling_cli.planning.constrained.answer import solve_plan, solve_plans
from scaling_cli.planning.constrained.conflicts import Conflict, find_conflicts, find_ways_out
from scaling_cli.planning.constrained.plan import plan_of
from scaling_cli.planning.constrained.problem import problem_of
from scaling_cli.planning.constrained.solver import Problem, is_feasible

CARD = PUBLISHED["besiroglu2024"]
LAW = CARD.law


def problem(**known: object) -> Problem:
    return problem_of(LAW, plan_of(known), None)  # type: ignore[arg-type]  # it predicts a loss


FIVE_LIMITS = st.builds(
    lambda loss, log_C, log_N, log_D, log_r: problem(
        loss=loss, flops=10**log_C, max_params=10**log_N, max_tokens=10**log_D, min_tokens_per_param=10**log_r
    ),
    loss=st.floats(1.9, 2.6),
    log_C=st.floats(20, 25),
    log_N=st.floats(8, 12),
    log_D=st.floats(10, 13.5),
    log_r=st.floats(0, 3),
)
"""Problems with five limits, of which some can be had together."""


def named(conflicts: tuple[Conflict, ...]) -> list[set[str]]:
    return [{limit.name for limit in conflict.limits} for conflict in conflicts]


def test_two_limits_that_contradict_a_target_are_two_sets() -> None:
    found = find_conflicts(problem(loss=2.0, flops=1e23, max_params=1e9))
    assert named(found) == [{"flops", "loss"}, {"max_params", "loss"}]


def test_limits_that_only_three_of_contradict_are_one_set() -> None:
    # 20B params reach 2.0 on 2.6T tokens, and 2.6T take 3.1e23 FLOPs: each pair goes, all three do not
    found = find_conflicts(problem(loss=2.0, flops=2.6e23, max_params=20e9, max_tokens=1e13))
    assert named(found) == [{"flops", "max_params", "loss"}]


def test_a_limit_that_is_hopeless_by_itself_stands_alone() -> None:
    assert named(find_conflicts(problem(loss=1.8, max_params=1e9))) == [{"loss"}]


@pytest.mark.parametrize(
    "known",
    [
        {"loss": 2.0, "flops": 2.6e23, "max_params": 20e9},
        {"loss": 2.05, "max_params": 20e9, "max_tokens": 100e9},
        {"flops": 1e20, "min_params": 1e9, "min_tokens": 1e11},
        {"flops": 1e22, "params": 7e9, "min_tokens_per_param": 100},
        {"flops": 1e22, "inference_tokens": 1e13, "min_params": 1e9},
    ],
)
def test_the_nearest_value_is_feasible_and_one_a_little_nearer_is_not(known: dict[str, float]) -> None:
    asked = problem(**known)
    assert not is_feasible(asked)
    (conflict,) = find_conflicts(asked)
    for limit, nearest in zip(conflict.limits, conflict.nearest, strict=True):
        assert nearest is not None
        direction = 1 if nearest > limit.value else -1
        assert is_feasible(asked.at(limit, nearest))
        assert not is_feasible(asked.at(limit, nearest * (1 - 1e-6 * direction)))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(asked=FIVE_LIMITS)
def test_every_set_is_infeasible_and_without_any_of_its_limits_feasible(asked: Problem) -> None:
    if is_feasible(asked):
        return
    conflicts = find_conflicts(asked)
    for conflict in conflicts:
        assert not is_feasible(asked.under(conflict.limits))
        for limit in conflict.limits:
            assert is_feasible(asked.under(tuple(one for one in conflict.limits if one is not limit)))
    # without one limit of each set nothing is in the way (Helly's theorem: no set has more than three)
    kept = tuple(one for one in asked.limits if all(one is not conflict.limits[0] for conflict in conflicts))
    assert is_feasible(asked.under(kept))


def test_the_refusal_names_the_sets_and_the_hint_the_ways_out() -> None:
    plan = plan_of({"loss": 2.0, "flops": 1e23, "max_params": 1e9})
    with pytest.raises(PlanError) as caught:
        solve_plans([CARD], [plan])
    assert caught.value.message == (
        "besiroglu2024: no plan has 1e23 FLOPs and loss 2; no plan has max params 1B and loss 2"
    )
    assert caught.value.hint == (
        "feasible with loss 2.205 or more, or 5.476e23 FLOPs or more and max params 15.18B or more, "
        "together; each set alone, all other limits lifted: 2.475e23 FLOPs or more, or loss 2.033 or more; "
        "max params 6.861B or more, or loss 2.175 or more"
    )
    assert caught.value.exit_code == 1


def test_what_the_hint_says_is_feasible_to_its_last_digit() -> None:
    assert solve_plan(CARD, plan_of({"loss": 2.205, "flops": 1e23, "max_params": 1e9})).allocation.params
    assert solve_plan(
        CARD, plan_of({"loss": 2.0, "flops": 5.476e23, "max_params": 15.18e9})
    ).allocation.params
    for known in ({"flops": 2.475e23}, {"max_params": 6.861e9}):
        assert solve_plan(CARD, plan_of({"loss": 2.0, **known})).allocation.params


def test_unique_tokens_that_keep_a_loss_out_of_reach_are_in_the_set_with_their_nearest_value() -> None:
    card = for_repeated_data(PUBLISHED["muennighoff2023"])
    free = solve_plan(card, plan_of({"loss": 2.0}))
    assert free.allocation.flops == pytest.approx(1.562e24, rel=1e-3)
    asked = problem_of(card.law, plan_of({"loss": 2.0, "unique_tokens": 5e9}), None)  # type: ignore[arg-type]
    (conflict,) = find_conflicts(asked)
    data, loss = conflict.limits
    assert (data.name, loss.name) == ("unique_tokens", "loss")
    assert conflict.nearest[1] == pytest.approx(2.375, abs=1e-3)
    nearest = conflict.nearest[0]
    assert nearest is not None
    assert is_feasible(asked.at(data, nearest))
    assert not is_feasible(asked.at(data, nearest * (1 - 1e-6)))


def test_epochs_are_of_the_unique_tokens_that_there_are() -> None:
    card = for_repeated_data(PUBLISHED["muennighoff2023"])
    plan = plan_of({"loss": 2.1, "unique_tokens": 10e9, "epochs": 4})
    conflicts = find_conflicts(problem_of(card.law, plan, None))  # type: ignore[arg-type]  # it predicts a loss
    # not the epochs alone: what they are of is in every set with them
    assert named(conflicts) == [{"unique_tokens", "loss"}]
    way_out = solve_plan(card, plan).way_out
    value = float(way_out.split("unique tokens ")[1].split("B")[0]) * 1e9
    for unique, is_found in ((value, True), (value * 0.99, False)):
        again = solve_plan(card, plan_of({"loss": 2.1, "unique_tokens": unique, "epochs": 4}))
        assert (again.allocation.refusal is None) is is_found


def test_the_values_of_a_set_are_those_with_no_other_limit_in_force() -> None:
    known = {"loss": 2.0, "max_params": 5e9, "max_tokens": 200e9}
    (conflict,) = find_conflicts(problem(**known))
    assert [limit.name for limit in conflict.limits] == ["max_params", "loss"]
    assert conflict.nearest[0] == pytest.approx(LAW.params_for_loss(math.inf, 2.0))  # type: ignore[attr-defined]
    way_out = solve_plan(CARD, plan_of(known)).way_out
    assert way_out.startswith("feasible with max params 1.289T or more, or loss ")
    assert "; this set alone, all other limits lifted: max params 6.861B or more, or loss " in way_out


ON_H100 = {"gpu": "H100", "mfu": 0.4, "gpu_hour_price": 2.0}


def test_what_is_said_of_several_sets_together_holds_for_the_whole_plan() -> None:
    known = {"loss": 1.9, "usd": 1e6, "max_params": 30e9, **ON_H100}
    way_out = solve_plan(CARD, plan_of(known)).way_out
    money, size = re.search(
        r"or \$([\d.]+)M or more and max params ([\d.]+)B or more, together", way_out
    ).groups()  # type: ignore[union-attr]
    moved = {"usd": float(money) * 1e6, "max_params": float(size) * 1e9}
    assert solve_plan(CARD, plan_of({**known, **moved})).allocation.params
    less = {name: value * 0.99 for name, value in moved.items()}
    assert solve_plan(CARD, plan_of({**known, **less})).allocation.refusal


def test_a_value_that_is_no_use_to_anybody_is_called_out_of_reach() -> None:
    way_out = solve_plan(CARD, plan_of({"loss": 1.82, "usd": 1e6, **ON_H100})).way_out
    assert way_out == "feasible with loss 1.969 or more (dollars practically out of reach)"


@settings(max_examples=15, derandomize=True, deadline=None)
@given(asked=FIVE_LIMITS)
def test_every_way_out_of_the_whole_plan_is_one(asked: Problem) -> None:
    if is_feasible(asked):
        return
    conflicts = find_conflicts(asked)
    ways = find_ways_out(asked, conflicts)
    for limit, new in ways.single:
        assert is_feasible(asked.at(limit, new.value))
    if ways.together:
        for limit, new in ways.together:
            asked = asked.at(limit, new.value)
        assert is_feasible(asked)
    for conflict in conflicts:
        for limit, value in zip(conflict.limits, conflict.nearest, strict=True):
            assert value is not None
            assert is_feasible(asked.under(conflict.limits).at(limit, value))


def test_a_plan_without_a_solution_keeps_its_place_among_others() -> None:
    plans = [plan_of({"flops": C, "loss": 2.0, "max_params": 30e9}) for C in (1e22, 1e24)]
    first, second = solve_plans([CARD], plans)
    assert first.allocation.refusal is not None
    assert first.allocation.refusal.id == "infeasible"
    assert second.allocation.params == 30e9
