"""What ``scaling compare recipes`` is given, a table, an experiment or a law, ready to be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from scaling_cli.cli import study as studies
from scaling_cli.errors import InputError, PlanError, ScalingError, UsageError
from scaling_cli.laws.card import NOT_STATED
from scaling_cli.planning.loss_measure import CommonUnit, LossMeasure, common_unit
from scaling_cli.planning.recipe_fits import RecipeLaw, RecipeRuns, point_runs

if TYPE_CHECKING:
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.files.frontier_points import FrontierPoints
    from scaling_cli.files.run_table import RunTable
    from scaling_cli.findings import Finding
    from scaling_cli.fitting.fit import FitSettings
    from scaling_cli.laws.card import LawCard

_YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """One argument as read, its losses still in their own unit."""

    measure: LossMeasure
    recipe: RecipeRuns | RecipeLaw


def read_recipes(
    names: Sequence[str], options: Mapping[str, object], *, convert: bool = True
) -> tuple[list[RecipeRuns | RecipeLaw], CommonUnit]:
    """Read every recipe, and bring their losses to one unit.

    A name is that of a published law, a law file, a YAML experiment or a table; ``options`` are those of
    ``read_study`` and hold for every table. With ``convert`` params without the embeddings are to become
    total ones; without, each recipe keeps its own N. Raises ``UsageError`` for fewer than two, or for one
    given twice, ``InputError`` where the losses do not compare, and ``PlanError`` for a law whose N cannot
    be converted.
    """
    if len(names) < 2:
        raise UsageError(
            f"a comparison needs two recipes, got {len(names) or 'none'}",
            hint="name the baseline first: scaling compare recipes A.csv B.csv",
        )
    labels = _labels(names)
    given = [_read(name, label, options, convert) for name, label in zip(names, labels, strict=True)]
    unit = common_unit([one.measure for one in given])
    recipes = [
        _in_unit(one.recipe, unit.unit, factor) for one, factor in zip(given, unit.factors, strict=True)
    ]
    return recipes, unit


def _labels(names: Sequence[str]) -> list[str]:
    """Return what each recipe is called: its file's name, or the whole path where two have the same."""
    paths = [str(Path(name).resolve()) if Path(name).exists() else name for name in names]
    for place, path in enumerate(paths):
        first = paths.index(path)
        if first < place:
            other = "" if names[first] == names[place] else f" (as {names[place]} too)"
            raise UsageError(f"{names[first]} is given twice{other}", hint="compare it with another recipe")
    short = ["<stdin>" if name == "-" else PurePath(name).name or name for name in names]
    return [label if short.count(label) == 1 else name for label, name in zip(short, names, strict=True)]


def _read(name: str, label: str, options: Mapping[str, object], convert: bool) -> _Given:
    from scaling_cli.laws.published import GROUPS, PUBLISHED

    if name in GROUPS:
        members = ", ".join(GROUPS[name][:4])
        raise UsageError(f"{name} stands for several laws", hint=f"name one of them: {members}")
    if name in PUBLISHED:
        return _law(PUBLISHED[name], label, convert)
    lower = name.lower().removesuffix(".gz")
    if lower.endswith(".json"):
        return _law(_read_law(name), label, convert)
    if lower.endswith(_YAML):
        from scaling_cli.files.experiment_file import is_experiment

        if not is_experiment(name):
            return _law(_read_law(name), label, convert)
        return _table(studies.read_study(name, **options), label, convert)
    if name != "-" and not PurePath(name).suffix and "/" not in name and not Path(name).exists():
        from scaling_cli.laws.published import published_law

        return _law(published_law(name), label, convert)
    return _table(studies.read_study(None, runs=name, **options), label, convert)


def _read_law(path: str) -> "LawCard":
    from scaling_cli.files.law_file import read_law

    return read_law(path)


def _law(card: "LawCard", label: str, convert: bool) -> _Given:
    """Return a law in total params, or with its own; refuse one with a loss whose N becomes no other's."""
    from scaling_cli.files.loss_measure import measure_of_law
    from scaling_cli.laws.conversion import NOT_COMPARABLE, as_published, in_total_params
    from scaling_cli.laws.law import HasFrontier

    measure = measure_of_law(card, label)
    card = in_total_params(card) if convert else as_published(card)
    refused = [finding for finding in card.findings if finding.id == NOT_COMPARABLE]
    if refused and isinstance(card.law, HasFrontier):
        hint = "--as-published compares laws with the params and budgets that each has"
        raise PlanError(replace(refused[0], severity="refusal"), hint=hint, place=label)
    return _Given(measure, RecipeLaw(replace(card, name=label)))


def _table(study: "Experiment", label: str, convert: bool) -> _Given:
    """Read a table: frontier points where it has budgets and losses alone, else runs."""
    if study.form == "all":
        raise UsageError("--form all ranks forms, it is none", hint="name one for all recipes")
    if study.runs == "-":
        return _runs(study, _read_stdin(study), label, convert)
    points = _read_points(study)
    if points:
        return _points(study, points, label)
    return _runs(study, studies.read_table(study), label, convert)


