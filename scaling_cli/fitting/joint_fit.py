"""Laws of several tables at once that share constants, E above all, each table with its own objective."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaling_cli.errors import LawError, UsageError
from scaling_cli.findings import Finding
from scaling_cli.fitting.bootstrap import Bootstrap, units_of
from scaling_cli.fitting.checks import check_fit, quality_of, unidentified
from scaling_cli.fitting.design import check_design
from scaling_cli.fitting.fit import Fit, FitSettings, Objective, Starts, Status
from scaling_cli.fitting.forms import EXPONENT_NAMES, form_named
from scaling_cli.fitting.newton import Box, Descent, descend
from scaling_cli.fitting.parametric import RELAXATION, RELAXED_STEPS, STARTS, order_runs, ordered_problem
from scaling_cli.fitting.problem import LOG_ZERO, Problem
from scaling_cli.laws.law import HasFrontier
from scaling_cli.names import nearest
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.fitting.newton import Evaluation
    from scaling_cli.fitting.penalty import Penalty

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

FINAL_STEPS = 500

FINALISTS = 16
"""After the relaxed descents so many candidates of least objective go on to the end."""

SAME_MINIMUM = 1e-6
"""Descents whose objectives agree to this share have found the same minimum."""

LOWER = 1e-9
"""A replicate's minimum is another one when it is lower by more than this share."""

CELLS_PER_CHUNK = 16_000
"""The derivatives are taken for so many (candidate, run) cells at a time, whose arrays stay in the cache."""


