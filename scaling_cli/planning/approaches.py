"""The three approaches side by side: what each says at the same budgets, and whether they agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from scaling_cli.findings import Finding
from scaling_cli.laws.card import LawCard, Range
from scaling_cli.laws.law import Allocates
from scaling_cli.planning.allocation import Allocation, answer
from scaling_cli.planning.question import Question
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.units import format_count, format_flops, format_share

KnownLoss = tuple[float | None, Range | None]
"""A loss in nats per token and its interval."""


@dataclass(frozen=True, slots=True)
class ApproachAnswer:
    """What one approach says; without a ``card`` it says nothing, and ``reason`` why.

    ``optima`` are its plans at the common budgets, in their order; ``intervals`` hold [low, high] of
    ``params_exponent`` and ``tokens_exponent`` where the law has draws.
    """

    approach: int
    card: LawCard | None
    optima: tuple[Allocation, ...]
    intervals: Mapping[str, Range]
    findings: tuple[Finding, ...]
    reason: str = ""

    @property
    def exponents(self) -> tuple[float, float] | None:
        """(N_exponent, D_exponent), None of a law that divides no budget."""
        if self.card is None or not isinstance(self.card.law, Allocates):
            return None
        return self.card.law.exponents


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The approaches at common budgets (FLOPs), with intervals at ``level``.

    They ``agree`` where, at every budget, the intervals of params of each two of them overlap; None
    where fewer than two have intervals. ``verdict`` says so in a line.
    """

    name: str
    flops: tuple[float, ...]
    level: float
    approaches: tuple[ApproachAnswer, ...]
    agree: bool | None
    verdict: str


def compare_approaches(
    name: str,
    cards: Mapping[int, LawCard | str],
    findings: Mapping[int, tuple[Finding, ...]],
    flops: Sequence[float],
    *,
    waste: float = 0.01,
    level: float = 0.9,
    losses: Mapping[int, Sequence[KnownLoss]] | None = None,
) -> SideBySide:
    """Solve the law of each approach at each of ``flops`` (FLOPs); a text in place of a law says why not.

    ``findings`` are what each approach has to say against its law, and ``losses`` what one knows of the loss
    at each of ``flops`` though its law only divides a budget.
    """
    questions = [Question(flops=C, waste=waste, interval=level) for C in flops]
    answers = tuple(
        _answer(approach, card, findings.get(approach, ()), questions, level)
        for approach, card in sorted(cards.items())
    )
    answers = tuple(_with_losses(told, (losses or {}).get(told.approach, ())) for told in answers)
    agree, verdict = _judge(answers, level)
    return SideBySide(name, tuple(flops), level, answers, agree, verdict)


def _answer(
    approach: int,
    card: LawCard | str,
    findings: tuple[Finding, ...],
    questions: Sequence[Question],
    level: float,
) -> ApproachAnswer:
    if isinstance(card, str):
        return ApproachAnswer(approach, None, (), {}, findings, card)
    named = replace(card, name=f"approach {approach}")
    # an approach's own findings are shown once, not with every optimum
    quiet = replace(named, findings=())
    optima = tuple(answer(quiet, question) for question in questions)
    drawn = [draw.exponents for draw in card.draws if isinstance(draw, Allocates)]
    intervals = {
        exponent: percentile_interval([pair[side] for pair in drawn], level)
        for side, exponent in enumerate(("params_exponent", "tokens_exponent"))
        if drawn
    }
    return ApproachAnswer(approach, named, optima, intervals, findings)


def _with_losses(told: ApproachAnswer, losses: Sequence[KnownLoss]) -> ApproachAnswer:
    """Return the answers with the losses that their approach knows."""
    if not losses:
        return told
    optima = []
    for plan, (loss, ends) in zip(told.optima, losses, strict=True):
        sure = plan.uncertainty
        if sure and ends:
            sure = replace(sure, intervals={**sure.intervals, "loss": ends})
        optima.append(replace(plan, loss=loss, uncertainty=sure))
    return replace(told, optima=tuple(optima))


def _judge(answers: Sequence[ApproachAnswer], level: float) -> tuple[bool | None, str]:
    """Say whether the intervals of params overlap, each two of them at every budget."""
    sizes = {told.approach: [_params_interval(plan) for plan in told.optima] for told in answers}
    known = [told for told in answers if told.optima and all(sizes[told.approach])]
    share = format_share(level)
    if len(known) < 2:
        return None, f"Fewer than two approaches have {share} intervals: whether they agree cannot be told."
    numbers = [str(told.approach) for told in known]
    who = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    apart = []
    for one, other in combinations(known, 2):
        for place, plan in enumerate(one.optima):
            ours, theirs = sizes[one.approach][place], sizes[other.approach][place]
            assert ours is not None
            assert theirs is not None
            assert plan.flops is not None
            if ours[1] < theirs[0] or theirs[1] < ours[0]:
                apart.append(
                    f"at {format_flops(plan.flops)} FLOPs approach {one.approach} has {_size(ours)} and "
                    f"approach {other.approach} {_size(theirs)}"
                )
    if not apart:
        return True, f"Approaches {who} agree: at every budget their {share} intervals of params overlap."
    more = f" (and {len(apart) - 1} more such pairs)" if len(apart) > 1 else ""
    return False, (f"Approaches {who} do not agree: {share} intervals of params are apart, {apart[0]}{more}.")


def _params_interval(plan: Allocation) -> Range | None:
    return plan.uncertainty.intervals.get("params") if plan.uncertainty else None


def _size(ends: Range) -> str:
    return f"{format_count(ends[0], 3)}-{format_count(ends[1], 3)}"
