"""Approach 3: the constants of the Chinchilla form at the global minimum of the summed log-Huber loss."""

from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_cli.errors import FitRefused, LawError, UsageError
from scaling_cli.findings import Finding
from scaling_cli.fitting.design import check_design
from scaling_cli.fitting.fit import Fit, Objective, Quality, Starts, Status
from scaling_cli.fitting.newton import Box, Descent, descend
from scaling_cli.fitting.objective import (
    PARAMETERS,
    LogRuns,
    column_norms,
    derivatives,
    log_runs,
    residuals,
    unpack,
)
from scaling_cli.fitting.starts import projected_starts
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs
from scaling_cli.units import format_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

DELTA = 1e-3
"""The Huber threshold of Hoffmann et al. 2022, Sec. 3.3: larger overfits the small runs, App. D.2."""

LEAST_DELTA, MOST_DELTA = 1e-5, 10.0
"""Below the first the objective is the absolute error to rounding, whose kinks a descent cannot cross."""

RELAXATION = (100.0, 30.0, 10.0, 3.0)
"""The objective is first minimised at these multiples of delta: it is smooth there and has fewer minima."""

E_INDEX, ALPHA_INDEX, BETA_INDEX = (PARAMETERS.index(name) for name in ("e", "alpha", "beta"))

LOG_ZERO = -1000.0
"""The logarithm of E = 0: exp of it is 0."""

RELAXED_STEPS, FINAL_STEPS = 6, 500
STARTS, DIRECT_STARTS = 32, 8

SAME_MINIMUM = 1e-6
"""Descents whose objectives agree to this share have found the same minimum."""

NEGLIGIBLE = 1e-5
"""A term below this share of a loss, or below the spread of the residuals, is not seen in that run."""

LEAST_RUNS_PER_TERM = 3
"""A term has two constants: it has to be seen in more runs than that."""

MOST_UNEXPLAINED, POORLY_EXPLAINED = 0.7, 0.4
"""Robust spread of the residuals over that of log L: above the first a fit is refused, above the second
warned of. In the published study it is 0.04; no law at all leaves 1."""


def fit_law(runs: Runs, *, delta: float = DELTA) -> Fit:
    """Fit L(N, D) = E + A N^-alpha + B D^-beta to ``runs``, to the global minimum.

    Minimises sum_i Huber_delta(LSE(a - alpha log N_i, b - beta log D_i, e) - log L_i) with A = exp a,
    B = exp b, E = exp e (Hoffmann et al. 2022, Eq. 3): the sum, not the mean. ``runs`` hold counts and
    nats per token; the constants returned are for counts. Row order does not matter.

    Raises ``FitRefused`` where the runs cannot identify the five constants, ``UsageError`` for a delta
    that is none.
    """
    import numpy as np

    if not LEAST_DELTA <= delta <= MOST_DELTA:
        raise UsageError(
            f"delta must lie between {LEAST_DELTA:g} and {MOST_DELTA:g}, got {delta:g}",
            hint="it is a difference of log losses: 1e-3 is the published choice",
        )
    check_design(runs)
    data = log_runs(runs.select(order_runs(runs)))
    descent = _minimise(data, delta)
    best = int(np.argmin(descent.value))
    theta = descent.theta[best]
    findings = _check_terms(theta, data, runs.names)
    try:
        law = ChinchillaLaw(**unpack(theta, data))
    except LawError as error:
        raise _unidentified(f"the best fit is no law ({error.message})", runs.names) from None
    scale = descent.value[best] * (1 + SAME_MINIMUM) + np.finfo(float).eps ** 2 * len(runs)
    status: Status = "converged" if descent.converged[best] else "not-converged"
    if status == "not-converged":
        message = f"the best of {len(descent.value)} descents was still moving after {FINAL_STEPS} steps"
        findings = (*findings, Finding("not-converged", "warning", message))
    return Fit(
        law=law,
        runs=runs,
        objective=Objective("log-huber", delta, float(descent.value[best])),
        starts=Starts(len(descent.value), int((descent.value <= scale).sum())),
        status=status,
        quality=_quality(residuals(theta[None, :], data)[0], data.z),
        findings=findings,
    )


def order_runs(runs: Runs) -> "NDArray[np.intp]":
    """Return the canonical order of runs, so that sums and draws do not depend on the order of a file."""
    import numpy as np

    return np.lexsort((runs.loss, runs.tokens, runs.params))


