"""Whether runs can identify a law of some form at all; hopeless designs are refused here."""

import math
from typing import TYPE_CHECKING

from scaling_cli.errors import FitRefused
from scaling_cli.findings import Finding
from scaling_cli.fitting.fit import FitSettings
from scaling_cli.fitting.forms import form_named
from scaling_cli.runs import Runs
from scaling_cli.units import format_count, format_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPARE_RUNS = 2
"""Runs beyond the number of constants, so that there is a residual to speak of."""

SAME = 0.1
"""Params, tokens or budgets within 10 % of each other count as the same."""

LEAST_WIDTH = 0.05
"""Runs whose (log N, log D) lie this close (rms) to one straight line are one-dimensional."""

MOST_WIDTH = 0.5
"""Runs that stray further than this (rms) from one line are a design in two variables, and no frontier:
three tokens-per-param ratios a factor of 2 apart come to 0.4, IsoFLOP sweeps to 0.8 and more."""

LEAST_REPEATING = 3
"""Runs that repeat their data, for the constant that says what repetition is worth."""

COUNTS = {1: "one constant", 2: "two constants", 3: "three constants", 4: "four constants"} | {
    5: "five constants",
    6: "six constants",
    7: "seven constants",
}

_TERMS = {
    "chinchilla": (("A", "alpha"), ("B", "beta"), "E"),
    "data-constrained": (("A", "alpha"), ("B", "beta"), "E"),
    "tied": (("A", "alpha"), ("B", "alpha"), "E"),
    "overtraining": (("b", "eta"), ("a", "eta"), "E"),
    "kaplan": (("N_c", "alpha_N"), ("D_c", "alpha_D"), None),
}
"""The constants of the term in N, of the term in D, and of the constant that each could be taken for."""

_TERM_NAMES = {
    "kaplan": ("(N_c/N)^alpha_N", "(D_c/D)^alpha_D"),
    "overtraining": ("b M^-eta C^-eta", "a M^eta C^-eta"),
    "tied": ("A N^-alpha", "B D^-alpha"),
}


def check_design(runs: Runs, settings: FitSettings | None = None) -> None:
    """Raise ``FitRefused`` where the constants of the form cannot be told apart.

    The additive forms: one size, or two, leave A and alpha open (the loss at two sizes fixes two numbers,
    E, A and alpha are three), and likewise for tokens; runs on one line in (log N, log D), a
    tokens-per-param ray above all, leave open which of the two terms is which. The frontier is the
    opposite: it wants runs at three budgets, on about one line along which params and tokens both grow,
    each the best use of its budget. The data-constrained form wants unique tokens and runs that repeat
    them. Every form wants two runs more than it has constants to fit. A fixed constant needs no runs.
    """
    settings = settings or FitSettings()
    names = runs.names
    free = [name for name in form_named(settings.form).constants if name not in settings.fixed]
    least = len(free) + SPARE_RUNS
    if not len(runs):
        _refuse("too-few-runs", "there are no runs", names, f"give at least {_WORDS.get(least, least)}")
    if settings.form == "frontier":
        _check_frontier(runs, free)
    else:
        if settings.form == "data-constrained":
            _check_repetition(runs, free)
        _check_surface(runs, settings, free)
    if len(runs) < least:
        wide = "budgets" if settings.form == "frontier" else "sizes and three token counts"
        _refuse(
            "too-few-runs",
            f"{len(runs)} runs cannot identify {COUNTS[len(free)]}",
            names,
            f"give at least {least}, better 20, of at least three {wide}",
        )


_WORDS = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}


def _check_surface(runs: Runs, settings: FitSettings, free: list[str]) -> None:
    """Refuse runs that do not vary in N and in D, or not apart from each other."""
    in_N, in_D, constant = _TERMS[settings.form]
    term_N, term_D = _TERM_NAMES.get(settings.form, ("A N^-alpha", "B D^-beta"))
    open_E = constant in free if constant else False
    for values, what, column, term, constants, other in (
        (runs.params, "size", "params", term_N, in_N, in_D),
        (runs.tokens, "token count", "tokens", term_D, in_D, in_N),
    ):
        # an exponent that both terms share is known from the other one
        needed = sum(name in free and name not in other for name in constants)
        _check_variety(values, what, column, term, needed, open_E, runs.names)
    if any(name in free for name in in_N) and any(name in free for name in in_D):
        _check_line(runs)


