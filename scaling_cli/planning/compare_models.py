"""Models against laws: whether a model was the right size for its budget, and for what it would have been."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from scaling_cli.findings import Finding
from scaling_cli.laws.card import LawCard, Range
from scaling_cli.laws.conversion import in_total_params
from scaling_cli.laws.law import Allocates, Law, PredictsLoss
from scaling_cli.laws.marginal import break_even_inference_tokens
from scaling_cli.laws.models import Model
from scaling_cli.planning.allocation import extrapolation_findings
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import wasted_share
from scaling_cli.planning.solve import solve
from scaling_cli.units import format_count, format_flops, format_number

SAME_FLOPS = 0.05
"""Published FLOPs within 5 % of 6 N D are the same: Gopher's own are 14 % above, with attention counted."""

MEASURES = (
    "optimum_params",
    "optimum_tokens",
    "optimum_loss",
    "oversize",
    "loss",
    "waste",
    "optimal_at_flops",
    "optimal_at_tokens",
    "break_even_inference_tokens",
)
"""What is told of a model, in the order in which it is shown."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What a law says of N params (the active ones) trained on D tokens, at C = 6 N D.

    ``optimum_*`` is the best use of C; ``oversize`` N/N_opt; ``loss`` L(N, D) in nats per token;
    ``waste`` the share of C that the optimum would have saved; ``optimal_at_*`` the budget and tokens for
    which N is optimal; ``break_even_inference_tokens`` the D_inf at which N is right all the same,
    negative where none is. ``None`` where the law cannot tell.
    """

    optimum_params: float | None = None
    optimum_tokens: float | None = None
    optimum_loss: float | None = None
    oversize: float | None = None
    loss: float | None = None
    waste: float | None = None
    optimal_at_flops: float | None = None
    optimal_at_tokens: float | None = None
    break_even_inference_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class ModelUnderLaw:
    """A model beside the optimum of its budget under one law; ``intervals`` by the names of ``Measures``."""

    model: Model
    card: LawCard
    measures: Measures
    intervals: dict[str, Range] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def break_even_inference_tokens(self) -> float | None:
        """D_inf, ``None`` where no demand makes the size right (or the law has no loss)."""
        demand = self.measures.break_even_inference_tokens
        return None if demand is None or demand < 0 else demand

    @property
    def could_answer(self) -> bool:
        """Whether the law told anything of the model."""
        return self.measures != Measures()


def compare_models(
    models: Sequence[Model],
    cards: Sequence[LawCard],
    *,
    level: float = 0.9,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[ModelUnderLaw, ...]:
    """Return every model under every law, law by law, the laws' params converted to total ones.

    ``level`` is that of the intervals of a law with draws; ``progress`` is told of every model done.
    """
    found = []
    for card in map(in_total_params, cards):
        for model in models:
            found.append(_judge(model, card, level))
            progress(1)
    return tuple(found)


def measure(law: Law, N: float, D: float, C: float) -> Measures:
    """Return what a law says of N params on D tokens, C = 6 N D; nothing where it divides no budget."""
    if not isinstance(law, Allocates):
        return Measures()
    optimum, own = solve(law, Question(flops=C)), solve(law, Question(params=N))
    if optimum.refusal or own.refusal:
        return Measures()
    assert optimum.params is not None
    sizes = Measures(
        optimum_params=optimum.params,
        optimum_tokens=optimum.tokens,
        optimum_loss=optimum.loss,
        oversize=N / optimum.params,
        optimal_at_flops=own.flops,
        optimal_at_tokens=own.tokens,
    )
    if not isinstance(law, PredictsLoss):
        return sizes
    return replace(
        sizes,
        loss=law.loss(N, D),
        waste=wasted_share(law, N, D),
        break_even_inference_tokens=break_even_inference_tokens(law, N, D),
    )


def _judge(model: Model, card: LawCard, level: float) -> ModelUnderLaw:
    N, D, C = model.compute_params, model.tokens, model.flops
    measures = measure(card.law, N, D, C)
    return ModelUnderLaw(
        model=model,
        card=card,
        measures=measures,
        intervals=_intervals([measure(draw, N, D, C) for draw in card.draws], level) if card.draws else {},
        findings=(
            *card.findings,
            *_law_findings(card.law, measures),
            *_model_findings(model),
            *_loss_findings(model, card, measures),
            *extrapolation_findings(card, C),
        ),
    )


def _intervals(drawn: Sequence[Measures], level: float) -> dict[str, Range]:
    """Return the percentile interval of every measure that all draws have."""
    from scaling_cli.planning.uncertainty import percentile_interval

    intervals = {}
    for name in MEASURES:
        values = [getattr(measures, name) for measures in drawn]
        if None not in values:
            intervals[name] = percentile_interval(values, level)
    return intervals


def _law_findings(law: Law, measures: Measures) -> tuple[Finding, ...]:
    """Say what the law cannot tell."""
    if not isinstance(law, Allocates):
        message = "this law gives the loss that a budget reaches, not how to divide it into params and tokens"
        return (Finding("law-has-no-allocation", "refusal", message),)
    if measures == Measures():
        return (Finding("out-of-range", "refusal", "the model leads beyond the range of numbers"),)
    if not isinstance(law, PredictsLoss):
        message = "this law divides a budget and says nothing of the loss, of waste, or of inference"
        return (Finding("law-has-no-loss", "info", message),)
    return ()


def _model_findings(model: Model) -> tuple[Finding, ...]:
    """Say what to know of a model's own figures."""
    findings = []
    if model.active_params is not None:
        message = (
            f"a mixture of experts, judged by its active params ({format_count(model.active_params)} of "
            f"{format_count(model.params)}): the laws are of dense models"
        )
        findings.append(Finding("active-params", "info", message))
    published = model.flops_published
    if published is not None and abs(published / model.flops - 1) > SAME_FLOPS:
        message = (
            f"{format_flops(published, 3)} FLOPs as published, {format_number(published / model.flops, 3)} "
            f"times 6 N D, which is what is judged"
        )
        findings.append(Finding("published-flops", "info", message))
    if model.caveat:
        findings.append(Finding("doubtful-figures", "info", model.caveat))
    return tuple(findings)


def _loss_findings(model: Model, card: LawCard, measures: Measures) -> tuple[Finding, ...]:
    """Say how far the loss is the model's own, and why no demand makes its size right."""
    findings = []
    if measures.loss is not None and (not model.dataset or model.dataset != card.dataset):
        data = f"of {card.dataset}" if card.dataset else "of the law's own data"
        message = (
            f"the losses are {data} and its tokenizer: what the model's size and tokens would give there, "
            "not the model's own loss"
        )
        findings.append(Finding("other-data", "info", message))
    demand = measures.break_even_inference_tokens
    if demand is not None and demand < 0:
        message = "larger than the optimum of its budget: no inference demand makes this size right"
        findings.append(Finding("no-break-even", "info", message))
    return tuple(findings)
