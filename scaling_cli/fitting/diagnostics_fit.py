"""What a fit's residuals and draws have against it: ratios left open, runs that contradict, trends, noise."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.fitting.diagnostics_table import SAME_RUN, same_configurations
from scaling_cli.fitting.fit import Fit
from scaling_cli.laws.law import Allocates, Law
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_flops, format_number, format_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import FloatArray

    Columns = Mapping[str, FloatArray]

WIDE_RATIO = 10.0
"""Tokens per param whose 90 % interval spans more than a factor of ten are not known: see the issue."""

ALIKE = 0.01
"""Runs whose params and tokens agree within 1 %; what a law makes of that 1 % is taken out."""

FAR = 6.0
"""Residuals of like runs this many standard deviations of a difference apart contradict each other:
by normal chance one pair in 5e8 does, and of the digitised Chinchilla runs, heavy tails and all, none."""

LEAST_SPREAD = 1e-4
"""Log losses are seldom written to more: a noiseless fit does not make rounding a contradiction."""

TREND_P = 0.01
LEAST_TREND = 0.2
"""A rank correlation below this explains under 4 % of the ranks, however sure it is in a large table."""

LEAST_REPEATS = 3
"""Degrees of freedom: the 95 % interval of a spread with two spans a factor of twelve, with three six."""

LACK_P, LEAST_LACK = 0.01, 4.0
"""Residuals that chance leaves unexplained, and of at least twice the spread of the repeats."""

MAD_EFFICIENCY = 0.37
"""A median of absolute deviations tells as much about a spread as this share of the runs would."""


def find_wide_ratio(draws: Sequence[Law], target: float) -> Finding | None:
    """Warn where the draws leave D/N at ``target`` FLOPs open by a factor of ten (90 % interval)."""
    import numpy as np

    sizes = np.array([draw.optimum(target)[0] for draw in draws if isinstance(draw, Allocates)])
    if len(sizes) < 2:
        return None
    # D/N = C/(6 N^2), whose logarithm stays a number where a draw's own N is none
    log_ratios = np.log(target / FLOPS_PER_PARAM_TOKEN) - 2 * np.log(np.clip(sizes, 1e-130, 1e130))
    low, high = np.quantile(np.exp(log_ratios), [0.05, 0.95])
    if not high > WIDE_RATIO * low:
        return None
    return wide_ratio(float(low), float(high), target)


def wide_ratio(low: float, high: float, target: float) -> Finding:
    """Return the finding for tokens per param between ``low`` and ``high``."""
    message = (
        f"tokens per param at {format_flops(target)} FLOPs are {format_number(low, 3)} to "
        f"{format_number(high, 3)} (90 %), beyond a factor of {WIDE_RATIO:g}: these runs hardly tell the "
        "terms in params and tokens apart; add runs off their line, of the same sizes on a quarter and on "
        "four times the tokens"
    )
    return Finding("near-collinear-design", "warning", message)


def find_contradictions(fit: Fit, columns: "Columns") -> Finding | None:
    """Warn of runs within 1 % in params and tokens whose residuals lie further apart than noise puts them.

    Residuals are compared, so that the 1 % itself is taken out; they are measured by the fit's robust
    spread s: a difference of two has sqrt(2) s. Runs of another lr or batch are other runs.
    """
    import numpy as np

    spread = max(fit.quality.residual_mad, LEAST_SPREAD)
    runs, r = fit.runs, fit.residuals
    settings = tuple(columns[name] for name in ("lr", "batch") if name in columns)
    far = [
        group
        for group in same_configurations(runs, ALIKE, settings)
        if np.ptp(r[group]) > FAR * math.sqrt(2) * spread
    ]
    if not far:
        return None
    worst = max(far, key=lambda group: float(np.ptp(r[group])))
    first, last = worst[np.argmin(runs.loss[worst])], worst[np.argmax(runs.loss[worst])]
    concerned = np.sort(np.concatenate(far))
    message = (
        f"{len(concerned)} runs agree with another within 1 % in params and tokens and not in loss, by far "
        f"more than the residuals' spread of {format_share(spread, 2)}: {runs.names[first]} has "
        f"{format_number(float(runs.loss[first]), 4)}, {runs.names[last]} "
        f"{format_number(float(runs.loss[last]), 4)}; something else differs between them"
    )
    return Finding("near-duplicate-runs", "warning", message, tuple(runs.names[i] for i in concerned))


def find_copies(fit: Fit, columns: "Columns") -> Finding | None:
    """Say which runs have the params, tokens and loss of another: one measurement that counts twice.

    A loss of four decimals may be equal by chance, and runs of different seeds are repeats.
    """
    copies = _copies(fit, columns)
    if not len(copies):
        return None
    have = "run has" if len(copies) == 1 else "runs have"
    message = (
        f"{len(copies)} {have} the params, tokens and loss of another: one measurement counts twice in the "
        "fit, and narrows the intervals"
    )
    return Finding("duplicate-runs", "info", message, tuple(fit.runs.names[i] for i in copies))


def _copies(fit: Fit, columns: "Columns") -> "NDArray[np.intp]":
    """Return the indices of runs that repeat an earlier one's measurement."""
    import numpy as np

    runs = fit.runs
    settings = tuple(columns[name] for name in ("seed", "lr", "batch") if name in columns)
    found: list[int] = []
    for group in same_configurations(runs, SAME_RUN, settings):
        loss = runs.loss[group]
        for place in range(1, len(group)):
            is_equal = np.abs(loss[:place] / loss[place] - 1) < 1e-7
            if is_equal.any() and abs(loss[place] - round(float(loss[place]), 4)) > 1e-9:
                found.append(int(group[place]))
    return np.array(sorted(found), dtype=np.intp)


