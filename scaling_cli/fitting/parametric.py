"""Approach 3: the constants of a form at the global minimum of an objective summed over the runs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from scaling_cli.errors import LawError, UsageError
from scaling_cli.findings import Finding
from scaling_cli.fitting.checks import check_fit, quality_of, unidentified
from scaling_cli.fitting.design import check_design
from scaling_cli.fitting.fit import (
    Fit,
    FitSettings,
    FormName,
    Objective,
    ObjectiveName,
    Starts,
    StartsName,
    Status,
)
from scaling_cli.fitting.forms import form_named
from scaling_cli.fitting.newton import Box, Descent, descend
from scaling_cli.fitting.objective import LogRuns
from scaling_cli.fitting.penalty import DELTA as DELTA
from scaling_cli.fitting.penalty import Penalty
from scaling_cli.fitting.problem import LOG_ZERO, Problem, check_constants
from scaling_cli.fitting.published_grid import descend_from_grid
from scaling_cli.fitting.surfaces import AdditiveSurface
from scaling_cli.names import nearest
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

RELAXATION = (30.0,)
"""The objective is first minimised at these multiples of delta: it is smooth there and has fewer minima."""

RELAXED_STEPS, FIRST_STEPS, FINAL_STEPS = 4, 4, 500
STARTS = 8
DIRECT_STARTS = (0, 1, 2, -4)
"""Of the starts, the three best and the first with E = 0 descend straight at the final objective as well."""

SAME_PLACE = 0.01
"""Candidates whose predictions differ by less than this share of delta (in norm) go the same way."""

MOST_ABOVE = 2.0
"""Candidates still moving after the first steps are followed to their end unless their objective is so many
times the least one. At 1.5 two tables of 2,394 lose their optimum (by 0.4 % at most), at 2 none; to
follow only the lowest few loses that of one table in 600."""

EXACT = 1e-5
"""Runs that a law meets to this (rms, in log loss) have no noise: of candidates that do, none is dropped,
however far apart their objectives are."""

CRAWLING = 7.0
"""Within this much of the floor of log E, E is less than a thousandth of the least loss."""

LEAST_WEIGHT = 1e-12
"""A weight of less than this share of the largest is none: its run could not be seen beside the other."""

SAME_MINIMUM = 1e-6
"""Descents whose objectives agree to this share have found the same minimum."""


KEPT_MEMORY = 1 << 20
"""An array of so many numbers is made and dropped untouched: what malloc (glibc's) has once given back to the
system it keeps from then on, up to twice the size. Else the arrays of every step come and go page by page,
which takes a third of the time of a fit."""


def fit_law(
    runs: Runs,
    *,
    form: FormName = "chinchilla",
    objective: ObjectiveName = "log-huber",
    delta: float = DELTA,
    overestimate_penalty: float = 1.0,
    weights: "FloatArray | None" = None,
    fixed: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    starts: StartsName = "projection",
) -> Fit:
    """Fit a law of ``form`` to ``runs``, to the global minimum of ``objective``.

    By default L(N, D) = E + A N^-alpha + B D^-beta at the least
    sum_i Huber_delta(LSE(a - alpha log N_i, b - beta log D_i, e) - log L_i) with A = exp a, B = exp b,
    E = exp e (Hoffmann et al. 2022, Eq. 3): the sum, not the mean. The forms are those of
    fitting/forms.py, the objectives and ``overestimate_penalty`` those of fitting/penalty.py. ``weights``
    (n,) say how much each run counts beside the others (they are scaled to a mean of one); ``fixed`` and
    ``bounds`` hold constants of the form, by their published names, at a value or within a range.
    ``starts="hoffmann"`` descends from the published grid, which takes seconds and ends at the same minimum.
    ``runs`` hold counts and nats per token; the constants returned are for counts. Row order does not
    matter.

    Raises ``FitRefused`` where the runs cannot identify the constants, ``UsageError`` for settings that
    are none.
    """
    settings = FitSettings(
        form=form,
        objective=objective,
        delta=delta,
        overestimate_penalty=overestimate_penalty,
        weights=checked_weights(weights, runs),
        fixed=dict(fixed or {}),
        bounds=dict(bounds or {}),
        starts=starts,
    )
    return fit_with(runs, settings)


def fit_with(runs: Runs, settings: FitSettings) -> Fit:
    """Fit ``runs`` as ``settings`` say; see ``fit_law``."""
    import numpy as np

    np.empty(KEPT_MEMORY)
    # starts and trial steps may lead anywhere: what overflows there is never the least
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        return _fit(runs, settings)


def _fit(runs: Runs, settings: FitSettings) -> Fit:
    import numpy as np

    Penalty(settings.objective, settings.delta, settings.overestimate_penalty).check_delta()
    check_constants(form_named(settings.form), settings)
    _check_starts(settings.starts)
    counted = runs if settings.weights is None else runs.select(settings.weights > 0)
    check_design(counted, settings)
    problem = ordered_problem(runs, settings)
    descent = _minimise(problem)
    best = int(np.argmin(descent.value))
    phi = descent.theta[best]
    findings = check_fit(phi, problem, runs.names)
    try:
        law = problem.law(phi)
    except LawError as error:
        raise unidentified(f"the best fit is no law ({error.message})", runs.names) from None
    scale = descent.value[best] * (1 + SAME_MINIMUM) + np.finfo(float).eps ** 2 * len(runs)
    status: Status = "converged" if descent.converged[best] else "not-converged"
    if status == "not-converged":
        message = f"the best of {len(descent.value)} descents was still moving after {FINAL_STEPS} steps"
        findings = (*findings, Finding("not-converged", "warning", message))
    return Fit(
        law=law,
        runs=runs,
        objective=Objective(settings.objective, settings.delta, float(descent.value[best])),
        starts=Starts(len(descent.value), int((descent.value <= scale).sum())),
        status=status,
        quality=quality_of(problem.predict(phi) - problem.z, problem.z),
        findings=findings,
        settings=settings,
    )


def _check_starts(name: str) -> None:
    """Raise ``UsageError`` for starts that nobody knows."""
    known = get_args(StartsName)
    if name not in known:
        near = nearest(name, known)
        hint = (f"did you mean {near}? " if near else "") + f"there are {', '.join(known)}"
        raise UsageError(f"unknown starts {name!r}", hint=hint)


def ordered_problem(runs: Runs, settings: FitSettings) -> Problem:
    """Return the fit's problem with the runs in their canonical order."""
    order = order_runs(runs)
    if settings.weights is not None:
        settings = replace(settings, weights=settings.weights[order])
    return Problem(runs.select(order), settings)


def order_runs(runs: Runs) -> "NDArray[np.intp]":
    """Return the canonical order of runs, so that sums and draws do not depend on the order of a file."""
    import numpy as np

    further = () if runs.unique_tokens is None else (runs.unique_tokens,)
    return np.lexsort((*further, runs.loss, runs.tokens, runs.params))


def box_around(data: LogRuns) -> Box:
    """Return the bounds of the additive form's coordinates a, b, e, alpha, beta."""
    return AdditiveSurface(data).box


def checked_weights(weights: "FloatArray | None", runs: Runs) -> "FloatArray | None":
    """Return the weights as an array; ``UsageError`` unless each run has one, finite and not negative."""
    import numpy as np

    if weights is None:
        return None
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (len(runs),):
        raise UsageError(f"there are {values.size} weights for {len(runs)} runs", hint="give one per run")
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        raise UsageError(
            f"{runs.names[bad[0]]}: a weight must not be negative, got {values[bad[0]]:g}",
            hint="0 leaves a run out, 2 counts it twice as much as 1",
        )
    # only their proportions count: at a mean of one the solver's tolerances hold whatever the unit
    largest = values.max(initial=0.0)
    if largest == 0:
        return values
    shares: FloatArray = np.where(values > LEAST_WEIGHT * largest, values / largest, 0.0)
    scaled: FloatArray = shares / shares.mean()
    return scaled


def _minimise(problem: Problem) -> Descent:
    """Descend from many starts: through the relaxed objectives, and a few straight at the final one."""
    import numpy as np

    if problem.settings.starts == "hoffmann":
        descent = descend_from_grid(problem)
        _settle(descent, problem)
        return descent
    starts = problem.starts(STARTS)
    phi, owner = starts, np.arange(len(starts))
    for factor in (1.0,) if problem.penalty.is_square else RELAXATION:
        phi = _descend(phi, problem, RELAXED_STEPS, penalty=problem.penalty.relaxed(factor)).theta
        kept, merged = _merge(phi, problem)
        phi, owner = phi[kept], merged[owner]
    direct = starts[[place for place in DIRECT_STARTS if -len(starts) <= place < len(starts)]]
    owner = np.concatenate([owner, len(phi) + np.arange(len(direct))])
    descent = _descend(np.concatenate([phi, direct]), problem, FIRST_STEPS)
    _settle(descent, problem)
    # every start counts with the candidate that it became one with
    return Descent(descent.theta[owner], descent.value[owner], descent.converged[owner], descent.steps)


def _merge(phi: "FloatArray", problem: Problem) -> tuple["NDArray[np.intp]", "NDArray[np.intp]"]:
    """Return the candidates that differ, and for each of ``phi`` which of those it is."""
    import numpy as np

    r = problem.surface.predict(problem.theta(phi)) - problem.z
    squares = (r * r).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * (r @ r.T), 0.0))
    nearness = SAME_PLACE * (1e-3 if problem.penalty.is_square else problem.penalty.delta)
    kept: list[int] = []
    owner = np.empty(len(phi), dtype=np.intp)
    for i, row in enumerate(apart.tolist()):
        near = [k for k in kept if row[k] <= nearness]
        if near:
            owner[i] = kept.index(min(near, key=row.__getitem__))
        else:
            owner[i] = len(kept)
            kept.append(i)
    return np.array(kept), owner


