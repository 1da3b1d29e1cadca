"""The solver: limits and a goal give (N, D), by one search over log N.

At a given N every limit leaves an interval of D. Without a target loss the most tokens of it are best, with
one the fewest are cheapest, so that a plan is a point on an edge, and the edge's d log D/d log N says whether
a larger N is better. In logarithms all edges but that of the loss are concave from above or straight,
and the loss is convex along each: what is sought is the one place where that answer changes, a stationary
point of an edge, the corner of two, or an end of what is feasible. Bracketed roots find all of them alike.
"""

import math
from dataclasses import dataclass, field, replace

from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.constrained.limits import (
    Cost,
    Edge,
    Limit,
    Params,
    TargetLoss,
    Tokens,
    UniqueTokens,
)
from scaling_cli.planning.constrained.surface import Surface
from scaling_cli.planning.roots import find_root

LARGEST_LOG_PARAMS = 600.0
"""No plan has more than e^600 = 1e260 params: their tokens are still a float."""

SLACK = 1e-12
"""Limits that meet in a point (a fixed size and a fixed ratio) do so to a rounding of log D."""

STEEPEST = 1e3
"""What stands for infinite room, or none: more than the logarithm of any float."""

FEWEST_TOKENS: Edge = (1.0, 0.0)
"""Less than one token is no training."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A law and limits; the goal is the least loss, or the least ``cost`` where a target loss is a limit."""

    law: PredictsLoss
    limits: tuple[Limit, ...]
    cost: Cost
    surface: Surface = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        unique = next((limit.value for limit in self.limits if isinstance(limit, UniqueTokens)), None)
        object.__setattr__(self, "surface", Surface(self.law, unique))

    @property
    def target(self) -> TargetLoss | None:
        """The loss to be reached, where one is."""
        return next((limit for limit in self.limits if isinstance(limit, TargetLoss)), None)

    def under(self, limits: tuple[Limit, ...]) -> "Problem":
        """Return the same problem under other limits."""
        return replace(self, limits=limits)

    def without(self, limit: Limit) -> "Problem":
        """Return the problem without one of its limits; without unique tokens there are no epochs of them."""
        gone = tuple(other for other in self.limits if other is limit or other.is_counted_in(limit))
        return self.under(tuple(other for other in self.limits if other not in gone))

    def at(self, limit: Limit, value: float) -> "Problem":
        """Return the problem with another value of one of its limits, and with what is counted in it."""
        return self.under(
            tuple(
                limit.at(value)
                if other is limit
                else replace(other, unit=value)
                if isinstance(other, Tokens) and other.is_counted_in(limit)
                else other
                for other in self.limits
            )
        )


@dataclass(frozen=True, slots=True)
class _Region:
    """The (N, D) that the limits leave."""

    problem: Problem
    low: float
    high: float

    def most_tokens(self, N: float) -> Edge:
        """Return the lowest of the upper bounds on D; infinity where there is none."""
        surface = self.problem.surface
        edges = [edge for limit in self.problem.limits if (edge := limit.most_tokens(N, surface))]
        return min(edges, default=(math.inf, 0.0))

    def least_tokens(self, N: float) -> Edge:
        """Return the highest of the lower bounds on D."""
        surface = self.problem.surface
        edges = [edge for limit in self.problem.limits if (edge := limit.least_tokens(N, surface))]
        return max(edges, default=FEWEST_TOKENS) if edges and max(edges) > FEWEST_TOKENS else FEWEST_TOKENS

    def params(self, log_N: float) -> float:
        """Return N; its own ends to the last digit."""
        if log_N <= math.log(self.low):
            return self.low
        return self.high if log_N >= math.log(self.high) else math.exp(log_N)

    def room(self, log_N: float) -> float:
        """Return log(most D) - log(least D) and the slack, concave in log N: negative where no D is left."""
        N = self.params(log_N)
        most, least = self.most_tokens(N)[0], self.least_tokens(N)[0]
        if math.isinf(least) or most <= 0:
            return -STEEPEST
        return min(math.log(most) - math.log(least) + SLACK, STEEPEST) if math.isfinite(most) else STEEPEST

    def gains_room(self, log_N: float) -> bool:
        """Say whether a larger N leaves more room between the bounds on D."""
        N = self.params(log_N)
        (most, most_slope), (least, least_slope) = self.most_tokens(N), self.least_tokens(N)
        if math.isinf(least):
            return True
        return most > 0 and most_slope > least_slope


