"""A report as JSON, CSV or Markdown text; ``terminal`` makes the fourth format."""

import csv
import io
import json

from scaling_cli.reports.report import Record, Report


def to_json(report: Report) -> str:
    """Return one JSON object with its schema first, numbers at full precision, never NaN."""
    return json.dumps({"schema": report.schema, **report.data}, indent=2, allow_nan=False) + "\n"


def to_csv(report: Report) -> str:
    """Return a header and one line per row, numbers at full precision, blanks for what is unknown."""
    text = io.StringIO()
    if report.rows:
        writer = csv.DictWriter(text, fieldnames=list(report.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: "" if value is None else value for key, value in row.items()} for row in report.rows
        )
    return text.getvalue()


def to_markdown(report: Report) -> str:
    """Return the tables and records as Markdown tables, the findings as a list."""
    blocks = []
    for section in report.sections:
        if isinstance(section, Record):
            headings, rows, is_text = (section.title, ""), section.fields, frozenset({0, 1})
        else:
            headings, rows, is_text = section.headings, section.rows, section.is_text  # type: ignore[assignment]
        rule = ["---" if column in is_text else "--:" for column in range(len(headings))]
        lines = [_line(headings), _line(rule), *(_line(row) for row in rows)]
        blocks.append("\n".join(lines))
        if not isinstance(section, Record) and section.caption:
            blocks.append(_escape(section.caption))
    if report.notes:
        blocks.append(
            "\n".join(
                f"- {note.finding.severity}: {_escape(note.text)} (`{note.finding.id}`)"
                for note in report.notes
            )
        )
    return "\n\n".join(blocks) + "\n"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    """Escape what Markdown would take for itself inside a table's cell."""
    for letter in "\\|*`<":
        text = text.replace(letter, f"\\{letter}")
    return text.replace("\n", " ")
