"""A recipe as it is compared: its law, the laws it could have been, and how far to trust them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from scaling_cli.findings import Finding
from scaling_cli.fitting.bootstrap import Bootstrap
from scaling_cli.fitting.diagnostics import diagnose
from scaling_cli.fitting.fit import Fit
from scaling_cli.fitting.frontier_points import FrontierLine
from scaling_cli.laws.card import LawCard, Range
from scaling_cli.laws.conversion import TotalLossLaw, in_total_params, total_params
from scaling_cli.laws.law import Allocates, Law
from scaling_cli.laws.loss_unit import scale_loss
from scaling_cli.planning.common_runs import CommonRuns
from scaling_cli.planning.fitted_plan import MOST_RESIDUALS, doubt_draws
from scaling_cli.planning.frontiers import Frontiers
from scaling_cli.planning.noise import noise_of
from scaling_cli.planning.shared_exponents import EXPONENTS, FRONTIER, IN_PARAMS
from scaling_cli.planning.total_frontiers import frontiers_of
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

Sureness = Literal["bootstrap", "student-t", "draws", "none"]
"""What a recipe's draws are: refits to resampled runs, lines through few points, those of a law file."""

Pairing = Literal["paired", "joint", "independent"]
"""How the draws of two recipes go together: by the weights of their runs, by shared constants, or not."""

FEW_POINTS = 7
"""Frontier points fewer than this say little by being resampled: of a surface as many runs are refused."""

SHUFFLE_SEED = 20240611
"""Which draw of one recipe goes with which of another where they are independent; fixed, as answers are."""


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """A law with its draws, in the unit of loss that all recipes are compared in.

    ``places`` says which replicate each draw is of, and ``pairing`` of which recipes replicates belong
    together: those with the same one, ``paired`` by the weights of their runs or ``joint`` by constants
    that they share. ``line`` is the straight line through a handful of frontier points, where that is what
    the law is. ``runs`` are those fitted, of ``read`` rows; of frontier points only the FLOPs and losses
    mean anything. ``common`` says which of them the baseline has too, ``None`` where that is not asked.
    Where the law was converted to total params (laws/conversion.py) so were the params of the runs.
    """

    name: str
    card: LawCard
    sureness: Sureness
    frontier: Frontiers
    draws: Frontiers | None = None
    places: tuple[int, ...] = ()
    pairing: Pairing = "independent"
    line: FrontierLine | None = None
    fit: Fit | None = None
    runs: Runs | None = None
    read: int | None = None
    common: CommonRuns | None = None
    findings: tuple[Finding, ...] = ()
    exponents: Mapping[str, float] = field(default_factory=dict)
    exponent_draws: "Mapping[str, FloatArray]" = field(default_factory=dict)

    @property
    def is_few(self) -> bool:
        """Whether its draws are of so few points that they seem surer than they are."""
        return self.sureness == "bootstrap" and self.runs is not None and len(self.runs) < FEW_POINTS

    @property
    def is_converted(self) -> bool:
        """Whether its exponents are of params without the embeddings, and its frontier is no power law."""
        return isinstance(self.card.law, TotalLossLaw)

    @property
    def fitted_flops(self) -> Range | None:
        """The least and the largest budget of its runs, where they are known."""
        return self.card.fitted_range.get("flops")


def recipe_of_card(card: LawCard, factor: float = 1.0, *, target: float) -> Recipe:
    """Return a published law, or that of a file, as a recipe; its losses times ``factor``.

    ``target`` is the budget in FLOPs at which the exponent of its frontier is told.
    """
    card = replace(
        card,
        law=scale_loss(card.law, factor),
        draws=tuple(scale_loss(draw, factor) for draw in card.draws),
    )
    found = () if card.draws else (_without_draws(),)
    return _recipe(card, "draws" if card.draws else "none", (*card.findings, *found), target)


def _without_draws() -> Finding:
    message = "a law without draws: how sure it is itself is left out"
    return Finding("law-without-draws", "warning", message)


def recipe_of_fit(
    fit: Fit,
    card: LawCard,
    bootstrap: Bootstrap | None,
    *,
    read: int,
    level: float,
    target: float,
    columns: "Mapping[str, FloatArray] | None" = None,
    clusters: Sequence[str] | None = None,
    pairing: Pairing = "independent",
    has_counts: bool = True,
    convert: bool = False,
) -> Recipe:
    """Return a law fitted to a table of runs as a recipe, with what the data doctor has against it.

    ``card`` says what the runs were; ``target`` is the budget in FLOPs that the doctor looks at. Of points
    without counts of params and tokens (``has_counts``) it has nothing to say. With ``convert`` a law of
    params without the embeddings becomes one of total params, as that of a law file does.
    """
    draws = bootstrap.draws if bootstrap else ()
    doctor: tuple[Finding, ...] = ()
    if has_counts:
        doctor = diagnose(
            fit.runs,
            fit,
            columns=columns,
            draws=draws,
            target=target,
            loss_unit=card.loss_unit,
            clusters=clusters,
        )
    doubts = doubt_draws(len(draws), bootstrap.replicates, level) if bootstrap else (_without_draws(),)
    card = replace(
        card,
        law=fit.law,
        confidence="fitted",
        fitted_range=fit.fitted_range if has_counts else {"flops": fit.fitted_range["flops"]},
        draws=draws,
        residuals=tuple(noise_of(fit.residuals, clusters, MOST_RESIDUALS).tolist()),
    )
    card = replace(card, findings=(*card.findings, *fit.findings, *doctor, *doubts))
    runs = fit.runs
    if convert:
        card, runs = _in_total_params(card, runs)
    recipe = _recipe(card, "bootstrap" if draws else "none", card.findings, target)
    places = bootstrap.places if bootstrap else ()
    return replace(recipe, places=places, pairing=pairing, fit=fit, runs=runs, read=read)


