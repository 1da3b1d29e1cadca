"""What cannot be had together: the smallest sets of limits in conflict, and the way out of each."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from scaling_cli.planning.constrained.limits import Limit, TargetLoss, UniqueTokens
from scaling_cli.planning.constrained.solver import Problem, is_feasible

MOST_IN_A_SET = 3
"""Each limit leaves a convex set of (log N, log D), and of convex sets in the plane that have no point in
common three have none already (Helly's theorem)."""

WIDEST_LOG = 64.0
"""A limit is loosened by at most e^64 = 1e28."""

HALVINGS = 40
"""Of at most e^64, these leave 6e-11 of a value: more digits than are shown."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Limits that contradict each other, and for each the value at which a plan becomes feasible.

    That is with all other limits as they are, or where these contradict each other too, with the rest of
    the set; ``None`` where no value helps. ``is_alone`` where the whole plan is feasible then.
    """

    limits: tuple[Limit, ...]
    nearest: tuple[float | None, ...]


def find_conflicts(problem: Problem) -> tuple[Conflict, ...]:
    """Return the smallest sets of limits no plan keeps to, none of them part of another."""
    found: list[tuple[Limit, ...]] = []
    # what data there are changes the loss; it forbids nothing
    limits = [limit for limit in problem.limits if not isinstance(limit, UniqueTokens)]
    always = tuple(limit for limit in problem.limits if isinstance(limit, UniqueTokens))
    for size in range(1, MOST_IN_A_SET + 1):
        for chosen in combinations(limits, size):
            if any(set(smaller) <= set(chosen) for smaller in found):
                continue
            if not is_feasible(problem.under((*chosen, *always))):
                found.append(chosen)
    if not found:
        found = [tuple(limits)]
    return tuple(
        Conflict(chosen, tuple(_nearest(problem, chosen, one) for one in chosen)) for chosen in found
    )


def _nearest(problem: Problem, chosen: tuple[Limit, ...], limit: Limit) -> float | None:
    """Return the value of one limit from which on a plan is feasible, others of the set as they are."""
    for others in _companions(problem, chosen, limit):
        if is_feasible(problem.under(others)):
            return _loosen(problem.under((*others, limit)), limit)
    return None


def _companions(problem: Problem, chosen: tuple[Limit, ...], limit: Limit) -> Iterator[tuple[Limit, ...]]:
    """Give all other limits, then those of the set alone."""
    yield tuple(other for other in problem.limits if other is not limit)
    yield tuple(
        other
        for other in problem.limits
        if other is not limit and (other in chosen or isinstance(other, UniqueTokens))
    )


def _loosen(problem: Problem, limit: Limit) -> float | None:
    """Return the least change of a limit that makes the problem feasible, to a rounding, on its safe side."""
    direction = 1.0 if limit.is_most or isinstance(limit, TargetLoss) else -1.0

    def loosened(by: float) -> float:
        return limit.value * math.exp(direction * by)

    near, far = 0.0, 1.0
    while not is_feasible(problem.at(limit, loosened(far))):
        near, far = far, 2 * far
        if far > WIDEST_LOG:
            return None
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        if is_feasible(problem.at(limit, loosened(middle))):
            far = middle
        else:
            near = middle
    return loosened(far)
