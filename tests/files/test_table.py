"""Text to cells: CSV and JSON lines, with the line of every row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_cli.errors import InputError
from scaling_cli.files.table import parse_table


def lines_and_cells(text: str, name: str = "runs.csv") -> list[tuple[int, tuple[str, ...]]]:
    return [(row.line, row.cells) for row in parse_table(text, name).rows]


def message_of(text: str, name: str = "runs.csv") -> str:
    with pytest.raises(InputError) as caught:
        parse_table(text, name)
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_commas_tabs_and_semicolons_separate(separator: str, newline: str) -> None:
    text = newline.join(line.replace(",", separator) for line in ("N,D,loss", "1e9,2e10,2.9", ""))
    table = parse_table(text, "runs.csv")
    assert table.columns == ("N", "D", "loss")
    assert table.rows[0].cells == ("1e9", "2e10", "2.9")


def test_a_tsv_may_have_commas_in_its_header() -> None:
    assert parse_table("Model, size\tloss\n1,000\t3\n", "runs.tsv").columns == ("Model, size", "loss")


def test_blank_lines_comments_and_rows_of_blanks_are_skipped() -> None:
    assert lines_and_cells("# made by me, today\n\nN,loss\n\n1,2\n,\n3,4\n") == [
        (5, ("1", "2")),
        (7, ("3", "4")),
    ]


def test_a_quoted_newline_keeps_the_line_numbers_right() -> None:
    assert lines_and_cells('note,N\n"two\nlines",1\nb,2\n') == [(2, ("two\nlines", "1")), (4, ("b", "2"))]


def test_a_quote_that_is_never_closed_names_its_line() -> None:
    assert message_of('N,loss\n1,2\n"3,4\n5,6\n').startswith("runs.csv:3: not CSV")


def test_trailing_empty_cells_are_fine() -> None:
    assert lines_and_cells("N,loss,\n1,2,,\n3,4\n") == [(2, ("1", "2")), (3, ("3", "4"))]


def test_a_data_frame_s_index_is_a_column_without_a_name() -> None:
    table = parse_table(",N,loss\n0,1,2\n", "runs.csv")
    assert table.columns == ("", "N", "loss")
    assert table.named_columns == ("N", "loss")


def test_one_row_that_does_not_fit_is_named() -> None:
    assert message_of("N,loss\n1,2\n1\n") == "runs.csv:3: 1 cells, but the header has 2"


def test_rows_that_do_not_fit_are_named_together() -> None:
    message = message_of("N,loss\n" + "1\n" * 12)
    assert message.startswith("runs.csv: 12 rows do not fit the header's 2 cells: line 2: 1 cells; line 3")
    assert message.endswith("; and 2 more")


def test_a_repeated_header_is_refused() -> None:
    assert message_of("# c\nN,loss,N\n1,2,3\n") == "runs.csv:2: the header repeats 'N'"


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert message_of(text) == "runs.csv: the file is empty"


def test_a_header_alone_is_refused() -> None:
    assert message_of("N,D,loss\n") == "runs.csv: a header and no runs"


def test_json_lines_keep_every_digit_and_fill_what_is_not_there() -> None:
    text = '{"N": 12345678901234567890, "loss": 2.10000000000000000001}\r\n\n'
    text += '{"loss": null, "ok": true, "s": "12M"}'
    table = parse_table(text, "runs.csv")
    assert table.columns == ("N", "loss", "ok", "s")
    assert [(row.line, row.cells) for row in table.rows] == [
        (1, ("12345678901234567890", "2.10000000000000000001", "", "")),
        (3, ("", "", "true", "12M")),
    ]


def test_json_lines_are_recognised_by_name_too() -> None:
    assert message_of("N,loss\n", "runs.jsonl.gz").startswith("runs.jsonl.gz:1: not a JSON object")


def test_json_not_a_number_is_text_for_the_reader_to_judge() -> None:
    assert lines_and_cells('{"loss": NaN}') == [(1, ("NaN",))]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": 1}\n{"a": }\n', "runs.csv:2: not a JSON object (Expecting value, column 7)"),
        ('{"a": 1}\n3\n', "runs.csv:2: not a JSON object, got 3"),
        ('{"a": {"b": 1}}\n', "runs.csv:1: 'a' holds a nested value"),
        ('{"a": [1]}\n', "runs.csv:1: 'a' holds a nested value"),
        ('{"a": 1, "a": 2}\n', "runs.csv:1: the header repeats 'a'"),
        ('[{"a": 1}]\n', "runs.csv: a JSON array, expected CSV or JSON lines"),
        ('{"a":' * 100_000, "runs.csv:1: not a JSON object (too deep)"),
    ],
)
def test_json_that_is_no_table_is_refused_with_its_line(text: str, what: str) -> None:
    assert message_of(text) == what


@given(st.text())
def test_any_text_is_a_table_or_an_input_error(text: str) -> None:
    try:
        table = parse_table(text, "runs.csv")
    except InputError:
        return
    assert all(len(row.cells) == len(table.columns) for row in table.rows)


@pytest.mark.parametrize("header", ["params|tokens|loss", "params tokens loss", "params:tokens:loss"])
def test_a_header_that_another_separator_divides_says_which_are_read(header: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_table(f"# mine\n{header}\n1|2|3\n", "runs.csv")
    assert caught.value.message == f"runs.csv:2: the header is one cell, {header!r}"
    assert "commas, tabs or semicolons" in str(caught.value.hint)
