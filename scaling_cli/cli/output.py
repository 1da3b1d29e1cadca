"""Showing a report, and how the program ends: the result on stdout, doubts and errors on stderr."""

import os
import sys
from enum import StrEnum

from scaling_cli.cli.plot import Plot
from scaling_cli.errors import OutputError, ScalingError
from scaling_cli.reports.report import Report

_ELSEWHERE = "write the result to a file with --output FILE"


class Format(StrEnum):
    """The formats every command writes."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


def show(
    report: Report,
    output_format: Format,
    output: str | None,
    *,
    strict: bool = False,
    plot: Plot | None = None,
) -> None:
    """Write a report to stdout, or atomically to ``output``; its picture to a file before, or below it.

    A person who reads the table sees the findings in it; where a program or a file gets the result,
    its warnings are said on stderr as well. ``strict`` turns any warning into exit code 1, after the
    result was written.
    """
    output = None if output == "-" else output
    color, width = (False, None) if output else _terminal()
    text = render(report, output_format, width=width, color=color)
    if plot and not plot.is_text and (image := plot.image()):
        from scaling_cli.files.source import write_atomically

        write_atomically(plot.path, image)
    if output:
        from scaling_cli.files.source import write_atomically

        # the name of a file may hold bytes that are no UTF-8
        write_atomically(output, text.encode(errors="replace"))
    else:
        _write_stdout(text)
    if plot and plot.is_text:
        _write_stdout(_drawn(plot, is_alone=bool(output)))
    if output or output_format in (Format.json, Format.csv):
        for note in report.warnings:
            say(f"warning: {note.text} [{note.finding.id}]")
    doubts = [note.finding for note in report.notes if note.finding.severity != "info"]
    if strict and doubts:
        ids = ", ".join(dict.fromkeys(finding.id for finding in doubts))
        raise ScalingError(f"--strict: the answer carries warnings ({ids})")


def _drawn(plot: Plot, *, is_alone: bool) -> str:
    """Return a picture as the terminal shows it, with a blank line before it where a table is above."""
    color, width = _terminal()
    encoding = (sys.stdout and sys.stdout.encoding) or "ascii"
    text = plot.text(width=width, color=color, encoding=encoding)
    return text if is_alone or not text else f"\n{text}"


def render(report: Report, output_format: Format, *, width: int | None, color: bool) -> str:
    """Return a report as text in one of the four formats."""
    if output_format is Format.table:
        from scaling_cli.reports.terminal import to_terminal

        return to_terminal(report, width=width, color=color)
    from scaling_cli.reports.formats import to_csv, to_json, to_markdown

    writers = {Format.json: to_json, Format.csv: to_csv, Format.markdown: to_markdown}
    return writers[output_format](report)


def complain(error: ScalingError) -> None:
    """Say an error, and the way out, on stderr."""
    say(f"error: {error.message}")
    if error.hint:
        say(f"hint: {error.hint}")


def say(line: str) -> None:
    """Write one line to stderr; where nobody listens, nothing happens."""
    if sys.stderr is None:  # print would take stdout instead
        return
    try:
        print(line, file=sys.stderr, flush=True)
    except (BrokenPipeError, ValueError):
        return


def _write_stdout(text: str) -> None:
    """Write a result; a reader that has had enough (``| head -1``) ends the program quietly, with exit 0."""
    if sys.stdout is None:
        raise OutputError("standard output is closed", hint=_ELSEWHERE)
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding
            sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except OSError as problem:
        # the interpreter flushes stdout once more on its way out: give it somewhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(problem, BrokenPipeError):
            reason = (problem.strerror or str(problem)).lower()
            raise OutputError(f"standard output cannot be written: {reason}", hint=_ELSEWHERE) from problem


def _terminal() -> tuple[bool, int | None]:
    """Return whether to colour, and how wide to write (``None``: as wide as it is)."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    color = is_terminal and not os.environ.get("NO_COLOR")
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return color, int(columns)
    if not is_terminal:
        return color, None
    try:
        return color, os.get_terminal_size(sys.stdout.fileno()).columns or None
    except OSError:
        return color, None
