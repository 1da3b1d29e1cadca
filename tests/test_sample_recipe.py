"""The sample of a second recipe is what its script writes, and what it says it is."""

import csv
import runpy
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "sample_runs"


def rows_of(name: str) -> list[list[str]]:
    return list(csv.reader((SAMPLES / name).read_text().splitlines()))


def test_the_recipe_in_the_repository_is_the_one_that_its_script_writes() -> None:
    header, rows = runpy.run_path(str(SAMPLES / "simulate_recipe.py"))["simulate"]()
    there = rows_of("simulated_recipe.csv")
    assert (there[0], len(there)) == (header, len(rows) + 1)
    # a loss on the border of its last digit may be rounded either way by another machine's exp
    assert sum(a != b for a, b in zip(rows, there[1:], strict=True)) <= 3


def test_the_recipe_has_the_baselines_params_and_tokens() -> None:
    first, second = rows_of("simulated_isoflop.csv"), rows_of("simulated_recipe.csv")
    loss = first[0].index("loss")
    assert [row[:loss] for row in first] == [row[:loss] for row in second]
    assert all(float(a[loss]) > float(b[loss]) for a, b in zip(first[1:], second[1:], strict=True))
