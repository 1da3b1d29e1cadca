"""A study, from its options and its YAML to a fitted law: which runs, which fit, how sure."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from scaling_cli import __version__
from scaling_cli.cli.options import read_waste
from scaling_cli.errors import FitRefused, InputError, UsageError

if TYPE_CHECKING:
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.files.run_table import RunTable
    from scaling_cli.fitting.fit import Fit
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.fitted_plan import FittedPlan
    from scaling_cli.planning.form_ranking import FormRanking
    from scaling_cli.runs import FloatArray


def read_study(config: str | None, **options: object) -> "Experiment":
    """Return the experiment of a config file, the options that were given put in the place of its own.

    Columns and units are merged name by name; conditions and targets on the command line replace those
    of the file.
    """
    from scaling_cli.files.experiment import Experiment

    study = Experiment(name="", runs="")
    if config is not None:
        from scaling_cli.files.experiment_file import read_experiment

        study = read_experiment(config)
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    if "runs" in given:  # the config no longer says which runs
        given["runs_place"] = ""
    for name in ("columns", "units", "fixed", "bounds"):
        option = given[name]
        assert isinstance(option, Mapping)
        given[name] = {**getattr(study, name), **option}
    study = replace(study, **given)  # type: ignore[arg-type]  # the keywords are Experiment's own fields
    if not study.runs:
        raise UsageError("no runs to fit", hint="name a file, - for stdin, or a --config that names one")
    return study


@dataclass(frozen=True, slots=True)
class Sureness:
    """How the intervals are made: the bootstrap's replicates (0: none), its seed, and their level."""

    replicates: int
    interval: float
    seed: int


def read_table(study: "Experiment") -> "RunTable":
    """Read the runs of a study."""
    from scaling_cli.files.run_table import read_runs

    return read_runs(
        study.runs,
        columns=study.columns,
        units=study.units,
        where=study.where,
        drop_highest_losses=study.drop_highest_losses or 0,
        all_steps=bool(study.all_steps),
        include_unfinished=bool(study.include_unfinished),
        named_by=study.runs_place,
    )


def fit_table(study: "Experiment", table: "RunTable") -> "Fit":
    """Fit the runs of a table; a refusal says how many of its rows they are."""
    from scaling_cli.fitting.parametric import fit_law

    with _placed(table):
        form: Any = study.form or "chinchilla"  # fit_law refuses a form there is not
        return fit_law(table.runs, form=form, **fit_settings(study, table))


def read_stored_law(path: str) -> "LawCard":
    """Read the law that a refit is to be held against."""
    from scaling_cli.files.law_file import read_law

    return read_law(path)


def stored_form(stored: "LawCard | None") -> str | None:
    """Return the form a saved law was fitted with: where its file does not say, the law's own."""
    return None if stored is None else str(stored.provenance.get("form") or stored.law.form)


def rank_table(study: "Experiment", table: "RunTable", sureness: Sureness) -> "FormRanking":
    """Fit and backtest every form the runs of a table allow."""
    from scaling_cli.fitting.fit import FitSettings
    from scaling_cli.fitting.forms import FORMS_TO_TRY
    from scaling_cli.planning.form_ranking import rank_forms
    from scaling_cli.reports.progress import progress

    if study.fixed or study.bounds:
        raise UsageError("--fix and --bound are of one form", hint="leave them out, or name the form")
    if study.starts == "hoffmann":
        raise UsageError(
            "--starts hoffmann are of the chinchilla form", hint="leave it out, or name that form"
        )
    with _placed(table), progress("fitting every form", len(FORMS_TO_TRY)) as advance:
        return rank_forms(
            table.runs,
            FitSettings(**fit_settings(study, table)),
            study.flops[-1] if study.flops else None,
            budgets=table.budgets,
            clusters=table.clusters,
            seed=sureness.seed,
            progress=advance,
        )


def fit_settings(study: "Experiment", table: "RunTable") -> dict[str, Any]:
    """Return the keywords of ``fit_law`` that a study gives."""
    given: dict[str, Any] = {
        "objective": study.objective,
        "delta": study.delta,
        "overestimate_penalty": study.overestimate_penalty,
        "fixed": study.fixed,
        "bounds": study.bounds,
        "starts": study.starts,
    }
    if study.weights is not None:
        given["weights"] = table.quantity(study.weights)
        if given["weights"] is None:
            raise InputError(
                f"{table.name}: --weights names no column {study.weights!r}", hint="name a column of numbers"
            )
        _check_weights(given["weights"], study.weights, table)
    return {name: value for name, value in given.items() if value is not None}


def _check_weights(weights: "FloatArray", column: str, table: "RunTable") -> None:
    """Raise ``InputError`` that names the first run whose weight is none."""
    for name, weight in zip(table.runs.names, weights.tolist(), strict=True):
        if not 0 <= weight < math.inf:
            found = "it is blank" if math.isnan(weight) else f"got {weight:g}"
            what = f"{table.name}: {name}: {column} must be a weight of at least 0: {found}"
            raise InputError(what, hint="0 leaves a run out, 2 counts it twice as much as 1")