def _check_variety(
    values: "NDArray[np.float64]",
    what: str,
    column: str,
    term: str,
    needed: int,
    open_E: bool,
    names: tuple[str, ...],
) -> None:
    """Refuse fewer different values than the ``needed`` constants of the term, and E, want."""
    if needed == 0:
        return
    groups = _groups(values, needed + open_E)
    if groups == needed + open_E:
        return
    if groups == 1:
        of = f"have {format_count(_median(values))} {column}"
        mixed = "cannot be told from E" if open_E else "cannot be told from a constant"
        message = f"all {len(names)} runs {of}: the term {term} {mixed}"
        _refuse(f"one-{what.replace(' ', '-')}", message, names, _missing(what))
    message = f"only two {what}s: the term {term} has two constants and E is a third"
    _refuse(f"too-few-{what.replace(' ', '-')}s", message, names, _missing(what))


def _groups(values: "NDArray[np.float64]", enough: int) -> int:
    """Count the values that differ by more than ``SAME``, up to ``enough`` of them."""
    import numpy as np

    logs = np.sort(np.log(values))
    groups = first = 0
    while groups < enough and first < len(logs):
        # counted from the least of its group, so that dense values are not all one
        groups, first = groups + 1, int(np.searchsorted(logs - logs[first], SAME, side="right"))
    return groups


def _median(values: "NDArray[np.float64]") -> float:
    import numpy as np

    return float(np.median(values))


def _missing(what: str) -> str:
    other = "token counts" if what == "size" else "sizes"
    return f"add runs of the same {other} at two or more other {what}s, over a factor of four or more"


def _width(runs: Runs) -> tuple[float, float]:
    """Return how far (rms) the runs' (log N, log D) lie from their line, and the line's slope."""
    import numpy as np

    points = np.stack([np.log(runs.params), np.log(runs.tokens)])
    points = points - points.mean(axis=1, keepdims=True)
    variances, directions = np.linalg.eigh(points @ points.T / len(runs))
    slope = directions[1, 1] / directions[0, 1] if directions[0, 1] else np.inf
    return float(np.sqrt(max(variances[0], 0.0))), float(slope)


def _check_line(runs: Runs) -> None:
    """Refuse runs on one straight line in (log N, log D)."""
    width, slope = _width(runs)
    if width >= LEAST_WIDTH:
        return
    hint = "add runs off the line: the same sizes on a quarter and on four times the tokens"
    if abs(slope - 1) < 0.1:
        ratio = format_number(_median(runs.tokens / runs.params), 3)
        message = (
            f"all {len(runs)} runs have about {ratio} tokens per param: the terms in N and D fall together"
        )
        _refuse("single-ray-design", message, runs.names, hint)
    message = f"all {len(runs)} runs lie on one line, tokens ~ params^{slope:.2f}: the terms in N and D mix"
    _refuse("single-line-design", message, runs.names, hint)


def _check_frontier(runs: Runs, free: list[str]) -> None:
    """Refuse runs that are no frontier: of too few budgets, of one size or token count, or a plane."""
    budgets = _groups(runs.flops_6ND, len(free))
    if budgets < len(free):
        _refuse(
            "too-few-budgets",
            f"the runs have {budgets} different budgets: {COUNTS[len(free)]} of L = E + A C^-alpha stay open",
            runs.names,
            "add runs at other budgets, over a factor of ten or more",
        )
    for values, what, column in ((runs.params, "size", "params"), (runs.tokens, "token count", "tokens")):
        if values.max() <= values.min() * math.exp(SAME):
            _refuse(
                f"one-{what.replace(' ', '-')}",
                f"all {len(runs)} runs have {format_count(_median(values))} {column}: "
                "one of them at most is the best use of its budget",
                runs.names,
                f"add runs at other {what}s: on a frontier params and tokens grow together",
            )
    width, _ = _width(runs)
    if width > MOST_WIDTH:
        _refuse(
            "not-a-frontier",
            f"the {len(runs)} runs spread over sizes and token counts: their loss is no function of C alone",
            runs.names,
            "fit the chinchilla form, or keep for each budget the run of least loss",
        )


def _check_repetition(runs: Runs, free: list[str]) -> None:
    """Refuse runs that cannot say what a repeated token is worth."""
    if runs.unique_tokens is None:
        _refuse(
            "no-unique-tokens",
            "the data-constrained form needs the unique tokens that each run's data held",
            runs.names,
            "give a column unique_tokens, for runs on fresh data the same number as tokens",
        )
    assert runs.unique_tokens is not None
    repeating = int((runs.tokens > 1.05 * runs.unique_tokens).sum())
    if "R_D_star" in free and repeating < LEAST_REPEATING:
        _refuse(
            "no-repeated-data",
            f"{repeating} of {len(runs)} runs repeat their data: what a repeated token is worth stays open",
            runs.names,
            "fix R_D_star (15.39 in Muennighoff et al. 2023), or add runs of several epochs",
        )


def _refuse(finding_id: str, message: str, names: tuple[str, ...], hint: str) -> None:
    raise FitRefused(Finding(finding_id, "refusal", message, names), hint=hint)
