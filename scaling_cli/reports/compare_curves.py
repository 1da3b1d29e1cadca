"""A comparison of learning curves as a report, of the schema ``scaling.compare.curves/1``."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from scaling_cli.fitting.trace import FINAL_SHARE
from scaling_cli.laws.card import NATS
from scaling_cli.planning.compare_curves import (
    AXIS_WORDS,
    COMPUTE,
    CurveComparison,
    PairRace,
    Suspect,
)
from scaling_cli.planning.race import CLEAR, LEVEL, AxisName, Stretch
from scaling_cli.planning.race_schedules import SAME_RATE
from scaling_cli.reports.fit import shortened
from scaling_cli.reports.race_law import beside_dict, beside_row, beside_table
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

UNKNOWN = "-"
LEVEL_WORD = "level"

NOT_TOLD = "cannot be told"
"""Where the run that is further along its schedule leads, or nobody: the other would still come down."""

_ANSWERS = ("yes", LEVEL_WORD, "no", NOT_TOLD)

NAMED = 3
"""Of more runs that are level than that, the first are named and the rest counted."""

MOST_ANSWERS = 8
"""Of more pairs than that the answers are counted; the table below has them all."""

QUESTION = "Would the smaller one, trained longer at the same compute, have won?"


def compare_curves_report(found: CurveComparison) -> Report:
    """Return the report of ``scaling compare curves``: races, leaders, verdicts, runs beside laws."""
    names = found.curves.names
    return Report(
        schema="scaling.compare.curves/1",
        data={
            "races": [_race_dict(found, one) for one in found.races],
            "leaders": [
                {"axis": axis, "stretches": [_stretch_dict(one, names) for one in stretches]}
                for axis, stretches in found.leaders.items()
            ],
            "verdicts": [_verdict_dict(found, one) for one in _judged(found)],
            "runs": [_run_dict(found, run) for run in range(len(names))],
            "beside_law": [beside_dict(found, one) for one in found.beside],
            "findings": [finding.as_dict() for finding in found.findings],
        },
        sections=tuple(_sections(found)),
        rows=[_row(found, one) for one in found.races] or [beside_row(found, one) for one in found.beside],
        notes=tuple(Note(shortened(finding)) for finding in found.findings),
    )


def _names_of(found: CurveComparison, one: PairRace) -> tuple[str, str]:
    return found.curves.names[one.pair.a], found.curves.names[one.pair.b]


def _name(names: Sequence[str], leader: int) -> str:
    return LEVEL_WORD if leader == LEVEL else names[leader]


def _race_dict(found: CurveComparison, one: PairRace) -> dict[str, object]:
    """Return one entry of ``races``: positions in the unit of the axis, losses in that of the curves."""
    race, names = one.race, _names_of(found, one)
    return {
        "axis": race.axis,
        "runs": list(names),
        "overlap": list(race.overlap),
        "leader_at_start": _name(names, race.stretches[0].leader),
        "crossings": [
            {"at": stretch.start, "leader_after": _name(names, stretch.leader)} for stretch in race.crossings
        ],
        "leader_share": [race.share(0), race.share(1)],
        "level_share": race.share(LEVEL),
        "end_gap": race.end_gap,
        "end_noise": race.end_noise,
        "suspect": [_suspect_dict(part, names) for part in one.suspects],
        "stretches": [_stretch_dict(stretch, names) for stretch in race.stretches],
    }


def _stretch_dict(one: Stretch, names: Sequence[str]) -> dict[str, object]:
    return {
        "from": one.start,
        "to": one.end,
        "leader": _name(names, one.leader),
        "begins": one.change,
        "other": None if one.other == LEVEL else names[one.other],
        "in_front": [names[run] for run in one.front],
        "widest_gap": one.lead,
    }


def _suspect_dict(part: Suspect, names: Sequence[str]) -> dict[str, object]:
    return {
        "from": part.start,
        "to": part.end,
        "leader": _name(names, part.leader),
        "decayed": names[part.decayed],
    }


def _run_dict(found: CurveComparison, run: int) -> dict[str, object]:
    """Return one entry of ``runs``; ``noise`` is at the run's end, null where it cannot be told."""
    curves, curve = found.curves, found.runners[run].curve
    is_known = bool(curves.schedule_tokens[run] > 0)
    return {
        "run": curves.names[run],
        "params": float(curves.params[run]),
        "tokens": float(curves.last_tokens[run]),
        "schedule_tokens": float(curves.schedule_tokens[run]) if is_known else None,
        "points": int(curves.lengths[run]),
        "loss": float(curve.loss[-1]),
        "noise": None if curve.is_joined else float(curve.noise[-1]),
    }


