"""What comparisons of plans print, in every format, is what the files in tests/golden hold."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
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
    printed = compare(scaling, name, "--format", output_format)
    hold_to_format(printed, name, output_format)


@pytest.mark.parametrize("name", list(COMPARED))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = compare(scaling, name)
    hold_to_80_columns(printed, name)
