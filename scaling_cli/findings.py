"""Doubt as data: what was noticed about runs, a fit or an answer, and what it does to it."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "refusal"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed.

    ``id`` is stable (``extrapolates``), ``message`` says what was found and what it does to the
    answer, ``runs`` names the runs it concerns (their run_id, or ``line 7``).
    """

    id: str
    severity: Severity
    message: str
    runs: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the form that JSON reports and law files hold."""
        return {"id": self.id, "severity": self.severity, "message": self.message, "runs": list(self.runs)}
