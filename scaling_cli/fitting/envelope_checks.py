"""What learning curves and their envelope have against a frontier, as findings."""

import math
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.fitting.edges import SAME_SIZE, count_sizes
from scaling_cli.units import format_count, format_number, format_share

if TYPE_CHECKING:
    from scaling_cli.curves import BoolArray, Curves, IntArray
    from scaling_cli.fitting.loss_table import LossTable
    from scaling_cli.fitting.trace import Envelope, EnvelopeSettings
    from scaling_cli.runs import FloatArray

SAME_SCHEDULE = 0.1
"""Schedules within 10 % of each other are of one length, as token counts are in the design of a fit."""

LEAST_SIZES = 3
"""A power law goes through any two sizes: the third is the first that could contradict it."""

LEAST_SPAN = 10.0
"""Over less than a factor of ten in compute the steps from size to size decide the exponents."""

KAPLAN_EXPONENT, HOFFMANN_EXPONENT = 0.73, 0.50
"""N exponents: Kaplan et al. 2020, Sec. 6.1, and Hoffmann et al. 2022, Table 2, approach 1."""

Refusal = tuple[Finding, str]
"""A refusal, and the runs that would mend it."""


def count_values(values: "FloatArray", same: float) -> int:
    """Count the values that differ by more than the share ``same``, from the least of each group."""
    import numpy as np

    groups, first = 0, -math.inf
    for log in np.sort(np.log(values)).tolist():
        if log - first > math.log1p(same):
            groups, first = groups + 1, log
    return groups


def shares_one_schedule(curves: "Curves") -> bool:
    """Say whether all of several runs have a schedule of one length."""
    return len(curves) > 1 and count_values(curves.schedule, SAME_SCHEDULE) == 1


def refuse_curves(curves: "Curves", settings: "EnvelopeSettings") -> Refusal | None:
    """Say why curves cannot have a frontier, before any is traced."""
    short = is_short(curves, settings)
    if not settings.include_unfinished and short.all():
        what = f"none of the {len(curves)} runs gets to the last {format_share(settings.final_share)}"
        finding = Finding("unfinished-schedule", "refusal", f"{what} of its schedule", curves.names)
        return finding, "--include-unfinished reads the curves along the way, where losses are too high"
    sizes = count_values(curves.params, SAME_SIZE)
    if sizes < LEAST_SIZES:
        have = "one size" if sizes == 1 else "two sizes"
        message = f"the curves are of {have}: which one wins says nothing of those between and beyond"
        finding = Finding("one-size" if sizes == 1 else "too-few-sizes", "refusal", message, curves.names)
        return finding, "add curves of other sizes, at least five over a factor of ten"
    if not settings.include_unfinished and shares_one_schedule(curves):
        D = format_count(float(curves.schedule.max()), 3)
        message = (
            f"all {len(curves)} runs share a schedule of about {D} tokens, and the last "
            f"{format_share(settings.final_share)} of it is one token count: there is no choice between "
            "params and tokens"
        )
        hint = (
            "train each size on several token counts, with schedules as long (Hoffmann et al. 2022: four "
            "over a factor of 16); --include-unfinished reads these along the way, and misleads"
        )
        return Finding("one-token-count", "refusal", message, curves.names), hint
    return None


def refuse_envelope(curves: "Curves", envelope: "Envelope", table: "LossTable | None") -> Refusal | None:
    """Say why no power law can be laid through an envelope, and how many sizes its budgets compare."""
    import numpy as np

    winners = envelope.params[envelope.is_fitted]
    sizes = count_values(winners, SAME_SIZE) if winners.size else 0
    if sizes >= LEAST_SIZES:
        return None
    won, edge = int(envelope.is_won.sum()), int(envelope.is_edge.sum())
    if not sizes:
        what = f"each of the {won} budgets is won by the smallest or the largest of the sizes compared there"
    else:
        have = "one size" if sizes == 1 else "two sizes"
        what = (
            f"{edge} of the {won} budgets are won by the smallest or the largest of the sizes compared, and "
            f"the others by {have}"
        )
    hint = "add curves of more sizes at the same budgets, smaller and larger than those that win"
    compared = count_sizes(table)[envelope.is_won] if table else np.zeros(0, dtype=np.intp)
    if compared.size and np.median(compared) < LEAST_SIZES:
        what += f" ({say_compared(compared)})"
        hint = (
            "add curves of more sizes, or of more token counts, so that three sizes and more are compared at "
            "a budget; --approach 3 takes the final points alone, and needs no more"
        )
    finding = Finding("too-few-sizes", "refusal", f"{what}: there is no frontier to fit", curves.names)
    return finding, hint