class JointProblem:
    """The sum of several fits' objectives over one vector phi, (S, m): the shared coordinates, then each own.

    ``places[k]`` (m_k,) says where the k-th problem's free coordinates stand in phi. A shared constant is
    one that no table's centring moves: an exponent or E, which every form holds as it is.
    """

    def __init__(self, problems: Sequence[Problem], shared: Sequence[str]) -> None:
        import numpy as np

        self.problems = tuple(problems)
        self.shared = tuple(shared)
        at = {name: place for place, name in enumerate(self.shared)}
        size, places = len(at), []
        for problem in self.problems:
            own = [name for name in problem.free_constants if name not in self.shared]
            at |= {name: size + place for place, name in enumerate(own)}
            places.append(np.array([at[name] for name in problem.free_constants], dtype=np.intp))
            size += len(own)
        self.places: tuple[IntArray, ...] = tuple(places)
        self.size = size
        lower, upper = np.full(size, np.inf), np.full(size, -np.inf)
        for problem, place in self._each():
            lower[place] = np.minimum(lower[place], problem.box.lower)
            upper[place] = np.maximum(upper[place], problem.box.upper)
        self.box = Box(lower, upper)
        self.runs = sum(len(problem.z) for problem in self.problems)

    def _each(self) -> Iterator[tuple[Problem, "IntArray"]]:
        return zip(self.problems, self.places, strict=True)

    def derivatives(
        self, phi: "FloatArray", factor: float = 1.0, weights: "Sequence[FloatArray] | None" = None
    ) -> "Evaluation":
        """Return the objective at ``factor`` times delta (S,), its gradient (S, m), its Hessian (S, m, m)."""
        import numpy as np

        value, gradient = np.zeros(len(phi)), np.zeros((len(phi), self.size))
        hessian = np.zeros((len(phi), self.size, self.size))
        for k, (problem, place) in enumerate(self._each()):
            penalty = self._penalty(problem, factor)
            of_rows = None if weights is None else weights[k]
            parts = problem.derivatives(phi[:, place], penalty, of_rows)
            value += parts[0]
            gradient[:, place] += parts[1]
            hessian[:, place[:, None], place] += parts[2]
        return value, gradient, hessian

    @staticmethod
    def _penalty(problem: Problem, factor: float) -> "Penalty":
        return problem.penalty if factor == 1 else problem.penalty.relaxed(factor)

    def scale(self, phi: "FloatArray") -> "FloatArray":
        """Return what a unit of every coordinate does to the residuals of all tables, (S, m)."""
        import numpy as np

        squares = np.zeros((len(phi), self.size))
        for problem, place in self._each():
            squares[:, place] += problem.scale(phi[:, place]) ** 2
        return np.sqrt(squares)

    def starts(self) -> "FloatArray":
        """Return the tables' starts side by side by rank, with each one's shared coordinates, (S, m)."""
        import numpy as np

        own = [problem.starts(STARTS) for problem in self.problems]
        count = min(map(len, own))
        starts = []
        for first in range(len(own)):
            phi = np.empty((count, self.size))
            # the table that comes last decides what is shared
            for k in (*(j for j in range(len(own)) if j != first), first):
                phi[:, self.places[k]] = own[k][:count]
            starts.append(phi)
        return np.concatenate(starts)

    def descend(
        self,
        phi: "FloatArray",
        steps: int,
        *,
        factor: float = 1.0,
        weights: "Sequence[FloatArray] | None" = None,
    ) -> Descent:
        """Descend from every row of ``phi``; ``weights[k]`` (S, n_k) count the runs of the k-th table."""
        import numpy as np

        chunk = max(1, CELLS_PER_CHUNK // self.runs)

        def derivatives(at: "FloatArray", rows: "IntArray") -> "Evaluation":
            parts = [
                self.derivatives(
                    at[i : i + chunk],
                    factor,
                    None if weights is None else [w[rows[i : i + chunk]] for w in weights],
                )
                for i in range(0, len(at), chunk)
            ]
            value, gradient, hessian = (np.concatenate(part) for part in zip(*parts, strict=True))
            return value, gradient, hessian

        return descend(phi, derivatives, self.scale(phi), self.box, max_steps=steps)

    def vectors(self, phi: "FloatArray") -> tuple["FloatArray", ...]:
        """Return each problem's own vector of one joint vector (m,); the floor of log E stands for E = 0."""
        vectors = []
        for problem, place in self._each():
            own = phi[place]
            if problem.floor is not None and own[problem.floor] <= self.box.lower[place][problem.floor]:
                own[problem.floor] = LOG_ZERO
            vectors.append(own)
        return tuple(vectors)


@dataclass(frozen=True, slots=True, eq=False)
class JointFit:
    """The fits of several tables that share constants, one per table, and what they were found with."""

    fits: tuple[Fit, ...]
    problem: JointProblem
    phi: "FloatArray"


def fit_sharing(tables: Sequence[Runs], settings: Sequence[FitSettings], shared: Sequence[str]) -> JointFit:
    """Fit a law to each table, all of one form, with the constants ``shared`` the same in all of them.

    Minimised is the sum of the tables' objectives, as each one's settings say. Every fit returned holds
    the shared constants as fixed ones, which is what a refit of one table alone has to respect. Raises
    what ``fit_law`` raises, and ``UsageError`` for constants that cannot be shared.
    """
    import numpy as np

    for setting in settings:
        _check_shared(setting, shared)
    for runs, setting in zip(tables, settings, strict=True):
        known = {**setting.fixed, **dict.fromkeys(shared, 1.0)}
        check_design(runs, replace(setting, fixed=known))
    problems = [ordered_problem(runs, setting) for runs, setting in zip(tables, settings, strict=True)]
    joint = JointProblem(problems, shared)
    # starts and trial steps may lead anywhere: what overflows there is never the least
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        descent = _minimise(joint)
    best = int(np.argmin(descent.value))
    scale = descent.value[best] * (1 + SAME_MINIMUM) + np.finfo(float).eps ** 2 * joint.runs
    starts = Starts(len(descent.value), int((descent.value <= scale).sum()))
    status: Status = "converged" if descent.converged[best] else "not-converged"
    phi = descent.theta[best]
    fits = tuple(
        _fit(vector, problem, runs, starts, status, shared)
        for vector, problem, runs in zip(joint.vectors(phi), problems, tables, strict=True)
    )
    return JointFit(fits, joint, phi)


def _minimise(joint: JointProblem) -> Descent:
    """Descend through the relaxed objectives, and with the best of those candidates to the end."""
    import numpy as np

    phi = joint.starts()
    is_square = all(problem.penalty.is_square for problem in joint.problems)
    for factor in () if is_square else RELAXATION:
        phi = joint.descend(phi, RELAXED_STEPS, factor=factor).theta
    best = np.argsort(joint.derivatives(phi)[0], kind="stable")[:FINALISTS]
    return joint.descend(phi[best], FINAL_STEPS)


def _fit(
    phi: "FloatArray", problem: Problem, runs: Runs, starts: Starts, status: Status, shared: Sequence[str]
) -> Fit:
    """Return one table's fit at its part of the joint minimum."""
    findings = check_fit(phi, problem, runs.names)
    try:
        law = problem.law(phi)
    except LawError as error:
        raise unidentified(f"the best fit is no law ({error.message})", runs.names) from None
    if status == "not-converged":
        message = f"the best of {starts.tried} joint descents was still moving after {FINAL_STEPS} steps"
        findings = (*findings, Finding("not-converged", "warning", message))
    settings = problem.settings
    value = float(problem.derivatives(phi[None, :], problem.penalty)[0][0])
    constants = problem.constants(phi)
    fixed = {**settings.fixed, **{name: constants[name] for name in shared}}
    return Fit(
        law=law,
        runs=runs,
        objective=Objective(settings.objective, settings.delta, value),
        starts=starts,
        status=status,
        quality=quality_of(problem.predict(phi) - problem.z, problem.z),
        findings=findings,
        settings=replace(settings, fixed=fixed),
    )


def bootstrap_sharing(
    fit: JointFit,
    *,
    clusters: Sequence[Sequence[str] | None],
    replicates: int = 1000,
    seed: int = 0,
    counts: "Sequence[Callable[[int], IntArray]] | None" = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Bootstrap, ...]:
    """Refit all tables together to ``replicates`` resamples of their runs; draw i of each goes with draw i.

    Each table's runs are drawn with replacement, or whole clusters where ``clusters`` has labels for its
    runs; ``counts`` gives so many rows of counts, (R, n), of each table where they go together, its runs
    in their canonical order. A replicate counts where every table's law is one.
    """
    import numpy as np

    joint = fit.problem
    units = [_ordered_units(one.runs, labels) for one, labels in zip(fit.fits, clusters, strict=True)]
    sizes = [int(unit.max()) + 1 for unit in units]
    random = np.random.default_rng(seed)
    if counts is None:
        drawn = [random.multinomial(n, np.full(n, 1 / n), size=replicates) for n in sizes]
    else:
        drawn = [draw(replicates) for draw in counts]
    weights = [own[:, unit].astype(np.float64) for own, unit in zip(drawn, units, strict=True)]
    start = np.tile(np.clip(fit.phi, joint.box.lower, joint.box.upper), (replicates, 1))
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        best = joint.descend(start, FINAL_STEPS, weights=weights)
        for factor in RELAXATION:
            start = joint.descend(start, 2 * RELAXED_STEPS, factor=factor, weights=weights).theta
        second = joint.descend(start, FINAL_STEPS, weights=weights)
    is_lower = second.converged & (~best.converged | (second.value < best.value * (1 - LOWER)))
    phi = np.where(is_lower[:, None], second.theta, best.theta)
    converged = best.converged | second.converged
    laws = [_laws(row, joint) if ok else None for row, ok in zip(phi, converged, strict=True)]
    kept = [(place, found) for place, found in enumerate(laws) if found is not None]
    if progress:
        progress(replicates)
    places = tuple(place for place, _ in kept)
    return tuple(
        Bootstrap(
            draws=tuple(found[k] for _, found in kept),
            replicates=replicates,
            converged=int(converged.sum()),
            seed=seed,
            units=count,
            second_minima=int((is_lower & best.converged).sum()),
            places=places,
        )
        for k, count in enumerate(sizes)
    )


def _ordered_units(runs: Runs, clusters: Sequence[str] | None) -> "IntArray":
    """Return which resampled unit holds each run, the runs in their canonical order."""
    order = order_runs(runs)
    return units_of(None if clusters is None else [clusters[i] for i in order], runs.select(order))


def _laws(phi: "FloatArray", joint: JointProblem) -> tuple[HasFrontier, ...] | None:
    """Return the law of every table, ``None`` where one of them is none."""
    try:
        pairs = zip(joint.vectors(phi), joint.problems, strict=True)
        return tuple(problem.law(vector) for vector, problem in pairs)
    except LawError:
        return None


def _check_shared(settings: FitSettings, shared: Sequence[str]) -> None:
    """Raise ``UsageError`` for constants that the form does not have, or that something else is said of."""
    form = form_named(settings.form)
    able = [name for name in form.constants if name == "E" or name in EXPONENT_NAMES]
    for name in shared:
        if name not in able:
            near = nearest(name, able)
            raise UsageError(
                f"cannot share {name}: the {form.name} form can share {', '.join(able)}",
                hint=f"did you mean {near}?" if near else "coefficients differ with the data: share E",
            )
        if name in settings.fixed or name in settings.bounds:
            raise UsageError(f"{name} is shared and fixed or bounded at once", hint="say one of the two")
