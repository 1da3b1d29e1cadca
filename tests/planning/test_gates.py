"""Gates fail where a plan meets them, and never pass where they test nothing."""

import pytest

from scaling_cli.errors import QuantityError, UsageError
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.compare_plans import RankedPlan, compare_plans, fields_of
from scaling_cli.planning.constrained.plan import plan_of
from scaling_cli.planning.gates import Gate, check_gates, parse_gate

PRICED = {"gpu": "h100", "mfu": 0.4, "gpu_hour_price": 2.5}
GOPHER = {"name": "gopher", "params": 280e9, "tokens": 300e9, **PRICED}
CHINCHILLA = {"name": "chinchilla", "params": 70e9, "tokens": 1.4e12, **PRICED}
BARE = {"name": "bare", "params": 70e9, "tokens": 1.4e12}
INFEASIBLE = {"name": "infeasible", "params": 7e9, "loss": 1.9}


def plans(*known: dict[str, object], law: str = "besiroglu2024") -> tuple[RankedPlan, ...]:
    return compare_plans(PUBLISHED[law], [plan_of(one) for one in known or (GOPHER, CHINCHILLA)])


def check(expression: str, *known: dict[str, object], law: str = "besiroglu2024") -> Gate:
    (gate,) = check_gates(plans(*known, law=law), [(expression, parse_gate(expression))])
    assert gate.expression == expression
    return gate


@pytest.mark.parametrize(
    ("expression", "met_by"),
    [
        ("waste > 10%", ["gopher"]),
        ("waste > 0.6", []),
        ("waste < 60%", ["chinchilla", "gopher"]),
        ("best.waste > 10%", []),
        ("best.waste < 10%", ["chinchilla"]),
        ("best.name != chinchilla", []),
        ("hardware.usd > 1M", ["chinchilla"]),
        ("best.hardware.usd > 1M", ["chinchilla"]),
        ("total_usd > 800k", ["chinchilla", "gopher"]),
        ("in_flat_range == false", ["gopher"]),
        ("in_flat_range != true", ["gopher"]),
        ("name == gopher", ["gopher"]),
        ("hardware.gpu != H100-SXM", []),
        ("rank == 2", ["gopher"]),
        ("loss > 1.99", ["gopher"]),
        ("cheapest.params < 50B", ["gopher"]),
        ("tokens_per_param < 10", ["gopher"]),
    ],
)
def test_a_gate_fails_where_a_plan_meets_it(expression: str, met_by: list[str]) -> None:
    gate = check(expression)
    assert [name for name, _ in gate.met_by] == met_by
    assert gate.failed == bool(met_by)


def test_a_gate_holds_the_values_that_met_it() -> None:
    gate = check("waste > 10%")
    ((name, value),) = gate.met_by
    assert name == "gopher"
    assert value == pytest.approx(0.503, abs=1e-3)
    assert gate.field == "waste"


