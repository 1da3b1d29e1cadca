"""Run tables: what is read, derived, left out and said."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scaling_cli.conditions import parse_condition
from scaling_cli.errors import FitRefused, InputError, UsageError
from scaling_cli.files.run_table import RunTable, read_runs
from scaling_cli.findings import Finding

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def read(folder: Path) -> Any:
    def read_text(*lines: str, **options: Any) -> RunTable:
        (folder / "runs.csv").write_text("\n".join(lines) + "\n")
        return read_runs("runs.csv", **options)

    return read_text


@pytest.fixture
def refuse(read: Any) -> Any:
    def refuse_text(*lines: str, **options: Any) -> str:
        with pytest.raises(InputError) as caught:
            read(*lines, **options)
        assert caught.value.hint
        return caught.value.message

    return refuse_text


def ids(table: RunTable) -> list[str]:
    return [finding.id for finding in table.findings]


def finding_of(table: RunTable, name: str) -> Finding:
    return next(finding for finding in table.findings if finding.id == name)


def test_numbers_are_read_as_people_write_them(read: Any) -> None:
    table = read("N,D,loss", '12M,"1,000,000,000",2.5', '"32.0K",1.1E+07,"3"')
    assert table.runs.params.tolist() == [12e6, 32e3]
    assert table.runs.tokens.tolist() == [1e9, 1.1e7]
    assert table.runs.loss.tolist() == [2.5, 3.0]
    assert table.runs.names == ("line 2", "line 3")
    assert (table.read, table.name, len(table.sha256)) == (2, "runs.csv", 64)


def test_json_lines_are_read_too(read: Any) -> None:
    table = read('{"N": 1e9, "D": "20B", "loss": 2.5}', '{"N": 2e9, "D": 4e10, "loss": null}')
    assert table.runs.tokens.tolist() == [20e9]
    assert ids(table) == ["missing-loss", "derived-flops"]


def test_units_multiply_what_the_columns_hold(read: Any) -> None:
    table = read("N,D,loss", "70,1.4,2.5", units={"params": 1e6, "tokens": 1e9})
    assert (table.runs.params[0], table.runs.tokens[0]) == (70e6, 1.4e9)
    assert ids(table) == ["derived-flops"]


@pytest.mark.parametrize("units", [{"param": 1e6}, {"params": 0.0}, {"params": float("nan")}])
def test_a_unit_that_makes_no_sense_is_wrong_usage(read: Any, units: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--unit"):
        read("N,D,loss", "70,1.4,2.5", units=units)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("-1.2,1e10,2", "params must be positive, got -1.2"),
        ("0,1e10,2", "params must be positive, got 0"),
        ("abc,1e10,2", "params 'abc' is not a number"),
        (",1e10,2", "params is missing"),
        ("NaN,1e10,2", "params is missing, got 'NaN'"),
        ("1e9,,2", "tokens are missing"),
        ("1e9,inf,2", "tokens 'inf' is not a finite number"),
        ("1e9,1e99,2", "tokens 1e99 is too large"),
        ("1e9,1e10,-1.2", "loss must be positive, got -1.2"),
        ("1e9,1e10,0", "loss must be positive, got 0"),
        ("1e9,1e10,high", "loss 'high' is not a number"),
        ('1e9,1e10,"2,554"', "loss '2,554' is not a number"),
    ],
)
def test_one_bad_value_refuses_the_file_and_names_its_line(refuse: Any, row: str, message: str) -> None:
    assert refuse("N,D,loss", "1e9,1e10,2.5", row) == f"runs.csv:3: {message}"


def test_a_decimal_comma_is_answered_with_a_point(read: Any) -> None:
    with pytest.raises(InputError) as caught:
        read("N;D;loss", "1e9;1e10;2,5", "1e9;1e10;2,554")
    assert caught.value.hint == "write the decimal sign as a point: 2.5, not 2,5"


def test_bad_values_are_named_together_in_the_order_of_the_file(refuse: Any) -> None:
    assert refuse("N,D,loss", "1e9,-5,2.5", "abc,1e10,2", "1e9,1e10,2", "1e9,1e10,bad") == (
        "runs.csv: 3 bad values: line 2: tokens must be positive, got -5; "
        "line 3: params 'abc' is not a number; line 5: loss 'bad' is not a number"
    )


def test_only_the_first_ten_bad_values_are_named(refuse: Any) -> None:
    message = refuse("N,D,loss", *["0,1e10,2"] * 13)
    assert message.startswith("runs.csv: 13 bad values: line 2: ")
    assert message.endswith("line 11: params must be positive, got 0; and 3 more")


@pytest.mark.parametrize("loss", ["", "-", "NaN", "nan", "null", "None", "n/a", "inf", "-Infinity", "1e999"])
def test_a_missing_loss_leaves_the_row_out(read: Any, loss: str) -> None:
    table = read("run_id,N,D,loss", "a,1e9,1e10,2.5", f"b,1e9,2e10,{loss}")
    assert table.runs.names == ("a",)
    finding = finding_of(table, "missing-loss")
    assert (finding.severity, finding.runs) == ("warning", ("b",))
    assert finding.message.startswith("1 row without a loss")


def test_a_row_without_a_loss_may_lack_its_tokens(read: Any) -> None:
    assert len(read("N,D,loss", "1e9,1e10,2.5", "1e9,,").runs) == 1


@pytest.mark.parametrize(
    "state", ["crashed", "FAILED", "killed", "OOM", "node_fail", "CANCELLED by 1000", "running"]
)
def test_a_failed_run_is_left_out_before_its_numbers_are_checked(read: Any, state: str) -> None:
    table = read("N,D,loss,state", "1e9,1e10,2.5,finished", f"abc,,-1,{state}")
    assert table.runs.names == ("line 2",)
    finding = finding_of(table, "failed-runs")
    assert (finding.severity, finding.runs) == ("warning", ("line 3",))
    assert finding.message == f"1 row whose state is {state.lower()} (1): left out"


def test_tokens_follow_from_flops(read: Any) -> None:
    table = read("N,C,loss", "1e9,1.2e20,2.5")
    assert table.runs.tokens[0] == pytest.approx(2e10)
    assert ids(table) == ["derived-tokens"]


def test_flops_follow_from_tokens(read: Any) -> None:
    table = read("N,D,loss", "1e9,2e10,2.5")
    assert table.runs.flops[0] == pytest.approx(1.2e20)
    assert finding_of(table, "derived-flops").severity == "info"


def test_a_row_that_lacks_one_of_tokens_and_flops_derives_it(read: Any) -> None:
    table = read("N,D,C,loss", "1e9,2e10,1.2e20,2.5", "1e9,-,1.2e20,2.5", "1e9,2e10,,2.5")
    assert table.runs.tokens == pytest.approx([2e10] * 3)
    assert table.runs.flops == pytest.approx([1.2e20] * 3)
    assert "tokens of 1 of 3 runs" in finding_of(table, "derived-tokens").message
    assert "flops of 1 of 3 runs" in finding_of(table, "derived-flops").message
    assert "flop-ratio" not in ids(table)


def test_a_row_that_lacks_both_is_refused(refuse: Any) -> None:
    assert refuse("N,D,C,loss", "1e9,,,2.5") == "runs.csv:2: tokens and flops are missing"


def test_flops_that_are_6nd_are_no_finding(read: Any) -> None:
    assert ids(read("N,D,C,loss", "1e9,2e10,1.21e20,2.5", "2e9,2e10,2.38e20,2.4")) == []


@pytest.mark.parametrize(
    ("flops", "says"),
    [
        (1.2e11, "flops look like GFLOPs (--unit flops=1e9 reads them so)"),
        (1.2e8, "flops look like TFLOPs (--unit flops=1e12 reads them so)"),
        (1.2e5, "flops look like PFLOPs (--unit flops=1e15 reads them so)"),
        (0.12, "flops look like zettaFLOPs (--unit flops=1e21 reads them so)"),
        (0.04, "flops look like zettaFLOPs (--unit flops=1e21 reads them so)"),
        (1.2e20 / 8.64e19, "flops look like petaFLOP/s-days (--unit flops=8.64e19 reads them so)"),
        (1.7 * 1.2e20 / 8.64e19, "flops look like petaFLOP/s-days (--unit flops=8.64e19 reads them so)"),
        (0.4e20, "that is 2ND, the forward pass only"),
        (1.2e23, "params or tokens look counted in thousands, millions or billions"),
    ],
)
def test_the_ratio_of_c_to_6nd_names_the_unit_or_convention(read: Any, flops: float, says: str) -> None:
    finding = finding_of(read("N,D,C,loss", f"1e9,2e10,{flops},2.5"), "flop-ratio")
    assert finding.severity == "warning"
    assert says in finding.message
    assert finding.message.endswith("the fit uses params and tokens, and budgets are 6ND")


def test_a_ratio_that_nothing_explains_is_only_said(read: Any) -> None:
    finding = finding_of(read("N,D,C,loss", "1e9,2e10,1.8e20,2.5", "1e9,2e10,1.2e20,2.5"), "flop-ratio")
    assert finding.message.startswith("C/(6ND) is 1.25 in the median, 1 to 1.5 (1 of 2 runs")
    assert finding.runs == ("line 2",)


def test_two_conventions_in_one_file_are_groups_and_no_single_unit(read: Any) -> None:
    table = read("N,D,C,loss", "1e9,2e10,1.2e20,2.5", "1e9,2e10,4e19,2.5", "1e9,2e10,4e19,2.5")
    finding = finding_of(table, "mixed-flop-convention")
    assert (finding.severity, finding.runs) == ("warning", ("line 2",))
    assert finding.message == (
        "C/(6ND) falls in 2 groups (0.333 in 2, 1 in 1 of 3 runs): flops are counted in more than one way "
        "or unit; the fit uses params and tokens, and budgets are 6ND"
    )
    assert "flop-ratio" not in ids(table)


def test_a_ratio_that_spreads_without_a_gap_is_no_group(read: Any) -> None:
    table = read("N,D,C,loss", *(f"1e9,2e10,{ratio * 1.2e20},2.5" for ratio in (1, 1.6, 2.4)))
    assert "the runs do not share one convention" in finding_of(table, "flop-ratio").message
    assert "mixed-flop-convention" not in ids(table)


def test_a_gflops_column_is_converted(read: Any) -> None:
    table = read("N,D,total_gflops,loss", "1e9,2e10,1.2e11,2.5")
    assert table.runs.flops[0] == pytest.approx(1.2e20)
    assert ids(table) == ["flop-unit"]
    assert finding_of(table, "flop-unit").message == (
        "total_gflops is in GFLOPs: multiplied by 1e9 (--unit flops=1 leaves it as it is)"
    )


def test_the_unit_in_a_name_is_applied_and_said(read: Any) -> None:
    table = read("params (M),tokens_B,loss", "70,1.4,2.5", "400,8B,2.3")
    assert table.runs.params.tolist() == [70e6, 400e6]
    # a count with its own suffix is whole
    assert table.runs.tokens.tolist() == [1.4e9, 8e9]
    assert ids(table) == ["named-unit", "named-unit", "derived-flops"]
    explicit = read("params (M),D,loss", "70000,1.4e9,2.5", units={"params": 1e3})
    assert explicit.runs.params.tolist() == [70e6]
    assert "named-unit" not in ids(explicit)


def test_a_unit_that_is_given_replaces_the_one_a_name_implies(read: Any) -> None:
    table = read("N,D,gflops,loss", "1e9,2e10,1.2e8,2.5", units={"flops": 1e12})
    assert table.runs.flops[0] == pytest.approx(1.2e20)
    assert ids(table) == []


@pytest.mark.parametrize(
    ("lines", "units", "said", "cure"),
    [
        (("N,D,loss", "650,1.3e10,2"), {}, "params are 650", "--unit params=1e6"),
        (("N,D,loss", "7,1.4e11,2"), {}, "params are 7", "--unit params=1e9"),
        (("N,D,loss", "650,13,2"), {}, "and tokens are 13", "--unit params=1e6 --unit tokens=1e9"),
        (("N,D,loss", "650,13000,2"), {}, "params are 650", "--unit params=1e6 --unit tokens=1e6"),
        (("N,D,loss", "6.5e8,13,2"), {}, "tokens are 13", "--unit tokens=1e9"),
        (("N,C,loss", "650,5e19,2"), {}, "params are 650", "--unit params=1e6"),
        (("N,C,loss", "650,0.05,2"), {}, "params are 650", "--unit params=1e6 --unit flops=1e21"),
        (("N,C,loss", "1e9,0.12,2"), {}, "tokens, which follow from flops, are 2e-11", "--unit flops=1e21"),
        (("N,C,loss", "1e9,1.2e8,2"), {}, "tokens, which follow from flops", "--unit flops=1e12"),
        (("N,D,loss", "0.65,1.3e10,2"), {"params": 1e3}, "params are 650", "--unit params=1e9"),
    ],
)
def test_counts_that_cannot_be_real_are_refused_with_what_to_type(
    read: Any, lines: tuple[str, ...], units: dict[str, float], said: str, cure: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(*lines, units=units)
    assert said in caught.value.message
    assert str(caught.value.hint) == f"say what the column counts, most likely {cure}"
    typed = dict(pair.split("=") for pair in cure.replace("--unit ", "").split())
    cured = read(*lines, units={quantity: float(unit) for quantity, unit in typed.items()})
    assert "unit-suspect" not in ids(cured)


@pytest.mark.parametrize(
    ("lines", "units", "ratio", "cure"),
    [
        (("N,D,loss", "5e8,6500,2"), {}, "1.3e-5", "--unit tokens=1e6"),
        (("N,D,loss", "2e4,4e8,2", "2e4,4e10,2", "2e4,4e9,2"), {}, "200000", "--unit params=1e3"),
        (("N,D,loss", "5e8,100,2"), {"tokens": 1e12}, "200000", "--unit tokens=1e9"),
        (("N,C,loss", "1e8,1.2e14,2"), {}, "0.002", "--unit flops=1e9"),
        (("N,C,loss", "1e8,1.2e9,2"), {"flops": 1e18}, "2e10", "--unit flops=1e9"),
        (("N,C,loss", "1e5,1.2e18,2"), {}, "2e7", "--unit params=1e3"),
    ],
)
def test_tokens_per_param_beyond_any_study_suggest_a_unit(
    read: Any, lines: tuple[str, ...], units: dict[str, float], ratio: str, cure: str
) -> None:
    finding = finding_of(read(*lines, units=units), "unit-suspect")
    assert finding.severity == "warning"
    assert finding.message == (
        f"{ratio} tokens per param in the median look like a wrong unit: "
        f"{cure} would bring them nearest to 20"
    )


@pytest.mark.parametrize("row", ["1e4,2e5,6", "1e6,1e8,5", "7e9,2.5e8,5", "1e3,1e8,5"])
def test_small_studies_and_odd_ratios_pass(read: Any, row: str) -> None:
    assert ids(read("N,D,loss", row)) == ["derived-flops"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_single_comma_group_is_ambiguous_where_commas_do_not_separate(read: Any, separator: str) -> None:
    lines = [line.replace(" ", separator) for line in ("N D loss", "50,443 2e10 3.1", "8,000M 1e9 3")]
    with pytest.raises(InputError) as caught:
        read(*lines)
    assert caught.value.message == (
        "runs.csv: 2 bad values: line 2: params '50,443' may be 50.443 or 50443; "
        "line 3: params '8,000M' may be 8.000M or 8000M"
    )
    assert "decimal sign as a point, and thousands without a sign" in str(caught.value.hint)


def test_thousands_with_two_groups_or_between_commas_are_read(read: Any) -> None:
    assert read("N;D;loss", "1,000,000;2e8;3").runs.params.tolist() == [1e6]
    assert read("N,D,loss", '"50,443",2e6,3').runs.params.tolist() == [50443]


def test_thousands_with_points_are_told_how_to_be_written(read: Any) -> None:
    with pytest.raises(InputError) as caught:
        read("N;D;loss", "50.442.605;2e10;3,1", "8e7;2e10;3.1")
    assert caught.value.hint == "write thousands without a sign and decimals with a point: 50442605, 2.5"


def test_where_no_row_can_be_read_the_column_is_doubted_and_not_the_rows(read: Any) -> None:
    with pytest.raises(InputError) as caught:
        read("size,D,loss", "small,2e10,3.1", "large,2e10,3")
    hint = "no row has params that can be read: name their column with --column params=COLUMN"
    assert caught.value.hint == hint


def test_where_no_row_has_a_loss_another_column_is_suggested(read: Any) -> None:
    with pytest.raises(InputError) as caught:
        read("N,D,val_loss,my_loss", "1e9,2e10,nan,3", "1e9,3e10,,3")
    assert str(caught.value.hint).endswith("with --column loss=my_loss")


CURVES = ("run_id,N,D,loss", "a,1e9,1e10,3.0", "a,1e9,3e10,2.8", "a,1e9,2e10,2.9", "b,1e9,1e10,3.1")


def test_the_row_with_the_most_tokens_of_a_run_is_kept(read: Any) -> None:
    table = read(*CURVES)
    assert table.runs.names == ("a", "b")
    assert table.runs.tokens.tolist() == [3e10, 1e10]
    finding = finding_of(table, "last-steps")
    assert (finding.severity, finding.runs, table.read) == ("info", ("a",), 4)
    assert finding.message.startswith(
        "3 rows belong to 1 run: of each the row with the most tokens is fitted"
    )
    assert table.clusters is None


def test_all_steps_are_kept_on_demand_and_clustered_by_run(read: Any) -> None:
    table = read(*CURVES, all_steps=True)
    assert table.runs.names == ("a (line 2)", "a (line 3)", "a (line 4)", "b")
    assert table.clusters == ("a", "a", "a", "b")
    finding = finding_of(table, "all-steps")
    assert (finding.severity, finding.runs) == ("warning", ("a",))
    assert "read before its schedule has decayed" in finding.message
    assert "bootstrap" not in finding.message


DIVERGED = (
    "run_id,N,D,loss",
    *("a,1e9,1e10,3.0", "a,1e9,2e10,2.8", "a,1e9,3e10,{last}"),
    *("b,1e9,1e10,3.1", "b,1e9,2e10,2.9"),
)


@pytest.mark.parametrize("last", ["nan", "inf", "", "-"])
def test_a_run_whose_last_row_has_no_loss_did_not_finish(read: Any, last: str) -> None:
    table = read(*(line.format(last=last) for line in DIVERGED))
    assert table.runs.names == ("b",)
    finding = finding_of(table, "diverged-run")
    assert (finding.severity, finding.runs) == ("warning", ("a",))
    assert finding.message == "1 run whose last row has no loss: left out, with its earlier rows"
    assert "missing-loss" not in ids(table)
    assert finding_of(table, "last-steps").runs == ("b",)


def test_with_all_steps_rows_without_a_loss_are_left_out_one_by_one(read: Any) -> None:
    table = read(*(line.format(last="nan") for line in DIVERGED), "c,1e9,1e10,nan", all_steps=True)
    assert table.runs.loss.tolist() == [3.0, 2.8, 3.1, 2.9]
    assert finding_of(table, "missing-loss").message.startswith("2 rows without a loss")
    assert finding_of(table, "missing-loss").runs == ("c",)
    assert "diverged-run" not in ids(table)


@pytest.mark.parametrize(
    ("rows", "loss"),
    [
        (("98e9,2.8", "100e9,"), [2.8]),
        (("99e9,2.8", "99.5e9,", "100e9,"), [2.8]),
        (("50e9,", "100e9,2.7"), [2.7]),
        (("97e9,2.8", "100e9,"), []),
        (("99e9,2.8", "100e9,nan"), []),
        (("99e9,2.8", "99.5e9,nan", "100e9,"), []),
    ],
)
def test_a_loss_that_is_logged_now_and_then_stands_for_its_run_near_the_end(
    read: Any, rows: tuple[str, ...], loss: list[float]
) -> None:
    lines = [f"a,1e9,{row}" for row in ("1e9,4", "2e9,", *rows)]
    table = read("run_id,N,D,loss", *lines, "z,1e9,1e10,3")
    assert table.runs.loss.tolist() == [*loss, 3]
    assert ("diverged-run" in ids(table)) == (not loss)
    assert "missing-loss" not in ids(table)


def test_rows_that_no_step_tells_apart_are_repeats_and_all_stay(read: Any) -> None:
    table = read("run,seed,N,D,loss", "a,0,1e9,1e10,3.0", "a,1,1e9,1.0005e10,2.9", "b,0,1e9,2e10,2.8")
    assert table.runs.loss.tolist() == [3.0, 2.9, 2.8]
    finding = finding_of(table, "repeats")
    assert (finding.severity, finding.runs) == ("info", ("a",))
    assert finding.message.startswith(
        "2 rows are repeats (seeds) of 1 run, alike in run_id, params and tokens"
    )
    assert "last-steps" not in ids(table)
    assert table.clusters == ("a", "a", "b")


def test_the_repeats_of_the_last_step_all_stay(read: Any) -> None:
    rows = [f"a,1e9,{tokens},{loss}" for tokens in ("1e10", "2e10") for loss in (3.0, 2.9)]
    table = read("run,N,D,loss", *rows)
    assert table.runs.tokens.tolist() == [2e10, 2e10]
    assert ids(table)[:2] == ["last-steps", "repeats"]


def test_a_repeat_without_a_loss_is_left_out_alone(read: Any) -> None:
    table = read("run,N,D,loss", "a,1e9,1e10,3.0", "a,1e9,1e10,nan", "a,1e9,1e10,2.9")
    assert table.runs.loss.tolist() == [3.0, 2.9]
    assert finding_of(table, "missing-loss").runs == ()


def test_a_row_that_repeats_another_in_every_cell_is_left_out(read: Any) -> None:
    table = read("run,N,D,loss", "a,1e9,1e10,3.0", "a,1e9,1e10,3.0", "b,1e9,1e10,3.0")
    assert table.runs.names == ("a", "b")
    finding = finding_of(table, "duplicate-runs")
    assert (finding.severity, finding.runs) == ("info", ("a",))
    assert len(read("N,D,loss", "1e9,1e10,3.0", "1e9,1e10,3.0").runs) == 2


def curves(column: str, rows: int, *, falling: bool = True) -> list[str]:
    lines = [f"{column},N,D,loss"]
    for name, size in (("s", 1), ("m", 2), ("l", 4)):
        lines += [f"{name},{size}e9,{i + 1}e9,{5 - i / 10 if falling else 5 + i / 10}" for i in range(rows)]
    return lines


@pytest.mark.parametrize(("column", "option"), [("Name", "run_id=Name"), ("model", "run_id=model")])
def test_names_that_look_like_run_ids_are_pointed_at_and_all_rows_stay(
    read: Any, column: str, option: str
) -> None:
    table = read(*curves(column, 6))
    assert len(table.runs) == 18
    finding = finding_of(table, "maybe-steps")
    assert finding.severity == "warning"
    assert f"--column {option} fits the last of each" in finding.message


def test_a_few_rows_per_name_or_rising_losses_are_no_steps(read: Any) -> None:
    assert "maybe-steps" not in ids(read(*curves("name", 5)))
    assert "maybe-steps" not in ids(read(*curves("name", 8, falling=False)))
    assert "maybe-steps" not in ids(read(*curves("name", 8), columns={"run_id": "name"}))


def test_runs_that_cannot_be_read_name_what_names_them(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_runs("gone.csv", named_by="exp.yaml:3")
    assert caught.value.message == "exp.yaml:3: gone.csv: no such file"


def test_one_run_id_with_two_sizes_is_two_runs(read: Any) -> None:
    table = read("run_id,N,D,loss", "a,1e9,1e10,3.0", "a,2e9,1e10,2.8")
    assert table.runs.names == ("a (line 2)", "a (line 3)")
    assert "last-steps" not in ids(table)
    clustered = read("run_id,N,D,loss", "a,1e9,1e10,3.0", "a,2e9,1e10,2.8", all_steps=True)
    assert clustered.clusters is None


def test_rows_without_a_run_id_are_runs_of_their_own(read: Any) -> None:
    assert len(read("run_id,N,D,loss", ",1e9,1e10,3.0", ",1e9,2e10,2.8").runs) == 2


def test_equal_tokens_keep_the_latest_step(read: Any) -> None:
    table = read("run,N,D,loss,step", "a,1e9,1e10,2.0,10", "a,1e9,1e10,3.0,9", "b,1e9,1e10,2.5,")
    assert table.runs.loss.tolist() == [2.0, 2.5]


def test_a_cluster_column_says_which_runs_belong_together(read: Any) -> None:
    table = read("run,N,D,loss,cluster", "a,1e9,1e10,3.0,x", "b,1e9,2e10,2.8,x", "c,1e9,3e10,2.7,")
    assert table.clusters == ("x", "x", "c")


SCHEDULED = (
    "run,N,D,loss,schedule_tokens",
    "a,1e9,1e10,3.0,1e10",
    "b,1e9,7e9,3.0,1e10",
    "c,1e9,8e9,3.0,",
    "d,1e9,8e9,3,1e10",
)


def test_a_run_short_of_its_schedule_is_left_out(read: Any) -> None:
    table = read(*SCHEDULED)
    assert table.runs.names == ("a", "c", "d")
    finding = finding_of(table, "unfinished-schedule")
    assert (finding.severity, finding.runs) == ("warning", ("b",))
    assert "left out" in finding.message


def test_a_run_short_of_its_schedule_is_fitted_on_demand_and_said(read: Any) -> None:
    table = read(*SCHEDULED, include_unfinished=True)
    assert len(table.runs) == 4
    assert "fitted all the same" in finding_of(table, "unfinished-schedule").message


def test_schedule_tokens_are_counted_as_tokens_are(read: Any) -> None:
    assert len(read("N,D,loss,schedule_tokens", "1e9,10,3,10", units={"tokens": 1e9}).runs) == 1


WIDE = ("N,D,loss,Opt-imiser,dropout", "1B,1e10,3.0,adamw,10%", "2B,1e10,2.9,lion,0", "4B,1e10,2.8,adamw,")


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("params < 3e9", [1e9, 2e9]),
        ("N >= 2B", [2e9, 4e9]),
        ("flops > 7e19", [2e9, 4e9]),
        ("loss != 2.9", [1e9, 4e9]),
        ("opt_imiser == adamw", [1e9, 4e9]),
        ("optimiser != adamw", [2e9]),
        ("dropout == 10%", [1e9]),
        ("dropout < 5%", [2e9]),
    ],
)
def test_conditions_are_on_quantities_and_on_columns(read: Any, condition: str, kept: list[float]) -> None:
    table = read(*WIDE, where=[parse_condition(condition)])
    assert table.runs.params.tolist() == kept
    assert f"leaves out {3 - len(kept)} row" in finding_of(table, "filtered").message


def test_a_quantity_is_compared_in_its_unit_and_a_column_as_written(read: Any) -> None:
    lines = ("N,D,loss", "100,1e10,3.0", "900,1e10,2.9")
    for condition in ("params < 200M", "N < 200"):
        table = read(*lines, units={"params": 1e6}, where=[parse_condition(condition)])
        assert table.runs.params.tolist() == [100e6]


def test_each_condition_says_what_it_leaves_out(read: Any) -> None:
    where = [parse_condition("params < 3e9"), parse_condition("opt imiser == adamw")]
    assert finding_of(read(*WIDE, where=where), "filtered").message == (
        '--where "params < 3e9" leaves out 1 row; --where "opt imiser == adamw" leaves out 1 row'
    )


def test_a_condition_on_no_column_is_refused(refuse: Any) -> None:
    message = refuse(*WIDE, where=[parse_condition("optimizer == adamw")])
    assert message == (
        "runs.csv: --where names no column 'optimizer' (found: N, D, loss, Opt-imiser, dropout)"
    )


def test_the_highest_losses_are_dropped_on_demand(read: Any) -> None:
    table = read("run,N,D,loss", "a,1e9,1e10,3.0", "b,1e9,2e10,9.0", "c,1e9,3e10,2.8", drop_highest_losses=1)
    assert table.runs.names == ("a", "c")
    assert finding_of(table, "dropped-highest-losses").runs == ("b",)


def test_no_runs_left_says_why(refuse: Any) -> None:
    message = refuse("N,D,loss,state", "1e9,1e10,nan,ok", "1e9,1e10,,ok", "1e9,1e10,3,crashed")
    assert message == (
        "runs.csv: no runs left of 3 rows: 1 row whose state is crashed (1): left out; "
        "2 rows without a loss (blank, NaN or infinite): left out"
    )


def test_filters_that_leave_nothing_are_named(refuse: Any) -> None:
    message = refuse(*WIDE, where=[parse_condition("params > 1T")])
    assert message == 'runs.csv: no runs left of 3 rows: --where "params > 1e12" leaves out 3 rows'


def test_all_runs_failed_says_so(refuse: Any) -> None:
    assert "crashed (2)" in refuse("N,D,loss,state", "1e9,,3,crashed", "1e9,1e10,3,crashed")


def test_simulated_runs_are_called_so(read: Any) -> None:
    table = read("N,D,loss,simulated", "1e9,1e10,3.0,true", "2e9,1e10,2.9,1")
    assert finding_of(table, "simulated-runs").message == "the runs are simulated, not trained"
    table = read("N,D,loss,simulated", "1e9,1e10,3.0,yes", "2e9,1e10,2.9,no")
    assert finding_of(table, "simulated-runs").runs == ("line 2",)


@pytest.mark.parametrize(
    ("column", "definition", "finding"),
    [("N_no_emb", "non-embedding", "non-embedding-params"), ("params_active", "active", "active-params")],
)
def test_params_that_are_not_total_are_said(read: Any, column: str, definition: str, finding: str) -> None:
    table = read(f"{column},D,loss", "1e9,1e10,3.0")
    assert table.params_definition == definition
    assert finding_of(table, finding).severity == "info"


def test_a_loss_in_another_unit_is_said(read: Any) -> None:
    table = read("N,D,val_bpb", "1e9,1e10,0.9", columns={"loss": "val_bpb"})
    assert table.loss_unit == "bits per byte"
    assert finding_of(table, "loss-unit").severity == "info"
    table = read("N,D,ppl", "1e9,1e10,12", columns={"loss": "ppl"})
    assert finding_of(table, "loss-unit").severity == "warning"


def test_samples_read_as_tokens_are_said(read: Any) -> None:
    assert "samples-as-tokens" in ids(read("N,samples_seen,loss", "1e9,1e10,3"))


def test_budgets_are_kept_beside_the_flops(read: Any) -> None:
    table = read("N,D,flops,budget,loss", "1e9,1.01e10,6.06e19,6e19,3.0", "1e9,1e10,6e19,,3.0")
    assert table.budgets == pytest.approx([6e19, 6e19])
    assert read("N,D,loss", "1e9,1e10,3.0").budgets is None
    assert read("N,budget,loss", "1e9,6e19,3.0").budgets == pytest.approx([6e19])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_the_order_of_the_rows_does_not_decide_which_runs_are_kept(read: Any, seed: int, data: Any) -> None:
    sizes, states = st.sampled_from(["1e9", "2e9"]), st.sampled_from(["finished", "crashed"])
    row = st.tuples(st.sampled_from("abc"), sizes, st.sampled_from(["", "2.5", "3", "4"]), states)
    drawn = data.draw(st.lists(row, min_size=3, max_size=20))
    lines = [f"{run},{size},{i + 1}e9,{loss},{state}" for i, (run, size, loss, state) in enumerate(drawn)]
    lines.append("z,1e9,1e10,3,finished")
    lines.append("y,1e9,1e10,3.5,finished")
    shuffled = lines.copy()
    random.Random(seed).shuffle(shuffled)
    kept = []
    for order in (lines, shuffled):
        runs = read("run,N,D,loss,state", *order, drop_highest_losses=1).runs
        kept.append(sorted(zip(runs.params, runs.tokens, runs.flops, runs.loss, strict=True)))
    assert kept[0] == kept[1]


def test_the_options_name_columns(read: Any) -> None:
    table = read("N,steps_x_batch,loss", "1e9,1e10,3.0", columns={"tokens": "steps_x_batch"})
    assert table.columns["tokens"] == "steps_x_batch"
    assert table.runs.tokens[0] == 1e10


def read_shared(name: str, **options: Any) -> RunTable:
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not here: it lies beside the repository, not in it")
    return read_runs(str(SHARED / name), **options)


def test_the_digitised_chinchilla_runs_read_cleanly() -> None:
    table = read_shared("chinchilla_digitised.csv")
    assert (len(table.runs), table.read, table.findings) == (245, 245, ())
    assert (
        len(read_shared("chinchilla_digitised.csv", where=[parse_condition("in_epoch240 == 1")]).runs) == 240
    )


def test_the_isoflop_runs_have_budgets() -> None:
    table = read_shared("chinchilla_isoflop.csv")
    assert (len(table.runs), table.findings) == (123, ())
    assert table.budgets is not None
    np.testing.assert_allclose(table.budgets, table.runs.flops, rtol=1e-6)


def test_the_llama_curves_are_four_runs() -> None:
    table = read_shared("llama1_curves.csv")
    assert table.runs.names == ("llama1-7B", "llama1-13B", "llama1-33B", "llama1-65B")
    assert ids(table) == ["last-steps"]
    steps = read_shared("llama1_curves.csv", all_steps=True)
    assert (len(steps.runs), steps.clusters and len(set(steps.clusters))) == (table.read, 4)


def test_unique_tokens_are_read_in_the_unit_of_tokens(read: Any) -> None:
    table = read("N,D,loss,unique_tokens", "1e9,10,3,2.5", "1e9,20,2.9,5", units={"tokens": 1e9})
    assert table.runs.unique_tokens is not None
    assert table.runs.unique_tokens.tolist() == [2.5e9, 5e9]
    own = read("N,D,loss,U", "1e9,1e10,3,2500", units={"unique_tokens": 1e6})
    assert own.runs.unique_tokens is not None
    assert own.runs.unique_tokens.tolist() == [2.5e9]
    named = read("N,D,loss,unique_tokens_B", "1e9,1e10,3,2.5")
    assert named.runs.unique_tokens is not None
    assert named.runs.unique_tokens.tolist() == [2.5e9]


def test_blank_unique_tokens_are_all_tokens_and_it_is_said(read: Any) -> None:
    table = read("N,D,loss,unique_tokens", "1e9,1e10,3,2.5B", "1e9,2e10,2.9,-")
    assert table.runs.unique_tokens is not None
    assert table.runs.unique_tokens.tolist() == [2.5e9, 2e10]
    assert finding_of(table, "blank-unique-tokens").runs == ("line 3",)
    blank = read("N,D,loss,unique_tokens", "1e9,1e10,3,", "1e9,2e10,2.9,")
    assert blank.runs.unique_tokens is None
    assert "blank-unique-tokens" not in ids(blank)
    assert read("N,D,loss", "1e9,1e10,3").runs.unique_tokens is None


def test_unique_tokens_that_make_no_sense_refuse_the_file(refuse: Any) -> None:
    message = refuse("N,D,loss,unique_tokens", "1e9,1e10,3,-5")
    assert message == "runs.csv:2: unique_tokens must be positive, got -5"


MANY = (
    "N,N_no_emb (M),D,loss,peak_lr,Batch Size,epochs,seed,val_bpb,ppl,weight,optimizer,drop",
    "1e9,900,1e10,3,3e-4,512,1,0,0.9,20,1,adamw,10",
    "2e9,1850,2e10,2.5,,512,2,1,0.8,12,2,lion,",
)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("lr", [3e-4, np.nan]),
        ("batch", [512, 512]),
        ("epochs", [1, 2]),
        ("seed", [0, 1]),
        ("weights", [1, 2]),
        ("bits_per_byte", [0.9, 0.8]),
        ("perplexity", [20, 12]),
        ("non_embedding_params", [9e8, 1.85e9]),
        ("total_params", [1e9, 2e9]),
        ("params", [1e9, 2e9]),
        ("D", [1e10, 2e10]),
        ("drop", [10, np.nan]),
    ],
)
def test_any_quantity_can_be_read_by_its_name_or_its_columns(
    read: Any, name: str, values: list[float]
) -> None:
    found = read(*MANY).quantity(name)
    assert found is not None
    assert found == pytest.approx(values, nan_ok=True)


def test_a_quantity_without_a_column_is_none_and_one_of_text_is_refused(read: Any) -> None:
    table = read(*MANY)
    assert table.quantity("schedule_tokens") is None
    assert table.quantity("active_params") is None
    with pytest.raises(InputError, match="line 2: optimizer 'adamw' is not a number; line 3"):
        table.quantity("optimizer")


def test_a_quantity_is_of_the_runs_that_are_kept(read: Any) -> None:
    table = read("N,D,loss,lr,schedule_tokens", "1e9,1e10,,1,1e10", "1e9,1e10,3,2,1.1e10")
    for name, value in (("lr", 2.0), ("schedule_tokens", 1.1e10)):
        found = table.quantity(name)
        assert found is not None
        assert found.tolist() == [value]


def test_the_extra_columns_are_those_that_say_how_runs_were_made(read: Any) -> None:
    extra = read(*MANY).extra_columns()
    names = "total_params non_embedding_params lr batch epochs seed weights bits_per_byte perplexity"
    assert list(extra) == names.split()
    assert read("N,D,loss,lr,seed", "1e9,1e10,3,cosine,").extra_columns().keys() == {"total_params"}


MIXED = {
    "a third column agrees with both": (
        "size,N_total,N_no_emb,D,loss",
        "1e8,1e8,8e7,1e10,3",
        "8e7,1e8,8e7,2e10,3",
    ),
    "total params without embeddings": ("N,N_no_emb,D,loss", "1e8,1e8,1e10,3", "1e9,9.5e8,1e10,3"),
    "non-embedding params with them": ("N_no_emb,N_total,D,loss", "1e8,1e8,1e10,3", "9.5e8,1e9,1e10,3"),
}


@pytest.mark.parametrize("case", MIXED)
def test_params_of_two_definitions_in_one_column_are_refused(read: Any, case: str) -> None:
    column = MIXED[case][0].split(",")[0]
    with pytest.raises(FitRefused, match="mixed-parameter-definition") as refused:
        read(*MIXED[case], columns={"params": column})
    assert refused.value.finding.severity == "refusal"
    assert len(refused.value.finding.runs) == 1
    assert refused.value.message.startswith("runs.csv: ")


@pytest.mark.parametrize(
    "lines",
    [
        ("N,N_no_emb,D,loss", "1e8,8e7,1e10,3", "1e9,9.5e8,1e10,3"),
        ("N,N_no_emb,D,loss", "1e8,8e7,1e10,3", "175e9,175e9,1e10,3"),
        ("N,N_no_emb,D,loss", "1e8,1e8,1e10,3", "1e9,1e9,1e10,3"),
        ("N,N_no_emb,D,loss", "1e8,,1e10,3", "1e9,9.5e8,1e10,3"),
        ("N,D,loss", "1e8,1e10,3", "1e9,1e10,3"),
    ],
)
def test_params_of_one_definition_pass_beside_those_of_the_other(read: Any, lines: tuple[str, ...]) -> None:
    assert len(read(*lines).runs) == 2
