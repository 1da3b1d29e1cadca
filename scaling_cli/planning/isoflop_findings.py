"""What an isoflop study has to say against itself: valleys that are none, runs in no budget, bias left in."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding, Severity
from scaling_cli.fitting.isoflop import Isoflop
from scaling_cli.fitting.valley import Point, Valley, ValleyStatus
from scaling_cli.units import format_count, format_flops, format_share

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

LEAST_BUDGETS = 3
"""Two points lie on a line whatever they are: the third one checks it."""

POOR_CURVE, LEAST_MISFIT = 4.0, 0.01
"""A curve that misses its runs by four times what is usual among the budgets, and by 1 % of the loss, is
poor even where no few runs are to blame."""

NOTED_SELECTION = 0.01
"""A share of N_opt at the target that is worth a word: it wastes far less than the noise does."""

MOST_NAMED = 12

MOST_RUNS = 3
"""So many runs are named in a message; all of them are among the runs of the finding."""

_STATUSES: dict[ValleyStatus, tuple[str, str]] = {
    "edge": (
        "edge-vertex",
        "the vertex lies outside the sampled sizes or within a tenth of a decade of an end",
    ),
    "concave": ("concave-budget", "the loss bends downwards in size: its extreme is no minimum"),
    "flat": ("flat-budget", "the curvature of the loss cannot be told from zero"),
    "too-few": ("too-few-sizes", "fewer than four sizes that differ by more than 10 %"),
}


def judge_study(study: Isoflop) -> tuple[Finding, ...]:
    """Return the findings on the budgets of a study and on its frontier.

    Where there is no frontier the statuses of the budgets are what refuses it.
    """
    found = [_outside(study), _off_budget(study), _copies(study), *_statuses(study)]
    found += [*_wild_runs(study), _poor_curves(study)]
    if study.raw is not None and len(study.ok) < LEAST_BUDGETS:
        message = f"the frontier goes through {len(study.ok)} budgets: nothing checks that it is a power law"
        found.append(Finding("few-budgets", "warning", message))
    if study.not_removed:
        message = f"approach 3 does not hold for these runs ({study.not_removed}): the frontier keeps the "
        message += "bias of its curves"
        found.append(Finding("bias-not-removed", "warning", message))
    return tuple(finding for finding in found if finding)


def find_selection(study: Isoflop, target: float) -> Finding | None:
    """Say what it does to N_opt at the target that vertices near an edge count where chance moved them in."""
    if study.bias is None:
        return None
    share = study.bias.selection.at(target) - 1
    if abs(share) < NOTED_SELECTION:
        return None
    side = "too small" if share < 0 else "too large"
    message = (
        "vertices near the edge of their sizes are ok only where chance moved them inward, which makes N_opt "
        f"at {format_flops(target)} FLOPs {format_share(abs(share), 2)} {side}: taken out with the bias"
    )
    return Finding("edge-selection", "info", message)


def no_frontier(study: Isoflop) -> str:
    """Say in one line why there is no frontier to plan with."""
    if study.frontier is not None:
        return f"no frontier: params ~ C^{study.frontier.params.exponent:.3g} through the vertices is no law"
    if not study.valleys:
        return "no frontier: no four runs share a budget"
    counts: dict[str, int] = {}
    for valley in study.valleys:
        counts[valley.status] = counts.get(valley.status, 0) + 1
    what = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"no frontier: it takes two ok budgets; found {what}"


def _statuses(study: Isoflop) -> list[Finding]:
    """Return one finding for each status but ok, naming its budgets and their runs."""
    severity: Severity = "refusal" if study.raw is None else "warning"
    found = []
    for status, (finding_id, why) in _STATUSES.items():
        valleys = [valley for valley in study.valleys if valley.status == status]
        if valleys:
            message = f"{_budgets(valleys)} left out of the frontier: {why}"
            runs = tuple(name for valley in valleys for name in valley.runs.names)
            found.append(Finding(finding_id, severity, message, runs))
    return found


def _budgets(valleys: Sequence[Valley]) -> str:
    """Name some budgets: ``budget 6e18 is``, ``budgets 6e18 and 1e19 are``, ``9 budgets are``."""
    names = [format_flops(valley.budget, 3) for valley in valleys]
    if len(names) == 1:
        return f"budget {names[0]} is"
    if len(names) > MOST_NAMED:
        return f"{len(names)} budgets are"
    return f"budgets {', '.join(names[:-1])} and {names[-1]} are"


def _outside(study: Isoflop) -> Finding | None:
    if not study.outside:
        return None
    runs = "1 run belongs" if len(study.outside) == 1 else f"{len(study.outside)} runs belong"
    where = "none of the budgets asked for" if study.settings.picked else "no budget"
    message = f"{runs} to {where} and {'is' if len(study.outside) == 1 else 'are'} left out"
    message += f": {name_runs(study.outside)}"
    return Finding("no-budget", "info", message, study.outside)


def _off_budget(study: Isoflop) -> Finding | None:
    if not study.off_budget:
        return None
    share = format_share(study.settings.tolerance)
    runs = "1 run is" if len(study.off_budget) == 1 else f"{len(study.off_budget)} runs are"
    message = (
        f"{runs} more than {share} in 6 N D from the median of the budget that the table puts "
        f"{'it' if len(study.off_budget) == 1 else 'them'} in: {name_runs(study.off_budget)}"
    )
    return Finding("off-budget", "warning", message, study.off_budget)


def _copies(study: Isoflop) -> Finding | None:
    if not study.copies:
        return None
    runs = "1 run repeats" if len(study.copies) == 1 else f"{len(study.copies)} runs repeat"
    message = (
        f"{runs} the params, tokens and loss of another; each measurement counts once: "
        f"{name_runs(study.copies)} left out"
    )
    return Finding("duplicate-runs", "info", message, study.copies)


def name_runs(names: Sequence[str]) -> str:
    """Name the first few of some runs: ``line 5, line 6, line 9 and 4 more``."""
    if len(names) <= MOST_RUNS + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_RUNS])} and {len(names) - MOST_RUNS} more"


def _wild_runs(study: Isoflop) -> list[Finding]:
    """Warn of the runs that the curve through the others of their budget misses, and say what they do."""
    found = []
    for valley in study.valleys:
        wild = valley.wild
        if wild is None:
            continue
        several = len(wild.names) > 1
        worst = [
            f"{name} by {format_share(abs(miss), 2)}"
            for name, miss in zip(wild.names, wild.misses, strict=True)
        ]
        it = "them" if several else "it"
        without, with_it = _valley_is(wild.status, wild.vertex), _valley_is(valley.status, valley.vertex)
        message = (
            f"budget {format_flops(valley.budget, 3)}: the curve through its other runs misses "
            f"{name_runs(worst)}; the budget is {without} without {it}, and {with_it} with {it}: check {it}"
        )
        found.append(Finding("poor-curve", "warning", message, wild.names))
    return found


def _valley_is(status: ValleyStatus, vertex: Point | None) -> str:
    """Say what a valley is: ``ok (240M params, loss 2.933)``."""
    if vertex is None or vertex.loss is None:
        return status
    return f"{status} ({format_count(vertex.params, 3)} params, loss {vertex.loss:.3f})"


def _poor_curves(study: Isoflop) -> Finding | None:
    """Warn of curves that miss their runs by far more than is usual, though no few runs are to blame."""
    misfits = {id(valley): _misfit(valley) for valley in study.valleys if valley.curve}
    if len(misfits) < LEAST_BUDGETS:
        return None
    usual = sorted(misfits.values())[len(misfits) // 2]
    most = max(POOR_CURVE * usual, LEAST_MISFIT)
    poor = [v for v in study.valleys if misfits.get(id(v), 0.0) > most and v.wild is None]
    if not poor:
        return None
    worst = format_share(max(misfits[id(valley)] for valley in poor), 2)
    names = ", ".join(format_flops(valley.budget, 3) for valley in poor)
    message = (
        f"the curve of budget {names} misses its runs by {worst} (rms), the usual one by "
        f"{format_share(usual, 2)}: sizes far from the minimum, or wrong runs, may have moved its vertex"
    )
    return Finding("poor-curve", "warning", message, tuple(n for valley in poor for n in valley.runs.names))


def _misfit(valley: Valley) -> float:
    """Return the rms distance of a valley's runs from its curve, as a share of their loss."""
    import numpy as np

    assert valley.curve is not None
    shares: FloatArray = valley.curve.loss(valley.runs.params) / valley.runs.loss - 1
    return math.sqrt(float(np.mean(shares**2)))
