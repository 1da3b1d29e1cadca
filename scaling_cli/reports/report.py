"""What a report is: data for programs, tables and records for people, CSV rows, findings for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaling_cli.findings import Finding

Cell = float | int | str | None


@dataclass(frozen=True, slots=True)
class Table:
    """Text for people: a heading per column, a row per thing; ``is_text`` columns are set to the left.

    ``groups`` are the indices of rows that begin a new group, and ``caption`` says below the table what
    its rows do not say themselves.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_text: frozenset[int] = frozenset({0})
    groups: frozenset[int] = frozenset()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Text for people: what is known of one thing, a label and a value per line."""

    title: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A finding, and whose it is (a law's name), empty where it concerns the whole report."""

    finding: Finding
    about: str = ""

    @property
    def text(self) -> str:
        """The finding in one line."""
        return f"{self.about}: {self.finding.message}" if self.about else self.finding.message


@dataclass(frozen=True, slots=True)
class Report:
    """One result, ready to be shown in any format.

    ``data`` is what JSON holds after its ``schema`` (no NaN, no arrays), ``sections`` what a person reads,
    ``rows`` what CSV holds (every row has the same keys), ``notes`` the findings.
    """

    schema: str
    data: Mapping[str, object]
    sections: tuple[Table | Record, ...]
    rows: Sequence[Mapping[str, Cell]]
    notes: tuple[Note, ...] = ()

    @property
    def warnings(self) -> tuple[Note, ...]:
        """The notes whose finding is a warning."""
        return tuple(note for note in self.notes if note.finding.severity == "warning")
