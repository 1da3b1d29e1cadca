"""``scaling compare recipes`` as a user runs it."""

import csv
import io
import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., subprocess.CompletedProcess[str]]
Document = Callable[..., dict[str, Any]]

POINTS = "flops,loss\n1e18,3.522\n3e18,3.339\n1e19,3.154\n3e19,3.000\n1e20,2.848\n3e20,2.725\n"
"""Macro losses of a public IsoFLOP study, marin-community/marin issue 4447; 2.599 was measured at 1e21."""

GOLDEN = {
    "compare-recipes": "{a} {b} --bootstrap 200",
    "compare-recipes-points": "{points} {others} --fix E=1.6 --flops 1e21 --interval 95%",
    "compare-recipes-three": "{a} besiroglu2024 {b} --bootstrap 100 --share E --loss 2.3".replace(
        "--share E ", ""
    ),
}


@pytest.fixture(scope="session")
def tables(sample_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two recipes of runs, the second with the tokens counted 1.25 times, and two of frontier points."""
    folder = tmp_path_factory.mktemp("recipes")
    points, others = folder / "points.csv", folder / "others.csv"
    points.write_text(POINTS)
    rows = [line.split(",") for line in POINTS.splitlines()[1:]]
    lower = [f"{C},{0.995 * float(L):.4f}" for C, L in rows]
    others.write_text("\n".join(["flops,loss", *lower]) + "\n")
    second = sample_runs.parent / "simulated_recipe.csv"
    return {"a": sample_runs, "b": second, "points": points, "others": others}


@pytest.fixture
def document(scaling: Scaling) -> Document:
    """Run a comparison with ``--format json`` and return what it wrote."""

    def run(*args: str | Path) -> dict[str, Any]:
        ended = scaling("compare", "recipes", *args, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout, parse_constant=pytest.fail)
        assert found.pop("schema") == "scaling.compare.recipes/1"
        return found

    return run


def with_columns(source: Path, target: Path, **columns: object) -> Path:
    """Copy a table with further columns of one value each."""
    header, *rows = source.read_text().splitlines()
    added = [",".join([header, *columns])]
    added += [",".join([row, *map(str, columns.values())]) for row in rows]
    target.write_text("\n".join(added) + "\n")
    return target


def test_two_tables_are_compared(document: Document, tables: dict[str, Path]) -> None:
    found = document(tables["a"], tables["b"], "--bootstrap", "200")
    assert list(found) == [
        *("baseline", "recipe", "verdict", "target", "draws", "pairing", "common_runs"),
        *("multipliers", "p_better"),
        *(
            "crossover",
            "shared_exponents",
            "trend",
            "curve",
            "others",
            "level",
            "loss_unit",
            "recipes",
            "findings",
        ),
    ]
    assert (found["baseline"], found["recipe"]) == ("simulated_isoflop.csv", "simulated_recipe.csv")
    assert (found["pairing"], found["others"], found["target"]) == ("paired", [], pytest.approx(3e21))
    assert found["common_runs"] == {"matched": 63, "of": 63}
    assert [one["flops"] for one in found["multipliers"]] == pytest.approx([3e21, 3e22, 3e23])
    first = found["multipliers"][0]
    assert list(first) == ["flops", "loss", "value", "interval", "p_better", "unreached"]
    low, high = first["interval"]
    assert low < 1.25 < high
    assert found["p_better"] == first["p_better"] > 0.95
    assert list(found["crossover"]) == ["flops", "interval", "leads_after", "share", "other", "searched"]
    assert found["crossover"]["flops"] is None
    shared = found["shared_exponents"]
    assert list(shared["differences"]) == ["alpha", "beta", "frontier"]
    assert shared["rejected"] is False
    assert found["trend"]["growth"] == "not-established"
    assert "the compute of simulated_isoflop.csv at 3e21" in found["verdict"]
    assert "is not established" in found["verdict"]
    assert [one["intervals_from"] for one in found["recipes"]] == ["bootstrap"] * 2
    assert [finding["id"] for finding in found["findings"]] == ["assumed-same-evaluation", "extrapolates"]


def test_frontier_points_with_a_pinned_asymptote_get_students_t(
    document: Document, tables: dict[str, Path]
) -> None:
    found = document(
        tables["points"], tables["others"], "--fix", "E=1.6", "--flops", "1e21", "--interval", "95%"
    )
    first = found["recipes"][0]
    assert first["law"]["form"] == "frontier"
    assert first["law"]["parameters"]["A"] == pytest.approx(95, rel=0.01)
    assert first["law"]["parameters"]["alpha"] == pytest.approx(0.0940, abs=0.0003)
    assert first["intervals_from"] == "student-t"
    (point,) = first["frontier"]
    assert 2.605 <= point["loss"] <= 2.607
    low, high = point["observed_interval"]
    assert low <= 2.599 <= high
    assert list(first["fitted_range"]) == ["flops"]


def test_points_without_a_pinned_asymptote_are_resampled_with_a_warning(
    document: Document, tables: dict[str, Path]
) -> None:
    found = document(tables["points"], tables["others"], "--bootstrap", "50")
    assert [one["intervals_from"] for one in found["recipes"]] == ["bootstrap"] * 2
    assert "few-points" in [finding["id"] for finding in found["recipes"][0]["findings"]]
    # six points that are resampled together would tell exponents apart that are not
    assert found["shared_exponents"]["rejected"] is None
    assert found["shared_exponents"]["reason"] == "few-points"
    assert found["trend"]["growth"] == "not-established"


def test_a_recipe_that_never_gets_there_has_no_multiplier(
    scaling: Scaling, document: Document, tables: dict[str, Path], tmp_path: Path
) -> None:
    law = tmp_path / "high.yaml"
    constants = "{E: 2.4, A: 482, B: 2085, alpha: 0.35, beta: 0.37}"
    law.write_text(f"schema: scaling.law/1\nform: chinchilla\nparameters: {constants}\n")
    asked = (tables["a"], law, "--bootstrap", "30", "--flops", "1e22")
    found = document(*asked)
    (one,) = found["multipliers"]
    assert (one["value"], one["interval"], one["unreached"]) == (None, None, 1.0)
    assert (one["reason"], found["p_better"]) == ("unreachable-loss", 0.0)
    assert found["trend"]["per_tenfold"] is None
    shown = scaling("compare", "recipes", *asked).stdout
    assert "high.yaml never reaches the loss that simulated_isoflop.csv reaches with 1e22 FLOPs" in shown
    assert "Where there is no multiplier the recipe never reaches the loss." in shown


def test_a_saved_law_stands_for_its_table(
    scaling: Scaling, document: Document, tables: dict[str, Path], tmp_path: Path
) -> None:
    law = tmp_path / "law.json"
    stated = with_columns(tables["a"], tmp_path / "a.csv", tokenizer="gpt2", eval_set="c4")
    assert scaling("fit", stated, "--bootstrap", "60", "--save", law).returncode == 0
    other = with_columns(tables["b"], tmp_path / "b.csv", tokenizer="gpt2", eval_set="c4")
    found = document(law, other, "--bootstrap", "60", "--flops", "3e21")
    assert (found["baseline"], found["pairing"]) == ("law.json", "independent")
    assert found["recipes"][0]["intervals_from"] == "draws"
    assert found["findings"] == []
    table = document(stated, other, "--bootstrap", "60", "--flops", "3e21")
    assert found["multipliers"][0]["value"] == pytest.approx(table["multipliers"][0]["value"])


def test_an_experiment_says_what_its_table_does_not(
    document: Document, tables: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(
            f"runs: {tables[name]}\ntokenizer: gpt2\neval_set: c4\nwhere: flops < 2e21\n"
        )
    found = document(tmp_path / "a.yaml", tmp_path / "b.yaml", "--bootstrap", "30", "--flops", "1e21")
    assert [one["runs"] for one in found["recipes"]] == [{"read": 63, "used": 56}] * 2
    assert found["findings"] == []


def test_other_tokenizers_are_compared_in_bits_per_byte(
    document: Document, tables: dict[str, Path], tmp_path: Path
) -> None:
    factor = {"gpt2": 4.0, "llama": 4.4}
    first = with_columns(
        tables["a"], tmp_path / "a.csv", tokenizer="gpt2", eval_set="c4", bytes_per_token=factor["gpt2"]
    )
    # the same losses of the same text: per token they grow with the bytes that a token holds
    header, *rows = csv.reader(tables["b"].read_text().splitlines())
    place = header.index("loss")
    for row in rows:
        row[place] = repr(float(row[place]) * factor["llama"] / factor["gpt2"])
    longer = tmp_path / "longer.csv"
    longer.write_text("\n".join(map(",".join, [header, *rows])) + "\n")
    second = with_columns(
        longer, tmp_path / "b.csv", tokenizer="llama", eval_set="c4", bytes_per_token=factor["llama"]
    )
    asked = ("--bootstrap", "40", "--flops", "3e21")
    found, plain = document(first, second, *asked), document(tables["a"], tables["b"], *asked)
    assert found["loss_unit"] == "bits per byte"
    assert [finding["id"] for finding in found["findings"]] == ["converted-loss"]
    one, other = found["multipliers"][0], plain["multipliers"][0]
    assert one["loss"] == pytest.approx(other["loss"] / (4.0 * math.log(2)))
    assert one["value"] == pytest.approx(other["value"], rel=1e-6)
    assert one["interval"] == pytest.approx(other["interval"], rel=1e-6)


def test_sharing_E_gives_both_laws_the_same(document: Document, tables: dict[str, Path]) -> None:
    found = document(tables["a"], tables["b"], "--share", "E", "--bootstrap", "40", "--flops", "3e21")
    first, second = (one["law"]["parameters"] for one in found["recipes"])
    assert first["E"] == second["E"]
    assert first["A"] != second["A"]
    pinned = document(tables["a"], tables["b"], "--fix", "E=1.8", "--bootstrap", "0", "--flops", "3e21")
    assert [one["law"]["parameters"]["E"] for one in pinned["recipes"]] == [1.8, 1.8]
    assert (pinned["p_better"], pinned["multipliers"][0]["interval"]) == (None, None)
    assert pinned["pairing"] is None


def test_more_recipes_follow_the_second(document: Document, tables: dict[str, Path]) -> None:
    found = document(tables["a"], tables["b"], "besiroglu2024", "--bootstrap", "30", "--flops", "3e21")
    (other,) = found["others"]
    assert (other["baseline"], other["recipe"]) == ("simulated_isoflop.csv", "besiroglu2024")
    assert list(other) == list(found)[: len(other)]
    assert len(found["recipes"]) == 3


def test_losses_and_sweeps_may_be_asked_for(document: Document, tables: dict[str, Path]) -> None:
    found = document(
        *(tables["a"], tables["b"], "--bootstrap", "0"),
        *("--flops", "1e20:1e22:3", "--loss", "2.3", "--loss", "1.7"),
    )
    assert [one["flops"] for one in found["multipliers"][:3]] == [1e20, 1e21, 1e22]
    assert [one["loss"] for one in found["multipliers"][3:]] == [2.3, 1.7]
    last = found["multipliers"][-1]
    assert (last["flops"], last["value"], last["reason"]) == (None, None, "unreachable-for-baseline")
    assert found["target"] == 1e22


def test_csv_is_flat_and_holds_the_numbers_of_json(
    scaling: Scaling, document: Document, tables: dict[str, Path]
) -> None:
    asked = (tables["a"], tables["b"], "besiroglu2024", "--bootstrap", "30")
    rows = list(csv.DictReader(io.StringIO(scaling("compare", "recipes", *asked, "--format", "csv").stdout)))
    found = document(*asked)
    entries = [one for each in (found, *found["others"]) for one in each["multipliers"]]
    assert [row["multiplier"] for row in rows] == [repr(one["value"]) for one in entries]
    assert [row["recipe"] for row in rows] == ["simulated_recipe.csv"] * 3 + ["besiroglu2024"] * 3
    assert "law-without-draws" in rows[-1]["findings"]


def test_warnings_end_with_one_where_that_is_asked(
    scaling: Scaling, tables: dict[str, Path], tmp_path: Path
) -> None:
    asked = ("--bootstrap", "60", "--interval", "50%", "--flops", "3e21", "--strict")
    ended = scaling("compare", "recipes", tables["a"], tables["b"], *asked)
    assert ended.returncode == 1
    assert "(assumed-same-evaluation)" in ended.stderr
    stated = [
        with_columns(tables[name], tmp_path / f"{name}.csv", tokenizer="gpt2", eval_set="c4") for name in "ab"
    ]
    assert scaling("compare", "recipes", *stated, *asked).returncode == 0


@pytest.fixture
def folder(tables: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with tables that do not go together, and the program run in it."""
    for name, kept in (("a.csv", 64), ("few.csv", 6)):
        source = tables["a"].read_text().splitlines()
        (tmp_path / name).write_text("\n".join(source[:kept]) + "\n")
    for name, columns in {
        "gpt2": {"tokenizer": "gpt2"},
        "llama": {"tokenizer": "llama"},
        "pile": {"eval_set": "pile"},
        "c4": {"eval_set": "c4"},
    }.items():
        with_columns(tables["a"], tmp_path / f"{name}.csv", **columns)
    header, rest = tables["b"].read_text().split("\n", 1)
    (tmp_path / "bpb.csv").write_text(f"{header.replace('loss', 'loss_bpb')}\n{rest}")
    (tmp_path / "points.csv").write_text(POINTS)
    names, *rows = csv.reader(tables["b"].read_text().splitlines())
    place = names.index("loss")
    for row in rows:
        row[place] = repr(float(row[place]) / (4.2 * math.log(2)))
    (tmp_path / "hidden.csv").write_text("\n".join(map(",".join, [names, *rows])) + "\n")
    (tmp_path / "wrong.csv").write_text("params,tokens,loss\n1e8,1e9,-3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code", "error", "hint"),
    [
        ("a.csv", 2, "a comparison needs two recipes, got 1", "name the baseline first"),
        ("", 2, "a comparison needs two recipes, got none", "name the baseline first"),
        ("a.csv a.csv", 2, "a.csv is given twice", "another recipe"),
        ("a.csv ./a.csv", 2, "a.csv is given twice (as ./a.csv too)", "another recipe"),
        ("a.csv hidden.csv", 1, "mixed-loss-units: at 1.34e20 FLOPs", "if hidden.csv is in bits per byte"),
        ("a.csv zzz", 2, "unknown law 'zzz'", "a file needs .json or .yaml"),
        ("a.csv nowhere.tsv", 1, "nowhere.tsv: no such file", "check the path; - reads standard input"),
        ("a.csv few.csv", 1, "few.csv: single-line-design: all 5 runs", "add runs"),
        ("a.csv wrong.csv", 1, "wrong.csv:2: loss must be positive, got -3", "correct it"),
        ("gpt2.csv llama.csv", 1, "different-tokenizers: ", "bytes_per_token"),
        ("c4.csv pile.csv", 1, "different-eval-sets: ", "same text"),
        (
            "a.csv bpb.csv --column loss=loss",
            1,
            "bpb.csv: --column loss=loss names no column",
            "--column loss=loss_bpb",
        ),
        ("a.csv besirglu2024", 2, "unknown law 'besirglu2024'", "did you mean besiroglu2024?"),
        ("a.csv chinchilla", 2, "chinchilla stands for several laws", "besiroglu2024"),
        ("a.csv kaplan2020", 1, "kaplan2020: this law divides a budget", "laws with a loss"),
        ("a.csv law.json", 1, "law.json: no such file", ""),
        ("a.csv points.csv --form chinchilla", 2, "points.csv: FLOPs and losses alone", "leave --form out"),
        ("a.csv c4.csv --form all", 2, "--form all ranks forms", "name one"),
        ("a.csv c4.csv --form cubic", 2, "unknown form 'cubic'", "forms: "),
        ("a.csv c4.csv --share A", 2, "cannot share A", "share E"),
        ("a.csv besiroglu2024 --share E", 2, "--share: besiroglu2024 is a law", "--fix E=VALUE"),
        ("a.csv c4.csv --share E --fix E=1.7", 2, "E is shared and fixed", "say one of the two"),
        ("a.csv c4.csv --fix F=1.7", 2, "cannot fix F", "it has A, B, E, alpha, beta"),
        ("points.csv besiroglu2024 --fix E=3", 1, "points.csv: E = 3 is not below the loss", "--fix E=1.6"),
        ("a.csv c4.csv --flops none", 2, "--flops: ", "write it like"),
        ("a.csv c4.csv --loss -2", 2, "--loss: must be positive, got -2", "above zero"),
        ("a.csv c4.csv --interval 100%", 2, "--interval: must lie below 100 %", "90%"),
    ],
)
def test_what_a_user_does_wrong_is_one_clear_line(
    scaling: Scaling, folder: Path, command: str, code: int, error: str, hint: str
) -> None:
    ended = scaling("compare", "recipes", *command.split(), "--bootstrap", "0")
    assert (ended.returncode, ended.stdout) == (code, ""), ended.stderr
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"error: {error}")
    assert second.startswith("hint: ")
    assert hint in second


