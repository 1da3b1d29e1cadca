"""``scaling optimal`` under limits, as a user runs it: options, plan files, exit codes, formats."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Scaling = Callable[..., subprocess.CompletedProcess[str]]

KEYS = [
    *("law", "flops", "params", "tokens", "tokens_per_param", "loss", "flat_range", "waste"),
    *("inference_flops", "total_flops", "hardware", "unconstrained", "constraints", "saving"),
    *("epochs", "ladder"),
    "findings",
]
ON_H100 = ("--gpu", "h100", "--mfu", "40%")


@pytest.fixture
def results(scaling: Scaling) -> Callable[..., list[dict[str, Any]]]:
    """Run ``scaling optimal --format json`` and return its results."""

    def run(*args: str | Path, code: int = 0) -> list[dict[str, Any]]:
        ended = scaling("optimal", *args, "--format", "json")
        assert ended.returncode == code, ended.stderr
        document = json.loads(ended.stdout, parse_constant=pytest.fail)
        assert document["schema"] == "scaling.optimal/1"
        found: list[dict[str, Any]] = document["results"]
        return found

    return run


Results = Callable[..., list[dict[str, Any]]]


def ids(result: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in result["findings"]]


def test_a_demand_for_inference_makes_the_model_smaller_and_is_paid_for(results: Results) -> None:
    (result,) = results("--loss", "2.1", "--inference-tokens", "2T")
    assert list(result) == KEYS
    assert result["law"] == "besiroglu2024"
    assert result["params"] == pytest.approx(6.308e9, rel=1e-3)
    assert result["tokens"] == pytest.approx(747.5e9, rel=1e-3)
    assert result["flops"] == pytest.approx(6 * result["params"] * result["tokens"])
    assert result["inference_flops"] == pytest.approx(2 * result["params"] * 2e12)
    assert result["total_flops"] == pytest.approx(5.352e22, rel=1e-3)
    assert list(result["unconstrained"]) == ["params", "tokens", "flops", "loss", "total_flops"]
    assert (result["hardware"], result["epochs"], result["ladder"]) == (None, None, None)
    assert result["constraints"] == []
    (back,) = results("--flops", "5.352433e22", "--inference-tokens", "2T")
    assert back["params"] == pytest.approx(result["params"], rel=1e-3)
    assert back["tokens"] == pytest.approx(result["tokens"], rel=1e-3)


def test_hardware_options_are_the_budget_that_the_compact_one_is(results: Results) -> None:
    (long,) = results("--gpus", "64", "--days", "30", *ON_H100)
    (short,) = results("--budget", "64xH100:30d@40%", "--law", "besiroglu2024")
    assert long["flops"] == pytest.approx(6.5625e22, rel=1e-4)
    for quantity in ("flops", "params", "tokens", "loss"):
        assert long[quantity] == pytest.approx(short[quantity], rel=1e-12)
    assert long["hardware"] == {
        "gpu": "H100-SXM",
        "gpus": 64,
        "gpu_hours": pytest.approx(46080),
        "days": pytest.approx(30),
        "usd": None,
    }
    (both,) = results("--budget", "64xH100:30d@40%", "--max-params", "7B")
    assert (both["params"], both["hardware"]["gpus"]) == (7e9, 64)


def test_a_limit_that_binds_has_its_price(results: Results) -> None:
    (result,) = results("--flops", "5.76e23", "--max-params", "30B")
    budget, size = result["constraints"]
    assert list(size) == [
        *("name", "limit", "active", "loss_cost", "compute_cost", "shadow_price"),
        *("cost", "cost_elasticity"),
    ]
    assert (budget["name"], size["name"], size["limit"], size["active"]) == (
        "flops",
        "max_params",
        3e10,
        True,
    )
    assert result["waste"] == pytest.approx(0.2365, rel=1e-3)
    assert size["compute_cost"] == pytest.approx(0.2365 * 5.76e23, rel=1e-3)
    assert size["loss_cost"] == pytest.approx(1.98219 - 1.97444, abs=1e-5)


def test_the_costs_of_limits_on_the_fewest_dollars_are_shown_in_dollars(scaling: Scaling) -> None:
    ended = scaling("optimal", "--config", Path(__file__).parents[2] / "configs" / "plan.yaml")
    (heading,) = [line for line in ended.stdout.splitlines() if line.startswith("limit ")]
    assert heading.split("binds")[1].split() == ["dollar", "cost", "dlog", "cost/dlog", "limit"]
    (ratio,) = [line for line in ended.stdout.splitlines() if line.startswith("max tokens per param ")]
    # $675.0k with the limit and $672.2k without it
    assert ratio.split()[4:] == ["300", "yes", "0.425", "%", "-0.0425"]


def test_the_optimum_of_the_budget_and_that_of_the_loss_have_names_of_their_own(
    scaling: Scaling, results: Results
) -> None:
    asked = ("--flops", "5.76e23", "--inference-tokens", "2T")
    said = scaling("optimal", *asked).stdout
    assert re.search(r"^training-only, same budget +56.1B ", said, re.MULTILINE)
    assert "the training-only optimum of the same loss, 59.19B on " in said
    (result,) = results(*asked)
    assert result["saving"] == pytest.approx(0.0815, rel=1e-3)
    (unserved,) = results("--flops", "5.76e23", "--max-params", "30B")
    assert unserved["saving"] is None


def test_a_law_file_with_draws_gives_the_intervals_of_the_plan(
    scaling: Scaling, results: Results, sample_runs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "law.json"
    assert scaling("fit", sample_runs, "--bootstrap", "60", "--save", path).returncode == 0
    (result,) = results("--law", path, "--loss", "2.1", "--inference-tokens", "2T")
    low, high = result["intervals"]["params"]
    assert low < result["params"] < high
    assert result["intervals"]["total_flops"][0] < result["total_flops"]
    assert result["regret"]["expected"] > 0


def test_every_law_and_every_budget_has_its_row_and_its_numbers_are_those_of_json(
    scaling: Scaling, results: Results
) -> None:
    asked = ("--flops", "1e22:1e24:3", "--law", "chinchilla", "--max-params", "7B", *ON_H100)
    found = results(*asked)
    assert [result["law"] for result in found[:4]] == [
        *("besiroglu2024", "hoffmann2022-a1", "hoffmann2022-a2", "hoffmann2022-a3")
    ]
    rows = list(csv.DictReader(io.StringIO(scaling("optimal", *asked, "--format", "csv").stdout)))
    assert len(rows) == len(found) == 12
    for row, result in zip(rows, found, strict=True):
        assert row["params"] == ("" if result["params"] is None else repr(result["params"]))
        use = result["hardware"]
        assert row["gpu_hours"] == ("" if use is None else repr(use["gpu_hours"]))
        assert row["findings"].split(";") == (ids(result) or [""])
    assert ids(found[1])[-1] == "law-has-no-loss"


PLAN = """
law: muennighoff2023
flops: 1e22
unique_tokens: 25B
"""


def test_a_plan_file_says_what_options_say_and_options_win_over_it(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    (from_file,) = results("--config", path)
    (from_options,) = results("--law", "muennighoff2023", "--flops", "1e22", "--unique-tokens", "25B")
    assert from_file == from_options
    assert from_file["epochs"] == pytest.approx(9.49, rel=1e-3)
    (more,) = results("--config", path, "--unique-tokens", "1T", "--flops", "1e21")
    assert (more["flops"], more["law"]) == (pytest.approx(1e21), "muennighoff2023")
    assert more["epochs"] < 1


def test_a_plan_file_may_come_from_standard_input(scaling: Scaling) -> None:
    ended = scaling("optimal", "--config", "-", "--format", "json", stdin=PLAN)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("code", "asked", "error", "hint"),
    [
        (2, "--max-params 7B", "nothing to solve for", "--loss 2.0"),
        (2, "--gpus 64 --days 30 --gpu h100", "no MFU", "published on H100-SXM: 38 % to 43 % MFU"),
        (2, "--gpus 64 --days 30 --mfu 40%", "which accelerator is not said", "--gpu H100"),
        (2, "--usd 2M --gpu h100 --mfu 40%", "dollars buy nothing without a price", "--gpu-hour-price 2.50"),
        (2, "--flops 1e22 --gpu h1000 --mfu 40%", "unknown accelerator 'h1000'", "did you mean"),
        (2, "--flops 1e22 --params 7B --max-params 1B", "--params 7B is above --max-params 1B", "leave one"),
        (2, "--budget 8xH100:1d@40% --gpus 8", "--budget and --gpus contradict", "the one or the others"),
        (2, "--flops 1e22 --pf-days 3 --ladder", "--flops and --pf-days contradict", "give one of them"),
        (2, "--flops 1e22 --params 1B --tokens 1T --ladder", "contradict each other", "leave one out"),
        (2, "--flops 1e22 --max-params lots", "--max-params: 'lots' is not a number", "70B"),
        (2, "--flops 1e22 --gpu h100 --mfu 140", "--mfu: '140' is not a share", "40%"),
        (2, "--gpus 0 --days 3 --gpu h100 --mfu 40%", "--gpus: must be positive, got 0", "above zero"),
        (1, "--loss 2 --flops 1e23 --max-params 1B", "no plan has 1e23 FLOPs and loss 2; no", "2.475e23"),
        (1, "--loss 1.5 --max-params 1B", "no budget goes below E = 1.8172", "feasible with loss"),
        (1, "--flops 1e9 --inference-tokens 1P", "no plan has 1e9 FLOPs, 1000T tokens served", "or more"),
        (1, "--flops 1e22 --max-params 1B --law kaplan2020", "says nothing of the loss", "besiroglu2024"),
        (1, "--config missing.yaml", "missing.yaml: no such file", None),
    ],
)  # fmt: skip
def test_what_is_wrong_ends_in_one_line_and_its_exit_code(
    scaling: Scaling, code: int, asked: str, error: str, hint: str | None
) -> None:
    ended = scaling("optimal", *asked.split())
    assert (ended.returncode, ended.stdout) == (code, ""), ended.stderr
    said = ended.stderr.splitlines()
    assert said[0].startswith("error: ")
    assert error in said[0]
    if hint is not None:
        assert len(said) == 2
        assert hint in said[1]


def test_a_plan_file_that_contradicts_itself_is_an_error_of_the_file(
    scaling: Scaling, tmp_path: Path
) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("flops: 1e22\nmax_params: 1B\nmin_params: 2B\n")
    ended = scaling("optimal", "--config", path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {path}: min_params is above max_params, 2B of 1B\n")
    path.write_text("flops: 1e22\nmin_params: 2B\n")
    ended = scaling("optimal", "--config", path, "--max-params", "1B")
    assert ended.returncode == 2


def test_a_warning_about_data_is_said_and_strict_makes_it_an_error(scaling: Scaling) -> None:
    asked = ("optimal", "--flops", "5.76e23", "--unique-tokens", "1T", "--format", "json")
    lenient, strict = scaling(*asked), scaling(*asked, "--strict")
    assert (lenient.returncode, strict.returncode) == (0, 1)
    assert "[data-capped]" in lenient.stderr
    assert strict.stderr.endswith("error: --strict: the answer carries warnings (data-capped)\n")


def test_the_picture_of_a_plan_under_limits_can_be_drawn(scaling: Scaling, tmp_path: Path) -> None:
    path = tmp_path / "plan.svg"
    ended = scaling("optimal", "--flops", "5.76e23", "--max-params", "30B", "--plot", path)
    assert ended.returncode == 0, ended.stderr
    assert path.read_text().startswith("<?xml")


def test_the_help_has_a_panel_for_each_kind_of_option(scaling: Scaling) -> None:
    told = scaling("optimal", "--help").stdout
    panels = ("What is known", "Hardware and money", "Inference, data and size", "Laws", "The answer")
    places = [told.index(panel) for panel in panels]
    assert places == sorted(places)
    panel = told[places[1] : places[2]]
    for option in ("--gpus", "--gpu ", "--days", "--mfu", "--usd", "--gpu-hour-price"):
        assert option in panel


@pytest.mark.parametrize("typed", ["h100", "TPU", ""])
def test_a_shell_may_complete_an_accelerator(typed: str) -> None:
    from scaling_cli.cli.options import complete_gpu

    offers = complete_gpu(typed)
    assert offers
    assert all(offer.startswith(typed) for offer in offers)


PROBE = """
import sys
from scaling_cli.cli.app import app
try:
    app(sys.argv[2:], prog_name="scaling")
except SystemExit as end:
    loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
    sys.stderr.write(f"exit {end.code}, loaded {loaded}")
"""


@pytest.mark.parametrize(
    ("unwanted", "command"),
    [
        (
            "numpy,scipy,pydantic,yaml,rich.table",
            "optimal --flops 5.76e23 --max-params 30B --inference-tokens 2T --ladder --gpu h100 --mfu 40% "
            "--format json",
        ),
        ("numpy,scipy", "optimal --law muennighoff2023 --flops 1e22 --unique-tokens 25B"),
        ("scaling_cli.planning.constrained.plan", "optimal --flops 5.76e23"),
    ],
)
def test_a_plan_under_a_published_law_imports_nothing_heavy(unwanted: str, command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, unwanted, *command.split()], capture_output=True, text=True, timeout=60
    )
    assert ended.stderr.endswith("exit 0, loaded []"), ended.stderr
