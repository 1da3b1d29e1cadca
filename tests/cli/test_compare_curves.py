"""``scaling compare curves`` as a user runs it."""

import csv
import io
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaling_cli.files.law_file import write_law
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from tests.cli.conftest import SHARED
from tests.cli.curves_file import HOURS_PER_FLOP, write_curves

Scaling = Callable[..., subprocess.CompletedProcess[str]]
Document = Callable[..., dict[str, Any]]

CROSSING = 1.2e20


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    """Three runs that all have one loss at 1.2e20 FLOPs."""
    return write_curves(tmp_path / "curves.csv")


@pytest.fixture
def law(tmp_path: Path) -> Path:
    """A law of one's own with draws, 0.01 nats above what net-1B reaches on 1e11 tokens."""
    law = ChinchillaLaw(
        E=2.5 * (6e20 / CROSSING) ** -0.05 + 0.01 - 0.75, A=500.0, B=2000.0, alpha=0.35, beta=0.37
    )
    rest = law.loss(1e9, 1e11) - law.E
    law = replace(law, E=law.E + 0.75 - rest)
    draws = tuple(replace(law, E=law.E + 0.01 * z) for z in np.random.default_rng(0).normal(size=50).tolist())
    path = tmp_path / "law.json"
    write_law(
        str(path), LawCard("law.json", law, params_definition="total", confidence="fitted", draws=draws)
    )
    return path


@pytest.fixture
def document(scaling: Scaling) -> Document:
    """Run the comparison with ``--format json`` and return what it wrote."""

    def run(*args: str | Path) -> dict[str, Any]:
        ended = scaling("compare", "curves", *args, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout, parse_constant=pytest.fail)
        assert found.pop("schema") == "scaling.compare.curves/1"
        return found

    return run


def races(found: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(one["axis"], *one["runs"]): one for one in found["races"]}


def test_every_pair_is_raced_on_every_axis(document: Document, curves: Path) -> None:
    found = document(curves)
    assert list(found) == ["races", "leaders", "verdicts", "runs", "beside_law", "findings"]
    assert list(found["races"][0]) == [
        *("axis", "runs", "overlap", "leader_at_start", "crossings", "leader_share", "level_share"),
        *("end_gap", "end_noise", "suspect", "stretches"),
    ]
    pairs = [("net-1B", "net-2B"), ("net-2B", "net-4B"), ("net-1B", "net-4B")]
    assert list(races(found)) == [
        (axis, *pair) for axis in ("tokens", "flops", "gpu_hours") for pair in pairs
    ]


def test_crossings_are_where_they_are(document: Document, curves: Path) -> None:
    found = races(document(curves))
    for pair in (("net-1B", "net-2B"), ("net-1B", "net-4B"), ("net-2B", "net-4B")):
        (crossing,) = found["flops", *pair]["crossings"]
        assert crossing["at"] == pytest.approx(CROSSING, rel=0.1)
        assert crossing["leader_after"] == pair[1]
        assert found["flops", *pair]["leader_at_start"] == pair[0]
    same_speed = found["gpu_hours", "net-1B", "net-2B"]["crossings"][0]["at"]
    assert same_speed == pytest.approx(CROSSING * HOURS_PER_FLOP, rel=0.1)
    slower = found["gpu_hours", "net-1B", "net-4B"]["crossings"][0]["at"]
    assert slower > 1.3 * CROSSING * HOURS_PER_FLOP


def test_the_answer_is_whether_the_smaller_one_would_have_won(document: Document, curves: Path) -> None:
    verdicts = document(curves)["verdicts"]
    assert [(one["axis"], one["smaller"], one["larger"]) for one in verdicts] == [
        (axis, *pair)
        for axis in ("flops", "gpu_hours")
        for pair in (("net-1B", "net-2B"), ("net-2B", "net-4B"))
    ]
    first = verdicts[0]
    assert (first["answer"], first["is_suspect"], first["at"]) == ("no", False, 6e20)
    # the larger leads though it is less far along its schedule
    assert first["smaller_ahead"] == "no"
    assert first["alike_until"] < 0.5 * 6e20


def test_named_pairs_are_raced_alone(document: Document, curves: Path) -> None:
    found = document(curves, "--pair", "4b:net-1B")
    assert [one["runs"] for one in found["races"]] == [["net-4B", "net-1B"]] * 3
    assert found["verdicts"][0]["smaller"] == "net-1B"


def test_filters_choose_the_runs(document: Document, curves: Path) -> None:
    found = document(curves, "--where", "params < 3e9")
    assert [one["runs"] for one in found["races"]] == [["net-1B", "net-2B"]] * 3
    assert found["leaders"] == []


def test_a_running_job_beside_a_law(document: Document, curves: Path, law: Path) -> None:
    found = document(curves, "--law", law, "--interval", "80%")["beside_law"]
    done, *running = found
    assert done["run"] == "net-1B"
    assert done["status"] == "within"
    assert done["gap"] == pytest.approx(-0.01, abs=0.005)
    assert done["interval"]["level"] == 0.8
    low, high = done["interval"]["loss"]
    assert low < done["loss"] < high
    assert [one["status"] for one in running] == ["undecayed"] * 2
    assert [one["schedule_share"] for one in running] == [0.5, 0.5]
    assert [one["loss"] for one in running] == [None, None]


