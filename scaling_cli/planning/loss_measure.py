"""In what the losses of recipes are counted, and whether they compare at all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scaling_cli.errors import InputError
from scaling_cli.findings import Finding
from scaling_cli.laws.card import NATS
from scaling_cli.units import format_number

BITS_PER_BYTE = "bits per byte"
PERPLEXITY = "perplexity"

_GIVE_BYTES = "give every recipe a column (or YAML key) bytes_per_token: bits per byte are compared then"


@dataclass(frozen=True, slots=True)
class LossMeasure:
    """What the losses of the recipe called ``name`` are: their unit, and of which text in which tokens.

    ``tokenizer`` and ``eval_set`` are empty, and ``bytes_per_token`` is ``None``, where nobody states them.
    """

    name: str
    unit: str = NATS
    tokenizer: str = ""
    eval_set: str = ""
    bytes_per_token: float | None = None

    @property
    def to_bits_per_byte(self) -> float | None:
        """What a loss is multiplied by: 1/(ln 2 bytes_per_token) for nats per token, ``None`` if unknown."""
        if self.unit == BITS_PER_BYTE:
            return 1.0
        if self.unit != NATS or self.bytes_per_token is None:
            return None
        return 1 / (math.log(2) * self.bytes_per_token)


@dataclass(frozen=True, slots=True)
class CommonUnit:
    """The unit in which losses are compared, and what each recipe's are multiplied by for it."""

    unit: str
    factors: tuple[float, ...]
    findings: tuple[Finding, ...] = ()


def common_unit(measures: Sequence[LossMeasure]) -> CommonUnit:
    """Return the unit in which the losses of all recipes compare.

    Nats per token do where tokenizer and evaluation set agree; where the tokenizers differ, and every
    recipe states its bytes per token, they become bits per byte. What nobody states is taken to agree, with
    a warning. Raises ``InputError`` where the losses are of different sets, or do not compare.
    """
    _refuse_different(measures, "eval_set", "evaluated on different sets", "evaluate both on the same text")
    units = {measure.unit for measure in measures}
    if PERPLEXITY in units and len(units) > 1:
        _refuse_units(measures, "give the natural logarithm of the perplexity as the loss, in nats per token")
    has_tokens = units != {BITS_PER_BYTE}
    tokenizers = {measure.tokenizer for measure in measures if measure.tokenizer}
    if len(units) > 1 or (has_tokens and len(tokenizers) > 1):
        factors = [measure.to_bits_per_byte for measure in measures]
        if any(factor is None for factor in factors):
            if len(units) > 1:
                _refuse_units(measures, _GIVE_BYTES)
            _refuse_different(measures, "tokenizer", "of different tokenizers", _GIVE_BYTES)
        known = tuple(factor for factor in factors if factor is not None)
        return CommonUnit(
            BITS_PER_BYTE, known, (*_assumed(measures, ["eval_set"]), _converted(measures, known))
        )
    stated = ["tokenizer", "eval_set"] if has_tokens else ["eval_set"]
    return CommonUnit(units.pop(), (1.0,) * len(measures), _assumed(measures, stated))


def _converted(measures: Sequence[LossMeasure], factors: Sequence[float]) -> Finding:
    said = ", ".join(
        f"{measure.name} x {format_number(factor, 4)}"
        for measure, factor in zip(measures, factors, strict=True)
        if factor != 1
    )
    message = f"nats per token are compared as bits per byte: {said} (1/(ln 2 x bytes per token))"
    return Finding("converted-loss", "info", message)


def _assumed(measures: Sequence[LossMeasure], names: Sequence[str]) -> tuple[Finding, ...]:
    """Warn of what some recipe does not state, and is taken to agree."""
    silent: dict[str, list[str]] = {}
    for name in names:
        mute = [measure.name for measure in measures if not getattr(measure, name)]
        if mute:
            who = "no recipe states" if len(mute) == len(measures) else f"{_listed(mute)} not state"
            silent.setdefault(who, []).append(name)
    if not silent:
        return ()
    said = ", ".join(f"{who} its {' and '.join(open_ones)}" for who, open_ones in silent.items())
    message = f"{said}: taken to be the same for all, without which their losses do not compare"
    return (Finding("assumed-same-evaluation", "warning", message),)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'does' if len(names) == 1 else 'do'}"


def _refuse_units(measures: Sequence[LossMeasure], hint: str) -> None:
    said = ", ".join(f"{measure.name} in {measure.unit}" for measure in measures)
    raise InputError(f"mixed-loss-units: the losses do not compare: {said}", hint=hint)


def _refuse_different(measures: Sequence[LossMeasure], name: str, what: str, hint: str) -> None:
    """Raise ``InputError`` where two recipes state different ones."""
    stated = [(measure, getattr(measure, name)) for measure in measures if getattr(measure, name)]
    if len({value for _, value in stated}) < 2:
        return
    said = ", ".join(f"{measure.name} {value}" for measure, value in stated)
    raise InputError(f"different-{name.replace('_', '-')}s: the losses are {what}: {said}", hint=hint)
