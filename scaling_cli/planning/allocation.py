"""Allocation: a law and what is known of a plan give the rest of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaling_cli.errors import PlanError
from scaling_cli.findings import Finding, Severity
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import FlatRange, flat_range, wasted_share
from scaling_cli.planning.solve import solve
from scaling_cli.units import format_flops, format_number

if TYPE_CHECKING:
    from scaling_cli.planning.uncertainty import Uncertainty

NOTED_EXTRAPOLATION = 10.0
"""A budget more than this many times the largest fitted one carries the finding ``extrapolates``."""
WARNED_EXTRAPOLATION = 100.0
"""Beyond this many times it is a warning."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """A plan under a law: C = ``flops``, N = ``params``, D = ``tokens``, L = ``loss`` in nats per token.

    What the law cannot tell is ``None``, and a finding of severity ``refusal`` says why. ``waste`` is the
    share of the compute a what-if wastes against the optimum; ``flat_range`` holds the params around the
    optimum of that budget that waste at most ``question.waste``. ``extrapolation`` is C over the largest
    fitted budget, and ``uncertainty`` the intervals, where the law knows them.
    """

    card: LawCard
    question: Question
    flops: float | None = None
    params: float | None = None
    tokens: float | None = None
    loss: float | None = None
    waste: float | None = None
    flat_range: FlatRange | None = None
    extrapolation: float | None = None
    uncertainty: "Uncertainty | None" = None
    findings: tuple[Finding, ...] = ()

    @property
    def tokens_per_param(self) -> float | None:
        """D/N."""
        if self.params is None or self.tokens is None:
            return None
        return self.tokens / self.params

    @property
    def refusal(self) -> Finding | None:
        """Why the law could not answer the question, or ``None`` where it did."""
        return next((finding for finding in self.findings if finding.severity == "refusal"), None)


def allocate(
    card: LawCard,
    *,
    flops: float | None = None,
    params: float | None = None,
    tokens: float | None = None,
    tokens_per_param: float | None = None,
    loss: float | None = None,
    waste: float = 0.01,
) -> Allocation:
    """Return the plan that one or two known quantities give under a law.

    ``flops`` C, ``loss`` L, ``params`` N or ``tokens`` D alone: the compute-optimal plan with it. Two of
    the five: the plan they fix, and the share of its compute that it wastes. L in nats per token.
    Raises ``UsageError`` for a contradictory question and ``PlanError`` where the law cannot answer.
    """
    question = Question(
        flops=flops, params=params, tokens=tokens, tokens_per_param=tokens_per_param, loss=loss, waste=waste
    )
    return _or_raise(answer(card, question))


def allocate_all(cards: Sequence[LawCard], questions: Iterable[Question]) -> tuple[Allocation, ...]:
    """Answer every question under every law, the laws side by side within a question.

    A law that cannot answer keeps its place with what it knows. Raises ``PlanError`` where a single
    law was asked and could answer nothing.
    """
    answers = tuple(answer(card, question) for question in questions for card in cards)
    if len(cards) == 1 and all(allocation.refusal for allocation in answers):
        _or_raise(answers[0])
    return answers


def answer(card: LawCard, question: Question) -> Allocation:
    """Answer one question under one law; where the law cannot, a finding of severity ``refusal`` says so."""
    solved = solve(card.law, question)
    allocation = Allocation(
        card=card,
        question=question,
        flops=solved.flops,
        params=solved.params,
        tokens=solved.tokens,
        loss=solved.loss,
        findings=(*question.findings, *card.findings, *solved.findings),
    )
    if card.draws:  # a published law has none, and need not wait for what it does not use
        from scaling_cli.planning.uncertainty import uncertainty

        sure = uncertainty(card, question, solved)
        allocation = replace(allocation, uncertainty=sure)
        if sure is None and not solved.refusal:
            message = "more than one in ten of the law's draws cannot answer: there are no intervals"
            doubt = Finding("no-interval", "warning", message)
            allocation = replace(allocation, findings=(*allocation.findings, doubt))
    return allocation if solved.refusal else _judge(allocation)


def _judge(plan: Allocation) -> Allocation:
    """Add how far the plan lies from the fitted budgets, the flat range, and what a what-if wastes."""
    law, N, D, C = plan.card.law, plan.params, plan.tokens, plan.flops
    assert N is not None
    assert D is not None
    assert C is not None
    plan = replace(plan, findings=(*plan.findings, *extrapolation_findings(plan.card, C)))
    if "flops" in plan.card.fitted_range:
        plan = replace(plan, extrapolation=C / plan.card.fitted_range["flops"][1])
    if not isinstance(law, PredictsLoss):
        return plan
    return replace(
        plan,
        flat_range=flat_range(law, C, plan.question.waste),
        waste=wasted_share(law, N, D) if plan.question.is_what_if else None,
    )


def extrapolation_findings(card: LawCard, C: float) -> tuple[Finding, ...]:
    """Say how far outside the fitted budgets C lies, where those are known."""
    fitted = card.fitted_range.get("flops")
    if fitted is None:
        return ()
    above, below = C / fitted[1], fitted[0] / C
    # a target of 100 times the largest run is just that, whatever its last digits
    factor = float(f"{max(above, below):.4g}")
    if factor <= NOTED_EXTRAPOLATION:
        return ()
    side = "the largest" if above > below else "below the smallest"
    severity: Severity = "warning" if factor > WARNED_EXTRAPOLATION else "info"
    message = f"{format_flops(C)} FLOPs is {format_number(factor, 3)} times {side} budget fitted"
    return (Finding("extrapolates", severity, message),)


def _or_raise(allocation: Allocation) -> Allocation:
    """Return the allocation, or raise its refusal."""
    if allocation.refusal:
        raise PlanError(allocation.refusal, hint=_way_out(allocation)).at(allocation.card.name)
    return allocation


def _way_out(allocation: Allocation) -> str:
    """Return what to ask instead of what was refused."""
    finding_id = allocation.refusal.id if allocation.refusal else ""
    if finding_id == "law-has-no-allocation" and allocation.flops and allocation.loss:
        known = f"{format_flops(allocation.flops)} FLOPs reach loss {format_number(allocation.loss, 5)}"
        return f"it says that {known}; --law besiroglu2024 divides a budget as well"
    if finding_id.startswith("law-has-no"):
        return "--law besiroglu2024 has both a loss and an allocation"
    if finding_id == "unreachable-loss":
        return "ask for a higher loss, or leave the other quantity to be solved for"
    return "ask for quantities that a model can have"
