"""Losses too far apart for a recipe to explain: another unit, or another text."""

import math
from dataclasses import replace

import pytest

from scaling_cli.errors import InputError
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.compare_recipes import compare_recipes
from scaling_cli.planning.recipe_fits import RecipeLaw, Resampling, fit_recipes
from scaling_cli.runs import Runs
from tests.planning.test_compare_recipes import BASELINE, BETTER, compared, study, table


def times_loss(factor: float, runs: Runs) -> Runs:
    return replace(runs, loss=factor * runs.loss)


@pytest.mark.parametrize(
    ("factor", "noise"), [(1 / (4.2 * math.log(2)), 0.003), (1 / math.log(2), 0.003), (0.78, 0.003)]
)
def test_losses_in_another_unit_are_refused(factor: float, noise: float) -> None:
    tables = (
        table("a", study(BASELINE, noise)),
        table("b", times_loss(factor, study(BETTER, noise, (0, 1)))),
    )
    for pair in (tables, tables[::-1]):
        with pytest.raises(InputError, match=r"^mixed-loss-units: at 1\.34e20 FLOPs the loss of ") as refusal:
            compared(*pair)
        lower = "b" if factor < 1 else "a"
        assert f"if {lower} is in bits per byte" in (refusal.value.hint or "")


def test_losses_that_may_be_in_another_unit_are_suspect() -> None:
    high = RecipeLaw(LawCard(name="high", law=replace(BASELINE, E=2.5)))
    found = compared(table("a", study(BASELINE)), high)
    assert found.findings[0].id == "unit-suspect"
    # of bits per byte something was stated, so that no unit is in doubt
    apart = table("a", study(BASELINE)), table("b", times_loss(0.5, study(BETTER)))
    stated = compare_recipes(fit_recipes(apart, Resampling(0, 0, 0.9)), unit="bits per byte")
    assert stated.findings[0].id == "unit-suspect"


def test_a_hundredfold_gain_is_no_other_unit() -> None:
    better = replace(BASELINE, A=482.01 * 100**-0.1783, B=2085.43 * 100**-0.1783)
    found = compared(table("a", study(BASELINE)), table("b", study(better)))
    assert found.comparisons[0].at_target.value == pytest.approx(100, rel=0.02)
    assert [finding.id for finding in found.findings] == ["extrapolates"]
