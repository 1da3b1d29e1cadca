"""``scaling optimal --shape`` proposes models, saves one that is read back, and refuses nonsense."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT
from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., subprocess.CompletedProcess[str]]

STYLE = """model:
  vocabulary: 50257
  context: 8192
  swiglu: true
  kv_heads: 8
  experts: 8
  active_experts: 2
"""
COMMANDS = {
    "optimal-shape": "optimal --flops 5.76e23 --law besiroglu2024 --shape --batch-tokens 4M",
    "optimal-shape-laws": "optimal --flops 1e21 --flops 1e22 --law besiroglu2024 --law kaplan2020 --shape",
    "optimal-shape-style": "optimal --flops 1e23 --max-params 20B --shape --config {style}",
}


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "style.yaml"
    path.write_text(STYLE)
    return path


def result(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.returncode == 0, ended.stderr
    (entry,) = json.loads(ended.stdout)["results"]
    return dict(entry)


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_shapes_print_is_their_golden_file(
    scaling: Scaling, style: Path, name: str, output_format: str
) -> None:
    ended = scaling(*COMMANDS[name].format(style=style).split(), "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    hold_to_format(ended.stdout, name, output_format)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_terminal_of_80_columns_holds_the_shapes(
    scaling: Scaling, style: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling(*COMMANDS[name].format(style=style).split())
    hold_to_80_columns(ended.stdout, name)


def test_json_holds_the_shape_and_what_published_laws_suggest(scaling: Scaling) -> None:
    words = "optimal --flops 1e22 --law besiroglu2024 --shape --batch-tokens 2M --format json"
    answer = result(scaling(*words.split()))
    shape = answer["shape"]
    assert {"layers", "d_model", "heads", "head_size", "ffn", "vocabulary", "params"} <= set(shape)
    assert shape in answer["shapes"]
    assert abs(shape["params"] / answer["params"] - 1) <= 0.02
    assert shape["tokens"] == pytest.approx(1e22 / (6 * shape["params"]))
    assert answer["steps"] == -(-shape["tokens"] // 2e6)
    assert [one["law"] for one in answer["hyperparameters"]] == [
        "deepseek2024",
        "steplaw2025",
        "moonlight2025",
    ]
    for one in answer["hyperparameters"]:
        assert {"batch_tokens", "learning_rate", "in_range", "source"} <= set(one)
    assert {"starting-points", "tuning-extrapolates"} <= {one["id"] for one in answer["findings"]}


def test_a_saved_model_is_read_back_and_counted_the_same(
    scaling: Scaling, style: Path, tmp_path: Path
) -> None:
    for config in ([], ["--config", style]):
        saved = tmp_path / "model.yaml"
        words = ["optimal", "--flops", "1e22", "--law", "besiroglu2024", "--shape", *config]
        shape = result(scaling(*words, "--save", saved, "--format", "json"))["shape"]
        ended = scaling("optimal", "--config", saved, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        account = json.loads(ended.stdout)["accounting"]
        assert account["params"]["total"] == shape["params"]
        assert account["params"]["active"] == shape["active"]
        assert account["params"]["non_embedding"] == shape["non_embedding"]
        assert {key: shape[key] for key in account["model"]} == account["model"]


def test_a_saved_model_is_a_style_that_gives_it_again(scaling: Scaling, tmp_path: Path) -> None:
    example = ROOT / "configs" / "style.yaml"
    saved = tmp_path / "model.yaml"
    words = ["optimal", "--flops", "1e22", "--law", "besiroglu2024", "--shape", "--format", "json"]
    first = result(scaling(*words, "--config", example, "--save", saved))["shape"]
    assert (first["tied"], first["kv_heads"], first["vocabulary"]) == (False, 8, 128_256)
    again = result(scaling(*words, "--config", saved))["shape"]
    assert again == first


def test_no_shape_is_larger_than_the_largest_allowed(scaling: Scaling) -> None:
    words = "optimal --flops 1e24 --max-params 30B --law besiroglu2024 --shape --format json"
    answer = result(scaling(*words.split()))
    assert answer["shapes"]
    assert all(0.98 * 30e9 <= shape["params"] <= 30e9 for shape in answer["shapes"])


@pytest.mark.parametrize(
    "known", ["--loss 2.2", "--tokens 200B", "--params 7B", "--params 7B --tokens 1T", "--pf-days 100"]
)
def test_whatever_is_known_of_a_plan_it_has_a_shape_of_its_own_flops(scaling: Scaling, known: str) -> None:
    answer = result(scaling(*f"optimal {known} --law besiroglu2024 --shape --format json".split()))
    assert answer["shape"]["flops"] == pytest.approx(answer["flops"])
    assert abs(answer["shape"]["params"] / answer["params"] - 1) <= 0.02


def test_repeated_data_is_repeated_for_the_shape_too(scaling: Scaling) -> None:
    words = "optimal --flops 1e22 --unique-tokens 20B --law muennighoff2023 --shape --format json"
    answer = result(scaling(*words.split()))
    assert answer["shape"]["loss"] == pytest.approx(answer["loss"], rel=1e-4)


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        ("--flops 1e21 --save x.yaml", 2, "--save needs a model"),
        ("--flops 1e21 --batch-tokens 4M", 2, "--batch-tokens needs a model"),
        ("--flops 1e21 --shape --batch-tokens none", 2, "--batch-tokens: 'none' is not a number"),
        ("--flops 1e21 --shape --batch-tokens 0", 2, "--batch-tokens: must be positive"),
        ("--flops 1e21 --shape --save x.yaml", 2, "--save writes one model, and there are 4 plans"),
        ("--flops 1e14 --law besiroglu2024 --shape --save x.yaml", 2, "--save has no model to write"),
        ("--flops 1e21 --law besiroglu2024 --shape --save no/such/x.yaml", 1, "cannot be written"),
        ("--flops 1e21 --law besiroglu2024 --shape --save x --output x", 2, "x"),
        ("--shape", 2, "nothing to solve for"),
    ],
)
def test_what_makes_no_sense_is_refused(
    scaling: Scaling,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: str,
    exit_code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = scaling("optimal", *words.split())
    assert (ended.returncode, ended.stdout) == (exit_code, "")
    assert message in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_style_that_no_model_has_is_refused_with_its_line(scaling: Scaling, tmp_path: Path) -> None:
    path = tmp_path / "style.yaml"
    path.write_text("flops: 1e22\nmodel:\n  experts: 4\n  active_experts: 9\n")
    ended = scaling("optimal", "--shape", "--config", path)
    assert ended.returncode == 1
    assert f"{path}:2: model: active_experts 9 are more than experts 4" in ended.stderr


def test_strict_takes_a_model_that_cannot_be_built_for_a_warning(scaling: Scaling) -> None:
    ended = scaling("optimal", "--flops", "1e14", "--law", "besiroglu2024", "--shape", "--strict")
    assert ended.returncode == 1
    assert "no-shape" in ended.stderr


def test_a_plan_without_a_shape_imports_nothing_for_one_and_a_shape_no_numpy() -> None:
    script = (
        "import sys; from scaling_cli.cli.app import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if 'shape' in m and 'scaling' in m), 'numpy' in sys.modules)"
    )

    def last_line(*words: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", script, "optimal", "--flops", "1e21", "--law", "besiroglu2024", *words],
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.splitlines()[-1]

    assert last_line() == "[] False"
    shaped = last_line("--shape")
    assert "scaling_cli.planning.shape_plan" in shaped
    assert shaped.endswith("] False")
