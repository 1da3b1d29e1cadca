"""Learning curves as races: at equal tokens, FLOPs and GPU-hours, with the leads that are suspect."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from scaling_cli.curves import Curves
from scaling_cli.errors import InputError
from scaling_cli.findings import Finding
from scaling_cli.fitting.envelope_checks import SAME_SCHEDULE, find_assumed_schedule
from scaling_cli.fitting.local_regression import LEAST_NOISE, LEAST_POINTS
from scaling_cli.fitting.trace import FINAL_SHARE
from scaling_cli.laws.card import NATS, LawCard
from scaling_cli.planning.race import (
    AXES,
    CLEAR,
    LEVEL,
    AxisName,
    Race,
    Runner,
    Stretch,
    find_leaders,
    make_runner,
    race,
)
from scaling_cli.planning.race_law import RunBesideLaw, beside_law, usable_law
from scaling_cli.planning.race_pairs import MOST_RUNS, Pair, by_size, choose_pairs
from scaling_cli.planning.race_schedules import find_alike
from scaling_cli.units import format_number, format_share

COMPUTE: tuple[AxisName, ...] = ("flops", "gpu_hours")
"""The axes on which the smaller of two models is trained for longer."""

AXIS_WORDS: Mapping[AxisName, str] = {"tokens": "tokens", "flops": "FLOPs", "gpu_hours": "GPU-hours"}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A part of a race where one run had finished its decay, ``decayed`` (0 or 1), and the other had not.

    ``leader`` is the one that had decayed or ``LEVEL``: a lead of the other one would only have widened.
    Ends in the unit of the axis.
    """

    start: float
    end: float
    leader: int
    decayed: int


@dataclass(frozen=True, slots=True, eq=False)
class PairRace:
    """The race of a pair, its suspect parts, and how far it compares like for like.

    ``alike_until`` is the last position of the overlap at which both are as far along their decay, in the
    unit of the axis, None where there is none; ``further`` is the run (0 or 1) that is further along at the
    end, None where neither is.
    """

    pair: Pair
    race: Race
    suspects: tuple[Suspect, ...]
    alike_until: float | None
    further: int | None

    @property
    def is_told(self) -> bool:
        """Whether the end of the overlap says who wins: like for like, or the one less far along leads."""
        return self.further is None or self.race.stretches[-1].leader == 1 - self.further

    @property
    def is_end_suspect(self) -> bool:
        """Whether at the end of the overlap a run that had decayed does not trail one that had not."""
        return bool(self.suspects) and self.suspects[-1].end == self.race.overlap[1]


def is_later(second: float, first: float) -> bool:
    """Say whether a decay ends later than another: schedules within ``SAME_SCHEDULE`` are of one length."""
    return second > first * (1 + SAME_SCHEDULE)


@dataclass(frozen=True, slots=True, eq=False)
class CurveComparison:
    """Curves against each other: every race, who leads where, and the runs beside laws.

    ``leaders`` name runs by their index in ``curves`` and are there for three runs and more, where no pairs
    were named. ``name`` is the file's, ``level`` that of the laws' intervals.
    """

    curves: Curves
    name: str
    runners: tuple[Runner, ...]
    races: tuple[PairRace, ...]
    leaders: Mapping[AxisName, tuple[Stretch, ...]]
    beside: tuple[RunBesideLaw, ...]
    laws: tuple[LawCard, ...]
    level: float
    loss_unit: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class CurvesRead:
    """What is known of the file that the curves are from."""

    name: str = "curves"
    params_definition: str = "total"
    loss_unit: str = NATS
    findings: tuple[Finding, ...] = field(default=())


