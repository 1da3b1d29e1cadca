"""What the command-line tests share: the program run in this process or as a real one, and tables of runs."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scaling_cli.cli.app import app

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"

Ended = subprocess.CompletedProcess[str]
"""How a run of the program ended; ``returncode``, ``stdout``, ``stderr``."""


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERMINAL_WIDTH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def scaling() -> Callable[..., Ended]:
    """Run the program in this process; an exception that it does not turn into an exit is raised here."""

    def run(*args: str | Path, stdin: str | bytes | None = None) -> Ended:
        words = [str(arg) for arg in args]
        result = CliRunner().invoke(app, words, input=stdin, prog_name="scaling")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def shell() -> Callable[..., Ended]:
    """Run a shell command in which ``scaling`` is the program; its exit code is that of ``scaling``."""

    def run(command: str, **environment: str) -> Ended:
        prelude = f'scaling() {{ "{sys.executable}" -m scaling_cli "$@"; }}; '
        return subprocess.run(
            ["bash", "-c", prelude + command + "; exit ${PIPESTATUS[0]}"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def sample_runs() -> Path:
    """The 63 runs simulated from besiroglu2024."""
    return ROOT / "sample_runs" / "simulated_isoflop.csv"


@pytest.fixture(scope="session")
def digitised_runs() -> Path:
    """The 245 runs digitised from Hoffmann et al. 2022, Fig. 4."""
    path = SHARED / "chinchilla_digitised.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there: the digitised runs are not part of the repository")
    return path
