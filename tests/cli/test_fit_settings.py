"""Forms, objectives, fixed constants and the checks of a fit, through the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_runs" / "simulated_isoflop.csv"
RAY = "params,tokens,loss\n" + "".join(
    f"{N:g},{20 * N:g},{0.5 + 30 * (120 * N * N) ** -0.07:.5f}\n"
    for N in (1e8, 2e8, 5e8, 1e9, 2e9, 5e9, 1e10)
)


@pytest.fixture
def fitted(scaling: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Fit the sample runs with some options, without a bootstrap, and return the JSON."""

    def run(*options: str | Path, runs: Path = SAMPLE) -> dict[str, Any]:
        ended = scaling("fit", runs, "--bootstrap", "0", "--flops", "1e22", *options, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        document: dict[str, Any] = json.loads(ended.stdout)
        return document

    return run


def test_a_tied_fit_has_one_exponent(fitted: Callable[..., dict[str, Any]]) -> None:
    parameters = fitted("--form", "tied")["law"]["parameters"]
    assert parameters["alpha"] == parameters["beta"]


def test_an_overtraining_fit_is_the_tied_one_in_gadres_coordinates(
    fitted: Callable[..., dict[str, Any]],
) -> None:
    tied, over = fitted("--form", "tied"), fitted("--form", "overtraining")
    assert over["law"]["form"] == "overtraining"
    assert over["law"]["parameters"]["eta"] == pytest.approx(tied["law"]["parameters"]["alpha"] / 2, rel=1e-6)
    assert over["optima"][0]["params"] == pytest.approx(tied["optima"][0]["params"], rel=1e-6)


def test_a_fixed_constant_stays_and_a_bounded_one_says_when_it_is_held(
    fitted: Callable[..., dict[str, Any]],
) -> None:
    document = fitted("--fix", "E=1.69", "--bound", "alpha=0.4:0.6")
    assert document["law"]["parameters"]["E"] == pytest.approx(1.69, rel=1e-12)
    assert 0.4 <= document["law"]["parameters"]["alpha"] <= 0.6
    at_bound = [finding for finding in document["findings"] if finding["id"] == "parameter-at-bound"]
    assert bool(at_bound) == (document["law"]["parameters"]["alpha"] in (0.4, 0.6))


def test_each_objective_gives_another_law_under_its_own_name(fitted: Callable[..., dict[str, Any]]) -> None:
    fits = {name: fitted("--objective", name) for name in ("log-huber", "huber", "log-mse", "mse")}
    assert [fit["objective"]["name"] for fit in fits.values()] == list(fits)
    assert len({fit["law"]["parameters"]["alpha"] for fit in fits.values()}) == 4


def test_weights_come_from_a_column(fitted: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    lines = SAMPLE.read_text().splitlines()
    weighted = tmp_path / "weighted.csv"
    weighted.write_text("\n".join([lines[0] + ",w", *(f"{line},2" for line in lines[1:])]) + "\n")
    twice, once = fitted("--weights", "w", runs=weighted), fitted()
    assert twice["law"]["parameters"] == pytest.approx(once["law"]["parameters"], rel=1e-6)
    assert twice["objective"]["value"] == pytest.approx(once["objective"]["value"], rel=1e-6)


def test_runs_on_a_ray_have_a_frontier_and_no_allocation(
    fitted: Callable[..., dict[str, Any]], tmp_path: Path, scaling: Callable[..., Any]
) -> None:
    ray, law = tmp_path / "ray.csv", tmp_path / "law.json"
    ray.write_text(RAY)
    document = fitted("--form", "frontier", "--save", law, runs=ray)
    assert document["law"]["form"] == "frontier"
    assert document["frontier"] is None
    assert document["law"]["parameters"]["alpha"] == pytest.approx(0.07, rel=0.02)
    assert document["optima"][0]["params"] is None
    assert document["optima"][0]["loss"] == pytest.approx(0.5 + 30 * 1e22**-0.07, rel=1e-3)
    asked = scaling("optimal", "--law", law, "--law", "besiroglu2024", "--flops", "1e22", "--format", "json")
    assert json.loads(asked.stdout)["results"][0]["loss"] == document["optima"][0]["loss"]


def test_all_forms_are_ranked_by_what_they_predict_unseen(fitted: Callable[..., dict[str, Any]]) -> None:
    document = fitted("--form", "all")
    errors = [form["backtest_error"] for form in document["forms"] if form["backtest_error"] is not None]
    assert errors == sorted(errors)
    assert {form["form"] for form in document["forms"]} == {
        *("chinchilla", "tied", "kaplan", "data-constrained", "frontier")
    }
    assert document["law"]["parameters"] == document["forms"][0]["parameters"]
    assert all("note" in form for form in document["forms"] if form["parameters"] is None)


def test_a_backtest_and_a_sensitivity_stand_in_the_report(fitted: Callable[..., dict[str, Any]]) -> None:
    document = fitted("--backtest", "--sensitivity")
    keys = {"fitted_up_to", "predicted", "runs", "loss_error", "params_error", "tokens_error", "covered"}
    levels = document["backtest"]["levels"]
    assert all(keys <= set(level) for level in levels)
    assert levels[0]["runs"] == 7
    assert abs(levels[0]["loss_error"]) < 0.005
    choices = document["sensitivity"]
    assert choices[0]["choice"] == "base"
    assert choices[0]["params"] == pytest.approx(document["optima"][-1]["params"], rel=1e-9)
    assert {"objective", "delta", "form", "drop highest losses"} <= {choice["choice"] for choice in choices}


def test_a_saved_law_is_verified_and_another_one_is_not(scaling: Callable[..., Any], tmp_path: Path) -> None:
    law = tmp_path / "law.json"
    assert scaling("fit", SAMPLE, "--bootstrap", "0", "--save", law).returncode == 0
    same = scaling("fit", SAMPLE, "--verify", law, "--format", "json")
    assert same.returncode == 0
    assert json.loads(same.stdout)["same"] is True
    other = scaling("fit", SAMPLE, "--drop-highest-losses", "5", "--verify", law)
    assert other.returncode == 1
    assert "error: --verify: not the same law" in other.stderr


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (["--form", "kaplna"], 2, "unknown form 'kaplna'"),
        (["--objective", "l1"], 2, "l1"),
        (["--fix", "E"], 2, "--fix: 'E' is not NAME=VALUE"),
        (["--fix", "gamma=1"], 2, "gamma"),
        (["--bound", "alpha=0.6:0.1"], 2, "--bound alpha: a range runs upwards"),
        (["--weights", "nosuch"], 1, "--weights names no column 'nosuch'"),
        (["--form", "all", "--fix", "E=1.7"], 2, "--fix and --bound are of one form"),
        (["--form", "frontier"], 1, "not-a-frontier"),
        (["--form", "data-constrained"], 1, "unique"),
        (["--verify", "nosuch.json"], 1, "nosuch.json: no such file"),
    ],
)
def test_settings_that_are_none_end_in_one_line(
    options: list[str], code: int, error: str, scaling: Callable[..., Any]
) -> None:
    ended = scaling("fit", SAMPLE, "--bootstrap", "0", *options)
    assert ended.returncode == code
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert len(lines) <= 2


