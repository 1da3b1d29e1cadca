"""One convention for laws that are compared: N counts every parameter, and C = 6 N D of that N."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, cast

from scaling_cli.findings import Finding
from scaling_cli.laws.additive import AdditiveLaw
from scaling_cli.laws.card import NOT_STATED, LawCard, Range
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import Allocates, Law, Number, PredictsLoss, finite_or_inf
from scaling_cli.laws.rising_root import rising_root
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OMEGA = 47491.0
"""omega of N_total = N + omega N^(1/3), N without the embeddings: fitted to the fifty models of Hoffmann et
al. 2022, Table A9, one embedding of 32,000 words (Pearce & Song 2024, arXiv 2406.12907, and the authors'
script)."""

WIDEST_LOG = 700.0
"""exp(709) is the largest float: a root is looked for no further out than this."""

NON_EMBEDDING = "non-embedding"
"""What the ``params_definition`` of a card says where its N leaves the embeddings out."""

_NEARLY_TOTAL = "non-embedding plus the output layer"
_FROM_FLOPS = "M/6"

NOT_COMPARABLE = "not-comparable-params"
"""The finding of a law whose N can be turned into no other without a model's shape."""

_SAID_BETTER = ("non-embedding-params", "params-from-flops-per-token")
"""Findings of a law alone that those on its place among others take the place of."""

_FLOPS_NOTES = {
    "kaplan2020": Finding(
        "converted-flops",
        "info",
        "its C_min is C/2, training at the critical batch (Eq. 5.5), so that budgets are what was spent",
    ),
    "cerebras2023": Finding(
        "other-flops",
        "info",
        "its FLOPs presumably count attention and embeddings: at 6 N D its losses are a little too high",
    ),
}


def total_params(N: Number) -> Number:
    """N_total = N + omega N^(1/3), N without the embeddings (Pearce & Song 2024)."""
    total: Number = N + OMEGA * N ** (1 / 3)
    return total


def non_embedding_params(N_total: Number) -> Number:
    """Return N with N + omega N^(1/3) = N_total.

    A cubic in N^(1/3) with one real root, 2 sqrt(omega/3) sinh(asinh(N_total/(2 (omega/3)^1.5))/3).
    """
    width = math.sqrt(OMEGA / 3)
    if isinstance(N_total, float | int):
        return (2 * width * math.sinh(math.asinh(N_total / (2 * width**3)) / 3)) ** 3
    return _non_embedding_arrays(N_total, width)


def _non_embedding_arrays(N_total: "NDArray[np.float64]", width: float) -> "NDArray[np.float64]":
    import numpy as np

    root: NDArray[np.float64] = 2 * width * np.sinh(np.arcsinh(N_total / (2 * width**3)) / 3)
    return root**3


def additive_part(law: PredictsLoss) -> AdditiveLaw:
    """Return the additive law whose loss ``law`` orders (N, D) by: itself, or what Kaplan's form raises."""
    part = law.inner if isinstance(law, KaplanLaw) else law
    assert isinstance(part, AdditiveLaw)
    return part


