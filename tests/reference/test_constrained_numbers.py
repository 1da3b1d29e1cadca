"""Plans under limits reproduce the papers and what was computed apart; the numbers lie beside, as YAML."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.constrained.answer import solve_plan
from scaling_cli.planning.constrained.plan import plan_of
from scaling_cli.planning.constrained.solved import SolvedPlan

NUMBERS = yaml.safe_load(Path(__file__).with_name("constrained.yaml").read_text())


def solve(entry: dict[str, Any]) -> SolvedPlan:
    return solve_plan(PUBLISHED[entry.get("law", "besiroglu2024")], plan_of(entry["known"]))


def told(solved: SolvedPlan, quantity: str) -> float:
    for holder in (solved, solved.allocation, solved.hardware):
        if hasattr(holder, quantity):
            value = getattr(holder, quantity)
            assert value is not None, quantity
            return float(value)
    raise AssertionError(quantity)


@pytest.mark.parametrize("entry", NUMBERS["plans"], ids=lambda entry: str(entry["name"]))
def test_a_plan_under_limits_is_the_one_computed_apart(entry: dict[str, Any]) -> None:
    solved = solve(entry)
    for quantity, expected in entry["answer"].items():
        assert told(solved, quantity) == pytest.approx(expected, rel=entry["tolerance"]), quantity


@pytest.mark.parametrize("entry", NUMBERS["hardware"], ids=lambda entry: str(entry["name"]))
def test_hardware_becomes_flops_and_flops_hardware(entry: dict[str, Any]) -> None:
    solved = solve(entry)
    for quantity, expected in entry["answer"].items():
        holder = solved.allocation if quantity == "flops" else solved.hardware
        assert getattr(holder, quantity) == pytest.approx(expected, rel=entry["tolerance"]), quantity


def test_the_gap_to_the_published_hours_of_llama_is_named() -> None:
    solved = solve(NUMBERS["hardware"][2])
    (note,) = [one for one in solved.allocation.findings if one.id == "mfu-excludes-downtime"]
    assert "26.02M H100-SXM hours, published are 30.84M: MFU explains 84.4 %" in note.message


def test_the_ladder_is_the_one_computed_apart() -> None:
    entry = NUMBERS["ladder"]
    solved = solve({**entry, "known": {"flops": entry["flops"], "ladder": True}})
    assert solved.ladder is not None
    rungs = {rung.ratio: rung for rung in solved.ladder.rungs}
    for ratio, (tokens, flops) in entry["rungs"].items():
        assert rungs[ratio].tokens_ratio == pytest.approx(tokens, rel=entry["tolerance"])
        assert rungs[ratio].flops_ratio == pytest.approx(flops, rel=entry["tolerance"])
    assert solved.ladder.least_ratio == pytest.approx(entry["least_ratio"], rel=entry["tolerance"])
    (note,) = [one for one in solved.allocation.findings if one.id == "unreachable-size"]
    assert note.message.startswith("below 0.1464x the optimal size")
