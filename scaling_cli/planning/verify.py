"""Verification: is a law that was saved the one that its runs give when they are fitted again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.laws.card import LawCard
from scaling_cli.units import format_flops, format_number

if TYPE_CHECKING:
    from scaling_cli.fitting.fit import Fit

TOLERANCE = 1e-6
"""Constants that agree to this share are the same. Changing every number of a study in its last binary
digit, as another processor's sums do, moves A and B by up to 5e-11 and the exponents by less (measured on
the digitised Chinchilla runs and the simulated study), so that rounding passes by four orders; a fit that
stopped early, or other settings, differ in the first digits: an objective within 1e-9 of the best leaves
the exponents 1e-4 apart."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant of the law, as stored and as refitted; ``None`` where the other form lacks it."""

    name: str
    stored: float | None
    refitted: float | None

    @property
    def relative_difference(self) -> float | None:
        """abs(refitted - stored)/max(abs(refitted), abs(stored)); ``None`` where one is missing."""
        if self.stored is None or self.refitted is None:
            return None
        if self.stored == self.refitted:
            return 0.0
        return abs(self.refitted - self.stored) / max(abs(self.refitted), abs(self.stored))

    def is_same(self, tolerance: float) -> bool:
        """Whether both are there and agree to ``tolerance``."""
        difference = self.relative_difference
        return difference is not None and difference <= tolerance


@dataclass(frozen=True, slots=True)
class Verification:
    """The constants side by side, and what else differs between the law file and the refit.

    ``stored_sha256`` and ``sha256`` are the hashes of the data then and now, empty where unknown.
    ``reasons`` are the differences that may account for other constants, or that go unseen in them: a
    robust fit does not notice by how much an outlier misses.
    """

    name: str
    forms: tuple[str, str]
    constants: tuple[Constant, ...]
    stored_sha256: str
    sha256: str
    tolerance: float
    reasons: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether the refit is the same law: its form, and every constant within the tolerance."""
        return self.forms[0] == self.forms[1] and all(
            constant.is_same(self.tolerance) for constant in self.constants
        )

    @property
    def is_same_data(self) -> bool | None:
        """Whether the runs are the very file the law was fitted to; ``None`` where that is not known."""
        return self.stored_sha256 == self.sha256 if self.stored_sha256 and self.sha256 else None

    @property
    def worst(self) -> Constant | None:
        """The constant that differs most, of those that both laws have."""
        both = [constant for constant in self.constants if constant.relative_difference is not None]
        return max(both, key=lambda constant: constant.relative_difference or 0.0, default=None)

    @property
    def verdict(self) -> str:
        """What it comes to in one line."""
        if self.forms[0] != self.forms[1]:
            return f"not the same law: {self.name} is {self.forms[0]}, the refit {self.forms[1]}"
        if not self.constants or self.worst is None:
            return f"not the same law: {self.name} has none of the refit's constants"
        difference = format_number(self.worst.relative_difference or 0.0, 2)
        limit = format_number(self.tolerance, 2)
        if self.is_same:
            return f"the same law: every constant within {difference} of {self.name} (allowed: {limit})"
        return f"not the same law: {self.worst.name} differs by {difference} (allowed: {limit})"


def verify(
    stored: LawCard, fitted: "Fit", *, sha256: str = "", version: str = "", tolerance: float = TOLERANCE
) -> Verification:
    """Compare a law that was saved with a fit to its runs, constant by constant.

    ``sha256`` is the hash of the data that ``fitted`` was read from and ``version`` what writes now
    (``scaling 0.1.0``); both are compared with the provenance of the law, where it has one.
    """
    then, now = stored.law.parameters, fitted.law.parameters
    names = dict.fromkeys([*then, *now])
    stored_sha256 = _at(stored.provenance, "data", "sha256")
    return Verification(
        name=stored.name,
        forms=(stored.law.form, fitted.law.form),
        constants=tuple(Constant(name, then.get(name), now.get(name)) for name in names),
        stored_sha256=stored_sha256 if isinstance(stored_sha256, str) else "",
        sha256=sha256,
        tolerance=tolerance,
        reasons=_reasons(stored, fitted, sha256, version),
    )


def _reasons(stored: LawCard, fitted: "Fit", sha256: str, version: str) -> tuple[str, ...]:
    """Say what differs between how the law was made and how it was made again."""
    card = stored.provenance
    found = []
    then = _at(card, "data", "sha256")
    if not isinstance(then, str) or not then:
        found.append("the law does not say which data it was fitted to")
    elif sha256 and then != sha256:
        found.append(f"the data are not the file it was fitted to (SHA-256 {sha256[:12]}, then {then[:12]})")
    used = _at(card, "runs", "used")
    if used is not None and used != len(fitted.runs):
        found.append(f"{len(fitted.runs)} runs are fitted, then {used}: filters or columns may differ")
    objective = fitted.objective
    settings = {"name": objective.name, "delta": objective.delta}
    for key, value in settings.items():
        before = _at(card, "objective", key)
        if before is not None and before != value:
            found.append(f"the objective's {key} is {value}, then {before}")
    before = _at(card, "objective", "value")
    if not found and isinstance(before, float) and _differs(before, objective.value):
        lower = "lower" if objective.value < before else "higher"
        sums = f"{format_flops(objective.value, 7)}, then {format_flops(before, 7)}"
        found.append(f"the same data and objective reach a {lower} sum, {sums}")
    if fitted.status != "converged":
        found.append(f"the refit is {fitted.status}")
    before = _at(card, "version")
    if version and isinstance(before, str) and before != version:
        found.append(f"the law was written by {before}, this is {version}")
    return tuple(found)


def _differs(one: float, other: float) -> bool:
    return abs(one - other) > TOLERANCE * max(abs(one), abs(other))


def _at(mapping: Mapping[str, object], *keys: str) -> object:
    """Return the value at a path of keys; ``None`` where the path ends before: cards are typed by hand."""
    value: object = mapping
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
