"""How sure ``scaling fit`` and ``scaling optimal`` say they are, as a user asks for it."""

import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from statistics import pstdev
from typing import Any

import pytest

from scaling_cli.files.run_table import read_runs
from scaling_cli.fitting.bootstrap import bootstrap_law
from scaling_cli.fitting.parametric import fit_law

Scaling = Callable[..., subprocess.CompletedProcess[str]]
Told = Callable[..., dict[str, Any]]

NAMES = ["params", "tokens", "tokens_per_param", "loss", "observed_loss"]
FEW = ("--bootstrap", "100")


@pytest.fixture
def told(scaling: Scaling) -> Told:
    """Run a command with ``--format json`` and return its document."""

    def run(*args: str | Path) -> dict[str, Any]:
        ended = scaling(*args, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        document: dict[str, Any] = json.loads(ended.stdout)
        return document

    return run


def test_a_fit_tells_its_intervals_unasked(told: Told, sample_runs: Path) -> None:
    document = told("fit", sample_runs)
    law, intervals = document["law"]["parameters"], document["intervals"]
    assert list(intervals) == ["level", "parameters", "frontier"]
    assert intervals["level"] == 0.9
    assert list(intervals["parameters"]) == list(law)
    assert list(intervals["frontier"]) == list(document["frontier"])
    for name, (low, high) in (intervals["parameters"] | intervals["frontier"]).items():
        assert low < (law | document["frontier"])[name] < high
    bootstrap = document["bootstrap"]
    assert list(bootstrap) == ["replicates", "converged", "second_minima", "seed", "standard_deviations"]
    assert (bootstrap["replicates"], bootstrap["converged"], bootstrap["seed"]) == (1000, 1000, 0)
    for name, deviation in bootstrap["standard_deviations"].items():
        # 90 % of a normal distribution is 3.29 standard deviations wide
        low, high = intervals["parameters"][name]
        assert 2.5 < (high - low) / deviation < 4


def test_every_optimum_of_a_fit_tells_how_sure_it_is(told: Told, sample_runs: Path) -> None:
    document = told("fit", sample_runs, "--flops", "1e22", "--flops", "1e24", *FEW)
    near, far = document["optima"]
    for optimum in (near, far):
        assert sorted(optimum["intervals"]) == sorted(["level", *NAMES])
        assert optimum["intervals"].pop("level") == 0.9
        for name, (low, high) in optimum["intervals"].items():
            assert low < optimum["loss" if name == "observed_loss" else name] < high
        assert list(optimum["regret"]) == ["expected", "p90", "params"]
        assert 0 < optimum["regret"]["expected"] < optimum["regret"]["p90"] < 0.2
        low, high = optimum["regret"]["params"]
        assert optimum["flat_range"]["params"][0] < low < high < optimum["flat_range"]["params"][1]
    # the farther, the less sure
    assert [near["extrapolation"], far["extrapolation"]] == pytest.approx([1e22 / 3e21, 1e24 / 3e21])
    assert near["regret"]["expected"] < far["regret"]["expected"]
    widths = [one["intervals"]["params"][1] / one["intervals"]["params"][0] for one in (near, far)]
    assert widths[0] < widths[1]


def test_without_a_bootstrap_there_are_no_intervals(told: Told, sample_runs: Path, tmp_path: Path) -> None:
    law = tmp_path / "law.json"
    document = told("fit", sample_runs, "--bootstrap", "0", "--save", law)
    assert not {"intervals", "bootstrap"} & set(document)
    for optimum in document["optima"]:
        assert not {"intervals", "regret"} & set(optimum)
        assert "extrapolation" in optimum
    assert "draws" not in json.loads(law.read_text())
    assert "intervals" not in told("optimal", "--law", law, "--flops", "1e24")["results"][0]


def test_a_seed_gives_the_same_intervals_again_and_another_seed_others(told: Told, sample_runs: Path) -> None:
    first, again, other = (told("fit", sample_runs, *FEW, "--seed", seed) for seed in ("5", "5", "6"))
    assert first == again
    assert first["bootstrap"]["seed"] == 5
    assert first["law"] == other["law"]
    assert first["intervals"] != other["intervals"]


def test_an_interval_of_half_the_draws_is_the_narrower(told: Told, sample_runs: Path) -> None:
    narrow, wide = (told("fit", sample_runs, *FEW, "--interval", level) for level in ("50%", "95%"))
    assert [narrow["intervals"]["level"], wide["intervals"]["level"]] == [0.5, 0.95]
    for kind in ("parameters", "frontier"):
        for name, (low, high) in narrow["intervals"][kind].items():
            least, most = wide["intervals"][kind][name]
            assert least < low < high < most
    for one, other in zip(narrow["optima"], wide["optima"], strict=True):
        for name in NAMES:
            assert other["intervals"][name][0] < one["intervals"][name][0]
            assert one["intervals"][name][1] < other["intervals"][name][1]


def test_the_digitised_chinchilla_runs_give_the_intervals_that_are_known(
    told: Told, digitised_runs: Path
) -> None:
    options = ("--drop-highest-losses", "5", "--bootstrap", "4000", "--interval", "95%", "--flops", "5.76e23")
    document = told("fit", digitised_runs, *options)
    (optimum,) = document["optima"]
    assert optimum["tokens_per_param"] == pytest.approx(17.9, abs=0.1)
    assert optimum["params"] == pytest.approx(73e9, rel=0.01)
    (low, high), (least, most) = (optimum["intervals"][name] for name in ("tokens_per_param", "params"))
    assert 6 <= low <= 9
    assert 28 <= high <= 40
    assert 48e9 <= least <= 58e9
    assert 105e9 <= most <= 130e9
    deviations = document["bootstrap"]["standard_deviations"]
    assert deviations["alpha"] == pytest.approx(0.015, abs=0.004)
    assert deviations["beta"] == pytest.approx(0.020, abs=0.005)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_saved_law_tells_the_intervals_of_its_fit_without_the_runs(
    told: Told, sample_runs: Path, tmp_path: Path, suffix: str
) -> None:
    runs, law = tmp_path / "runs.csv", tmp_path / f"law.{suffix}"
    shutil.copy(sample_runs, runs)
    (fitted,) = told("fit", runs, "--flops", "1e25", "--save", law, *FEW)["optima"]
    runs.unlink()
    (result,) = told("optimal", "--law", law, "--flops", "1e25")["results"]
    assert result["extrapolation"] == fitted["extrapolation"]
    assert result["intervals"].keys() == fitted["intervals"].keys()
    for name in NAMES:
        assert result["intervals"][name] == pytest.approx(fitted["intervals"][name], rel=1e-9)
    assert result["regret"].pop("params") == pytest.approx(fitted["regret"].pop("params"), rel=1e-9)
    assert result["regret"] == pytest.approx(fitted["regret"], rel=1e-6)


def test_a_saved_law_tells_intervals_at_any_level_and_of_any_question(
    told: Told, sample_runs: Path, tmp_path: Path
) -> None:
    law = tmp_path / "law.json"
    told("fit", sample_runs, "--save", law, *FEW)
    ask = ("optimal", "--law", law)
    (narrow,), (wide,) = (
        told(*ask, "--flops", "1e24", "--interval", level)["results"] for level in ("0.5", "95%")
    )
    assert [narrow["intervals"]["level"], wide["intervals"]["level"]] == [0.5, 0.95]
    assert wide["intervals"]["params"][0] < narrow["intervals"]["params"][0]
    (what_if,) = told(*ask, "--params", "7B", "--tokens", "2T")["results"]
    assert sorted(what_if["intervals"]) == ["level", "loss", "observed_loss", "waste"]
    (by_loss,) = told(*ask, "--loss", "2.0")["results"]
    assert sorted(by_loss["intervals"]) == ["flops", "level", "params", "tokens", "tokens_per_param"]


def test_a_published_law_has_no_intervals(told: Told) -> None:
    (result,) = told("optimal", "--law", "besiroglu2024", "--flops", "1e24", "--interval", "95%")["results"]
    assert not {"intervals", "regret"} & set(result)


def test_the_table_and_the_csv_show_the_intervals_too(
    scaling: Scaling, told: Told, sample_runs: Path
) -> None:
    fit = ("fit", sample_runs, "--flops", "1e24", *FEW)
    (optimum,) = told(*fit)["optima"]
    table = scaling(*fit).stdout
    assert "90 % interval" in table
    assert "standard deviation" in table
    (row,) = csv.DictReader(scaling(*fit, "--format", "csv").stdout.splitlines())
    assert row["interval"] == "0.9"
    for name in NAMES:
        ends = [float(row[f"{name}_low"]), float(row[f"{name}_high"])]
        assert ends == pytest.approx(optimum["intervals"][name])


def test_runs_of_a_cluster_are_drawn_together(told: Told, sample_runs: Path, tmp_path: Path) -> None:
    table = read_runs(str(sample_runs), columns={"cluster": "budget"})
    bootstrap = bootstrap_law(fit_law(table.runs), replicates=100, clusters=table.clusters)
    expected = pstdev([draw.parameters["alpha"] for draw in bootstrap.draws])
    plain = told("fit", sample_runs, *FEW)
    clustered = told("fit", sample_runs, *FEW, "--cluster", "budget")
    assert clustered["bootstrap"]["standard_deviations"]["alpha"] == pytest.approx(expected)
    assert clustered["intervals"] != plain["intervals"]
    assert clustered["law"] == plain["law"]
    # a column of that name needs no option
    named = tmp_path / "runs.csv"
    head, rest = sample_runs.read_text().split("\n", 1)
    named.write_text(head.replace("budget", "cluster") + "\n" + rest)
    assert told("fit", named, *FEW)["intervals"] == clustered["intervals"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--interval", "0"), 2, "--interval"),
        (("--interval", "100%"), 2, "--interval"),
        (("--interval", "1.5"), 2, "--interval"),
        (("--interval", "-5%"), 2, "--interval"),
        (("--interval", "abc"), 2, "--interval"),
        (("--interval", "nan"), 2, "--interval"),
        (("--bootstrap", "-1"), 2, "--bootstrap"),
        (("--bootstrap", "many"), 2, "--bootstrap"),
        (("--seed", "-1"), 2, "--seed"),
        (("--seed", "1.5"), 2, "--seed"),
        (("--cluster", "nosuch"), 1, "cluster=nosuch names no column"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_value_that_is_none_is_one_clear_line(
    scaling: Scaling, sample_runs: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    ended = scaling("fit", sample_runs, *options)
    assert (ended.returncode, ended.stdout) == (code, "")
    error, hint = ended.stderr.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("level", ["0", "100%", "abc"])
def test_optimal_refuses_a_level_that_is_none_too(scaling: Scaling, level: str) -> None:
    ended = scaling("optimal", "--flops", "1e24", "--interval", level)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: --interval: ")


def test_damaged_draws_are_one_clear_line_that_names_the_file(
    scaling: Scaling, sample_runs: Path, tmp_path: Path
) -> None:
    law = tmp_path / "law.json"
    assert scaling("fit", sample_runs, "--save", law, *FEW).returncode == 0
    document = json.loads(law.read_text())
    document["draws"]["alpha"].pop()
    law.write_text(json.dumps(document))
    ended = scaling("optimal", "--law", law, "--flops", "1e24")
    assert (ended.returncode, ended.stdout) == (1, "")
    error, hint = ended.stderr.splitlines()
    assert "law.json" in error
    assert "draws must be lists of numbers of the same length" in error
    assert hint.startswith("hint: ")
