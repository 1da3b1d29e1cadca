"""An envelope's law and what it says, and how surely, at the budgets it was asked for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.fitting.envelope import EnvelopeFit
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.allocation import Allocation

if TYPE_CHECKING:
    from scaling_cli.fitting.bootstrap import Bootstrap


@dataclass(frozen=True, slots=True, eq=False)
class EnvelopePlan:
    """An envelope, its law as a card, its optima, and everything noticed on the way from the file to here.

    Where the curves give no frontier there is no ``card`` and no ``optima``, and ``fit.refusal`` says why.
    ``points_read`` counts the rows of the file, ``interval`` is the level of every interval, and
    ``bootstrap`` is None where it was turned off or there was no law.
    """

    fit: EnvelopeFit
    name: str
    card: LawCard | None
    optima: tuple[Allocation, ...]
    points_read: int
    interval: float
    bootstrap: "Bootstrap | None"
    findings: tuple[Finding, ...]
