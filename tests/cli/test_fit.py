"""``scaling fit`` as a user runs it: a table of runs goes in, a law and its optima come out."""

import csv
import gzip
import hashlib
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Scaling = Callable[..., subprocess.CompletedProcess[str]]

RESULT_KEYS = ["law", "flops", "params", "tokens", "tokens_per_param", "loss", "flat_range", "findings"]


@pytest.fixture
def fitted(scaling: Scaling) -> Callable[..., dict[str, Any]]:
    """Run ``scaling fit --format json`` and return its document."""

    def run(*args: str | Path, stdin: str | bytes | None = None) -> dict[str, Any]:
        ended = scaling("fit", *args, "--format", "json", stdin=stdin)
        assert ended.returncode == 0, ended.stderr
        document: dict[str, Any] = json.loads(ended.stdout)
        return document

    return run


Fitted = Callable[..., dict[str, Any]]


def finding_ids(document: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in document["findings"]]


def rewrite(source: Path, target: Path, change: Callable[[dict[str, str]], dict[str, str]]) -> Path:
    """Write a run table again with every row changed."""
    with source.open(newline="") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


def test_the_digitised_runs_give_the_minimum_that_is_known(fitted: Fitted, digitised_runs: Path) -> None:
    document = fitted(digitised_runs, "--drop-highest-losses", "5")
    assert document["objective"]["value"] <= 1.01827403e-3
    law = document["law"]["parameters"]
    assert law["alpha"] == pytest.approx(0.34731, rel=3e-4)
    assert law["beta"] == pytest.approx(0.36717, rel=3e-4)
    assert law["E"] == pytest.approx(1.81722, rel=3e-4)
    assert document["status"] == "converged"
    assert document["runs"] == {"read": 245, "used": 240}
    (dropped,) = (one for one in document["findings"] if one["id"] == "dropped-highest-losses")
    assert len(dropped["runs"]) == 5


def test_all_digitised_runs_give_the_minimum_that_is_known(fitted: Fitted, digitised_runs: Path) -> None:
    document = fitted(digitised_runs)
    assert document["objective"]["value"] <= 1.82601053e-3
    assert document["runs"] == {"read": 245, "used": 245}


