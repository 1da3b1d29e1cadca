"""Sensitivity: the plan for one budget under each reasonable choice of the analyst, one at a time."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from scaling_cli.errors import PlanError, ScalingError
from scaling_cli.findings import Finding
from scaling_cli.fitting.fit import Fit, FitSettings, FormName, ObjectiveName
from scaling_cli.laws.card import Range
from scaling_cli.laws.law import Allocates
from scaling_cli.planning.backtest import budget_levels
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_flops, format_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import Runs

    FloatArray = NDArray[np.float64]
    Refit = Callable[[], Fit]

FORMS: tuple[FormName, ...] = ("chinchilla", "tied", "kaplan")
"""The forms of (N, D) that all divide a budget and ask for nothing but params, tokens and loss."""

OBJECTIVES: tuple[ObjectiveName, ...] = ("log-huber", "huber", "log-mse", "mse")
DELTAS = (1e-4, 1e-3, 1e-2)
HIGHEST_LOSSES = (1, 3, 5)
"""Besiroglu et al. 2024 drop five of 245 runs, which moves D/N at 5.76e23 FLOPs more than the noise does."""

LOWEST_SHARE = 0.1
"""Where runs have no budgets in common, that share of them, the smallest by compute, is the lowest level."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One choice and the plan under it: N = ``params``, D = ``tokens`` at the target.

    ``residual_mad`` is the robust spread of the fit's residuals in log loss: a choice that describes the
    runs worse speaks less. ``None`` stands where there is no plan, and ``note`` says why; beside a plan
    it says what to doubt.
    """

    choice: str
    setting: str
    params: float | None = None
    tokens: float | None = None
    residual_mad: float | None = None
    note: str = ""

    @property
    def tokens_per_param(self) -> float | None:
        """D/N."""
        return None if self.params is None or self.tokens is None else self.tokens / self.params

    @property
    def name(self) -> str:
        """The choice with its setting."""
        return f"{self.choice} {self.setting}"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The plans for ``flops`` FLOPs: under the ``base`` settings, and with one choice made otherwise."""

    flops: float
    base: Variant
    variants: tuple[Variant, ...]

    @property
    def all(self) -> tuple[Variant, ...]:
        """The base, then every other choice."""
        return (self.base, *self.variants)

    def change(self, variant: Variant) -> float | None:
        """Return N/N_base - 1; ``None`` where the choice has no plan."""
        assert self.base.params is not None
        return None if variant.params is None else variant.params / self.base.params - 1

    @property
    def most_moving(self) -> Variant | None:
        """The choice of largest abs(log(N/N_base)), ``None`` where no other one has a plan."""
        planned = [variant for variant in self.variants if variant.params is not None]
        return max(planned, key=self._move, default=None)

    @property
    def spread(self) -> dict[str, Range]:
        """The least and the largest params, tokens and tokens per param, the base included."""
        return {
            name: (min(values), max(values))
            for name in ("params", "tokens", "tokens_per_param")
            if (values := [v for variant in self.all if (v := getattr(variant, name)) is not None])
        }

    def _move(self, variant: Variant) -> float:
        return abs(math.log1p(self.change(variant) or 0.0))


def sensitivity(
    runs: "Runs",
    target_flops: float,
    *,
    budgets: "FloatArray | None" = None,
    base: FitSettings | Mapping[str, Any] | None = None,
    other_params: "Runs | None" = None,
    other_definition: str = "the other column",
) -> Sensitivity:
    """Return the plan for C = ``target_flops`` under the base settings and under each other choice.

    ``base`` are the settings of the fit that the choices are compared with: ``fit.settings``, or some of
    them by name. ``budgets`` (FLOPs, shape (n,)) are the nominal budgets of the runs, ``other_params``
    the same runs, in their order, with params of the definition ``other_definition``.

    One choice at a time is made otherwise: the objective,
    delta, the form, leaving out the 1, 3 or 5 highest losses or the lowest budget, the params counted, and
    approach 2 in the place of 3 where the runs share budgets (approach 1 needs learning curves).
    A choice that the runs or the settings cannot support keeps its row and says why.

    Raises ``FitRefused`` where the base itself cannot be fitted, ``PlanError`` where it has no optimum.
    """
    from scaling_cli.fitting.parametric import fit_with

    settings = base if isinstance(base, FitSettings) else FitSettings(**(base or {}))
    fitted = fit_with(runs, settings)
    if not isinstance(fitted.law, Allocates):
        message = f"the form {settings.form} divides no budget: no plan to vary"
        raise PlanError(Finding("law-has-no-allocation", "refusal", message))
    variants = [
        *_other_settings(runs, settings),
        *_fewer_runs(runs, budgets, settings),
    ]
    if other_params is not None:
        variants.append(("params", other_definition, partial(fit_with, other_params, settings)))
    isoflop = _isoflop_variants(runs, budgets, target_flops)
    return Sensitivity(
        flops=target_flops,
        base=_variant("base", _describe(settings), lambda: fitted, target_flops),
        variants=(*(_variant(*variant, target_flops) for variant in variants), *isoflop),
    )


