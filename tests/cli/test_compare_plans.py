"""``scaling compare plans`` as a user runs it: fields, formats, gates and exit codes."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Scaling = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "plans.yaml"
KEYS = [
    *(
        "name",
        "rank",
        "law",
        "params",
        "tokens",
        "tokens_per_param",
        "flops",
        "inference_flops",
        "total_flops",
    ),
    *("total_usd", "loss", "waste", "in_flat_range", "epochs", "extrapolation", "hardware", "cheapest"),
    *("flat_range", "unconstrained", "constraints", "findings"),
]
GOPHER = "{name: gopher, params: 280B, tokens: 300B}"
CHINCHILLA = "{name: chinchilla, params: 70B, tokens: 1.4T}"
TWO = f"plans: [{GOPHER}, {CHINCHILLA}]"
PRICED = "gpu: h100\nmfu: 40%\ngpu_hour_price: 2.50\n"


@pytest.fixture
def document(scaling: Scaling) -> Callable[..., dict[str, Any]]:
    """Compare plans with ``--format json`` and return what it wrote."""

    def run(text: str, *args: str | Path, code: int = 0) -> dict[str, Any]:
        ended = scaling("compare", "plans", "-", *args, "--format", "json", stdin=text)
        assert ended.returncode == code, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout, parse_constant=pytest.fail)
        assert found.pop("schema") == "scaling.compare.plans/1"
        return found

    return run


Document = Callable[..., dict[str, Any]]


def test_plans_are_ranked_by_what_they_waste(document: Document) -> None:
    found = document(TWO)
    assert list(found) == ["ranked_by", "plans", "gates"]
    assert (found["ranked_by"], found["gates"]) == ("waste", [])
    first, second = found["plans"]
    assert list(first) == list(second) == KEYS
    assert [(one["rank"], one["name"], one["law"]) for one in found["plans"]] == [
        (1, "chinchilla", "besiroglu2024"),
        (2, "gopher", "besiroglu2024"),
    ]
    assert second["waste"] == pytest.approx(0.503, abs=1e-3)
    assert (first["in_flat_range"], second["in_flat_range"]) == (True, False)
    low, high = second["flat_range"]["params"]
    assert high < second["params"]
    assert second["cheapest"]["flops"] == pytest.approx((1 - second["waste"]) * second["flops"])
    assert second["hardware"] == {
        **dict.fromkeys(["gpu", "gpus", "gpu_hours", "days", "usd"]),
        "serving": {"gpu_hours": None, "usd": None},
    }
    assert second["total_usd"] is second["cheapest"]["total_usd"] is None
    assert low < first["params"] < high * 1.1


def test_a_plan_is_what_optimal_makes_of_it(document: Document, scaling: Scaling, tmp_path: Path) -> None:
    plan = f"{PRICED}inference_tokens: 2T\nflops: 1e23\nmax_params: 10B\ndays: 30\n"
    (found,) = document(f"{plan}plans: [{{name: a}}]")["plans"]
    path = tmp_path / "plan.yaml"
    path.write_text(plan)
    ended = scaling("optimal", "--config", path, "--format", "json")
    (alone,) = json.loads(ended.stdout)["results"]
    for name in (
        "params",
        "tokens",
        "flops",
        "loss",
        "inference_flops",
        "total_flops",
        "constraints",
        "hardware",
    ):
        assert found[name] == alone[name], name
    usd = alone["hardware"]["usd"] + alone["hardware"]["serving"]["usd"]
    assert found["total_usd"] == pytest.approx(usd)
    # the training-only waste of optimal knows no demand
    assert 0 < found["waste"] < alone["waste"]
    assert found["flat_range"] is None


def test_demand_makes_the_smaller_model_the_better_plan(document: Document) -> None:
    small = "{name: small, params: 7B, tokens: 2T}"
    alone = document(f"plans: [{small}, {CHINCHILLA}]")["plans"]
    served = document(f"inference_tokens: 100T\nplans: [{small}, {CHINCHILLA}]")["plans"]
    assert [one["name"] for one in alone] == ["chinchilla", "small"]
    assert [one["name"] for one in served] == ["small", "chinchilla"]


@pytest.mark.parametrize(
    ("gates", "failed", "code"),
    [
        (["waste > 10%"], [True], 1),
        (["best.waste > 10%"], [False], 0),
        (["waste > 60%", "best.waste > 10%"], [False, False], 0),
        (["best.waste > 10%", "waste > 10%", "params > 200B"], [False, True, True], 1),
    ],
)
def test_a_gate_that_fails_ends_with_one_and_the_result(
    document: Document, scaling: Scaling, gates: list[str], failed: list[bool], code: int
) -> None:
    options = [word for gate in gates for word in ("--fail-if", gate)]
    found = document(TWO, *options, code=code)
    assert [gate["expression"] for gate in found["gates"]] == gates
    assert [gate["failed"] for gate in found["gates"]] == failed
    assert [bool(gate["met_by"]) for gate in found["gates"]] == failed
    plain = scaling("compare", "plans", "-", *options, stdin=TWO)
    assert plain.returncode == code
    assert plain.stdout.startswith("#  plan")
    assert len(plain.stderr.splitlines()) == sum(failed)
    for gate, has_failed in zip(gates, failed, strict=True):
        assert (f"error: gate {gate!r} failed: gopher (" in plain.stderr) == has_failed


@pytest.mark.parametrize(
    ("gate", "error"),
    [
        ("nonsense", "'nonsense' is not a condition"),
        ("waste >", "'waste >' is not a condition"),
        ("wast > 10%", "no field 'wast' of a plan"),
        ("hardware.usd > 2M", "has no hardware.usd, so that the gate tests nothing"),
        ("waste > 10", "is a share between 0 and 100 %"),
    ],
)
def test_a_gate_that_tests_nothing_ends_with_two(scaling: Scaling, gate: str, error: str) -> None:
    ended = scaling("compare", "plans", "-", "--fail-if", gate, stdin=TWO)
    assert (ended.returncode, ended.stdout) == (2, "")
    first, second = ended.stderr.splitlines()
    assert first.startswith("error: --fail-if: ")
    assert error in first
    assert second.startswith("hint: ")


def test_a_gate_is_null_under_a_law_without_a_loss(scaling: Scaling) -> None:
    text = "plans: [{name: a, flops: 1e22}]"
    ended = scaling("compare", "plans", "-", "--law", "kaplan2020", "--fail-if", "waste > 10%", stdin=text)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "a has no waste" in ended.stderr


NEVER = f"plans: [{CHINCHILLA}, {{name: never, params: 7B, loss: 1.9}}]"


@pytest.mark.parametrize("gates", [(), ("--fail-if", "best.loss > 3")])
def test_a_refused_plan_is_shown_and_ends_with_one(
    scaling: Scaling, document: Document, gates: tuple[str, ...]
) -> None:
    ended = scaling("compare", "plans", "-", *gates, stdin=NEVER)
    assert ended.returncode == 1
    assert "chinchilla" in ended.stdout
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: never: no plan has params 7B and loss 1.9 (")
    found = document(NEVER, *gates, code=1)
    assert [(one["name"], one["rank"]) for one in found["plans"]] == [("chinchilla", 1), ("never", None)]
    assert [gate["failed"] for gate in found["gates"]] == [False] * bool(gates)


def test_a_gate_that_a_refused_plan_has_no_value_of_ends_with_two(scaling: Scaling) -> None:
    ended = scaling("compare", "plans", "-", "--fail-if", "loss > 3", stdin=NEVER)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "never has no loss" in ended.stderr


def test_failed_gates_are_said_beside_the_warnings_of_strict(scaling: Scaling) -> None:
    text = f"plans: [{GOPHER}, {{name: never, params: 7B, loss: 1.9}}]"
    ended = scaling("compare", "plans", "-", "--strict", "--fail-if", "best.waste > 10%", stdin=text)
    assert ended.returncode == 1
    gate, refused, strict = ended.stderr.splitlines()
    assert gate == "error: gate 'best.waste > 10%' failed: gopher (50.3 %)"
    assert refused.startswith("error: never: no plan has params 7B and loss 1.9 (")
    assert strict == "error: --strict: the answer carries warnings (infeasible)"


@pytest.mark.parametrize(
    ("text", "args", "error", "code"),
    [
        ("plans:\n- {name: a, flop: 1e22}", (), "<stdin>:2: unknown key 'flop'", 1),
        ("plans:\n- {name: a, flops: 1e22, gpu: h100}", (), "<stdin>:2: a: no MFU", 1),
        ("plans: [{name: a, params: 7B, loss: 1.8}]", (), "besiroglu2024: a: loss 1.8 cannot be reached", 1),
        (f"inference_tokens: 1e300\n{TWO}", (), "besiroglu2024: gopher: the plan leads beyond the range", 1),
        (TWO, ("--law", "kaplan"), "--law: unknown law 'kaplan'", 2),
        (f"law: kaplan\n{TWO}", (), "<stdin>: law: unknown law 'kaplan'", 2),
        (TWO, ("--law", "chinchilla"), "--law: chinchilla stands for several laws", 2),
        (
            TWO,
            ("--law", "besiroglu2024", "--law", "kaplan2020"),
            "--law: plans are compared under one law",
            2,
        ),
        (TWO, ("--fail-if", "usd > 1M"), "--fail-if: no field 'usd' of a plan", 2),
        (TWO, ("--waste", "120%"), "--waste", 2),
        (TWO, ("--interval", "x"), "--interval", 2),
        (TWO, ("--plot", "x.doc"), "--plot: x.doc ends in none of", 2),
    ],
)
def test_nonsense_is_one_clear_line(
    scaling: Scaling, text: str, args: tuple[str, ...], error: str, code: int
) -> None:
    ended = scaling("compare", "plans", "-", *args, stdin=text)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith(f"error: {error}"), ended.stderr


def test_csv_has_a_line_per_plan_with_the_fields_of_json(scaling: Scaling, document: Document) -> None:
    text = f"{PRICED}inference_tokens: 1T\n{TWO}"
    ended = scaling("compare", "plans", "-", "--format", "csv", stdin=text)
    rows = list(csv.DictReader(io.StringIO(ended.stdout)))
    plans = document(text)["plans"]
    assert [row["name"] for row in rows] == [plan["name"] for plan in plans]
    for row, plan in zip(rows, plans, strict=True):
        assert float(row["waste"]) == plan["waste"]
        assert float(row["hardware_serving_usd"]) == plan["hardware"]["serving"]["usd"]
        assert row["in_flat_range"] == str(plan["in_flat_range"]).lower()


def test_every_single_value_of_the_json_is_a_field_of_gates(document: Document, scaling: Scaling) -> None:
    (first, _) = document(f"{PRICED}gpus: 64\ninference_tokens: 1T\n{TWO}")["plans"]

    def leaves(value: object, name: str) -> list[str]:
        if isinstance(value, dict):
            return [
                leaf for key, inner in value.items() for leaf in leaves(inner, f"{name}.{key}".strip("."))
            ]
        return [name]

    whole = ("flat_range", "unconstrained", "constraints", "findings")
    names = leaves({key: value for key, value in first.items() if key not in whole}, "")
    for name in names:
        ended = scaling("compare", "plans", "-", "--fail-if", f"{name} == -1", stdin=TWO)
        assert "no field" not in ended.stderr, name
        assert "no single value" not in ended.stderr, name


def test_the_law_may_stand_in_the_file_and_the_option_wins(document: Document) -> None:
    text = f"law: hoffmann2022-a3\n{TWO}"
    assert document(text)["plans"][0]["law"] == "hoffmann2022-a3"
    assert document(text, "--law", "besiroglu2024")["plans"][0]["law"] == "besiroglu2024"


def test_a_law_with_draws_gives_intervals(document: Document, sample_runs: Path, tmp_path: Path) -> None:
    law = tmp_path / "law.json"
    command = [sys.executable, "-m", "scaling_cli", "fit", str(sample_runs), "--bootstrap", "60"]
    subprocess.run([*command, "--save", str(law)], check=True, capture_output=True)
    found = document(TWO, "--law", law, "--interval", "80%")
    gopher = found["plans"][1]
    assert gopher["intervals"]["level"] == 0.8
    for name in ("loss", "waste"):
        low, high = gopher["intervals"][name]
        assert low < gopher[name] < high


def test_the_picture_is_drawn_below_the_table(scaling: Scaling) -> None:
    ended = scaling("compare", "plans", "-", "--plot", "-", stdin=TWO)
    assert ended.returncode == 0
    assert "Plans compared under besiroglu2024" in ended.stdout
    assert "chinchilla" in ended.stdout.split("Plans compared")[1]


def test_the_help_ends_with_two_examples_and_the_exit_codes(scaling: Scaling) -> None:
    ended = scaling("compare", "plans", "--help")
    assert ended.stdout.split("Examples:")[1].count("$ scaling compare plans") == 2
    assert "Exit codes:" in ended.stdout


PROBE = """
import sys
from scaling_cli.cli.app import app
try:
    app(sys.argv[1:], prog_name="scaling")