def test_a_law_that_is_saved_answers_as_the_fit_did(
    scaling: Scaling, fitted: Fitted, digitised_runs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "law.json"
    document = fitted(digitised_runs, "--drop-highest-losses", "5", "--flops", "5.76e23", "--save", path)
    ended = scaling("optimal", "--law", path, "--flops", "5.76e23", "--format", "json")
    (plan,) = json.loads(ended.stdout)["results"]
    assert plan["tokens_per_param"] == pytest.approx(17.9, abs=0.05)
    (optimum,) = document["optima"]
    assert {**plan, "law": optimum["law"]} == optimum


def test_counting_in_millions_and_billions_changes_no_optimum(
    fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    counted = rewrite(
        sample_runs,
        tmp_path / "counted.csv",
        lambda row: {
            "params (M)": repr(float(row["params"]) / 1e6),
            "tokens (B)": repr(float(row["tokens"]) / 1e9),
            "loss": row["loss"],
        },
    )
    plain = fitted(sample_runs, "--flops", "5.76e23")
    columns = ("--column", "params=params (M)", "--column", "tokens=tokens (B)")
    units = ("--unit", "params=1e6", "--unit", "tokens=1e9")
    scaled = fitted(counted, *columns, *units, "--flops", "5.76e23")
    assert scaled["law"]["parameters"] == pytest.approx(plain["law"]["parameters"], rel=1e-6)
    for key in ("params", "tokens", "loss"):
        assert scaled["optima"][0][key] == pytest.approx(plain["optima"][0][key], rel=1e-6)


def test_the_digitised_runs_in_millions_give_the_same_optimum(
    fitted: Fitted, digitised_runs: Path, tmp_path: Path
) -> None:
    def count(row: dict[str, str]) -> dict[str, str]:
        params, tokens = float(row["params"]) / 1e6, float(row["tokens"]) / 1e9
        return {"N": repr(params), "D": repr(tokens), "loss": row["loss"]}

    counted = rewrite(digitised_runs, tmp_path / "counted.csv", count)
    options = ("--drop-highest-losses", "5", "--flops", "5.76e23")
    plain = fitted(digitised_runs, *options)
    scaled = fitted(counted, *options, "--unit", "params=1e6", "--unit", "tokens=1e9")
    for key in ("params", "tokens", "loss"):
        assert scaled["optima"][0][key] == pytest.approx(plain["optima"][0][key], rel=1e-4)


def test_the_json_has_the_shape_that_is_promised(fitted: Fitted, sample_runs: Path) -> None:
    document = fitted(sample_runs, "--flops", "5.76e23")
    promised = ["schema", "law", "frontier", "objective", "status", "runs", "optima", "findings"]
    assert [key for key in document if key in promised] == promised
    assert document["schema"] == "scaling.fit/1"
    assert document["law"]["form"] == "chinchilla"
    assert list(document["law"]["parameters"]) == ["E", "A", "B", "alpha", "beta"]
    assert list(document["frontier"]) == ["params_exponent", "tokens_exponent"]
    assert sum(document["frontier"].values()) == pytest.approx(1)
    assert list(document["objective"]) == ["name", "delta", "value"]
    assert document["objective"]["name"] == "log-huber"
    assert document["objective"]["delta"] == 1e-3
    assert document["runs"] == {"read": 63, "used": 63}
    sureness = ["extrapolation", "intervals", "regret"]
    assert [list(optimum) for optimum in document["optima"]] == [[*RESULT_KEYS[:-1], *sureness, "findings"]]
    for finding in document["findings"]:
        assert list(finding) == ["id", "severity", "message", "runs"]


def test_simulated_runs_give_back_the_law_they_come_from_and_are_called_simulated(
    scaling: Scaling, fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "law.json"
    document = fitted(sample_runs, "--save", path)
    assert document["law"]["parameters"]["alpha"] == pytest.approx(0.3478, rel=0.05)
    assert document["law"]["parameters"]["beta"] == pytest.approx(0.3658, rel=0.05)
    assert "simulated-runs" in finding_ids(document)
    for output_format in ("table", "markdown"):
        assert "simulated-runs" in scaling("fit", sample_runs, "--format", output_format).stdout
    asked = scaling("optimal", "--law", path, "--flops", "1e21", "--format", "csv")
    assert "simulated-runs" in asked.stdout


def test_the_default_targets_are_1_10_and_100_times_the_largest_run(
    fitted: Fitted, sample_runs: Path
) -> None:
    budgets = [optimum["flops"] for optimum in fitted(sample_runs)["optima"]]
    assert budgets == pytest.approx([3e21, 3e22, 3e23], rel=1e-6)


def test_a_target_far_beyond_the_runs_says_so(fitted: Fitted, sample_runs: Path) -> None:
    near, far = fitted(sample_runs, "--flops", "1e22", "--flops", "1e24")["optima"]
    assert near["findings"] == []
    assert [(one["id"], one["severity"]) for one in far["findings"]] == [("extrapolates", "warning")]


def test_the_law_file_says_where_its_law_comes_from(
    fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "law.json"
    document = fitted(sample_runs, "--where", "flops < 1e21", "--save", path)
    law = json.loads(path.read_text())
    assert (law["schema"], law["form"]) == ("scaling.law/1", "chinchilla")
    assert law["parameters"] == document["law"]["parameters"]
    provenance = law["provenance"]
    assert provenance["data"]["sha256"] == hashlib.sha256(sample_runs.read_bytes()).hexdigest()
    assert len(provenance["filters"]["where"]) == 1
    assert provenance["objective"] == document["objective"]
    assert provenance["version"] == "scaling 0.1.0"
    assert provenance["runs"] == document["runs"]


@pytest.mark.parametrize("name", ["law.json", "law.yaml"])
def test_a_law_file_keeps_every_digit(
    scaling: Scaling, fitted: Fitted, sample_runs: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    document = fitted(sample_runs, "--save", path)
    shown = scaling("optimal", "--show-law", path, "--format", "json")
    assert json.loads(shown.stdout)["parameters"] == document["law"]["parameters"]


def test_runs_may_come_from_standard_input(fitted: Fitted, sample_runs: Path) -> None:
    named, piped = fitted(sample_runs), fitted("-", stdin=sample_runs.read_bytes())
    assert piped["law"] == named["law"]
    assert piped["optima"][0]["law"] == "<stdin>"


def test_gzip_is_read_by_name_and_from_standard_input(
    fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "runs.csv.gz"
    path.write_bytes(gzip.compress(sample_runs.read_bytes()))
    plain = fitted(sample_runs)
    assert fitted(path)["law"] == plain["law"]
    assert fitted("-", stdin=path.read_bytes())["law"] == plain["law"]


def test_tab_separated_and_json_lines_are_read_as_csv_is(
    fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    text = sample_runs.read_text()
    tsv, jsonl = tmp_path / "runs.tsv", tmp_path / "runs.jsonl"
    tsv.write_text(text.replace(",", "\t"))
    jsonl.write_text("\n".join(json.dumps(row) for row in csv.DictReader(io.StringIO(text))))
    plain = fitted(sample_runs)
    assert fitted(tsv)["law"] == plain["law"]
    assert fitted(jsonl)["law"] == plain["law"]


def test_where_fits_only_the_runs_that_meet_every_condition(fitted: Fitted, sample_runs: Path) -> None:
    document = fitted(sample_runs, "--where", "flops < 1e21", "--where", "params>=100M")
    with sample_runs.open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if float(row["flops"]) < 1e21 and float(row["params"]) >= 1e8]
    assert document["runs"] == {"read": 63, "used": len(kept)}
    assert 0 < len(kept) < 63
    assert "filtered" in finding_ids(document)


def test_a_row_without_a_loss_is_left_out_and_said(
    scaling: Scaling, fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    lines = sample_runs.read_text().splitlines()
    for number, loss in ((5, "nan"), (9, ""), (12, "inf")):
        cells = lines[number].split(",")
        lines[number] = ",".join([*cells[:5], loss, cells[6]])
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines))
    ended = scaling("fit", path, "--format", "json")
    document = json.loads(ended.stdout)
    assert document["runs"] == {"read": 63, "used": 60}
    (missing,) = (one for one in document["findings"] if one["id"] == "missing-loss")
    assert missing["severity"] == "warning"
    assert missing["runs"] == [lines[number].split(",")[0] for number in (5, 9, 12)]
    assert "3 rows without a loss" in ended.stderr
    assert scaling("fit", path, "--strict").returncode == 1


def test_strict_still_saves_and_shows_what_it_found(
    scaling: Scaling, sample_runs: Path, tmp_path: Path
) -> None:
    law, output = tmp_path / "law.json", tmp_path / "out.json"
    asked = ("fit", sample_runs, "--flops", "1e24", "--save", law, "--output", output, "--format", "json")
    ended = scaling(*asked, "--strict")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines()[-1] == "error: --strict: the answer carries warnings (extrapolates)"
    assert json.loads(output.read_text())["schema"] == "scaling.fit/1"
    assert json.loads(law.read_text())["schema"] == "scaling.law/1"


def test_missing_flops_are_derived_and_said(fitted: Fitted, sample_runs: Path, tmp_path: Path) -> None:
    def without_flops(row: dict[str, str]) -> dict[str, str]:
        return {key: row[key] for key in ("params", "tokens", "loss")}

    document = fitted(rewrite(sample_runs, tmp_path / "runs.csv", without_flops))
    assert "derived-flops" in finding_ids(document)
    assert document["law"]["parameters"] == pytest.approx(fitted(sample_runs)["law"]["parameters"], rel=1e-9)


@pytest.mark.parametrize(
    ("factor", "suggestion"),
    [(1e-9, "GFLOPs"), (1e-12, "TFLOPs"), (1e-21, "zettaFLOPs"), (1 / 3, "2ND, the forward pass only")],
)
def test_flops_in_another_unit_or_convention_are_reported_with_what_they_suggest(
    fitted: Fitted, sample_runs: Path, tmp_path: Path, factor: float, suggestion: str
) -> None:
    path = rewrite(
        sample_runs,
        tmp_path / "runs.csv",
        lambda row: {
            "params": row["params"],
            "tokens": row["tokens"],
            "flops": repr(float(row["flops"]) * factor),
            "loss": row["loss"],
        },
    )
    (said,) = (one for one in fitted(path)["findings"] if one["id"] == "flop-ratio")
    assert said["severity"] == "warning"
    assert suggestion in said["message"]


def test_a_config_describes_the_whole_experiment(fitted: Fitted, sample_runs: Path, tmp_path: Path) -> None:
    config = tmp_path / "experiment.yaml"
    (tmp_path / "runs.csv").write_bytes(sample_runs.read_bytes())
    config.write_text(
        "runs: runs.csv\nwhere: flops < 1e21\nflops: [1e21, 1e22]\nwaste: 5%\nfit: {delta: 1e-2}\n"
    )
    told = fitted("--config", config)
    typed = fitted(
        tmp_path / "runs.csv",
        *(
            "--where",
            "flops < 1e21",
            "--flops",
            "1e21",
            "--flops",
            "1e22",
            "--waste",
            "5%",
            "--delta",
            "1e-2",
        ),
    )
    assert told == typed
    assert told["objective"]["delta"] == 1e-2
    assert [optimum["flat_range"]["waste"] for optimum in told["optima"]] == [0.05, 0.05]


def test_options_win_over_the_config(fitted: Fitted, sample_runs: Path, tmp_path: Path) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(
        "runs: nowhere.csv\nwhere: flops < 1e21\nflops: 1e21\nwaste: 5%\nfit: {delta: 1e-2}\n"
        "units: {params: 1e3}\ndrop_highest_losses: 7\n"
    )
    options: tuple[str, ...] = (
        "--where",
        "flops < 1e20",
        "--flops",
        "1e22",
        "--waste",
        "2%",
        "--delta",
        "1e-3",
    )
    options += ("--unit", "params=1", "--drop-highest-losses", "0")
    told = fitted(sample_runs, "--config", config, *options)
    assert told == fitted(sample_runs, *options)
    assert [optimum["flops"] for optimum in told["optima"]] == [1e22]


def test_the_default_waste_on_the_command_line_wins_over_the_config(
    fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text("runs: nowhere.csv\nwaste: 5%\n")
    told = fitted(sample_runs, "--config", config, "--waste", "1%")
    assert [optimum["flat_range"]["waste"] for optimum in told["optima"]] == [0.01] * 3


def test_the_committed_config_runs(fitted: Fitted, sample_runs: Path) -> None:
    told = fitted("--config", sample_runs.parents[1] / "configs" / "simulated.yaml")
    assert told["law"] == fitted(sample_runs)["law"]
    assert [optimum["flops"] for optimum in told["optima"]] == [5.76e23]


def test_the_last_row_of_a_run_is_fitted_unless_all_are_asked_for(
    fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    lines = sample_runs.read_text().splitlines()
    first = lines[1].split(",")
    early = ",".join([first[0], first[1], "5e9", repr(6 * float(first[1]) * 5e9), first[4], "3.6", first[6]])
    path = tmp_path / "runs.csv"
    path.write_text("\n".join([lines[0], early, *lines[1:]]))
    last = fitted(path)
    assert last["runs"] == {"read": 64, "used": 63}
    assert "last-steps" in finding_ids(last)
    assert last["law"] == fitted(sample_runs)["law"]
    every = fitted(path, "--all-steps")
    assert every["runs"] == {"read": 64, "used": 64}
    assert "all-steps" in finding_ids(every)


def test_unfinished_runs_are_left_out_unless_they_are_asked_for(
    fitted: Fitted, sample_runs: Path, tmp_path: Path
) -> None:
    def schedule(row: dict[str, str]) -> dict[str, str]:
        longer = 2 if row["run_id"].endswith("-50M") else 1
        return {**row, "schedule_tokens": repr(float(row["tokens"]) * longer)}

    path = rewrite(sample_runs, tmp_path / "runs.csv", schedule)
    finished, every = fitted(path), fitted(path, "--include-unfinished")
    assert finished["runs"] == {"read": 63, "used": 62}
    assert every["runs"] == {"read": 63, "used": 63}
    assert "unfinished-schedule" in finding_ids(finished)
    assert "unfinished-schedule" in finding_ids(every)
