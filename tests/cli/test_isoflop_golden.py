"""What ``scaling isoflop`` prints, in every format, is what the files in tests/golden hold."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ended
from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., Ended]

COMMANDS = {
    "isoflop": "isoflop {runs} --flops 5.76e23 --flops 1e22",
    "isoflop-akima": "isoflop {runs} --curve akima --flops 1e22 --bootstrap 100",
    "isoflop-law": "isoflop --law besiroglu2024 --flops 1e20",
    "isoflop-none": "isoflop {edge} --bootstrap 100",
}


@pytest.fixture
def edge(tmp_path: Path) -> Path:
    """Two budgets whose sizes all lie above the optimum."""
    path = tmp_path / "edge.csv"
    rows = ["run_id,params,tokens,loss"]
    for C, best in ((1e19, 3e8), (1e20, 9e8)):
        for i in range(5):
            N = best * 1.5**i
            rows.append(f"{C:g}-{i},{N:.6g},{C / (6 * N):.6g},{2.9 + 0.1 * (i / 4) ** 2:.4f}")
    path.write_text("\n".join(rows) + "\n")
    return path


def run(scaling: Scaling, name: str, runs: Path, edge: Path, *more: str) -> Ended:
    words = [word.format(runs=runs, edge=edge) for word in COMMANDS[name].split()]
    ended = scaling(*words, *more)
    assert ended.returncode == (1 if name == "isoflop-none" else 0), ended.stderr
    return ended


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_isoflop_prints_is_its_golden_file(
    scaling: Scaling, sample_runs: Path, edge: Path, name: str, output_format: str
) -> None:
    ended = run(scaling, name, sample_runs, edge, "--format", output_format)
    hold_to_format(ended.stdout, name, output_format)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_isoflop_prints_on_80_columns_is_its_golden_file(
    scaling: Scaling, sample_runs: Path, edge: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = run(scaling, name, sample_runs, edge)
    hold_to_80_columns(ended.stdout, name)
