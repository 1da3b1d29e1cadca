"""What a fit has against itself: terms the runs do not show, exponents at limits, a poor description."""

from typing import TYPE_CHECKING

from scaling_cli.errors import FitRefused
from scaling_cli.findings import Finding
from scaling_cli.fitting.fit import Quality
from scaling_cli.fitting.problem import Problem
from scaling_cli.fitting.repeated_data import DataConstrainedSurface
from scaling_cli.units import format_number, format_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

NEGLIGIBLE = 1e-5
"""A term below this share of a loss, or below the spread of the residuals, is not seen in that run."""

LEAST_RUNS_PER_TERM = 3
"""A term has two constants: it has to be seen in more runs than that."""

MOST_UNEXPLAINED, POORLY_EXPLAINED = 0.7, 0.4
"""Robust spread of the residuals over that of log L: above the first a fit is refused, above the second
warned of. In the published study it is 0.04; no law at all leaves 1."""


def check_fit(phi: "FloatArray", problem: Problem, names: tuple[str, ...]) -> tuple[Finding, ...]:
    """Refuse a fit in which a term plays no part that the runs can show; say what else is doubtful."""
    import numpy as np

    z = problem.z
    quality = quality_of(problem.predict(phi) - z, z)
    # against the spread that outliers do not move: a few wild losses do not make a fit a poor one
    spread = 1.4826 * _median(np.abs(z - _median(z)))
    unexplained = quality.residual_mad / spread if spread > 0 else 1.0
    poor = f"the residuals spread {format_share(unexplained)} as wide as the log losses themselves"
    if unexplained > MOST_UNEXPLAINED:
        raise unidentified(poor, names)
    _check_terms(phi, problem, quality, names)
    findings = []
    if "E" in problem.free_constants and problem.constants(phi)["E"] / np.exp(z.min()) < NEGLIGIBLE:
        message = "the runs show no irreducible loss (E = 0 fits best): losses far beyond them are too low"
        findings.append(Finding("no-irreducible-loss", "warning", message))
    if unexplained > POORLY_EXPLAINED:
        findings.append(Finding("poor-fit", "warning", poor))
    return (*findings, *_at_bound(phi, problem))


def _check_terms(phi: "FloatArray", problem: Problem, quality: Quality, names: tuple[str, ...]) -> None:
    """Refuse a term whose exponent has no bounds, or that too few runs show."""
    import numpy as np

    theta, box = problem.theta(phi[None, :])[0], problem.surface.box
    for term in problem.surface.terms(theta):
        if not box.lower[term.exponent] < theta[term.exponent] < box.upper[term.exponent]:
            raise unidentified(f"in these runs the loss does not fall as a power of {term.name}", names)
        visible = int((np.exp(term.log_share) > max(NEGLIGIBLE, quality.residual_mad)).sum())
        if visible < LEAST_RUNS_PER_TERM:
            message = f"the term in {term.name} stands above the noise in {visible} of {len(names)} runs"
            raise unidentified(message, names)
    if isinstance(problem.surface, DataConstrainedSurface) and "R_N_star" in problem.free_constants:
        excess = problem.surface.runs_beyond_optimum(theta)
        if excess < LEAST_RUNS_PER_TERM:
            raise FitRefused(
                Finding(
                    "no-excess-params",
                    "refusal",
                    f"{excess} runs have more params than the unique tokens can use: R_N_star stays open",
                    names,
                ),
                hint="fix R_N_star (Muennighoff et al. 2023: 5.31), or add larger sizes on few unique tokens",
            )


def _at_bound(phi: "FloatArray", problem: Problem) -> list[Finding]:
    at_bound = problem.constants_at_bound(phi)
    constants = problem.constants(phi) if at_bound else {}
    return [
        Finding(
            "parameter-at-bound",
            "warning",
            f"{name} = {format_number(constants[name], 4)} lies on its bound: the runs would "
            "take it further, and the other constants give way to it",
        )
        for name in at_bound
    ]


def unidentified(message: str, names: tuple[str, ...]) -> FitRefused:
    """Return the refusal of a fit that the runs do not pin down."""
    return FitRefused(
        Finding("unidentified", "refusal", message, names),
        hint="check the columns and units; add runs at other sizes and token counts",
    )


def quality_of(r: "FloatArray", z: "FloatArray") -> Quality:
    """Return R^2 and the spread of the residuals, in log loss."""
    import numpy as np

    total = float(((z - z.mean()) ** 2).sum())
    return Quality(
        r_squared=1 - float((r * r).sum()) / total if total > 0 else 0.0,
        residual_rms=float(np.sqrt((r * r).mean())),
        residual_mad=1.4826 * _median(np.abs(r)),
    )


def _median(values: "FloatArray") -> float:
    """Return the median of values (n,); for so few a sort is quicker than the library's selection."""
    import numpy as np

    ascending = np.sort(values)
    return float(0.5 * (ascending[(len(values) - 1) // 2] + ascending[len(values) // 2]))