def _in_total_params(card: LawCard, runs: Runs) -> tuple[LawCard, Runs]:
    """Return a fitted law in total params, with the runs behind it and the budgets that they had then."""
    converted = in_total_params(card)
    if not isinstance(converted.law, TotalLossLaw):
        return converted, runs
    runs = runs_in_total_params(runs)
    known = {"flops": runs.flops_6ND, "tokens_per_param": runs.tokens / runs.params}
    exact = {name: (float(values.min()), float(values.max())) for name, values in known.items()}
    return replace(converted, fitted_range={**converted.fitted_range, **exact}), runs


def runs_in_total_params(runs: Runs) -> Runs:
    """Return runs whose N leaves the embeddings out with N + omega N^(1/3) for their params."""
    return replace(runs, params=total_params(runs.params))


def recipe_of_line(
    line: FrontierLine, runs: Runs, card: LawCard, *, read: int, draws: int, seed: int, target: float
) -> Recipe:
    """Return the line through a handful of frontier points as a recipe, with ``draws`` of Student's t."""
    card = replace(card, law=line.law, confidence="fitted", draws=line.draws(draws, seed))
    found = card.findings if card.draws else (*card.findings, _without_draws())
    recipe = _recipe(card, "student-t" if card.draws else "none", found, target)
    return replace(recipe, line=line, runs=runs, read=read)


def _recipe(card: LawCard, sureness: Sureness, findings: tuple[Finding, ...], target: float) -> Recipe:
    import numpy as np

    frontier = frontiers_of([card.law], card.name)
    draws = frontiers_of(card.draws, card.name) if card.draws else None
    names = _exponent_names(card.law)
    drawn = {name: np.array([draw.parameters[name] for draw in card.draws]) for name in names}
    return Recipe(
        name=card.name,
        card=card,
        sureness=sureness,
        frontier=frontier,
        draws=draws,
        findings=findings,
        exponents={
            **{name: card.law.parameters[name] for name in names},
            FRONTIER: float(frontier.exponents(target)[0]),
        },
        exponent_draws={} if draws is None else {**drawn, FRONTIER: draws.exponents(target)},
    )


def _exponent_names(law: Law) -> tuple[str, ...]:
    """Return the exponents among a law's constants; alpha of a frontier is its g, and no other's alpha."""
    if not isinstance(law, Allocates):
        return ()
    return tuple(name for name in EXPONENTS if name in law.parameters)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Which draw of the baseline goes with which of the recipe, (R,) each, and by what."""

    first: "IntArray"
    second: "IntArray"
    by: Pairing


def pair_draws(baseline: Recipe, recipe: Recipe) -> Pairs | None:
    """Return the pairs of draws of two recipes, ``None`` where neither has any.

    Two tables share in each replicate the weights of the runs that both have, if these are most; all
    others are independent, and the draws of one go with those of the other in a random order. A law without
    draws is the same in all.
    """
    import numpy as np

    if baseline.draws is None and recipe.draws is None:
        return None
    if baseline.pairing == recipe.pairing != "independent":
        _, first, second = np.intersect1d(baseline.places, recipe.places, return_indices=True)
        return Pairs(first, second, baseline.pairing)
    counts = [1 if one.draws is None else len(one.draws) for one in (baseline, recipe)]
    most = max(counts)
    shuffled = np.random.default_rng(SHUFFLE_SEED).permutation(most)
    return Pairs(np.arange(most) % counts[0], shuffled % counts[1], "independent")


def pick(recipe: Recipe, places: "IntArray") -> Frontiers:
    """Return the frontiers of some draws; where there are none the law itself, each time."""
    return recipe.frontier.take(places) if recipe.draws is None else recipe.draws.take(places)


def comparable_exponents(recipe: Recipe, other: Recipe) -> dict[str, float]:
    """Return the exponents of a recipe that mean what those of the ``other`` do.

    Those in the params of a converted law are of N without the embeddings, and left out beside others.
    """
    if not recipe.is_converted or other.is_converted:
        return dict(recipe.exponents)
    return {name: value for name, value in recipe.exponents.items() if name not in IN_PARAMS}


def pick_exponents(recipe: Recipe, places: "IntArray") -> "dict[str, FloatArray]":
    """Return the exponents of some draws by name; where there are none those of the law, each time."""
    import numpy as np

    if recipe.draws is None:
        return {name: np.full(len(places), value) for name, value in recipe.exponents.items()}
    return {name: values[places] for name, values in recipe.exponent_draws.items()}
