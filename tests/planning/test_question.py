"""A question holds one or two known quantities, and refuses what contradicts itself."""

import math
from itertools import combinations

import pytest

from scaling_cli.errors import UsageError
from scaling_cli.planning.question import QUANTITIES, Question

VALUES = {"flops": 1e21, "params": 1e9, "tokens": 2e10, "tokens_per_param": 20.0, "loss": 2.5}


def ask(*names: str) -> Question:
    return Question(**{name: VALUES[name] for name in names})  # type: ignore[arg-type]


def test_the_five_quantities_are_those_of_the_options() -> None:
    assert tuple(VALUES) == QUANTITIES


@pytest.mark.parametrize("name", [name for name in QUANTITIES if name != "tokens_per_param"])
def test_one_quantity_asks_for_the_optimum(name: str) -> None:
    question = ask(name)
    assert question.known == {name: VALUES[name]}
    assert not question.is_what_if


@pytest.mark.parametrize("names", list(combinations(QUANTITIES, 2)), ids="-".join)
def test_any_two_quantities_are_a_what_if(names: tuple[str, str]) -> None:
    question = ask(*names)
    assert question.known == {name: VALUES[name] for name in names}
    assert question.is_what_if


@pytest.mark.parametrize("names", list(combinations(QUANTITIES, 3)), ids="-".join)
def test_three_quantities_contradict_each_other(names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="contradict each other") as caught:
        ask(*names)
    for name in names:
        assert f"--{name.replace('_', '-')}" in caught.value.message
    assert caught.value.exit_code == 2


def test_nothing_known_is_nothing_to_solve_for() -> None:
    with pytest.raises(UsageError, match="nothing to solve for"):
        Question()


def test_a_ratio_alone_fixes_no_plan() -> None:
    with pytest.raises(UsageError, match="--tokens-per-param alone fixes no plan"):
        Question(tokens_per_param=20)


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_quantity_that_is_not_positive_is_refused_by_name(name: str, value: float) -> None:
    other = "flops" if name != "flops" else "params"
    with pytest.raises(UsageError, match=f"^{name} must be positive"):
        Question(**{name: value, other: VALUES[other]})  # type: ignore[arg-type]


@pytest.mark.parametrize("waste", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_a_flat_range_wastes_more_than_nothing_and_less_than_everything(waste: float) -> None:
    with pytest.raises(UsageError, match="--waste"):
        Question(flops=1e21, waste=waste)


def test_whole_numbers_become_floats() -> None:
    question = Question(params=7_000_000_000, tokens=10**12)
    assert isinstance(question.params, float)
    assert isinstance(question.tokens, float)
