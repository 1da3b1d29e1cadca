"""Counts that cannot be counts: params, tokens or FLOPs that were written in another unit, and which."""

import math
from typing import TYPE_CHECKING

from scaling_cli.errors import InputError
from scaling_cli.files.columns import counts_steps
from scaling_cli.findings import Finding
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_flops, format_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_cli.files.columns import Columns
    from scaling_cli.files.rows import IntArray, Rows

LEAST_COUNT = 1e3
"""No language model has fewer params, and no run fewer tokens, so a smaller median is in another unit."""

LEAST_RATIO, LARGEST_RATIO = 1e-2, 1e5
"""Tokens per param beyond which a median is more likely a wrong unit than a study."""

_USUAL_RATIO = 20.0  # Hoffmann et al. 2022, Table 3; here only to choose between powers of ten
_PARAMS_UNITS = (1e6, 1e9)
_TOKENS_UNITS = (1e9, 1e6, 1e12)
_FLOPS_UNITS = (1e9, 1e12, 1e15, 1e18, 1e21)


def refuse_small_counts(rows: "Rows", kept: "IntArray") -> None:
    """Raise ``InputError`` where the median of params or tokens is below 1000: neither can be real."""
    if not len(kept):
        return
    params, tokens = _medians(rows, kept)
    if params >= LEAST_COUNT and tokens >= LEAST_COUNT:
        return
    small = [
        f"{quantity} are {format_number(median, 3)} in the median"
        for quantity, median in (("params", params), ("tokens", tokens))
        if median < LEAST_COUNT and not (quantity == "tokens" and _from_flops(rows, kept))
    ]
    if not small:
        small = [f"tokens, which follow from flops, are {format_number(tokens, 3)} in the median"]
    units = _units_of_small_counts(rows, kept, params, tokens)
    typed = " ".join(f"--unit {quantity}={format_flops(unit)}" for quantity, unit in units.items())
    message = f"{' and '.join(small)}, too few to be real, so the unit is another"
    raise InputError(f"{rows.table.name}: {message}", hint=f"say what the column counts, most likely {typed}")


def refuse_steps(columns: "Columns", units: "Mapping[str, float]", name: str) -> None:
    """Raise ``InputError`` where a counter of steps is read as tokens without saying how many each has."""
    column = columns.get("tokens")
    if column is None or "tokens" in units or not counts_steps(column):
        return
    message = f"{name}: {column} counts steps, and how many tokens each has is not said"
    hint = "say it with --unit tokens=TOKENS_PER_STEP: the sequences of a batch times the length of each"
    raise InputError(message, hint=hint)


def check_ratio(rows: "Rows", kept: "IntArray") -> Finding | None:
    """Warn where the median of tokens per param is not one that a study has, and name the likely unit."""
    import numpy as np

    ratio = float(np.median(rows.tokens[kept] / rows.params[kept]))
    if LEAST_RATIO <= ratio <= LARGEST_RATIO:
        return None
    quantity, unit = _unit_for_ratio(rows, kept, ratio)
    message = (
        f"{format_number(ratio, 3)} tokens per param in the median look like a wrong unit: "
        f"--unit {quantity}={format_flops(unit)} would bring them nearest to {_USUAL_RATIO:g}"
    )
    return Finding("unit-suspect", "warning", message)


def _units_of_small_counts(rows: "Rows", kept: "IntArray", params: float, tokens: float) -> dict[str, float]:
    """Return the units, of those that make the counts large enough, whose ratio is nearest to the usual."""
    D_units: tuple[float, ...]
    N_units = _PARAMS_UNITS if params < LEAST_COUNT else (1.0,)
    if _from_flops(rows, kept):
        flops = FLOPS_PER_PARAM_TOKEN * params * tokens
        D_units = (1.0, *_FLOPS_UNITS)

        def ratio(N_unit: float, D_unit: float) -> float:
            return flops * D_unit / (FLOPS_PER_PARAM_TOKEN * (params * N_unit) ** 2)

    else:
        D_units = (1.0, *_TOKENS_UNITS) if tokens >= LEAST_COUNT else _TOKENS_UNITS

        def ratio(N_unit: float, D_unit: float) -> float:
            return tokens * D_unit / (params * N_unit)

    def cost(units: tuple[float, float]) -> tuple[bool, bool, float]:
        """Return how unlikely two units are: first a ratio beyond reason, then units without need."""
        value = ratio(*units)
        is_odd = not LEAST_RATIO <= value <= LARGEST_RATIO
        return is_odd, units[1] != 1.0, round(abs(math.log(value / _USUAL_RATIO)), 6)

    N_unit, D_unit = min(((N, D) for N in N_units for D in D_units), key=cost)
    wanted = {"params": N_unit, "flops" if _from_flops(rows, kept) else "tokens": D_unit}
    return {quantity: unit * rows.scale[quantity] for quantity, unit in wanted.items() if unit != 1.0}


def _unit_for_ratio(rows: "Rows", kept: "IntArray", ratio: float) -> tuple[str, float]:
    """Return the quantity, and its unit, that bring tokens per param nearest to the usual ratio."""
    if _from_flops(rows, kept) and (ratio < LEAST_RATIO or rows.scale["flops"] > 1):
        counted = rows.scale["flops"]
        units = _FLOPS_UNITS if counted == 1 else (1.0, *_FLOPS_UNITS)
        return "flops", min(units, key=lambda unit: abs(math.log(ratio * unit / counted / _USUAL_RATIO)))
    if ratio < LEAST_RATIO or rows.scale["tokens"] > 1:
        return "tokens", rows.scale["tokens"] * _power_of_1000(_USUAL_RATIO / ratio)
    # where tokens are C/(6N) params count twice in the ratio
    excess = ratio / _USUAL_RATIO
    excess = math.sqrt(excess) if _from_flops(rows, kept) else excess
    return "params", rows.scale["params"] * _power_of_1000(excess)


def _medians(rows: "Rows", kept: "IntArray") -> tuple[float, float]:
    import numpy as np

    return float(np.median(rows.params[kept])), float(np.median(rows.tokens[kept]))


def _from_flops(rows: "Rows", kept: "IntArray") -> bool:
    return bool(rows.tokens_derived[kept].all())


def _power_of_1000(factor: float) -> float:
    return float(f"1e{3 * round(math.log10(factor) / 3)}")