def _describe(settings: FitSettings) -> str:
    """Name the base settings in a few words."""
    words: list[str] = [settings.form, settings.objective]
    if _has_threshold(settings):
        words.append(f"delta {_threshold(settings.delta)}")
    return ", ".join(words)


def _threshold(delta: float) -> str:
    """Write a delta as people do, 1e-3."""
    return format_flops(delta, 3)


def _has_threshold(settings: FitSettings) -> bool:
    """Say whether the objective is a Huber loss: squares have no delta."""
    return settings.objective.endswith("huber")


def _other_settings(runs: "Runs", settings: FitSettings) -> Iterator[tuple[str, str, "Refit"]]:
    """Yield every other objective, delta and form."""
    from scaling_cli.fitting.parametric import fit_with

    changes: list[tuple[str, str, FitSettings]] = [
        ("objective", name, replace(settings, objective=name)) for name in OBJECTIVES
    ]
    if _has_threshold(settings):
        changes += [("delta", _threshold(delta), replace(settings, delta=delta)) for delta in DELTAS]
    changes += [("form", name, replace(settings, form=name)) for name in FORMS]
    for choice, setting, changed in changes:
        if getattr(changed, choice) != getattr(settings, choice) and not _are_one_form(changed, settings):
            yield choice, setting, partial(fit_with, runs, changed)


def _are_one_form(one: FitSettings, other: FitSettings) -> bool:
    """Say whether two forms are one in other coordinates: Gadre's is the tied one, alpha = beta = 2 eta."""
    return {one.form, other.form} == {"tied", "overtraining"}


def _fewer_runs(
    runs: "Runs", budgets: "FloatArray | None", settings: FitSettings
) -> Iterator[tuple[str, str, "Refit"]]:
    """Yield the fits without the runs of highest loss, and without those of the lowest budget."""
    import numpy as np

    from scaling_cli.fitting.parametric import fit_with

    def without(left_out: "NDArray[np.bool_]") -> "Refit":
        weights = None if settings.weights is None else settings.weights[~left_out]
        return partial(fit_with, runs.select(~left_out), replace(settings, weights=weights))

    for count in HIGHEST_LOSSES:
        if count < len(runs):
            highest = np.zeros(len(runs), dtype=bool)
            highest[runs.highest_losses(count)] = True
            yield "drop highest losses", str(count), without(highest)
    levels = budget_levels(runs, budgets)
    budget = budgets if levels.kind == "budgets" and budgets is not None else runs.flops_6ND
    if levels.kind == "shares":
        edge = float(np.quantile(budget, LOWEST_SHARE))
        yield "drop lowest budget", f"the lowest {LOWEST_SHARE:.0%} of runs", without(budget < edge)
    else:
        lowest = format_flops(levels.centres[0], 3)
        yield "drop lowest budget", lowest, without(budget < levels.edges[1])


def _isoflop_variants(runs: "Runs", budgets: "FloatArray | None", C: float) -> Iterator[Variant]:
    """Yield what approach 2 says, as it comes and with its bias removed; nothing without IsoFLOP budgets."""
    from scaling_cli.fitting.isoflop import fit_isoflop

    study = fit_isoflop(runs, budgets, replicates=0)
    if not study.valleys:
        return
    why = f"{len(study.ok)} of {len(study.valleys)} budgets have a minimum: a frontier needs two"
    for setting, frontier in (("2, raw", study.raw), ("2, corrected", study.corrected)):
        if frontier is None:
            yield Variant("approach", setting, note=study.not_removed or why)
        else:
            N = frontier.params.at(C)
            yield Variant("approach", setting, N, C / (FLOPS_PER_PARAM_TOKEN * N))


def _variant(choice: str, setting: str, fit: "Refit", C: float) -> Variant:
    """Fit under one choice and plan C FLOPs; what cannot be fitted has no plan."""
    try:
        fitted = fit()
    except ScalingError as error:
        return Variant(choice, setting, note=error.message)
    if not isinstance(fitted.law, Allocates):
        return Variant(choice, setting, note="the form divides no budget")
    N, D = fitted.law.optimum(C)
    if not (math.isfinite(N) and math.isfinite(D) and N > 0 and D > 0):
        return Variant(choice, setting, note=f"the optimum is no number at {format_number(C, 3)} FLOPs")
    doubt = "" if fitted.status == "converged" else f"the fit is {fitted.status}"
    return Variant(choice, setting, float(N), float(D), fitted.quality.residual_mad, doubt)