def test_a_run_alone_may_stand_beside_a_law(
    scaling: Scaling, document: Document, curves: Path, law: Path
) -> None:
    found = document(curves, "--where", "params < 1.5e9", "--law", law)
    assert (found["races"], len(found["beside_law"])) == ([], 1)
    ended = scaling("compare", "curves", curves, "--where", "params < 1.5e9", "--law", law, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(ended.stdout))
    assert (row["run"], row["status"]) == ("net-1B", "within")


def test_csv_is_flat_and_holds_the_numbers_of_json(
    scaling: Scaling, document: Document, curves: Path
) -> None:
    ended = scaling("compare", "curves", curves, "--format", "csv")
    assert "note: CSV holds the races only" in ended.stderr
    rows = list(csv.DictReader(io.StringIO(ended.stdout)))
    for row, one in zip(rows, document(curves)["races"], strict=True):
        assert [row["axis"], row["a"], row["b"]] == [one["axis"], *one["runs"]]
        assert row["end_gap"] == repr(one["end_gap"])
        assert row["crossings"] == ";".join(repr(crossing["at"]) for crossing in one["crossings"])
        assert row["leaders_after"] == ";".join(crossing["leader_after"] for crossing in one["crossings"])
        assert (row["suspect_from"] == "") == (one["suspect"] == [])


def test_curves_come_from_stdin_too(scaling: Scaling, curves: Path) -> None:
    from_file = scaling("compare", "curves", curves)
    from_stdin = scaling("compare", "curves", "-", stdin=curves.read_text())
    assert from_stdin.stdout == from_file.stdout


def test_the_picture_goes_beside_the_result(scaling: Scaling, curves: Path, tmp_path: Path) -> None:
    drawn = scaling("compare", "curves", curves, "--plot", tmp_path / "race.svg")
    assert drawn.stdout == scaling("compare", "curves", curves).stdout
    assert "Gap at equal GPU-hours" in (tmp_path / "race.svg").read_text()
    below = scaling("compare", "curves", curves, "--plot", "-").stdout
    assert below.startswith(drawn.stdout)
    assert "Learning curves of curves.csv" in below


def test_strict_ends_with_one_where_a_lead_is_suspect(scaling: Scaling, curves: Path, tmp_path: Path) -> None:
    assert scaling("compare", "curves", curves, "--strict").returncode == 0
    # 4B, ahead at the end, gets through a schedule of its own
    rows = curves.read_text().splitlines()
    head = rows[0].split(",")
    place = head.index("schedule_tokens")
    own = [row.split(",") for row in rows[1:]]
    short = [
        ",".join([*cells[:place], "5e10" if cells[0] == "net-4B" else "1e12", *cells[place + 1 :]])
        for cells in own
    ]
    path = tmp_path / "short.csv"
    path.write_text("\n".join([rows[0], *short]) + "\n")
    ended = scaling("compare", "curves", path, "--strict")
    assert ended.returncode == 1
    assert "suspect-lead" in ended.stderr


def test_rows_that_go_back_repeat_or_are_shuffled_are_said_and_change_nothing(
    scaling: Scaling, document: Document, curves: Path
) -> None:
    head, *rows = curves.read_text().splitlines()
    as_written = document(curves)["races"]

    def read(*rows: str) -> dict[str, Any]:
        text = "\n".join([head, *rows]) + "\n"
        ended = scaling("compare", "curves", "-", "--format", "json", stdin=text)
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    # a restart: rows 40 to 49 come twice, the later ones are those that count
    wrong = [
        row.replace(",", ",", 1).rsplit(",", 2)[0] + ",9.9," + row.rsplit(",", 1)[1] for row in rows[40:50]
    ]
    restarted = read(*rows[:40], *wrong, *rows[40:])
    assert "restarted-runs" in [finding["id"] for finding in restarted["findings"]]
    assert restarted["races"] == as_written
    repeated = read(*rows[:50], rows[49], *rows[50:])
    assert "duplicate-steps" in [finding["id"] for finding in repeated["findings"]]
    assert repeated["races"] == as_written
    shuffled = read(*np.random.default_rng(0).permutation(rows).tolist())
    assert shuffled["races"] == as_written


