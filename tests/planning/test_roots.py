"""The root finder finds what scipy finds, to the last few bits, and says where there is nothing to find."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from scaling_cli.planning.roots import expand_until, find_root

FUNCTIONS: dict[str, tuple[Callable[[float], float], float, float]] = {
    "a line": (lambda x: 3 * x - 1, -10.0, 10.0),
    "a cubic": (lambda x: x**3 - 2 * x - 5, 2.0, 3.0),
    "a flat root": (lambda x: x**9 - 1e-9, -1.0, 4.0),
    "an exponential": (lambda x: math.exp(x) - 1e6, -50.0, 50.0),
    "a falling power": (lambda x: x**-0.35 - 0.01, 1.0, 1e12),
    "a pole-like wall": (lambda x: 1 / (x - 1 + 1e-9) - 1e3, 1.0, 2.0),
    "a step": (lambda x: -1.0 if x < math.pi else 1.0, 0.0, 10.0),
    "a wave": (lambda x: math.sin(x) + x / 10, 2.0, 5.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_root_is_the_one_that_scipy_finds(name: str) -> None:
    f, low, high = FUNCTIONS[name]
    theirs = brentq(f, low, high, xtol=1e-15, rtol=8.9e-16, maxiter=1000)
    assert find_root(f, low, high) == pytest.approx(theirs, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_ends_may_be_given_in_either_order(name: str) -> None:
    f, low, high = FUNCTIONS[name]
    assert find_root(f, high, low) == pytest.approx(find_root(f, low, high), rel=1e-14, abs=1e-14)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    root=st.floats(-20, 20),
    slope=st.floats(1e-3, 1e3),
    bend=st.floats(0, 5),
    below=st.floats(0.01, 30),
    above=st.floats(0.01, 30),
)
def test_a_root_that_is_known_is_found(
    root: float, slope: float, bend: float, below: float, above: float
) -> None:
    def f(x: float) -> float:
        return slope * ((x - root) + bend * (x - root) ** 3)

    assert find_root(f, root - below, root + above) == pytest.approx(root, rel=1e-13, abs=1e-13)


def test_a_smooth_root_takes_few_evaluations() -> None:
    calls = []

    def f(x: float) -> float:
        calls.append(x)
        return math.exp(x) - 1e6

    find_root(f, -50.0, 50.0)
    assert len(calls) < 30
    assert all(-50 <= x <= 50 for x in calls)


@pytest.mark.parametrize(("low", "high"), [(0.0, 4.0), (4.0, 0.0), (-4.0, 0.0)])
def test_a_root_at_an_end_is_that_end(low: float, high: float) -> None:
    assert find_root(lambda x: x, low, high) == 0.0


def test_no_change_of_sign_is_an_error_with_the_interval() -> None:
    with pytest.raises(ValueError, match=r"between 1\.0 and 2\.0"):
        find_root(lambda x: x, 1.0, 2.0)


def test_a_function_that_is_no_number_ends_in_an_error_and_not_in_a_loop() -> None:
    with pytest.raises(ValueError, match="does not change sign"):
        find_root(lambda x: math.nan, 0.0, 1.0)


def test_expanding_doubles_its_steps_until_the_condition_is_met() -> None:
    tried = []

    def meets(x: float) -> bool:
        tried.append(x)
        return x >= 6

    assert expand_until(meets, 0.0, 1.0, 100.0) == 7.0
    assert tried == [1.0, 3.0, 7.0]
    assert expand_until(lambda x: x <= -2, 1.0, -1.0, 100.0) == -2.0


def test_expanding_gives_up_beyond_its_limit() -> None:
    tried = []

    def never(x: float) -> bool:
        tried.append(x)
        return False

    assert expand_until(never, 0.0, 1.0, 10.0) is None
    assert tried == [1.0, 3.0, 7.0, 15.0]
