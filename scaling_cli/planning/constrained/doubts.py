"""What is to be said of a solved plan: what its data cost, what serving saves, how far it extrapolates."""

from collections.abc import Mapping

from scaling_cli.findings import Finding
from scaling_cli.laws.card import LawCard, Range
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.planning.constrained.solved import SolvedPlan
from scaling_cli.planning.constrained.wording import BUDGETS, format_limit, limit_words
from scaling_cli.units import format_count, format_number, format_share

# least and largest D/N of the 240 runs digitised from Hoffmann et al. 2022, Fig. 4 (derived)
_HOFFMANN_RATIOS = (0.456, 341.1)

FITTED_RATIOS: Mapping[str, Range] = {
    "besiroglu2024": _HOFFMANN_RATIOS,
    "hoffmann2022-a3": _HOFFMANN_RATIOS,
    "hoffmann2022-a3-rounded": _HOFFMANN_RATIOS,
}
"""The tokens per param of the runs behind published laws, where they are known."""

SAID = 1e-4
"""A saving below a hundredth of a percent is none."""


def plan_findings(solved: SolvedPlan) -> tuple[Finding, ...]:
    """Return the findings of a plan that has a solution."""
    return (
        *_binding_budget(solved),
        *_budget_unspent(solved),
        *_data_capped(solved),
        *_inference(solved),
        *_extrapolates_ratio(solved),
        *_unreachable(solved),
    )


def _data_capped(solved: SolvedPlan) -> tuple[Finding, ...]:
    """Say what running out of fresh tokens costs under a law that knows no others."""
    limit = next((one for one in solved.constraints if one.name == "unique_tokens" and one.active), None)
    if limit is None or isinstance(solved.allocation.card.law, DataConstrainedLaw):
        return ()
    costs = []
    if limit.loss_cost:
        costs.append(f"{format_number(limit.loss_cost, 3)} in loss")
    if limit.compute_cost and solved.total_flops:
        costs.append(f"{format_share(limit.compute_cost / solved.total_flops)} of the compute")
    message = (
        f"tokens are capped at the {format_count(limit.limit)} unique ones, for this law knows no others: "
        f"that costs {' and '.join(costs) or 'nothing'}"
    )
    return (Finding("data-capped", "warning", message),)


def _inference(solved: SolvedPlan) -> tuple[Finding, ...]:
    """Say what the plan saves against the training-only optimum of its loss."""
    other, saving = solved.same_loss, solved.saving
    if not solved.inference_flops or other is None or saving is None or saving < SAID:
        return ()
    message = (
        f"the training-only optimum of the same loss, {format_count(other.params)} on "
        f"{format_count(other.tokens)}, trains for less and costs more in all: with its demand served this "
        f"plan saves {format_share(saving)} of the {'dollars' if solved.is_priced else 'compute'}"
    )
    return (Finding("inference-saving", "info", message),)


def _binding_budget(solved: SolvedPlan) -> tuple[Finding, ...]:
    """Say which of several budgets binds."""
    budgets = [one for one in solved.constraints if one.name in BUDGETS]
    if len(budgets) < 2 or solved.unspent > SAID:
        return ()
    spent = _listed([format_limit(one.name, one.limit) for one in budgets if one.active])
    left = _listed([format_limit(one.name, one.limit) for one in budgets if not one.active])
    if not spent:
        message = f"no budget binds: {left} all allow more"
    elif not left:
        message = f"all budgets bind: {spent}"
    else:
        message = f"the budget that binds is {spent}; {left} would allow more"
    return (Finding("binding-budget", "info", message),)


def _budget_unspent(solved: SolvedPlan) -> tuple[Finding, ...]:
    """Say what limits leave of the budget."""
    if solved.unspent <= SAID:
        return ()
    fixed = [f"{limit_words(name)} {format_limit(name, value)}" for name, value in solved.plan.fixed.items()]
    limits = [
        f"{limit_words(one.name)} {format_limit(one.name, one.limit)}"
        for one in solved.constraints
        if one.active and one.name not in BUDGETS
    ]
    budgets = [format_limit(one.name, one.limit) for one in solved.constraints if one.name in BUDGETS]
    message = (
        f"{format_share(solved.unspent)} of the budget is left unspent, of {_listed(budgets)}: "
        f"{_listed([*fixed, *limits]) or 'the limits'} leave no use for it"
    )
    return (Finding("budget-unspent", "warning", message),)


def _listed(words: list[str]) -> str:
    return " and ".join(", ".join(words).rsplit(", ", 1))


def _extrapolates_ratio(solved: SolvedPlan) -> tuple[Finding, ...]:
    """Say where the tokens per param lie outside those that the law was fitted to."""
    ratio = solved.allocation.tokens_per_param
    return () if ratio is None else ratio_findings(solved.allocation.card, ratio)


def ratio_findings(card: LawCard, ratio: float) -> tuple[Finding, ...]:
    """Say where ``ratio`` tokens per param lie outside those a law was fitted to, where they are known."""
    known = fitted_ratios(card)
    if known is None or known[0] <= ratio <= known[1]:
        return ()
    side = (
        f"above the {format_number(known[1], 3)}"
        if ratio > known[1]
        else f"below the {format_number(known[0], 3)}"
    )
    message = (
        f"{format_number(ratio, 4)} tokens per param are {side} of the runs behind the law: its loss "
        "there is extrapolated"
    )
    return (Finding("extrapolates-ratio", "warning", message),)


def fitted_ratios(card: LawCard) -> Range | None:
    """Return the least and the largest D/N of a law's runs; at least what their N and D leave possible."""
    spans = card.fitted_range
    if "tokens_per_param" in spans:
        return spans["tokens_per_param"]
    if "params" in spans and "tokens" in spans:
        (least_N, most_N), (least_D, most_D) = spans["params"], spans["tokens"]
        return least_D / most_N, most_D / least_N
    return FITTED_RATIOS.get(card.name)


def _unreachable(solved: SolvedPlan) -> tuple[Finding, ...]:
    """Say below which size the ladder's loss is out of reach."""
    ladder = solved.ladder
    if ladder is None:
        return ()
    least, loss = format_number(ladder.least_ratio, 4), format_number(ladder.loss, 5)
    message = f"below {least}x the optimal size loss {loss} is unreachable, on any number of tokens"
    return (Finding("unreachable-size", "info", message),)