@pytest.mark.parametrize(
    ("command", "code", "error", "hint"),
    [
        ("missing.csv", 1, "missing.csv: no such file", "check the path"),
        ("{curves} --pair net-1B", 2, "--pair: 'net-1B' is not A:B", "7B:13B"),
        ("{curves} --pair net-1B:nett-2B", 2, "--pair: no run is called 'nett-2B'", "did you mean net-2B"),
        ("{curves} --pair 1B:1B", 2, "--pair: '1B:1B' names one run twice", "between two runs"),
        ("{curves} --law kaplan2020", 2, "--law: kaplan2020 does not say", "besiroglu2024"),
        ("{curves} --law nonsense", 2, "--law: unknown law 'nonsense'", "hint"),
        (
            "{curves} --where params<1.5e9",
            1,
            "curves.csv: a race needs two runs, found net-1B alone",
            "--law",
        ),
        ("{curves} --where lr<1", 1, "{curves}: --where chooses", "hint"),
        ("{curves} --interval 1", 2, "--interval: must lie below 100 %", "90%"),
        ("{curves} --plot race.gif", 2, "--plot: race.gif ends in none of", "frontier.svg"),
        ("{curves} --plot - --format json", 2, "--plot - and the result would share stdout", "--output"),
        ("{curves} --unit tokens=x", 2, "--unit tokens: 'x' is not a number", "hint"),
        ("{curves} --column loss=eval", 1, "{curves}: ", "hint"),
    ],
)
def test_what_a_user_does_wrong_is_one_clear_line(
    scaling: Scaling, curves: Path, command: str, code: int, error: str, hint: str
) -> None:
    ended = scaling("compare", "curves", *(word.format(curves=curves) for word in command.split()))
    assert (ended.returncode, ended.stdout) == (code, "")
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"error: {error.format(curves=curves)}")
    assert second.startswith("hint: ")
    assert hint in second


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ("a,1e9,-1e9,3\na,1e9,2e9,2.9\n", "tokens must be positive"),
        ("a,1e9,1e9,0\na,1e9,2e9,2.9\n", "loss must be positive"),
        ("a,1e9,1e9,3\nb,2e9,1e9,2.9\n", "no curves in 2 rows"),
        ("", "no"),
    ],
)
def test_curves_that_make_no_sense_are_refused(scaling: Scaling, rows: str, error: str) -> None:
    ended = scaling("compare", "curves", "-", stdin=f"run_id,params,tokens,loss\n{rows}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: <stdin>")
    assert error in ended.stderr.splitlines()[0]


def test_the_help_ends_with_two_examples(scaling: Scaling) -> None:
    ended = scaling("compare", "curves", "--help")
    assert ended.stdout.split("Examples:")[1].count("$ scaling compare curves") == 2


@pytest.fixture
def llama(document: Document) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The races of the LLaMA 1 curves that "Chinchilla's Death" digitised, by axis and sizes."""
    path = SHARED / "llama1_curves.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there: the digitised curves are not part of the repository")
    found = races(document(path))
    return {
        (axis, a.removeprefix("llama1-"), b.removeprefix("llama1-")): one
        for (axis, a, b), one in found.items()
    }


NEIGHBOURS = (("7B", "13B"), ("13B", "33B"), ("33B", "65B"))


def test_llama_13b_passes_7b_on_gpu_hours_and_7b_is_level_again(
    llama: dict[tuple[str, str, str], dict[str, Any]],
) -> None:
    one = llama["gpu_hours", "7B", "13B"]
    passed, level = one["crossings"]
    assert one["leader_at_start"] == "llama1-7B"
    assert (passed["leader_after"], level["leader_after"]) == ("llama1-13B", "level")
    assert passed["at"] == pytest.approx(22.4e3, rel=0.15)
    assert level["at"] == pytest.approx(58.5e3, rel=0.15)
    # 49 % of the overlap and 0.001 nats at its end, as the curves were read for the blog's check
    assert one["leader_share"][1] == pytest.approx(0.49, abs=0.03)
    assert one["end_gap"] == pytest.approx(-0.001, abs=0.001)
    for pair, gap in ((("13B", "33B"), -0.060), (("33B", "65B"), -0.054)):
        race = llama["gpu_hours", *pair]
        assert race["crossings"] == []
        assert race["leader_at_start"] == f"llama1-{pair[0]}"
        assert race["end_gap"] == pytest.approx(gap, abs=0.002)


def test_of_llama_no_answer_is_told_where_the_smaller_is_further_along(document: Document) -> None:
    path = SHARED / "llama1_curves.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there: the digitised curves are not part of the repository")
    verdicts = document(path)["verdicts"]
    assert [one["answer"] for one in verdicts] == ["cannot be told"] * 6
    assert [one["smaller_ahead"] for one in verdicts] == ["yes"] * 3 + ["level", "yes", "yes"]


def test_of_the_bundled_curves_the_larger_ones_are_never_said_to_have_lost(document: Document) -> None:
    # the law they are simulated from has the larger of each pair ahead where both have decayed
    verdicts = document("sample_runs/simulated_curves.csv")["verdicts"]
    assert len(verdicts) == 11
    assert {one["answer"] for one in verdicts} <= {"no", "level"}
    assert all(one["alike_until"] == one["at"] for one in verdicts)


def test_of_llama_the_smaller_leads_at_equal_flops_and_the_larger_at_equal_tokens(
    llama: dict[tuple[str, str, str], dict[str, Any]],
) -> None:
    for a, b in NEIGHBOURS:
        assert llama["flops", a, b]["leader_share"] == [1, 0]
        assert llama["tokens", a, b]["leader_share"] == [0, 1]
        assert llama["flops", a, b]["suspect"][0]["decayed"] == f"llama1-{a}"
