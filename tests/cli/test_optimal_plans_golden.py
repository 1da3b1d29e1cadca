"""What plans under limits print, in every format, is what the files in tests/golden hold."""

import subprocess
from collections.abc import Callable

import pytest

from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = {
    "optimal-plan-size": "optimal --flops 5.76e23 --max-params 30B --ladder",
    "optimal-plan-hardware": "optimal --flops 1e24 --gpus 1024 --days 60 --gpu h100 --mfu 40% --usd 2M "
    "--gpu-hour-price 2.50",
    "optimal-plan-inference": "optimal --loss 2.0 --inference-tokens 10T --gpu h100 --mfu 40% "
    "--gpu-hour-price 2.50 --days 30",
    "optimal-plan-data": "optimal --flops 1e22 --unique-tokens 25B --law muennighoff2023 --law besiroglu2024",
}


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_plan_prints_is_its_golden_file(scaling: Scaling, name: str, output_format: str) -> None:
    ended = scaling(*COMMANDS[name].split(), "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    hold_to_format(ended.stdout, name, output_format)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling(*COMMANDS[name].split())
    hold_to_80_columns(ended.stdout, name)