def test_standard_input_is_a_table_of_runs(folder: Path, scaling: Scaling) -> None:
    ended = scaling("compare", "recipes", "-", "points.csv", "--bootstrap", "0", stdin=POINTS)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines() == [
        "error: <stdin>: no column for params (found: flops, loss)",
        "hint: standard input is a table of runs: save frontier points to a file, and name that",
    ]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "no recipe states its tokenizer and eval_set: "),
        ({"tokenizer": "gpt2"}, "a.csv does not state its tokenizer, no recipe states its eval_set: "),
        ({"tokenizer": "gpt2", "eval_set": "c4"}, "a.csv does not state its tokenizer and eval_set: "),
    ],
)
def test_what_nobody_states_is_said_field_by_field(
    document: Document, tables: dict[str, Path], folder: Path, columns: dict[str, str], said: str
) -> None:
    with_columns(tables["b"], folder / "stated.csv", **columns)
    found = document("a.csv", "stated.csv", "--bootstrap", "0")
    assert found["findings"][0]["message"].startswith(said)


def test_a_pairing_that_is_none_says_why(
    scaling: Scaling, document: Document, tables: dict[str, Path], folder: Path
) -> None:
    lines = tables["b"].read_text().splitlines()
    (folder / "lost.csv").write_text("\n".join(lines[:20] + lines[21:]) + "\n")
    (folder / "fewer.csv").write_text("\n".join(lines[:30]) + "\n")
    said = {
        "lost.csv": "paired: 62 of 63 runs match, and are resampled alike; the others by themselves",
        "fewer.csv": "independent: 29 of 63 runs match in params and tokens",
        "besiroglu2024": "independent: besiroglu2024 is a law, without runs to match",
    }
    shown = scaling("compare", "recipes", "a.csv", *said, "--bootstrap", "20").stdout
    assert [line.split(maxsplit=1)[1] for line in shown.splitlines() if line.startswith("  draws ")] == [
        *said.values()
    ]
    joint = scaling("compare", "recipes", "a.csv", "fewer.csv", "--share", "E", "--bootstrap", "20").stdout
    together = "joint: all are fitted together, each table resampled by itself: "
    assert f"{together}29 of 63 runs match in params and tokens\n" in joint
    found = document("a.csv", "lost.csv", "--bootstrap", "20")
    assert (found["pairing"], found["common_runs"]) == ("paired", {"matched": 62, "of": 63})