def _finish(descent: Descent, problem: Problem) -> None:
    """Follow to its end what is still moving and low enough to matter, once where several are one.

    Most candidates have come to rest at a minimum by now. What has not crawls along the floor of E or a
    valley without end, for hundreds of steps, and on from high above the best it does not come below it.
    """
    import numpy as np

    moving = np.flatnonzero(~descent.converged & _contends(descent, problem))
    if not moving.size:
        return
    moving = moving[np.argsort(descent.value[moving], kind="stable")]
    kept, _ = _merge(descent.theta[moving], problem)
    chosen = moving[kept]
    end = _descend(descent.theta[chosen], problem, FINAL_STEPS)
    descent.theta[chosen], descent.value[chosen] = end.theta, end.value
    descent.converged[chosen] = end.converged


def _contends(descent: Descent, problem: Problem) -> "NDArray[np.bool_]":
    """Say which candidates are low enough to end lowest of all, (S,)."""
    highest = MOST_ABOVE * descent.value.min() + len(problem.z) * EXACT**2
    contends: NDArray[np.bool_] = descent.value <= highest
    return contends


def _settle(descent: Descent, problem: Problem) -> None:
    """Follow what still moves, and take what came to rest on the floor of E to E = 0."""
    _finish(descent, problem)
    if problem.floor is not None:
        _settle_floor(descent, problem, problem.floor)


