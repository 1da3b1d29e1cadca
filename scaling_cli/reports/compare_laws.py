"""A comparison of laws as a report, of the schema ``scaling.compare.laws/1``."""

import math
from collections.abc import Callable, Iterator, Sequence

from scaling_cli.findings import Finding
from scaling_cli.laws.card import Range
from scaling_cli.planning.compare_laws import FACTORS, NO_LOSS, LawComparison, Multiplier, WasteMatrix
from scaling_cli.reports.plan import plan_notes, plan_table, result_dict
from scaling_cli.reports.report import Cell, Note, Report, Table
from scaling_cli.units import format_flops, format_number, format_share

UNKNOWN = "-"

WIDEST_MATRIX = 5
"""Columns of a waste matrix that a terminal of 80 columns holds beside the longest name of a law."""

NAMES_WIDTH = 70
"""Letters of names that a terminal of 80 columns holds in a matrix, the gaps between them aside."""

SILENT_NAMED = 3
"""Laws without a loss are named up to so many, and counted beyond."""

_CSV = (
    "kind",
    "law",
    "true_law",
    "flops",
    "factor",
    "params",
    "tokens",
    "tokens_per_param",
    "loss",
    "waste",
)
_CSV_ENDS = ("params", "tokens", "tokens_per_param", "loss", "waste")


def compare_laws_report(found: LawComparison) -> Report:
    """Return the report of ``scaling compare laws``."""
    return Report(
        schema="scaling.compare.laws/1",
        data={
            "multipliers": [_multiplier_dict(one, found.level) for one in found.multipliers],
            "allocations": [result_dict(plan) for plan in found.allocations],
            "waste_matrix": _matrix_dict(found.waste, found.level),
        },
        sections=(_multiplier_table(found), plan_table(found.allocations), *_matrix_tables(found)),
        rows=list(_rows(found)),
        notes=(*plan_notes(found.allocations), *_without_waste(found.waste)),
    )


def _without_waste(waste: WasteMatrix) -> tuple[Note, ...]:
    """Say why there is no matrix, where there is none."""
    if waste.possible:
        return ()
    message = "none of these laws has a loss: what following the wrong one wastes cannot be told"
    return (Note(Finding("no-waste", "info", message)),)


def _multiplier_dict(one: Multiplier, level: float) -> dict[str, object]:
    """Return one entry of ``multipliers``: what params and tokens grow by, null where the law cannot tell."""
    entry: dict[str, object] = {
        "law": one.law,
        "flops": one.flops,
        "factor": one.factor,
        "params": one.params,
        "tokens": one.tokens,
    }
    if one.intervals:
        entry["intervals"] = {"level": level, **{name: list(ends) for name, ends in one.intervals.items()}}
    return entry


def _matrix_dict(waste: WasteMatrix, level: float) -> dict[str, object]:
    """Return ``waste_matrix``: ``values[k][i][j]`` for the k-th budget, law i followed, law j true."""
    matrix: dict[str, object] = {
        "laws": list(waste.laws),
        "flops": list(waste.flops),
        "values": [[list(row) for row in budget] for budget in waste.values],
    }
    if waste.has_intervals:
        matrix["level"] = level
        matrix["intervals"] = [
            [[list(ends) if ends else None for ends in row] for row in budget] for budget in waste.intervals
        ]
    matrix["reasons"] = [{"law": law, "role": role, "reason": why} for law, role, why in waste.reasons]
    return matrix


def _multiplier_table(found: LawComparison) -> Table:
    """Return what params and tokens grow by, a row for each law and one below it for its intervals."""
    rows: list[tuple[str, ...]] = []
    for index in range(0, len(found.multipliers), len(FACTORS)):
        ones = found.multipliers[index : index + len(FACTORS)]
        rows.append((ones[0].law, *(_times(value) for one in ones for value in (one.params, one.tokens))))
        if any(one.intervals for one in ones):
            ends = (one.intervals.get(name) for one in ones for name in ("params", "tokens"))
            rows.append(("", *(_between(pair, lambda value: format_number(value, 3)) for pair in ends)))
    headings = [f"{format_number(factor)}x: {name}" for factor in FACTORS for name in ("params", "tokens")]
    start = format_flops(found.multipliers[0].flops)
    level = f"; below them their {format_share(found.level)} intervals" if _has_draws(found) else ""
    return Table(
        headings=("law", *headings),
        rows=tuple(rows),
        caption=f"What optimal params and tokens grow by with 10, 100 and 1000 times {start} FLOPs{level}.",
    )


