"""``scaling isoflop`` as people run it: tables, JSON, saved laws, and studies that come to nothing."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import published_law

Ended = subprocess.CompletedProcess[str]
Scaling = Callable[..., Ended]

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "chinchilla_isoflop.csv"


def table_of(N: Any, L: Any, C: float = 1e20) -> str:
    """CSV rows of one budget."""
    return "".join(f"{n:.6g},{C / (6 * n):.6g},{loss}\n" for n, loss in zip(N, L, strict=True))


def refused(scaling: Scaling, rows: str, *, status: str) -> None:
    """A study without a frontier: its statuses in the table and the JSON, one line on stderr, exit 1."""
    table = scaling("isoflop", "-", "--bootstrap", "50", stdin="N,D,loss\n" + rows)
    assert table.returncode == 1
    assert status in table.stdout
    assert table.stderr.startswith("error: <stdin>: no frontier: it takes two ok budgets; found 1 " + status)
    assert len(table.stderr.splitlines()) == 1
    told = scaling("isoflop", "-", "--bootstrap", "50", "--format", "json", stdin="N,D,loss\n" + rows)
    data = json.loads(told.stdout, parse_constant=pytest.fail)
    assert told.returncode == 1
    assert told.stderr == table.stderr
    assert data["frontier"] is None
    assert data["bias"] is None
    assert data["optima"] == []
    assert [budget["status"] for budget in data["budgets"]] == [status]
    if status != "ok":
        assert data["budgets"][0]["run_next"]["params"] > 0


def test_the_json_of_a_study_holds_what_its_schema_says(scaling: Scaling, sample_runs: Path) -> None:
    ended = scaling("isoflop", sample_runs, "--flops", "5.76e23", "--format", "json")
    assert ended.returncode == 0
    data = json.loads(ended.stdout, parse_constant=pytest.fail)
    assert data["schema"] == "scaling.isoflop/1"
    assert [budget["runs"] for budget in data["budgets"]] == [7] * 9
    budget = data["budgets"][0]
    assert {"flops", "runs", "status", "params", "tokens", "loss", "intervals"} <= set(budget)
    assert 6 * budget["params"] * budget["tokens"] == pytest.approx(budget["flops"])
    for which in ("raw", "corrected"):
        frontier = data["frontier"][which]
        assert frontier["params"]["exponent"] + frontier["tokens"]["exponent"] == pytest.approx(1)
    bias = data["bias"]["params_exponent"]
    moved = (data["frontier"][which]["params"]["exponent"] for which in ("raw", "corrected"))
    assert next(moved) - next(moved) == pytest.approx(bias + data["bias"]["selection"]["exponent"], abs=1e-9)
    optimum = data["optima"][0]
    for answer in (optimum, optimum["raw"]):
        assert 6 * answer["params"] * answer["tokens"] == pytest.approx(5.76e23)
        low, high = answer["intervals"]["params"]
        assert low < answer["params"] < high
    assert 0 <= optimum["waste"] < 0.01
    assert optimum["extrapolation"] == pytest.approx(192, rel=1e-3)
    assert "extrapolates" in [finding["id"] for finding in optimum["findings"]]


def test_the_intervals_of_both_frontiers_are_labelled(scaling: Scaling, sample_runs: Path) -> None:
    ended = scaling("isoflop", sample_runs, "--bootstrap", "200", "--format", "json")
    frontier = json.loads(ended.stdout)["frontier"]
    intervals = frontier["intervals"]
    assert set(intervals) == {"level", "params_exponent", "tokens_exponent", "raw", "corrected"}
    assert set(intervals["raw"]) == {"params", "tokens", "loss"}
    assert set(intervals["corrected"]) == {"params", "tokens"}
    for which in ("raw", "corrected"):
        for name, law in intervals[which].items():
            for what, (low, high) in law.items():
                assert low < frontier[which][name][what] < high
    assert intervals["params_exponent"] == intervals["corrected"]["params"]["exponent"]


def test_what_concerns_an_optimum_is_said_at_the_top_once(scaling: Scaling, sample_runs: Path) -> None:
    words = ("isoflop", sample_runs, "--flops", "1e24", "--flops", "1e25", "--bootstrap", "0")
    data = json.loads(scaling(*words, "--format", "json").stdout)
    assert [finding["id"] for finding in data["findings"]].count("extrapolates") == 1
    assert [[f["id"] for f in optimum["findings"]] for optimum in data["optima"]] == [["extrapolates"]] * 2
    assert scaling(*words).stdout.count("[extrapolates]") == 1


def test_a_line_of_csv_is_a_budget_or_an_optimum_with_the_same_columns(
    scaling: Scaling, sample_runs: Path
) -> None:
    words = ("isoflop", sample_runs, "--bootstrap", "50", "--format", "csv")
    lines = list(csv.DictReader(scaling(*words).stdout.splitlines()))
    assert [line["kind"] for line in lines] == ["budget"] * 9 + ["optimum"] * 3
    assert [line["status"] for line in lines] == ["ok"] * 9 + [""] * 3
    assert all(
        float(line["params_low"]) < float(line["params"]) < float(line["params_high"]) for line in lines
    )
    one = scaling(*words, "--budgets", "6e18").stdout
    assert [line["kind"] for line in csv.DictReader(one.splitlines())] == ["budget"]
    assert one.splitlines()[0] == ",".join(lines[0])


def test_a_saved_frontier_says_how_to_draw_it_again(
    scaling: Scaling, sample_runs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "law.json"
    words = ("--budgets", "6e18,1e20,1e21,3e21", "--budget-tolerance", "8%", "--interval", "80%")
    told = scaling("isoflop", sample_runs, *words, "--save", path, "--format", "json")
    provenance = json.loads(path.read_text())["provenance"]
    assert provenance["picked_budgets"] == [6e18, 1e20, 1e21, 3e21]
    assert (provenance["budget_tolerance"], provenance["level"]) == (0.08, 0.8)
    assert [(b["budget"], b["runs"], b["status"]) for b in provenance["budgets"]] == [
        (C, 7, "ok") for C in (6e18, 1e20, 1e21, 3e21)
    ]
    assert provenance["bias"]["selection"] == json.loads(told.stdout)["bias"]["selection"]


def test_runs_of_no_budget_and_off_theirs_are_named_in_the_message(
    scaling: Scaling, sample_runs: Path
) -> None:
    table = scaling("isoflop", sample_runs, "--budgets", "6e18,1e20", "--bootstrap", "0").stdout
    said = " ".join(table.split())
    assert "49 runs belong to none of the budgets asked for and are left out: " in said
    assert " and 46 more [no-budget]" in said
    lines = sample_runs.read_text().splitlines()
    budget = lines[0].split(",").index("budget")
    cells = lines[1].split(",")
    wrong = ",".join([*cells[:budget], "3e21", *cells[budget + 1 :]])
    ended = scaling("isoflop", "-", "--bootstrap", "0", stdin="\n".join([lines[0], wrong, *lines[2:]]) + "\n")
    said = " ".join(ended.stdout.split())
    assert f"from the median of the budget that the table puts it in: {cells[0]} [off-budget]" in said


def test_the_caption_says_which_budgets_they_are(scaling: Scaling, sample_runs: Path) -> None:
    named = scaling("isoflop", sample_runs, "--bootstrap", "0").stdout
    assert "for each budget that the table names, on the median 6 N D of its runs." in named
    rows = "".join(table_of(N, 3 + 0.05 * np.log(N / 9e8) ** 2, C) for C in (1e20, 3e20))
    grouped = scaling("isoflop", "-", "--bootstrap", "0", stdin="N,D,loss\n" + rows).stdout
    assert "for each budget of 6 N D." in grouped


def test_the_sample_runs_give_the_law_they_were_simulated_from(scaling: Scaling, sample_runs: Path) -> None:
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    data = json.loads(scaling("isoflop", sample_runs, "--flops", "5.76e23", "--format", "json").stdout)
    low, high = data["optima"][0]["intervals"]["params"]
    assert low < law.optimum(5.76e23)[0] < high
    low, high = data["frontier"]["intervals"]["params_exponent"]
    assert low < law.exponents[0] < high


def test_a_saved_frontier_is_the_answer_of_optimal(
    scaling: Scaling, sample_runs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "law.json"
    first = scaling("isoflop", sample_runs, "--flops", "1e24", "--save", path, "--format", "json")
    saved = json.loads(path.read_text())
    assert saved["form"] == "allocation"
    assert set(saved["parameters"]) == {
        "params_coefficient",
        "params_exponent",
        "tokens_coefficient",
        "tokens_exponent",
    }
    assert saved["provenance"]["approach"] == 2
    assert saved["provenance"]["raw"] == json.loads(first.stdout)["frontier"]["raw"]
    ended = scaling("optimal", "--law", path, "--flops", "1e24", "--format", "json")
    ours, theirs = json.loads(first.stdout)["optima"][0], json.loads(ended.stdout)["results"][0]
    assert theirs["params"] == pytest.approx(ours["params"], rel=1e-9)
    assert theirs["tokens"] == pytest.approx(ours["tokens"], rel=1e-9)
    assert theirs["loss"] is None
    assert theirs["intervals"]["params"] == pytest.approx(ours["intervals"]["params"], rel=1e-9)


def test_picked_budgets_are_the_only_ones(scaling: Scaling, sample_runs: Path) -> None:
    ended = scaling("isoflop", sample_runs, "--budgets", "6e18, 1e20,3e21", "--format", "json")
    data = json.loads(ended.stdout)
    assert [budget["budget"] for budget in data["budgets"]] == [6e18, 1e20, 3e21]
    assert [f["runs"] for f in data["findings"] if f["id"] == "no-budget"] == [
        [line.split(",")[0] for line in sample_runs.read_text().splitlines()[1:]
         if line.split(",")[4] not in ("6e18", "1e20", "3e21")]
    ]  # fmt: skip


def test_without_a_bootstrap_there_are_no_intervals(scaling: Scaling, sample_runs: Path) -> None:
    ended = scaling("isoflop", sample_runs, "--bootstrap", "0", "--format", "json")
    data = json.loads(ended.stdout)
    assert data["optima"][0]["intervals"] is data["frontier"]["intervals"] is None
    assert data["budgets"][0]["intervals"] is None
    table = scaling("isoflop", sample_runs, "--bootstrap", "0").stdout
    assert "interval" not in table


def test_a_config_gives_the_runs_and_the_targets(scaling: Scaling, sample_runs: Path, tmp_path: Path) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(f"runs: {sample_runs}\nwhere: flops < 1e21\nflops: 1e24\n")
    ended = scaling("isoflop", "--config", config, "--bootstrap", "0", "--format", "json")
    data = json.loads(ended.stdout)
    # 6 N D of rounded params and tokens lies on either side of 1e21
    assert len(data["budgets"]) in (7, 8)
    assert [optimum["flops"] for optimum in data["optima"]] == [1e24]


N = np.geomspace(2e8, 4e9, 6)


def test_a_config_gives_what_isoflop_alone_reads_and_options_win_over_it(
    scaling: Scaling, sample_runs: Path, tmp_path: Path
) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(
        f"runs: {sample_runs}\nisoflop: {{budgets: [6e18, 1e20, 3e21], curve: akima, budget_tolerance: 5%}}\n"
    )
    law = tmp_path / "law.json"
    words = ("--config", config, "--bootstrap", "0", "--format", "json")
    data = json.loads(scaling("isoflop", *words, "--save", law).stdout)
    assert ([budget["budget"] for budget in data["budgets"]], data["curve"]) == ([6e18, 1e20, 3e21], "akima")
    assert json.loads(law.read_text())["provenance"]["budget_tolerance"] == 0.05
    other = json.loads(scaling("isoflop", *words, "--curve", "parabola", "--budgets", "1e20").stdout)
    assert ([budget["budget"] for budget in other["budgets"]], other["curve"]) == ([1e20], "parabola")
    as_fit = json.loads(scaling("fit", "--approach", "2", *words).stdout)
    assert as_fit["budgets"] == data["budgets"]


def test_what_isoflop_does_not_read_of_a_config_is_said(
    scaling: Scaling, sample_runs: Path, tmp_path: Path
) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(f"runs: {sample_runs}\nfit: {{form: tied, fix: {{E: 1.7}}, smooth: 3}}\nflops: 1e24\n")
    ended = scaling("isoflop", "--config", config, "--bootstrap", "0")
    assert ended.returncode == 0
    assert ended.stderr.splitlines() == [
        f"note: {config}: fit.form, fit.fix, fit.smooth say nothing to scaling isoflop"
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("isoflop: {curve: cubic}", "study.yaml:2: isoflop.curve must be 'parabola' or 'akima', got 'cubic'"),
        ("isoflop: {budget: 1e20}", "study.yaml:2: unknown key 'budget'"),
        ("isoflop: {budgets: [many]}", "study.yaml:2: isoflop.budgets: 'many' is not a number"),
        (
            "isoflop: {budget_tolerance: 100%}",
            "study.yaml:2: isoflop.budget_tolerance: must be less than 100 %",
        ),
    ],
)
def test_a_config_is_refused_where_isoflop_is_not_what_it_can_be(
    scaling: Scaling, sample_runs: Path, tmp_path: Path, text: str, error: str
) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(f"runs: {sample_runs}\n{text}\n")
    ended = scaling("isoflop", "--config", config)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert error in ended.stderr.splitlines()[0]


@pytest.mark.parametrize(
    "words",
    [
        ["--save", "law.json"],
        ["--curve", "parabola"],
        ["--budgets", "6e18"],
        ["--budget-tolerance", "10%"],
        ["--where", "flops < 1e21"],
        ["--drop-highest-losses", "2"],
        ["--column", "tokens=D"],
        ["--unit", "params=1e6"],
        ["--bootstrap", "1000"],
        ["--seed", "0"],
        ["--interval", "90%"],
        ["--all-steps"],
        ["--include-unfinished"],
    ],
)
def test_what_is_of_runs_says_nothing_under_a_law(scaling: Scaling, words: list[str]) -> None:
    ended = scaling("isoflop", "--law", "besiroglu2024", "--flops", "1e20", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: {words[0]} says nothing under --law, which reads no runs\n")


def test_a_concave_budget_comes_to_nothing(scaling: Scaling) -> None:
    refused(scaling, table_of(N, 3 - 0.05 * np.log(N / 1e9) ** 2), status="concave")


def test_an_edge_vertex_comes_to_nothing(scaling: Scaling) -> None:
    refused(scaling, table_of(N, 3 + 0.05 * np.log(N / 2e8) ** 2), status="edge")


def test_three_sizes_come_to_nothing(scaling: Scaling) -> None:
    refused(scaling, table_of(np.repeat(N[:3], 2), [3, 3, 2.9, 2.9, 3, 3]), status="too-few")


def test_one_budget_comes_to_nothing(scaling: Scaling) -> None:
    refused(scaling, table_of(N, 3 + 0.05 * np.log(N / 9e8) ** 2), status="ok")


def test_identical_sizes_come_to_nothing(scaling: Scaling) -> None:
    refused(scaling, table_of([1e9] * 5, [3, 3.1, 2.9, 3, 3.05]), status="too-few")


def test_runs_with_nan_losses_are_left_out_and_said(scaling: Scaling, sample_runs: Path) -> None:
    lines = sample_runs.read_text().splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([*cells[:5], "nan", *cells[6:]])
    ended = scaling("isoflop", "-", "--bootstrap", "0", "--format", "json", stdin="\n".join(lines) + "\n")
    data = json.loads(ended.stdout, parse_constant=pytest.fail)
    assert data["budgets"][0]["runs"] == 6
    assert data["runs"] == {"read": 63, "used": 62}
    assert "missing-loss" in [finding["id"] for finding in data["findings"]]


def test_no_runs_in_common_are_said_in_one_line(scaling: Scaling) -> None:
    ended = scaling("isoflop", "-", stdin="N,D,loss\n1e8,2e9,3.2\n2e8,4e9,3.0\n4e8,8e9,2.8\n")
    assert ended.returncode == 1
    assert ended.stderr == "error: <stdin>: no frontier: no four runs share a budget\n"


def test_an_exponent_past_one_is_no_law(scaling: Scaling) -> None:
    rows = [table_of(N * k, 3 - k / 100 + 0.05 * np.log(N / 9e8) ** 2, C) for k, C in ((1, 1e20), (9, 3e20))]
    ended = scaling(
        "isoflop", "-", "--bootstrap", "20", "--format", "json", stdin="N,D,loss\n" + "".join(rows)
    )
    assert ended.returncode == 1
    assert "through the vertices is no law" in ended.stderr
    assert "no-allocation-law" in [finding["id"] for finding in json.loads(ended.stdout)["findings"]]


def test_a_laws_own_profile_has_its_optimum_in_the_middle(scaling: Scaling) -> None:
    words = ("isoflop", "--law", "besiroglu2024", "--flops", "1e19", "--flops", "1e20", "--format", "json")
    data = json.loads(scaling(*words).stdout, parse_constant=pytest.fail)
    assert data["schema"] == "scaling.profile/1"
    assert [profile["flops"] for profile in data["profiles"]] == [1e19, 1e20]
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    for profile in data["profiles"]:
        C, points = profile["flops"], profile["points"]
        assert profile["optimum"]["params"] == pytest.approx(law.optimum(C)[0])
        assert points[0]["params"] == pytest.approx(law.optimum(C)[0] / 10)
        assert points[-1]["params"] == pytest.approx(law.optimum(C)[0] * 10)
        assert min(points, key=lambda point: point["loss"])["waste"] == 0
        for point in points:
            assert 6 * point["params"] * point["tokens"] == pytest.approx(C)
            assert point["loss"] == pytest.approx(law.loss(point["params"], point["tokens"]))
            reached = law.frontier_loss((1 - point["waste"]) * C)
            assert reached == pytest.approx(point["loss"], rel=1e-9)


def test_laws_without_a_loss_are_left_out_of_the_profiles_and_said(scaling: Scaling) -> None:
    ended = scaling("isoflop", "--law", "chinchilla", "--flops", "1e20", "--format", "json")
    data = json.loads(ended.stdout)
    assert {profile["law"] for profile in data["profiles"]} == {"besiroglu2024", "hoffmann2022-a3"}
    assert [finding["id"] for finding in data["findings"]] == ["law-has-no-loss"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        ("isoflop", 2, "no runs to draw a frontier through"),
        ("isoflop nothere.csv", 1, "nothere.csv: no such file"),
        ("isoflop --law besiroglu2024", 2, "--law needs a budget"),
        ("isoflop --law kaplan2020 --flops 1e20", 1, "kaplan2020: says nothing of the loss"),
        ("isoflop {runs} --law besiroglu2024 --flops 1e20", 2, "--law and runs contradict each other"),
        ("isoflop {runs} --budgets 5e15", 2, "--budgets: no run has a budget of 5e15 FLOPs"),
        ("isoflop {runs} --budgets ,", 2, "--budgets: ',' names none"),
        ("isoflop {runs} --budgets 6e18,many", 2, "--budgets: 'many' is not a number"),
        ("isoflop {runs} --budgets -6e18", 2, "--budgets: must be positive"),
        ("isoflop {runs} --budget-tolerance 100%", 2, "--budget-tolerance: must lie below 100 %"),
        ("isoflop {runs} --budget-tolerance 12", 2, "--budget-tolerance: '12' is not a share"),
        ("isoflop {runs} --curve cubic", 2, "--curve: 'cubic' is not known"),
        ("isoflop {runs} --interval 100%", 2, "--interval: must lie below 100 %"),
        ("isoflop {runs} --flops 0", 2, "--flops: must be positive"),
        ("isoflop {runs} --where simulated==2", 1, "no runs left of 63 rows"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    scaling: Scaling, sample_runs: Path, words: str, code: int, error: str
) -> None:
    ended = scaling(*(word.format(runs=sample_runs) for word in words.split()))
    assert (ended.returncode, ended.stdout) == (code, "")
    assert error in ended.stderr.splitlines()[0]
    assert len(ended.stderr.splitlines()) <= 2


def test_strict_makes_a_warning_exit_with_1(scaling: Scaling, sample_runs: Path) -> None:
    words = ("isoflop", sample_runs, "--flops", "1e25", "--bootstrap", "0", "--strict")
    ended = scaling(*words)
    assert ended.returncode == 1
    assert "extrapolates" in ended.stderr


@pytest.mark.parametrize("where", [None, "qc_outlier == 0"])
def test_the_published_sweeps_give_an_exponent_like_the_papers(scaling: Scaling, where: str | None) -> None:
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not there: the sweeps of Hoffmann et al. 2022 are not in the repository")
    words = ["isoflop", SHARED, "--flops", "5.76e23", "--format", "json"]
    data = json.loads(scaling(*words, *(["--where", where] if where else [])).stdout)
    for which in ("raw", "corrected"):
        # 0.49, 10th to 90th percentile 0.462 to 0.534, in Hoffmann et al. 2022, Table 2
        assert 0.46 <= data["frontier"][which]["params"]["exponent"] <= 0.56
    for answer in (data["optima"][0], data["optima"][0]["raw"]):
        assert 50e9 <= answer["params"] <= 115e9
    statuses = {budget["budget"]: budget["status"] for budget in data["budgets"]}
    if where is None:
        assert statuses == dict.fromkeys((6e18, 1e19, 3e19, 6e19, 3e20, 6e20, 1e21, 3e21), "ok") | {
            1e20: "flat"
        }
    else:
        assert set(statuses.values()) == {"ok"}
