"""Pipes that close early, full disks, closed streams and odd locales: the real program in a real shell."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Scaling = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    "command",
    [
        "optimal --flops 1e20:1e26:400",  # more than a pipe holds
        "optimal --flops 5.76e23 --format json",
        "optimal --list-laws --format csv",
    ],
)
def test_a_reader_that_has_had_enough_ends_the_program_quietly(shell: Scaling, command: str) -> None:
    ended = shell(f"scaling {command} | head -1")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("\n") == 1


def test_a_reader_that_reads_nothing_ends_the_program_quietly(shell: Scaling) -> None:
    ended = shell("scaling optimal --flops 5.76e23 | true")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_one_clear_line(shell: Scaling) -> None:
    ended = shell("scaling optimal --flops 5.76e23 > /dev/full")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "error: standard output cannot be written: no space left on device\n"
        "hint: write the result to a file with --output FILE\n"
    )


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (
            "optimal --flops 1e21 >&-",
            1,
            "error: standard output is closed\nhint: write the result to a file with --output FILE\n",
        ),
        ("fit - <&-", 1, "error: <stdin>: standard input is closed\nhint: name a file instead of -\n"),
        ("optimal --flops 1e21 --law none 2>&-", 2, ""),
    ],
    ids=["stdout", "stdin", "stderr"],
)
def test_a_closed_standard_stream_is_no_traceback(shell: Scaling, command: str, code: int, said: str) -> None:
    ended = shell(f"scaling {command}")
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", said)


def test_a_locale_without_unicode_gets_its_answer(shell: Scaling) -> None:
    ended = shell("scaling optimal --list-laws", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert "besiroglu2024" in ended.stdout


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on posix only")
def test_a_file_whose_name_is_no_utf8_is_fitted_and_named(
    shell: Scaling, tmp_path: Path, sample_runs: Path
) -> None:
    ended = shell(
        f"cd {tmp_path}; cp {sample_runs} $'caf\\xe9.csv'; "
        "scaling fit $'caf\\xe9.csv' --format csv --output out.csv"
    )
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "out.csv").read_text().splitlines()[1].count("caf") == 1