def _matrix_tables(found: LawComparison) -> Iterator[Table]:
    """Return the waste at each budget, the laws that have a loss across, as many as fit side by side."""
    waste = found.waste
    count = math.ceil(len(waste.possible) / WIDEST_MATRIX)
    parts = [waste.possible[len(waste.possible) * i // count :][:WIDEST_MATRIX] for i in range(count)]
    names = [max(waste.laws, key=len), *(waste.laws[column] for column in waste.possible)]
    is_numbered = sum(map(len, names)) > NAMES_WIDTH
    for budget in range(len(waste.flops)):
        for columns in parts:
            caption = _matrix_caption(found, budget) if columns is parts[-1] else ""
            yield _matrix_table(found, budget, columns, is_numbered=is_numbered, caption=caption)


def _matrix_table(
    found: LawComparison, budget: int, columns: Sequence[int], *, is_numbered: bool, caption: str
) -> Table:
    """Return some columns of the matrix, headed by the laws' names, or by their numbers."""
    waste, rows = found.waste, []
    for followed, law in enumerate(waste.laws):
        values = [waste.values[budget][followed][column] for column in columns]
        rows.append((f"{followed + 1} {law}" if is_numbered else law, *(_share(value) for value in values)))
        ends = [waste.intervals[budget][followed][column] for column in columns]
        if any(ends):
            rows.append(("", *(_between(pair, lambda share: f"{100 * share:.3g}", " %") for pair in ends)))
    headings = (f"{column + 1 if is_numbered else waste.laws[column]} true" for column in columns)
    return Table(headings=("followed", *headings), rows=tuple(rows), caption=caption)


def _matrix_caption(found: LawComparison, budget: int) -> str:
    waste = found.waste
    caption = (
        f"Of {format_flops(waste.flops[budget])} FLOPs, the share wasted by following the row's law if the "
        "column's is true"
    )
    silent = [law for law, role, why in waste.reasons if role == "true" and why == NO_LOSS]
    if silent:
        laws = ", ".join(silent) if len(silent) <= SILENT_NAMED else f"the {len(silent)} other laws"
        caption += f"; {laws} cannot be true here, for want of a loss"
    if waste.has_intervals:
        caption += f". Below them {format_share(found.level)} intervals, from the draws of the true law"
    return f"{caption}."


def _rows(found: LawComparison) -> Iterator[dict[str, Cell]]:
    """Return the lines of CSV: the multipliers, then the allocations, then the waste."""
    for one in found.multipliers:
        cells: dict[str, Cell] = {"law": one.law, "flops": one.flops, "factor": one.factor}
        yield _line("multiplier", {**cells, "params": one.params, "tokens": one.tokens}, one.intervals)
    for plan in found.allocations:
        cells = {"law": plan.card.name, "flops": plan.flops, "params": plan.params, "tokens": plan.tokens}
        cells |= {"tokens_per_param": plan.tokens_per_param, "loss": plan.loss}
        yield _line("allocation", cells, plan.uncertainty.intervals if plan.uncertainty else {})
    waste = found.waste
    for k, flops in enumerate(waste.flops):
        for i, followed in enumerate(waste.laws):
            for j, true in enumerate(waste.laws):
                cells = {"law": followed, "true_law": true, "flops": flops, "waste": waste.values[k][i][j]}
                ends = waste.intervals[k][i][j]
                yield _line("waste", cells, {"waste": ends} if ends else {})


def _line(kind: str, cells: dict[str, Cell], intervals: dict[str, Range]) -> dict[str, Cell]:
    """Return one line with the columns of every kind."""
    ends = {
        f"{name}_{end}": intervals[name][index] if name in intervals else None
        for name in _CSV_ENDS
        for index, end in enumerate(("low", "high"))
    }
    return {name: {"kind": kind, **cells}.get(name) for name in _CSV} | ends


def _has_draws(found: LawComparison) -> bool:
    return any(one.intervals for one in found.multipliers)


def _times(value: float | None) -> str:
    return UNKNOWN if value is None else f"{format_number(value, 4)}x"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else format_share(value)


def _between(ends: Range | None, write: Callable[[float], str], unit: str = "") -> str:
    return "" if ends is None else f"{write(ends[0])}-{write(ends[1])}{unit}"
