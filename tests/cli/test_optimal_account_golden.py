"""What the account of a model prints, in every format, is what the files in tests/golden hold."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLE = str(Path(__file__).parents[2] / "configs" / "model.yaml")
COMMANDS = {
    "optimal-account": ("optimal", "--config", EXAMPLE),
    "optimal-account-plan": ("optimal", "--config", EXAMPLE, "--flops", "7e23", "--law", "besiroglu2024"),
}
LAST_DIGITS = 1e-9
"""The last digits of a power depend on the machine's mathematical library."""


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_an_account_prints_is_its_golden_file(scaling: Scaling, name: str, output_format: str) -> None:
    ended = scaling(*COMMANDS[name], "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    hold_to_format(ended.stdout, name, output_format, last_digits=LAST_DIGITS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling(*COMMANDS[name])
    hold_to_80_columns(ended.stdout, name)