@dataclass(frozen=True, slots=True)
class TotalAllocation(Allocates):
    """A law that divides a budget of non-embedding params, asked in total ones.

    With (N, D) the law's own division of x = 6 N D: N_opt(C) = N + omega N^(1/3), D_opt(C) = D, where
    C = 6 N_opt D_opt = x (1 + omega N^(-2/3)). No power law: the share of the embeddings falls with the
    budget, and ``exponents`` are what it tends to.
    """

    form: ClassVar[str] = "total-allocation"
    formula: ClassVar[str] = "N_total = N + omega N^(1/3), N the optimum of 6 N D"

    inner: Allocates

    @property
    def parameters(self) -> dict[str, float]:
        """The constants of the law that was converted."""
        return self.inner.parameters

    @property
    def exponents(self) -> tuple[float, float]:
        """(N_exponent, D_exponent) of large budgets, those of the law that was converted."""
        return self.inner.exponents

    def optimum(self, C: Number) -> tuple[Number, Number]:
        """(N_opt, D_opt) for C FLOPs."""
        return _pairs(self._optimum, C)

    def _optimum(self, C: float) -> tuple[float, float]:
        def excess(log_x: float) -> float:
            N, _ = self.inner.optimum(math.exp(log_x))
            return log_x + math.log1p(OMEGA * N ** (-2 / 3)) - math.log(C)

        # log C grows with log x by more than 1 - (2/3) N_exponent > 1/3
        top = math.log(C)
        N, _ = self.inner.optimum(math.exp(rising_root(excess, top - 3 * excess(top), top)))
        N_total = total_params(N)
        return N_total, C / (K * N_total)

    def flops_for_params(self, N: float) -> float:
        """C such that N_opt(C) = N."""
        inner = non_embedding_params(N)
        return finite_or_inf(lambda: self.inner.flops_for_params(inner) * N / inner)

    def flops_for_tokens(self, D: float) -> float:
        """C such that D_opt(C) = D."""

        def total() -> float:
            x = self.inner.flops_for_tokens(D)
            N, _ = self.inner.optimum(x)
            return x * total_params(N) / N

        return finite_or_inf(total)


@dataclass(frozen=True, slots=True)
class TotalLossLaw(PredictsLoss):
    """L(N, D) of a law whose N leaves the embeddings out, asked with N_total = N + omega N^(1/3).

    With u = omega N^(-2/3) one percent of N_total is s = (1 + u)/(1 + u/3) percent of N, so that for
    L = E + A N^-alpha + B D^-beta (Kaplan's form: for what it raises) the optimum of C = 6 N_total D has
    s alpha A N^-alpha = beta B D^-beta. Every N has one D on that curve, and C and D grow along it.
    """

    form: ClassVar[str] = "total-loss"
    formula: ClassVar[str] = "L(N, D) with N_total = N + omega N^(1/3)"

    inner: PredictsLoss

    @property
    def E(self) -> float:  # type: ignore[override]  # a form has it as a field
        """The irreducible loss of the law that was converted."""
        return self.inner.E

    @property
    def parameters(self) -> dict[str, float]:
        """The constants of the law that was converted."""
        return self.inner.parameters

    @property
    def exponents(self) -> tuple[float, float]:
        """(N_exponent, D_exponent) of large budgets, those of the law that was converted."""
        return self.inner.exponents

    def elasticity(self, N_total: float) -> float:
        """(d log N)/(d log N_total) = (1 + u)/(1 + u/3) with u = omega N^(-2/3): from 3 down to 1."""
        u: float = OMEGA * non_embedding_params(N_total) ** (-2 / 3)
        return (1 + u) / (1 + u / 3)

    def loss(self, N: Number, D: Number) -> Number:
        """L in nats per token of N total params trained on D tokens."""
        return self.inner.loss(non_embedding_params(N), D)

    def _frontier_tokens(self, N_total: float) -> float:
        """D = (beta B N^alpha/(s alpha A))^(1/beta), the tokens for which ``N_total`` is optimal."""
        law = additive_part(self.inner)
        log_N = math.log(non_embedding_params(N_total))
        log_ratio = math.log(law.beta * law.B / (law.alpha * law.A)) - math.log(self.elasticity(N_total))
        return math.exp((log_ratio + law.alpha * log_N) / law.beta)

    def optimum(self, C: Number) -> tuple[Number, Number]:
        """(N_opt, D_opt) for C FLOPs."""
        return _pairs(self._optimum, C)

    def _optimum(self, C: float) -> tuple[float, float]:
        N, _ = self.inner.optimum(C)
        N_total = self._size_where(lambda N: K * N * self._frontier_tokens(N), C, start=total_params(N))
        return N_total, C / (K * N_total)

    def _size_where(self, rising: Callable[[float], float], value: float, *, start: float) -> float:
        """Return the total params at which ``rising(N)`` is ``value``; ``inf`` beyond the largest float."""

        def excess(log_N: float) -> float:
            return math.log(rising(math.exp(log_N))) - math.log(value)

        low = high = math.log(start)
        step = 1.0
        try:
            while excess(low) > 0 and low > -WIDEST_LOG:
                low, step = low - step, 2 * step
            while excess(high) < 0:
                high, step = high + step, 2 * step
        except (
            ArithmeticError,
            ValueError,
        ):  # past the largest float, or the logarithm of what is below the least
            return math.inf
        return math.exp(rising_root(excess, low, high))

    def frontier_loss(self, C: Number) -> Number:
        """L*(C), the loss at the optimum, in nats per token."""
        N, D = self.optimum(C)
        return self.loss(N, D)

    def flops_for_loss(self, L: float) -> float:
        """C such that L*(C) = L; ``inf`` where L <= E."""
        C = self.inner.flops_for_loss(L)
        if not math.isfinite(C):
            return math.inf
        N, _ = self.inner.optimum(C)
        # 1/(L* - E) rises along the frontier
        N_total = self._size_where(
            lambda N: 1 / (self.loss(N, self._frontier_tokens(N)) - self.E),
            1 / (L - self.E),
            start=total_params(N),
        )
        return self.flops_for_params(N_total) if math.isfinite(N_total) else math.inf

    def flops_for_params(self, N: float) -> float:
        """C = 6 N D of the D for which N is optimal."""
        return finite_or_inf(lambda: K * N * self._frontier_tokens(N))

    def flops_for_tokens(self, D: float) -> float:
        """C such that D_opt(C) = D."""
        N, _ = self.inner.optimum(self.inner.flops_for_tokens(D))
        N_total = self._size_where(self._frontier_tokens, D, start=total_params(N))
        return finite_or_inf(lambda: K * N_total * D)

    def tokens_for_loss(self, N: float, L: float) -> float:
        """Return the tokens D on which N total params reach loss L; ``inf`` where none do."""
        return self.inner.tokens_for_loss(non_embedding_params(N), L)

    def params_for_loss(self, D: float, L: float) -> float:
        """Return the total params that reach loss L on D tokens; ``inf`` where none do."""
        return total_params(self.inner.params_for_loss(D, L))


