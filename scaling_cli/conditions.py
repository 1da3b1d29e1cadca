"""Conditions a person types, ``flops < 1e21`` or ``optimiser == adamw``, and whether a value meets them."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from scaling_cli.errors import QuantityError
from scaling_cli.units import parse_fraction, parse_quantity

_COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "<=": operator.le,  # type: ignore[dict-item]  # the operands are two floats or two strings
    ">=": operator.ge,  # type: ignore[dict-item]
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]
    ">": operator.gt,  # type: ignore[dict-item]
}
_CONDITION = re.compile(
    r"\s*(?P<field>[^<>=!]+?)\s*(?P<comparison><=|>=|==|!=|<|>)\s*(?P<value>[^<>=!]+?)\s*"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """``field comparison value``; ``value`` is a number, or text where only == and != make sense."""

    field: str
    comparison: str
    value: float | str

    def __str__(self) -> str:
        value = self.value
        if isinstance(value, float):  # briefly where that is exact
            brief = f"{value:g}"
            value = (brief if float(brief) == value else repr(value)).replace("e+0", "e").replace("e+", "e")
        return f"{self.field} {self.comparison} {value}"

    def holds(self, value: float | str) -> bool:
        """Say whether ``value`` meets the condition; a number is only ever compared with a number."""
        if isinstance(value, float) != isinstance(self.value, float):
            return self.comparison == "!="
        return _COMPARISONS[self.comparison](value, self.value)


def _parse_value(field: str, value: str) -> float:
    """Read a share in percent, or a quantity, of whichever field."""
    return parse_fraction(value) if value.endswith("%") else parse_quantity(value)


def parse_condition(text: str, parse_value: Callable[[str, str], float] = _parse_value) -> Condition:
    """Read ``column comparison quantity``: ``flops < 1e21``, ``waste > 10%``, ``schedule == cosine``.

    ``parse_value`` reads the number that a field is compared with, where fields have units of their own.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise QuantityError(
            f"{text!r} is not a condition", hint='write it like "flops < 1e21": column, comparison, quantity'
        )
    value: float | str
    try:
        value = parse_value(match["field"], match["value"])
    except QuantityError as error:
        value = match["value"].strip("\"'")
        if match["comparison"] not in ("==", "!="):
            # a suffix alone has lost its number, as "$3M" does in a shell's double quotes
            is_text = match["value"][0].isalpha() and len(match["value"]) > 1
            raise QuantityError(
                f"{text!r} compares with {match['value']!r}, which is not a number",
                hint="text is compared with == or != only" if is_text else error.hint,
            ) from None
    return Condition(field=match["field"], comparison=match["comparison"], value=value)