def _judged(found: CurveComparison) -> list[PairRace]:
    """Return the races that say whether the smaller of two sizes, trained for longer, would have won."""
    params = found.curves.params
    return [
        one
        for one in found.races
        if one.race.axis in COMPUTE and one.pair.is_asked and params[one.pair.a] != params[one.pair.b]
    ]


def _verdict_dict(found: CurveComparison, one: PairRace) -> dict[str, object]:
    """Return one entry of ``verdicts``: who is ahead at the end of the overlap, and what that answers.

    ``alike_until`` is the last position at which the two compare like for like, ``answer_alike`` the answer
    there; both null where there is none.
    """
    smaller, larger = _smaller_first(found, one)
    names = found.curves.names
    alike = one.alike_until
    return {
        "axis": one.race.axis,
        "smaller": names[smaller],
        "larger": names[larger],
        "at": one.race.overlap[1],
        "smaller_ahead": _ahead(found, one, one.race.overlap[1]),
        "answer": _answer(found, one),
        "is_suspect": one.is_end_suspect,
        "alike_until": alike,
        "answer_alike": None if alike is None else _ahead(found, one, alike),
    }


def _smaller_first(found: CurveComparison, one: PairRace) -> tuple[int, int]:
    a, b = one.pair.a, one.pair.b
    return (a, b) if found.curves.params[a] < found.curves.params[b] else (b, a)


def _ahead(found: CurveComparison, one: PairRace, position: float) -> str:
    """Return ``yes``, ``no`` or ``level``: whether the smaller one leads at a position."""
    leader = one.race.leader_at(position)
    if leader == LEVEL:
        return LEVEL_WORD
    return "yes" if (one.pair.a, one.pair.b)[leader] == _smaller_first(found, one)[0] else "no"


def _answer(found: CurveComparison, one: PairRace) -> str:
    """Return whether the smaller one has won where the first curve ends, if that can be told."""
    return _ahead(found, one, one.race.overlap[1]) if one.is_told else NOT_TOLD


def _row(found: CurveComparison, one: PairRace) -> dict[str, Cell]:
    """Return one line of CSV: a race; crossings and suspect parts are lists with semicolons."""
    race, (a, b) = one.race, _names_of(found, one)
    return {
        "axis": race.axis,
        "a": a,
        "b": b,
        "overlap_low": race.overlap[0],
        "overlap_high": race.overlap[1],
        "leader_at_start": _name((a, b), race.stretches[0].leader),
        "crossings": ";".join(repr(stretch.start) for stretch in race.crossings),
        "leaders_after": ";".join(_name((a, b), stretch.leader) for stretch in race.crossings),
        "leader_share_a": race.share(0),
        "leader_share_b": race.share(1),
        "level_share": race.share(LEVEL),
        "end_gap": race.end_gap,
        "end_noise": race.end_noise,
        "suspect_from": min((part.start for part in one.suspects), default=None),
        "suspect_to": max((part.end for part in one.suspects), default=None),
        "decayed": (a, b)[one.suspects[0].decayed] if one.suspects else None,
    }


def _sections(found: CurveComparison) -> Iterator[Table | Record]:
    """Return what a person reads: the verdict, the leaders, the races axis by axis, the laws."""
    judged = _judged(found)
    if judged:
        yield _verdict_record(found, judged)
        yield _verdict_table(found, judged)
    if found.leaders:
        yield _leader_table(found)
    axes = [(axis, list(races)) for axis, races in groupby(found.races, key=lambda one: one.race.axis)]
    for axis, races in axes:
        yield _race_table(found, axis, races, is_last=axis == axes[-1][0])
    for law, ones in groupby(found.beside, key=lambda one: one.law):
        yield beside_table(found, law, list(ones))


def _verdict_record(found: CurveComparison, judged: Sequence[PairRace]) -> Record:
    """Return the answers in a line for each axis: which of the smaller ones have won at the end."""
    fields = []
    for axis, races in groupby(judged, key=lambda one: one.race.axis):
        said: dict[str, list[str]] = {}
        for one in sorted(races, key=lambda one: _ANSWERS.index(_answer(found, one))):
            smaller, larger = (found.curves.names[run] for run in _smaller_first(found, one))
            said.setdefault(_answer(found, one), []).append(f"{smaller} (for {larger})")
        total = sum(map(len, said.values()))
        texts = [
            f"{answer}: {f'{len(pairs)} of {total} pairs' if total > MOST_ANSWERS else ', '.join(pairs)}"
            for answer, pairs in said.items()
        ]
        fields.append((f"equal {AXIS_WORDS[axis]}", "; ".join(texts)))
    return Record(QUESTION, tuple(fields))


