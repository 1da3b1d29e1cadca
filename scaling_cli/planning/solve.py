"""Solving: a law and one or two known quantities give the other three of C, N, D, D/N and L."""

import math
from dataclasses import dataclass, replace

from scaling_cli.findings import Finding
from scaling_cli.laws.law import Allocates, HasFrontier, Law, PredictsLoss
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import sizes_for_loss
from scaling_cli.planning.roots import expand_until, find_root
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K
from scaling_cli.units import format_count, format_flops, format_number


@dataclass(frozen=True, slots=True)
class Solution:
    """C = ``flops``, N = ``params``, D = ``tokens``, L = ``loss``, as far as the law can tell them.

    Where it could not answer, the last of ``findings`` is a refusal.
    """

    flops: float | None = None
    params: float | None = None
    tokens: float | None = None
    loss: float | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def refusal(self) -> Finding | None:
        """Why the law could not answer the question, or ``None`` where it did."""
        return next((finding for finding in self.findings if finding.severity == "refusal"), None)


def solve(law: Law, question: Question) -> Solution:
    """Return what follows under ``law`` from what is known; a refusal among the findings says what does not.

    One known quantity gives the compute-optimal plan that has it, two the plan they fix.
    """
    try:
        solved = _follow(law, question) if question.is_what_if else _optimise(law, question)
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
            return _refuse_range(question)
        if solved.loss is None and isinstance(law, PredictsLoss):
            assert solved.params is not None
            assert solved.tokens is not None
            solved = replace(solved, loss=law.loss(solved.params, solved.tokens))
    except ArithmeticError:  # a power past the largest float, or a division by what is below the least
        return _refuse_range(question)
    return solved


def _optimise(law: Law, known: Question) -> Solution:
    """The compute-optimal plan for the one known quantity."""
    C = known.flops
    if known.loss is not None:
        if not isinstance(law, HasFrontier):
            return _refuse_without_loss()
        C = law.flops_for_loss(known.loss)
        if not math.isfinite(C):
            return _refuse_loss(known.loss, f"no budget goes below E = {format_number(law.E)}")
    if not isinstance(law, Allocates):
        known_part = Solution()
        if isinstance(law, HasFrontier) and C is not None:
            known_part = Solution(flops=C, loss=known.loss or law.frontier_loss(C))
        return _refuse_without_allocation(known_part)
    if known.params is not None:
        C = law.flops_for_params(known.params)
    elif known.tokens is not None:
        C = law.flops_for_tokens(known.tokens)
    assert C is not None
    if not math.isfinite(C):
        return _refuse_range(known)
    N, D = law.optimum(C)
    return Solution(flops=C, params=N, tokens=D)


def _follow(law: Law, known: Question) -> Solution:
    """The plan that the two known quantities fix."""
    if isinstance(law, PredictsLoss):
        return _spend(known) if known.loss is None else _reach_loss(law, known, known.loss)
    solved = _spend(known) if known.loss is None else Solution()
    return _refuse_without_loss(solved) if isinstance(law, Allocates) else _refuse_without_allocation(solved)


def _spend(known: Question) -> Solution:
    """C = 6 N D and r = D/N, solved for the two that are missing."""
    match known:
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
            raise AssertionError(f"{known} leaves the plan open")
    return Solution(flops=K * N * D, params=N, tokens=D)


def _reach_loss(law: PredictsLoss, known: Question, L: float) -> Solution:
    """The plan that reaches loss L with the other known quantity."""
    floor = f"no budget goes below E = {format_number(law.E)}"
    N = D = math.inf
    if known.flops is not None:
        return _reach_loss_with_budget(law, L, known.flops)
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
        return _refuse_loss(L, floor)
    return Solution(flops=K * N * D, params=N, tokens=D)


def _reach_loss_with_budget(law: PredictsLoss, L: float, C: float) -> Solution:
    """Two sizes reach L with exactly C: the smaller is taken, for it is cheaper to serve."""
    best = law.frontier_loss(C)
    # the optimum's own loss, handed back, may miss the frontier's by a rounding
    if best > L and not math.isclose(best, L, rel_tol=1e-12):
        return _refuse_loss(L, f"{format_flops(C)} FLOPs reach {format_number(best)} at best")
    small, large = sizes_for_loss(law, C, L)
    if small < 1:  # less than a parameter: only the larger is a model
        small = large
    message = (
        f"{format_count(large)} params on {format_count(C / (K * large))} tokens reach the same loss with "
        "the same compute; the smaller is shown, it is cheaper to serve"
    )
    # at the optimum the two are one, to a rounding of the loss
    findings = (Finding("second-size", "info", message),) if large > small * (1 + 1e-4) else ()
    return Solution(flops=C, params=small, tokens=C / (K * small), findings=findings)


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


def _refuse(finding_id: str, message: str, known_part: Solution | None = None) -> Solution:
    """Return what is known all the same, and the refusal."""
    return replace(known_part or Solution(), findings=(Finding(finding_id, "refusal", message),))


def _refuse_range(known: Question) -> Solution:
    asked = ", ".join(f"{name} {value:g}" for name, value in known.known.items())
    return _refuse("out-of-range", f"{asked} leads beyond the range of numbers")


def _refuse_without_loss(known_part: Solution | None = None) -> Solution:
    message = "this law divides a budget and says nothing of the loss, nor of waste"
    return _refuse("law-has-no-loss", message, known_part)


def _refuse_without_allocation(known_part: Solution | None = None) -> Solution:
    message = "this law gives the loss that a budget reaches, not how to divide it into params and tokens"
    return _refuse("law-has-no-allocation", message, known_part)


def _refuse_loss(L: float, floor: str) -> Solution:
    return _refuse("unreachable-loss", f"loss {format_number(L)} cannot be reached: {floor}")
