"""What the comparisons print, in every format, is what the files in tests/golden hold."""

import subprocess
from collections.abc import Callable

import pytest

from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = {
    "compare-laws": "compare laws kaplan2020 hoffmann2022-a1 besiroglu2024 hoffmann2022-a3",
    "compare-laws-all": "compare laws all --flops 1e21",
    "compare-models": "compare models",
    "compare-models-laws": "compare models gopher deepseek-v3 --law besiroglu2024 --law hoffmann2022-a1",
}
LAST_DIGITS = 1e-9
"""The last digits of logarithms and powers depend on the machine's mathematical library."""


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_comparison_prints_is_its_golden_file(scaling: Scaling, name: str, output_format: str) -> None:
    ended = scaling(*COMMANDS[name].split(), "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    hold_to_format(ended.stdout, name, output_format, last_digits=LAST_DIGITS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling(*COMMANDS[name].split())
    hold_to_80_columns(ended.stdout, name)