def test_without_draws_no_interval_is_spoken_of(scaling: Scaling, tables: dict[str, Path]) -> None:
    for names in (("besiroglu2024", "hoffmann2022-a3"), (tables["a"], tables["b"])):
        shown = scaling("compare", "recipes", *names, "--bootstrap", "0").stdout
        tables_shown = shown.partition("\ninfo")[0].partition("\nwarning")[0]
        assert "interval" not in tables_shown
        assert "new run" not in tables_shown
        assert "without draws nobody knows how surely" in tables_shown
        assert "not tested: there are no draws" in tables_shown


def test_losses_in_other_units_are_refused_until_the_bytes_are_stated(
    scaling: Scaling, document: Document, folder: Path
) -> None:
    (folder / "bpb.yaml").write_text("runs: bpb.csv\ncolumns: {loss: loss_bpb}\n")
    ended = scaling("compare", "recipes", "a.csv", "bpb.yaml")
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "error: mixed-loss-units: the losses do not compare: "
        "a.csv in nats per token, bpb.yaml in bits per byte\n"
    )
    (folder / "a.yaml").write_text("runs: a.csv\nbytes_per_token: 4.2\n")
    found = document("a.yaml", "bpb.yaml", "--bootstrap", "0")
    assert found["loss_unit"] == "bits per byte"


def test_forms_are_completed() -> None:
    from scaling_cli.cli.compare.recipes import complete_form

    assert complete_form("t") == ["tied"]


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(GOLDEN))
def test_what_a_comparison_prints_is_its_golden_file(
    scaling: Scaling, tables: dict[str, Path], name: str, output_format: str
) -> None:
    asked = [part.format(**tables) for part in GOLDEN[name].split()]
    ended = scaling("compare", "recipes", *asked, "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    hold_to_format(ended.stdout, name, output_format)


@pytest.mark.parametrize("name", list(GOLDEN))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, tables: dict[str, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling("compare", "recipes", *(part.format(**tables) for part in GOLDEN[name].split()))
    hold_to_80_columns(ended.stdout, name)


def test_the_help_ends_with_two_examples(scaling: Scaling) -> None:
    ended = scaling("compare", "recipes", "--help")
    assert ended.stdout.split("Examples:")[1].count("$ scaling compare recipes") == 2