def _read_stdin(study: "Experiment") -> "RunTable":
    """Read runs from standard input, which can be read once: nobody looks there for frontier points."""
    try:
        return studies.read_table(study)
    except InputError as error:
        if ": no column for params" not in error.message or "flops" not in error.message:
            raise
        hint = "standard input is a table of runs: save frontier points to a file, and name that"
        raise InputError(error.message, hint=hint) from None


def _read_points(study: "Experiment") -> "FrontierPoints | None":
    from scaling_cli.files.frontier_points import read_frontier_points

    try:
        return read_frontier_points(study.runs, columns=study.columns, units=study.units, where=study.where)
    except ScalingError as error:
        raise error.at(study.runs_place) if study.runs_place else error from None


def _points(study: "Experiment", points: "FrontierPoints", label: str) -> _Given:
    if study.form not in (None, "frontier"):
        raise UsageError(
            f"{label}: FLOPs and losses alone make a frontier, not the {study.form} form",
            hint="leave --form out, or add the columns params and tokens",
        )
    settings = _settings({**_plain_settings(study), "form": "frontier"})
    recipe = RecipeRuns(
        runs=point_runs(points.flops, points.loss, points.names),
        card=_card(label, points.findings, loss_unit=points.loss_unit, params_definition=NOT_STATED),
        settings=settings,
        read=points.read,
        place=points.name,
        has_counts=False,
    )
    return _Given(_measure(study, points, label), recipe)


def _runs(study: "Experiment", table: "RunTable", label: str, convert: bool) -> _Given:
    from scaling_cli.fitting.parametric import checked_weights

    given = studies.fit_settings(study, table)
    settings = _settings({**given, "form": study.form or "chinchilla"})
    card = _card(label, table.findings, loss_unit=table.loss_unit, params_definition=table.params_definition)
    rows = f" ({len(table.runs)} of {table.read} rows)" if len(table.runs) < table.read else ""
    recipe = RecipeRuns(
        runs=table.runs,
        card=card,
        settings=replace(settings, weights=checked_weights(settings.weights, table.runs)),
        read=table.read,
        place=f"{table.name}{rows}",
        columns=table.extra_columns(),
        clusters=table.clusters,
        convert=convert,
    )
    return _Given(_measure(study, table, label), recipe)


def _plain_settings(study: "Experiment") -> dict[str, Any]:
    given = {
        "objective": study.objective,
        "delta": study.delta,
        "fixed": dict(study.fixed),
        "bounds": dict(study.bounds),
    }
    return {name: value for name, value in given.items() if value is not None}


def _settings(given: Mapping[str, Any]) -> "FitSettings":
    """Return the settings of a fit; an unknown form is refused here, before anything is fitted."""
    from scaling_cli.fitting.fit import FitSettings
    from scaling_cli.fitting.forms import form_named
    from scaling_cli.fitting.problem import check_constants

    settings = FitSettings(**given)
    check_constants(form_named(settings.form), settings)
    return settings


def _card(
    label: str, findings: "tuple[Finding, ...]", *, loss_unit: str, params_definition: str
) -> "LawCard":
    """Return a card that says what the runs were; the law on it is put there by the fit."""
    from scaling_cli.laws.card import LawCard
    from scaling_cli.laws.frontier import FrontierLaw

    nothing = FrontierLaw(E=0.0, A=1.0, alpha=1.0)
    return LawCard(
        name=label,
        law=nothing,
        dataset=label,
        loss_unit=loss_unit,
        params_definition=params_definition,
        findings=findings,
    )


def _measure(study: "Experiment", source: "RunTable | FrontierPoints", label: str) -> LossMeasure:
    from scaling_cli.files.frontier_points import FrontierPoints
    from scaling_cli.files.loss_measure import read_loss_measure

    table = source.table if isinstance(source, FrontierPoints) else source.rows.table
    return read_loss_measure(
        table,
        source.kept.tolist(),
        name=label,
        unit=source.loss_unit,
        tokenizer=study.tokenizer,
        eval_set=study.eval_set,
        bytes_per_token=study.bytes_per_token,
    )


def _in_unit(recipe: RecipeRuns | RecipeLaw, unit: str, factor: float) -> RecipeRuns | RecipeLaw:
    """Return a recipe with its losses in the common unit, which it has already where the factor is 1."""
    if factor == 1:
        return recipe
    if isinstance(recipe, RecipeLaw):
        return RecipeLaw(replace(recipe.card, loss_unit=unit), factor)
    runs = replace(recipe.runs, loss=factor * recipe.runs.loss)
    return replace(recipe, runs=runs, card=replace(recipe.card, loss_unit=unit))
