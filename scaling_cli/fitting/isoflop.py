"""Approach 2: the valleys of the budgets, the frontier through their vertices, and its bias removed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaling_cli.errors import UsageError
from scaling_cli.fitting.budgets import SAME_BUDGET, Budgets, group_budgets
from scaling_cli.fitting.fit import Fit
from scaling_cli.fitting.frontier import PRIOR_FREEDOM, Sounding, sound
from scaling_cli.fitting.isoflop_draws import (
    Draws,
    Study,
    StudyLines,
    draw,
    draw_lines,
    power_law,
    power_laws,
)
from scaling_cli.fitting.parametric import order_runs
from scaling_cli.fitting.power_law import Frontier, PowerLaw
from scaling_cli.fitting.profile_bias import Optima, ProfileSurface, fit_surface
from scaling_cli.fitting.valley import CurveName, Point, Profile, Valley, ValleyStatus, judge
from scaling_cli.fitting.wild_runs import mark_wild
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import FloatArray

BEYOND = math.log(10)
"""The interval of a vertex ends a factor of ten beyond the sampled sizes: further out it is only open."""

FARTHEST_APART = math.log(1.25)
"""A surface whose minima lie further from those of the runs, and not by chance, is of another form than
theirs, and has another bias. On Kaplan's form with centred sizes they lie 2 % apart, and the correction takes
off two thirds of the bias; with centres 3x off they lie a factor of 2 to 9 apart, and it multiplies it."""

WRITTEN = 2
"""Two runs may have the same loss of so many decimals by chance; one of more is a copy."""


@dataclass(frozen=True, slots=True)
class IsoflopSettings:
    """How budgets are found (``tolerance``, a share; ``picked``, FLOPs) and what is drawn through them.

    ``level`` is that of the intervals; the curvature that is not distinguishable from zero at it is flat.
    """

    tolerance: float = SAME_BUDGET
    picked: tuple[float, ...] = ()
    curve: CurveName = "parabola"
    level: float = 0.9


@dataclass(frozen=True, slots=True)
class Bias:
    """What approach 2 itself does to the answer, with no noise at all.

    ``surface`` is approach 3 fitted to the runs of the budgets, with ``law`` its law, and ``replay`` the
    frontier that approach 2 draws through the surface's own losses at the runs' (N, D), with the same
    budgets and weights. ``params_exponent`` is replay less truth, ``tokens_exponent`` its negative.

    ``selection`` is the one thing that noise does on the whole: a vertex near the edge of the sizes is
    only counted where noise moved it inward. It multiplies N_opt, and is 1 where no vertex is near an edge.
    """

    surface: Fit
    law: ChinchillaLaw
    replay: Frontier
    selection: PowerLaw
    optima_draws: Optima | None

    @property
    def params_exponent(self) -> float:
        """The N exponent of the replay less that of the surface."""
        return self.replay.params.exponent - self.law.exponents[0]

    @property
    def tokens_exponent(self) -> float:
        """The D exponent of the replay less that of the surface."""
        return self.replay.tokens.exponent - self.law.exponents[1]

    def factors(self, C: float) -> Mapping[str, float]:
        """Return replay over truth at C FLOPs, for params, tokens and loss."""
        N, D = self.law.optimum(C)
        truth = {"params": N, "tokens": D, "loss": self.law.frontier_loss(C)}
        return {name: law.at(C) / truth[name] for name, law in self.replay.laws.items()}


@dataclass(frozen=True, slots=True)
class Isoflop:
    """The valleys in ascending order of budget, and the frontier through those that are ok.

    ``outside`` names the runs that belong to no budget, ``off_budget`` those whose 6 N D is not what a
    column says of them (``is_nominal``: a column names the budgets), and ``copies`` those that repeat
    another's params, tokens and loss and are left out. ``raw`` is ``None`` with fewer than two ok valleys;
    ``corrected`` and ``bias`` are where approach 3 cannot be fitted, ``not_removed`` saying why. ``drawn``
    is the number of replicates behind the draws. ``index`` says which of the table's runs those of the
    valleys are, in the order of the surface's.
    """

    valleys: tuple[Valley, ...]
    outside: tuple[str, ...]
    off_budget: tuple[str, ...]
    settings: IsoflopSettings
    copies: tuple[str, ...] = ()
    is_nominal: bool = False
    raw: Frontier | None = None
    corrected: Frontier | None = None
    bias: Bias | None = None
    not_removed: str = ""
    replicates: int = 0
    drawn: int = 0
    seed: int = 0
    index: tuple[int, ...] = ()

    @property
    def ok(self) -> tuple[Valley, ...]:
        """The valleys that the frontier is drawn through."""
        return tuple(valley for valley in self.valleys if valley.status == "ok")

    @property
    def frontier(self) -> Frontier | None:
        """The corrected frontier, the raw one where its bias could not be removed."""
        return self.corrected or self.raw


def fit_isoflop(
    runs: Runs,
    nominal: "FloatArray | None" = None,
    settings: IsoflopSettings | None = None,
    *,
    replicates: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Isoflop:
    """Draw the IsoFLOP frontier through ``runs`` (Hoffmann et al. 2022, Sec. 3.2), and remove its bias.

    Per budget, least squares of L = a + b x + c x^2 in x = log N; the vertex -b/(2c), and D = C/(6 N) with
    the median C = 6 N D of the budget. Through the vertices of the budgets whose status is ok, lines of
    log N, log D and log L over log C, weighted by 1/se^2. The slice of a surface at one budget is no
    parabola unless alpha = beta and the sizes are centred: the same is done, with no noise, on the
    Chinchilla surface fitted to the same runs at their own (N, D), and what comes out over the surface's own
    optimum is the bias that the corrected frontier is without.

    ``nominal`` (FLOPs, shape (n,)) are the budgets that a column names. ``replicates`` is the number of the
    residual bootstrap (0: none), which begins with ``seed``; the order of the runs does not matter, and of
    copies of a run one counts. Raises ``UsageError`` for settings that no table can have.
    """
    settings = settings or IsoflopSettings()
    _check(settings, replicates)
    budgets = group_budgets(runs, nominal, tolerance=settings.tolerance, picked=settings.picked)
    profiles, index, copies = _profiles(runs, budgets, settings.curve)
    every = runs.select(index)
    curved = [profile for profile in profiles if profile.design is not None]
    sounding = sound(curved, [profile.runs.loss[None, :] for profile in curved]) if curved else None
    statuses = judge_all(curved, sounding, settings.level) if sounding else []
    study = Study(profiles, curved, [status == "ok" for status in statuses], every)
    surface, reason = fit_surface(every) if sum(study.ok) >= 2 else (None, "")
    draws = draw(study, surface, replicates, seed, progress) if sounding and replicates else None
    lines = draw_lines(study, sounding, surface) if sounding and sum(study.ok) >= 2 else None
    result = Isoflop(
        valleys=(),
        outside=tuple(runs.names[i] for i in budgets.outside.tolist()),
        off_budget=_off_budget(profiles, settings.tolerance) if budgets.is_nominal else (),
        settings=settings,
        copies=copies,
        is_nominal=budgets.is_nominal,
        replicates=replicates,
        seed=seed,
        index=tuple(index.tolist()),
    )
    if lines is not None:
        result = _with_frontiers(result, lines, draws, surface, reason)
    return replace(result, valleys=tuple(_valleys(study, sounding, statuses, draws, result)))


def _with_frontiers(
    result: Isoflop, lines: StudyLines, draws: Draws | None, surface: ProfileSurface | None, reason: str
) -> Isoflop:
    """Add the raw frontier and, where the surface can stand for the runs, the corrected one and the bias."""
    drawn = draws.count if draws else 0
    result = replace(result, raw=power_laws(lines.raw, draws.raw if draws else None), drawn=drawn)
    if surface is None or not (lines.replay and lines.selection):
        return replace(result, not_removed=reason)
    if not lines.is_complete or lines.apart > FARTHEST_APART:
        return replace(result, not_removed=_no_such_surface(lines))
    law = surface.fit.law
    assert isinstance(law, ChinchillaLaw)
    replay = power_laws(lines.replay, draws.replay if draws else None)
    selection = power_law(lines.selection, draws.selection if draws else None)
    bias = Bias(surface.fit, law, replay, selection, draws.optima if draws else None)
    corrected = power_laws(lines.corrected, draws.corrected if draws else None)
    return replace(result, corrected=corrected, bias=bias)


def _no_such_surface(lines: StudyLines) -> str:
    """Say why the surface that was fitted cannot stand for the runs."""
    if not lines.is_complete:
        return "the surface fitted to them has no minimum within an ok budget"
    factor = f"{math.exp(lines.apart):.2f}"
    return f"the surface fitted to them has its minima a factor of {factor} away from those of the runs"


def _check(settings: IsoflopSettings, replicates: int) -> None:
    if not 0 < settings.tolerance < 1:
        raise UsageError(
            f"the budget tolerance must lie between 0 and 100 %, got {settings.tolerance:g}",
            hint="10 % is what runs that were meant to cost the same differ by",
        )
    if replicates < 0:
        raise UsageError(f"the bootstrap cannot draw {replicates} replicates", hint="0 turns it off")
    if not 0 < settings.level < 1:
        raise UsageError(f"an interval's level must lie between 0 and 100 %, got {settings.level:g}")


def _profiles(
    runs: Runs, budgets: Budgets, curve: CurveName
) -> tuple[list[Profile], "NDArray[np.intp]", tuple[str, ...]]:
    """Return the profile of each budget, the indices of the runs of all of them in that order, the copies."""
    import numpy as np

    ordered, copies = [], []
    for group in budgets.groups:
        index = group.index[order_runs(runs.select(group.index))]
        is_copy = _copies(runs.select(index))
        ordered.append(index[~is_copy])
        copies += [runs.names[i] for i in index[is_copy].tolist()]
    profiles = [
        Profile(group.budget, runs.select(index), curve)
        for group, index in zip(budgets.groups, ordered, strict=True)
    ]
    return profiles, np.concatenate([*ordered, np.empty(0, dtype=np.intp)]), tuple(copies)


def _copies(runs: Runs) -> "NDArray[np.bool_]":
    """Say which of some ordered runs repeat the one before: a measurement that would count twice, (n,).

    A copied run is no second measurement: residuals of 2 n losses that are n seem to have 2 n - 3 degrees
    of freedom, and the intervals come out half as wide.
    """
    import numpy as np

    is_copy = np.zeros(len(runs), dtype=bool)
    columns = np.stack([runs.params, runs.tokens, runs.loss])
    is_copy[1:] = (columns[:, 1:] == columns[:, :-1]).all(axis=0)
    return is_copy & (np.abs(runs.loss - np.round(runs.loss, WRITTEN)) > 1e-9)


def judge_all(profiles: Sequence[Profile], sounding: Sounding, level: float) -> list[ValleyStatus]:
    """Return the status of every budget that has a curve; the curvature counts at ``level``."""
    import numpy as np

    errors = np.sqrt(sounding.curvature_variance[0])
    levels = level, 1 - (1 - level) / len(profiles)  # of one budget, and of all (Bonferroni)
    one, every = (_quantiles(profiles, at) * errors for at in levels)
    found = zip(profiles, sounding.log_N[0], sounding.curvature[0], one, every, strict=True)
    return [judge(profile, *map(float, numbers)) for profile, *numbers in found]


def _quantiles(profiles: Sequence[Profile], level: float) -> "FloatArray":
    """Return Student's t at the upper end of an interval, for the degrees of freedom of each budget, (m,)."""
    import numpy as np
    from scipy.special import stdtrit

    freedom = np.array([profile.spare for profile in profiles], dtype=np.float64) + PRIOR_FREEDOM
    found: FloatArray = np.asarray(stdtrit(freedom, (1 + level) / 2), dtype=np.float64)
    return found


