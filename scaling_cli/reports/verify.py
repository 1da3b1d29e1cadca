"""A verification as a report, of the schema ``scaling.verify/1``."""

from scaling_cli.findings import Finding
from scaling_cli.planning.verify import Constant, Verification
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_number

UNKNOWN = "-"


def verify_report(found: Verification) -> Report:
    """Return the report of ``scaling fit --verify``; a law that is another is a warning."""
    findings = _findings(found)
    data = {
        "law": found.name,
        "same": found.is_same,
        "tolerance": found.tolerance,
        "form": {"stored": found.forms[0], "refitted": found.forms[1]},
        "constants": [_constant_row(constant, found) for constant in found.constants],
        "data": {
            "same": found.is_same_data,
            "stored_sha256": found.stored_sha256 or None,
            "sha256": found.sha256 or None,
        },
        "reasons": list(found.reasons),
        "verdict": found.verdict,
        "findings": [finding.as_dict() for finding in findings],
    }
    return Report(
        schema="scaling.verify/1",
        data=data,
        sections=(_summary(found), _table(found)),
        rows=[_constant_row(constant, found) for constant in found.constants],
        notes=tuple(Note(finding) for finding in findings),
    )


def _findings(found: Verification) -> tuple[Finding, ...]:
    """Say whether the law is another, and what else differs."""
    other = () if found.is_same else (Finding("not-reproduced", "warning", found.verdict),)
    return (*other, *(Finding("made-otherwise", "info", reason) for reason in found.reasons))


def _summary(found: Verification) -> Record:
    data = {True: "the same file", False: "another file", None: "not known"}[found.is_same_data]
    return Record(f"Refit against {found.name}", (("verdict", found.verdict), ("data", data)))


def _table(found: Verification) -> Table:
    rows = tuple(
        (
            constant.name,
            _show(constant.stored, 10),
            _show(constant.refitted, 10),
            _show(constant.relative_difference, 2),
        )
        for constant in found.constants
    )
    return Table(headings=("", "stored", "refitted", "relative difference"), rows=rows)


def _constant_row(constant: Constant, found: Verification) -> dict[str, Cell]:
    return {
        "constant": constant.name,
        "stored": constant.stored,
        "refitted": constant.refitted,
        "relative_difference": constant.relative_difference,
        "same": constant.is_same(found.tolerance),
    }


def _show(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else format_number(value, digits)
