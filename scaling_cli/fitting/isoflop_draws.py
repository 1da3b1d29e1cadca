"""The lines of an isoflop study, raw, replayed and corrected, and how resampled residuals move them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

from scaling_cli.fitting.frontier import (
    PRIOR_FREEDOM,
    Lines,
    Sounding,
    fit_lines,
    moderate,
    seen_shift,
    sound,
    weigh,
)
from scaling_cli.fitting.power_law import Frontier, PowerDraws, PowerLaw
from scaling_cli.fitting.profile_bias import Optima, ProfileSurface
from scaling_cli.fitting.valley import EDGE, Profile
from scaling_cli.runs import Runs
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

T = TypeVar("T", Lines, Optima)

SURFACE_CONSTANTS = 5
"""E, A, B, alpha and beta."""

MOST_BY_CHANCE = 3.0
"""Vertices this many standard errors (rms) from those of the surface are not where noise has moved them."""

CELLS_PER_BLOCK = 1_000_000
"""Replicates are drawn in blocks of so many (replicate, run) cells: a few arrays of 8 MB at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The budgets of a study, those that have a curve, which of these are ok, and ``every`` run in order."""

    profiles: Sequence[Profile]
    curved: Sequence[Profile]
    ok: Sequence[bool]
    every: Runs

    @property
    def log_C(self) -> "FloatArray":
        """Log C of the budgets that have a curve, (m,)."""
        import numpy as np

        return np.log([profile.flops for profile in self.curved])

    def split(self, values: "FloatArray") -> list["FloatArray"]:
        """Return the columns of ``values`` (R, n), a run each, that belong to each curved budget."""
        import numpy as np

        ends = np.cumsum([len(profile.runs) for profile in self.profiles])[:-1]
        parts = zip(self.profiles, np.split(values, ends, axis=1), strict=True)
        return [part for profile, part in parts if profile.design is not None]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The lines of log N and of log L over log C."""

    params: Lines
    loss: Lines


