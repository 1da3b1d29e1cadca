"""What comparisons of plans print, in every format, is what the files in tests/golden hold.

After a change that is meant, write them anew and read the difference before it is committed:

    UPDATE_GOLDEN=1 python -m pytest tests/cli/test_compare_plans_golden.py && git diff tests/golden
"""

import json
import math
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Scaling = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
EXTENSIONS = {"table": "txt", "json": "json", "csv": "csv", "markdown": "md"}
SERVED = """
law: besiroglu2024
gpu: h100
mfu: 40%
gpu_hour_price: 2.50
inference_tokens: 2T
serving: {mfu: 10%}
plans:
  - {name: 70B, params: 70B, tokens: 1.4T}
  - {name: 7B, params: 6.7B, tokens: 1T}
  - {name: loss 2, loss: 2.0}
  - {name: dearer to serve, loss: 2.0, serving: {gpu_hour_price: 4}}
  - {name: out of reach, params: 7B, loss: 1.9}
"""
DATA = """
law: muennighoff2023
unique_tokens: 25B
plans:
  - {name: four epochs, flops: 1e22, tokens: 100B}
  - {name: whatever is best, flops: 1e22}
  - {name: one epoch, flops: 1e22, max_tokens: 25B}
"""
COMPARED = {
    "compare-plans": ((ROOT / "configs" / "plans.yaml").read_text(), ["waste > 40%", "best.waste > 1%"], 1),
    "compare-plans-served": (SERVED, [], 1),
    "compare-plans-data": (DATA, ["epochs > 40"], 0),
}
LAST_DIGITS = 1e-6
"""The last digits of a root and of a difference quotient depend on the machine's mathematical library."""

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")


def hold_to_golden(text: str, name: str, *, tolerance: float = 0.0) -> None:
    """Compare a text with its golden file, or write the file where UPDATE_GOLDEN is set."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    golden = path.read_text()
    if not tolerance:
        assert text == golden
        return
    assert _NUMBER.sub("#", text) == _NUMBER.sub("#", golden)
    for ours, theirs in zip(_NUMBER.findall(text), _NUMBER.findall(golden), strict=True):
        assert math.isclose(float(ours), float(theirs), rel_tol=tolerance, abs_tol=1e-12)


def compare(scaling: Scaling, name: str, *options: str) -> str:
    """What a comparison writes."""
    text, gates, code = COMPARED[name]
    words = [word for gate in gates for word in ("--fail-if", gate)]
    ended = scaling("compare", "plans", "-", *words, *options, stdin=text)
    assert ended.returncode == code, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMPARED))
def test_what_a_comparison_prints_is_its_golden_file(scaling: Scaling, name: str, output_format: str) -> None:
    tolerance = LAST_DIGITS if output_format in ("json", "csv") else 0.0
    printed = compare(scaling, name, "--format", output_format)
    hold_to_golden(printed, f"{name}.{EXTENSIONS[output_format]}", tolerance=tolerance)


@pytest.mark.parametrize("name", list(COMPARED))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = compare(scaling, name)
    assert max(map(len, printed.splitlines())) <= 80
    assert [line for line in printed.splitlines() if line != line.rstrip()] == []
    hold_to_golden(printed, f"{name}-80-columns.txt")


@pytest.mark.parametrize("name", list(COMPARED))
def test_golden_json_is_json(name: str) -> None:
    json.loads((GOLDEN / f"{name}.json").read_text(), parse_constant=pytest.fail)