@pytest.mark.parametrize(
    ("expression", "error", "hint"),
    [
        ("wast > 10%", "no field 'wast' of a plan", "did you mean waste?"),
        ("usd > 1M", "no field 'usd' of a plan", "did you mean hardware.usd or total_usd?"),
        ("best.usd > $1M", "no field 'usd' of a plan", "did you mean hardware.usd or total_usd?"),
        ("days > 30d", "no field 'days' of a plan", "did you mean hardware.days?"),
        ("Hours > 1M", "no field 'Hours' of a plan", "did you mean hardware.gpu_hours?"),
        ("hardware_usd > 1M", "no field 'hardware_usd' of a plan", "did you mean hardware.usd?"),
        ("best.wast > 10%", "no field 'wast' of a plan", "did you mean waste?"),
        ("zzz > 1", "no field 'zzz' of a plan", "the fields are name, rank, law"),
        ("best > 1", "no field 'best' of a plan", ""),
        ("hardware > 1", "hardware is no single value", "name one of hardware.gpu, hardware.gpus"),
        ("waste > 10", "waste > 10: waste is a share between 0 and 100 %", "write waste > 10%"),
        ("best.waste < 5", "best.waste < 5: best.waste is a share", "write best.waste < 5%"),
        ("waste > -5%", "waste > -5%: waste is a share", "write waste > 5%"),
        ("loss > 300%", "loss > 300%: loss is no share", "write it without %"),
        ("waste == high", "waste == high: waste is a number", "compare it with a number"),
        ("name > 3", "name > 3: name is text, 'chinchilla'", "in quotes, by == or !="),
        ("in_flat_range > 0", "in_flat_range > 0: in_flat_range is text, 'true'", "in quotes"),
        (
            "epochs > 4",
            "epochs > 4: chinchilla has no epochs, so that the gate tests nothing",
            "unique_tokens",
        ),
        ("hardware.days > 30", "chinchilla has no hardware.days", "gpus for days"),
        ("hardware.serving.usd > 1", "chinchilla has no hardware.serving.usd", "inference_tokens"),
        ("extrapolation > 100", "chinchilla has no extrapolation", "are not known"),
    ],
)
def test_what_tests_nothing_is_refused(expression: str, error: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(expression)
    assert error in caught.value.message
    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("expression", "plain"),
    [
        ("total_usd > $800k", "total_usd > 800k"),
        ("total_usd>$0.8M", "total_usd > 800k"),
        ("best.hardware.usd > $ 1M", "best.hardware.usd > 1M"),
        ("hardware.days > 200d", "hardware.days > 200"),
        ("hardware.days > 30w", "hardware.days > 210"),
        ("hardware.days > 5040h", "hardware.days > 210"),
        ("hardware.days > 0", "hardware.days > 0.001"),
    ],
)
def test_values_may_have_the_units_of_their_field(expression: str, plain: str) -> None:
    known = [{**one, "gpus": 64} for one in (GOPHER, CHINCHILLA)]
    found = check(expression, *known)
    assert found.failed
    assert found.met_by == check(plain, *known).met_by


def test_more_waste_than_all_of_it_is_never_met() -> None:
    assert not check("waste > 1000%").failed
    assert not check("best.waste >= 100.1%").failed
    assert check("waste > 0%").failed


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("total_usd > $3x", "write it like 3M, or '$3M' in single quotes"),
        ("total_usd > M", "write it like 3M, or '$3M' in single quotes"),
        ("best.hardware.days > 30x", "write it like 30, 30d or 2w"),
        ("hardware.days > -3d", "write it like 30, 30d or 2w"),
        ("params > $3B", "write it like 70B, 1.4T, 12M or 5.76e23"),
        ("waste > x%", "text is compared with == or != only"),
    ],
)
def test_what_no_field_is_written_like_is_refused_with_how_to(expression: str, hint: str) -> None:
    with pytest.raises(QuantityError, match="which is not a number") as caught:
        parse_gate(expression)
    assert caught.value.hint == hint


def test_one_plan_without_the_value_is_enough_to_be_refused() -> None:
    with pytest.raises(UsageError, match="bare has no total_usd"):
        check("total_usd > 10M", CHINCHILLA, BARE)
    assert not check("best.total_usd > 10M", CHINCHILLA, {**BARE, "params": 280e9}).failed
    with pytest.raises(
        UsageError, match=r"infeasible has no waste.*no plan has params 7B and loss 1\.9"
    ) as caught:
        check("waste > 10%", CHINCHILLA, INFEASIBLE)
    assert "feasible with" in (caught.value.hint or "")


def test_what_is_null_under_a_law_never_passes() -> None:
    known = {"name": "a", "flops": 1e22}
    with pytest.raises(UsageError, match="a has no waste, so that the gate tests nothing") as caught:
        check("waste > 10%", known, law="kaplan2020")
    assert caught.value.hint == (
        "kaplan2020 does not tell it of this plan: ask a law that predicts losses, --law besiroglu2024"
    )
    with pytest.raises(UsageError, match="no plan is the best"):
        check("best.params > 1", known, law="kaplan2020")
    assert check("params > 1B", known, law="kaplan2020").failed


def test_every_plan_has_the_same_fields() -> None:
    found = [fields_of(one) for one in plans(GOPHER, BARE, INFEASIBLE)]
    assert {tuple(values) for values in found} == {tuple(found[0])}