def compare_curves(
    curves: Curves,
    read: CurvesRead,
    *,
    pairs: Sequence[str] = (),
    cards: Sequence[LawCard] = (),
    level: float = 0.9,
    progress: Callable[[int], None] = lambda done: None,
) -> CurveComparison:
    """Race learning curves at equal tokens, equal 6 N D and equal GPU-hours, where those are known.

    ``pairs`` name the races wanted (``A:B``), else all of up to eight runs, and of more the neighbouring
    sizes. ``cards`` are laws to set every run beside, with intervals at ``level``. Losses in nats per token,
    or whatever ``read`` says. ``progress`` is told of every run that was smoothed. Raises ``InputError`` for
    a single run without a law, ``UsageError`` for names that no run has and laws that do not fit.
    """
    if len(curves) < 2 and not cards:
        hint = "name a law to set it beside, --law law.json, or a file with more runs"
        raise InputError(f"{read.name}: a race needs two runs, found {curves.names[0]} alone", hint=hint)
    chosen = {axis: choose_pairs(curves, pairs, axis) for axis in AXES}
    usable = [
        usable_law(card, loss_unit=read.loss_unit, params_definition=read.params_definition) for card in cards
    ]
    runners = []
    for run in range(len(curves)):
        runners.append(make_runner(curves, run))
        progress(1)
    races = [
        _judge(curves, runners, pair, found)
        for axis in AXES
        for pair in chosen[axis]
        if (found := race(runners[pair.a], runners[pair.b], axis))
    ]
    order = [runners[run] for run in by_size(curves)]
    beside: list[RunBesideLaw] = []
    law_findings = _find_taken_for_decayed(curves, cards)
    for card, noticed in usable:
        ones, extrapolated = beside_law(curves, order, card, level)
        beside += ones
        law_findings += [*noticed, *extrapolated]
    return CurveComparison(
        curves=curves,
        name=read.name,
        runners=tuple(runners),
        races=tuple(races),
        leaders=_leaders(order) if len(order) > 2 and not pairs else {},
        beside=tuple(beside),
        laws=tuple(card for card, _ in usable),
        level=level,
        loss_unit=read.loss_unit,
        findings=tuple(
            dict.fromkeys([*read.findings, *_findings(curves, runners, chosen, races, pairs), *law_findings])
        ),
    )


def _leaders(order: Sequence[Runner]) -> dict[AxisName, tuple[Stretch, ...]]:
    """Return who leads on each axis, by the index of the run."""
    number = [runner.index for runner in order] + [LEVEL]
    return {
        axis: tuple(
            replace(
                one,
                leader=number[one.leader],
                other=number[one.other],
                front=tuple(number[run] for run in one.front),
            )
            for one in stretches
        )
        for axis in AXES
        if (stretches := find_leaders(order, axis))
    }


def _judge(curves: Curves, runners: Sequence[Runner], pair: Pair, found: Race) -> PairRace:
    """Find where one of the two had decayed, the other had not, and a lead of the first is suspect for it."""
    ends = [(1 - FINAL_SHARE) * float(curves.schedule[run]) for run in (pair.a, pair.b)]
    a, b = (
        runners[run].position_of(found.axis, end) for run, end in zip((pair.a, pair.b), ends, strict=True)
    )
    decayed, low, high = (0, a, b) if a < b else (1, b, a)
    parts = (
        (max(one.start, low), min(one.end, high), one.leader)
        for one in found.stretches
        if one.leader in (decayed, LEVEL)
    )
    suspects = tuple(Suspect(start, end, leader, decayed) for start, end, leader in parts if start < end)
    alike_until, further = find_alike(curves, runners[pair.a], runners[pair.b], found.axis, found.overlap)
    return PairRace(pair, found, suspects if is_later(high, low) else (), alike_until, further)


def _findings(
    curves: Curves,
    runners: Sequence[Runner],
    chosen: Mapping[AxisName, Sequence[Pair]],
    races: Sequence[PairRace],
    named: Sequence[str],
) -> list[Finding]:
    """Say what limits the comparison."""
    found = (
        find_assumed_schedule(curves),
        _find_suspects(curves, races),
        _find_coarse(curves, runners),
        _find_backward_hours(curves, runners),
        _find_apart(curves, runners, chosen, races),
        _find_unraced(curves, named),
    )
    return [finding for finding in found if finding]


