"""Quantities as people write them, to and from floats: ``70B``, ``5.76e23``, ``64xH100:30d@40%``."""

import math
import re
from dataclasses import dataclass

from scaling_cli.errors import QuantityError

PF_DAY = 1e15 * 24 * 3600
"""FLOPs in one petaFLOP/s-day, 8.64e19 (Kaplan et al. 2020, Sec. 1.3)."""

FLOPS_PER_PARAM_TOKEN = 6.0
"""k in C = k N D: 2 for the forward pass, 4 for the backward (Kaplan et al. 2020, Sec. 2.1)."""

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15}
_NUMBER = re.compile(
    r"""(?P<sign>[-+]?)
        (?P<digits> \d{1,3}(?:,\d{3})+(?:\.\d*)? | (?:\d+(?:_\d+)*)(?:\.\d*)? | \.\d+ )
        (?P<exponent>[eE][-+]?\d+)?
        \s*(?P<suffix>[kKmMbBgGtTpP]?)""",
    re.VERBOSE,
)
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
# M is left out: it is a month to some
_DURATION = re.compile(
    r"(?P<number>[\d.,_eE+]+)\s*(?:(?P<unit>s|min|m|h|d|w)|(?P<word>second|minute|hour|day|week)s?)"
)
_HARDWARE = re.compile(r"(?P<count>[^x×*]+?)\s*[x×*]\s*(?P<name>[^:@]+):(?P<duration>[^@]+)(?:@(?P<mfu>.+))?")


