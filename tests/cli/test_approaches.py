"""``scaling fit --approach 1|2|all``: read, ask, show, save, refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, SHARED, Ended

Scaling = Callable[..., Ended]
CURVES = ROOT / "sample_runs" / "simulated_curves.csv"
QUICK = ("--smooth", "4", "--bootstrap", "50")


def test_the_default_smoothing_is_as_good_on_the_sample_curves_as_none(scaling: Scaling) -> None:
    def error(*options: str) -> float:
        words = ("fit", CURVES, "--approach", "1", "--bootstrap", "0", *options, "--format", "json")
        found = json.loads(scaling(*words).stdout)["frontier"]["params_exponent"]
        return abs(float(found) - 0.5126)

    assert error() <= error("--smooth", "0") < 0.006


def test_the_envelope_of_the_sample_curves_holds_the_law_they_were_made_from(scaling: Scaling) -> None:
    ended = scaling("fit", CURVES, "--approach", "1", "--smooth", "4", "--format", "json")
    assert ended.returncode == 0
    answer = json.loads(ended.stdout)
    assert (answer["schema"], answer["approach"], answer["law"]["form"]) == ("scaling.fit/1", 1, "allocation")
    sides = {"params_coefficient", "params_exponent", "tokens_coefficient", "tokens_exponent"}
    assert set(answer["law"]["parameters"]) == sides
    # besiroglu2024, 0.5126
    low, high = answer["intervals"]["frontier"]["params_exponent"]
    assert low <= 0.5126 <= high
    assert abs(answer["frontier"]["params_exponent"] - 0.5126) < 0.02
    assert {variant["rule"] for variant in answer["variants"]} == {"with-edges", "all-points"}
    assert (answer["runs"]["read"], answer["runs"]["used"]) == (96, 96)
    assert 0 < answer["runs"]["winning"] < 96
    assert answer["envelope"]["windows"] == [2, 2]
    # coefficients span powers of ten: the deviation is that of the logarithm, and one for both sides
    spread = answer["bootstrap"]["standard_deviations"]
    assert set(spread) == {
        *("log_params_coefficient", "params_exponent", "log_tokens_coefficient", "tokens_exponent"),
    }
    assert spread["log_params_coefficient"] == pytest.approx(spread["log_tokens_coefficient"])
    budgets = answer["envelope"]["budgets"]
    assert budgets["traced"] == 1500
    assert budgets["won"] == budgets["fitted"] + budgets["edge"]
    assert sum(part["budgets"] for part in answer["envelope"]["stretches"]) == budgets["won"]
    assert {finding["id"] for finding in answer["findings"]} == {
        "simulated-runs",
        "edge-budgets",
        "coarse-curves",
    }


def test_a_saved_envelope_answers_like_any_law_with_intervals(scaling: Scaling, tmp_path: Path) -> None:
    law = tmp_path / "law.json"
    fitted = scaling(
        "fit", CURVES, "--approach", "1", *QUICK, "--flops", "1e22", "--save", law, "--format", "json"
    )
    (at_fit,) = json.loads(fitted.stdout)["optima"]
    planned = scaling("optimal", "--law", law, "--flops", "1e22", "--format", "json")
    (again,) = json.loads(planned.stdout)["results"]
    assert planned.returncode == 0
    for key in ("params", "tokens", "intervals"):
        assert again[key] == at_fit[key]
    provenance = json.loads(law.read_text())["provenance"]
    assert (provenance["approach"], provenance["envelope"]["smoothing"]) == (1, 4)
    assert len(provenance["data"]["sha256"]) == 64


def test_a_loss_is_not_asked_of_an_envelope(scaling: Scaling, tmp_path: Path) -> None:
    law = tmp_path / "law.json"
    scaling("fit", CURVES, "--approach", "1", *QUICK, "--save", law)
    ended = scaling("optimal", "--law", law, "--loss", "2.5")
    assert ended.returncode == 1
    assert "says nothing of the loss" in ended.stderr


def test_standard_input_and_conditions_are_read_as_for_runs(scaling: Scaling) -> None:
    words = ("fit", "-", "--approach", "1", *QUICK, "--where", "params < 6e9", "--format", "json")
    ended = scaling(*words, stdin=CURVES.read_text())
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["runs"]["read"] == 88
    assert "filtered" in {finding["id"] for finding in answer["findings"]}


def test_reading_along_the_way_is_warned_of_and_strict_makes_it_fail(scaling: Scaling) -> None:
    words = ("fit", CURVES, "--approach", "1", *QUICK, "--include-unfinished", "--format", "json")
    ended = scaling(*words, "--strict")
    assert ended.returncode == 1
    assert "[unfinished-schedule]" in ended.stderr
    assert json.loads(ended.stdout)["envelope"]["read_share"] == 0.9


@pytest.fixture
def llama_curves() -> Path:
    """The curves of the four LLaMA models, digitised from Touvron et al. 2023, Fig. 1."""
    path = SHARED / "llama1_curves.csv"
    if not path.exists():
        pytest.skip("the digitised LLaMA curves are not part of the repository")
    return path


def test_four_runs_of_one_schedule_each_are_shown_and_give_no_frontier(
    scaling: Scaling, llama_curves: Path
) -> None:
    ended = scaling("fit", llama_curves, "--approach", "1", "--format", "json")
    assert ended.returncode == 1
    assert "too-few-sizes" in ended.stderr
    assert "hint: add curves of more sizes" in ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["law"] is answer["frontier"] is None
    assert answer["optima"] == []
    assert answer["envelope"]["budgets"]["fitted"] == 0
    # every budget has one run at most: those of 1T tokens end where those of 1.4T are not yet read
    assert [part["status"] for part in answer["envelope"]["stretches"]] == ["edge"] * 4
    along = scaling("fit", llama_curves, "--approach", "1", "--include-unfinished")
    assert along.returncode == 1
    assert "[unfinished-schedule]" in along.stdout
    assert "the others by two sizes" in along.stderr


def test_approach_2_is_what_isoflop_says(scaling: Scaling, sample_runs: Path) -> None:
    words = (sample_runs, "--flops", "1e22", "--bootstrap", "50", "--format", "json")
    as_fit = json.loads(scaling("fit", "--approach", "2", *words).stdout)
    as_isoflop = json.loads(scaling("isoflop", *words).stdout)
    assert (as_fit["schema"], as_fit["law"]["form"]) == ("scaling.fit/1", "allocation")
    assert as_fit["budgets"] == as_isoflop["budgets"]
    assert as_fit["frontiers"] == as_isoflop["frontier"]
    assert as_fit["optima"][0]["params"] == as_isoflop["optima"][0]["params"]
    corrected = as_isoflop["frontier"]["corrected"]["params"]["exponent"]
    assert as_fit["frontier"]["params_exponent"] == corrected


def test_all_three_stand_side_by_side_and_say_whether_they_agree(scaling: Scaling) -> None:
    words = ("fit", CURVES, "--approach", "all", *QUICK, "--flops", "1e22", "--format", "json")
    ended = scaling(*words)
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert [told["approach"] for told in answer["approaches"]] == [1, 2, 3]
    assert answer["agree"] is True
    assert "Approaches 1, 2 and 3 agree" in answer["verdict"]
    assert answer["law"]["form"] == "chinchilla"
    for told in answer["approaches"]:
        assert set(told["frontier"]) == {"params_exponent", "tokens_exponent"}
        (optimum,) = told["optima"]
        assert optimum["flops"] == 1e22
        assert optimum["intervals"]["params"][0] < optimum["params"] < optimum["intervals"]["params"][1]
        assert told["reason"] is None


def test_approach_2_says_its_loss_beside_the_others(scaling: Scaling, sample_runs: Path) -> None:
    words = (sample_runs, "--flops", "1e22", "--bootstrap", "50", "--format", "json")
    _, second, third = json.loads(scaling("fit", "--approach", "all", *words).stdout)["approaches"]
    alone = json.loads(scaling("isoflop", *words).stdout)["optima"][0]
    assert second["optima"][0]["loss"] == alone["loss"]
    assert second["optima"][0]["intervals"]["loss"] == alone["intervals"]["loss"]
    assert second["optima"][0]["loss"] == pytest.approx(third["optima"][0]["loss"], rel=0.01)


def test_without_curves_approach_1_is_null_and_the_others_answer(scaling: Scaling, sample_runs: Path) -> None:
    words = ("fit", sample_runs, "--approach", "all", "--bootstrap", "50", "--format", "json")
    ended = scaling(*words)
    assert ended.returncode == 0
    first, second, third = json.loads(ended.stdout)["approaches"]
    assert first["law"] is first["frontier"] is first["intervals"] is None
    assert first["reason"] == "no learning curves (no curves in 63 rows: every run has one row)"
    assert second["law"] is not None
    assert third["law"] is not None


def test_without_intervals_nobody_can_tell_whether_they_agree(scaling: Scaling, sample_runs: Path) -> None:
    ended = scaling("fit", sample_runs, "--approach", "all", "--bootstrap", "0", "--format", "json")
    answer = json.loads(ended.stdout)
    assert answer["agree"] is None
    assert "cannot be told" in answer["verdict"]


def test_where_no_approach_answers_the_reasons_are_said(scaling: Scaling, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("run_id,params,tokens,loss\n" + "".join(f"r{i},1e8,{i}e9,3.{i}\n" for i in range(1, 4)))
    ended = scaling("fit", path, "--approach", "all", "--bootstrap", "0", "--format", "json")
    assert ended.returncode == 1
    assert "no approach gives a frontier" in ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["law"] is None
    assert [told["law"] for told in answer["approaches"]] == [None] * 3
    assert all(told["reason"] for told in answer["approaches"])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--approach", "1", "--form", "tied"], "--form says nothing under --approach 1"),
        (["--approach", "1", "--backtest"], "--backtest says nothing under --approach 1"),
        (["--approach", "1", "--sensitivity"], "--sensitivity says nothing under --approach 1"),
        (["--approach", "1", "--fix", "E=1.7"], "--fix says nothing under --approach 1"),
        (["--approach", "1", "--cluster", "seed"], "--cluster says nothing under --approach 1"),
        (["--approach", "1", "--waste", "5%"], "--waste says nothing under --approach 1"),
        (["--approach", "2", "--delta", "1e-2"], "--delta says nothing under --approach 2"),
        (["--approach", "2", "--verify", "law.json"], "--verify says nothing under --approach 2"),
        (["--approach", "2", "--waste", "5%"], "--waste says nothing under --approach 2"),
        (["--approach", "all", "--backtest"], "--backtest says nothing under --approach all"),
        (["--approach", "all", "--form", "all"], "--form all says nothing under --approach all"),
        (["--approach", "all", "--save", "x.json"], "--save stores one law"),
        (["--smooth", "5"], "--smooth is of learning curves"),
        (["--approach", "2", "--smooth", "5"], "--smooth is of learning curves"),
        (["--approach", "4"], "'4' is not one of '1', '2', '3', 'all'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    scaling: Scaling, options: list[str], error: str
) -> None:
    ended = scaling("fit", "nowhere.csv", *options)
    assert ended.returncode == 2
    assert error in ended.stderr


def test_a_config_may_choose_the_approach_and_options_win_over_it(scaling: Scaling, tmp_path: Path) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(f"runs: {CURVES}\nfit: {{approach: 1, smooth: 4}}\nflops: 1e22\n")
    words = ("fit", "--config", config, "--bootstrap", "50", "--format", "json")
    answer = json.loads(scaling(*words).stdout)
    assert (answer["approach"], answer["envelope"]["smoothing"]) == (1, 4)
    assert json.loads(scaling(*words, "--smooth", "2").stdout)["envelope"]["smoothing"] == 2
    assert json.loads(scaling(*words, "--approach", "3").stdout)["law"]["form"] == "chinchilla"
    refused = scaling(*words, "--backtest")
    assert refused.returncode == 2
    assert "--backtest says nothing under --approach 1" in refused.stderr
    config.write_text(f"runs: {CURVES}\nfit: {{approach: 5}}\n")
    assert "study.yaml:2" in scaling(*words).stderr


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("fit:\n  approach: 2\n  form: tied", "study.yaml:4: fit.form says nothing under approach 2"),
        ("fit:\n  approach: 2\n  smooth: 3", "study.yaml:4: fit.smooth says nothing under approach 2"),
        ("fit:\n  approach: 1\n  fix: {E: 1.7}", "study.yaml:4: fit.fix says nothing under approach 1"),
        ("all_steps: true\nfit: {approach: 1}", "study.yaml:2: all_steps says nothing under approach 1"),
        ("fit: {approach: 3, smooth: 3}", "study.yaml:2: fit.smooth says nothing under approach 3"),
    ],
)
def test_a_config_that_says_what_its_own_approach_does_not_read_is_refused(
    scaling: Scaling, tmp_path: Path, text: str, error: str
) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(f"runs: {CURVES}\n{text}\n")
    ended = scaling("fit", "--config", config)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert error in ended.stderr


def test_what_another_approach_than_the_configs_does_not_read_is_said(
    scaling: Scaling, sample_runs: Path, tmp_path: Path
) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(f"runs: {sample_runs}\nfit: {{form: tied, delta: 1e-3}}\nwaste: 5%\n")
    words = ("fit", "--config", config, "--bootstrap", "0", "--flops", "1e21", "--format", "json")
    ended = scaling(*words, "--approach", "2")
    assert ended.returncode == 0
    assert ended.stderr == f"note: {config}: fit.form, fit.delta, waste say nothing to approach 2\n"
    assert scaling(*words).stderr == ""


def test_all_cannot_read_standard_input_twice(scaling: Scaling) -> None:
    ended = scaling("fit", "-", "--approach", "all", stdin=CURVES.read_text())
    assert ended.returncode == 2
    assert "standard input" in ended.stderr


def test_a_large_table_gives_the_others_its_last_rows_without_being_read_again(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("fit", CURVES, "--approach", "all", *QUICK, "--flops", "1e22", "--format", "json")
    read_as_runs = json.loads(scaling(*words).stdout)
    monkeypatch.setattr("scaling_cli.files.fast_blocks.FROM_BYTES", 0)
    monkeypatch.setattr("scaling_cli.cli.side_by_side.read_table", lambda study: pytest.fail("read again"))
    read_once = json.loads(scaling(*words).stdout)
    for there, here in zip(read_as_runs["approaches"], read_once["approaches"], strict=True):
        assert here["law"]["parameters"] == pytest.approx(there["law"]["parameters"], rel=1e-6)
