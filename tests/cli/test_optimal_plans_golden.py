"""What plans under limits print, in every format, is what the files in tests/golden hold.

After a change that is meant, write them anew and read the difference before it is committed:

    UPDATE_GOLDEN=1 python -m pytest tests/cli/test_optimal_plans_golden.py && git diff tests/golden
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

GOLDEN = Path(__file__).parents[1] / "golden"
EXTENSIONS = {"table": "txt", "json": "json", "csv": "csv", "markdown": "md"}
COMMANDS = {
    "optimal-plan-size": "optimal --flops 5.76e23 --max-params 30B --ladder",
    "optimal-plan-hardware": "optimal --flops 1e24 --gpus 1024 --days 60 --gpu h100 --mfu 40% --usd 2M "
    "--gpu-hour-price 2.50",
    "optimal-plan-inference": "optimal --loss 2.0 --inference-tokens 10T --gpu h100 --mfu 40% "
    "--gpu-hour-price 2.50 --days 30",
    "optimal-plan-data": "optimal --flops 1e22 --unique-tokens 25B --law muennighoff2023 --law besiroglu2024",
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


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_plan_prints_is_its_golden_file(scaling: Scaling, name: str, output_format: str) -> None:
    ended = scaling(*COMMANDS[name].split(), "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    tolerance = LAST_DIGITS if output_format in ("json", "csv") else 0.0
    hold_to_golden(ended.stdout, f"{name}.{EXTENSIONS[output_format]}", tolerance=tolerance)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling(*COMMANDS[name].split())
    assert max(map(len, ended.stdout.splitlines())) <= 80
    assert [line for line in ended.stdout.splitlines() if line != line.rstrip()] == []
    hold_to_golden(ended.stdout, f"{name}-80-columns.txt")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_golden_json_is_json(name: str) -> None:
    json.loads((GOLDEN / f"{name}.json").read_text(), parse_constant=pytest.fail)