def _verdict_table(found: CurveComparison, judged: Sequence[PairRace]) -> Table:
    """Return the smaller against the larger where both end, and as long as they compare like for like."""
    rows: list[tuple[str, ...]] = []
    groups = set()
    for one in judged:
        smaller, larger = (found.curves.names[run] for run in _smaller_first(found, one))
        axis, alike, end = one.race.axis, one.alike_until, one.race.overlap[1]
        if rows and judged[len(rows) - 1].race.axis != axis:
            groups.add(len(rows))
        rows.append(
            (
                AXIS_WORDS[axis],
                smaller,
                larger,
                _at(axis, end),
                _ahead(found, one, end),
                "nowhere" if alike is None else "the end" if alike == end else _at(axis, alike),
                UNKNOWN if alike is None else _ahead(found, one, alike),
            )
        )
    return Table(
        headings=("equal", "smaller", "larger", "up to", "ahead", "alike at", "ahead there"),
        rows=tuple(rows),
        is_text=frozenset({0, 1, 2, 4, 6}),
        groups=frozenset(groups),
        caption=(
            "Whether the smaller is ahead where the first curve ends, and at the last place where both are "
            f"as far along their schedules (learning rates of a cosine within {format_share(SAME_RATE)} of "
            "the maximum). Elsewhere a lead of the one further along tells nothing: the other would still "
            "come down."
        ),
    )


def _leader_table(found: CurveComparison) -> Table:
    """Return who leads among all runs, axis by axis."""
    rows: list[tuple[str, ...]] = []
    groups = set()
    for axis, stretches in found.leaders.items():
        groups.add(len(rows))
        for number, one in enumerate(stretches):
            rows.append(
                (
                    AXIS_WORDS[axis] if not number else "",
                    _at(axis, one.start),
                    _at(axis, one.end),
                    _name(found.curves.names, one.leader),
                    _loss(one.lead),
                    _how(found.curves.names, one),
                )
            )
    return Table(
        headings=("equal", "from", "to", "leads", "by up to", ""),
        rows=tuple(rows),
        is_text=frozenset({0, 3, 5}),
        groups=frozenset(groups),
        caption="Who leads of all runs that are there; by up to: over the next best, in nats per token."
        if found.loss_unit == NATS
        else f"Who leads of all runs that are there; by up to: over the next best, in {found.loss_unit}.",
    )


def _how(names: Sequence[str], one: Stretch) -> str:
    """Say how a stretch of the leader table comes about; of a level one, between whom."""
    if one.leader == LEVEL:
        shown = [names[run] for run in one.front[:NAMED]]
        more = len(one.front) - len(shown)
        return f"{', '.join(shown)} and {more} more" if more else " and ".join(shown)
    return {
        "start": "from the start",
        "passed": f"passes {_name(names, one.other)}",
        "clear": "draws clear",
        "ended": f"{_name(names, one.other)} has ended",
        "joined": "begins ahead",
        "level": "",
    }[one.change]


def _race_table(found: CurveComparison, axis: AxisName, races: Sequence[PairRace], *, is_last: bool) -> Table:
    """Return the races on one axis: a row for each stretch, the end of the last one with the gap there."""
    rows: list[tuple[str, ...]] = []
    groups = set()
    for one in races:
        groups.add(len(rows))
        a, b = _names_of(found, one)
        for number, stretch in enumerate(one.race.stretches):
            is_end = number + 1 == len(one.race.stretches)
            rows.append(
                (
                    f"{a} : {b}" if not number else "",
                    _at(axis, stretch.start),
                    _at(axis, stretch.end),
                    _name((a, b), stretch.leader),
                    _loss(stretch.lead),
                    f"{one.race.end_gap:+.4f}" if is_end else "",
                    _suspect(axis, one, stretch),
                )
            )
    has_more_rows = len(rows) > len(races)
    share = format_share(FINAL_SHARE)
    caption = (
        f"Losses are smoothed, and a lead counts where it is kept above {format_number(CLEAR)} deviations of "
        "the curves' local noise, else the two are level. By up to: the widest gap; end gap: the first minus "
        f"the second where the first curve ends. Suspect: from there one is in the last {share} of its "
        "schedule, the other is not, and does not lead."
    )
    return Table(
        headings=(f"equal {AXIS_WORDS[axis]}", "from", "to", "leads", "by up to", "end gap", "suspect from"),
        rows=tuple(rows),
        is_text=frozenset({0, 3}),
        groups=frozenset(groups) if has_more_rows else frozenset(),
        caption=caption if is_last else "",
    )


def _suspect(axis: AxisName, one: PairRace, stretch: Stretch) -> str:
    """Return from where on a stretch is suspect, blank where it is not."""
    starts = [part.start for part in one.suspects if stretch.start <= part.start < stretch.end]
    return _at(axis, starts[0]) if starts else ""


def _loss(value: float) -> str:
    return f"{value:.4f}"


def _at(axis: AxisName, position: float) -> str:
    """Write a position in the unit of its axis."""
    return format_flops(position, 3) if axis == "flops" else format_count(position, 3)