def find_trends(fit: Fit, clusters: Sequence[str] | None = None) -> tuple[Finding, ...]:
    """Warn where the residuals rise or fall with log C or log D/N beyond chance.

    Spearman's rank correlation rho, whose atanh(rho) sqrt((n - 3)/1.06) is standard normal by chance
    (Fieller et al. 1957), at p < 0.01 for the two tests together. The fit has taken out what trend it
    can, so chance alone gives less than that: in 320 simulated studies the largest was 1.2. Of ``clusters``
    n counts each once: the steps of one run are no more than one run.
    """
    import numpy as np

    runs, r = fit.runs, fit.residuals
    n = len(runs) if clusters is None else len(set(clusters))
    limit = NormalDist().inv_cdf(1 - TREND_P / 4)  # two tests with two sides each
    if n < 10 or fit.quality.residual_rms < LEAST_SPREAD:
        return ()
    found = []
    for what, values, high, consequence in (
        ("log C", runs.flops_6ND, "the largest budgets", ("pessimistic", "optimistic")),
        (
            "log D/N",
            runs.tokens / runs.params,
            "many tokens per param",
            ("undervalues tokens", "overvalues tokens"),
        ),
    ):
        rho = _rank_correlation(r, values)
        score = math.atanh(max(-0.999999, min(0.999999, rho))) * math.sqrt((n - 3) / 1.06)
        if abs(score) <= limit or abs(rho) < LEAST_TREND:
            continue
        third = max(1, len(runs) // 3)
        order = np.argsort(values, kind="stable")
        step = float(np.median(r[order[-third:]]) - np.median(r[order[:third]]))
        side, told = ("high", consequence[0]) if rho > 0 else ("low", consequence[1])
        tail = f"beyond them it is {told}" if what == "log C" else f"it {told}: so do its tokens per param"
        message = (
            f"the residuals {'rise' if rho > 0 else 'fall'} with {what} (rank correlation {rho:+.2f}, "
            f"p < {TREND_P:g}): the law is too {side} at {high}, by {format_share(abs(step), 2)} from the "
            f"lowest to the highest third; {tail}"
        )
        found.append(Finding("residual-trend", "warning", message))
    return tuple(found)


def _rank_correlation(first: "FloatArray", second: "FloatArray") -> float:
    """Return Spearman's rho, ties with their mean rank; 0 where one of the two is constant."""
    import numpy as np

    ranks = []
    for values in (first, second):
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        ranks.append((ends - (counts - 1) / 2)[place.reshape(-1)])
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def find_seed_noise(fit: Fit, columns: "Columns") -> tuple[Finding, ...]:
    """Compare the spread of repeats with that of the residuals: the test for lack of fit.

    Repeats are runs with params and tokens within 0.1 % and the same of every other column than the seed.
    Pure error s^2 = sum (log L - group mean)^2 / sum (n_g - 1). Lack of fit: the mean square of
    sqrt(n_g) times the mean residual of each of G configurations, over G - p degrees of freedom, taken from
    its median so that a few outliers are no lack of fit; F is their ratio.
    """
    import numpy as np

    keep = np.ones(len(fit.runs), dtype=bool)
    keep[_copies(fit, columns)] = False
    runs, r = fit.runs.select(keep), fit.residuals[keep]
    settings = tuple(
        columns[name][keep] for name in ("lr", "batch", "epochs", "schedule_tokens") if name in columns
    )
    groups = same_configurations(runs, SAME_RUN, settings)
    freedom = sum(len(group) - 1 for group in groups)
    if freedom < LEAST_REPEATS:
        return ()
    # of residuals, so that tokens that differ by 0.1 % are no noise
    pure = sum(float(((r[group] - r[group].mean()) ** 2).sum()) for group in groups) / freedom
    repeated = np.sort(np.concatenate(groups))
    names = tuple(runs.names[i] for i in repeated)
    seeds, spread = math.sqrt(pure), fit.quality.residual_mad
    configurations = "1 configuration" if len(groups) == 1 else f"{len(groups)} configurations"
    message = (
        f"{len(repeated)} runs repeat {configurations}: they spread by {format_share(seeds, 2)}, "
        f"the residuals of all runs by {format_share(spread, 2)}"
    )
    found = [Finding("seed-noise", "info", message, names)]
    single = np.setdiff1d(np.arange(len(runs)), repeated)
    means = [math.sqrt(len(group)) * float(r[group].mean()) for group in groups] + r[single].tolist()
    rest = len(means) - len(fit.law.parameters) + len(fit.settings.fixed)
    if rest < LEAST_REPEATS or pure == 0:
        return tuple(found)
    lack = (1.4826 * float(np.median(np.abs(means)))) ** 2 * len(means) / rest
    if lack / pure > LEAST_LACK and _f_tail(lack / pure, MAD_EFFICIENCY * rest, freedom) < LACK_P:
        message = (
            f"the residuals spread {format_number(math.sqrt(lack / pure), 2)} times as far as repeats of one "
            f"configuration ({format_share(math.sqrt(lack), 2)} against {format_share(seeds, 2)}, "
            f"p < {LACK_P:g}): not seeds but the law, or what else differs between these runs"
        )
        found.append(Finding("lack-of-fit", "warning", message))
    return tuple(found)


def _f_tail(ratio: float, first: float, second: float) -> float:
    """Return P(F > ratio) for F with ``first`` and ``second`` degrees of freedom.

    Paulson 1942: where the truth is 0.01 it says 0.010 for 10 degrees of freedom or more, 0.014 for 3.
    """
    a, b, root = 2 / (9 * first), 2 / (9 * second), ratio ** (1 / 3)
    return 1 - NormalDist().cdf(((1 - b) * root - (1 - a)) / math.sqrt(b * root * root + a))
