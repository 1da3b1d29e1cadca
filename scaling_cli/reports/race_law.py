"""Runs beside laws as parts of a report: what they lost once decayed, and what each law says of it."""

from collections.abc import Sequence

from scaling_cli.fitting.trace import FINAL_SHARE
from scaling_cli.planning.compare_curves import CurveComparison
from scaling_cli.planning.race_law import RunBesideLaw
from scaling_cli.reports.report import Cell, Table
from scaling_cli.units import format_count, format_share

UNKNOWN = "-"


def beside_dict(found: CurveComparison, one: RunBesideLaw) -> dict[str, object]:
    """Return one entry of ``beside_law``; what is not compared is null."""
    return {
        "run": found.curves.names[one.run],
        "law": one.law,
        "status": one.status,
        "tokens": one.tokens,
        "schedule_share": one.schedule_share,
        "decayed_points": one.decayed,
        "loss": one.loss,
        "predicted": one.predicted,
        "gap": one.gap,
        "interval": None if one.interval is None else {"level": found.level, "loss": list(one.interval)},
        "share_within": one.share_within,
    }


def beside_row(found: CurveComparison, one: RunBesideLaw) -> dict[str, Cell]:
    """Return one line of CSV where a single run is set beside a law."""
    low, high = one.interval or (None, None)
    return {
        "run": found.curves.names[one.run],
        "law": one.law,
        "status": one.status,
        "tokens": one.tokens,
        "schedule_share": one.schedule_share,
        "loss": one.loss,
        "predicted": one.predicted,
        "gap": one.gap,
        "interval_low": low,
        "interval_high": high,
        "share_within": one.share_within,
    }


def beside_table(found: CurveComparison, law: str, ones: Sequence[RunBesideLaw]) -> Table:
    """Return the runs beside one law."""
    has_intervals = any(one.interval for one in ones)
    level = format_share(found.level)
    headings = ["run", "tokens", "schedule", "loss", "law", "gap"]
    headings += [f"{level} interval"] if has_intervals else []
    rows = []
    for one in ones:
        cells = [
            found.curves.names[one.run],
            format_count(one.tokens, 3),
            format_share(one.schedule_share),
            UNKNOWN if one.loss is None else f"{one.loss:.4f}",
            UNKNOWN if one.predicted is None else f"{one.predicted:.4f}",
            UNKNOWN if one.gap is None else f"{one.gap:+.4f}",
        ]
        if has_intervals:
            cells.append(UNKNOWN if one.interval is None else "-".join(f"{end:.4f}" for end in one.interval))
        rows.append((*cells, "" if one.status == "no-interval" else one.status))
    return Table(
        headings=(*headings, ""),
        rows=tuple(rows),
        is_text=frozenset({0, len(headings)}),
        caption=(
            f"Each run's smoothed loss at its last point beside that of {law} at its params and tokens; a "
            f"run before the last {format_share(FINAL_SHARE)} of its schedule is undecayed, and not compared."
            + (" The interval is of one new run." if has_intervals else " The law has no draws, so no band.")
        ),
    )
