"""The registry and the planner reproduce what the papers print; the numbers lie beside this file, as YAML."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from scaling_cli.laws.additive import ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.allocation import AllocationLaw
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.allocation import Allocation, answer
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import flat_range, wasted_share
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 4e+08 for text: here it is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"),
    list("-+0123456789"),
)


def reference(name: str) -> Any:
    path = Path(__file__).with_name(f"{name}.yaml")
    return yaml.load(path.read_text(), Loader=_Loader)


def plan(law: str, **known: Any) -> Allocation:
    return answer(PUBLISHED[law], Question(**known))


TABLES = [reference("chinchilla_table3"), reference("chinchilla_tableA3")]
ROWS = [
    pytest.param(
        table["law"],
        row,
        table["tolerance_67B"] if row["label"] == "67B" else table["tolerance"],
        id=f"{table['table']}: {row['label']}",
    )
    for table in TABLES
    for row in table["rows"]
]
DERIVED_OPTIMA, DERIVED_LOSSES = reference("derived_optima"), reference("derived_losses")
OPTIMA = [
    pytest.param(name, row, id=f"{name} at {row['flops']:g}")
    for name, law in DERIVED_OPTIMA["laws"].items()
    for row in law["optima"]
]
LOSSES = [
    pytest.param(name, row, id=f"{name}: {row['model']}")
    for name, law in DERIVED_LOSSES["laws"].items()
    for row in law["losses"]
]
PLANS = reference("plans")
CONSTANTS = reference("published_constants")


def test_both_tables_of_hoffmann_are_here_whole() -> None:
    assert [len(table["rows"]) for table in TABLES] == [9, 9]


@pytest.mark.parametrize(("law", "row", "tolerance"), ROWS)
def test_a_row_follows_from_its_params_alone(law: str, row: dict[str, float], tolerance: float) -> None:
    solved = plan(law, params=row["params"])
    assert solved.flops == pytest.approx(row["flops"], rel=tolerance)
    assert solved.tokens == pytest.approx(row["tokens"], rel=tolerance)


@pytest.mark.parametrize(("law", "row", "tolerance"), ROWS)
def test_a_row_follows_from_its_flops_alone(law: str, row: dict[str, float], tolerance: float) -> None:
    solved = plan(law, flops=row["flops"])
    assert solved.params == pytest.approx(row["params"], rel=tolerance)
    assert solved.tokens == pytest.approx(row["tokens"], rel=tolerance)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["law"])
def test_derived_prefactors_are_the_least_squares_fit_of_the_table(table: dict[str, Any]) -> None:
    law = PUBLISHED[table["law"]].law
    assert isinstance(law, AllocationLaw)
    log_C = np.log([row["flops"] for row in table["rows"]])
    for side in ("params", "tokens"):
        slope, intercept = np.polyfit(log_C, np.log([row[side] for row in table["rows"]]), 1)
        # one unit of the last digit that the registry prints
        assert getattr(law, f"{side}_exponent") == pytest.approx(slope, abs=1e-5)
        assert getattr(law, f"{side}_coefficient") == pytest.approx(math.exp(intercept), rel=1e-4)


@pytest.mark.parametrize(("name", "row"), OPTIMA)
def test_optima_agree_with_those_computed_apart(name: str, row: dict[str, float]) -> None:
    solved = plan(name, flops=row["flops"])
    for quantity in ("params", "tokens", "tokens_per_param"):
        assert getattr(solved, quantity) == pytest.approx(row[quantity], rel=DERIVED_OPTIMA["tolerance"])
    assert solved.loss == pytest.approx(row["loss"], rel=DERIVED_LOSSES["tolerance"])


@pytest.mark.parametrize(("name", "row"), LOSSES)
def test_losses_of_known_models_agree_with_those_computed_apart(name: str, row: dict[str, float]) -> None:
    solved = plan(name, params=row["params"], tokens=row["tokens"])
    assert solved.loss == pytest.approx(row["loss"], rel=DERIVED_LOSSES["tolerance"])


@pytest.mark.parametrize(
    "entry", PLANS["plans"], ids=lambda entry: f"{entry['law']} {entry['asked']} {entry['tolerance']}"
)
def test_plans_agree_with_the_papers(entry: dict[str, Any]) -> None:
    solved = plan(entry["law"], **entry["asked"])
    for quantity, expected in entry["answer"].items():
        assert getattr(solved, quantity) == pytest.approx(expected, rel=entry["tolerance"]), quantity


@pytest.mark.parametrize("entry", PLANS["flat_ranges"], ids=lambda entry: f"{entry['waste']}")
def test_flat_ranges_are_those_of_the_reference(entry: dict[str, Any]) -> None:
    law = PUBLISHED[entry["law"]].law
    assert isinstance(law, PredictsLoss)
    flat = flat_range(law, entry["flops"], entry["waste"])
    assert flat is not None
    assert [flat.low, flat.high] == pytest.approx(entry["params"], rel=entry["tolerance"])


@pytest.mark.parametrize("entry", PLANS["wasted"], ids=lambda entry: str(entry["model"]))
def test_known_models_waste_what_the_reference_says(entry: dict[str, Any]) -> None:
    law = PUBLISHED[entry["law"]].law
    assert isinstance(law, PredictsLoss)
    share = wasted_share(law, entry["params"], entry["tokens"])
    assert share == pytest.approx(entry["waste"], abs=entry["tolerance"])


@pytest.mark.parametrize("name", CONSTANTS["laws"])
def test_constants_are_typed_as_they_were_published(name: str) -> None:
    assert PUBLISHED[name].law.parameters == CONSTANTS["laws"][name]


def test_muennighoffs_log_constants_are_the_rounded_ones_of_the_readme() -> None:
    law, printed = PUBLISHED["muennighoff2023"].law, CONSTANTS["muennighoff2023"]
    assert isinstance(law, ChinchillaLaw)
    for name, value in printed.items():
        assert law.parameters[name] == pytest.approx(value, rel=3e-5), name


def test_deepseeks_params_are_a_sixth_of_its_flops_per_token_so_that_the_budget_is_spent() -> None:
    law, printed = PUBLISHED["deepseek2024"].law, CONSTANTS["deepseek2024"]
    for C in (1e18, 1e21, 1e24):
        solved = plan("deepseek2024", flops=C)
        M = printed["M_base"] * C ** printed["M_exponent"]
        assert solved.params == pytest.approx(M / FLOPS_PER_PARAM_TOKEN, rel=1e-12)
        # the published D closes C = M D to 0.01 %
        assert solved.tokens == pytest.approx(printed["D_base"] * C ** printed["D_exponent"], rel=2e-4)
    assert law.parameters["params_coefficient"] == printed["M_base"] / 6


@pytest.mark.parametrize("name", CONSTANTS["gadre2024_code"])
def test_gadres_constants_are_those_of_the_authors_code(name: str) -> None:
    law, code = PUBLISHED[name].law, CONSTANTS["gadre2024_code"][name]
    assert isinstance(law, OvertrainingLaw)
    for N, M in ((1e9, 20.0), (4e8, 640.0), (7e9, 5.0)):
        theirs = code["alpha"] * N ** code["b"] + code["beta"] * 6 ** (code["b"] / 2) * (M * N) ** code["b"]
        assert law.loss(N, M * N) - law.E == pytest.approx(theirs, rel=2e-5)


def test_cerebras_frontier_is_the_printed_equation() -> None:
    for C in (2.6e18, 2.3e22, 1e25):
        printed = (C / 5.984e22) ** -0.0737 + 0.5066
        assert plan("cerebras2023", flops=C).loss == pytest.approx(printed, rel=1e-12)
