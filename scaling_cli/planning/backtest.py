"""Backtest: the law refitted without the largest budgets, and what it would have said about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from scaling_cli.errors import FitRefused, LawError
from scaling_cli.fitting.budgets import LEAST_RUNS_PER_BUDGET, SAME_BUDGET, windows
from scaling_cli.fitting.fit import Fit, predicted_loss
from scaling_cli.laws.law import Allocates, HasFrontier, Law
from scaling_cli.planning.noise import noise_of
from scaling_cli.units import format_flops, format_number, format_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import Runs

    FloatArray = NDArray[np.float64]
    Refit = Callable[[NDArray[np.intp]], Fit]
    """Fits the runs of these indices as the full fit was fitted."""

LevelKind = Literal["budgets", "isoflop", "shares"]

NEIGHBOURHOOD = 1.5
"""A level stands out if it holds half of the runs within this factor of C: a window of +-10 % is a quarter
of that span, so that runs spread evenly do not pass for budgets."""

LEAST_LEVELS = 3
"""One level to predict, and two that may show how the loss falls with compute."""

SHARES = (0.05, 0.1, 0.2, 0.4)
"""Where runs have no budgets in common, these shares of them, the largest by compute, are held out."""

REPLICATES = 200
"""Bootstrap replicates of each truncated fit: enough for the ends of a 90 % interval."""

RESIDUAL_QUANTILES = 50
"""Residuals are thinned to so many before each is put on each draw."""

RUNS_AT_ONCE = 500
"""The intervals of so many runs are held in memory together: 500 x 200 draws x 50 residuals are 40 MB."""

ROUNDING = 1e-6
"""A loss this close to an end of its interval lies in it: losses are not written down more exactly, and
the intervals of noise-free runs have no width."""


@dataclass(frozen=True, slots=True)
class BudgetLevels:
    """The budgets that runs have in common, from least to largest.

    ``edges`` are the least C of each level, ``centres`` the budget it stands for, all in FLOPs. ``kind``
    says where they come from: nominal budgets, IsoFLOP-like groups of 6ND, or shares of the runs.
    """

    kind: LevelKind
    edges: tuple[float, ...]
    centres: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BacktestLevel:
    """What the law fitted to ``fitted`` runs, of at most ``fitted_up_to`` FLOPs, says of the others.

    ``predicted`` is the largest budget held out (FLOPs) and ``runs`` the number of runs held out.
    ``loss_error`` is the mean over them of L_predicted/L_observed - 1; ``params_error`` and
    ``tokens_error`` are N_opt and D_opt at ``predicted`` over those of the full fit, less one; all are
    signed shares. ``covered`` is the share of the runs held out that fall in the ``observed_loss``
    interval at their own (N, D). ``None`` stands where the form has no optimum, or there are no draws.
    """

    fitted_up_to: float
    fitted: int
    predicted: float
    runs: int
    loss_error: float
    params_error: float | None
    tokens_error: float | None
    covered: float | None

    @property
    def ahead(self) -> float:
        """The largest budget held out over the largest C fitted."""
        return self.predicted / self.fitted_up_to


@dataclass(frozen=True, slots=True)
class Backtest:
    """The levels held out, nearest first; ``ended`` says why there are no more of them."""

    kind: LevelKind
    interval: float
    levels: tuple[BacktestLevel, ...]
    ended: str

    @property
    def verdict(self) -> str:
        """What it comes to in one line: the nearest level, and the worst of all of them."""
        if not self.levels:
            return f"no budget could be held out: {self.ended}"
        nearest, count = self.levels[0], len(self.levels)
        line = f"{format_number(nearest.ahead, 3)}x ahead: {self._summary((nearest,))}"
        if count == 1:
            return line
        farthest = format_number(max(level.ahead for level in self.levels), 3)
        return f"{line}; all {count} levels, up to {farthest}x ahead: {self._summary(self.levels)}"

    def _summary(self, levels: Sequence[BacktestLevel]) -> str:
        """Return the largest errors, and the share of the runs held out that the intervals hold."""
        losses = [abs(level.loss_error) for level in levels]
        sizes = [abs(level.params_error) for level in levels if level.params_error is not None]
        inside = [(level.covered, level.runs) for level in levels if level.covered is not None]
        parts = [f"mean loss within {format_share(max(losses))}"]
        parts += [f"N_opt within {format_share(max(sizes))}"] if sizes else []
        if inside:
            share = sum(covered * runs for covered, runs in inside) / sum(runs for _, runs in inside)
            parts.append(f"{format_share(share)} of runs in their {format_share(self.interval)} intervals")
        return ", ".join(parts)


def backtest(
    fit: Fit,
    *,
    budgets: "FloatArray | None" = None,
    clusters: Sequence[str] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = 0.9,
    refit: "Refit | None" = None,
) -> Backtest:
    """Refit without the top 1, 2, ... budget levels and predict all that was held out.

    ``budgets`` (FLOPs, shape (n,)) and ``clusters`` (n labels) are in the order of ``fit.runs``. The
    ``observed_loss`` interval of a run is that of L_draw(N, D) exp(-r) over the truncated fit's bootstrap
    draws and its residuals r = log L_predicted - log L, at ``level``. ``refit`` says how to fit the runs of
    some indices, where the settings of ``fit`` do not.

    A level whose remaining runs are refused ends the list with its reason.
    """
    import numpy as np

    levels = budget_levels(fit.runs, budgets)
    budget = _run_budgets(fit.runs, budgets, levels.kind)
    found: list[BacktestLevel] = []
    ended = "no level is left below the lowest"
    again = refit or _refit_like(fit)
    # the lowest level has nothing below it to fit
    for edge in reversed(levels.edges if levels.kind == "shares" else levels.edges[1:]):
        kept = np.flatnonzero(budget < edge)
        try:
            truncated = again(kept)
        except (FitRefused, LawError) as refusal:
            ended = f"below {format_flops(edge, 3)} FLOPs {len(kept)} runs are left, {refusal.message}"
            break
        labels = [clusters[i] for i in kept.tolist()] if clusters is not None else None
        draws = _draws(truncated, replicates, seed, labels)
        held = fit.runs.select(np.flatnonzero(budget >= edge))
        noise = noise_of(truncated.residuals, labels, RESIDUAL_QUANTILES)
        found.append(_judge(fit, truncated, held, levels.centres[-1], draws, noise, level))
    return Backtest(levels.kind, level, tuple(found), ended)


def budget_levels(runs: "Runs", budgets: "FloatArray | None" = None) -> BudgetLevels:
    """Return the budgets that runs have in common.

    Nominal ``budgets`` (FLOPs, shape (n,)) where most runs share theirs with three others. Else groups of
    C = 6ND: repeatedly the +-10 % window that holds most of the remaining runs, at least four, of which
    those that stand out from their neighbourhood are levels, if together they hold half of the runs.
    Else the top 5, 10, 20 and 40 % of the runs by C.
    """
    import numpy as np

    C = runs.flops_6ND
    if budgets is not None:
        values, counts = np.unique(budgets, return_counts=True)
        shared = counts[counts >= LEAST_RUNS_PER_BUDGET].sum()
        if len(values) >= LEAST_LEVELS and 2 * shared >= len(runs):
            middles = [float(np.median(C[budgets == value])) for value in values]
            # the law counts 6ND: a budget counted otherwise is not the one to ask it about
            centres = [
                float(value) if abs(middle / value - 1) <= SAME_BUDGET else middle
                for value, middle in zip(values, middles, strict=True)
            ]
            return BudgetLevels("budgets", tuple(values.tolist()), tuple(centres))
    groups = _isoflop_groups(C)
    if len(groups) >= LEAST_LEVELS and 2 * sum(map(len, groups)) >= len(runs):
        middles = [float(np.median(group)) for group in groups]
        return BudgetLevels("isoflop", tuple(float(group[0]) for group in groups), tuple(middles))
    ordered = np.sort(C)[::-1]
    edges = sorted({float(ordered[max(1, round(share * len(C))) - 1]) for share in SHARES})
    return BudgetLevels("shares", tuple(edges), (*edges[1:], float(ordered[0])))


def _refit_like(fit: Fit) -> "Refit":
    """Return how to fit some of the runs under the settings of the full fit, each with its own weight."""
    from scaling_cli.fitting.parametric import fit_with

    def refit(kept: "NDArray[np.intp]") -> Fit:
        weights = fit.settings.weights
        settings = replace(fit.settings, weights=None if weights is None else weights[kept])
        return fit_with(fit.runs.select(kept), settings)

    return refit


def _run_budgets(runs: "Runs", budgets: "FloatArray | None", kind: LevelKind) -> "FloatArray":
    """Return what the edges of the levels are compared with, shape (n,)."""
    return budgets if kind == "budgets" and budgets is not None else runs.flops_6ND


def _isoflop_groups(C: "FloatArray") -> list["FloatArray"]:
    """Return the C of the runs of each level that stands out, in ascending order."""
    import numpy as np

    groups = []
    for group in (C[index] for index in windows(C)):
        middle = np.median(group)
        around = (middle / NEIGHBOURHOOD < C) & (middle * NEIGHBOURHOOD > C)
        if 2 * len(group) >= around.sum():
            groups.append(group)
    return sorted(groups, key=lambda group: float(group[0]))


def _draws(fit: Fit, replicates: int, seed: int, clusters: Sequence[str] | None) -> tuple[Law, ...]:
    from scaling_cli.fitting.bootstrap import bootstrap_law

    if not replicates:
        return ()
    return bootstrap_law(fit, replicates=replicates, seed=seed, clusters=clusters).draws


def _judge(
    full: Fit,
    truncated: Fit,
    held: "Runs",
    C: float,
    draws: Sequence[Law],
    noise: "FloatArray",
    level: float,
) -> BacktestLevel:
    """Compare what a truncated fit says of the runs held out, and at C FLOPs, with what is known of them."""
    import numpy as np

    errors: tuple[float | None, float | None] = (None, None)
    if isinstance(truncated.law, Allocates) and isinstance(full.law, Allocates):
        found, true = truncated.law.optimum(C), full.law.optimum(C)
        errors = float(found[0] / true[0] - 1), float(found[1] / true[1] - 1)
    predicted = predicted_loss(truncated.law, held)
    return BacktestLevel(
        fitted_up_to=float(truncated.runs.flops_6ND.max()),
        fitted=len(truncated.runs),
        predicted=C,
        runs=len(held),
        loss_error=float(np.mean(predicted / held.loss - 1)),
        params_error=errors[0],
        tokens_error=errors[1],
        covered=_covered(draws, noise, held, level),
    )


def _covered(draws: Sequence[Law], noise: "FloatArray", held: "Runs", level: float) -> float | None:
    """Return the share of runs whose loss lies in the interval of draws and noise at their (N, D)."""
    import numpy as np

    if not draws:
        return None
    # every residual on every draw, rather than one at random: the ends then owe nothing to chance
    inside = 0
    for start in range(0, len(held), RUNS_AT_ONCE):
        some = held.select(np.arange(start, min(start + RUNS_AT_ONCE, len(held))))
        losses = [predicted_loss(draw, some) for draw in draws if isinstance(draw, HasFrontier)]
        shown = np.log(np.array(losses))[None, :, :] - noise[:, None, None]
        ends = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.quantile(shown.reshape(-1, len(some)), ends, axis=0)
        observed = np.log(some.loss)
        inside += int(((observed >= low - ROUNDING) & (observed <= high + ROUNDING)).sum())
    return inside / len(held)
