"""The data doctor: what runs, the fit to them and its draws have against an answer, as findings."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.fitting.diagnostics_fit import (
    WIDE_RATIO,
    find_contradictions,
    find_copies,
    find_seed_noise,
    find_trends,
    find_wide_ratio,
    wide_ratio,
)
from scaling_cli.fitting.diagnostics_influence import Refit, find_outliers, spread_of_log_size
from scaling_cli.fitting.diagnostics_table import diagnose_table
from scaling_cli.fitting.fit import Fit
from scaling_cli.laws.card import NATS
from scaling_cli.laws.law import Allocates, Law
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

Z_90 = 1.6449
"""The normal quantile of the ends of a 90 % interval."""


def diagnose(
    runs: Runs,
    fit: Fit | None = None,
    *,
    columns: "Mapping[str, FloatArray] | None" = None,
    draws: Sequence[Law] = (),
    target: float | None = None,
    loss_unit: str = NATS,
    clusters: Sequence[str] | None = None,
    refit: Refit | None = None,
) -> tuple[Finding, ...]:
    """Return the findings on ``runs`` and, where there is one, on the ``fit`` to them; each id at most twice.

    ``columns`` are the other columns of the table by their names in ``RunTable.extra_columns`` (lr, batch,
    epochs, seed, perplexity, ...), shape (n,) with NaN for blanks; ``draws`` the laws of the bootstrap;
    ``target`` the budget in FLOPs at which the answer is wanted, 100 times the largest fitted unless
    given; ``clusters`` say which runs belong together, one label per run; ``refit`` is what fits the law
    again with other weights.
    """
    known = columns or {}
    is_repeated = fit is not None and fit.law.form == "data-constrained"
    found = diagnose_table(runs, known, loss_unit=loss_unit, repeats_are_modelled=is_repeated)
    if fit is None:
        return found
    budget = target or 100 * float(fit.runs.flops_6ND.max())
    about_fit = (
        find_near_collinear(fit, draws, budget, clusters=clusters, refit=refit),
        find_copies(fit, known),
        find_contradictions(fit, known),
        find_outliers(fit, budget, refit=refit),
        *find_trends(fit, clusters),
        *find_seed_noise(fit, known),
    )
    return (*found, *(finding for finding in about_fit if finding))


def find_near_collinear(
    fit: Fit,
    draws: Sequence[Law],
    target: float,
    *,
    clusters: Sequence[str] | None = None,
    refit: Refit | None = None,
) -> Finding | None:
    """Warn where D/N at the target is open by a factor of ten: by the draws, else by the jackknife.

    D/N = C/(6 N_opt^2), so log D/N spreads twice as far as log N_opt.
    """
    if draws:
        return find_wide_ratio(draws, target)
    if not isinstance(fit.law, Allocates):
        return None
    spread = spread_of_log_size(fit, target, clusters=clusters, refit=refit)
    half = 2 * Z_90 * spread
    if half <= math.log(WIDE_RATIO) / 2:
        return None
    half = min(half, 300.0)  # past any ratio, and still a number
    N, D = fit.law.optimum(target)
    return wide_ratio(D / N * math.exp(-half), D / N * math.exp(half), target)
