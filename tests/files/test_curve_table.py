"""Learning curves read from files: the same by either reader, and what is odd said or refused by its line."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from scaling_cli.conditions import parse_condition
from scaling_cli.errors import InputError
from scaling_cli.files import fast_blocks
from scaling_cli.files.curve_table import CurveTable, read_curves, why_slow

Write = Callable[..., str]

HEADER = "run_id,params,tokens,loss"
TWO_RUNS = """run_id,params,tokens,loss
a,1e8,1e9,4.0
a,1e8,2e9,3.5
a,1e8,3e9,3.2
b,2e8,1e9,3.9
b,2e8,3e9,3.1
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str | bytes, name: str = "curves.csv") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write_file


@pytest.fixture(params=["plain", "fast"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either reader, the fast one with pieces so small that a run spans several."""
    if request.param == "fast":
        pytest.importorskip("polars", reason="the fast reader needs polars, of the extra tables")
        monkeypatch.setattr(fast_blocks, "FROM_BYTES", 0)
        monkeypatch.setattr(fast_blocks, "PIECE", 40)
    return str(request.param)


def ids(table: CurveTable) -> dict[str, str]:
    return {finding.id: finding.severity for finding in table.findings}


def message(table: CurveTable, finding_id: str) -> str:
    return next(finding.message for finding in table.findings if finding.id == finding_id)


def rows(run: str, tokens: list[float], losses: Sequence[float | str] = (), N: str = "1e8") -> str:
    losses = losses or [4 - 0.1 * i for i in range(len(tokens))]
    return "".join(f"{run},{N},{D:g},{L}\n" for D, L in zip(tokens, losses, strict=True))


def test_curves_are_read_run_by_run(write: Write, reader: str) -> None:
    table = read_curves(write(TWO_RUNS))
    curves = table.curves
    assert curves.names == ("a", "b")
    assert curves.params.tolist() == [1e8, 2e8]
    assert curves.offsets.tolist() == [0, 3, 5]
    assert curves.tokens.tolist() == [1e9, 2e9, 3e9, 1e9, 3e9]
    assert curves.loss.tolist() == [4.0, 3.5, 3.2, 3.9, 3.1]
    assert np.isnan(curves.schedule_tokens).all()
    assert (table.read, table.findings, curves.gpu_hours) == (5, (), None)


def test_both_readers_give_the_same_curves_and_the_same_digest(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("polars", reason="the fast reader needs polars, of the extra tables")
    random = np.random.default_rng(0)
    lines = ["Run,Model Size,Training Tokens,val_loss,schedule_tokens,gpu_hours,state,note\n"]
    for run in range(7):
        for step in range(1, 200):
            loss = "" if random.random() < 0.1 else f"{random.lognormal(1, 0.1):.6g}"
            lines.append(
                f"r{run},{10.0**8 * (run + 1):.0f},{step}000000,{loss},2e8,{step / 7:.4f},finished,x\n"
            )
    path = write("".join(lines))
    plain = read_curves(path)
    monkeypatch.setattr(fast_blocks, "FROM_BYTES", 0)
    monkeypatch.setattr(fast_blocks, "PIECE", 5000)
    fast = read_curves(path)
    for quantity in ("params", "tokens", "loss", "gpu_hours", "schedule_tokens", "offsets"):
        np.testing.assert_array_equal(getattr(fast.curves, quantity), getattr(plain.curves, quantity))
    assert (fast.curves.names, fast.read, fast.findings) == (plain.curves.names, plain.read, plain.findings)
    assert (fast.sha256, fast.columns, fast.name) == (plain.sha256, plain.columns, plain.name)


def test_the_fast_reader_does_read_large_files(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("polars", reason="the fast reader needs polars, of the extra tables")
    monkeypatch.setattr(fast_blocks, "FROM_BYTES", 0)
    monkeypatch.setattr("scaling_cli.files.curve_table.read_source", lambda path: pytest.fail("read plainly"))
    assert read_curves(write(TWO_RUNS)).read == 5
    assert read_curves(write(TWO_RUNS.replace("\n", "\r\n"), "dos.csv")).read == 5
    assert read_curves(write(TWO_RUNS.replace(",", "\t"), "curves.tsv")).read == 5
    assert read_curves(write("# a comment\n\n" + TWO_RUNS, "comment.csv")).read == 5
    assert read_curves(write("\ufeff" + TWO_RUNS, "mark.csv")).curves.names == ("a", "b")
    assert read_curves(write(TWO_RUNS.replace("a,", '"a",'), "quoted.csv")).curves.names == ("a", "b")
    assert read_curves(write(TWO_RUNS.rstrip("\n"), "no-end.csv")).read == 5


def test_rows_that_come_step_by_step_are_put_together(write: Write, reader: str) -> None:
    lines = TWO_RUNS.splitlines()[1:]
    mixed = read_curves(write("\n".join([HEADER, lines[0], lines[3], lines[1], lines[4], lines[2]])))
    assert mixed.curves.names == ("a", "b")
    assert mixed.curves.tokens.tolist() == [1e9, 2e9, 3e9, 1e9, 3e9]
    assert mixed.curves.loss.tolist() == [4.0, 3.5, 3.2, 3.9, 3.1]


def test_gzip_json_lines_and_utf16_are_read_too(write: Write, reader: str) -> None:
    assert read_curves(write(gzip.compress(TWO_RUNS.encode()), "c.csv.gz")).read == 5
    assert read_curves(write(TWO_RUNS.encode("utf-16"), "c16.csv")).read == 5
    objects = "".join(
        f'{{"run_id": "a", "params": 1e8, "tokens": {D}e9, "loss": {4 - D / 10}}}\n' for D in (1, 2, 3)
    )
    assert read_curves(write(objects, "c.jsonl")).curves.lengths.tolist() == [3]


def test_a_run_id_with_two_sizes_is_two_runs(write: Write, reader: str) -> None:
    text = HEADER + "\n" + rows("x", [1e9, 2e9]) + rows("x", [1e9, 2e9], N="3e8")
    assert read_curves(write(text)).curves.names == ("x (1e+08 params)", "x (3e+08 params)")


def test_tokens_follow_from_flops(write: Write, reader: str) -> None:
    table = read_curves(write("run_id,N,flops,loss\na,1e8,6e17,4\na,1e8,1.2e18,3\n"))
    assert table.curves.tokens == pytest.approx([1e9, 2e9])


def test_steps_become_tokens_with_a_unit(write: Write, reader: str) -> None:
    path = write("run_id,N,step,loss\na,1e8,1000,4\na,1e8,2000,3\n")
    with pytest.raises(InputError, match="no column for tokens or flops") as error:
        read_curves(path)
    assert "--column tokens=STEP --unit tokens=TOKENS_PER_STEP" in str(error.value.hint)
    table = read_curves(path, columns={"tokens": "step"}, units={"tokens": 5e5})
    assert table.curves.tokens.tolist() == [5e8, 1e9]


def test_units_and_suffixes_are_understood(write: Write, reader: str) -> None:
    table = read_curves(write("run_id,params (M),tokens_B,loss\na,100,1,4\na,100,2,3.5\n"))
    assert table.curves.params.tolist() == [1e8]
    assert table.curves.tokens.tolist() == [1e9, 2e9]
    table = read_curves(write(HEADER + "\na,100M,1B,4\na,100M,2B,3.5\n", "suffix.csv"))
    assert table.curves.params.tolist() == [1e8]


BAD = [
    ("a,1e8,2e9,-1.2", "{}:3: loss must be positive, got -1.2"),
    ("a,1e8,2e9,high", "{}:3: loss 'high' is not a number"),
    ("a,1e8,0,3", "{}:3: tokens must be positive, got 0"),
    ("a,1e8,,3", "{}:3: tokens are missing"),
    ("a,,2e9,3", "{}:3: params is missing"),
    ("a,many,2e9,3", "{}:3: params 'many' is not a number"),
    (",1e8,2e9,3", "{}:3: run_id is missing"),
    ("a,1e8,2e9", "{}:3: 3 cells, but the header has 4"),
    ("a,1e8,2e9,3,4", "{}:3: 5 cells, but the header has 4"),
]


@pytest.mark.parametrize(("line", "expected"), BAD)
def test_a_bad_row_is_refused_with_its_line_by_either_reader(
    write: Write, reader: str, line: str, expected: str
) -> None:
    path = write(f"{HEADER}\na,1e8,1e9,4\n{line}\na,1e8,3e9,3\n")
    with pytest.raises(InputError) as error:
        read_curves(path)
    assert error.value.message == expected.format(path)


def test_all_bad_rows_of_a_file_are_named_together(write: Write, reader: str) -> None:
    many = rows("a", [1e6 * i for i in range(1, 3001)], [3.0] * 3000)
    with pytest.raises(InputError, match=r"2 bad values: line 2: loss .* -3; line 3003: loss .* -4"):
        read_curves(write(f"{HEADER}\nb,1e8,1e9,-3\n{many}b,1e8,2e9,-4\n"))


def test_the_line_is_right_after_many_rows(
    write: Write, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast_blocks, "PIECE", 100_000)
    many = rows("a", [1e6 * i for i in range(1, 25_001)], [3.0] * 25_000)
    with pytest.raises(InputError, match=":25002: loss must be positive, got -3"):
        read_curves(write(f"{HEADER}\n{many}b,1e8,1e9,-3\n"))


def test_a_row_that_lacks_a_column_nobody_reads_is_refused_all_the_same(write: Write, reader: str) -> None:
    path = write("run_id,params,tokens,loss,note\na,1e8,1e9,4,x\na,1e8,2e9,3\n")
    with pytest.raises(InputError, match=":3: 4 cells, but the header has 5"):
        read_curves(path)


@pytest.mark.parametrize("hours", ["-1", "soon"])
def test_hours_that_make_no_sense_are_refused(write: Write, reader: str, hours: str) -> None:
    path = write(f"run_id,N,D,L,gpu_hours\na,1e8,1e9,4,0\na,1e8,2e9,3,{hours}\n")
    with pytest.raises(InputError, match=":3: gpu_hours"):
        read_curves(path)


def test_hours_are_kept_where_every_row_has_them(write: Write, reader: str) -> None:
    table = read_curves(write("run_id,N,D,L,GPU-hours\na,1e8,1e9,4,0\na,1e8,2e9,3,1.5\n"))
    assert table.curves.gpu_hours is not None
    assert table.curves.gpu_hours.tolist() == [0.0, 1.5]
    table = read_curves(write("run_id,N,D,L,gpu_hours\na,1e8,1e9,4,\na,1e8,2e9,3,1.5\n", "blank.csv"))
    assert table.curves.gpu_hours is None
    assert ids(table) == {"blank-gpu-hours": "info"}


def test_missing_losses_leave_gaps_and_a_run_without_an_end_is_left_out(write: Write, reader: str) -> None:
    good = rows("a", [1e9, 2e9, 3e9, 4e9], [4, "", 3.5, "nan"]) + rows("a", [4.05e9], [3.2])
    table = read_curves(write(f"{HEADER}\n{good}"))
    assert table.curves.tokens.tolist() == [1e9, 3e9, 4.05e9]
    assert "2 rows without a loss" in message(table, "missing-loss")
    diverged = rows("b", [1e9, 2e9, 3e9, 4e9], [4, 3.5, "inf", "nan"])
    table = read_curves(write(f"{HEADER}\n{good}{diverged}", "diverged.csv"))
    assert table.curves.names == ("a",)
    assert ids(table)["diverged-run"] == "warning"
    with pytest.raises(InputError, match=r"no curves in 4 rows: .*1 run whose last rows have no loss"):
        read_curves(write(f"{HEADER}\n{diverged}", "only.csv"))


def test_a_run_of_one_row_is_no_curve(write: Write, reader: str) -> None:
    table = read_curves(write(TWO_RUNS + rows("c", [1e9])))
    assert table.curves.names == ("a", "b")
    assert ids(table) == {"one-point-curve": "warning"}
    with pytest.raises(InputError, match="no curves in 2 rows: every run has one row") as error:
        read_curves(write(HEADER + "\n" + rows("c", [1e9]) + rows("d", [1e9]), "single.csv"))
    assert "two rows or more" in str(error.value.hint)


def test_a_restart_replaces_what_came_after_its_checkpoint(write: Write, reader: str) -> None:
    first = [1e8 * i for i in range(1, 31)]
    again = [1e8 * i for i in range(26, 41)]
    table = read_curves(write(f"{HEADER}\n{rows('a', first + again, [4.0] * 30 + [3.0] * 15)}"))
    assert table.curves.tokens.tolist() == pytest.approx([1e8 * i for i in range(1, 41)])
    assert table.curves.loss.tolist() == [4.0] * 25 + [3.0] * 15
    assert ids(table) == {"restarted-runs": "warning"}
    assert "replace 5 rows" in message(table, "restarted-runs")


@pytest.mark.parametrize("restarts", [1, 2])
def test_a_restart_of_a_run_of_few_rows_replaces_them_too(write: Write, reader: str, restarts: int) -> None:
    # up to 12e9 with a spike after the ninth row, and back to the checkpoint at 9e9, between two rows
    spike = [1e9 * i for i in range(1, 13)]
    again = [9e9 + 0.5e9 * i for i in range(1, 7)]
    losses = [4.0] * 9 + [9.0] * 3 + ([9.0] * 6) * (restarts - 1) + [3.0] * 6
    table = read_curves(write(f"{HEADER}\n{rows('a', spike + again * restarts, losses)}"))
    assert table.curves.loss.tolist() == [4.0] * 9 + [3.0] * 6
    assert ids(table) == {"restarted-runs": "warning"}
    assert f"replace {3 + 6 * (restarts - 1)} rows" in message(table, "restarted-runs")


def test_rows_from_the_last_to_the_first_are_sorted(write: Write, reader: str) -> None:
    table = read_curves(write(f"{HEADER}\n{rows('a', [3e9, 2e9, 1e9], [3, 3.5, 4])}"))
    assert table.curves.loss.tolist() == [4.0, 3.5, 3.0]
    assert ids(table) == {"unsorted-curves": "info"}


def test_rows_in_another_order_are_sorted(write: Write, reader: str) -> None:
    table = read_curves(write(f"{HEADER}\n{rows('a', [3e9, 1e9, 2e9], [3, 4, 3.5])}"))
    assert table.curves.tokens.tolist() == [1e9, 2e9, 3e9]
    assert table.curves.loss.tolist() == [4.0, 3.5, 3.0]
    assert ids(table) == {"unsorted-curves": "info"}


def test_of_rows_at_the_same_tokens_the_last_is_read(write: Write, reader: str) -> None:
    table = read_curves(write(f"{HEADER}\n{rows('a', [1e9, 2e9, 2e9, 3e9], [4, 3.6, 3.5, 3])}"))
    assert table.curves.loss.tolist() == [4.0, 3.5, 3.0]
    assert ids(table) == {"duplicate-steps": "warning"}


def with_schedules(*schedules: float) -> str:
    text = "run_id,params,tokens,loss,schedule_tokens\n"
    text += "".join(f"a,1e8,{i}e9,{4 - i / 10},{end:g}\n" for i, end in enumerate(schedules, 1))
    return text + "b,2e8,1e9,4,3e9\nb,2e8,3e9,3,3e9\n"


def test_a_schedule_that_changes_along_a_run_is_warned_of(write: Write, reader: str) -> None:
    table = read_curves(write(with_schedules(4e9, 4e9, 6e9, 6e9)))
    (finding,) = table.findings
    assert (finding.id, finding.severity, finding.runs) == ("schedule-changes", "warning", ("a",))
    assert "from 4B to 6B" in finding.message
    assert table.curves.schedule_tokens[0] == 6e9
    assert read_curves(write(with_schedules(*(6e9,) * 4), "same.csv")).findings == ()


def test_a_run_that_goes_on_beyond_its_schedule_is_warned_of(write: Write, reader: str) -> None:
    (finding,) = read_curves(write(with_schedules(*(2e9,) * 4))).findings
    assert (finding.id, finding.severity, finding.runs) == ("beyond-schedule", "warning", ("a",))
    assert "up to 2 times as far" in finding.message
    # a last batch over the end is no such thing
    assert read_curves(write(with_schedules(*(3.9e9,) * 4), "batch.csv")).findings == ()


def test_steps_that_are_read_as_tokens_need_their_length(write: Write, reader: str) -> None:
    path = write("run_id,params,step,loss\na,1e8,20000,4\na,1e8,40000,3\n")
    with pytest.raises(InputError, match="step counts steps, and how many tokens each has") as error:
        read_curves(path, columns={"tokens": "step"})
    assert "--unit tokens=TOKENS_PER_STEP" in str(error.value.hint)
    said = read_curves(path, columns={"tokens": "step"}, units={"tokens": 5e5})
    assert said.curves.tokens.tolist() == [1e10, 2e10]


def test_a_file_without_rows_is_said_to_have_none(write: Write, reader: str) -> None:
    with pytest.raises(InputError, match="no curves in 0 rows: there are none below the header"):
        read_curves(write(HEADER + "\n"))


def test_one_row_repeats_and_two_repeat(write: Write, reader: str) -> None:
    one = read_curves(write(f"{HEADER}\n{rows('a', [1e9, 2e9, 2e9, 3e9])}"))
    assert message(one, "duplicate-steps").startswith("1 row repeats the tokens of another row of its run")


def test_schedules_may_be_blank_for_some_runs(write: Write, reader: str) -> None:
    text = "run_id,N,D,L,schedule_tokens\na,1e8,1e9,4,\na,1e8,2e9,3,5e9\nb,2e8,1e9,4,\nb,2e8,2e9,3,\n"
    schedule = read_curves(write(text)).curves.schedule_tokens
    assert schedule[0] == 5e9
    assert np.isnan(schedule[1])


def test_crashed_runs_are_left_out_and_simulated_ones_said(write: Write, reader: str) -> None:
    text = "run_id,N,D,L,state,simulated\n"
    text += "".join(f"a,1e8,{D}e9,{4 - D},finished,1\n" for D in (1, 2))
    text += "".join(f"b,2e8,{D}e9,{4 - D},crashed,1\n" for D in (1, 2))
    table = read_curves(write(text))
    assert table.curves.names == ("a",)
    assert ids(table) == {"failed-runs": "warning", "simulated-runs": "info"}
    assert "2 rows whose state is crashed (2)" in message(table, "failed-runs")


def test_flops_of_another_convention_are_noticed(write: Write, reader: str) -> None:
    text = "run_id,N,D,C,L\na,1e8,1e9,2e17,4\na,1e8,2e9,4e17,3\nb,2e8,1e9,4e17,4\nb,2e8,2e9,8e17,3\n"
    assert "2ND, the forward pass only" in message(read_curves(write(text)), "flop-ratio")


def test_small_counts_are_refused_with_the_likely_unit(write: Write, reader: str) -> None:
    with pytest.raises(InputError, match="too few to be real") as error:
        read_curves(write("run_id,N,D,L\na,100,1e9,4\na,100,2e9,3\n"))
    assert "--unit params=1e6" in str(error.value.hint)


def test_conditions_choose_whole_curves(write: Write) -> None:
    path = write(TWO_RUNS)
    table = read_curves(path, where=[parse_condition("params > 1.5e8")])
    assert table.curves.names == ("b",)
    assert message(table, "filtered") == '--where "params > 1.5e8" leaves out 1 run'
    assert read_curves(path, where=[parse_condition("run_id != b")]).curves.names == ("a",)
    with pytest.raises(InputError, match=r"--where chooses whole curves, by params, .* not by 'lr'"):
        read_curves(path, where=[parse_condition("lr < 1")])
    with pytest.raises(InputError, match="no curves left of 2"):
        read_curves(path, where=[parse_condition("params > 1e12")])


def test_a_table_without_run_ids_is_refused(write: Write, reader: str) -> None:
    with pytest.raises(InputError, match="no column for run_id") as error:
        read_curves(write("params,tokens,loss\n1e8,1e9,4\n1e8,2e9,3\n"))
    assert "--column run_id=COLUMN" in str(error.value.hint)


def test_a_file_that_is_not_there_is_said_as_for_runs(reader: str) -> None:
    with pytest.raises(InputError, match=r"exp\.yaml:1: nowhere\.csv: no such file"):
        read_curves("nowhere.csv", named_by="exp.yaml:1")


def test_where_polars_is_missing_large_files_are_read_plainly_and_it_is_said(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(TWO_RUNS)
    monkeypatch.setattr(fast_blocks, "is_installed", lambda: False)
    assert why_slow(path) is None
    monkeypatch.setattr(fast_blocks, "FROM_BYTES", 0)
    assert read_curves(path).read == 5
    assert "scaling-cli[tables]" in str(why_slow(path))
    assert why_slow("-") is None