def _settle_floor(descent: Descent, problem: Problem, floor: int) -> None:
    """Take what stayed on the floor of log E to E = 0 itself, with the other constants settled.

    What still crawls towards the floor is tried on it, and stays there if that is lower.
    """
    import numpy as np

    above = descent.theta[:, floor] - problem.box.lower[floor]
    tried = _contends(descent, problem) & ((above <= 0) | (~descent.converged & (above <= CRAWLING)))
    if not tried.any():
        return
    box = problem.box
    without_E = replace(box, lower=np.where(np.arange(box.lower.size) == floor, LOG_ZERO, box.lower))
    theta = descent.theta[tried]
    theta[:, floor] = LOG_ZERO
    settled = descend(
        theta,
        lambda phi, _: problem.derivatives(phi, problem.penalty),
        problem.scale(theta),
        without_E,
        max_steps=FINAL_STEPS,
    )
    taken = (above[tried] <= 0) | (settled.value < descent.value[tried])
    place = np.flatnonzero(tried)[taken]
    descent.theta[place], descent.value[place] = settled.theta[taken], settled.value[taken]
    descent.converged[place] = settled.converged[taken]


def _descend(
    phi: "FloatArray", problem: Problem, max_steps: int, *, penalty: Penalty | None = None
) -> Descent:
    """Descend from every row of ``phi``, each run counted with the fit's own weight."""
    penalty = penalty or problem.penalty
    return descend(
        phi,
        lambda rows, _: problem.derivatives(rows, penalty),
        problem.scale(phi),
        problem.box,
        max_steps=max_steps,
    )
