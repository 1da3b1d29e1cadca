"""What cannot be had together: the smallest sets of limits in conflict, and the way out of each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from scaling_cli.planning.constrained.limits import Limit, TargetLoss, UniqueTokens
from scaling_cli.planning.constrained.solver import Problem, is_feasible

MOST_IN_A_SET = 3
"""Each limit leaves a convex set of (log N, log D), and of convex sets in the plane that have no point in
common three have none already (Helly's theorem). Unique tokens move that of the loss."""

WIDEST_LOG = 64.0
"""A limit is loosened by at most e^64 = 1e28."""

HALVINGS = 40
"""Of at most e^64, these leave 6e-11 of a value: more digits than are shown."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Limits that contradict each other, and for each the value at which the others of the set go with it.

    No limit outside the set is in force then; ``None`` where no value helps.
    """

    limits: tuple[Limit, ...]
    nearest: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class WaysOut:
    """What makes the whole plan feasible, all that is not named staying as it is.

    Pairs of a limit and the limit that would do. ``single`` are those of which one alone is enough;
    ``together`` are one of each set, enough where all of them move, empty where there is but one set.
    """

    single: tuple[tuple[Limit, Limit], ...]
    together: tuple[tuple[Limit, Limit], ...] = ()


def find_conflicts(problem: Problem) -> tuple[Conflict, ...]:
    """Return the smallest sets of limits no plan keeps to, none of them part of another."""
    found: list[tuple[Limit, ...]] = []
    data = [limit for limit in problem.limits if isinstance(limit, UniqueTokens)]
    # what data there are moves the loss that the other limits meet: it comes on top of three
    for size in range(1, MOST_IN_A_SET + len(data) + 1):
        for chosen in combinations(problem.limits, size):
            if _is_beyond(chosen, data) or any(set(smaller) <= set(chosen) for smaller in found):
                continue
            if not is_feasible(problem.under(chosen)):
                found.append(chosen)
    if not found:
        found = [problem.limits]
    return tuple(
        Conflict(chosen, tuple(_nearest(problem.under(chosen), one) for one in chosen)) for chosen in found
    )


def _is_beyond(chosen: tuple[Limit, ...], data: Sequence[Limit]) -> bool:
    """Say whether a set is no set: epochs without what they are of, or too many without the data."""
    if any(limit in chosen for limit in data):
        return False
    return len(chosen) > MOST_IN_A_SET or any(one.is_counted_in(limit) for one in chosen for limit in data)


def find_ways_out(problem: Problem, conflicts: Sequence[Conflict]) -> WaysOut:
    """Return what makes a plan feasible that has these conflicts, every value tried under all limits."""
    shared = [limit for limit in conflicts[0].limits if all(limit in one.limits for one in conflicts)]
    single = tuple((limit, found[0]) for limit in shared if (found := _loosen(problem, {limit: limit.value})))
    return WaysOut(single, _together(problem, conflicts))


def _together(problem: Problem, conflicts: Sequence[Conflict]) -> tuple[tuple[Limit, Limit], ...]:
    """Return one limit of each set, not the target where another is there, at values that hold together.

    From the values that each set needs alone they are loosened by one factor, as far as it takes.
    """
    needed: dict[Limit, float] = {}
    for conflict in conflicts:
        ways = [pair for pair in zip(conflict.limits, conflict.nearest, strict=True) if pair[1] is not None]
        ways.sort(key=lambda pair: isinstance(pair[0], TargetLoss))
        if not ways:
            return ()
        limit, value = ways[0]
        assert value is not None
        farthest = max if _goes_up(limit) else min
        needed[limit] = farthest(needed.get(limit, limit.value), value)
    found = _loosen(problem, needed) if len(needed) > 1 else None
    return tuple(zip(needed, found, strict=True)) if found else ()


def _nearest(problem: Problem, limit: Limit) -> float | None:
    """Return the value of one limit from which on a plan is feasible."""
    found = _loosen(problem, {limit: limit.value})
    return found[0].value if found else None


def _goes_up(limit: Limit) -> bool:
    """Say whether a larger value leaves more room."""
    return limit.is_most or isinstance(limit, TargetLoss)


def _loosen(problem: Problem, begun: Mapping[Limit, float]) -> tuple[Limit, ...] | None:
    """Return limits that make the problem feasible, on its safe side: from these values on by one factor."""

    def loosened(by: float) -> tuple[Limit, ...]:
        return tuple(
            limit.at(value * math.exp(by if _goes_up(limit) else -by)) for limit, value in begun.items()
        )

    def is_enough(by: float) -> bool:
        return is_feasible(_moved(problem, dict(zip(begun, loosened(by), strict=True))))

    if is_enough(0.0):
        return loosened(0.0)
    near, far = 0.0, 1.0
    while not is_enough(far):
        near, far = far, 2 * far
        if far > WIDEST_LOG:
            return None
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        if is_enough(middle):
            far = middle
        else:
            near = middle
    return loosened(far)


def _moved(problem: Problem, new: Mapping[Limit, Limit]) -> Problem:
    """Return the problem with limits at new values; unique tokens last, for epochs are counted in them."""
    for limit in sorted(new, key=lambda one: isinstance(one, UniqueTokens)):
        problem = problem.at(limit, new[limit].value)
    return problem
