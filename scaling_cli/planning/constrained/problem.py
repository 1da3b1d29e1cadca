"""From a plan to the problem that the solver takes: each part of it becomes a limit."""

from dataclasses import replace

from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.law import Allocates, Law, PredictsLoss
from scaling_cli.planning.constrained.limits import (
    Limit,
    Memory,
    Params,
    Ratio,
    TargetLoss,
    Tokens,
    UniqueTokens,
)
from scaling_cli.planning.constrained.money import Rates, budgets_of, goal_cost
from scaling_cli.planning.constrained.plan import BYTES, Plan, Sizes
from scaling_cli.planning.constrained.solver import Problem

GB = 1e9
"""As makers of accelerators count memory."""

KV_COEFFICIENT, KV_EXPONENT = 0.10774, 0.65265
"""Cached values of one token, 2 x layers x heads x head width = 0.108 N^0.653: log-log least squares through
the fifty models of Hoffmann et al. 2022, Table A9 (derived), each within 28 %. Grouped queries cache less."""

KV_BYTES = 2.0
"""The cache is kept in 16 bits, whatever the weights are stored in."""


def problem_of(law: PredictsLoss, plan: Plan, rates: Rates | None) -> Problem:
    """Return the limits of a plan under a law, and the cost that a target is to be reached at."""
    limits: list[Limit] = [*budgets_of(plan, rates), *_fixed(plan), *_sizes(plan.sizes), *_data(law, plan)]
    if plan.loss is not None:
        limits.append(TargetLoss("loss", plan.loss, is_given=True))
    return Problem(law, tuple(limits), goal_cost(plan, rates))


def _fixed(plan: Plan) -> list[Limit]:
    """Return what is fixed as a limit from above and one from below."""
    known = plan.fixed
    if len(known) == 2:
        # the two that are simple: a plan that is fixed is fixed to the last digit
        N, D, r = (known.get(name) for name in ("params", "tokens", "tokens_per_param"))
        known = {"params": N or (D or 0) / (r or 1), "tokens": D or (N or 0) * (r or 0)}
    kinds: dict[str, type[Limit]] = {"params": Params, "tokens": Tokens, "tokens_per_param": Ratio}
    return [
        kinds[name](name, value, is_most, True) for name, value in known.items() for is_most in (True, False)
    ]


def _sizes(sizes: Sizes) -> list[Limit]:
    """Return the bounds on N, D, D/N and memory."""
    kinds: dict[str, type[Limit]] = {"params": Params, "tokens": Tokens, "tokens_per_param": Ratio}
    limits = [
        kind(f"{end}_{name}", value, end == "max")
        for name, kind in kinds.items()
        for end in ("max", "min")
        if (value := getattr(sizes, f"{end}_{name}")) is not None
    ]
    if sizes.memory_gb is not None:
        own = sizes.kv_bytes_per_token
        coefficient, exponent = (KV_BYTES * KV_COEFFICIENT, KV_EXPONENT) if own is None else (own, 0.0)
        limits.append(
            Memory(
                "memory_gb",
                sizes.memory_gb,
                weight=BYTES[sizes.serve_dtype] / GB,
                cache_tokens=sizes.kv_tokens or 0.0,
                cache_coefficient=coefficient / GB,
                cache_exponent=exponent,
            )
        )
    return limits


def _data(law: Law, plan: Plan) -> list[Limit]:
    """Return what the unique tokens limit: the loss where the law knows repetition, else the tokens."""
    U = plan.unique_tokens
    if U is None:
        return []
    if not isinstance(law, DataConstrainedLaw):
        return [Tokens("unique_tokens", U)]
    limits: list[Limit] = [UniqueTokens("unique_tokens", U)]
    if plan.epochs is not None:
        limits.append(Tokens("epochs", plan.epochs, unit=U))
    return limits


def with_budget_of_size(plan: Plan, law: Law) -> Plan:
    """Return the plan with the budget for which its size, or its tokens, are optimal, if it says no more."""
    if plan.has_budget or plan.loss is not None or len(plan.fixed) != 1 or not isinstance(law, Allocates):
        return plan
    ((name, value),) = plan.fixed.items()
    C = law.flops_for_params(value) if name == "params" else law.flops_for_tokens(value)
    return replace(plan, flops=C)