def _valleys(
    study: Study,
    sounding: Sounding | None,
    statuses: Sequence[ValleyStatus],
    draws: Draws | None,
    result: Isoflop,
) -> list[Valley]:
    """Return every budget's valley, in ascending order of budget, and what the frontier says of it."""
    import numpy as np

    level, frontier = result.settings.level, result.frontier
    doubts = _quantiles(study.curved, level) * np.sqrt(sounding.noise[0]) if sounding else np.empty(0)
    places = iter(range(len(study.curved)))
    valleys = []
    for profile in study.profiles:
        of_frontier = None if frontier is None else math.log(frontier.params.at(profile.flops))
        if profile.design is None or sounding is None:
            next_log_N = profile.next_size("too-few", 0.0, of_frontier, 0)
            valleys.append(_valley(profile, "too-few", None, next_log_N))
            continue
        place = next(places)
        status, vertex = statuses[place], _vertex(profile, statuses[place], sounding, place)
        falls = profile.falls(float(doubts[place]))
        next_log_N = profile.next_size(status, float(sounding.log_N[0, place]), of_frontier, falls)
        valley = _valley(profile, status, vertex, next_log_N)
        if draws is not None and vertex is not None:
            valley = replace(valley, intervals=_intervals(profile, draws, place, level))
        valleys.append(valley)
    return mark_wild(valleys, study.profiles, lambda rest: _judge_alone(rest, study, level))


