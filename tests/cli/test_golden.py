"""What both commands print, in every format, is what the files in tests/golden hold."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scaling_cli.laws.published import published_laws
from scaling_cli.planning.allocation import allocate_all
from scaling_cli.planning.question import Question
from scaling_cli.reports.plan import plan_report
from scaling_cli.reports.terminal import to_terminal
from tests.cli.golden_files import EXTENSIONS, GOLDEN, LAST_DIGITS, hold_to_80_columns, hold_to_golden

Scaling = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = {
    "optimal": "optimal --flops 5.76e23 --flops 1e21",
    "optimal-what-if": "optimal --params 280B --tokens 300B",
    "optimal-all-laws": "optimal --flops 1e21 --law all",
    "fit": "fit {runs} --flops 5.76e23",
}


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_command_prints_is_its_golden_file(
    scaling: Scaling, sample_runs: Path, name: str, output_format: str
) -> None:
    words = [word.format(runs=sample_runs) for word in COMMANDS[name].split()]
    ended = scaling(*words, "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    is_fitted = name == "fit" and output_format in ("json", "csv")
    tolerance = LAST_DIGITS if is_fitted else 0.0
    hold_to_golden(ended.stdout, f"{name}.{EXTENSIONS[output_format]}", tolerance=tolerance)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, sample_runs: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling(*(word.format(runs=sample_runs) for word in COMMANDS[name].split()))
    hold_to_80_columns(ended.stdout, name)


def test_what_a_terminal_with_colour_gets_is_its_golden_file() -> None:
    names = ("besiroglu2024", "kaplan2020", "hoffmann2022-a3-rounded", "cerebras2023")
    laws = [card for name in names for card in published_laws(name)]
    report = plan_report(allocate_all(laws, [Question(flops=1e21), Question(flops=1e22)]))
    hold_to_golden(to_terminal(report, width=80, color=True), "optimal-colour.txt")


def test_colour_changes_no_character_that_is_read() -> None:
    laws = [*published_laws("besiroglu2024"), *published_laws("kaplan2020")]
    report = plan_report(allocate_all(laws, [Question(flops=1e21)]))
    colored = to_terminal(report, width=80, color=True)
    assert "\x1b[" in colored
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", colored).split("\n")]
    assert "\n".join(lines) == to_terminal(report, width=80, color=False)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_golden_json_is_json(path: Path) -> None:
    json.loads(path.read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_no_table_has_blanks_at_the_end_of_a_line(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if line != line.rstrip()] == []


def test_a_difference_beyond_the_last_digits_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UPDATE_GOLDEN", raising=False)
    path = tmp_path / "golden.json"
    path.write_text('{"E": 1.80767, "status": "converged"}')
    hold_to_golden('{"E": 1.80767000001, "status": "converged"}', str(path), tolerance=LAST_DIGITS)
    for text in ('{"E": 1.80768, "status": "converged"}', '{"E": 1.80767, "status": "stalled"}'):
        with pytest.raises(AssertionError):
            hold_to_golden(text, str(path), tolerance=LAST_DIGITS)
    with pytest.raises(AssertionError):
        hold_to_golden('{"E": 1.80767000001, "status": "converged"}', str(path))
