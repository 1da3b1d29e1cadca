"""A law is its form and its constants: both survive their dict form, and what is no law is refused."""

import math
from typing import Any

import pytest

from scaling_cli.errors import LawError
from scaling_cli.laws.additive import ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.allocation import AllocationLaw, RatioLaw
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.forms import FORMS, law_from_dict
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import Law

LAWS: list[Law] = [
    ChinchillaLaw(E=1.8, A=480.0, B=2000.0, alpha=0.34, beta=1 / 3),
    ChinchillaLaw(E=0.0, A=480.0, B=2000.0, alpha=0.34, beta=0.36),
    OvertrainingLaw(E=1.5, a=141.0, b=190.0, eta=0.12),
    KaplanLaw(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103),
    DataConstrainedLaw(E=1.8, A=480.0, B=2000.0, alpha=0.34, beta=1 / 3, R_D_star=15.4, R_N_star=5.3),
    AllocationLaw(params_coefficient=0.1, params_exponent=0.5),
    AllocationLaw(tokens_coefficient=0.3, tokens_exponent=0.54),
    AllocationLaw(params_coefficient=0.1, params_exponent=0.5, tokens_coefficient=1.7, tokens_exponent=0.5),
    RatioLaw(tokens_per_param=20.0),
    FrontierLaw(E=0.5, A=48.0, alpha=0.07),
]
CHINCHILLA: dict[str, object] = {"E": 1.8, "A": 480, "B": 2000, "alpha": 0.34, "beta": 0.36}


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_a_law_survives_its_dict_form(law: Law) -> None:
    data: dict[str, Any] = law.as_dict()
    assert set(data) == {"form", "parameters"}
    assert law_from_dict(data["form"], data["parameters"]) == law


def test_every_form_is_among_the_laws_tested_here() -> None:
    assert {law.form for law in LAWS} == set(FORMS)
    assert all(FORMS[law.form] is type(law) for law in LAWS)


def test_constants_that_are_not_known_are_left_out_of_the_dict() -> None:
    assert AllocationLaw(params_coefficient=0.1, params_exponent=0.5).parameters == {
        "params_coefficient": 0.1,
        "params_exponent": 0.5,
    }


def test_what_an_overtraining_law_derives_is_none_of_its_constants() -> None:
    law = OvertrainingLaw(E=1.5, a=141.0, b=190.0, eta=0.12)
    assert law.parameters == {"E": 1.5, "a": 141.0, "b": 190.0, "eta": 0.12}


def test_constants_are_read_as_people_write_them() -> None:
    law = law_from_dict("chinchilla", {**CHINCHILLA, "A": "4.8e2", "B": "2k"})
    assert law == ChinchillaLaw(E=1.8, A=480.0, B=2000.0, alpha=0.34, beta=0.36)


@pytest.mark.parametrize(
    ("form", "parameters", "message"),
    [
        ("parabola", {}, "form: 'parabola' is not known"),
        ("chinchilla", {"E": 1.8}, "parameters: no A (the chinchilla form has E, A, B, alpha, beta)"),
        ("overtraining", {"E": 1, "a": 1, "eta": 1}, "parameters: no b (the overtraining form has "),
        ("chinchilla", {**CHINCHILLA, "eta": 1}, "parameters: 'eta' is no constant of the chinchilla form"),
        ("overtraining", {"E": 1, "A": 1}, "parameters: 'A' is no constant of the overtraining form"),
        ("chinchilla", {**CHINCHILLA, "A": "many"}, "parameters: A: 'many' is not a number"),
        ("chinchilla", {**CHINCHILLA, "A": True}, "parameters: A: 'True' is not a number"),
        ("chinchilla", {**CHINCHILLA, "A": None}, "parameters: A: 'None' is not a number"),
        ("chinchilla", {**CHINCHILLA, "A": math.nan}, "parameters: A: nan is not a finite number"),
        ("chinchilla", {**CHINCHILLA, "alpha": 0}, "parameters: alpha must be positive, got 0.0"),
        ("chinchilla", {**CHINCHILLA, "E": -0.1}, "parameters: E must not be negative, got -0.1"),
        ("frontier", {"E": 0.5, "A": -1, "alpha": 0.1}, "parameters: A must be positive, got -1.0"),
        ("frontier", {"E": -1, "A": 1, "alpha": 0.1}, "parameters: E must not be negative, got -1.0"),
        ("ratio", {"tokens_per_param": 0}, "parameters: tokens_per_param must be positive, got 0.0"),
        ("allocation", {}, "parameters: an allocation law needs params_coefficient or tokens_coefficient"),
        ("allocation", {"params_coefficient": 1},
         "parameters: params_coefficient and params_exponent go together"),
        ("allocation", {"params_coefficient": 1, "params_exponent": 1},
         "parameters: params_exponent must be below 1, got 1.0"),
        ("allocation", {"tokens_coefficient": -1, "tokens_exponent": 0.5},
         "parameters: tokens_coefficient must be positive, got -1.0"),
    ],
)  # fmt: skip
def test_what_is_no_law_is_refused_with_the_constant(
    form: str, parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(LawError) as caught:
        law_from_dict(form, parameters)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("constant", ["E", "A", "B", "alpha", "beta"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_constant_may_be_nan_or_infinite(constant: str, value: float) -> None:
    constants = {"E": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.34, "beta": 0.36, constant: value}
    with pytest.raises(LawError, match=constant):
        ChinchillaLaw(**constants)


@pytest.mark.parametrize(
    "constants",
    [
        {"A": 1e300, "B": 1e-300, "alpha": 0.34, "beta": 0.36},
        {"A": 1e-300, "B": 1e300, "alpha": 0.34, "beta": 0.36},
        {"A": 1.0, "B": 1e308, "alpha": 1e-300, "beta": 1e-300},
        {"A": 1.0, "B": 1e10, "alpha": 1e-3, "beta": 1e-3},
        {"A": 1e10, "B": 1.0, "alpha": 1e-3, "beta": 1e-3},
    ],
)
def test_constants_so_far_apart_that_no_optimum_is_a_number_are_refused(constants: dict[str, float]) -> None:
    with pytest.raises(LawError, match="too far apart"):
        ChinchillaLaw(E=1.8, **constants)


def test_an_unknown_form_is_told_the_known_ones() -> None:
    with pytest.raises(LawError) as caught:
        law_from_dict("parabola", {})
    assert caught.value.hint == (
        "forms: chinchilla, overtraining, kaplan, data-constrained, allocation, ratio, frontier"
    )


def test_an_allocation_pair_that_does_not_make_up_the_budget_is_no_law() -> None:
    pair = {
        "params_coefficient": 0.1,
        "params_exponent": 0.5,
        "tokens_coefficient": 99999,
        "tokens_exponent": 0.5,
    }
    with pytest.raises(LawError, match="do not make up the budget"):
        law_from_dict("allocation", pair)
