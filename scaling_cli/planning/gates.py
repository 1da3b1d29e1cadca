"""Gates: conditions that fail a comparison of plans, ``waste > 10%`` where any plan meets it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaling_cli.conditions import Condition, parse_condition
from scaling_cli.errors import QuantityError, UsageError
from scaling_cli.names import nearest
from scaling_cli.planning.compare_plans import Field, RankedPlan, fields_of
from scaling_cli.units import parse_days, parse_quantity

BEST = "best."
"""What stands before a field of which the first-ranked plan alone is tested."""

SHARES = ("waste",)
"""Fields that lie between 0 and 1: ``waste > 10`` was meant as ``waste > 10%``."""

LIKE = {"usd": "3M, or '$3M' in single quotes", "days": "30, 30d or 2w"}
"""How values are written, by the ends of the names of fields that have units."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition as it was typed, the field it tests, and the plans that met it, with their values."""

    expression: str
    field: str
    met_by: tuple[tuple[str, Field], ...]

    @property
    def failed(self) -> bool:
        """Whether a plan met the condition."""
        return bool(self.met_by)


def parse_gate(text: str) -> Condition:
    """Read a condition on a field of plans, in its units: ``waste > 10%``, ``total_usd > $3M``.

    Raises ``QuantityError`` for what is no condition.
    """
    return parse_condition(text, _parse_value)


def _parse_value(field: str, value: str) -> float:
    """Read the number that a field is compared with."""
    if value.endswith("%"):  # no bound: that no plan may waste more than 1000 % is a gate, if one that holds
        return parse_quantity(value[:-1]) / 100
    try:
        if field.endswith("days") and value[-1].isalpha():
            return parse_days(value)
        return parse_quantity(value.removeprefix("$") if field.endswith("usd") else value)
    except QuantityError as error:
        likes = [like for unit, like in LIKE.items() if field.endswith(unit)]
        raise QuantityError(
            error.message, hint=f"write it like {likes[0]}" if likes else error.hint
        ) from None


def check_gates(plans: Sequence[RankedPlan], conditions: Sequence[tuple[str, Condition]]) -> tuple[Gate, ...]:
    """Return every gate, checked; ``conditions`` go with the texts they were read from.

    Raises ``UsageError`` for a field that is none, that a plan has no value of, or whose values are of
    another kind than the condition's: none of these may pass.
    """
    return tuple(_check(plans, expression, condition) for expression, condition in conditions)


def _check(plans: Sequence[RankedPlan], expression: str, condition: Condition) -> Gate:
    is_best = condition.field.startswith(BEST)
    field = condition.field.removeprefix(BEST)
    known = fields_of(plans[0])
    if field not in known:
        raise _unknown(field, known)
    if is_best and plans[0].rank is None:
        raise UsageError(
            f"{expression}: no plan is the best, for this law ranks none",
            hint="ask a law that predicts losses: --law besiroglu2024",
        )
    met = []
    for plan in plans[:1] if is_best else plans:
        value = fields_of(plan)[field]
        if value is None:
            raise _nothing(plan, field, expression)
        comparable = _comparable(value)
        _check_kind(comparable, condition, expression)
        if condition.holds(comparable):
            met.append((plan.name, value))
    return Gate(expression, field, tuple(met))


def _unknown(field: str, known: Mapping[str, Field]) -> UsageError:
    within = [name for name in known if name.startswith(f"{field}.")]
    if within:
        return UsageError(f"{field} is no single value", hint=f"name one of {', '.join(within)}")
    near = " or ".join(_ending_in(field, known)) or nearest(field, known)
    hint = f"did you mean {near}?" if near else f"the fields are {', '.join(known)}"
    return UsageError(f"no field {field!r} of a plan", hint=hint)


def _ending_in(field: str, known: Mapping[str, Field]) -> list[str]:
    """Return the shortest names whose last words are those of ``field``: hardware.days for days."""

    def words(name: str) -> list[str]:
        return re.split(r"[._]", name.lower())

    own = words(field)
    longer = sorted(name for name in known if words(name)[-len(own) :] == own)
    shortest = min((len(words(name)) for name in longer), default=0)
    return [name for name in longer if len(words(name)) == shortest]


def _nothing(plan: RankedPlan, field: str, expression: str) -> UsageError:
    """Refuse a field that a plan has no value of."""
    found = plan.solved.allocation
    what = f"{expression}: {plan.name} has no {field}, so that the gate tests nothing"
    if found.refusal and found.params is None:
        return UsageError(
            f"{what}: {found.refusal.message}", hint=plan.solved.way_out or "leave that plan out"
        )
    return UsageError(what, hint=_way_out(field, found.card.name))


def _comparable(value: float | str | bool) -> float | str:
    """Return a value as conditions compare it: a number, or text, of true and false too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else float(value)


def _way_out(field: str, law: str) -> str:
    """Say what a field that is null would need."""
    if field == "total_usd" or field.endswith("usd"):
        return "the file needs gpu, mfu and gpu_hour_price for dollars, inference_tokens for those of serving"
    if field.startswith("hardware"):
        return (
            "the file needs gpu and mfu for hours, gpus for days, days for gpus, inference_tokens for serving"
        )
    if field == "epochs":
        return "the file needs unique_tokens for epochs"
    if field == "extrapolation":
        return f"the FLOPs that {law} was fitted to are not known"
    return f"{law} does not tell it of this plan: ask a law that predicts losses, --law besiroglu2024"


def _check_kind(value: float | str, condition: Condition, expression: str) -> None:
    """Refuse to compare a number with text, a share with what no share can be, and percent with no share."""
    if isinstance(value, str) and isinstance(condition.value, float):
        raise UsageError(
            f"{expression}: {condition.field} is text, {value!r}",
            hint="compare it with text in quotes, by == or !=",
        )
    if isinstance(value, float) and isinstance(condition.value, str):
        raise UsageError(f"{expression}: {condition.field} is a number", hint="compare it with a number")
    if isinstance(condition.value, float):
        _check_share(condition.value, condition, expression)


def _check_share(value: float, condition: Condition, expression: str) -> None:
    is_percent = expression.rstrip().endswith("%")
    is_share = condition.field.removeprefix(BEST) in SHARES
    if is_share and (value < 0 or (value > 1 and not is_percent)):
        percent = abs(value) * (100 if is_percent else 1)
        raise UsageError(
            f"{expression}: {condition.field} is a share between 0 and 100 %",
            hint=f"write {condition.field} {condition.comparison} {percent:g}%",
        )
    if is_percent and not is_share:
        raise UsageError(f"{expression}: {condition.field} is no share", hint="write it without %")
