"""The unit that a column's name says it is counted in: ``params (M)``, ``tokens_B``, ``total_gflops``."""

import re
from dataclasses import dataclass

from scaling_cli.units import PF_DAY

_COUNTS = {
    "thousands": (1e3, "k thousand thousands"),
    "millions": (1e6, "m mn mln mio million millions"),
    "billions": (1e9, "b bn bln g giga billion billions"),
    "trillions": (1e12, "t tn trillion trillions"),
}
_FLOPS = {
    "GFLOPs": (1e9, "g giga gflop gflops gigaflop gigaflops"),
    "TFLOPs": (1e12, "t tera tflop tflops teraflop teraflops"),
    "PFLOPs": (1e15, "p peta pflop pflops petaflop petaflops"),
    "exaFLOPs": (1e18, "e exa eflop eflops exaflop exaflops"),
    "zettaFLOPs": (1e21, "z zetta zflop zflops zettaflop zettaflops"),
    "petaFLOP/s-days": (
        PF_DAY,
        "pfday pfdays pfsday pfsdays pflopsday pflopsdays petaflopsday petaflopsdays",
    ),
}
_UNITS = {
    "params": _COUNTS,
    "tokens": _COUNTS,
    "schedule_tokens": _COUNTS,
    "unique_tokens": _COUNTS,
    "flops": _FLOPS,
    "budget": _FLOPS,
}
_POWER = re.compile(r"(?:1e|10\^|10\*\*)([0-2]?\d)")
_BRACKETS = re.compile(r"(?P<base>.*\S)\s*[(\[]\s*(?:in\s+)?(?P<unit>[^()\[\]]+?)\s*[)\]]")
_SUFFIX = re.compile(
    r"(?P<base>.*?[^\s_./-])(?:[\s_./-]+in)?[\s_./-]+(?P<unit>pf[_-]days?|[^\s_./()\[\]-]+)", re.IGNORECASE
)
# a column that is called after its unit alone: not tflops or pflops, which are a speed as often as not
_FLOPS_ALONE = re.compile(
    r"(?:total|train|training)[tp]flops?|(?:total|train|training)?(?:(?:g|exa|zetta)flops?|pfs?days?)"
)


@dataclass(frozen=True, slots=True)
class NamedUnit:
    """What a column's name says besides the quantity: ``base`` is the name without it."""

    base: str
    name: str
    size: float


def find_unit(column: str, quantity: str) -> NamedUnit | None:
    """Return the unit in a column's name, or None.

    After a name of one letter it must stand in brackets: ``d_k`` and ``n_b`` are hyperparameters.
    """
    if quantity not in _UNITS:
        return None
    if quantity == "flops" and _FLOPS_ALONE.fullmatch(_plain(column)):
        word = re.sub("^(?:training|train|total)", "", _plain(column))
        return _unit("flops", word, quantity)
    in_brackets = _BRACKETS.fullmatch(column)
    match = in_brackets or _SUFFIX.fullmatch(column)
    if match is None or (len(match["base"]) == 1 and not in_brackets):
        return None
    return _unit(match["base"], _plain(match["unit"]), quantity)


def is_in_brackets(column: str) -> bool:
    """Say whether a column's name ends in brackets, as only a unit does."""
    return _BRACKETS.fullmatch(column) is not None


def _unit(base: str, text: str, quantity: str) -> NamedUnit | None:
    power = _POWER.fullmatch(text)
    if power:
        return NamedUnit(base, f"units of 1e{int(power[1])}", float(f"1e{power[1]}"))
    for name, (size, words) in _UNITS[quantity].items():
        if text in words.split():
            return NamedUnit(base, name, size)
    return None


def _plain(text: str) -> str:
    return re.sub(r"[\s_./-]", "", text).casefold()
