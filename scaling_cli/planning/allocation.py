"""Allocation: a law and what is known of a plan give the rest of it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from scaling_cli.errors import PlanError
from scaling_cli.findings import Finding, Severity
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.law import Allocates, HasFrontier, PredictsLoss
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import FlatRange, flat_range, sizes_for_loss, wasted_share
from scaling_cli.planning.roots import expand_until, find_root
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K
from scaling_cli.units import format_count, format_flops, format_number

NOTED_EXTRAPOLATION = 10.0
"""A budget more than this many times the largest fitted one carries the finding ``extrapolates``."""
WARNED_EXTRAPOLATION = 100.0
"""Beyond this many times it is a warning."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """A plan under a law: C = ``flops``, N = ``params``, D = ``tokens``, L = ``loss`` in nats per token.

    What the law cannot tell is ``None``, and a finding of severity ``refusal`` says why. ``waste`` is the
    share of the compute a what-if wastes against the optimum; ``flat_range`` holds the params around the
    optimum of that budget that waste at most ``question.waste``.
    """

    card: LawCard
    question: Question
    flops: float | None = None
    params: float | None = None
    tokens: float | None = None
    loss: float | None = None
    waste: float | None = None
    flat_range: FlatRange | None = None
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
    start = Allocation(card, question, findings=(*question.findings, *card.findings))
    try:
        solved = _follow(start) if question.is_what_if else _optimise(start)
        if solved.refusal:
            return solved
        # what was asked for is returned to the last digit, not as a rounding of it
        solved = replace(
            solved,
            flops=question.flops or solved.flops,
            params=question.params or solved.params,
            tokens=question.tokens or solved.tokens,
            loss=question.loss,
        )
        # less than one parameter or one token is no model
        numbers = (solved.flops, solved.params, solved.tokens)
        if not all(x is not None and math.isfinite(x) and x >= 1 for x in numbers):
            return _refuse_range(start)
        return replace(_judge(solved), findings=(*solved.findings, *_extrapolation(solved)))
    except ArithmeticError:  # a power past the largest float, or a division by what is below the least
        return _refuse_range(start)


def _optimise(start: Allocation) -> Allocation:
    """The compute-optimal plan for the one known quantity."""
    law, known = start.card.law, start.question
    C = known.flops
    if known.loss is not None:
        if not isinstance(law, HasFrontier):
            return _refuse_without_loss(start)
        C = law.flops_for_loss(known.loss)
        if not math.isfinite(C):
            return _refuse_loss(start, f"no budget goes below E = {format_number(law.E)}")
    if not isinstance(law, Allocates):
        if isinstance(law, HasFrontier) and C is not None:
            start = replace(start, flops=C, loss=known.loss or law.frontier_loss(C))
        return _refuse_without_allocation(start)
    if known.params is not None:
        C = law.flops_for_params(known.params)
    elif known.tokens is not None:
        C = law.flops_for_tokens(known.tokens)
    assert C is not None
    if not math.isfinite(C):
        return replace(start, flops=C)
    N, D = law.optimum(C)
    return replace(start, flops=C, params=N, tokens=D)


def _follow(start: Allocation) -> Allocation:
    """The plan that the two known quantities fix."""
    known, law = start.question, start.card.law
    if known.loss is not None:
        if not isinstance(law, PredictsLoss):
            return (_refuse_without_loss if isinstance(law, Allocates) else _refuse_without_allocation)(start)
        return _reach_loss(start, law, known.loss)
    solved = _spend(start)
    if isinstance(law, PredictsLoss):
        return solved
    return (_refuse_without_loss if isinstance(law, Allocates) else _refuse_without_allocation)(solved)


def _spend(start: Allocation) -> Allocation:
    """C = 6 N D and r = D/N, solved for the two that are missing."""
    match start.question:
        case Question(params=float(N), tokens=float(D)):
            pass
        case Question(flops=float(C), params=float(N)):
            D = C / (K * N)
        case Question(flops=float(C), tokens=float(D)):
            N = C / (K * D)
        case Question(flops=float(C), tokens_per_param=float(r)):
            N = math.sqrt(C / (K * r))
            D = r * N
        case Question(params=float(N), tokens_per_param=float(r)):
            D = r * N
        case Question(tokens=float(D), tokens_per_param=float(r)):
            N = D / r
        case _:
            raise AssertionError(f"{start.question} leaves the plan open")
    return replace(start, flops=K * N * D, params=N, tokens=D)


def _reach_loss(start: Allocation, law: PredictsLoss, L: float) -> Allocation:
    """The plan that reaches loss L with the other known quantity."""
    known = start.question
    floor = f"no budget goes below E = {format_number(law.E)}"
    N = D = math.inf
    if known.flops is not None:
        return _reach_loss_with_budget(start, law, L, known.flops)
    if known.params is not None:
        N, D = known.params, law.tokens_for_loss(known.params, L)
        floor = f"{format_count(N)} params stay above {format_number(law.loss(N, math.inf))} on any data"
    elif known.tokens is not None:
        N, D = law.params_for_loss(known.tokens, L), known.tokens
        floor = f"{format_count(D)} tokens stay above {format_number(law.loss(math.inf, D))} at any size"
    elif known.tokens_per_param is not None and law.E < L:
        N = _size_for_loss_at_ratio(law, L, known.tokens_per_param)
        D = known.tokens_per_param * N
    if not (math.isfinite(N) and math.isfinite(D)):
        return _refuse_loss(start, floor)
    return replace(start, flops=K * N * D, params=N, tokens=D)


def _reach_loss_with_budget(start: Allocation, law: PredictsLoss, L: float, C: float) -> Allocation:
    """Two sizes reach L with exactly C: the smaller is taken, for it is cheaper to serve."""
    best = law.frontier_loss(C)
    # the optimum's own loss, handed back, may miss the frontier's by a rounding
    if best > L and not math.isclose(best, L, rel_tol=1e-12):
        return _refuse_loss(start, f"{format_flops(C)} FLOPs reach {format_number(best)} at best")
    small, large = sizes_for_loss(law, C, L)
    if small < 1:  # less than a parameter: only the larger is a model
        small = large
    message = (
        f"{format_count(large)} params on {format_count(C / (K * large))} tokens reach the same loss with "
        "the same compute; the smaller is shown, it is cheaper to serve"
    )
    # at the optimum the two are one, to a rounding of the loss
    is_second = large > small * (1 + 1e-4)
    findings = (*start.findings, Finding("second-size", "info", message)) if is_second else start.findings
    return replace(start, flops=C, params=small, tokens=C / (K * small), findings=findings)


def _size_for_loss_at_ratio(law: PredictsLoss, L: float, r: float) -> float:
    """N with L(N, r N) = L: the loss falls along the ray, so there is one."""
    start = math.log(law.optimum(law.flops_for_loss(L))[0])

    def excess(log_N: float) -> float:
        return law.loss(math.exp(log_N), r * math.exp(log_N)) - L

    # on the ray the loss is above the optimum's for the same size or the same data: one step is enough
    above = start if excess(start) >= 0 else expand_until(lambda x: excess(x) >= 0, start, -1.0, 600.0)
    below = expand_until(lambda x: excess(x) <= 0, start, 1.0, 600.0)
    if above is None or below is None:
        return math.inf
    return math.exp(find_root(excess, above, below))


def _judge(solved: Allocation) -> Allocation:
    """Add the loss, the flat range, and what a what-if wastes, where the law has a loss."""
    law = solved.card.law
    if not isinstance(law, PredictsLoss):
        return solved
    N, D, C = solved.params, solved.tokens, solved.flops
    assert N is not None
    assert D is not None
    assert C is not None
    loss = solved.loss if solved.loss is not None else law.loss(N, D)
    flat = flat_range(law, C, solved.question.waste)
    waste = wasted_share(law, N, D) if solved.question.is_what_if else None
    return replace(solved, loss=loss, flat_range=flat, waste=waste)


def _extrapolation(solved: Allocation) -> tuple[Finding, ...]:
    """Say how far outside the fitted budgets the plan lies, where those are known."""
    fitted = solved.card.fitted_range.get("flops")
    if fitted is None or solved.flops is None:
        return ()
    above, below = solved.flops / fitted[1], fitted[0] / solved.flops
    # a target of 100 times the largest run is just that, whatever its last digits
    factor = float(f"{max(above, below):.4g}")
    if factor <= NOTED_EXTRAPOLATION:
        return ()
    times = f"{format_number(factor, 3)} times"
    where = (
        f"{times} the largest budget fitted" if above > below else f"{times} below the smallest budget fitted"
    )
    severity: Severity = "warning" if factor > WARNED_EXTRAPOLATION else "info"
    return (Finding("extrapolates", severity, f"{format_flops(solved.flops)} FLOPs is {where}"),)


def _refuse(allocation: Allocation, finding_id: str, message: str) -> Allocation:
    return replace(allocation, findings=(*allocation.findings, Finding(finding_id, "refusal", message)))


def _refuse_range(start: Allocation) -> Allocation:
    asked = ", ".join(f"{name} {value:g}" for name, value in start.question.known.items())
    return _refuse(start, "out-of-range", f"{asked} leads beyond the range of numbers")


def _refuse_without_loss(allocation: Allocation) -> Allocation:
    return _refuse(
        allocation, "law-has-no-loss", "this law divides a budget and says nothing of the loss, nor of waste"
    )


def _refuse_without_allocation(allocation: Allocation) -> Allocation:
    return _refuse(
        allocation,
        "law-has-no-allocation",
        "this law gives the loss that a budget reaches, not how to divide it into params and tokens",
    )


def _refuse_loss(allocation: Allocation, floor: str) -> Allocation:
    L = allocation.question.loss
    assert L is not None
    return _refuse(allocation, "unreachable-loss", f"loss {format_number(L)} cannot be reached: {floor}")


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
