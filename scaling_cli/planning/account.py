"""The account of a model: its parameters, its FLOPs under each convention, and what laws take it for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scaling_cli.findings import Finding
from scaling_cli.laws.accounting import ParamCount, count_params, deepseek_m, training_flops
from scaling_cli.laws.architecture import Architecture
from scaling_cli.laws.card import NOT_STATED, LawCard
from scaling_cli.laws.law import Allocates, PredictsLoss
from scaling_cli.planning.allocation import extrapolation_findings
from scaling_cli.planning.constrained.doubts import ratio_findings
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K
from scaling_cli.units import format_count


@dataclass(frozen=True, slots=True)
class LawAccount:
    """A model as one law counts it: ``params`` by ``counts``, the law's definition, and C = 6 N D of them.

    ``optimal_tokens`` and ``optimal_flops`` are where the law would have this size; ``flops`` and ``loss``
    are those of the tokens that were asked for.
    """

    card: LawCard
    counts: str
    params: float
    optimal_tokens: float | None
    optimal_flops: float | None
    flops: float | None
    loss: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """The account of ``shape``: ``flops`` per token by convention, and what ``tokens`` or a ``budget`` make.

    A convention whose formula has no meaning for the shape has ``None``.
    """

    shape: Architecture
    params: ParamCount
    flops: dict[str, float | None]
    tokens: float | None
    budget: float | None
    laws: tuple[LawAccount, ...]
    findings: tuple[Finding, ...]

    @property
    def total_flops(self) -> dict[str, float | None] | None:
        """C of the tokens under every convention."""
        return None if self.tokens is None else training_flops(self.shape, self.tokens)

    @property
    def budget_tokens(self) -> dict[str, float | None] | None:
        """D = C over the FLOPs per token: the tokens that one budget buys under every convention."""
        if self.budget is None:
            return None
        C = self.budget
        return {name: None if value is None else C / value for name, value in self.flops.items()}


def account_for(
    shape: Architecture,
    cards: Sequence[LawCard] = (),
    *,
    tokens: float | None = None,
    budget: float | None = None,
) -> Account:
    """Count a model, and apply each law to it with the N and the C = 6 N D that the law was fitted with.

    N is counted from the shape by each law's own definition, so nothing is converted between laws.
    """
    params = count_params(shape)
    laws: list[LawAccount] = []
    findings: list[Finding] = []
    for card in cards:
        N, finding = params_as(card, shape)
        if finding is not None:
            findings.append(finding)
        if N is not None and isinstance(card.law, Allocates):
            laws.append(_under(card, N, tokens))
            findings += _extrapolation(laws[-1], tokens)
    if shape.is_moe and laws:
        message = (
            f"the laws were fitted to dense models: N is the {format_count(params.active)} params a token "
            f"uses of {format_count(params.total)}, and what the others are worth is not counted"
        )
        findings.append(Finding("dense-law", "warning", message))
    return Account(shape, params, training_flops(shape), tokens, budget, tuple(laws), tuple(findings))


def params_as(card: LawCard, shape: Architecture) -> tuple[float | None, Finding | None]:
    """Return N of a shape as a law counts it (of experts, those a token uses), and what is to be said of it.

    ``None`` where the law's N has no meaning for the shape.
    """
    params = count_params(shape)
    definition = card.params_definition
    if definition.startswith("M/6"):
        M = deepseek_m(shape)
        if M is None:
            message = f"{card.name} counts FLOPs per token by a formula without experts: it is left out"
            return None, Finding("law-not-applicable", "warning", message)
        return M / K, _said(card, f"N is M/6 of its M, FLOPs per token, {format_count(M / K)}")
    if definition.startswith("non-embedding plus the output layer"):
        N = params.active_non_embedding + shape.vocabulary * shape.d_model
        return N, _said(card, f"N leaves the input embedding out, {format_count(N)}")
    if definition.startswith("non-embedding"):
        N = params.active_non_embedding
        return N, _said(card, f"N leaves the embeddings out, {format_count(N)}")
    if definition == NOT_STATED:
        message = f"{card.name} does not say what its N counts: every parameter is taken"
        return params.active, Finding("params-not-stated", "info", message)
    return params.active, None


def _extrapolation(one: LawAccount, tokens: float | None) -> list[Finding]:
    """Say where a loss lies outside the budgets and ratios that its law was fitted to."""
    if one.loss is None or one.flops is None or tokens is None:
        return []
    found = (*extrapolation_findings(one.card, one.flops), *ratio_findings(one.card, tokens / one.params))
    return [replace(finding, message=f"{one.card.name}: {finding.message}") for finding in found]


def _said(card: LawCard, what: str) -> Finding:
    return Finding("params-as-fitted", "info", f"{card.name}: its {what}, counted from the shape")


def _under(card: LawCard, N: float, tokens: float | None) -> LawAccount:
    law = card.law
    assert isinstance(law, Allocates)
    C = law.flops_for_params(N)
    is_known = math.isfinite(C)
    loss = float(law.loss(N, tokens)) if tokens is not None and isinstance(law, PredictsLoss) else None
    return LawAccount(
        card=card,
        counts=card.params_definition,
        params=N,
        optimal_tokens=C / (K * N) if is_known else None,
        optimal_flops=C if is_known else None,
        flops=None if tokens is None else K * N * tokens,
        loss=loss,
    )
