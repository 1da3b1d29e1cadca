"""Every command that the README and the pages in docs/ show prints what they say it prints.

A block fenced as ``console`` holds commands after ``$`` and what each prints below it, up to the next
command or the end of the block. A line ``...`` stands for any lines. Commands that install are not run.
``UPDATE_README=1`` puts what is printed in the place of what is shown, where no line is ``...``.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PART = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ |```).*\n)*)", re.MULTILINE)
_VARYING = re.compile(r"\d+ of \d+ descents")
"""Whether one descent among dozens stalls depends on the machine's linear algebra."""


@dataclass(frozen=True, slots=True)
class Example:
    """A command of a page and the lines shown below it."""

    command: str
    shown: tuple[str, ...]
    page: Path = README


def examples_of(markdown: str, page: Path = README) -> list[Example]:
    """The commands of every console block in order; a command goes on after a backslash."""
    found = []
    for block in _BLOCK.findall(markdown):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.replace("\\\n", "").partition("\n")
            found.append(Example(command.strip(), tuple(output.strip("\n").splitlines()), page))
    return found


def is_shown(printed: str, shown: tuple[str, ...]) -> bool:
    """Say whether the printed text is what is shown, a line ``...`` standing for any lines."""
    pattern = r"\n".join(r"(?:.*\n)*?.*" if line.strip() == "..." else re.escape(line) for line in shown)
    return re.fullmatch(pattern, printed.strip("\n")) is not None


def programs(command: str) -> list[str]:
    """The programs a pipeline runs."""
    words = ["|", *shlex.split(command.replace("|", " | "), posix=False)]
    return [word for before, word in pairwise(words) if before in ("|", "&&", ";")]


EXAMPLES = [example for page in PAGES for example in examples_of(page.read_text(), page)]
RUN = [example for example in EXAMPLES if not re.search(r"\bpip\b|\bvenv\b", example.command)]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What each command prints, run in its page's order in a copy of the folders it speaks of."""
    door = tmp_path_factory.mktemp("bin") / "scaling"
    door.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m scaling_cli "$@"\n')
    door.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    environment = kept | {"PATH": f"{door.parent}{os.pathsep}{kept['PATH']}", "PYTHONPATH": str(ROOT)}
    folders = {}
    for page in PAGES:
        folders[page] = tmp_path_factory.mktemp(page.stem)
        for name in ("sample_runs", "configs"):
            shutil.copytree(ROOT / name, folders[page] / name)
    answers = {}
    for index, example in enumerate(RUN):
        if all(shutil.which(program, path=environment["PATH"]) for program in programs(example.command)):
            ended = subprocess.run(
                ["bash", "-c", f"{{ {example.command}\n}} 2>&1"],
                cwd=folders[example.page],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                timeout=60,
            )
            answers[index] = ended.stdout
    if os.environ.get("UPDATE_README"):
        for page in PAGES:
            update(page, {RUN[i].command: text for i, text in answers.items() if RUN[i].page == page})
    return answers


def update(page: Path, answers: dict[str, str]) -> None:
    """Write what commands print into their page, but for those that show a line ``...``."""

    def renew(part: re.Match[str]) -> str:
        command, shown = part["command"], part["output"]
        answer = answers.get(command.replace("\\\n", "").strip())
        if answer is None or "..." in shown.splitlines():
            return part[0]
        tail = shown[len(shown.rstrip("\n")) :] or "\n"
        return f"$ {command}\n{answer.strip(chr(10))}{tail}"

    def renew_block(block: re.Match[str]) -> str:
        return re.sub(_PART, renew, block[0])

    page.write_text(_BLOCK.sub(renew_block, page.read_text()))


def test_the_readme_shows_every_command() -> None:
    commands = " ".join(example.command for example in RUN if example.page == README)
    assert {"optimal", "fit", "isoflop", "compare"} <= set(re.findall(r"\bscaling (\w+)", commands))


@pytest.mark.parametrize("index", range(len(RUN)), ids=[f"{run.page.stem}: {run.command}" for run in RUN])
def test_a_command_prints_what_its_page_shows(printed: dict[int, str], index: int) -> None:
    example = RUN[index]
    if index not in printed:
        pytest.skip(f"one of {', '.join(programs(example.command))} is not installed")
    output = _VARYING.sub("# descents", printed[index])
    shown = tuple(_VARYING.sub("# descents", line) for line in example.shown)
    if not is_shown(output, shown):
        assert output.strip("\n").splitlines() == list(shown)


def test_the_python_that_the_readme_shows_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", block], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert (ended.returncode, ended.stderr) == (0, "")


def test_examples_are_read_with_their_output() -> None:
    markdown = "text\n```console\n$ scaling fit x.csv \\\n  --strict\na\n\nb\n\n$ scaling --version\n```\n"
    assert examples_of(markdown) == [
        Example("scaling fit x.csv   --strict", ("a", "", "b")),
        Example("scaling --version", ()),
    ]
    assert examples_of("```sh\n$ scaling\n```\n") == []


def test_dots_stand_for_any_lines_and_nothing_else_does() -> None:
    shown = ("first", "...", "last")
    assert is_shown("first\none\ntwo\nlast\n", shown)
    assert is_shown("first\none\nlast", shown)
    assert not is_shown("first\none\nlast\nmore", shown)
    assert not is_shown("first\nmore", ("first",))
    assert not is_shown("axb", ("a.b",))


def test_the_programs_of_a_pipeline_are_found() -> None:
    assert programs("scaling optimal --flops 1e21 | jq .results | head -1") == ["scaling", "jq", "head"]
    assert programs('scaling fit x.csv --where "flops < 1e21"') == ["scaling"]
