"""Laws as a report: the registry in a list, or one law whole."""

from collections.abc import Sequence

from scaling_cli.laws.allocation import AllocationLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.law import Allocates, PredictsLoss
from scaling_cli.reports.report import Cell, Note, Record, Report
from scaling_cli.units import format_number


def laws_report(cards: Sequence[LawCard]) -> Report:
    """Return the report of ``--list-laws``: one record and one row per law."""
    return Report(
        schema="scaling.laws/1",
        data={"laws": [card.as_dict() for card in cards]},
        sections=tuple(_record(card) for card in cards),
        rows=[_row(card) for card in cards],
    )


def law_report(card: LawCard) -> Report:
    """Return the report of ``--show-law``; its JSON is a law file that ``--law`` reads."""
    return Report(
        schema="scaling.law/1",
        data=card.as_dict(),
        sections=(_record(card, whole=True),),
        rows=[_row(card)],
        notes=tuple(Note(finding) for finding in card.findings),
    )


def show_constants(card: LawCard, digits: int = 9) -> str:
    """Return ``E 1.8172  A 482.01 ...``."""
    return "  ".join(f"{name} {format_number(value, digits)}" for name, value in card.law.parameters.items())


def _record(card: LawCard, *, whole: bool = False) -> Record:
    law = card.law
    fields = [
        ("form", f"{law.form}: {law.formula}"),
        ("constants", show_constants(card)),
        ("params", card.params_definition),
        ("dataset", card.dataset),
        ("source", f"{card.source} [{card.confidence}]" if card.confidence else card.source),
        ("caveat", card.caveat),
    ]
    if isinstance(law, AllocationLaw):
        solved, other = (law.solved_side, "tokens" if law.solved_side == "params" else "params")
        fields.insert(2, ("solved for", f"{solved}; {other} = C/(6 {solved})"))
    if whole and isinstance(law, Allocates):
        N_exponent, D_exponent = (format_number(exponent, 4) for exponent in law.exponents)
        fields.insert(2, ("frontier", f"N_opt ~ C^{N_exponent}, D_opt ~ C^{D_exponent}"))
    if whole and isinstance(law, PredictsLoss):
        fields.insert(3, ("least loss", f"{format_number(law.E)} {card.loss_unit}"))
    return Record(card.name, tuple((label, value) for label, value in fields if value))


def _row(card: LawCard) -> dict[str, Cell]:
    return {
        "law": card.name,
        "form": card.law.form,
        "constants": ";".join(f"{name}={value!r}" for name, value in card.law.parameters.items()),
        "params_definition": card.params_definition,
        "dataset": card.dataset,
        "source": card.source,
        "confidence": card.confidence,
        "caveat": card.caveat,
    }
