"""``scaling optimal`` under limits, from options and a plan file: hardware, money, data, sizes."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from scaling_cli.cli.options import read_laws, read_option, read_waste
from scaling_cli.errors import InputError, UsageError
from scaling_cli.units import (
    PF_DAY,
    parse_days,
    parse_dollars,
    parse_fraction,
    parse_hardware_time,
    parse_positive,
    parse_sweep,
)

if TYPE_CHECKING:
    from scaling_cli.cli.optimal_shape import ShapeRequest
    from scaling_cli.files.plan_file import PlanFile
    from scaling_cli.laws.card import LawCard
    from scaling_cli.planning.allocation import Allocation
    from scaling_cli.planning.constrained.plan import Plan
    from scaling_cli.reports.report import Report

DEFAULT_LAW = "besiroglu2024"
"""Limits are weighed against a loss: of the laws that are the default elsewhere, the first."""

OF_HARDWARE = ("gpus", "gpu", "days", "mfu")
"""What ``--budget 64xH100:30d@40%`` says as well."""

_READ: Mapping[str, Callable[[str], Any]] = {
    "gpus": parse_positive,
    "gpu": str,
    "days": parse_days,
    "mfu": parse_fraction,
    "usd": parse_dollars,
    "gpu_hour_price": parse_dollars,
}


def plan_under_limits(
    known: dict[str, list[float]],
    budgets: dict[str, list[str]],
    limits: dict[str, str | None],
    shares: dict[str, float],
    law: list[str] | None,
    ladder: bool,
    config: str | None,
    shaping: "ShapeRequest | None" = None,
) -> "tuple[Report, tuple[Allocation, ...]]":
    """Solve the plans that the options and the plan file describe, under every law; options win."""
    said: dict[str, Any] = {
        name: read_option(f"--{name.replace('_', '-')}", _READ.get(name, parse_positive), text)
        for name, text in limits.items()
        if text is not None
    }
    said |= shares
    if ladder:
        said["ladder"] = True
    laws: tuple[str, ...] = ()
    from_file: dict[str, Any] = {}
    place = ""
    model: PlanFile | None = None
    if config is not None:
        from scaling_cli.files.plan_file import read_plan

        file = read_plan(config)
        place, laws, from_file = file.name, file.laws, dict(file.known)
        model = file if file.model is not None else None
    # where shapes are asked for, the block is their style, whole or in part, and no model to be counted
    model, style = (None, model) if shaping is not None else (model, None)
    asked = [{**said, **one} for one in _combinations(known, budgets, said, from_file)]
    cards = read_laws(law or list(laws) or [DEFAULT_LAW])
    if model is not None:
        has_budget = any(budgets.values())
        return _plan_of_model(model, cards, from_file, asked, has_budget=has_budget)
    plans = [_plan(from_file, one, place) for one in asked]

    from scaling_cli.planning.constrained.answer import solve_plans
    from scaling_cli.planning.constrained.assumed import with_assumed_cache
    from scaling_cli.reports.constrained import constrained_report
    from scaling_cli.reports.progress import progress

    with progress("solving the plans", len(plans) * len(cards)) as advance:
        solved = tuple(with_assumed_cache(one) for one in solve_plans(cards, plans, advance))
    report = constrained_report(solved)
    if shaping is not None:
        from scaling_cli.cli.optimal_shape import shape_solved

        report = shape_solved(report, solved, shaping, style)
    return report, tuple(one.allocation for one in solved)


def _plan_of_model(
    file: "PlanFile",
    cards: "list[LawCard]",
    from_file: dict[str, Any],
    asked: list[dict[str, Any]],
    *,
    has_budget: bool,
) -> "tuple[Report, tuple[Allocation, ...]]":
    """Return the account of the file's model, below what is planned for it where there is more to answer."""
    from scaling_cli.cli.optimal_account import (
        asks_a_plan,
        read_account,
        read_shape,
        shared_budget,
        solve_models,
        without_old_tokens,
    )
    from scaling_cli.reports.account import account_report, with_account

    shape = read_shape(file)
    from_file = without_old_tokens(from_file, asked, has_budget=has_budget)
    whole = [{**from_file, **one} for one in asked]
    if not asks_a_plan(whole):
        return account_report(read_account(shape, cards, whole)), ()

    from scaling_cli.reports.constrained import constrained_report

    solved = solve_models(
        cards, shape, from_file, asked, file.name, lambda known, said: _plan(known, said, file.name)
    )
    account = read_account(shape, cards, whole, shared_budget(solved))
    report = with_account(constrained_report(solved), account)
    return report, tuple(one.allocation for one in solved)


def _combinations(
    known: dict[str, list[float]],
    budgets: dict[str, list[str]],
    said: dict[str, Any],
    from_file: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Give every combination of the known values, budgets in days of petaFLOP/s or of hardware among them."""
    given = [option for option, texts in budgets.items() if texts]
    if len(given) > 1:
        raise UsageError(
            f"{' and '.join(given)} contradict each other: each is a budget", hint="give one of them"
        )
    spent: list[dict[str, Any]] = [{"flops": C} for C in known.pop("flops", [])]
    for text in budgets["--pf-days"]:
        spent += [{"flops": PF_DAY * days} for days in read_option("--pf-days", parse_sweep, text)]
    for text in budgets["--budget"]:
        twice = [name for name in OF_HARDWARE if name in said]
        if twice:
            raise UsageError(
                f"--budget and --{twice[0]} contradict each other", hint="give the one or the others"
            )
        hardware = read_option("--budget", parse_hardware_time, text)
        days = hardware.seconds / (24 * 3600)
        spent.append({"gpus": hardware.count, "gpu": hardware.accelerator, "days": days, "mfu": hardware.mfu})
    for budget, *values in product(spent or [{}], *known.values()):
        yield {**budget, **dict(zip(known, values, strict=True))}


def _plan(from_file: dict[str, Any], said: dict[str, Any], place: str) -> "Plan":
    """Return one plan; what is wrong in the file alone is an error of the file."""
    from scaling_cli.planning.constrained.plan import plan_of

    known = {"waste": read_waste(None), **from_file, **said}
    try:
        return plan_of(known)
    except UsageError as error:
        if not place or set(said) - {"interval", "waste"}:
            raise
        raise InputError(f"{place}: {error.message}", hint=error.hint) from None