def say_compared(compared: "IntArray") -> str:
    """Write how many sizes the budgets compare: ``1 to 3 sizes at a budget, 2 in the median``."""
    import numpy as np

    low, high = int(compared.min()), int(compared.max())
    if low == high:
        return f"{low} size{'' if low == 1 else 's'} at each budget"
    return f"{low} to {high} sizes at a budget, {format_number(float(np.median(compared)), 2)} in the median"


def is_short(curves: "Curves", settings: "EnvelopeSettings") -> "BoolArray":
    """Say which runs stop before the final share of their schedule, shape (r,)."""
    short: BoolArray = curves.last_tokens < (1 - settings.final_share) * curves.schedule
    return short


def find_assumed_schedule(curves: "Curves") -> Finding | None:
    """Say which runs' schedules are taken to end with their last point."""
    import numpy as np

    unknown = np.isnan(curves.schedule_tokens)
    if not unknown.any():
        return None
    who = "every run's" if unknown.all() else f"the schedules of {unknown.sum()} of {len(curves)} runs"
    what = f"{who} schedule is not known (no schedule_tokens)" if unknown.all() else f"{who} are not known"
    message = f"{what}: taken to end with the run's last row"
    return Finding("assumed-schedule", "info", message, _names(curves, unknown))


def find_unfinished(curves: "Curves", envelope: "Envelope", settings: "EnvelopeSettings") -> Finding | None:
    """Warn of runs that stop short of their schedule, or of budgets that are read along the way."""
    import numpy as np

    share = format_share(settings.final_share)
    if not settings.include_unfinished:
        short = is_short(curves, settings)
        if not short.any():
            return None
        message = (
            f"{short.sum()} of {len(curves)} runs stop before the last {share} of their schedule: left out, "
            "because their losses are too high (--include-unfinished reads them)"
        )
        return Finding("unfinished-schedule", "warning", message, _names(curves, short))
    fitted = envelope.is_fitted
    early = fitted & (envelope.tokens < (1 - settings.final_share) * curves.schedule[envelope.run])
    if not early.any():
        return None
    share_early = format_share(float(early.sum() / fitted.sum()))
    what = f"{share_early} of the budgets fitted are won before the last {share} of a run's schedule"
    effect = "losses there are too high, which favours size over tokens"
    if shares_one_schedule(curves):
        D = format_count(float(curves.schedule.max()), 3)
        what = (
            f"all {len(curves)} runs share a schedule of about {D} tokens and are read along the way: {what}"
        )
        effect = (
            "a loss read before its schedule has decayed is too high, so training on less looks worse than "
            f"it is, which is how Kaplan et al. 2020 came to an N exponent of {KAPLAN_EXPONENT:.2f} and "
            f"Hoffmann et al. 2022, with matched schedules, to {HOFFMANN_EXPONENT:.2f}"
        )
    concerned = np.zeros(len(curves), dtype=bool)
    concerned[envelope.run[early]] = True
    return Finding("unfinished-schedule", "warning", f"{what}; {effect}", _names(curves, concerned))


def find_edge_budgets(envelope: "Envelope") -> Finding | None:
    """Say how many budgets leave the fit because no minimum lies between the sizes."""
    edge, won = int(envelope.is_edge.sum()), int(envelope.is_won.sum())
    if not edge:
        return None
    message = (
        f"{edge} of {won} budgets are won by the smallest or the largest size compared, or lie beyond one "
        "that is: left out, for the best size may be none of these"
    )
    return Finding("edge-budgets", "info", message)


def find_narrow(envelope: "Envelope") -> Finding | None:
    """Warn where the budgets that are fitted span too little compute."""
    C = envelope.flops[envelope.is_fitted]
    span = float(C.max() / C.min())
    if span >= LEAST_SPAN:
        return None
    message = (
        f"the budgets fitted span a factor of {format_number(span, 2)} in compute: the steps from size to "
        "size decide the exponents"
    )
    return Finding("narrow-envelope", "warning", message)


def find_coarse(curves: "Curves", settings: "EnvelopeSettings", windows: "IntArray") -> Finding | None:
    """Say which runs have too few points in their final share for the smoothing window that was asked for."""
    coarse = windows < settings.smooth
    if settings.smooth < 2 or not coarse.any():
        return None
    low, high = int(windows[coarse].min()), int(windows[coarse].max())
    message = (
        f"{coarse.sum()} of {len(curves)} runs have too few points in the last "
        f"{format_share(settings.final_share)} of their schedule for a smoothing window of "
        f"{settings.smooth}: theirs is {low if low == high else f'{low} to {high}'}, so that what is read "
        "there is not blurred with what came before"
    )
    return Finding("coarse-curves", "info", message, _names(curves, coarse))


def _names(curves: "Curves", mask: "BoolArray") -> tuple[str, ...]:
    import numpy as np

    return tuple(curves.names[i] for i in np.flatnonzero(mask).tolist())