def _judge_alone(rest: Profile, study: Study, level: float) -> tuple[ValleyStatus, Point | None]:
    """Return the status and the vertex of a budget without some of its runs, the others as they are."""
    others = [profile for profile in study.curved if profile.budget != rest.budget]
    profiles = [rest, *others]
    sounding = sound(profiles, [profile.runs.loss[None, :] for profile in profiles])
    status = judge_all(profiles, sounding, level)[0]
    return status, _vertex(rest, status, sounding, 0)


def _vertex(profile: Profile, status: ValleyStatus, sounding: Sounding, place: int) -> Point | None:
    """Return the minimum of a budget's curve, None where it has none."""
    if status == "concave" or not sounding.is_minimum[0, place]:
        return None
    return profile.point(float(sounding.log_N[0, place]), float(sounding.loss[0, place]))


def _valley(profile: Profile, status: ValleyStatus, vertex: Point | None, next_log_N: float | None) -> Valley:
    """Return one budget's valley, without its intervals."""
    import numpy as np

    design = profile.design
    return Valley(
        budget=profile.budget,
        flops=profile.flops,
        runs=profile.runs,
        status=status,
        curve=profile.curve(design.fit(profile.runs.loss[None, :])[0]) if design else None,
        vertex=vertex,
        lowest=int(np.argmin(profile.runs.loss)),
        run_next=None if next_log_N is None else profile.point(next_log_N),
    )


def _intervals(profile: Profile, draws: Draws, place: int, level: float) -> dict[str, tuple[float, float]]:
    """Return the percentile intervals of a vertex: params, tokens and loss."""
    import numpy as np

    shares = [(1 - level) / 2, (1 + level) / 2]
    low, high = profile.ends
    ends = np.clip(np.quantile(draws.log_N[:, place], shares), low - BEYOND, high + BEYOND)
    small, large = (profile.point(float(end)) for end in ends)
    losses = draws.loss[draws.is_minimum[:, place], place]
    found = {"params": (small.params, large.params), "tokens": (large.tokens, small.tokens)}
    if len(losses):
        least, most = np.quantile(losses, shares)
        found["loss"] = float(least), float(most)
    return found


def _off_budget(profiles: Sequence[Profile], tolerance: float) -> tuple[str, ...]:
    """Return the runs whose 6 N D is further from the median of their budget than budgets are apart."""
    return tuple(
        name
        for profile in profiles
        for name, C in zip(profile.runs.names, profile.runs.flops_6ND.tolist(), strict=True)
        if abs(C / profile.flops - 1) > tolerance
    )
