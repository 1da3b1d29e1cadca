"""What the account of a model prints, in every format, is what the files in tests/golden hold.

After a change that is meant, write them anew and read the difference before it is committed:

    UPDATE_GOLDEN=1 python -m pytest tests/cli/test_optimal_account_golden.py && git diff tests/golden
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
EXAMPLE = str(Path(__file__).parents[2] / "configs" / "model.yaml")
COMMANDS = {
    "optimal-account": ("optimal", "--config", EXAMPLE),
    "optimal-account-plan": ("optimal", "--config", EXAMPLE, "--flops", "7e23", "--law", "besiroglu2024"),
}
LAST_DIGITS = 1e-9
"""The last digits of a power depend on the machine's mathematical library."""

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
def test_what_an_account_prints_is_its_golden_file(scaling: Scaling, name: str, output_format: str) -> None:
    ended = scaling(*COMMANDS[name], "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    tolerance = LAST_DIGITS if output_format in ("json", "csv") else 0.0
    hold_to_golden(ended.stdout, f"{name}.{EXTENSIONS[output_format]}", tolerance=tolerance)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling(*COMMANDS[name])
    assert max(map(len, ended.stdout.splitlines())) <= 80
    assert [line for line in ended.stdout.splitlines() if line != line.rstrip()] == []
    hold_to_golden(ended.stdout, f"{name}-80-columns.txt")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_golden_json_is_json(name: str) -> None:
    json.loads((GOLDEN / f"{name}.json").read_text(), parse_constant=pytest.fail)