def _minimise(data: LogRuns, delta: float) -> Descent:
    """Descend from many starts: through the relaxed objectives, and a few straight at the final one."""
    import numpy as np

    box, starts = box_around(data), projected_starts(data, STARTS)
    relaxed = starts
    for factor in RELAXATION:
        relaxed = _descend(relaxed, data, factor * delta, box, RELAXED_STEPS).theta
    candidates = np.concatenate([relaxed, starts[:DIRECT_STARTS]])
    descent = _descend(candidates, data, delta, box, FINAL_STEPS)
    on_floor = descent.theta[:, E_INDEX] <= box.lower[E_INDEX]
    if on_floor.any():
        # those that stayed on the floor of log E end at E = 0 itself, with the other four constants settled
        without_E = replace(box, lower=np.where(np.arange(5) == E_INDEX, LOG_ZERO, box.lower))
        theta = descent.theta[on_floor]
        theta[:, E_INDEX] = LOG_ZERO
        settled = _descend(theta, data, delta, without_E, FINAL_STEPS)
        descent.theta[on_floor], descent.value[on_floor] = settled.theta, settled.value
        descent.converged[on_floor] = settled.converged
    return descent


def _descend(theta: "FloatArray", data: LogRuns, delta: float, box: Box, max_steps: int) -> Descent:
    """Descend from every row of ``theta``, each run counted once."""
    import numpy as np

    scale = column_norms(np.clip(theta, box.lower, box.upper), data)
    return descend(
        theta, lambda rows_theta, _: derivatives(rows_theta, data, delta), scale, box, max_steps=max_steps
    )


def box_around(data: LogRuns) -> Box:
    """Bounds that no law worth the name comes near: where a fit ends on one, it is refused or said."""
    import numpy as np

    middle, least, most = data.z.mean(), data.z.min(), data.z.max()
    return Box(
        lower=np.array([middle - 25, middle - 25, least - 14, 1e-3, 1e-3]),
        upper=np.array([middle + 25, middle + 25, most + 1, 10.0, 10.0]),
    )


def _check_terms(theta: "FloatArray", data: LogRuns, names: tuple[str, ...]) -> tuple[Finding, ...]:
    """Refuse a fit in which params or tokens play no part that the runs can show; say where E plays none."""
    import numpy as np

    a, b, e, alpha, beta = theta
    box = box_around(data)
    quality = _quality(residuals(theta[None, :], data)[0], data.z)
    # against the spread that outliers do not move: a few wild losses do not make a fit a poor one
    spread = 1.4826 * float(np.median(np.abs(data.z - np.median(data.z))))
    unexplained = quality.residual_mad / spread if spread > 0 else 1.0
    poor = f"the residuals spread {format_share(unexplained)} as wide as the log losses themselves"
    if unexplained > MOST_UNEXPLAINED:
        raise _unidentified(poor, names)
    for name, term, exponent, index in (
        ("params", a - alpha * data.x, alpha, ALPHA_INDEX),
        ("tokens", b - beta * data.y, beta, BETA_INDEX),
    ):
        if not box.lower[index] < exponent < box.upper[index]:
            raise _unidentified(f"in these runs the loss does not fall as a power of {name}", names)
        visible = int((np.exp(term - data.z) > max(NEGLIGIBLE, quality.residual_mad)).sum())
        if visible < LEAST_RUNS_PER_TERM:
            message = f"the term in {name} stands above the noise in {visible} of {len(names)} runs"
            raise _unidentified(message, names)
    findings = []
    if np.exp(e - data.z.min()) < NEGLIGIBLE:
        message = "the runs show no irreducible loss (E = 0 fits best): losses far beyond them are too low"
        findings.append(Finding("no-irreducible-loss", "warning", message))
    if unexplained > POORLY_EXPLAINED:
        findings.append(Finding("poor-fit", "warning", poor))
    return tuple(findings)


def _unidentified(message: str, names: tuple[str, ...]) -> FitRefused:
    return FitRefused(
        Finding("unidentified", "refusal", message, names),
        hint="check the columns and units; add runs at other sizes and token counts",
    )


def _quality(r: "FloatArray", z: "FloatArray") -> Quality:
    """Return R^2 and the spread of the residuals, in log loss."""
    import numpy as np

    total = float(((z - z.mean()) ** 2).sum())
    return Quality(
        r_squared=1 - float((r * r).sum()) / total if total > 0 else 0.0,
        residual_rms=float(np.sqrt((r * r).mean())),
        residual_mad=1.4826 * float(np.median(np.abs(r))),
    )