def solve_limits(problem: Problem) -> tuple[float, float] | None:
    """Return the (N, D) of least loss, or of least cost at the target loss; ``None`` where there is none."""
    ends = _feasible_sizes(problem)
    if ends is None:
        return None
    region, low, high = ends
    is_target = problem.target is not None

    def tokens(N: float) -> Edge:
        return region.least_tokens(N) if is_target else region.most_tokens(N)

    def pull(log_N: float) -> float:
        N = region.params(log_N)
        D, slope = tokens(N)
        return _pull_of_cost(problem.cost, D, slope) if is_target else _pull_of_loss(problem, N, D, slope)

    if low < high and pull(low) > 0:
        low = high if pull(high) >= 0 else find_root(pull, low, high)
    N = region.params(low)
    D = tokens(N)[0]
    return _to_the_digit(problem, N, D) if math.isfinite(D) else None


def _to_the_digit(problem: Problem, N: float, D: float) -> tuple[float, float]:
    """Return (N, D) with what lies within a rounding of a limit on it: 1T tokens are 1T."""
    for limit in problem.limits:
        match limit:
            case Params(value=most) if math.isclose(N, most, rel_tol=SLACK):
                N = most
            case Tokens(value=most, unit=unit) if math.isclose(D, most * unit, rel_tol=SLACK):
                D = most * unit
    return N, D


def is_feasible(problem: Problem) -> bool:
    """Say whether any (N, D) keeps to all limits."""
    return _feasible_sizes(problem) is not None


def _pull_of_loss(problem: Problem, N: float, D: float, slope: float) -> float:
    """Return what is positive where a larger N along an upper edge lowers the loss.

    d L/d log N = -(eps_N + slope eps_D) with eps_N/eps_D the marginal ratio: it falls while the ratio is
    larger than -slope.
    """
    if slope >= 0 or not math.isfinite(D):
        return STEEPEST
    return problem.surface.log_marginal_ratio(N, D) - math.log(-slope)


def _pull_of_cost(cost: Cost, D: float, slope: float) -> float:
    """Return what is positive where a larger N along a lower edge lowers the cost.

    d(a N D + b N)/d log N = a N D (1 + slope) + b N: it falls while -slope is larger than 1 + b/(a D).
    """
    if slope >= 0:
        return -STEEPEST
    if math.isinf(slope):
        return STEEPEST
    return math.log(-slope) - math.log1p(cost.tokens_of_serving / D)


def _feasible_sizes(problem: Problem) -> tuple[_Region, float, float] | None:
    """Return the least and the largest log N that leave a D, ``None`` where there is none."""
    ranges = [limit.params_range(problem.surface) for limit in problem.limits]
    low = max([1.0, *(low for low, _ in ranges)])
    high = min([math.exp(LARGEST_LOG_PARAMS), *(high for _, high in ranges)])
    if not low <= high * (1 + SLACK):
        return None
    region = _Region(problem, low, max(low, high))
    first, last = math.log(region.low), math.log(region.high)
    inside = _roomiest(region, first, last)
    if inside is None:
        return None
    return region, _end(region, first, inside), _end(region, last, inside)


def _roomiest(region: _Region, first: float, last: float) -> float | None:
    """Return a log N that leaves a D, by halving towards more room; ``None`` where there is none."""
    low, high = first, last
    for log_N in (first, last):
        if region.room(log_N) >= 0:
            return log_N
    while (middle := (low + high) / 2) not in (low, high):
        if region.room(middle) >= 0:
            return middle
        low, high = (middle, high) if region.gains_room(middle) else (low, middle)
    return None


def _end(region: _Region, end: float, inside: float) -> float:
    """Return how far towards ``end`` there is a D."""
    if end == inside or region.room(end) >= 0:
        return end
    return find_root(region.room, end, inside)