def test_a_refusal_fails_a_strict_fit_too(scaling: Callable[..., Any], tmp_path: Path) -> None:
    ray = tmp_path / "ray.csv"
    ray.write_text(RAY)
    options = ("fit", ray, "--form", "frontier", "--bootstrap", "0", "--flops", "1e22")
    assert scaling(*options).returncode == 0
    strict = scaling(*options, "--strict")
    assert strict.returncode == 1
    assert "law-has-no-allocation" in strict.stderr


def test_the_law_and_the_report_need_a_file_each(scaling: Callable[..., Any], tmp_path: Path) -> None:
    ended = scaling("fit", SAMPLE, "--save", tmp_path / "x.json", "--output", tmp_path / "x.json")
    assert ended.returncode == 2
    assert "--save and --output are the same file" in ended.stderr
    assert not (tmp_path / "x.json").exists()


def test_a_saved_law_is_verified_under_the_form_it_was_fitted_with(
    scaling: Callable[..., Any], tmp_path: Path
) -> None:
    law = tmp_path / "tied.json"
    assert scaling("fit", SAMPLE, "--bootstrap", "0", "--form", "tied", "--save", law).returncode == 0
    assert scaling("fit", SAMPLE, "--verify", law).returncode == 0


@pytest.mark.parametrize(("replicates", "is_few"), [("20", True), ("60", False)])
def test_too_few_replicates_for_an_interval_are_said(
    replicates: str, is_few: bool, scaling: Callable[..., Any]
) -> None:
    ended = scaling("fit", SAMPLE, "--flops", "1e21", "--bootstrap", replicates)
    assert ended.returncode == 0
    assert ("few-replicates" in ended.stdout) == is_few


def test_a_loss_that_many_draws_never_reach_says_that_it_has_no_interval(
    scaling: Callable[..., Any], tmp_path: Path
) -> None:
    law = tmp_path / "law.json"
    assert scaling("fit", SAMPLE, "--bootstrap", "60", "--save", law).returncode == 0
    asked = scaling("optimal", "--law", law, "--loss", "1.815", "--format", "json")
    result = json.loads(asked.stdout)["results"][0]
    assert "intervals" not in result
    assert "no-interval" in [finding["id"] for finding in result["findings"]]


def test_csv_says_that_the_checks_are_elsewhere(scaling: Callable[..., Any]) -> None:
    ended = scaling("fit", SAMPLE, "--bootstrap", "0", "--flops", "1e21", "--backtest", "--format", "csv")
    assert ended.returncode == 0
    assert "note: CSV holds the plans only" in ended.stderr


def test_the_published_starts_end_where_ours_do(fitted: Callable[..., dict[str, Any]]) -> None:
    ours, published = fitted(), fitted("--starts", "hoffmann")
    assert published["law"]["parameters"] == pytest.approx(ours["law"]["parameters"], rel=1e-7)
    assert published["starts"]["tried"] == 4500


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--starts", "hofman"], "unknown starts 'hofman'"),
        (["--starts", "hoffmann", "--form", "all"], "are of the chinchilla form"),
        (["--fix", "E=1.6", "--fix", "E=1.7"], "--fix: E is given twice"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error(
    options: list[str], told: str, scaling: Callable[..., Any]
) -> None:
    ended = scaling("fit", SAMPLE, *options)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(("cell", "told"), [("-1", "got -1"), ("", "it is blank")])
def test_a_weight_that_is_none_names_its_file_and_run(
    cell: str, told: str, scaling: Callable[..., Any], tmp_path: Path
) -> None:
    lines = SAMPLE.read_text().splitlines()
    table = tmp_path / "weighted.csv"
    weighted = [f"{lines[0]},count", *(f"{line},1" for line in lines[1:-1]), f"{lines[-1]},{cell}"]
    table.write_text("\n".join(weighted) + "\n")
    ended = scaling("fit", table, "--weights", "count")
    assert ended.returncode == 1
    assert "weighted.csv: " in ended.stderr
    assert told in ended.stderr