except SystemExit as end:
    loaded = [name for name in ("numpy", "scipy", "rich.table", "matplotlib") if name in sys.modules]
    sys.stderr.write(f"exit {end.code}, loaded {loaded}")
"""


def test_plans_under_a_published_law_wait_for_no_numerics() -> None:
    command = [sys.executable, "-c", PROBE, "compare", "plans", str(CONFIG), "--format", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.stderr == "exit 0, loaded []"


def workflow() -> dict[str, Any]:
    """The GitHub Actions workflow that docs/plans.md shows."""
    page = (ROOT / "docs" / "plans.md").read_text()
    block = page.split("```yaml\n")[1].split("```")[0]
    document: dict[str, Any] = yaml.safe_load(block)
    return document


def test_the_workflow_of_the_docs_gates_the_plans_of_the_repository(shell: Scaling, tmp_path: Path) -> None:
    (job,) = workflow()["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step and "pip" not in step["run"]]
    (command,) = commands
    assert "--fail-if" in command
    summary = tmp_path / "summary.md"
    # GitHub runs a step from the root of the repository, by bash -e
    script = f"cd {ROOT} && set -e -o pipefail; {command}"
    passed = shell(script, GITHUB_STEP_SUMMARY=str(summary))
    assert (passed.returncode, passed.stdout) == (0, ""), passed.stderr
    assert summary.read_text().startswith("| # | plan |")
    failing = command.replace("best.waste > 1%", "waste > 40%")
    assert failing != command
    failed = shell(f"cd {ROOT} && set -e -o pipefail; {failing}", GITHUB_STEP_SUMMARY=str(summary))
    assert failed.returncode == 1
    assert failed.stderr == "error: gate 'waste > 40%' failed: like Gopher (50.3 %)\n"
    assert summary.read_text().count("| # | plan |") == 2
