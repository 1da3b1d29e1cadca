"""``scaling optimal --config model.yaml``: the account of the model that a ``model`` block describes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scaling_cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from scaling_cli.files.plan_file import PlanFile
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.account import Account

NO_QUESTION = frozenset({"tokens", "waste", "interval"})
"""What a plan may say without asking for one: a model with tokens is a what-if of its own."""


def asks_a_plan(plans: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether there is more to answer than the account of a model."""
    return any(set(plan) - NO_QUESTION for plan in plans)


def read_account(
    file: "PlanFile",
    cards: "Sequence[LawCard]",
    plans: Sequence[Mapping[str, Any]],
    budget: float | None = None,
) -> "Account":
    """Count the model of a file with the tokens and the budget of the plans, ``budget`` where they have none.

    Raises ``InputError`` with the block's line where it makes no model.
    """
    from scaling_cli.laws.architecture import architecture_of
    from scaling_cli.planning.account import account_for

    assert file.model is not None
    try:
        shape = architecture_of(file.model)
    except UsageError as error:
        raise InputError(f"{file.model_place}: model: {error.message}", hint=error.hint) from None
    tokens = _only(plans, "tokens", "--tokens 1T")
    C = _only(plans, "flops", "--flops 1e23")
    return account_for(shape, cards, tokens=tokens, budget=budget if C is None else C)


def _only(plans: Sequence[Mapping[str, Any]], name: str, example: str) -> float | None:
    """Return the one value that the plans have for a quantity."""
    values = {plan[name] for plan in plans if plan.get(name) is not None}
    if len(values) > 1:
        raise UsageError(
            f"the account of a model takes one value of {name}, got {len(values)}", hint=f"give {example}"
        )
    return values.pop() if values else None
