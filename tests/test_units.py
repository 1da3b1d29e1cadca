"""Quantities to and from text."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_cli.errors import QuantityError, UsageError
from scaling_cli.units import (
    HardwareTime,
    format_count,
    format_flops,
    format_number,
    format_share,
    parse_days,
    parse_dollars,
    parse_duration,
    parse_fraction,
    parse_hardware_time,
    parse_positive,
    parse_quantity,
    parse_sweep,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("70B", 70e9),
        ("70g", 70e9),
        ("1.4T", 1.4e12),
        ("12M", 12e6),
        ("32.0K", 32e3),
        ("5.76e23", 5.76e23),
        ("1.1E+07", 1.1e7),
        ("1,000,000", 1e6),
        ("1_000", 1e3),
        ('"669160448.0"', 669160448.0),
        (" 7 b ", 7e9),
        (".5", 0.5),
        ("2.", 2.0),
        ("-1.2", -1.2),
        ("1e18", 1e18),
        (3, 3.0),
    ],
)
def test_quantities_are_read_as_people_write_them(text: object, number: float) -> None:
    assert parse_quantity(text) == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize(
    "text", ["", "abc", "nan", "inf", "1e400", "1,00", "12,34", "7X", "1 2", "1__0", True]
)
def test_what_is_no_number_is_refused(text: object) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(text)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    with pytest.raises(QuantityError, match="is not a finite number"):
        parse_quantity(number)


@pytest.mark.parametrize("text", ["0", "-5", "0B"])
def test_a_positive_quantity_is_not_zero_or_less(text: str) -> None:
    with pytest.raises(QuantityError, match=f"must be positive, got {text}"):
        parse_positive(text)


def test_a_bad_quantity_is_wrong_usage_with_a_way_out() -> None:
    with pytest.raises(UsageError) as caught:
        parse_quantity("seventy")
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert caught.value.at("--flops").message == "--flops: 'seventy' is not a number"


@pytest.mark.parametrize(("text", "share"), [("40%", 0.4), ("0.4", 0.4), ("100 %", 1.0), ("40.3%", 0.403)])
def test_a_share_is_percent_or_a_fraction(text: str, share: float) -> None:
    assert parse_fraction(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "40", "101%", "-1%", "%", "x"])
def test_a_share_lies_between_nothing_and_all(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_fraction(text)


def test_a_sweep_is_evenly_spaced_in_the_logarithm_with_both_ends() -> None:
    assert parse_sweep("1e20:1e26:7") == (1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26)
    assert parse_sweep("70B") == (70e9,)


@pytest.mark.parametrize("text", ["1:2", "1:2:3:4", "2:1:3", "1:1:3", "1:2:1", "1:2:x", "0:1:3", "1:2:99999"])
def test_a_sweep_that_goes_nowhere_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_sweep(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2592e3), ("12h", 43200), ("90min", 5400), ("90m", 5400), ("2w", 1209600), ("1.5s", 1.5)],
)
def test_durations_have_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["30", "d", "", "-1d", "3 years"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_duration(text)


@pytest.mark.parametrize("text", ["64xH100:30d@40%", "64 × H100 : 30d @ 0.4", "64*H100:720h@40%"])
def test_a_hardware_budget_is_count_chip_time_and_mfu(text: str) -> None:
    assert parse_hardware_time(text) == HardwareTime(64, "H100", 2592e3, 0.4)


@pytest.mark.parametrize(
    "text", ["64xH100:30d", "H100:30d@40%", "1.5xH100:1d@40%", "64xH100@40%", "64xH100:30@40%"]
)
def test_an_incomplete_hardware_budget_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_hardware_time(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (72.25e9, "72.25B"),
        (1.329e12, "1.329T"),
        (4096, "4.096k"),
        (999.96e6, "1B"),
        (12, "12"),
        (0, "0"),
        (70e9, "70B"),
        (1e17, "1e17"),
    ],
)
def test_counts_are_written_for_people(number: float, text: str) -> None:
    assert format_count(number) == text


def test_other_numbers_are_written_for_people() -> None:
    assert format_flops(5.76e23) == "5.76e23"
    assert format_flops(1e21) == "1e21"
    assert format_share(0.503) == "50.3 %"
    assert format_number(0.347310499) == "0.34731"
    assert format_number(2143417.36) == "2.14342e6"


@given(st.floats(min_value=1e-3, max_value=1e30))
def test_a_written_count_reads_back_to_four_digits(number: float) -> None:
    assert parse_quantity(format_count(number)) == pytest.approx(number, rel=5.1e-4)
    assert parse_quantity(format_flops(number)) == pytest.approx(number, rel=5.1e-4)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_reads_back_as_itself(number: float) -> None:
    assert parse_quantity(repr(number)) == number


@given(st.text())
def test_any_text_is_a_finite_number_or_a_quantity_error(text: str) -> None:
    try:
        number = parse_quantity(text)
    except QuantityError:
        return
    assert math.isfinite(number)


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.503, "50.3 %"), (0.999998, "99.9998 %"), (1.0, "100 %"), (0.01, "1 %")]
)
def test_less_than_all_is_never_written_as_all(fraction: float, text: str) -> None:
    assert format_share(fraction) == text


@pytest.mark.parametrize("text", ["2 weeks", "14days", "336 hours", "1 week"])
def test_durations_may_be_spelt_out(text: str) -> None:
    assert parse_duration(text) in (1209600, 604800)


@pytest.mark.parametrize(
    ("typed", "days"), [("30", 30), (45, 45), ("30d", 30), ("2w", 14), ("12h", 0.5), ("36 hours", 1.5)]
)
def test_a_time_in_days_may_have_its_unit(typed: object, days: float) -> None:
    assert parse_days(typed) == days


@pytest.mark.parametrize(("typed", "dollars"), [("2M", 2e6), ("$2M", 2e6), (2.5, 2.5), (" $1,000 ", 1000)])
def test_dollars_may_have_their_sign(typed: object, dollars: float) -> None:
    assert parse_dollars(typed) == dollars


@pytest.mark.parametrize(("parse", "typed"), [(parse_days, "-3"), (parse_days, "0d"), (parse_dollars, "$")])
def test_no_time_and_no_money_are_refused(parse: Callable[[object], float], typed: str) -> None:
    with pytest.raises(QuantityError):
        parse(typed)
