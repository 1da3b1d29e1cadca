"""A plan with models that can be built: shapes near its N, tokens for each, and where to start the tuning."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from scaling_cli.findings import Finding
from scaling_cli.laws.accounting import ParamCount, count_params, six_n_attention
from scaling_cli.laws.architecture import Architecture
from scaling_cli.laws.aspect import TABLE_LARGEST
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.hyperparameters import Suggestion, TrainingScale, suggest_hyperparameters
from scaling_cli.planning.account import params_as
from scaling_cli.planning.allocation import Allocation
from scaling_cli.planning.shape import TOLERANCE, Style, example, propose
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K
from scaling_cli.units import format_count, format_share

MUCH_VOCABULARY = 0.5
"""Where the vocabulary's tables hold more than this share of the params, little of N is a transformer."""

Resolve = Callable[[float], Allocation]
"""The plan of an exact N at the same training FLOPs."""


@dataclass(frozen=True, slots=True)
class ShapedModel:
    """A shape, its ``params`` as the plan's law counts them, and the plan of exactly so many.

    ``name`` says where it stands among the others: deeper, typical or wider.
    """

    name: str
    shape: Architecture
    count: ParamCount
    params: float
    plan: Allocation


@dataclass(frozen=True, slots=True)
class ShapePlan:
    """What can be built of ``allocation``: ``models`` from deeper to wider, ``chosen`` the typical one.

    ``suggestions`` are those of published laws for the chosen one, ``batch_tokens`` a batch of one's own.
    """

    allocation: Allocation
    models: tuple[ShapedModel, ...] = ()
    chosen: ShapedModel | None = None
    suggestions: tuple[Suggestion, ...] = ()
    batch_tokens: float | None = None
    findings: tuple[Finding, ...] = ()

    def steps(self, batch_tokens: float) -> int | None:
        """Return D/batch of the chosen model, the last step counted whole."""
        tokens = self.chosen.plan.tokens if self.chosen else None
        return None if tokens is None else math.ceil(tokens / batch_tokens)


def shape_plan(
    allocation: Allocation,
    style: Style,
    resolve: Resolve,
    *,
    most: float | None = None,
    batch_tokens: float | None = None,
) -> ShapePlan:
    """Return shapes within 2 % of the plan's N, counted as its law counts, with tokens for each of them.

    D = C / (6 N) of the exact N, from ``resolve``. ``most`` is a size that none may pass. Raises
    ``UsageError`` for a style that no model has.
    """
    N, card = allocation.params, allocation.card
    if N is None or allocation.flops is None or allocation.refusal:
        return ShapePlan(allocation)
    probe, said = params_as(card, example(style))
    if probe is None:
        return ShapePlan(allocation, findings=(_unshaped(N, card, said),))

    def count(shape: Architecture) -> float:
        params, _ = params_as(card, shape)
        assert params is not None
        return params

    shapes = propose(N, style, count, most).named
    if not shapes:
        return ShapePlan(allocation, findings=(_unshaped(N, card, None),))
    models = []
    for name, shape in shapes.items():
        params = count(shape)
        models.append(ShapedModel(name, shape, count_params(shape), params, resolve(params)))
    chosen = next(model for model in models if model.name == "typical")
    suggestions = suggest_hyperparameters(training_scale(chosen)) if chosen.plan.tokens else ()
    return ShapePlan(
        allocation=allocation,
        models=tuple(models),
        chosen=chosen,
        suggestions=suggestions,
        batch_tokens=batch_tokens,
        findings=(*_shape_findings(chosen, style), *_tuning_findings(suggestions)),
    )


def training_scale(model: ShapedModel) -> TrainingScale:
    """Return what laws of batch and learning rate count of a model and its tokens.

    M = 6 N + 12 L a s with N the layers' params that a token uses: 72 L d^2 + 12 L d s where a layer has
    12 d^2 of them (DeepSeek-AI 2024, arXiv 2401.02954, Eq. 2).
    """
    assert model.plan.tokens is not None
    N = model.count.active_non_embedding
    attention = six_n_attention(model.shape) - K * model.count.active
    return TrainingScale(params=N, tokens=model.plan.tokens, flops_per_token=K * N + attention)


def _unshaped(N: float, card: LawCard, why: Finding | None) -> Finding:
    if why is not None:
        return Finding("no-shape", "warning", f"no shape is proposed: {_of_law(why, card)}")
    message = (
        f"no shape with round dimensions is within {format_share(TOLERANCE)} of {format_count(N)} params: "
        "they are too few or too many for the vocabulary, the heads and the proportions"
    )
    return Finding("no-shape", "warning", message)


def _of_law(said: Finding, card: LawCard) -> str:
    """Return what is said of a law without its name: reports put that in front where there are several."""
    named = said.message.removeprefix(f"{card.name}: ").replace(f"{card.name} ", "the law ", 1)
    return named.removesuffix(": it is left out")


def _shape_findings(chosen: ShapedModel, style: Style) -> list[Finding]:
    """Say what a shape is that was not asked for."""
    shape, count, card = chosen.shape, chosen.count, chosen.plan.card
    found = []
    _, said = params_as(card, shape)
    if said is not None:
        found.append(replace(said, message=_of_law(said, card)))
    if shape.is_moe:
        message = (
            f"the laws were fitted to dense models: N is the {format_count(count.active)} params a token "
            f"uses of {format_count(count.total)}, and what the others are worth is not counted"
        )
        found.append(Finding("dense-law", "warning", message))
    if style.aspect is None and chosen.params > TABLE_LARGEST:
        message = (
            f"no model behind the aspect ratios is larger than {format_count(TABLE_LARGEST)}: they are held "
            "within those of Hoffmann et al. 2022, Table A9"
        )
        found.append(Finding("aspect-extrapolates", "info", message))
    asked = style.known.get("vocabulary")
    if asked is not None and asked != shape.vocabulary:
        message = f"the vocabulary of {asked:,} is padded to {shape.vocabulary:,}"
        found.append(Finding("padded-vocabulary", "info", message))
    groups = style.known.get("kv_heads")
    if groups is not None and groups != shape.kv_heads:
        message = (
            f"{shape.heads} heads are no multiple of {groups}: {shape.kv_heads} heads for keys and values"
        )
        found.append(Finding("other-kv-heads", "info", message))
    share = (count.embedding + count.output) / count.total
    if share > MUCH_VOCABULARY:
        message = f"{format_share(share)} of the params are the vocabulary's: a law's N had far less of them"
        found.append(Finding("much-vocabulary", "warning", message))
    return found


def _tuning_findings(suggestions: tuple[Suggestion, ...]) -> list[Finding]:
    """Say what batch and learning rate are worth."""
    if not suggestions:
        return []
    message = (
        "batch and learning rate are where to start a search, no answer: the laws are of other data, models "
        "and optimisers, and disagree"
    )
    found = [Finding("starting-points", "info", message)]
    outside = [one.law.name for one in suggestions if one.in_range is False]
    if outside:
        message = f"{', '.join(outside)}: the plan lies outside the range that batch and rate were fitted in"
        found.append(Finding("tuning-extrapolates", "info", message))
    return found
