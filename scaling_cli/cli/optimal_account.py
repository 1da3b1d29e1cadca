"""``scaling optimal --config model.yaml``: the account of the model that a ``model`` block describes."""

from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import TYPE_CHECKING, Any

from scaling_cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from scaling_cli.files.plan_file import PlanFile
    from scaling_cli.laws.architecture import Architecture
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.account import Account
    from scaling_cli.planning.constrained.plan import Plan
    from scaling_cli.planning.constrained.solved import SolvedPlan

NO_QUESTION = frozenset({"tokens", "waste", "interval"})
"""What a plan may say without asking for one: a model with tokens is a what-if of its own."""


def asks_a_plan(plans: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether there is more to answer than the account of a model."""
    return any(set(plan) - NO_QUESTION for plan in plans)


SETS_TOKENS = frozenset({"flops", "tokens_per_param", "loss"})
"""What an option says of these leaves the tokens of a model file open: it is asked how many they are."""


def without_old_tokens(
    from_file: dict[str, Any], asked: Sequence[Mapping[str, Any]], *, has_budget: bool
) -> dict[str, Any]:
    """Return what the file says, without its tokens where options ask how many a budget or a loss makes."""
    if has_budget or any(set(one) & SETS_TOKENS for one in asked):
        return {name: value for name, value in from_file.items() if name != "tokens"}
    return from_file


def read_shape(file: "PlanFile") -> "Architecture":
    """Return the model of a file; ``InputError`` with the block's line where it makes none."""
    from scaling_cli.laws.architecture import architecture_of

    assert file.model is not None
    try:
        return architecture_of(file.model)
    except UsageError as error:
        raise InputError(f"{file.model_place}: model: {error.message}", hint=error.hint) from None


def solve_models(
    cards: "Sequence[LawCard]",
    shape: "Architecture",
    from_file: Mapping[str, Any],
    asked: Sequence[Mapping[str, Any]],
    place: str,
    plan: "Callable[[dict[str, Any], dict[str, Any]], Plan]",
) -> "tuple[SolvedPlan, ...]":
    """Solve what is asked of one model, its N fixed; ``plan`` makes a plan of what file and options say."""
    from scaling_cli.planning.constrained.assumed import (
        cache_bytes,
        with_cache_of_model,
        with_memory_of_experts,
    )
    from scaling_cli.planning.model_plan import check_same_model, solve_model_plans
    from scaling_cli.reports.progress import progress

    is_cache_assumed = "kv_tokens" in from_file and "kv_bytes_per_token" not in from_file
    cache = {"kv_bytes_per_token": cache_bytes(shape)} if is_cache_assumed else {}

    def of_size(one: Mapping[str, Any]) -> "Callable[[float], Plan]":
        fixed = set(one) & {"params"}
        return lambda N: plan({**from_file, **cache, "params": N}, {**one, **dict.fromkeys(fixed, N)})

    for one in asked:
        if "params" in one:
            check_same_model(one["params"], shape)
    if "params" in from_file and not any("params" in one for one in asked):
        try:
            check_same_model(from_file["params"], shape)
        except UsageError as error:
            raise InputError(f"{place}: {error.message}", hint=error.hint) from None
    with progress("solving the plans", len(asked) * len(cards)) as advance:
        solved = solve_model_plans(cards, shape, [of_size(one) for one in asked], advance)
    solved = tuple(with_memory_of_experts(one, shape) for one in solved)
    return tuple(with_cache_of_model(one, shape) for one in solved) if is_cache_assumed else solved


def shared_budget(solved: "Sequence[SolvedPlan]") -> float | None:
    """Return the FLOPs that all plans spend, to a rounding; ``None`` where they differ."""
    spent = [one.allocation.flops for one in solved if one.allocation.flops is not None]
    return spent[0] if spent and all(isclose(C, spent[0]) for C in spent) else None


def read_account(
    shape: "Architecture",
    cards: "Sequence[LawCard]",
    plans: Sequence[Mapping[str, Any]],
    budget: float | None = None,
) -> "Account":
    """Count a model with the tokens and the budget of the plans, ``budget`` where they have none."""
    from scaling_cli.planning.account import account_for

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
