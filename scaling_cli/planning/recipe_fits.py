"""From what a user names to recipes: tables are fitted, points get a line, laws stay as they are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scaling_cli.errors import FitRefused, ScalingError, UsageError
from scaling_cli.findings import Finding
from scaling_cli.fitting.bootstrap import Bootstrap, bootstrap_law
from scaling_cli.fitting.design import check_design
from scaling_cli.fitting.fit import Fit, FitSettings
from scaling_cli.fitting.frontier_points import fit_frontier_points
from scaling_cli.fitting.joint_fit import bootstrap_sharing, fit_sharing
from scaling_cli.fitting.parametric import fit_with
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.conversion import is_non_embedding, said_in_total_params
from scaling_cli.planning.common_runs import CommonRuns, common_runs
from scaling_cli.planning.compare_recipes import budgets_for
from scaling_cli.planning.recipe import (
    Pairing,
    Recipe,
    recipe_of_card,
    recipe_of_fit,
    recipe_of_line,
    runs_in_total_params,
)
from scaling_cli.planning.shared_exponents import IN_PARAMS
from scaling_cli.runs import Runs
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RecipeRuns:
    """A table of runs as a recipe to be fitted, its losses in the unit that all are compared in.

    ``card`` says what the runs were, its law is not looked at; ``place`` is what an error begins with.
    ``has_counts`` is false for frontier points, whose params and tokens nobody knows. With ``convert``
    params without the embeddings become total ones: in the law where it has params, else in the runs.
    """

    runs: Runs
    card: LawCard
    settings: FitSettings
    read: int
    place: str
    columns: "Mapping[str, FloatArray]" = field(default_factory=dict)
    clusters: tuple[str, ...] | None = None
    has_counts: bool = True
    convert: bool = False

    @property
    def is_converted(self) -> bool:
        """Whether its params leave the embeddings out and are not to."""
        return self.convert and self.has_counts and is_non_embedding(self.card)

    @property
    def compared_runs(self) -> Runs:
        """The runs with the params that they are compared by: total ones, unless each keeps its own."""
        return runs_in_total_params(self.runs) if self.is_converted else self.runs

    @property
    def is_line(self) -> bool:
        """Whether the law is a straight line in logarithms: the frontier form with E pinned, and no more."""
        return self.settings.form == "frontier" and set(self.settings.fixed) == {"E"}


@dataclass(frozen=True, slots=True)
class RecipeLaw:
    """A published law, or that of a file; its losses times ``factor`` are in the common unit."""

    card: LawCard
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Resampling:
    """How the draws are made: so many (0: none), beginning with ``seed``; ``level`` is the intervals'."""

    replicates: int
    seed: int
    level: float


def point_runs(flops: "FloatArray", loss: "FloatArray", names: tuple[str, ...]) -> Runs:
    """Return frontier points as runs: a frontier sees of them only C = 6 N D, so N = D = sqrt(C/6)."""
    import numpy as np

    side = np.sqrt(flops / FLOPS_PER_PARAM_TOKEN)
    return Runs(side, side, flops, loss, names)


def fit_recipes(
    inputs: Sequence[RecipeRuns | RecipeLaw],
    resampling: Resampling,
    *,
    share: Sequence[str] = (),
    flops: Sequence[float] = (),
    progress: Callable[[int], None] = lambda done: None,
) -> list[Recipe]:
    """Return the recipes of ``inputs``, the tables fitted, with ``share`` the same constants in all.

    Tables that hold most of the baseline's (params, tokens) are resampled with the baseline's weights for
    these runs, all others with their own. ``flops`` are the budgets to compare at; ``progress`` is told of
    every replicate done.
    Raises what ``fit_law`` raises, ``UsageError`` where constants are to be shared with a law.
    """
    inputs = [_frontier_in_total_params(one) for one in inputs]
    fitted = [_fitted_range(one) for one in inputs]
    _, target = budgets_for(fitted, flops)
    if share:
        return _share(inputs, resampling, share, target, progress)
    recipes = []
    for index, one in enumerate(inputs):
        if isinstance(one, RecipeLaw):
            recipes.append(recipe_of_card(one.card, one.factor, target=target))
            continue
        with _placed(one):
            if one.is_line:
                recipes.append(_line(one, replace(resampling, seed=resampling.seed + index), target))
                progress(resampling.replicates)
                continue
            common = _common(inputs[0], one)
            is_paired = common is not None and common.are_most
            fit = fit_with(one.runs, one.settings)
            bootstrap = None
            if resampling.replicates:
                bootstrap = bootstrap_law(
                    fit,
                    replicates=resampling.replicates,
                    seed=resampling.seed + (0 if is_paired else index),
                    clusters=one.clusters,
                    progress=progress,
                    counts=common.counts(resampling.seed) if index and common and is_paired else None,
                )
            pairing: Pairing = "paired" if is_paired else "independent"
            recipe = _recipe(one, fit, bootstrap, resampling.level, target, pairing)
            recipes.append(replace(recipe, common=common))
    return recipes


def _fitted_range(one: RecipeRuns | RecipeLaw) -> tuple[float, float] | None:
    if isinstance(one, RecipeLaw):
        return one.card.fitted_range.get("flops")
    C = one.compared_runs.flops_6ND
    return float(C.min()), float(C.max())


