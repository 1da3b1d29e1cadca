"""``scaling compare laws`` and ``models`` as a user runs them."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scaling_cli.laws.models import MODELS, SHOWN

Scaling = Callable[..., subprocess.CompletedProcess[str]]

CHINCHILLA = ["besiroglu2024", "hoffmann2022-a1", "hoffmann2022-a2", "hoffmann2022-a3"]
MODEL_KEYS = [
    *("model", "law", "params", "active_params", "tokens", "flops", "flops_published", "optimum", "oversize"),
    *("loss", "waste", "optimal_at", "break_even_inference_tokens", "source", "confidence", "findings"),
]
OWN = "models:\n  - {name: ours, params: 7B, tokens: 2T}\n  - {name: theirs, params: 1B, tokens: 1T}\n"


@pytest.fixture
def document(scaling: Scaling) -> Callable[..., dict[str, Any]]:
    """Run a comparison with ``--format json`` and return what it wrote."""

    def run(kind: str, *args: str | Path) -> dict[str, Any]:
        ended = scaling("compare", kind, *args, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout, parse_constant=pytest.fail)
        assert found.pop("schema") == f"scaling.compare.{kind}/1"
        return found

    return run


Document = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def fitted_law(sample_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A law with draws, of the simulated runs."""
    path = tmp_path_factory.mktemp("laws") / "law.json"
    command = [sys.executable, "-m", "scaling_cli", "fit", str(sample_runs), "--bootstrap", "60"]
    subprocess.run([*command, "--save", str(path)], check=True, capture_output=True)
    return path


def test_laws_are_compared_from_three_sides(document: Document) -> None:
    found = document("laws", "kaplan2020", "hoffmann2022-a1", "besiroglu2024")
    assert list(found) == ["multipliers", "allocations", "waste_matrix"]
    ten = {entry["law"]: entry for entry in found["multipliers"] if entry["factor"] == 10}
    assert ten["kaplan2020"]["params"] == pytest.approx(5.37, rel=2e-3)
    assert ten["kaplan2020"]["tokens"] == pytest.approx(1.862, rel=2e-3)
    assert list(ten["besiroglu2024"]) == ["law", "flops", "factor", "params", "tokens"]
    assert [entry["flops"] for entry in found["allocations"]] == [5.76e23] * 3
    matrix = found["waste_matrix"]
    assert list(matrix) == ["laws", "flops", "values", "reasons"]
    assert (matrix["laws"], matrix["flops"]) == (list(ten), [5.76e23])
    (rows,) = matrix["values"]
    assert [row[:2] for row in rows] == [[None, None]] * 3
    assert [row[2] for row in rows] == pytest.approx([0.704, 0.0014, 0], abs=5e-4)
    assert matrix["reasons"] == [
        {"law": law, "role": "true", "reason": "law-has-no-loss"} for law in ("kaplan2020", "hoffmann2022-a1")
    ]


def test_the_laws_compared_by_default_are_chinchillas(document: Document) -> None:
    assert document("laws") == document("laws", "chinchilla", "--flops", "5.76e23")
    assert document("laws")["waste_matrix"]["laws"] == CHINCHILLA


def test_a_sweep_of_budgets_gives_a_matrix_each_and_the_multipliers_of_the_first(document: Document) -> None:
    found = document("laws", "--flops", "1e20:1e24:3", "--flops", "1e20")
    assert found["waste_matrix"]["flops"] == [1e20, 1e22, 1e24]
    assert [len(rows) for rows in found["waste_matrix"]["values"]] == [4, 4, 4]
    assert {entry["flops"] for entry in found["multipliers"]} == {1e20}


def test_a_law_with_draws_carries_intervals(document: Document, fitted_law: Path) -> None:
    found = document("laws", fitted_law, "besiroglu2024", "--interval", "80%")
    first, last = found["multipliers"][0], found["multipliers"][-1]
    assert first["intervals"]["level"] == 0.8
    low, high = first["intervals"]["params"]
    assert low < first["params"] < high
    assert "intervals" not in last
    assert found["allocations"][0]["intervals"]["level"] == 0.8
    matrix = found["waste_matrix"]
    assert matrix["level"] == 0.8
    (rows,) = matrix["intervals"]
    assert [[ends is None for ends in row] for row in rows] == [[False, True], [False, True]]
    low, high = rows[1][0]
    assert 0 <= low < high < 1


def test_conventions_are_converted_unless_one_asks_for_what_was_published(document: Document) -> None:
    converted = document("laws", "kaplan2020", "--flops", "1e18")["allocations"][0]
    published = document("laws", "kaplan2020", "--flops", "1e18", "--as-published")["allocations"][0]
    assert published["params"] == pytest.approx(1.3e9 * (1e18 / 2 / 8.64e19) ** 0.73)
    assert converted["params"] > 1.1 * published["params"]
    for entry, ids in ((converted, ["converted-params", "converted-flops"]), (published, ["mixed-params"])):
        assert [finding["id"] for finding in entry["findings"]] == ids