def in_total_params(card: LawCard) -> LawCard:
    """Return the law in total params and C = 6 N D of them, its findings saying what was done.

    Non-embedding params are converted (``TotalAllocation``, ``TotalLossLaw``), the draws with the law.
    What cannot be converted, without a model's shape or for want of any N, stays and is marked
    ``not-comparable-params``; what is nearly total, or does not say in words known here what it counts,
    stays and says so.
    """
    if not isinstance(card.law, Allocates):
        return replace(card, findings=(*card.findings, *_budget_notes(card), *_flops_notes(card)))
    if is_non_embedding(card):
        card = replace(
            said_in_total_params(card),
            law=_convert(card.law),
            draws=tuple(_convert(draw) for draw in card.draws),
            fitted_range=_ranges_in_total(card.law, card.fitted_range),
        )
        return replace(card, findings=(*card.findings, *_flops_notes(card)))
    findings = (*_without_own_notes(card), *_params_notes(card.params_definition), *_flops_notes(card))
    return replace(card, findings=findings)


def is_non_embedding(card: LawCard) -> bool:
    """Say whether a law's N leaves the embeddings out, and nothing else, so that it can be converted."""
    return card.params_definition.strip().casefold().replace(" ", "-") == NON_EMBEDDING


def said_in_total_params(card: LawCard) -> LawCard:
    """Return the card of a law, or of runs, whose non-embedding params are converted: what it then says."""
    message = (
        "non-embedding params are converted to total ones, N + 47491 N^(1/3) (Pearce & Song 2024), and "
        "the budget with them"
    )
    return replace(
        card,
        params_definition="total, converted from non-embedding",
        findings=(*_without_own_notes(card), Finding("converted-params", "info", message)),
    )


