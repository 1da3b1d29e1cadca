"""What the comparisons print, in every format, is what the files in tests/golden hold.

After a change that is meant, write them anew and read the difference before it is committed:

    UPDATE_GOLDEN=1 python -m pytest tests/cli/test_compare_golden.py && git diff tests/golden
"""

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
    "compare-laws": "compare laws kaplan2020 hoffmann2022-a1 besiroglu2024 hoffmann2022-a3",
    "compare-laws-all": "compare laws all --flops 1e21",
    "compare-models": "compare models",
    "compare-models-laws": "compare models gopher deepseek-v3 --law besiroglu2024 --law hoffmann2022-a1",
}
LAST_DIGITS = 1e-9
"""The last digits of logarithms and powers depend on the machine's mathematical library."""

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
        assert math.isclose(float(ours), float(theirs), rel_tol=tolerance), f"{ours} is not {theirs}"


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_comparison_prints_is_its_golden_file(scaling: Scaling, name: str, output_format: str) -> None:
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
