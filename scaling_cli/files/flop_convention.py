"""FLOPs beside params and tokens: whether C is 6ND, and if not, the unit or convention that explains it."""

import math
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.units import PF_DAY, format_number

if TYPE_CHECKING:
    from scaling_cli.files.rows import IntArray
    from scaling_cli.runs import FloatArray, Runs

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

GROUP_GAP = 2.0
"""Ratios a factor of two or more apart, with none between, were counted in two ways.

One way of counting spreads by less: attention and embeddings bring 6ND up to 1.8 times what it is (above),
gradual over the sizes; forward only against forward and backward is a factor of three, a unit a thousand.
"""


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
    groups = _groups(ratio)
    spread = f"{format_number(median, 3)} in the median, {format_number(low, 3)} to {format_number(high, 3)}"
    share = "" if off.all() else f" ({off.sum()} of {len(given)} runs are more than 2 % from 1)"
    if len(groups) > 1:
        return _mixed(given, ratio, groups)
    explanation = _explain(median, is_mixed=high / low > GROUP_GAP)
    message = f"C/(6ND) is {spread}{share}{explanation}; the fit uses params and tokens, and budgets are 6ND"
    names = (
        tuple(given.names[i] for i in np.flatnonzero(off)) if len(given) < len(runs) or not off.all() else ()
    )
    return Finding("flop-ratio", "warning", message, names)


def _groups(ratio: "FloatArray") -> "list[IntArray]":
    """Return the runs of each way of counting, in ascending order of C/(6ND)."""
    import numpy as np

    order = np.argsort(ratio, kind="stable")
    breaks = np.flatnonzero(np.diff(np.log(ratio[order])) >= math.log(GROUP_GAP)) + 1
    return np.split(order, breaks)


def _mixed(given: "Runs", ratio: "FloatArray", groups: "list[IntArray]") -> Finding:
    """Say which groups there are; the runs concerned are all but those of the largest."""
    import numpy as np

    said = ", ".join(
        f"{format_number(float(np.median(ratio[group])), 3)} in {len(group)}" for group in groups
    )
    message = (
        f"C/(6ND) falls in {len(groups)} groups ({said} of {len(given)} runs): flops are counted in "
        "more than one way or unit; the fit uses params and tokens, and budgets are 6ND"
    )
    largest = max(groups, key=len)
    others = np.sort(np.concatenate([group for group in groups if group is not largest]))
    names = tuple(given.names[i] for i in others)
    return Finding("mixed-flop-convention", "warning", message, names)


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
