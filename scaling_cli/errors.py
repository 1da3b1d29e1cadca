"""The errors a user can cause, each with the exit code it ends the program with.

::

    ScalingError                exit 1
    ├── UsageError              exit 2   the command line contradicts itself or names an unknown thing
    │   └── QuantityError                a number or expression that cannot be understood
    ├── InputError                       a file that is missing, unreadable or says something impossible
    ├── OutputError                      a file that cannot be written
    ├── LawError                         constants that make no scaling law
    ├── FitRefused                       runs that cannot identify the law that was asked for
    └── PlanError                        a question that a law cannot answer, or that has no solution
"""

from scaling_cli.findings import Finding


class ScalingError(Exception):
    """What is wrong and what was found, in one line, and one way out.

    ``message`` begins with the place (``runs.csv:7: ...``, ``--flops: ...``) wherever there is one.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def at(self, place: str) -> "ScalingError":
        """Return the same error with the place it happened at in front."""
        return type(self)(f"{place}: {self.message}", hint=self.hint)


class UsageError(ScalingError):
    """The command line contradicts itself or names something unknown."""

    exit_code = 2


class QuantityError(UsageError):
    """A number, sweep, duration or condition that cannot be understood."""


class InputError(ScalingError):
    """A file that is missing, unreadable, or says something impossible."""


class OutputError(ScalingError):
    """A file that cannot be written."""


class LawError(ScalingError):
    """Constants that make no scaling law."""


class FitRefused(ScalingError):
    """Runs that cannot identify the law; ``finding`` says which runs and why."""

    def __init__(self, finding: Finding, *, hint: str | None = None, place: str | None = None) -> None:
        what = f"{finding.id}: {finding.message}"
        super().__init__(what if place is None else f"{place}: {what}", hint=hint)
        self.finding = finding

    def at(self, place: str) -> "FitRefused":
        """Return the same refusal with the runs' place in front."""
        return FitRefused(self.finding, hint=self.hint, place=place)


class PlanError(ScalingError):
    """A question that the law cannot answer or that has no solution; ``finding`` says which."""

    def __init__(self, finding: Finding, *, hint: str | None = None, place: str | None = None) -> None:
        super().__init__(finding.message if place is None else f"{place}: {finding.message}", hint=hint)
        self.finding = finding

    def at(self, place: str) -> "PlanError":
        """Return the same error with the law's name in front."""
        return PlanError(self.finding, hint=self.hint, place=place)