def _without_own_notes(card: LawCard) -> tuple[Finding, ...]:
    return tuple(finding for finding in card.findings if finding.id not in _SAID_BETTER)


def _ranges_in_total(law: Allocates, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Return the params and budgets that a law was fitted to as total ones.

    Of x = 6 N D that is C = x (1 + omega N^(-2/3)) at N = N_opt(x): runs lie about their budgets' optima.
    What D/N was is not known without the runs, and left out.
    """

    def budget(x: float) -> float:
        N, _ = law.optimum(x)
        return x * total_params(N) / N

    converted = {name: ends for name, ends in ranges.items() if name != "tokens_per_param"}
    for name, convert in (("params", total_params), ("flops", budget)):
        if name in ranges:
            low, high = ranges[name]
            converted[name] = convert(low), convert(high)
    return converted


def as_published(card: LawCard) -> LawCard:
    """Return the law with its own N, warned where that is not every parameter."""
    if card.params_definition == NOT_STATED or _is_total(card.params_definition):
        return card
    message = f"its params are left as published, {card.params_definition}: others' count the embeddings too"
    return replace(card, findings=(*_without_own_notes(card), Finding("mixed-params", "warning", message)))


def _is_total(definition: str) -> bool:
    """Say whether every parameter is counted, or every one that a token uses, as its FLOPs are."""
    return definition.casefold().startswith(("total", "active"))


def is_comparable(card: LawCard) -> bool:
    """Say whether the params of a law mean what those of other laws do."""
    return all(finding.id != NOT_COMPARABLE for finding in card.findings)


def _convert(law: Law) -> Law:
    if isinstance(law, PredictsLoss):
        return TotalLossLaw(law)
    assert isinstance(law, Allocates)
    return TotalAllocation(law)


def _params_notes(definition: str) -> tuple[Finding, ...]:
    """Say what becomes of params that are counted in another way and stay as they are."""
    if definition == _NEARLY_TOTAL:
        message = "params without the input embedding are taken for total, as if the two embeddings were tied"
        return (Finding("nearly-total-params", "info", message),)
    if definition.startswith(_FROM_FLOPS):
        message = (
            "params are a sixth of the FLOPs per token, attention included: no count of params follows "
            "without a model's shape, so it is not comparable with the others"
        )
        return (Finding(NOT_COMPARABLE, "warning", message),)
    if definition == NOT_STATED:
        message = "what its params count is not stated: they are taken for total"
        return (Finding("params-not-stated", "info", message),)
    if not _is_total(definition):
        message = f"what its params count ({definition}) is nothing known here: they are taken for total"
        return (Finding("params-not-known", "warning", message),)
    return ()


def _budget_notes(card: LawCard) -> tuple[Finding, ...]:
    """Say of a law without params that its budgets are of others: there is no N to convert them with."""
    if not is_non_embedding(card) and not card.params_definition.startswith(_FROM_FLOPS):
        return ()
    message = (
        f"its budgets are of other params ({card.params_definition}), and a frontier has no N to convert "
        "them with, so it is not comparable with the others"
    )
    return (Finding(NOT_COMPARABLE, "warning", message),)


def _flops_notes(card: LawCard) -> tuple[Finding, ...]:
    note = _FLOPS_NOTES.get(card.name)
    return () if note is None else (note,)


def _pairs(solve: Callable[[float], tuple[float, float]], C: Number) -> tuple[Number, Number]:
    """Return ``solve`` of one budget, or of each of many."""
    if isinstance(C, float | int):
        return solve(C)
    import numpy as np

    N, D = np.array([solve(float(budget)) for budget in C]).T
    return cast("tuple[Number, Number]", (N, D))
