"""Laws against each other: what more compute buys, and what following one wastes if another is true."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from scaling_cli.laws.card import LawCard, Range
from scaling_cli.laws.conversion import as_published, in_total_params, is_comparable
from scaling_cli.laws.law import Allocates, Law, PredictsLoss
from scaling_cli.planning.allocation import Allocation, allocate_all
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import wasted_share
from scaling_cli.planning.solve import solve

FACTORS = (10.0, 100.0, 1000.0)
"""How many times the compute the multipliers are of."""

ROUNDING = 1e-9
"""A wasted share below this is the rounding of two losses that are the same, as a law's own optimum has."""

NO_LOSS = "law-has-no-loss"
NO_ALLOCATION = "law-has-no-allocation"
OUT_OF_RANGE = "out-of-range"


@dataclass(frozen=True, slots=True)
class Multiplier:
    """``params`` and ``tokens`` are what N_opt and D_opt grow by from ``flops`` to ``factor`` times as much.

    ``None`` where the law divides no budget. ``intervals`` are of the law's draws.
    """

    law: str
    flops: float
    factor: float
    params: float | None = None
    tokens: float | None = None
    intervals: dict[str, Range] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WasteMatrix:
    """``values[k][i][j]`` is the share of ``flops[k]`` that law i's plan wastes if law j is true.

    The plan is N of law i and D = C/(6 N). ``None`` where law i divides no budget or law j has no loss;
    ``reasons`` says which, as (law, ``followed`` or ``true``, a finding's id). ``intervals`` has the same
    shape, from the draws of law j.
    """

    laws: tuple[str, ...]
    flops: tuple[float, ...]
    values: tuple[tuple[tuple[float | None, ...], ...], ...]
    intervals: tuple[tuple[tuple[Range | None, ...], ...], ...]
    reasons: tuple[tuple[str, str, str], ...]

    @property
    def possible(self) -> tuple[int, ...]:
        """The laws under which some plan's waste can be told."""
        columns = range(len(self.laws))
        return tuple(j for j in columns if any(row[j] is not None for rows in self.values for row in rows))

    @property
    def has_intervals(self) -> bool:
        """Whether any law has draws."""
        return any(ends for budget in self.intervals for row in budget for ends in row)


@dataclass(frozen=True, slots=True)
class LawComparison:
    """Laws in one convention: multipliers, plans at every budget, and what following the wrong one wastes."""

    cards: tuple[LawCard, ...]
    allocations: tuple[Allocation, ...]
    multipliers: tuple[Multiplier, ...]
    waste: WasteMatrix
    level: float


def compare_laws(
    cards: Sequence[LawCard], budgets: Sequence[float], *, level: float = 0.9, convert: bool = True
) -> LawComparison:
    """Compare laws at budgets of C FLOPs; the multipliers start from the first of them.

    ``level`` is that of the intervals. With ``convert`` every N is made to count all parameters, and a law
    whose N cannot be is left out of the matrix; without, each keeps its own N, with a warning. Raises
    ``PlanError`` where a single law was given and divides no budget.
    """
    laws = [in_total_params(card) if convert else as_published(card) for card in cards]
    allocations = allocate_all(laws, [Question(flops=C, interval=level) for C in budgets])
    return LawComparison(
        cards=tuple(laws),
        allocations=allocations,
        multipliers=tuple(
            _multiplier(card, budgets[0], factor, level) for card in laws for factor in FACTORS
        ),
        waste=_waste_matrix(laws, budgets, allocations, level),
        level=level,
    )


def _multiplier(card: LawCard, C: float, factor: float, level: float) -> Multiplier:
    """(N_opt(factor C)/N_opt(C), D_opt(factor C)/D_opt(C)) under a law and each of its draws."""
    grown = _growth(card.law, C, factor)
    if grown is None:
        return Multiplier(card.name, C, factor)
    drawn = [growth for draw in card.draws if (growth := _growth(draw, C, factor))]
    intervals: dict[str, Range] = {}
    for name, values in zip(("params", "tokens"), zip(*drawn, strict=True), strict=False):
        ends = _interval(values, level)
        intervals |= {name: ends} if ends[0] < ends[1] else {}
    return Multiplier(card.name, C, factor, *grown, intervals)


def _growth(law: Law, C: float, factor: float) -> tuple[float, float] | None:
    if not isinstance(law, Allocates) or not math.isfinite(factor * C):
        return None
    before, after = solve(law, Question(flops=C)), solve(law, Question(flops=factor * C))
    if before.refusal or after.refusal:
        return None
    assert before.params is not None
    assert before.tokens is not None
    assert after.params is not None
    assert after.tokens is not None
    return after.params / before.params, after.tokens / before.tokens


def _waste_matrix(
    cards: Sequence[LawCard], budgets: Sequence[float], allocations: Sequence[Allocation], level: float
) -> WasteMatrix:
    """Return the waste of every plan under every law; ``allocations`` go budget by budget, law by law."""
    reasons: dict[tuple[str, str, str], None] = {}
    values, intervals = [], []
    for index in range(len(budgets)):
        plans = allocations[index * len(cards) : (index + 1) * len(cards)]
        value_rows, interval_rows = [], []
        for followed in plans:
            cells = [_cell(followed, true, level, reasons) for true in cards]
            value_rows.append(tuple(value for value, _ in cells))
            interval_rows.append(tuple(ends for _, ends in cells))
        values.append(tuple(value_rows))
        intervals.append(tuple(interval_rows))
    return WasteMatrix(
        laws=tuple(card.name for card in cards),
        flops=tuple(budgets),
        values=tuple(values),
        intervals=tuple(intervals),
        reasons=tuple(reasons),
    )


def _cell(
    followed: Allocation, true: LawCard, level: float, reasons: dict[tuple[str, str, str], None]
) -> tuple[float | None, Range | None]:
    """Return what a plan wastes under a law, and its interval; where it cannot be told, note why."""
    N, D, law = followed.params, followed.tokens, true.law
    faults = [
        (followed.card.name, "followed", _fault(followed.card, Allocates, NO_ALLOCATION)),
        (true.name, "true", _fault(true, PredictsLoss, NO_LOSS)),
    ]
    if (N is None or D is None) and not faults[0][2]:
        faults[0] = (followed.card.name, "followed", OUT_OF_RANGE)
    reasons |= {fault: None for fault in faults if fault[2]}
    if any(fault for _, _, fault in faults):
        return None, None
    assert isinstance(law, PredictsLoss)
    assert N is not None
    assert D is not None
    share = _share(law, N, D)
    draws = [draw for draw in true.draws if isinstance(draw, PredictsLoss)]
    return share, _interval([_share(draw, N, D) for draw in draws], level) if draws else None


def _fault(card: LawCard, needed: type[Law], missing: str) -> str:
    """Return why a law cannot stand in the matrix, empty where it can."""
    if not isinstance(card.law, needed):
        return missing
    return "" if is_comparable(card) else "not-comparable-params"


def _share(law: PredictsLoss, N: float, D: float) -> float:
    share = wasted_share(law, N, D)
    return 0.0 if share < ROUNDING else share


def _interval(values: Sequence[float], level: float) -> Range:
    from scaling_cli.planning.uncertainty import percentile_interval

    return percentile_interval(values, level)