def _find_suspects(curves: Curves, races: Sequence[PairRace]) -> Finding | None:
    suspect = [one for one in races if one.suspects]
    if not suspect:
        return None
    decayed = dict.fromkeys(
        curves.names[(one.pair.a, one.pair.b)[part.decayed]] for one in suspect for part in one.suspects
    )
    message = (
        f"in {len(suspect)} of {len(races)} races one run had finished its learning-rate decay (the last "
        f"{format_share(FINAL_SHARE)} of its schedule) and leads or is level on a part where the other had "
        "not: suspect, for that other one would still have come down"
    )
    return Finding("suspect-lead", "warning", message, tuple(decayed))


def _find_coarse(curves: Curves, runners: Sequence[Runner]) -> Finding | None:
    coarse = [curves.names[runner.index] for runner in runners if runner.curve.is_joined]
    if not coarse:
        return None
    their = "their" if len(coarse) > 1 else "its"
    message = (
        f"{_count(len(coarse), 'curve')} of fewer than {LEAST_POINTS} points: joined by straight lines, and "
        f"{their} noise is not known, so that {format_number(CLEAR * 2**0.5 * LEAST_NOISE, 1)} is a lead"
    )
    return Finding("coarse-curve", "warning", message, tuple(coarse))


def _find_backward_hours(curves: Curves, runners: Sequence[Runner]) -> Finding | None:
    """Warn of hours that do not rise along a run."""
    if curves.gpu_hours is None:
        return None
    without = [curves.names[runner.index] for runner in runners if "gpu_hours" not in runner.positions]
    if not without:
        return None
    several = len(without) > 1
    message = (
        f"the GPU-hours of {_count(len(without), 'run')} do not rise with {'their' if several else 'its'} "
        f"tokens: {'they are' if several else 'it is'} not raced at equal GPU-hours"
    )
    return Finding("gpu-hours-go-back", "warning", message, tuple(without))


def _find_apart(
    curves: Curves,
    runners: Sequence[Runner],
    chosen: Mapping[AxisName, Sequence[Pair]],
    races: Sequence[PairRace],
) -> Finding | None:
    """Say which pairs share no part of an axis that both are on."""
    raced = {(one.race.axis, one.pair) for one in races}
    apart = [
        (axis, pair)
        for axis in AXES
        for pair in chosen[axis]
        if (axis, pair) not in raced and all(axis in runners[run].positions for run in (pair.a, pair.b))
    ]
    if not apart:
        return None
    said = [
        f"{' and '.join(f'{curves.names[pair.a]}:{curves.names[pair.b]}' for _, pair in pairs)} at equal "
        f"{AXIS_WORDS[axis]}"
        for axis, pairs in groupby(apart, key=lambda one: one[0])
    ]
    message = f"no race where one curve ends before the other begins: {'; '.join(said)}"
    return Finding("no-overlap", "info", message)


def _find_unraced(curves: Curves, named: Sequence[str]) -> Finding | None:
    if len(curves) <= MOST_RUNS or named:
        return None
    message = (
        f"of {len(curves)} runs only neighbouring sizes are raced, by the runs whose schedules end nearest "
        "to each other: --pair A:B races others"
    )
    return Finding("neighbours-only", "info", message)


def _find_taken_for_decayed(curves: Curves, cards: Sequence[LawCard]) -> list[Finding]:
    """Warn of runs that are set beside a law as if they were over."""
    import numpy as np

    unknown = np.isnan(curves.schedule_tokens)
    if not cards or not unknown.any():
        return []
    message = (
        f"the last row of {_count(int(unknown.sum()), 'run')} is taken for the end of a decay: of a job that "
        "still runs a column schedule_tokens must say where it will end"
    )
    names = tuple(name for name, is_unknown in zip(curves.names, unknown.tolist(), strict=True) if is_unknown)
    return [Finding("taken-for-decayed", "warning", message, names)]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
