"""Whatever a user does wrong ends in one clear line, its exit code, and nothing half-written."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Ended = subprocess.CompletedProcess[str]
Scaling = Callable[..., Ended]

LAW = {
    "schema": "scaling.law/1",
    "form": "chinchilla",
    "parameters": {"E": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.34, "beta": 0.36},
}
HEADER = "params,tokens,loss"
GRID = [(N, D) for N in (1e8, 4e8, 2e9) for D in (2e9, 8e9, 4e10)]


def table_of(points: list[tuple[float, float]]) -> str:
    """A run table of (N, D) points whose losses follow a law."""
    lines = (f"{N:g},{D:g},{1.8 + 480 * N**-0.34 + 2000 * D**-0.36:.6f}" for N, D in points)
    return "\n".join([HEADER, *lines]) + "\n"


GOOD_RUNS = table_of(GRID)


def with_line(number: int, line: str) -> str:
    """The good runs with another line in the place of line ``number``, counted from 1 as editors do."""
    lines = GOOD_RUNS.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def law_with(**changes: object) -> str:
    return json.dumps({**LAW, **changes})


def check_refusal(ended: Ended, code: int, error: str, hint: str | None) -> None:
    """Hold what every refusal keeps: silence on stdout, one error line, at most one hint, the exit code."""
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    said = ended.stderr.splitlines()
    assert said[0].startswith("error: ")
    assert len(said) == (1 if hint is None else 2), ended.stderr
    assert re.search(error, said[0]), said[0]
    if hint is not None:
        assert said[1].startswith("hint: ")
        assert hint in said[1]


# what is wrong, the file's content, the options, the error (a pattern) and the hint
RUN_TABLES = [
    ("an empty file", "", [], r"runs\.csv: the file is empty$", "a header and one line per run"),
    ("only blanks", " \n\n", [], r"runs\.csv: the file is empty$", "a header and one line per run"),
    ("only a header", f"{HEADER}\n", [], r"runs\.csv: a header and no runs$", "one line per run"),
    ("no header", "1e8,2e9,3.2\n4e8,8e9,2.8\n", [], r"runs\.csv: the first line holds numbers", "header"),
    (
        "a missing column",
        GOOD_RUNS.replace("tokens", "steps", 1),
        [],
        r"runs\.csv: no column for tokens or flops \(found: params, steps, loss\)$",
        "--column tokens=steps",
    ),
    (
        "two columns for one quantity",
        GOOD_RUNS.replace(HEADER, "params,N,loss", 1),
        [],
        r"runs\.csv: two columns for params: params, N$",
        "choose one with --column params=params",
    ),
    ("a zero", with_line(3, "1e8,0,3.1"), [], r"runs\.csv:3: tokens must be positive, got 0$", "correct it"),
    (
        "negative values",
        with_line(4, "-1e8,2e9,-3.1"),
        [],
        r"runs\.csv: 2 bad values: line 4: loss must be positive, got -3\.1; "
        r"line 4: params must be positive, got -1e8$",
        "correct them",
    ),
    (
        "NaN in params",
        with_line(5, "nan,2e9,3.1"),
        [],
        r"runs\.csv:5: params is missing, got 'nan'$",
        "correct",
    ),
    (
        "text in a number",
        with_line(6, "lots,2e9,3"),
        [],
        r"runs\.csv:6: params 'lots' is not a number$",
        "correct",
    ),
    (
        "text in a loss",
        with_line(6, "1e8,2e9,low"),
        [],
        r"runs\.csv:6: loss 'low' is not a number$",
        "correct",
    ),
    (
        "losses all NaN",
        "\n".join([HEADER, *(f"{N},{D},nan" for N, D in GRID)]),
        [],
        r"runs\.csv: no runs left of 9 rows: 9 rows without a loss",
        "--column loss=COLUMN",
    ),
    (
        "counts in millions and billions",
        "\n".join([HEADER, *(f"{N / 1e6},{D / 1e9},3" for N, D in GRID)]),
        [],
        r"runs\.csv: params are 400 in the median and tokens are 8 in the median, too few to be real",
        "--unit params=1e6 --unit tokens=1e9",
    ),
    (
        "decimal commas",
        "\n".join(["params;tokens;loss", *(f"{N / 1e6:.3f};{D:.0f};3".replace(".", ",") for N, D in GRID)]),
        [],
        r"runs\.csv: 9 bad values: line 2: params '100,000' may be 100\.000 or 100000;",
        "write the decimal sign as a point",
    ),
    (
        "pipes between the columns",
        GOOD_RUNS.replace(",", "|"),
        [],
        r"runs\.csv:1: the header is one cell, 'params\|tokens\|loss'$",
        "commas, tabs or semicolons",
    ),
    (
        "a row too long",
        with_line(2, "1e8,2e9,3,9"),
        [],
        r"runs\.csv:2: 4 cells, but the header has 3$",
        "quote",
    ),
    ("an open quote", with_line(2, '"1e8,2e9,3'), [], r"runs\.csv:2: not CSV", "quote"),
    ("a workbook", "PK\x03\x04", [], r"runs\.csv: not UTF-8 text \(it looks like an Excel", "export"),
    ("too few runs", table_of(GRID[1:-2]), [], r"runs\.csv: too-few-runs: 6 runs", "at least 7"),
    (
        "runs on one ray",
        table_of([(N, 20 * N) for N in (1e8, 2e8, 4e8, 8e8, 1.6e9, 3.2e9, 6.4e9, 1e10)]),
        [],
        r"runs\.csv: single-ray-design: all 8 runs have about 20 tokens per param",
        "add runs off the line",
    ),
    (
        "one size",
        table_of([(1e9, D * 1e9) for D in range(2, 12)]),
        [],
        r"runs\.csv: one-size: all 10 runs have 1B params",
        "two or more other sizes",
    ),
    (
        "one token count",
        table_of([(N * 1e8, 2e10) for N in range(2, 12)]),
        [],
        r"runs\.csv: one-token-count: all 10 runs have 20B tokens",
        "two or more other token counts",
    ),
    (
        "a filter that leaves nothing",
        GOOD_RUNS,
        ["--where", "params > 1T"],
        r'runs\.csv: no runs left of 9 rows: --where "params > 1e12" leaves out 9 rows$',
        "pass every filter",
    ),
    (
        "a filter on a column there is not",
        GOOD_RUNS,
        ["--where", "flip < 3"],
        r"runs\.csv: --where names no column 'flip' \(found: params, tokens, loss\)$",
        "did you mean flops?",
    ),
    (
        "a column there is not",
        GOOD_RUNS,
        ["--column", "tokens=tokns"],
        r"runs\.csv: --column tokens=tokns names no column",
        "did you mean --column tokens=tokens?",
    ),
]


@pytest.mark.parametrize(
    ("content", "options", "error", "hint"),
    [case[1:] for case in RUN_TABLES],
    ids=[case[0] for case in RUN_TABLES],
)
def test_a_run_table_that_cannot_be_fitted_is_refused_with_its_line(
    scaling: Scaling, tmp_path: Path, content: str, options: list[str], error: str, hint: str
) -> None:
    path, law, output = tmp_path / "runs.csv", tmp_path / "law.json", tmp_path / "out.json"
    path.write_text(content)
    output.write_text("old")
    ended = scaling("fit", path, *options, "--save", law, "--output", output, "--format", "json")
    check_refusal(ended, 1, error, hint)
    assert not law.exists()
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "runs.csv"]


# what is wrong, the command, its exit code, the error and the hint; {runs} is a good run table
COMMANDS: list[tuple[str, str, int, str, str | None]] = [
    ("no such file", "fit {folder}/rans.csv", 1, r"rans\.csv: no such file$", "did you mean"),
    ("no such folder", "fit {folder}/no/runs.csv", 1, r"runs\.csv: no such file$", "there is no folder"),
    ("a folder", "fit {folder}", 1, r": is a folder, not a file$", "name the file itself"),
    ("no runs", "fit", 2, r"no runs to fit$", "--config"),
    ("no such law file", "optimal --flops 1e21 --law {folder}/law.json", 1, r"law\.json: no such file$", ""),
    ("no such config", "fit --config {folder}/exp.yaml", 1, r"exp\.yaml: no such file$", ""),
    ("nothing known", "optimal", 2, r"nothing to solve for$", "--flops 5.76e23"),
    (
        "three known",
        "optimal --flops 1e21 --params 1B --loss 2",
        2,
        r"--flops, --params, --loss contr",
        "leave",
    ),
    ("only a ratio", "optimal --tokens-per-param 20", 2, r"--tokens-per-param alone fixes no plan", "add a"),
    (
        "two budgets",
        "optimal --flops 1e21 --pf-days 3",
        2,
        r"--flops and --pf-days contradict",
        "one of them",
    ),
    ("a word", "optimal --flops many", 2, r"--flops: 'many' is not a number$", "5.76e23"),
    ("zero", "optimal --flops 0", 2, r"--flops: must be positive, got 0$", "above zero"),
    ("a negative", "optimal --params -7B --flops 1e21", 2, r"--params: must be positive, got -7B$", "above"),
    ("NaN", "optimal --loss nan", 2, r"--loss: 'nan' is not a number$", ""),
    ("infinity", "optimal --flops 1e400", 2, r"--flops: '1e400' is too large", None),
    ("a falling sweep", "optimal --flops 1e26:1e20:7", 2, r"--flops: a sweep runs upwards", "1e20:1e26:7"),
    ("half a sweep", "optimal --flops 1e20:1e26", 2, r"--flops: '1e20:1e26' is not a sweep", "1e20:1e26:7"),
    (
        "an unknown law",
        "optimal --flops 1e21 --law besiroglu",
        2,
        r"--law: unknown law 'besiroglu'$",
        "did you mean besiroglu2024?",
    ),
    ("an unknown law shown", "optimal --show-law chincilla", 2, r"--show-law: unknown law 'chincilla'$", ""),
    (
        "an unknown accelerator",
        "optimal --budget 64xH101:30d@40%",
        2,
        r"--budget: unknown accelerator 'H101'$",
        "did you mean H100-SXM?",
    ),
    ("no MFU", "optimal --budget 64xH100:30d", 2, r"--budget: '64xH100:30d' has no MFU$", "64xH100:30d@40%"),
    ("half a chip", "optimal --budget 1.5xH100:3d@40%", 2, r"--budget: '1\.5' is not a number of acc", ""),
    ("an MFU above one", "optimal --budget 8xH100:3d@140%", 2, r"--budget: '140%' is not a share", "40%"),
    ("all wasted", "optimal --flops 1e21 --waste 100%", 2, r"--waste: must lie below 100 %", "1%"),
    (
        "a loss below E",
        "optimal --loss 1.8 --law besiroglu2024",
        1,
        r"besiroglu2024: loss 1\.8 cannot be reached: no budget goes below E = 1\.8172$",
        "a higher loss",
    ),
    (
        "a loss that a size cannot reach",
        "optimal --loss 1.9 --params 7B --law besiroglu2024",
        1,
        r"besiroglu2024: loss 1\.9 cannot be reached: 7B params stay above 1\.99872 on any data$",
        "a higher loss",
    ),
    (
        "a loss that a budget cannot reach",
        "optimal --loss 2 --flops 1e20 --law besiroglu2024",
        1,
        r"besiroglu2024: loss 2 cannot be reached: 1e20 FLOPs reach 2\.5\d+ at best$",
        "a higher loss",
    ),
    (
        "a law without a loss",
        "optimal --loss 2 --law llama3",
        1,
        r"llama3: this law .* nothing of the loss",
        "",
    ),
    (
        "a law without an allocation",
        "optimal --flops 1e21 --law cerebras2023",
        1,
        r"cerebras2023: this law gives the loss .* not how to divide it",
        "--law besiroglu2024 divides",
    ),
    ("numbers out of range", "optimal --tokens 1e300 --params 1e300 --law besiroglu2024", 1, r"beyond", ""),
    ("an unknown option", "optimal --flop 1e21", 2, r"No such option: --flop", "scaling optimal --help"),
    ("an option before the command", "--bogus", 2, r"No such option: --bogus", "see scaling --help"),
    ("a month or a minute", "optimal --budget 8xH100:1M@40%", 2, r"'1M' is not a duration", "90min"),
    (
        "an MFU without its sign",
        "optimal --budget 8xH100:3d@40",
        2,
        r"'40' is not a share",
        "did you mean 40%",
    ),
    (
        "a threshold far too fine",
        "fit {runs} --delta 1e-300",
        2,
        r"delta must lie between 1e-05 and 10",
        "1e-3",
    ),
    ("an unknown command", "optimise", 2, r"No such command 'optimise'", "see scaling --help"),
    ("an unknown format", "optimal --flops 1e21 --format xml", 2, r"'xml' is not one of", "--help"),
    ("an unknown unit", "fit {runs} --unit kilos=3", 2, r"--unit: no quantity is called 'kilos'$", ""),
    ("a unit of none", "fit {runs} --unit params=0", 2, r"--unit params: must be positive, got 0$", ""),
    ("a unit in words", "fit {runs} --unit params=million", 2, r"--unit params: 'million' is not a n", ""),
    ("half a column", "fit {runs} --column tokens", 2, r"--column: 'tokens' is not NAME=VALUE$", "tokens=D"),
    ("half a unit", "fit {runs} --unit params=", 2, r"--unit: 'params=' is not NAME=VALUE$", "params=1e6"),
    ("half a pin", "fit {runs} --fix E=", 2, r"--fix: 'E=' is not NAME=VALUE$", "--fix E=1.69"),
    (
        "an unknown quantity",
        "fit {runs} --column tokns=D",
        2,
        r"--column: no quantity is called 'tokns'",
        "tokens=D",
    ),
    (
        "half a condition",
        "fit {runs} --where flops<",
        2,
        r"--where: 'flops<' is not a condition$",
        "flops < 1e21",
    ),
    ("a negative count", "fit {runs} --drop-highest-losses -1", 2, r"--drop-highest-losses", "--help"),
    ("no threshold", "fit {runs} --delta 0", 2, r"--delta: must be positive, got 0$", ""),
    ("too many dropped", "fit {runs} --drop-highest-losses 9", 1, r"runs\.csv: no runs left of 9 rows", ""),
    (
        "no folder to write to",
        "optimal --flops 1e21 --output {folder}/no/x",
        1,
        r"/no/x: cannot .* no folder",
        "mkdir",
    ),
    (
        "a folder to write to",
        "optimal --flops 1e21 --output {folder}",
        1,
        r": cannot .* it is a folder$",
        "name a",
    ),
    (
        "nowhere to save",
        "fit {runs} --save {folder}/no/law.json",
        1,
        r"law\.json: cannot .* no folder",
        "mkdir",
    ),
    (
        "a full disk",
        "optimal --flops 1e21 --output /dev/full",
        1,
        r"/dev/full: cannot be written: no space",
        "",
    ),
]


@pytest.mark.parametrize(
    ("command", "code", "error", "hint"),
    [case[1:] for case in COMMANDS],
    ids=[case[0] for case in COMMANDS],
)
def test_a_wrong_command_ends_in_one_line_and_its_exit_code(
    scaling: Scaling, tmp_path: Path, command: str, code: int, error: str, hint: str | None
) -> None:
    runs = tmp_path / "runs.csv"
    runs.write_text(GOOD_RUNS)
    words = [word.format(folder=tmp_path, runs=runs) for word in command.split()]
    check_refusal(scaling(*words), code, error, hint)
    assert list(tmp_path.iterdir()) == [runs]


LAW_FILES = [
    ("an empty file", "", r"law\.json: the file is empty$", "a law needs at least"),
    ("half a file", law_with()[:60], r"law\.json:1: damaged JSON \(", "save the law again"),
    ("no JSON", "E = 1.8", r"law\.json:1: damaged JSON \(", "save the law again"),
    ("a list", "[1, 2]", r"law\.json: a law must be a mapping of keys, got a list$", "a law needs"),
    ("no schema", law_with(schema=None), r"law\.json: no schema$", '"scaling.law/1"'),
    (
        "a later schema",
        law_with(schema="scaling.law/2"),
        r"law\.json:1: schema is 'scaling.law/2', this",
        "the version of scaling that wrote it",
    ),
    (
        "a report",
        law_with(schema="scaling.fit/1"),
        r"law\.json:1: schema is 'scaling.fit/1', this version reads scaling.law/1$",
        "--save law.json",
    ),
    ("an unknown form", law_with(form="chinchila"), r"law\.json:1: form: 'chinchila' is not known$", ""),
    ("no parameters", law_with(parameters=None), r"law\.json: no parameters$", "a law needs at least"),
    (
        "a negative constant",
        law_with(parameters={**LAW["parameters"], "A": -480}),  # type: ignore[dict-item]
        r"law\.json:1: parameters: A must be positive, got -480.0$",
        "correct the constants",
    ),
    (
        "a constant that is NaN",
        law_with(parameters={**LAW["parameters"], "alpha": float("nan")}),  # type: ignore[dict-item]
        r"law\.json: NaN is not a finite number$",
        "finite",
    ),
    (
        "a missing constant",
        law_with(parameters={"E": 1.8, "A": 480, "B": 2000, "alpha": 0.34}),
        r"law\.json:1: .*beta",
        "correct the constants",
    ),
    ("an unknown key", law_with(paramters={}), r"law\.json:1: unknown key 'paramters'$", "parameters?"),
    ("a table of runs", GOOD_RUNS, r"law\.json:1: damaged JSON", ""),
]


@pytest.mark.parametrize(
    ("content", "error", "hint"), [case[1:] for case in LAW_FILES], ids=[case[0] for case in LAW_FILES]
)
def test_a_law_file_that_is_damaged_or_impossible_is_refused_with_its_reason(
    scaling: Scaling, tmp_path: Path, content: str, error: str, hint: str | None
) -> None:
    path, output = tmp_path / "law.json", tmp_path / "out.json"
    path.write_text(content)
    output.write_text("old")
    check_refusal(scaling("optimal", "--flops", "1e21", "--law", path, "--output", output), 1, error, hint)
    assert output.read_text() == "old"


EXPERIMENTS = [
    (
        "an unknown key",
        "runs: r.csv\ndrop_higest_losses: 5\n",
        ["exp.yaml:2: unknown key 'drop_higest_losses'"],
    ),
    ("a word", "runs: r.csv\nflops: [1e21, lots]\n", ["exp.yaml:2: flops: 'lots' is not a number"]),
    ("no runs", "flops: 1e21\n", ["exp.yaml: no key 'runs'"]),
    ("another form", "runs: r.csv\nfit:\n  form: power\n", ["exp.yaml:3: fit.form must be 'chinchilla'"]),
    ("a bad unit", "runs: r.csv\nunits:\n  params: -1e6\n", ["exp.yaml:3: units.params: must be positive"]),
    ("a tab", "runs: r.csv\n\tflops: 1e21\n", ["exp.yaml:2: not YAML"]),
    ("an empty file", "", ["exp.yaml: the file is empty"]),
    ("a list", "- r.csv\n", ["exp.yaml:1: an experiment is a mapping of keys, got a list"]),
]


@pytest.mark.parametrize(
    ("content", "parts"), [case[1:] for case in EXPERIMENTS], ids=[case[0] for case in EXPERIMENTS]
)
def test_a_mistake_in_an_experiment_is_named_with_its_line(
    scaling: Scaling, tmp_path: Path, content: str, parts: list[str]
) -> None:
    path = tmp_path / "exp.yaml"
    path.write_text(content)
    (tmp_path / "r.csv").write_text(GOOD_RUNS)
    ended = scaling("fit", "--config", path)
    check_refusal(ended, 1, re.escape(parts[0]), "")
    assert all(part in ended.stderr.splitlines()[0] for part in parts)


def test_all_mistakes_in_an_experiment_are_named_at_once(scaling: Scaling, tmp_path: Path) -> None:
    path = tmp_path / "exp.yaml"
    path.write_text("runs: r.csv\nflop: 1e21\nwaste: 300%\nall_steps: perhaps\n")
    ended = scaling("fit", "--config", path)
    assert (ended.returncode, ended.stdout) == (1, "")
    said = [line for line in ended.stderr.splitlines() if not line.startswith("hint: ")]
    assert said[0].startswith("error: ")
    assert ["exp.yaml:2: unknown key 'flop'" in said[0], "exp.yaml:3: waste" in said[1]] == [True, True]
    assert "exp.yaml:4: all_steps must be true or false" in said[2]
    assert len(said) == 3


@pytest.mark.parametrize("budget", ["1e18", "1.0e18", "1E+18", "'1e18'", "1_000_000_000_000_000_000"])
def test_1e18_in_yaml_is_a_number_though_yaml_calls_it_text(
    scaling: Scaling, tmp_path: Path, budget: str
) -> None:
    (tmp_path / "r.csv").write_text(GOOD_RUNS)
    path = tmp_path / "exp.yaml"
    path.write_text(f"runs: r.csv\nflops: {budget}\nunits:\n  tokens: 1.0e0\n")
    ended = scaling("fit", "--config", path, "--format", "json")
    assert ended.returncode == 0, ended.stderr
    assert [plan["flops"] for plan in json.loads(ended.stdout)["optima"]] == [1e18]


@pytest.mark.parametrize(
    ("encoding", "newline"),
    [("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("utf-8", "\r"), ("utf-16", "\n"), ("utf-16", "\r\n")],
)
def test_a_table_is_read_the_same_from_every_text_encoding(
    scaling: Scaling, tmp_path: Path, encoding: str, newline: str
) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(GOOD_RUNS)
    plain = scaling("fit", path, "--format", "json")
    path.write_bytes(GOOD_RUNS.replace("\n", newline).encode(encoding))
    ended = scaling("fit", path, "--format", "json")
    assert plain.returncode == 0, plain.stderr
    assert (ended.returncode, ended.stdout) == (0, plain.stdout)


def test_text_in_a_single_byte_encoding_is_refused_with_the_byte(scaling: Scaling, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(GOOD_RUNS.replace("params", "paramètres").encode("latin-1"))
    check_refusal(
        scaling("fit", path), 1, r"runs\.csv: not UTF-8 text \(byte 0xe8 on line 1\)$", "save it as UTF-8"
    )


def test_empty_standard_input_is_refused(scaling: Scaling) -> None:
    check_refusal(scaling("fit", "-", stdin=""), 1, r"<stdin>: the file is empty$", "a header")


def test_laws_that_all_cannot_answer_keep_their_rows_and_end_with_one(scaling: Scaling) -> None:
    ended = scaling("optimal", "--loss", "1.5", "--format", "json")
    assert ended.returncode == 1
    assert [result["flops"] for result in json.loads(ended.stdout)["results"]] == [None] * 4
    assert re.fullmatch(r"error: none of the laws could answer: loss 1\.5 cannot be .*\n", ended.stderr)


def test_a_law_that_cannot_be_saved_leaves_no_result_either(scaling: Scaling, tmp_path: Path) -> None:
    runs, output = tmp_path / "runs.csv", tmp_path / "out.json"
    runs.write_text(GOOD_RUNS)
    ended = scaling("fit", runs, "--save", tmp_path, "--output", output)
    check_refusal(ended, 1, "cannot be written: it is a folder", "name a file in it")
    assert not output.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable to root")
def test_a_file_that_may_not_be_replaced_keeps_its_content(scaling: Scaling, tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    output.write_text("old")
    output.chmod(0o444)
    ended = scaling("optimal", "--flops", "1e21", "--output", output)
    check_refusal(ended, 1, "permission denied$", "may write to")
    assert output.read_text() == "old"