def _frontier_in_total_params(one: RecipeRuns | RecipeLaw) -> RecipeRuns | RecipeLaw:
    """Return a table for the frontier form, which knows budgets alone, with those of total params."""
    if isinstance(one, RecipeLaw) or one.settings.form != "frontier" or not one.is_converted:
        return one
    return replace(one, runs=one.compared_runs, card=said_in_total_params(one.card))


def _common(baseline: RecipeRuns | RecipeLaw, one: RecipeRuns) -> CommonRuns | None:
    """Return the runs that a table has in common with the baseline; ``None`` where these are not weighed.

    They are not where the baseline is a law or a line, or where runs are drawn in clusters.
    """
    if isinstance(baseline, RecipeLaw) or baseline.is_line or baseline.clusters or one.clusters:
        return None
    return common_runs(baseline.compared_runs, one.compared_runs)


def _line(one: RecipeRuns, resampling: Resampling, target: float) -> Recipe:
    """Return the recipe of the frontier form with E pinned."""
    if one.has_counts:
        check_design(one.runs, one.settings)
    C = one.runs.flops_6ND
    line = fit_frontier_points(C, one.runs.loss, one.runs.names, E=one.settings.fixed["E"])
    card = replace(one.card, fitted_range={"flops": (float(C.min()), float(C.max()))})
    return recipe_of_line(
        line,
        one.runs,
        card,
        read=one.read,
        draws=resampling.replicates,
        seed=resampling.seed,
        target=target,
    )


def _recipe(
    one: RecipeRuns, fit: Fit, bootstrap: Bootstrap | None, level: float, target: float, pairing: Pairing
) -> Recipe:
    recipe = recipe_of_fit(
        fit,
        one.card,
        bootstrap,
        read=one.read,
        level=level,
        target=target,
        columns=one.columns,
        clusters=one.clusters,
        pairing=pairing,
        has_counts=one.has_counts,
        convert=one.convert,
    )
    if not recipe.is_few:
        return recipe
    message = (
        f"{len(one.runs)} points are few to resample: the intervals are too narrow "
        "(with E pinned, --fix E=VALUE, they are Student's t)"
    )
    return replace(recipe, findings=(*recipe.findings, Finding("few-points", "warning", message)))


def _share(
    inputs: Sequence[RecipeRuns | RecipeLaw],
    resampling: Resampling,
    share: Sequence[str],
    target: float,
    progress: Callable[[int], None],
) -> list[Recipe]:
    """Fit all tables together."""
    tables = [one for one in inputs if isinstance(one, RecipeRuns)]
    law = next((one for one in inputs if isinstance(one, RecipeLaw)), None)
    if law is not None:
        hint = f"pin it in the tables with --fix {share[0]}=VALUE, or leave --share out"
        raise UsageError(f"--share: {law.card.name} is a law, whose constants are what they are", hint=hint)
    forms = list(dict.fromkeys(table.settings.form for table in tables))
    if len(forms) > 1:
        raise UsageError(
            f"--share: the recipes have different forms, {' and '.join(forms)}", hint="--form one"
        )
    _check_same_params(tables, share)
    for table in tables:
        with _placed(table):
            known = {**table.settings.fixed, **dict.fromkeys(share, 1.0)}
            check_design(table.runs, replace(table.settings, fixed=known))
    joint = fit_sharing([table.runs for table in tables], [table.settings for table in tables], share)
    commons = [_common(tables[0], table) for table in tables]
    together = [one for one in commons if one is not None and one.are_most]
    is_paired = len(together) == len(tables)
    bootstraps: Sequence[Bootstrap | None] = [None] * len(tables)
    if resampling.replicates:
        bootstraps = bootstrap_sharing(
            joint,
            clusters=[table.clusters for table in tables],
            replicates=resampling.replicates,
            seed=resampling.seed,
            counts=[one.counts(resampling.seed) for one in together] if is_paired else None,
            progress=progress,
        )
    pairing: Pairing = "paired" if is_paired else "joint"
    return [
        replace(_recipe(table, fit, bootstrap, resampling.level, target, pairing), common=common)
        for table, fit, bootstrap, common in zip(tables, joint.fits, bootstraps, commons, strict=True)
    ]


def _check_same_params(tables: Sequence[RecipeRuns], share: Sequence[str]) -> None:
    """Raise ``UsageError`` where an exponent of N is to be shared by tables that count other params."""
    kinds = dict.fromkeys(table.card.params_definition for table in tables)
    mixed = [name for name in share if name in IN_PARAMS]
    if len(kinds) > 1 and mixed:
        raise UsageError(
            f"--share: {mixed[0]} is of N, and the recipes count {' and '.join(kinds)} params",
            hint="share E, which is of no params, or count the params of all tables in one way",
        )


@contextmanager
def _placed(one: RecipeRuns) -> Iterator[None]:
    """Say of a refusal which table it is of."""
    try:
        yield
    except FitRefused as refusal:
        raise _with_way_out(refusal, one).at(one.place) from None
    except ScalingError as error:
        raise error if isinstance(error, UsageError) else error.at(one.place) from None


def _with_way_out(refusal: FitRefused, one: RecipeRuns) -> FitRefused:
    """Return the refusal of runs on one line with what can be compared all the same."""
    if refusal.finding.id != "single-ray-design" or one.settings.form == "frontier":
        return refusal
    hint = (
        f"{refusal.hint}; or compare frontiers alone, --form frontier, if each is the best use of its budget"
    )
    return FitRefused(refusal.finding, hint=hint)