@dataclass(frozen=True, slots=True, eq=False)
class StudyLines:
    """The raw lines and, where there is a surface, those replayed on it and its optima.

    ``selection`` is what is added to log N because a vertex near the edge is only counted where the noise
    moved it inward. ``is_complete`` says that the surface has a minimum at every budget that was counted,
    and ``apart`` how far (rms of log N) its minima lie from those of the runs, where that is no chance.
    """

    raw: Pair
    replay: Pair | None = None
    selection: Lines | None = None
    optima: Optima | None = None
    is_complete: bool = False
    apart: float = 0.0

    @property
    def corrected(self) -> Pair:
        """The raw lines less the bias: log N = raw - replay - selection + truth.

        The loss is no line once its bias is removed, and stays raw.
        """
        assert self.replay is not None
        assert self.selection is not None
        assert self.optima is not None
        raw, replay, chance, truth = self.raw.params, self.replay.params, self.selection, self.optima
        height = raw.height - replay.height - chance.height + truth.height
        slope = raw.slope - replay.slope - chance.slope + truth.slope
        return Pair(Lines(height, slope), self.raw.loss)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What replicates came to: vertices (R, m) of the curved budgets, and the lines of ``count`` of them."""

    log_N: "FloatArray"
    loss: "FloatArray"
    is_minimum: "BoolArray"
    raw: Pair
    replay: Pair | None
    selection: Lines | None
    corrected: Pair
    optima: Optima | None
    count: int


def draw_lines(
    study: Study,
    sounding: Sounding,
    surface: ProfileSurface | None,
    vectors: "FloatArray | None" = None,
) -> StudyLines:
    """Return the lines through the ok vertices and, on ``surface``, those of the same done without noise.

    ``vectors`` (R, 5) are the surfaces to replay on, the fitted one unless given. The replay counts
    the same budgets with the same weights.
    """
    import numpy as np

    ok = np.array(study.ok)
    of_N, of_loss = weigh(study.curved, sounding, ok, study.log_C)
    raw = _pair(study, sounding, of_N, of_loss)
    if surface is None:
        return StudyLines(raw)
    vectors = surface.vector if vectors is None else vectors
    replayed = sound(study.curved, study.split(np.exp(surface.log_losses(vectors))))
    kept = replayed.is_minimum
    weights = np.where(kept, of_N, 0.0)
    replay = _pair(study, replayed, weights, np.where(kept, of_loss, 0.0))
    selection = fit_lines(study.log_C, _selection(study, replayed, _noise_about(study, surface)), weights)
    away = np.where(weights[0] > 0, (sounding.parabola_log_N - replayed.parabola_log_N)[0], 0.0)
    squares = float((weights[0] * away**2).sum())
    is_chance = squares < MOST_BY_CHANCE**2 * (weights[0] > 0).sum()
    return StudyLines(
        raw,
        replay,
        selection,
        surface.optima(vectors),
        is_complete=bool(kept[:, ok].all()),
        apart=0.0 if is_chance else math.sqrt(squares / float(weights[0].sum())),
    )


def _noise_about(study: Study, surface: ProfileSurface) -> "FloatArray":
    """Return the variance of a loss about the surface, (1, m), as a share of the loss, moderated.

    The surface's five constants take their part of the degrees of freedom from every budget alike. Without
    noise it is none, where residuals about a parabola are what the slice is no parabola by.
    """
    import numpy as np

    residuals = study.split(np.log(study.every.loss) - surface.log_losses(surface.vector))
    taken = SURFACE_CONSTANTS / len(study.every)
    freedom = np.array([part.shape[1] * (1 - taken) for part in residuals])
    variances = np.array([(part**2).sum() for part in residuals]) / freedom
    return moderate(variances[None, :], freedom)


def _selection(study: Study, replayed: Sounding, noise: "FloatArray") -> "FloatArray":
    """Return how far inward a replayed vertex lies on average, given that it was counted, (R, m)."""
    import numpy as np

    used = replayed.is_minimum
    c = np.where(used, replayed.curvature, 1.0)
    spreads = [
        profile.design.spreads(replayed.log_N[:, j], c[:, j])[0]
        for j, profile in enumerate(study.curved)
        if profile.design is not None
    ]
    errors = np.sqrt(noise * np.stack(spreads, axis=1)) * replayed.loss
    ends = np.array([profile.ends for profile in study.curved]).T
    shift = seen_shift(replayed.log_N, np.where(used, errors, 0.0), ends[0] + EDGE, ends[1] - EDGE)
    return np.where(used, shift, 0.0)


def draw(
    study: Study,
    surface: ProfileSurface | None,
    replicates: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> Draws:
    """Resample the residuals of every budget, and do everything again with each replicate.

    A replicate of the losses is the parabola plus n draws with replacement of its budget's residuals. The
    residuals of n losses are too small by sqrt((n - 3)/n) on average, for a parabola has three constants to
    come near them, and of a few of them nobody knows how small: they are scaled to the budget's moderated
    noise, and in each replicate by sqrt(f/chi^2_f) with its f = 4 + n - 3 degrees of freedom. Of 200
    studies the 90 % intervals then hold a vertex in 89 % and N_opt at 1e24 in 92 %; with the first scaling
    alone, in 80 % and 81 % (0.34/0.28, +-4x, 0.3 % noise). The surface is refitted to itself plus the
    same draws, so that the bias is as uncertain as it is. The runs of budgets that are not ok have their own
    residuals about the surface there, of either sign (Wu 1986): a parabola that one wild run of seven drags
    along makes six more of them, where the surface's robust objective sees the one.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    block = max(1, CELLS_PER_BLOCK // max(1, len(study.every)))
    found = [
        _draw_block(study, surface, min(block, replicates - first), random, progress)
        for first in range(0, replicates, block)
    ]
    log_N, loss, is_minimum = (np.concatenate(column) for column in list(zip(*found, strict=True))[:3])
    lines = [block[3] for block in found]
    valid = np.concatenate([block[4] for block in found])
    raw = _join_pairs([part.raw for part in lines], valid)
    if surface is None:
        return Draws(log_N, loss, is_minimum, raw, None, None, raw, None, int(valid.sum()))
    replay = _join_pairs([part.replay for part in lines if part.replay], valid)
    corrected = _join_pairs([part.corrected for part in lines], valid)
    selection = _join([part.selection for part in lines if part.selection], valid)
    optima = _join([part.optima for part in lines if part.optima], valid)
    return Draws(log_N, loss, is_minimum, raw, replay, selection, corrected, optima, int(valid.sum()))


def power_laws(pair: Pair, draws: Pair | None) -> Frontier:
    """Return lines (of one study) and their draws as power laws; D = C/(6 N) has 1 minus the exponent."""
    params = power_law(pair.params, draws.params if draws else None)
    tokens = power_law(_tokens(pair.params), _tokens(draws.params) if draws else None)
    return Frontier(params, tokens, power_law(pair.loss, draws.loss if draws else None))


def power_law(lines: Lines, draws: Lines | None) -> PowerLaw:
    """Return a line of log y over log C, and its draws, as a power law."""
    drawn = PowerDraws(draws.height, draws.slope) if draws else None
    return PowerLaw(math.exp(float(lines.height[0])), float(lines.slope[0]), drawn)


def _tokens(lines: Lines) -> Lines:
    """Return log D = log(C/6) - log N."""
    return Lines(-math.log(FLOPS_PER_PARAM_TOKEN) - lines.height, 1 - lines.slope)


