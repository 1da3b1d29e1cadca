"""What a race of learning curves prints, in every format, is what the files in tests/golden hold."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.curves_file import write_curves
from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = {
    "compare-curves": "compare curves {curves}",
    "compare-curves-law": "compare curves {curves} --pair 1B:4B --law besiroglu2024",
}
LAST_DIGITS = 1e-7
"""A gap is a difference of two losses from small linear systems: its last digits depend on the machine."""


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_curves(tmp_path_factory.mktemp("curves") / "curves.csv")


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_race_prints_is_its_golden_file(
    scaling: Scaling, curves: Path, name: str, output_format: str
) -> None:
    ended = scaling(*COMMANDS[name].format(curves=curves).split(), "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    hold_to_format(ended.stdout, name, output_format, last_digits=LAST_DIGITS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, curves: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling(*COMMANDS[name].format(curves=curves).split())
    hold_to_80_columns(ended.stdout, name)