def parse_quantity(value: object) -> float:
    """Read one number: ``70B``, ``1.4T``, ``12M``, ``5.76e23``, ``1,000,000``, ``1_000``, ``"669160448.0"``.

    Suffixes are decimal (k, M, B or G, T, P), in either case. Text, NaN and infinities raise
    ``QuantityError``; zero and negative numbers are numbers, and the caller's to refuse.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number):
            return number
        raise QuantityError(f"{value} is not a finite number")
    text = str(value).strip().strip("\"'").strip()
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise QuantityError(f"{text!r} is not a number", hint="write it like 70B, 1.4T, 12M or 5.76e23")
    digits = match["digits"].replace(",", "").replace("_", "")
    number = float(f"{match['sign']}{digits}{match['exponent'] or ''}") * _SUFFIXES[match["suffix"].lower()]
    if not math.isfinite(number):
        raise QuantityError(f"{text!r} is too large for a number")
    return number


def parse_positive(value: object) -> float:
    """Read one number as ``parse_quantity`` does, and refuse zero and negative ones."""
    number = parse_quantity(value)
    if number <= 0:
        raise QuantityError(f"must be positive, got {value}", hint="give a number above zero")
    return number


def parse_fraction(value: object) -> float:
    """Read a share in (0, 1]: ``40%`` or ``0.4``."""
    text = str(value).strip()
    number = parse_quantity(text[:-1]) / 100 if text.endswith("%") else parse_quantity(text)
    if not 0 < number <= 1:
        hint = (
            f"did you mean {text}%?" if 1 < number <= 100 and "%" not in text else "write it like 40% or 0.4"
        )
        raise QuantityError(f"{text!r} is not a share between 0 and 100 %", hint=hint)
    return number


def parse_sweep(text: str) -> tuple[float, ...]:
    """Read one positive quantity, or a log-spaced sweep ``low:high:count`` with both ends included."""
    if ":" not in text:
        return (parse_positive(text),)
    parts = text.split(":")
    hint = "write a sweep like 1e20:1e26:7"
    if len(parts) != 3:
        raise QuantityError(f"{text!r} is not a sweep low:high:count", hint=hint)
    low, high = parse_positive(parts[0]), parse_positive(parts[1])
    if not re.fullmatch(r"\d+", parts[2].strip()) or not 2 <= int(parts[2]) <= 10_000:
        raise QuantityError(f"a sweep has 2 to 10000 points, got {parts[2]!r}", hint=hint)
    count = int(parts[2])
    if low >= high:
        raise QuantityError(f"a sweep runs upwards, got {parts[0]} to {parts[1]}", hint=hint)
    start, step = math.log10(low), math.log10(high / low) / (count - 1)
    # rounded to 14 digits, so that whole decades are exactly the numbers a person would type
    inner = (float(f"{10 ** (start + step * i):.14g}") for i in range(1, count - 1))
    return (low, *inner, high)


def parse_range(text: str) -> tuple[float, float]:
    """Read ``low:high``, like ``0.1:0.6``."""
    low, colon, high = text.partition(":")
    hint = "write it like 0.1:0.6"
    if not colon:
        raise QuantityError(f"{text!r} is not a range low:high", hint=hint)
    ends = parse_quantity(low), parse_quantity(high)
    if ends[0] >= ends[1]:
        raise QuantityError(f"a range runs upwards, got {text}", hint=hint)
    return ends


@dataclass(frozen=True, slots=True)
class HardwareTime:
    """Accelerators for a time: ``count`` chips called ``accelerator`` for ``seconds`` at ``mfu``."""

    count: float
    accelerator: str
    seconds: float
    mfu: float


def parse_hardware_time(text: str) -> HardwareTime:
    """Read ``count x accelerator : duration @ MFU``, like ``64xH100:30d@40%``."""
    hint = "write it like 64xH100:30d@40% (count x accelerator : duration @ MFU)"
    match = _HARDWARE.fullmatch(text.strip())
    if match is None:
        raise QuantityError(f"{text!r} is not a hardware budget", hint=hint)
    if match["mfu"] is None:
        raise QuantityError(f"{text!r} has no MFU", hint=hint)
    count = parse_quantity(match["count"])
    if count != int(count) or count < 1:
        raise QuantityError(f"{match['count'].strip()!r} is not a number of accelerators", hint=hint)
    return HardwareTime(
        count=count,
        accelerator=match["name"].strip(),
        seconds=parse_duration(match["duration"]),
        mfu=parse_fraction(match["mfu"]),
    )


def parse_duration(text: str) -> float:
    """Read a duration in seconds: ``30d``, ``12h``, ``90min``, ``2w``."""
    match = _DURATION.fullmatch(text.strip())
    hint = "write it like 30d, 12h, 90min or 2w"
    if match is None:
        raise QuantityError(f"{text.strip()!r} is not a duration", hint=hint)
    number = parse_quantity(match["number"])
    if number <= 0:
        raise QuantityError(f"a duration must be positive, got {text.strip()!r}", hint=hint)
    word = match["word"]
    return number * _SECONDS[match["unit"] or {"minute": "min"}.get(word, word[0])]


def parse_days(value: object) -> float:
    """Read a time in days: ``30``, or a duration, ``30d``, ``12h``, ``2w``."""
    text = str(value).strip()
    if _DURATION.fullmatch(text):
        return parse_duration(text) / _SECONDS["d"]
    return parse_positive(value)


def parse_dollars(value: object) -> float:
    """Read an amount of dollars: ``2M``, ``$2M``, ``2.50``."""
    return parse_positive(value.strip().removeprefix("$") if isinstance(value, str) else value)


def format_count(number: float, digits: int = 4) -> str:
    """Write params or tokens for people: ``72.25B``, ``1.329T``, ``4096``."""
    for scale, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        # the comparison is made on the rounded figure, so that 999.96M is written as 1B
        if float(f"{abs(number):.{digits}g}") >= scale:
            return f"{_plain(number / scale, digits)}{suffix}" if abs(number) < 1e16 else format_flops(number)
    return _plain(number, digits)


def format_flops(number: float, digits: int = 4) -> str:
    """Write FLOPs for people, always in powers of ten: ``5.76e23``."""
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def format_share(fraction: float, digits: int = 3) -> str:
    """Write a share of something in percent: ``50.3 %``; less than all of it is never ``100 %``."""
    text = _plain(100 * fraction, digits)
    while text == "100" and fraction < 1 and digits < 15:
        digits += 1
        text = _plain(100 * fraction, digits)
    return f"{text} %"


def format_number(number: float, digits: int = 6) -> str:
    """Write a constant for people: plain between 1e-4 and 1e6, else in powers of ten."""
    if number != 0 and not 1e-4 <= abs(number) < 1e6:
        return format_flops(number, digits)
    return _plain(number, digits)


def _plain(number: float, digits: int) -> str:
    """Write ``number`` without an exponent, to ``digits`` significant digits, without trailing zeros."""
    if number == 0:
        return "0"
    rounded = float(f"{number:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
