"""Forms against each other: each fitted, backtested, and ranked by how it predicts what it has not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaling_cli.errors import FitRefused
from scaling_cli.laws.law import Law
from scaling_cli.planning.backtest import Backtest, backtest
from scaling_cli.planning.question import Question
from scaling_cli.planning.solve import solve

if TYPE_CHECKING:
    from scaling_cli.fitting.fit import Fit, FitSettings
    from scaling_cli.runs import FloatArray, Runs

REPLICATES = 50
"""The ranking needs the errors of a backtest, and of its coverage a rough idea only."""


@dataclass(frozen=True, slots=True)
class RankedForm:
    """A form that was tried: its fit and backtest, or ``note``, why there is none.

    ``backtest_error`` is the mean over the held-out levels of abs(loss_error), a share; ``params``,
    ``tokens`` and ``loss`` are the plan at the target, as far as the form knows it.
    """

    form: str
    fit: "Fit | None"
    backtest_error: float | None
    params: float | None = None
    tokens: float | None = None
    loss: float | None = None
    note: str = ""

    @property
    def law(self) -> Law | None:
        """The fitted law."""
        return None if self.fit is None else self.fit.law


@dataclass(frozen=True, slots=True)
class FormRanking:
    """The forms, best first: those with a backtest by its error, then those without, then the refused."""

    flops: float
    forms: tuple[RankedForm, ...]

    @property
    def best(self) -> "Fit":
        """The fit of the first form."""
        fit = self.forms[0].fit
        assert fit is not None
        return fit


def rank_forms(
    runs: "Runs",
    settings: "FitSettings",
    target_flops: float | None,
    *,
    budgets: "FloatArray | None" = None,
    clusters: Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> FormRanking:
    """Fit every form that ``all`` stands for, with ``settings``, and rank them by their backtests.

    The in-sample error does not count: a form with more constants always has less of it. Constants that
    are fixed or bounded in ``settings`` belong to one form, and are left out. The plans are for
    ``target_flops``, by default a hundred times the largest budget. ``progress`` is told of each form.
    Raises ``FitRefused`` where the runs allow no form at all.
    """
    from scaling_cli.fitting.forms import FORMS_TO_TRY

    target = target_flops or 100 * float(runs.flops_6ND.max())
    tried = []
    for form in FORMS_TO_TRY:
        tried.append(_try(runs, form, settings, target, budgets, clusters, seed))
        progress(1)
    ranked = sorted(tried, key=_rank)
    if ranked[0].fit is None:
        raise next(found for found in (_refusal(runs, form, settings) for form in FORMS_TO_TRY) if found)
    return FormRanking(flops=target, forms=tuple(ranked))


def _rank(form: RankedForm) -> tuple[bool, bool, float]:
    return (form.fit is None, form.backtest_error is None, form.backtest_error or 0.0)


def _fit(runs: "Runs", form: Any, settings: "FitSettings") -> "Fit":
    from scaling_cli.fitting.parametric import fit_law

    return fit_law(
        runs,
        form=form,
        objective=settings.objective,
        delta=settings.delta,
        overestimate_penalty=settings.overestimate_penalty,
        weights=settings.weights,
    )


def _refusal(runs: "Runs", form: str, settings: "FitSettings") -> FitRefused | None:
    try:
        _fit(runs, form, settings)
    except FitRefused as refusal:
        return refusal
    return None


def _try(
    runs: "Runs",
    form: str,
    settings: "FitSettings",
    target: float,
    budgets: "FloatArray | None",
    clusters: Sequence[str] | None,
    seed: int,
) -> RankedForm:
    """Fit one form, backtest it, and solve it at the target."""
    try:
        fit = _fit(runs, form, settings)
    except FitRefused as refusal:
        return RankedForm(form, None, None, note=f"{refusal.finding.id}: {refusal.finding.message}")
    tested = backtest(fit, budgets=budgets, clusters=clusters, replicates=REPLICATES, seed=seed)
    plan = solve(fit.law, Question(flops=target))
    return RankedForm(
        form=form,
        fit=fit,
        backtest_error=_mean_error(tested),
        params=plan.params,
        tokens=plan.tokens,
        loss=plan.loss,
        note="" if tested.levels else f"no backtest: {tested.ended}",
    )


def _mean_error(tested: Backtest) -> float | None:
    errors = [abs(level.loss_error) for level in tested.levels if level.loss_error is not None]
    return sum(errors) / len(errors) if errors else None
