"""``--plot``: the picture goes where it is told, beside the result and never into it, or is refused."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Scaling = Callable[..., subprocess.CompletedProcess[str]]

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
OPTIMAL = ("optimal", "--flops", "5.76e23", "--law", "besiroglu2024")


@pytest.mark.parametrize("suffix", list(MAGIC))
def test_the_picture_is_a_file_beside_the_result(scaling: Scaling, tmp_path: Path, suffix: str) -> None:
    picture = tmp_path / f"plan.{suffix}"
    ended = scaling(*OPTIMAL, "--plot", picture)
    assert ended.returncode == 0, ended.stderr
    assert picture.read_bytes().startswith(MAGIC[suffix])
    assert ended.stdout == scaling(*OPTIMAL).stdout
    assert list(tmp_path.iterdir()) == [picture]


def test_a_suffix_may_be_in_capitals(scaling: Scaling, tmp_path: Path) -> None:
    assert scaling(*OPTIMAL, "--plot", tmp_path / "PLAN.PNG").returncode == 0
    assert (tmp_path / "PLAN.PNG").read_bytes().startswith(MAGIC["png"])


@pytest.mark.parametrize(
    ("command", "title"),
    [
        (("fit", "{runs}", "--bootstrap", "20"), "Chinchilla law fitted to simulated_isoflop.csv"),
        (("isoflop", "{runs}", "--bootstrap", "20"), "IsoFLOP profiles of simulated_isoflop.csv"),
        (
            ("isoflop", "--law", "besiroglu2024", "--flops", "1e20"),
            "Optimal params for 1e20 FLOPs under besiroglu2024",
        ),
        (OPTIMAL, "Optimal params for 5.76e23 FLOPs under besiroglu2024"),
        (("compare", "laws", "chinchilla"), "Laws compared: what they make of the same compute"),
        (("compare", "models", "gopher"), "Models beside the compute-optimal frontier"),
    ],
)
def test_every_command_draws_in_the_terminal_below_its_tables(
    scaling: Scaling, sample_runs: Path, command: tuple[str, ...], title: str
) -> None:
    words = [word.format(runs=sample_runs) for word in command]
    ended = scaling(*words, "--plot", "-")
    assert ended.returncode == 0, ended.stderr
    table, picture = ended.stdout.split(f"\n{title}\n")
    assert table == scaling(*words).stdout
    assert max(map(len, picture.splitlines())) == 80


def test_the_picture_is_as_wide_as_the_terminal(scaling: Scaling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = scaling(*OPTIMAL, "--plot", "-").stdout.splitlines()
    assert max(map(len, lines)) == 120


def test_with_the_result_in_a_file_the_picture_has_stdout_to_itself(scaling: Scaling, tmp_path: Path) -> None:
    result = tmp_path / "plan.json"
    ended = scaling(*OPTIMAL, "--plot", "-", "--format", "json", "--output", result)
    assert ended.stdout.startswith("Optimal params for 5.76e23 FLOPs")
    assert result.read_text().startswith("{")


@pytest.mark.parametrize("output_format", ["json", "csv", "markdown"])
@pytest.mark.parametrize("output", [(), ("--output", "-")])
def test_the_picture_does_not_spoil_a_result_for_programs(
    scaling: Scaling, output_format: str, output: tuple[str, ...]
) -> None:
    ended = scaling(*OPTIMAL, "--plot", "-", "--format", output_format, *output)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: --plot - and the result would share stdout\nhint: ")


@pytest.mark.parametrize("name", ["plan.gif", "plan", "", ".png", "png"])
def test_a_file_of_another_kind_is_refused_before_any_work(
    scaling: Scaling, sample_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (("fit", "no-such-file.csv"), ("isoflop", sample_runs), OPTIMAL, ("compare", "laws")):
        ended = scaling(*command, "--plot", name)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == (
            f"error: --plot: {name or repr(name)} ends in none of .png, .svg, .pdf\n"
            "hint: name it like frontier.svg; --plot - draws in the terminal\n"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "first"),
    [
        ((*OPTIMAL, "--output"), "--output"),
        (("fit", "{runs}", "--output"), "--output"),
        (("fit", "{runs}", "--save"), "--save"),
        (("isoflop", "{runs}", "--save"), "--save"),
    ],
)
def test_two_results_are_not_written_to_one_file(
    scaling: Scaling, sample_runs: Path, tmp_path: Path, command: tuple[str, ...], first: str
) -> None:
    words = [word.format(runs=sample_runs) for word in command]
    ended = scaling(*words, tmp_path / "x.svg", "--plot", tmp_path / "x.svg")
    assert ended.returncode == 2
    assert ended.stderr == (
        f"error: {first} and --plot are the same file, {tmp_path / 'x.svg'}\nhint: give each its own\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_says_so_and_no_result_is_shown(
    scaling: Scaling, tmp_path: Path
) -> None:
    ended = scaling(*OPTIMAL, "--plot", tmp_path / "nowhere" / "x.svg", "--output", tmp_path / "plan.txt")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"{tmp_path / 'nowhere' / 'x.svg'}: cannot be written: no folder" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_drawn_over(scaling: Scaling, tmp_path: Path) -> None:
    (tmp_path / "x.svg").mkdir()
    ended = scaling(*OPTIMAL, "--plot", tmp_path / "x.svg")
    assert ended.returncode == 1
    assert "it is a folder" in ended.stderr


def test_warnings_under_strict_leave_the_picture_where_it_was_asked_for(
    scaling: Scaling, tmp_path: Path
) -> None:
    ended = scaling(
        "optimal",
        "--flops",
        "1e21",
        "--law",
        "hoffmann2022-a3-rounded",
        "--strict",
        "--plot",
        tmp_path / "x.svg",
    )
    assert ended.returncode == 1
    assert (tmp_path / "x.svg").exists()


def test_what_draws_nothing_refuses_a_picture(scaling: Scaling, sample_runs: Path, tmp_path: Path) -> None:
    for words in (("optimal", "--list-laws"), ("fit", sample_runs, "--verify", "law.json")):
        ended = scaling(*words, "--plot", tmp_path / "x.svg")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "--plot draws" in ended.stderr


def test_plans_that_no_law_could_make_leave_no_picture(scaling: Scaling, tmp_path: Path) -> None:
    ended = scaling("optimal", "--flops", "1e21", "--law", "cerebras2023", "--plot", tmp_path / "x.svg")
    assert ended.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_curves_without_a_frontier_still_have_their_picture(scaling: Scaling, tmp_path: Path) -> None:
    rows = [f"run{N},{N},{D},{2 + 1e4 / (N * D) ** 0.25}" for N in (1e8, 1e9) for D in (1e9, 2e9, 4e9)]
    (tmp_path / "curves.csv").write_text("\n".join(["run_id,params,tokens,loss", *rows]))
    picture = tmp_path / "curves.svg"
    ended = scaling("fit", tmp_path / "curves.csv", "--approach", "1", "--plot", picture)
    assert ended.returncode == 1
    assert "Learning curves of curves.csv" in picture.read_text()


def test_without_matplotlib_a_file_says_how_to_get_it_and_the_terminal_still_draws(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(
        "import importlib.util, sys\n"
        "there = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: (\n"
        "    None if name.partition('.')[0] == 'matplotlib' else there(name, package)\n"
        ")\n"
        "sys.modules['matplotlib'] = None  # any import of it fails\n"
        "from scaling_cli.cli.app import main\n"
        "main()\n"
    )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(tmp_path / "run.py"), *words]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60)

    refused = run("fit", "no-such-file.csv", "--plot", "x.png")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "error: x.png: cannot be drawn: matplotlib is not installed\n"
        "hint: pip install 'scaling-cli[plots]'; --plot - draws in the terminal without it\n"
    )
    drawn = run(*OPTIMAL, "--plot", "-")
    assert drawn.returncode == 0, drawn.stderr
    assert "# optimum" in drawn.stdout


def test_a_locale_without_unicode_gets_an_ascii_picture(shell: Scaling) -> None:
    ended = shell(f"scaling {' '.join(OPTIMAL)} --plot -", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.isascii()
    assert "?" not in ended.stdout


def test_a_reader_that_has_had_enough_of_a_picture_ends_the_program_quietly(shell: Scaling) -> None:
    ended = shell(f"scaling {' '.join(OPTIMAL)} --plot - | head -1")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_command_without_a_picture_imports_nothing_for_one() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from scaling_cli.cli.app import app;"
        f"CliRunner().invoke(app, {list(OPTIMAL)!r});"
        "print([name for name in sys.modules if 'pictures' in name or name.startswith('matplotlib')])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "[]\n", ended.stderr