def test_known_models_are_compared_with_their_optimum(document: Document) -> None:
    (gopher,) = document("models", "gopher")["models"]
    assert list(gopher) == MODEL_KEYS
    assert (gopher["model"], gopher["law"], gopher["active_params"]) == ("Gopher", "besiroglu2024", None)
    assert gopher["flops"] == 6 * 280e9 * 300e9
    assert gopher["flops_published"] == 5.76e23
    assert list(gopher["optimum"]) == ["params", "tokens", "loss"]
    assert gopher["oversize"] == pytest.approx(280e9 / gopher["optimum"]["params"])
    assert gopher["waste"] == pytest.approx(0.503, abs=2e-3)
    assert gopher["optimal_at"]["flops"] == pytest.approx(6 * 280e9 * gopher["optimal_at"]["tokens"])
    assert gopher["break_even_inference_tokens"] is None


def test_the_models_shown_by_default_are_those_of_the_papers(document: Document) -> None:
    assert [entry["model"] for entry in document("models")["models"]] == list(SHOWN)
    assert [entry["model"] for entry in document("models", "all")["models"]] == list(MODELS)


def test_models_stand_law_by_law_each_once(document: Document) -> None:
    asked = ("gopher", "Go-pher", "chinchilla", "--law", "hoffmann2022-a1", "--law", "besiroglu2024")
    found = document("models", *asked)["models"]
    assert [(entry["law"], entry["model"]) for entry in found] == [
        (law, model) for law in ("hoffmann2022-a1", "besiroglu2024") for model in ("Gopher", "Chinchilla")
    ]
    first = found[0]
    assert (first["loss"], first["waste"], first["break_even_inference_tokens"]) == (None, None, None)
    assert first["optimal_at"]["flops"] == pytest.approx(9.9e24, rel=0.02)


def test_ones_own_models_come_first_and_may_be_named(
    scaling: Scaling, document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN)
    alone = document("models", "--models", path)["models"]
    assert [entry["model"] for entry in alone] == ["ours", "theirs"]
    beside = document("models", "--models", path, "gopher", "ours")["models"]
    assert [entry["model"] for entry in beside] == ["ours", "theirs", "Gopher"]
    assert beside[:2] == alone
    piped = scaling("compare", "models", "--models", "-", "--format", "json", stdin=OWN)
    assert [entry["model"] for entry in json.loads(piped.stdout)["models"]] == ["ours", "theirs"]


def test_a_model_under_a_law_with_draws_carries_intervals(document: Document, fitted_law: Path) -> None:
    gopher, llama = document("models", "gopher", "llama 2 7b", "--law", fitted_law)["models"]
    assert gopher["intervals"]["level"] == 0.9
    for name in ("oversize", "loss", "waste"):
        low, high = llama["intervals"][name]
        assert low < llama[name] < high
    assert gopher["intervals"]["break_even_inference_tokens"] == [None, None]
    assert llama["intervals"]["break_even_inference_tokens"][0] > 0


@pytest.mark.parametrize("kind", ["laws", "models"])
def test_csv_is_flat_and_holds_the_numbers_of_json(scaling: Scaling, document: Document, kind: str) -> None:
    rows = list(csv.DictReader(io.StringIO(scaling("compare", kind, "--format", "csv").stdout)))
    found = document(kind)
    if kind == "models":
        for row, entry in zip(rows, found["models"], strict=True):
            assert row["model"] == entry["model"]
            assert row["optimum_params"] == repr(entry["optimum"]["params"])
            assert row["waste"] == repr(entry["waste"])
        return
    by_kind = {
        name: [row for row in rows if row["kind"] == name] for name in dict.fromkeys(r["kind"] for r in rows)
    }
    assert {name: len(lines) for name, lines in by_kind.items()} == {
        "multiplier": 12,
        "allocation": 4,
        "waste": 16,
    }
    values = [share for row in found["waste_matrix"]["values"][0] for share in row]
    assert [row["waste"] for row in by_kind["waste"]] == [
        "" if share is None else repr(share) for share in values
    ]
    assert [row["params"] for row in by_kind["multiplier"]] == [
        repr(m["params"]) for m in found["multipliers"]
    ]


