"""Whether runs can identify a law of params and tokens at all; hopeless designs are refused here."""

from typing import TYPE_CHECKING

from scaling_cli.errors import FitRefused
from scaling_cli.findings import Finding
from scaling_cli.runs import Runs
from scaling_cli.units import format_count, format_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_RUNS = 7
"""Five constants, and two runs more, so that there is a residual to speak of."""

SAME = 0.1
"""Params or tokens within 10 % of each other count as the same size or token count."""

LEAST_WIDTH = 0.05
"""Runs whose (log N, log D) lie this close (rms) to one straight line are one-dimensional."""


def check_design(runs: Runs) -> None:
    """Raise ``FitRefused`` where the five constants of E + A N^-alpha + B D^-beta cannot be told apart.

    One size, or two, leave A and alpha open (the loss at two sizes fixes two numbers, E, A and alpha
    are three), and likewise for tokens; runs on one line in (log N, log D), a tokens-per-param ray above
    all, leave open which of the two terms is which; fewer than seven runs leave no residual.
    """
    names = runs.names
    if not len(runs):
        _refuse("too-few-runs", "there are no runs", names, "give at least seven")
    _check_variety(runs.params, "size", "params", "A N^-alpha", names)
    _check_variety(runs.tokens, "token count", "tokens", "B D^-beta", names)
    _check_line(runs)
    if len(runs) < LEAST_RUNS:
        _refuse(
            "too-few-runs",
            f"{len(runs)} runs cannot identify five constants",
            names,
            f"give at least {LEAST_RUNS}, better 20, of at least three sizes and three token counts",
        )


def _check_variety(
    values: "NDArray[np.float64]", what: str, column: str, term: str, names: tuple[str, ...]
) -> None:
    """Refuse fewer than three different values."""
    import numpy as np

    groups, first = 0, -np.inf
    for log in np.sort(np.log(values)):
        if log - first > SAME:  # counted from the least of its group, so that dense values are not all one
            groups, first = groups + 1, log
    if groups == 1:
        of = f"have {format_count(float(np.median(values)))} {column}"
        message = f"all {len(names)} runs {of}: the term {term} cannot be told from E"
        _refuse(f"one-{what.replace(' ', '-')}", message, names, _missing(what))
    if groups == 2:
        message = f"only two {what}s: the term {term} has two constants and E is a third"
        _refuse(f"too-few-{what.replace(' ', '-')}s", message, names, _missing(what))


def _missing(what: str) -> str:
    other = "token counts" if what == "size" else "sizes"
    return f"add runs of the same {other} at two or more other {what}s, over a factor of four or more"


def _check_line(runs: Runs) -> None:
    """Refuse runs on one straight line in (log N, log D)."""
    import numpy as np

    points = np.stack([np.log(runs.params), np.log(runs.tokens)])
    points = points - points.mean(axis=1, keepdims=True)
    directions, widths, _ = np.linalg.svd(points, full_matrices=False)
    if widths[1] / np.sqrt(len(runs)) >= LEAST_WIDTH:
        return
    slope = directions[1, 0] / directions[0, 0]
    hint = "add runs off the line: the same sizes on a quarter and on four times the tokens"
    if abs(slope - 1) < 0.1:
        ratio = format_number(float(np.median(runs.tokens / runs.params)), 3)
        message = (
            f"all {len(runs)} runs have about {ratio} tokens per param: the terms in N and D fall together"
        )
        _refuse("single-ray-design", message, runs.names, hint)
    message = f"all {len(runs)} runs lie on one line, tokens ~ params^{slope:.2f}: the terms in N and D mix"
    _refuse("single-line-design", message, runs.names, hint)


def _refuse(finding_id: str, message: str, names: tuple[str, ...], hint: str) -> None:
    raise FitRefused(Finding(finding_id, "refusal", message, names), hint=hint)
