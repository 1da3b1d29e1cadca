"""Which runs are raced against each other: neighbouring sizes, all pairs of a few runs, or those named."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product

from scaling_cli.curves import Curves
from scaling_cli.errors import UsageError
from scaling_cli.fitting.edges import SAME_SIZE
from scaling_cli.fitting.envelope_checks import SAME_SCHEDULE
from scaling_cli.fitting.trace import FINAL_SHARE
from scaling_cli.names import nearest
from scaling_cli.planning.race import AxisName
from scaling_cli.planning.race_schedules import schedule_end

MOST_RUNS = 8
"""Up to so many runs every pair is raced: 28 of them."""

NEAREST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs by their index; ``is_asked`` where the question is of these two: neighbours, or named."""

    a: int
    b: int
    is_asked: bool


def by_size(curves: Curves) -> list[int]:
    """Return the runs in order: of size, of the tokens they were trained on, of their names."""
    tokens = curves.last_tokens
    return sorted(
        range(len(curves)), key=lambda run: (float(curves.params[run]), float(tokens[run]), curves.names[run])
    )


def choose_pairs(curves: Curves, named: Sequence[str] = (), axis: AxisName = "tokens") -> tuple[Pair, ...]:
    """Return the pairs ``named`` (``A:B``, in that order), else neighbouring sizes, and the rest of few runs.

    The smaller size comes first, of one size the shorter run. Where several runs are of one size, neighbours
    are the two whose schedules end nearest to each other on the axis: runs that end together compare like
    for like. Raises ``UsageError`` for a name that no run has, or several might have.
    """
    if named:
        pairs = (_find_pair(curves, text) for text in named)
        return tuple(dict.fromkeys(Pair(a, b, is_asked=True) for a, b in pairs))
    order = by_size(curves)
    groups: list[list[int]] = []
    for run in order:
        least = float(curves.params[groups[-1][0]]) if groups else 0.0
        if groups and float(curves.params[run]) <= least * (1 + SAME_SIZE):
            groups[-1].append(run)
        else:
            groups.append([run])
    if len(groups) > 1:
        neighbours = [_nearest_ends(curves, *two, axis) for two in pairwise(groups)]
    else:
        neighbours = list(pairwise(order))
    asked = [Pair(a, b, is_asked=True) for a, b in neighbours]
    if len(order) > MOST_RUNS:
        return tuple(asked)
    return (
        *asked,
        *(Pair(a, b, is_asked=False) for a, b in combinations(order, 2) if (a, b) not in neighbours),
    )


def _nearest_ends(curves: Curves, ones: list[int], others: list[int], axis: AxisName) -> tuple[int, int]:
    """Return the run of each group whose schedules end together; of several such pairs the longest.

    Runs that got to the end of their schedules come first, where there are any.
    """
    ends = {run: schedule_end(curves, run, axis) for run in (*ones, *others)}

    def finished(runs: list[int]) -> list[int]:
        last, schedule = curves.last_tokens, curves.schedule
        return [run for run in runs if last[run] >= (1 - FINAL_SHARE) * schedule[run]] or runs

    def apart(pair: tuple[int, int]) -> float:
        low, high = sorted(ends[run] for run in pair)
        return high / low if low > 0 else math.inf

    pairs = list(product(finished(ones), finished(others)))
    # ends as near as the nearest, to what counts as one length, are as good
    most = min(map(apart, pairs)) * (1 + SAME_SCHEDULE)
    together = [pair for pair in pairs if apart(pair) <= most] or pairs
    return max(together, key=lambda pair: (sum(ends[run] for run in pair), -apart(pair)))


def find_run(curves: Curves, name: str) -> int:
    """Return the run called so, ignoring case, spaces, hyphens and the like; its last words may do.

    ``7b`` is llama1-7B where no other run ends in it. Raises ``UsageError`` with the nearest names.
    """
    if name in curves.names:
        return curves.names.index(name)
    words = _words(name)
    known = [_words(other) for other in curves.names]
    same = [run for run, other in enumerate(known) if other == words]
    fitting = same or [run for run, other in enumerate(known) if words and other[-len(words) :] == words]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        candidates = ", ".join(curves.names[run] for run in fitting)
        raise UsageError(f"--pair: {name!r} may be {candidates}", hint="write one of them whole")
    raise UsageError(f"--pair: no run is called {name!r}", hint=_nearest_names(curves, name))


def _find_pair(curves: Curves, text: str) -> tuple[int, int]:
    """Return the runs of ``A:B``; a name may hold a colon itself."""
    parts = text.split(":")
    if len(parts) < 2 or not all(part.strip() for part in (parts[0], parts[-1])):
        raise UsageError(
            f"--pair: {text!r} is not A:B", hint="write it like --pair 7B:13B, names of two runs"
        )
    splits = [(":".join(parts[:i]).strip(), ":".join(parts[i:]).strip()) for i in range(1, len(parts))]
    # of a name with colons the split is right that gives two runs
    known = [split for split in splits if all(name in curves.names for name in split)]
    a, b = (find_run(curves, name) for name in (known or splits)[0])
    if a == b:
        raise UsageError(f"--pair: {text!r} names one run twice", hint="a race is between two runs")
    return a, b


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:\.\d+)?\w?", name.lower())


def _nearest_names(curves: Curves, name: str) -> str:
    """Say which names are most like the one that was written, or which there are."""
    left = list(curves.names)
    near: list[str] = []
    while len(near) < NEAREST_SHOWN and (found := nearest(name, left)):
        near.append(found)
        left.remove(found)
    if near:
        return f"did you mean {' or '.join(near)}?"
    more = f" and {len(left) - MOST_RUNS} more" if len(left) > MOST_RUNS else ""
    return f"the runs are {', '.join(curves.names[:MOST_RUNS])}{more}"