@pytest.mark.parametrize("kind", ["laws", "models"])
@pytest.mark.parametrize("output_format", ["table", "json", "csv", "markdown"])
def test_a_file_gets_what_stdout_would_have(
    scaling: Scaling, tmp_path: Path, kind: str, output_format: str
) -> None:
    asked = ("compare", kind, "--format", output_format)
    path = tmp_path / "out"
    ended = scaling(*asked, "--output", path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert path.read_text() == scaling(*asked).stdout


def test_strict_ends_with_one_where_a_law_is_not_comparable(scaling: Scaling) -> None:
    asked = ("compare", "laws", "deepseek2024", "besiroglu2024", "--format", "json")
    lenient, strict = scaling(*asked), scaling(*asked, "--strict")
    assert (lenient.returncode, strict.returncode) == (0, 1)
    assert strict.stdout == lenient.stdout
    assert "--strict: the answer carries warnings (not-comparable-params)" in strict.stderr
    assert scaling("compare", "models", "gopher", "--strict").returncode == 0


@pytest.mark.parametrize(
    ("command", "code", "error", "hint"),
    [
        ("laws kaplan2021", 2, "LAW: unknown law 'kaplan2021'", "did you mean kaplan2020?"),
        ("laws missing.json", 1, "missing.json: no such file", "check the path"),
        ("laws --flops -3", 2, "--flops: must be positive, got -3", "above zero"),
        ("laws --flops 1e24:1e20:3", 2, "--flops: a sweep runs upwards", "1e20:1e26:7"),
        ("laws --interval 100%", 2, "--interval: must lie below 100 %", "90%"),
        (
            "laws cerebras2023",
            1,
            "cerebras2023: this law gives the loss that a budget reaches",
            "besiroglu2024",
        ),
        ("models lama", 2, "unknown model 'lama'", "did you mean"),
        ("models 7b", 2, "'7b' may be LLaMA 1 7B, Llama 2 7B", "write one of them whole"),
        ("models --law cerebras2023", 1, "cerebras2023: this law gives the loss", "besiroglu2024"),
        ("models --models missing.yaml", 1, "missing.yaml: no such file", "check the path"),
        ("models --weight 3", 2, "No such option: --weight", "see scaling compare models --help"),
        ("lwas", 2, "No such command 'lwas'", "see scaling compare --help"),
    ],
)
def test_what_a_user_does_wrong_is_one_clear_line(
    scaling: Scaling, command: str, code: int, error: str, hint: str
) -> None:
    ended = scaling("compare", *command.split())
    assert (ended.returncode, ended.stdout) == (code, "")
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"error: {error}")
    assert second.startswith("hint: ")
    assert hint in second


def test_a_budget_that_no_law_can_divide_ends_with_one(scaling: Scaling) -> None:
    ended = scaling("compare", "laws", "--flops", "5", "--format", "json")
    assert ended.returncode == 1
    assert ended.stderr.endswith(
        "error: none of the laws could answer: flops 5 leads beyond the range of numbers\n"
    )


def test_a_model_that_no_law_can_judge_is_one_clear_line(scaling: Scaling) -> None:
    tiny = "models: [{name: tiny, params: 1, tokens: 1}]"
    ended = scaling("compare", "models", "--models", "-", stdin=tiny)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        "error: besiroglu2024: the model leads beyond the range of numbers\nhint: "
    )
    beside = scaling("compare", "models", "--models", "-", "gopher", "--format", "json", stdin=tiny)
    first, second = json.loads(beside.stdout)["models"]
    assert first["optimum"] == {"params": None, "tokens": None, "loss": None}
    assert [finding["id"] for finding in first["findings"]] == ["out-of-range"]
    assert second["waste"] == pytest.approx(0.503, abs=2e-3)


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_the_group_lists_its_commands(scaling: Scaling, words: tuple[str, ...]) -> None:
    ended = scaling("compare", *words)
    assert ended.returncode == 0
    assert "laws" in ended.stdout
    assert "models" in ended.stdout


@pytest.mark.parametrize("kind", ["laws", "models"])
def test_the_help_ends_with_two_examples(scaling: Scaling, kind: str) -> None:
    ended = scaling("compare", kind, "--help")
    assert "The answer" in ended.stdout
    assert ended.stdout.split("Examples:")[1].count(f"$ scaling compare {kind}") == 2


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("scaling compare ", ["laws", "models", "recipes", "curves", "plans"]),
        ("scaling compare laws kap", ["kaplan2020"]),
        ("scaling compare models goph", ["gopher"]),
        ("scaling compare models Llama-2-7", ["Llama-2-7b", "Llama-2-70b"]),
        ("scaling compare models --law min", ["minicpm2024"]),
    ],
)
def test_the_shell_is_offered_what_fits(line: str, offered: list[str]) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "from scaling_cli.cli.app import main; main()"],
        env={**os.environ, "_SCALING_COMPLETE": "complete_bash", **words},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == offered


PROBE = """
import sys
from scaling_cli.cli.app import app
try:
    app(sys.argv[2:], prog_name="scaling")
except SystemExit as end:
    loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
    sys.stderr.write(f"exit {end.code}, loaded {loaded}")
"""

HEAVY = "numpy,scipy,pydantic,pydantic_core,yaml"


@pytest.mark.parametrize(
    ("unwanted", "command"),
    [
        (HEAVY, "compare laws kaplan2020 besiroglu2024"),
        (f"{HEAVY},rich,rich.table", "compare laws --format json"),
        (f"{HEAVY},rich,rich.table", "compare models all --format csv"),
        (HEAVY, "compare models --law kaplan2020"),
    ],
)
def test_published_laws_and_known_models_are_compared_without_anything_heavy(
    unwanted: str, command: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, unwanted, *command.split()], capture_output=True, text=True, timeout=60
    )
    assert ended.stderr.endswith("exit 0, loaded []"), ended.stderr
