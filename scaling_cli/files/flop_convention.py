"""FLOPs beside params and tokens: whether C is 6ND, and if not, the unit or convention that explains it."""

import math
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.units import PF_DAY, format_number

if TYPE_CHECKING:
    from scaling_cli.runs import Runs

TOLERANCE = 0.02
"""C/(6ND) within 2 % of 1 is 6ND, with counts rounded to two or three digits."""

_UNITS = (
    ("GFLOPs", 1e9, "1e9"),
    ("TFLOPs", 1e12, "1e12"),
    ("PFLOPs", 1e15, "1e15"),
    ("exaFLOPs", 1e18, "1e18"),
    ("petaFLOP/s-days", PF_DAY, "8.64e19"),
    ("zettaFLOPs", 1e21, "1e21"),
)
# The two nearest units, petaFLOP/s-days and zettaFLOPs, are a factor 11.6 apart, so up to a factor of
# sqrt(11.6) = 3.4 only one unit fits. 3.2 covers what C/(6ND) is in a right unit: 1/3 where only the forward
# pass is counted, to 1.8 where attention and embeddings of small models are (Cerebras-GPT 111M).
_UNIT_FACTOR = 3.2
_FORWARD_ONLY = 1 / 3


def check_flops(runs: "Runs", given: "Runs") -> Finding | None:
    """Compare C with 6ND in the runs whose file gives both (``given``), and say what their ratio suggests."""
    import numpy as np

    if not len(given):
        return None
    ratio = given.flops / given.flops_6ND
    median, low, high = (float(value) for value in (np.median(ratio), ratio.min(), ratio.max()))
    off = np.abs(ratio - 1) > TOLERANCE
    if not off.any():
        return None
    spread = f"{format_number(median, 3)} in the median, {format_number(low, 3)} to {format_number(high, 3)}"
    share = "" if off.all() else f" ({off.sum()} of {len(given)} runs are more than 2 % from 1)"
    explanation = _explain(median, is_mixed=high / low > 2)
    message = f"C/(6ND) is {spread}{share}{explanation}; the fit uses params and tokens, and budgets are 6ND"
    names = (
        tuple(given.names[i] for i in np.flatnonzero(off)) if len(given) < len(runs) or not off.all() else ()
    )
    return Finding("flop-ratio", "warning", message, names)


def _explain(median: float, *, is_mixed: bool) -> str:
    """Return the clause that names the unit or convention that a median of C/(6ND) suggests."""
    if is_mixed:
        return ": the runs do not share one convention or unit"
    if abs(median / _FORWARD_ONLY - 1) < 0.05:
        return ": that is 2ND, the forward pass only"
    if median > 1e2:
        return ": params or tokens look counted in thousands, millions or billions"
    name, unit, typed = min(_UNITS, key=lambda entry: abs(math.log(median * entry[1])))
    if 1 / _UNIT_FACTOR < median * unit < _UNIT_FACTOR and median < 1e-2:
        return f": flops look like {name} (--unit flops={typed} reads them so)"
    return ""
