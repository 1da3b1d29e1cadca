"""The runs that miss the curve of all the others of their budget, and what the budget is without them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_cli.fitting.parabola import CONSTANTS
from scaling_cli.fitting.valley import LEAST_SIZES, Point, Profile, Valley, ValleyStatus, WildRuns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

Judged = tuple[ValleyStatus, Point | None]

LEAST_BUDGETS = 3
"""The median of fewer budgets is that of a wild one, where one of them is."""

UNSURE = 2.0
"""A noise that one or two budgets have without their worst runs is too small, and nobody knows how much."""

FAR, LEAST_MISS = 5.0, 0.01
"""A run misses by five times what is usual among the budgets, and by 1 % of the loss. Of 300 simulated
studies each, of one, two, five and nine budgets of 7 runs, with normal noise of 0.3 %, 1 % and 3 %, at
most 2 % had a run that was called wild, and at most 1 % with a noise of 0.3 %."""

MOST_WILD = 0.5
"""Where more than half of the runs miss what the others have, nobody knows which of them are right."""

TRIPLES = 500
"""Parabolas through three sizes each are tried: of the triples of a budget with a third of its runs wild
30 % have none of them."""

ROUNDS = 20
"""Runs are taken in and left out until nothing changes, which is after two or three rounds."""


def mark_wild(
    valleys: Sequence[Valley], profiles: Sequence[Profile], judge_again: Callable[[Profile], Judged]
) -> list[Valley]:
    """Return the valleys with the ``wild`` runs of each; ``judge_again`` says what is left without them.

    Least squares lets one wild run drag the curve to it, so that its residual is no larger than those of
    the others. The curve of most runs is sought instead: the parabola through three of them that has the
    least median miss, then least squares through all that it does not miss, and so on.
    """
    curved = [profile for profile in profiles if profile.design is not None]
    if not curved:
        return list(valleys)
    usual = _usual_noise(curved)
    marked = []
    for valley, profile in zip(valleys, profiles, strict=True):
        wild = None if profile.design is None else _wild(profile, usual)
        marked.append(valley if wild is None else replace(valley, wild=_told(profile, wild, judge_again)))
    return marked


def _told(profile: Profile, misses: "FloatArray", judge_again: Callable[[Profile], Judged]) -> WildRuns:
    """Name the runs that miss, the furthest first; ``misses`` (n,) are zero for the others."""
    import numpy as np

    kept = misses == 0
    order = np.flatnonzero(~kept)[np.argsort(-np.abs(misses[~kept]), kind="stable")]
    rest = Profile(profile.budget, profile.runs.select(kept), profile.curve_name)
    status, vertex = judge_again(rest)
    names = tuple(profile.runs.names[i] for i in order.tolist())
    return WildRuns(names, tuple(misses[order].tolist()), status, vertex)


def _usual_noise(profiles: Sequence[Profile]) -> float:
    """Return the median over budgets of their noise, as a share of the loss.

    Of one or two budgets each is taken without its worst run, for the median of them is no protection.
    """
    import numpy as np

    found = []
    for profile in profiles:
        kept = np.ones(len(profile.runs), dtype=bool)
        if len(profiles) < LEAST_BUDGETS and profile.spare > 1:
            kept = _without_worst(profile)
        misses, _ = _least_squares(profile, kept)
        found.append(math.sqrt(float((misses[kept] ** 2).sum()) / (int(kept.sum()) - CONSTANTS)))
    return float(np.median(found)) * (1.0 if len(found) >= LEAST_BUDGETS else UNSURE)


def _without_worst(profile: Profile) -> "BoolArray":
    """Return the runs but the one without which the sum of squares e^2/(1 - h) drops the most."""
    import numpy as np

    every = np.ones(len(profile.runs), dtype=bool)
    misses, leverage = _least_squares(profile, every)
    errors = misses / (1 + misses) * profile.runs.loss
    kept: BoolArray = np.arange(len(every)) != np.argmax(errors**2 / np.maximum(1 - leverage, 1e-9))
    return kept


def _wild(profile: Profile, usual: float) -> "FloatArray | None":
    """Return how far each wild run lies from the curve of the others, (n,), 0 for these; None without any.

    The search begins at the runs without the worst one, and at those near the curve of half of them, and
    the end that leaves out fewer is taken.
    """
    import numpy as np

    if profile.spare < 2:
        return None
    every = np.ones(len(profile.runs), dtype=bool)
    ends = [_settle(profile, usual, _without_worst(profile))]
    if ends[0] is None or not ends[0].all():
        ends.append(_settle(profile, usual, _core(profile)))
    kept = max((end for end in ends if end is not None), key=np.sum, default=every)
    if kept.all():
        return None
    return np.where(kept, 0.0, _least_squares(profile, kept)[0])


def _settle(profile: Profile, usual: float, kept: "BoolArray") -> "BoolArray | None":
    """Take runs in and leave runs out until those within are those that their curve does not miss."""
    import numpy as np

    for _ in range(ROUNDS):
        if kept.sum() < MOST_WILD * len(kept) or _sizes(profile, kept) < LEAST_SIZES:
            return None
        misses, leverage = _least_squares(profile, kept)
        # a run of the fit pulls the curve to itself, and the curve is unsure where another one is
        error = usual * np.sqrt(np.where(kept, np.maximum(1 - leverage, 0.0), 1 + leverage))
        again = np.abs(misses) <= np.maximum(FAR * error, LEAST_MISS)
        if (again == kept).all():
            break
        kept = again
    return kept


def _sizes(profile: Profile, kept: "BoolArray") -> int:
    """Return how many different sizes are among some runs."""
    return len(Profile(profile.budget, profile.runs.select(kept)).knots) if kept.any() else 0


def _core(profile: Profile) -> "BoolArray":
    """Return the runs nearest the parabola through three sizes that has the least median miss."""
    import numpy as np

    knots, losses = profile.knots, profile.at_knots(profile.runs.loss[None, :])[0]
    random = np.random.default_rng(0)
    triples = np.sort(random.random((TRIPLES, len(knots))).argsort(axis=1)[:, :CONSTANTS], axis=1)
    x = (profile.log_N - profile.log_N.mean()) / np.ptp(profile.log_N)
    u = (knots - profile.log_N.mean()) / np.ptp(profile.log_N)
    constants = np.linalg.solve(
        np.stack([u[triples] ** k for k in range(3)], axis=2), losses[triples][..., None]
    )
    predicted = np.stack([x**k for k in range(3)], axis=1) @ constants
    misses = np.abs(profile.runs.loss / predicted[..., 0] - 1)
    half = (len(x) + CONSTANTS + 1) // 2
    ordered = np.sort(misses, axis=1)[:, half - 1]
    best = int(np.argmin(ordered))
    kept: BoolArray = misses[best] <= ordered[best]
    return kept


def _least_squares(profile: Profile, kept: "BoolArray") -> tuple["FloatArray", "FloatArray"]:
    """Return how far all runs lie from the parabola of some, as shares of its losses, and h, (n,) each.

    h is x' (X'X)^-1 x with X those of the runs in the fit: the variance of the curve for noise of one.
    """
    import numpy as np

    x = (profile.log_N - profile.log_N.mean()) / np.ptp(profile.log_N)
    columns = np.stack([x**k for k in range(3)], axis=1)
    Q, R = np.linalg.qr(columns[kept])
    every = np.linalg.solve(R.T, columns.T).T
    losses = every @ (Q.T @ profile.runs.loss[kept])
    return profile.runs.loss / losses - 1, (every**2).sum(axis=1)