def _pair(study: Study, sounding: Sounding, of_N: "FloatArray", of_loss: "FloatArray") -> Pair:
    import numpy as np

    # a vertex may be so low that its loss is no loss: it is no minimum that counts
    log_loss = np.log(np.where(sounding.loss > 0, sounding.loss, 1.0))
    return Pair(fit_lines(study.log_C, sounding.log_N, of_N), fit_lines(study.log_C, log_loss, of_loss))


def _draw_block(
    study: Study,
    surface: ProfileSurface | None,
    count: int,
    random: "np.random.Generator",
    progress: Callable[[int], None] | None,
) -> tuple["FloatArray", "FloatArray", "BoolArray", StudyLines, "BoolArray"]:
    """Return the vertices and lines of some replicates, and which of them have all of theirs."""
    import numpy as np

    fitted, drawn = _resample(study, count, random)
    losses = [middle + noise for middle, noise in zip(fitted, drawn, strict=True)]
    sounding = _centre(study, sound(study.curved, losses), fitted)
    vectors, settled = None, np.ones(count, dtype=bool)
    if surface is not None:
        smooth = surface.log_losses(surface.vector)
        vectors, settled = surface.refit(smooth + _about_surface(study, smooth, drawn, random))
    lines = draw_lines(study, sounding, surface, vectors)
    ends = [lines.raw.params.slope, lines.raw.loss.slope]
    if lines.replay is not None and lines.optima is not None:
        ends += [lines.replay.params.slope, lines.optima.height, lines.optima.log_F]
    valid = settled & np.isfinite(ends).all(axis=0)
    if progress:
        progress(count)
    return sounding.log_N, sounding.loss, sounding.is_minimum, lines, valid


def _resample(
    study: Study, count: int, random: "np.random.Generator"
) -> tuple[list["FloatArray"], list["FloatArray"]]:
    """Return the losses of each curved budget's parabola, (1, n), and noise to add to them, (count, n)."""
    import numpy as np

    observed = [profile.runs.loss[None, :] for profile in study.curved]
    noise = np.sqrt(sound(study.curved, observed).noise[0])
    fitted, drawn = [], []
    for profile, losses, scale in zip(study.curved, observed, noise.tolist(), strict=True):
        assert profile.design is not None
        middle = profile.design.predict(profile.design.fit(losses))
        residuals = (losses - middle)[0]
        size = math.sqrt(float((residuals**2).mean()))
        unit = residuals / size if size > 0 else residuals
        freedom = profile.spare + PRIOR_FREEDOM
        unsure = np.sqrt(freedom / random.chisquare(freedom, (count, 1)))
        fitted.append(middle)
        drawn.append(random.choice(unit, (count, len(profile.runs))) * scale * unsure)
    return fitted, drawn


def _about_surface(
    study: Study, smooth: "FloatArray", drawn: Sequence["FloatArray"], random: "np.random.Generator"
) -> "FloatArray":
    """Return noise to add to the surface's log losses (1, n) at every run, (count, n).

    An ok budget has what was ``drawn`` for it, as a share of the loss; a run of the others has its own
    residual about the surface, of either sign.
    """
    import numpy as np

    residuals = np.log(study.every.loss) - smooth[0]
    counted, columns, first = iter(zip(study.ok, drawn, strict=True)), [], 0
    for profile in study.profiles:
        part = slice(first, first + len(profile.runs))
        first = part.stop
        is_ok, noise = next(counted) if profile.design is not None else (False, drawn[0])
        if is_ok:
            columns.append(noise / np.exp(smooth[0, part]))
        else:
            sign = random.choice([-1.0, 1.0], (len(noise), len(profile.runs)))
            columns.append(sign * residuals[part])
    return np.concatenate(columns, axis=1)


def _centre(study: Study, sounding: Sounding, fitted: Sequence["FloatArray"]) -> Sounding:
    """Return a local curve's replicates about its own vertices: they were drawn about the parabola's."""
    import numpy as np

    if all(profile.curve_name == "parabola" for profile in study.curved):
        return sounding
    seen = sound(study.curved, [profile.runs.loss[None, :] for profile in study.curved])
    smooth = sound(study.curved, fitted)
    moved = {
        "log_N": sounding.log_N + seen.log_N - smooth.log_N,
        "loss": np.maximum(sounding.loss + seen.loss - smooth.loss, np.finfo(float).tiny),
    }
    rest = {f.name: getattr(sounding, f.name) for f in fields(Sounding) if f.name not in moved}
    return Sounding(**moved, **rest)


def _join_pairs(pairs: Sequence[Pair], valid: "BoolArray") -> Pair:
    return Pair(_join([pair.params for pair in pairs], valid), _join([pair.loss for pair in pairs], valid))


def _join(parts: Sequence[T], valid: "BoolArray") -> T:
    """Return the draws of several blocks as one, those that are ``valid``."""
    import numpy as np

    names = [f.name for f in fields(parts[0])]
    columns = {name: np.concatenate([getattr(part, name) for part in parts])[valid] for name in names}
    return type(parts[0])(**columns)
