"""Conditions such as ``flops < 1e21``."""

import pytest

from scaling_cli.conditions import Condition, parse_condition
from scaling_cli.errors import QuantityError


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("flops < 1e21", Condition("flops", "<", 1e21)),
        ("params<=1.4B", Condition("params", "<=", 1.4e9)),
        ("waste > 10%", Condition("waste", ">", 0.1)),
        ("schedule == cosine", Condition("schedule", "==", "cosine")),
        ("schedule != 'wsd decay'", Condition("schedule", "!=", "wsd decay")),
        ("eval/loss >= 2.5", Condition("eval/loss", ">=", 2.5)),
        ("Model Size == 7B", Condition("Model Size", "==", 7e9)),
    ],
)
def test_a_condition_is_column_comparison_quantity(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize("text", ["", "flops", "flops <", "< 3", "flops = 3", "flops < many", "lr > 400%"])
def test_what_is_no_condition_is_refused_with_a_way_out(text: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse_condition(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("flops < many", "text is compared with == or != only"),
        ("flops < 1e21x", "write it like 70B, 1.4T, 12M or 5.76e23"),
        ("lr > 400%", "write it like 40% or 0.4"),
    ],
)
def test_the_way_out_is_that_of_what_was_typed(text: str, hint: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse_condition(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [
        ("<", (True, False, False)),
        ("<=", (True, True, False)),
        ("==", (False, True, False)),
        ("!=", (True, False, True)),
        (">=", (False, True, True)),
        (">", (False, False, True)),
    ],
)
def test_numbers_compare_as_numbers(comparison: str, holds: tuple[bool, ...]) -> None:
    condition = Condition("x", comparison, 2.0)
    assert tuple(condition.holds(value) for value in (1.0, 2.0, 3.0)) == holds


def test_a_number_and_a_text_only_differ() -> None:
    assert Condition("x", "!=", 2.0).holds("two")
    assert not Condition("x", "==", 2.0).holds("two")
    assert not Condition("x", "<", 2.0).holds("")
    assert not Condition("x", "==", "two").holds(2.0)


def test_text_compares_as_text() -> None:
    assert Condition("x", "==", "adamw").holds("adamw")
    assert not Condition("x", "==", "adamw").holds("lion")


def test_a_condition_is_written_as_it_is_read() -> None:
    for text in ("flops < 1e21", "schedule == cosine", "loss >= 2.5"):
        assert str(parse_condition(text)) == text


@pytest.mark.parametrize("text", ["params < 2e10", "loss <= 3.141592653589793", "schedule == cosine"])
def test_a_condition_reads_back_from_its_text_exactly(text: str) -> None:
    assert str(parse_condition(text)) == text
