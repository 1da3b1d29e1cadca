"""``scaling optimal`` as a user runs it: what is known goes in, the rest of the plan comes out."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scaling_cli.laws.published import PUBLISHED

Scaling = Callable[..., subprocess.CompletedProcess[str]]

RESULT_KEYS = ["law", "flops", "params", "tokens", "tokens_per_param", "loss", "flat_range", "findings"]
BESIROGLU = ("--law", "besiroglu2024")
CHINCHILLA = ["besiroglu2024", "hoffmann2022-a1", "hoffmann2022-a2", "hoffmann2022-a3"]


@pytest.fixture
def results(scaling: Scaling) -> Callable[..., list[dict[str, Any]]]:
    """Run ``scaling optimal --format json`` and return its results."""

    def run(*args: str | Path, code: int = 0) -> list[dict[str, Any]]:
        ended = scaling("optimal", *args, "--format", "json")
        assert ended.returncode == code, ended.stderr
        document = json.loads(ended.stdout)
        assert list(document) == ["schema", "results"]
        assert document["schema"] == "scaling.optimal/1"
        found: list[dict[str, Any]] = document["results"]
        return found

    return run


Results = Callable[..., list[dict[str, Any]]]


def finding_ids(result: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in result["findings"]]


def test_the_optimum_at_gophers_budget_is_the_published_one(results: Results) -> None:
    (result,) = results("--flops", "5.76e23", *BESIROGLU)
    assert list(result) == RESULT_KEYS
    assert result["law"] == "besiroglu2024"
    assert result["flops"] == 5.76e23
    assert result["params"] == pytest.approx(7.2249e10, rel=1e-3)
    assert result["tokens"] == pytest.approx(1.32874e12, rel=1e-3)
    assert result["tokens_per_param"] == pytest.approx(result["tokens"] / result["params"])
    assert result["loss"] == pytest.approx(1.97444, rel=1e-3)
    assert result["flat_range"]["waste"] == 0.01
    assert result["flat_range"]["params"] == pytest.approx([6.108e10, 8.545e10], rel=1e-3)
    assert result["findings"] == []


@pytest.mark.parametrize(
    ("law", "flops", "params", "tolerance"),
    [
        ("hoffmann2022-a3", "5.76e23", 4.0361e10, 1e-3),
        ("hoffmann2022-a3-rounded", "5.76e23", 3.2190e10, 1e-3),
        ("kaplan2020", "1e21", 4.683e9, 1e-3),
        ("hoffmann2022-a1", "5.76e23", 67e9, 0.02),
        ("hoffmann2022-a2", "5.76e23", 63e9, 0.02),
    ],
)
def test_each_law_gives_its_own_optimum(
    results: Results, law: str, flops: str, params: float, tolerance: float
) -> None:
    (result,) = results("--flops", flops, "--law", law)
    assert result["params"] == pytest.approx(params, rel=tolerance)
    assert 6 * result["params"] * result["tokens"] == pytest.approx(float(flops))


def test_the_first_two_approaches_give_the_tokens_that_spend_the_budget(results: Results) -> None:
    first, second = results("--flops", "5.76e23", "--law", "hoffmann2022-a1", "--law", "hoffmann2022-a2")
    assert first["tokens"] == pytest.approx(1.42e12, rel=0.02)
    assert second["tokens"] == pytest.approx(1.51e12, rel=0.02)


def test_the_default_laws_are_chinchillas_with_the_replication_first(results: Results) -> None:
    assert [result["law"] for result in results("--flops", "1e21")] == CHINCHILLA
    assert results("--flops", "1e21") == results("--flops", "1e21", "--law", "chinchilla")


def test_repeated_laws_answer_in_the_order_asked_and_each_once(results: Results) -> None:
    laws = ("--law", "llama3", *BESIROGLU, "--law", "chinchilla", "--law", "llama3")
    assert [result["law"] for result in results("--flops", "1e21", *laws)] == ["llama3", *CHINCHILLA]


def test_rounded_constants_carry_their_finding(results: Results) -> None:
    (result,) = results("--flops", "5.76e23", "--law", "hoffmann2022-a3-rounded")
    (finding,) = result["findings"]
    assert list(finding) == ["id", "severity", "message", "runs"]
    assert (finding["id"], finding["severity"], finding["runs"]) == ("rounded-constants", "warning", [])


def test_a_sweep_is_log_spaced_and_includes_both_ends(results: Results) -> None:
    budgets = [result["flops"] for result in results("--flops", "1e20:1e26:7", *BESIROGLU)]
    assert budgets == [1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26]


def test_budgets_may_be_repeated_and_mixed_with_sweeps(results: Results) -> None:
    budgets = results("--flops", "5.76e23", "--flops", "1e20:1e22:3", *BESIROGLU)
    assert [result["flops"] for result in budgets] == [5.76e23, 1e20, 1e21, 1e22]


def test_several_laws_stand_side_by_side_within_a_budget(results: Results) -> None:
    asked = results("--flops", "1e20:1e21:2", *BESIROGLU, "--law", "llama3")
    assert [(result["flops"], result["law"]) for result in asked] == [
        (1e20, "besiroglu2024"),
        (1e20, "llama3"),
        (1e21, "besiroglu2024"),
        (1e21, "llama3"),
    ]


def test_a_petaflop_day_is_1e15_flops_a_second_for_a_day(results: Results) -> None:
    (result,) = results("--pf-days", "3640", *BESIROGLU)
    assert result["flops"] == pytest.approx(3640 * 8.64e19, rel=1e-12)
    (same,) = results("--flops", repr(result["flops"]), *BESIROGLU)
    assert same == result


@pytest.mark.parametrize(
    ("budget", "flops"),
    [
        ("64xH100:30d@40%", 64 * 989e12 * 30 * 86400 * 0.40),
        ("64xh100-sxm:720h@0.4", 64 * 989e12 * 30 * 86400 * 0.40),
        ("8xA100:12h@50%", 8 * 312e12 * 12 * 3600 * 0.50),
        ("512xH100-PCIe:2w@35%", 512 * 756e12 * 14 * 86400 * 0.35),
    ],
)
def test_hardware_for_a_time_is_a_budget_at_the_dense_peak(
    results: Results, budget: str, flops: float
) -> None:
    (result,) = results("--budget", budget, *BESIROGLU)
    assert result["flops"] == pytest.approx(flops, rel=1e-12)
    assert result["findings"] == []


def test_an_accelerator_without_bf16_uses_its_fp16_peak_and_says_so(results: Results) -> None:
    first, second = results("--budget", "8xV100:1d@40%", "--budget", "8xA100:1d@40%", *BESIROGLU)
    assert first["flops"] == pytest.approx(8 * 125e12 * 86400 * 0.4, rel=1e-12)
    assert finding_ids(first) == ["fp16-peak"]
    assert finding_ids(second) == []


def test_the_smallest_budget_that_reaches_a_loss_is_found(results: Results) -> None:
    (result,) = results("--loss", "2.0", *BESIROGLU)
    assert result["flops"] == pytest.approx(2.4748e23, rel=1e-4)
    assert result["loss"] == 2.0
    assert "waste" not in result
    (back,) = results("--flops", repr(result["flops"]), *BESIROGLU)
    assert back["loss"] == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize(
    ("option", "value", "number"), [("--params", "175B", 175e9), ("--tokens", "15T", 15e12)]
)
def test_a_size_or_token_count_has_the_budget_for_which_it_is_optimal(
    results: Results, option: str, value: str, number: float
) -> None:
    (result,) = results(option, value, *BESIROGLU)
    assert result[option.removeprefix("--")] == number
    (back,) = results("--flops", repr(result["flops"]), *BESIROGLU)
    assert back["params"] == pytest.approx(result["params"], rel=1e-9)
    assert back["tokens"] == pytest.approx(result["tokens"], rel=1e-9)


@pytest.mark.parametrize(
    ("params", "tokens", "waste"), [("280B", "300B", 0.503), ("175B", "300B", 0.392)], ids=["Gopher", "GPT-3"]
)
def test_a_model_that_was_trained_is_told_what_it_wasted(
    results: Results, params: str, tokens: str, waste: float
) -> None:
    (result,) = results("--params", params, "--tokens", tokens, *BESIROGLU)
    assert result["waste"] == pytest.approx(waste, abs=5e-4)
    assert list(result) == [*RESULT_KEYS[:-1], "waste", "findings"]
    assert result["flops"] == pytest.approx(6 * result["params"] * result["tokens"])


def test_a_size_and_a_loss_give_the_tokens(results: Results) -> None:
    (result,) = results("--params", "30B", "--loss", "2.0", *BESIROGLU)
    (check,) = results("--params", "30B", "--tokens", repr(result["tokens"]), *BESIROGLU)
    assert check["loss"] == pytest.approx(2.0, rel=1e-9)
    assert check["waste"] == pytest.approx(result["waste"], rel=1e-6)


def test_every_pair_of_known_values_is_a_what_if(results: Results) -> None:
    known = {
        "--flops": "1e22",
        "--params": "3B",
        "--tokens": "600B",
        "--tokens-per-param": "60",
        "--loss": "2.2",
    }
    pairs = [(first, second) for first in known for second in known if first < second]
    for first, second in pairs:
        (result,) = results(first, known[first], second, known[second], *BESIROGLU)
        assert 0 <= result["waste"] < 1, (first, second)
        assert None not in result.values(), (first, second)


def test_several_values_of_two_options_are_all_combined(results: Results) -> None:
    asked = results("--params", "1B", "--params", "7B", "--tokens", "1T", "--tokens", "2T", *BESIROGLU)
    assert [(plan["params"], plan["tokens"]) for plan in asked] == [
        (1e9, 1e12),
        (1e9, 2e12),
        (7e9, 1e12),
        (7e9, 2e12),
    ]


def test_the_flat_range_is_as_wide_as_the_waste_that_is_allowed(results: Results) -> None:
    (narrow,) = results("--flops", "1e22", "--waste", "1%", *BESIROGLU)
    (wide,) = results("--flops", "1e22", "--waste", "0.05", *BESIROGLU)
    assert wide["flat_range"]["waste"] == 0.05
    (low, high), (wide_low, wide_high) = narrow["flat_range"]["params"], wide["flat_range"]["params"]
    assert wide_low < low < narrow["params"] < high < wide_high
    for params in (wide_low, wide_high):
        (edge,) = results("--flops", "1e22", "--params", repr(params), *BESIROGLU)
        assert edge["waste"] == pytest.approx(0.05, rel=1e-6)


def test_all_laws_keep_their_rows_and_say_what_they_cannot_tell(results: Results) -> None:
    by_law = {result["law"]: result for result in results("--loss", "2.3", "--law", "all")}
    assert list(by_law) == list(PUBLISHED)
    assert "law-has-no-loss" in finding_ids(by_law["llama3"])
    assert [by_law["llama3"][key] for key in RESULT_KEYS[1:-1]] == [None] * 6
    assert finding_ids(by_law["cerebras2023"]) == ["law-has-no-allocation"]
    assert by_law["cerebras2023"]["flops"] is not None
    assert by_law["cerebras2023"]["params"] is None
    assert all(by_law[law]["params"] for law in ("besiroglu2024", "gadre2024-c4", "muennighoff2023"))


@pytest.mark.parametrize(
    ("law", "finding", "options"),
    [
        ("llama3", "law-has-no-loss", ("--loss", "2.3")),
        ("cerebras2023", "law-has-no-allocation", ("--flops", "1e21")),
    ],
)
def test_a_law_that_cannot_answer_keeps_its_row_among_others_and_ends_with_one_alone(
    scaling: Scaling, results: Results, law: str, finding: str, options: tuple[str, str]
) -> None:
    row, answer = results(*options, "--law", law, *BESIROGLU)
    assert finding in finding_ids(row)
    assert answer["params"] is not None
    alone = scaling("optimal", *options, "--law", law, "--format", "json")
    assert (alone.returncode, alone.stdout) == (1, "")
    assert alone.stderr.startswith(f"error: {law}: this law ")


def test_a_sweep_that_a_single_law_answers_in_part_keeps_all_its_rows(results: Results) -> None:
    reached = results("--flops", "1e20:1e24:2", "--loss", "2.2", *BESIROGLU)
    assert [finding_ids(result)[0] for result in reached] == ["unreachable-loss", "second-size"]
    assert [result["params"] is None for result in reached] == [True, False]


def test_the_registry_is_listed_whole(scaling: Scaling) -> None:
    ended = scaling("optimal", "--list-laws", "--format", "json")
    laws = json.loads(ended.stdout)["laws"]
    assert [law["name"] for law in laws] == list(PUBLISHED)
    for law in laws:
        assert {"name", "form", "parameters", "dataset", "source", "confidence"} <= set(law), law["name"]
    listed = scaling("optimal", "--list-laws")
    assert listed.returncode == 0
    for name, card in PUBLISHED.items():
        assert f"\n{name}\n" in f"\n{listed.stdout}"
        assert f"{card.source} [{card.confidence}]" in listed.stdout
        assert card.caveat in listed.stdout


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_a_law_that_is_shown_as_json_is_a_law_file(
    scaling: Scaling, results: Results, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "law.json"
    shown = scaling("optimal", "--show-law", name, "--format", "json", "--output", path)
    assert (shown.returncode, shown.stdout) == (0, "")
    assert json.loads(path.read_text())["schema"] == "scaling.law/1"
    # besiroglu2024, asked last: a frontier alone could not answer, and would end with 1
    ours, theirs, *_ = results("--flops", "1e22", "--law", path, "--law", name, *BESIROGLU)
    assert ours["law"] == str(path)
    assert {**ours, "law": name} == theirs


def test_a_law_file_may_be_typed_by_hand_in_yaml(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "law.yaml"
    path.write_text(
        "schema: scaling.law/1\n"
        "form: chinchilla\n"
        "parameters: {E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658}\n"
    )
    ours, published = results("--flops", "5.76e23", "--law", path, *BESIROGLU)
    assert {**ours, "law": "besiroglu2024"} == published


def test_strict_ends_with_one_where_the_answer_carries_a_warning(scaling: Scaling) -> None:
    asked = ("optimal", "--flops", "1e21", "--law", "hoffmann2022-a3-rounded", "--format", "json")
    lenient, strict = scaling(*asked), scaling(*asked, "--strict")
    assert lenient.returncode == 0
    assert (strict.returncode, strict.stdout) == (1, lenient.stdout)
    assert lenient.stderr.startswith("warning: two-digit exponents")
    said = "error: --strict: the answer carries warnings (rounded-constants)\n"
    assert strict.stderr == lenient.stderr + said
    assert scaling("optimal", "--flops", "1e21", *BESIROGLU, "--strict").returncode == 0


@pytest.mark.parametrize("output_format", ["table", "json", "csv", "markdown"])
def test_a_file_gets_what_stdout_would_have(scaling: Scaling, tmp_path: Path, output_format: str) -> None:
    asked = ("optimal", "--flops", "1e20:1e24:3", "--format", output_format)
    path = tmp_path / "out"
    ended = scaling(*asked, "--output", path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert path.read_text() == scaling(*asked).stdout
    assert list(tmp_path.iterdir()) == [path]


def test_csv_holds_the_numbers_of_json_in_the_same_order(scaling: Scaling, results: Results) -> None:
    asked = ("--params", "7B", "--tokens", "2T", "--law", "all")
    rows = list(csv.DictReader(io.StringIO(scaling("optimal", *asked, "--format", "csv").stdout)))
    for row, result in zip(rows, results(*asked), strict=True):
        assert row["law"] == result["law"]
        for key in ("flops", "params", "tokens", "tokens_per_param", "loss", "waste"):
            assert row[key] == ("" if result[key] is None else repr(result[key]))
        assert row["findings"].split(";") == (finding_ids(result) or [""])


def test_the_version_is_printed(scaling: Scaling) -> None:
    ended = scaling("--version")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "scaling 0.1.0\n", "")


@pytest.mark.parametrize("command", ["optimal", "fit"])
def test_the_help_of_a_command_groups_its_options_and_ends_with_two_examples(
    scaling: Scaling, command: str
) -> None:
    ended = scaling(command, "--help")
    assert ended.returncode == 0
    assert "The answer" in ended.stdout
    assert ended.stdout.split("Examples:")[1].count(f"$ scaling {command}") == 2


PROBE = """
import sys
from scaling_cli.cli.app import app
try:
    app(sys.argv[2:], prog_name="scaling")
except SystemExit as end:
    loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
    sys.stderr.write(f"exit {end.code}, loaded {loaded}")
"""

HEAVY = "numpy,scipy,pydantic,pydantic_core,yaml"


@pytest.mark.parametrize(
    ("unwanted", "command"),
    [
        (HEAVY, "optimal --flops 5.76e23 --law besiroglu2024"),
        (f"{HEAVY},rich,rich.table", "optimal --flops 5.76e23 --law all --format json"),
        (f"{HEAVY},rich,rich.table", "optimal --params 280B --tokens 300B --format csv"),
        (HEAVY, "optimal --list-laws"),
        (HEAVY, "--help"),
        (HEAVY, "optimal --help"),
        (f"{HEAVY},rich,rich.table", "--version"),
        ("numpy,scipy,pydantic,rich.table", "fit missing.csv"),
    ],
)
def test_a_command_imports_nothing_heavy_that_it_does_not_use(unwanted: str, command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, unwanted, *command.split()], capture_output=True, text=True, timeout=60
    )
    assert ended.stderr.endswith(f"exit {1 if 'missing' in command else 0}, loaded []"), ended.stderr
