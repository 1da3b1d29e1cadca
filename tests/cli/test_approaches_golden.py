"""What ``scaling fit --approach`` prints, in every format, is what the files in tests/golden hold."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Ended
from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., Ended]

COMMANDS = {
    "fit-curves": "fit {curves} --approach 1 --smooth 4 --flops 1e22 --flops 5.76e23 --bootstrap 200",
    "fit-curves-none": "fit {ladder} --approach 1 --smooth 0",
    "fit-isoflop": "fit {runs} --approach 2 --flops 1e22 --bootstrap 100",
    "fit-approaches": "fit {runs} --approach all --flops 1e22 --bootstrap 100",
}
"""``fit-isoflop`` is held in JSON: its table is that of ``scaling isoflop``."""

FORMATS = [
    (name, output_format)
    for name in COMMANDS
    for output_format in (EXTENSIONS if name != "fit-isoflop" else ["json"])
]


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    """Four sizes, each trained once on twenty tokens per param: no budget has a contest."""
    path = tmp_path / "ladder.csv"
    rows = ["run_id,params,tokens,loss"]
    for N in (1e8, 3e8, 1e9, 3e9):
        rows += [f"{N:g},{N:g},{N * step:g},{2 + 40 / N**0.2 / step**0.3:.4f}" for step in range(1, 21)]
    path.write_text("\n".join(rows) + "\n")
    return path


def run(scaling: Scaling, name: str, runs: Path, ladder: Path, *more: str) -> Ended:
    files = {"runs": runs, "ladder": ladder, "curves": ROOT / "sample_runs" / "simulated_curves.csv"}
    ended = scaling(*(word.format(**files) for word in COMMANDS[name].split()), *more)
    assert ended.returncode == (1 if name == "fit-curves-none" else 0), ended.stderr
    return ended


@pytest.mark.parametrize(("name", "output_format"), FORMATS)
def test_what_an_approach_prints_is_its_golden_file(
    scaling: Scaling, sample_runs: Path, ladder: Path, name: str, output_format: str
) -> None:
    ended = run(scaling, name, sample_runs, ladder, "--format", output_format)
    hold_to_format(ended.stdout, name, output_format)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "fit-isoflop"])
def test_what_an_approach_prints_on_80_columns_is_its_golden_file(
    scaling: Scaling, sample_runs: Path, ladder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = run(scaling, name, sample_runs, ladder)
    hold_to_80_columns(ended.stdout, name)
