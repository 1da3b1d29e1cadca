"""The tiny study: its table is what its design says, and its prediction is what its runs say."""

import csv
import importlib.util
import itertools
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Ended

Scaling = Callable[..., Ended]

FOLDER = ROOT / "sample_runs"
CONFIG = ROOT / "configs" / "tiny_bytes.yaml"
PREDICTION = FOLDER / "tiny_bytes_prediction.json"


def read_rows(name: str) -> list[dict[str, str]]:
    """The rows of a table in sample_runs."""
    with (FOLDER / name).open(newline="") as table:
        return list(csv.DictReader(table))


ROWS = read_rows("tiny_bytes.csv")
STUDY = [row for row in ROWS if row["held_out"] == "0"]
HELD_OUT = [row for row in ROWS if row["held_out"] == "1"]


@pytest.fixture(scope="module")
def design() -> ModuleType:
    """The design that the script trains by."""
    spec = importlib.util.spec_from_file_location("tiny_design", FOLDER / "tiny_design.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_design"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_table_holds_the_runs_of_the_design_and_no_other(design: ModuleType) -> None:
    planned = {run.run_id: run for run in design.study()}
    assert {row["run_id"] for row in STUDY} == set(planned)
    for row in STUDY:
        run = planned[row["run_id"]]
        assert int(row["params"]) == run.shape.params
        assert int(row["tokens"]) == run.recipe.tokens
        assert float(row["lr"]) == run.recipe.learning_rate
        assert int(row["flops_counted"]) == run.shape.flops_per_token * run.recipe.tokens


@pytest.mark.parametrize("row", ROWS, ids=[row["run_id"] for row in ROWS])
def test_the_columns_of_a_run_agree(row: dict[str, str]) -> None:
    N, D = int(row["params"]), int(row["tokens"])
    d, layers = int(row["width"]), int(row["layers"])
    embedding, positions, gains = 256 * d, 64 * d, (2 * layers + 1) * d
    assert embedding + positions + gains + layers * 12 * d * d == N
    assert int(row["flops"]) == 6 * N * D
    assert int(row["flops"]) == pytest.approx(float(row["budget"]), rel=1e-3)
    assert int(row["steps"]) * int(row["batch"]) == D
    assert int(row["steps"]) >= 2000
    assert float(row["epochs"]) == pytest.approx(D / int(row["unique_tokens"]), abs=1e-4)
    assert float(row["epochs"]) < 1


def test_the_study_is_as_large_as_it_says() -> None:
    budgets = sorted({float(row["budget"]) for row in STUDY})
    assert len(ROWS) >= 51
    assert len(budgets) >= 5
    assert budgets[-1] / budgets[0] >= 10**1.5
    for budget in budgets:
        sizes = sorted({int(row["params"]) for row in STUDY if float(row["budget"]) == budget})
        assert len(sizes) == 7
        assert all(1.3 <= large / small <= 1.6 for small, large in itertools.pairwise(sizes))
    assert len(HELD_OUT) >= 2
    assert all(float(row["budget"]) >= 4 * budgets[-1] for row in HELD_OUT)


def test_two_budgets_are_repeated_with_another_seed() -> None:
    repeated = [row for row in STUDY if row["seed"] == "1"]
    assert len(repeated) == 14
    assert len({row["budget"] for row in repeated}) == 2


def test_a_curve_ends_at_the_loss_of_its_run() -> None:
    ends = {row["run_id"]: row for row in read_rows("tiny_bytes_curves.csv")}
    assert set(ends) == {row["run_id"] for row in ROWS}
    for row in ROWS:
        end = ends[row["run_id"]]
        assert (end["tokens"], end["loss"]) == (row["tokens"], row["loss"])
        assert end["schedule_tokens"] == row["tokens"]


def test_every_budget_is_a_valley(scaling: Scaling) -> None:
    ended = scaling("isoflop", "--config", CONFIG, "--bootstrap", "200", "--format", "json")
    assert ended.returncode == 0, ended.stderr
    assert [budget["status"] for budget in json.loads(ended.stdout)["budgets"]] == ["ok"] * 5


def test_the_prediction_follows_from_the_runs_that_were_not_held_out(
    scaling: Scaling, tmp_path: Path
) -> None:
    """The law fitted anew without the held-out rows predicts what was committed before they were trained."""
    law = tmp_path / "tiny_law.json"
    assert scaling("fit", "--config", CONFIG, "--save", law).returncode == 0
    made = json.loads(PREDICTION.read_text())["results"]
    assert len(made) == len(HELD_OUT)
    for before in made:
        words = ("--params", f"{before['params']:.0f}", "--flops", f"{before['flops']:.0f}")
        ended = scaling("optimal", "--law", law, *words, "--format", "json")
        (again,) = json.loads(ended.stdout)["results"]
        assert again["loss"] == pytest.approx(before["loss"], rel=1e-6)
        for ours, theirs in zip(again["intervals"]["observed_loss"], observed(before), strict=True):
            assert ours == pytest.approx(theirs, rel=1e-4)


def observed(result: dict[str, Any]) -> list[float]:
    """The interval of the loss that one new run would show."""
    found: list[float] = result["intervals"]["observed_loss"]
    return found


def test_the_held_out_runs_are_those_predicted() -> None:
    made = sorted((made["params"], made["tokens"]) for made in json.loads(PREDICTION.read_text())["results"])
    trained = sorted((float(row["params"]), float(row["tokens"])) for row in HELD_OUT)
    assert len(trained) == len(made)
    for ours, theirs in zip(trained, made, strict=True):
        assert ours == pytest.approx(theirs, rel=5e-5)  # half a step of 13,615


def test_repeats_scatter_less_than_the_sizes_of_a_budget_differ() -> None:
    """The valleys are deeper than the noise of a seed."""
    for budget in ("3e11", "7.2e11"):
        first, second = (
            {
                row["params"]: float(row["loss"])
                for row in STUDY
                if (row["budget"], row["seed"]) == (budget, seed)
            }
            for seed in ("0", "1")
        )
        noise = statistics.pstdev([first[size] - second[size] for size in first]) / 2**0.5
        assert max(first.values()) - min(first.values()) > 3 * noise