@contextmanager
def _placed(table: "RunTable") -> Iterator[None]:
    """Say of a refusal which table it is of, and how many of its rows were fitted."""
    try:
        yield
    except FitRefused as refusal:
        rows = f" ({len(table.runs)} of {table.read} rows)" if len(table.runs) < table.read else ""
        raise refusal.at(f"{table.name}{rows}") from None


def make_plan(
    study: "Experiment", table: "RunTable", sureness: Sureness, *, backtest: bool, sensitivity: bool
) -> "FittedPlan":
    """Fit a table, under the best of all forms where all are asked for, plan with it, and check it."""
    ranking = rank_table(study, table, sureness) if study.form == "all" else None
    fitted = ranking.best if ranking else fit_table(study, table)
    plan = replace(plan_study(study, table, fitted, sureness), ranking=ranking)
    return check_plan(plan, table, sureness, backtest=backtest, sensitivity=sensitivity)


def plan_study(study: "Experiment", table: "RunTable", fitted: "Fit", sureness: Sureness) -> "FittedPlan":
    """Resample a fit's runs, and solve its law at the targets."""
    from scaling_cli.fitting.bootstrap import bootstrap_law
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.fitted_plan import plan_fit
    from scaling_cli.reports.progress import progress

    bootstrap = None
    if sureness.replicates:
        with progress("resampling the runs", sureness.replicates) as advance:
            bootstrap = bootstrap_law(
                fitted,
                replicates=sureness.replicates,
                seed=sureness.seed,
                clusters=table.clusters,
                progress=advance,
            )
    name = PurePath(table.name).name
    card = LawCard(
        name=name,
        law=fitted.law,
        source=f"fitted to {len(fitted.runs)} runs of {name}",
        params_definition=table.params_definition,
        loss_unit=table.loss_unit,
        dataset=name,
        findings=table.findings,
        provenance=_provenance(study, table, fitted, sureness),
    )
    return plan_fit(
        fitted,
        card,
        runs_read=table.read,
        columns=table.extra_columns(),
        clusters=table.clusters,
        bootstrap=bootstrap,
        flops=study.flops,
        waste=study.waste or read_waste(None),
        interval=sureness.interval,
    )


def check_plan(
    plan: "FittedPlan", table: "RunTable", sureness: Sureness, *, backtest: bool, sensitivity: bool
) -> "FittedPlan":
    """Add what the user asked to be checked: held-out budgets, other choices at the last target."""
    from scaling_cli.planning import backtest as backtests
    from scaling_cli.planning import sensitivity as sensitivities

    if backtest:
        found = backtests.backtest(
            plan.fit,
            budgets=table.budgets,
            clusters=table.clusters,
            replicates=backtests.REPLICATES,
            seed=sureness.seed,
            level=sureness.interval,
        )
        plan = replace(plan, backtest=found)
    if sensitivity:
        target = plan.optima[-1].flops
        assert target is not None
        settings = plan.fit.settings
        base = {
            name: getattr(settings, name) for name in ("form", "objective", "delta", "overestimate_penalty")
        }
        base |= {"weights": settings.weights, "fixed": settings.fixed, "bounds": settings.bounds}
        choices = sensitivities.sensitivity(plan.fit.runs, target, budgets=table.budgets, base=base)
        plan = replace(plan, sensitivity=choices)
    return plan


def _provenance(
    study: "Experiment", table: "RunTable", fitted: "Fit", sureness: Sureness
) -> dict[str, object]:
    """Say how a law came about, so that anyone with the data can make it again."""
    from scaling_cli.files.loss_measure import describe_evaluation

    filters = {
        "where": [str(condition) for condition in study.where],
        "drop_highest_losses": study.drop_highest_losses,
        "all_steps": study.all_steps,
        "include_unfinished": study.include_unfinished,
    }
    unusual = {
        "overestimate_penalty": study.overestimate_penalty,
        "weights": study.weights,
        "starts": study.starts,
        "fixed": dict(study.fixed),
        "bounds": {name: list(ends) for name, ends in study.bounds.items()},
    }
    evaluation = describe_evaluation(
        table.rows.table,
        table.kept.tolist(),
        tokenizer=study.tokenizer,
        eval_set=study.eval_set,
        bytes_per_token=study.bytes_per_token,
    )
    return {
        "data": {
            "name": PurePath(table.name).name,
            "sha256": table.sha256,
            "columns": dict(table.columns),
            "units": dict(study.units),
        },
        **({"evaluation": evaluation} if evaluation else {}),
        "runs": {"read": table.read, "used": len(fitted.runs)},
        "filters": {name: value for name, value in filters.items() if value},
        "objective": {
            "name": fitted.objective.name,
            "delta": fitted.objective.delta,
            "value": fitted.objective.value,
            **{name: value for name, value in unusual.items() if value},
        },
        "form": fitted.settings.form,
        "status": fitted.status,
        "bootstrap": {"replicates": sureness.replicates, "seed": sureness.seed},
        "version": f"scaling {__version__}",
    }
