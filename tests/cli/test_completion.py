"""What a shell is offered: laws, accelerators and formats."""

import os
import subprocess
import sys

import pytest


def complete(line: str) -> list[str]:
    """Return what bash would be offered for the last word of ``line``."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_SCALING_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, "-c", "from scaling_cli.cli.app import main; main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (
            "scaling optimal --law hoff",
            ["hoffmann2022-a1", "hoffmann2022-a2", "hoffmann2022-a3", "hoffmann2022-a3-rounded"],
        ),
        ("scaling optimal --law chin", ["chinchilla"]),
        ("scaling optimal --show-law ll", ["llama3"]),
        ("scaling optimal --budget 64xh100", ["64xh100-SXM:", "64xh100-PCIe:", "64xh100-NVL:"]),
        ("scaling optimal --budget 8xMI2", ["8xMI250X:"]),
        ("scaling optimal --budget 64", []),
        ("scaling fit --format ", ["table", "json", "csv", "markdown"]),
    ],
)
def test_the_shell_is_offered_what_fits(line: str, offered: list[str]) -> None:
    assert complete(line) == offered
