"""Inverses and slopes of the data-constrained form at a given number of unique tokens."""

import math
from collections.abc import Mapping
from dataclasses import replace

from scaling_cli.findings import Finding
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.law import Law, finite_or_inf
from scaling_cli.units import format_number

# R_D* and R_N* of Muennighoff et al. 2023, arXiv 2305.16264, the authors' repository: the registry holds the
# base form of that law, for fresh data
REPETITION: Mapping[str, tuple[float, float]] = {"muennighoff2023": (15.387756, 5.309743)}
"""(R_D*, R_N*) of the published laws that also say what repeated data are worth, by name."""

SMALLEST_LOG_TOKENS, WIDEST_HALVINGS = 0.0, 200


def for_repeated_data(card: LawCard) -> LawCard:
    """Return the law in its form for repeated data, where one was published beside its base form."""
    if card.name not in REPETITION or not isinstance(card.law, ChinchillaLaw):
        return card
    R_D_star, R_N_star = REPETITION[card.name]
    message = (
        f"its form for repeated data is used, R_D* {format_number(R_D_star, 4)} and R_N* "
        f"{format_number(R_N_star, 4)}: params and epochs are solved for together"
    )
    note = Finding("repeated-data-form", "info", message)
    return replace(card, law=_repeating(card.law, R_D_star, R_N_star), findings=(*card.findings, note))


def _repeating(law: ChinchillaLaw, R_D_star: float, R_N_star: float) -> Law:
    return DataConstrainedLaw(**law.parameters, R_D_star=R_D_star, R_N_star=R_N_star)


def tokens_for_loss(law: DataConstrainedLaw, N: float, L: float, U: float) -> float:
    """Return D with L(N, D, U) = L; ``inf`` where no number of readings of U tokens reaches L.

    Above U in closed form: D' = (B/(L - E - A N'^-alpha))^(1/beta), and
    D = U (1 - R_D* log(1 - (D'/U - 1)/R_D*)). Below, all tokens are fresh: D = D' while N <= N_opt(D), and
    a root of the falling loss beyond.
    """
    if law.loss(N, U, U) < L:  # fresh tokens are enough
        D = _worth_for_loss(law, N, L)
        return D if law.params_for_unique(D) >= N else _fresh_tokens(law, N, L, U)
    N_worth, _ = law.effective(N, U, U)
    repeats = (_worth_for_loss(law, N_worth, L) / U - 1) / law.R_D_star
    if not repeats < 1:
        return math.inf
    return U * (1 - law.R_D_star * math.log1p(-max(repeats, 0.0)))


def _worth_for_loss(law: DataConstrainedLaw, N_worth: float, L: float) -> float:
    """D' = (B/(L - E - A N'^-alpha))^(1/beta); ``inf`` where nothing is left."""
    rest = L - law.E - law.A * N_worth**-law.alpha
    return finite_or_inf(lambda: (law.B / rest) ** (1 / law.beta)) if rest > 0 else math.inf


def _fresh_tokens(law: DataConstrainedLaw, N: float, L: float, U: float) -> float:
    """Bisect for D <= U with L(N, D, D) = L: the more fresh tokens, the lower."""
    low, high = SMALLEST_LOG_TOKENS, math.log(U)
    for _ in range(WIDEST_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if law.loss(N, math.exp(middle), U) > L else (low, middle)
    return math.exp(high)


def least_params(law: DataConstrainedLaw, L: float, U: float) -> float:
    """Return N with L(N, inf, U) = L, below which no number of readings of U tokens reaches L."""
    D_most = U * (1 + law.R_D_star)
    rest = L - law.E - law.B * D_most**-law.beta
    if rest <= 0:
        return math.inf
    N_worth = finite_or_inf(lambda: (law.A / rest) ** (1 / law.alpha))
    used = law.params_for_unique(U)
    if N_worth <= used:
        return N_worth
    excess = (N_worth / used - 1) / law.R_N_star
    return used * (1 - law.R_N_star * math.log1p(-excess)) if excess < 1 else math.inf


def log_marginal_ratio(law: DataConstrainedLaw, N: float, D: float, U: float) -> float:
    """Log of (N dL/dN)/(D dL/dD) at U unique tokens.

    With n = N/U_N and d = D/U_D the slopes of the worths are d log N'/d log N = n exp(-(n-1)/R_N*) U_N/N' and
    d log D'/d log D likewise; below U tokens U_D is D itself, and U_N = N_opt(D) grows with it wherever N
    is larger.
    """
    unique = min(U, D)
    most = law.params_for_unique(unique)
    used = min(N, most)
    N_worth, D_worth = law.effective(N, D, U)
    n, d = N / used, D / unique
    log_eps_N = math.log(law.alpha * law.A) - (law.alpha + 1) * math.log(N_worth) + math.log(N)
    log_eps_N -= (n - 1) / law.R_N_star
    log_eps_D = math.log(law.beta * law.B) - (law.beta + 1) * math.log(D_worth) + math.log(D)
    log_eps_D -= (d - 1) / law.R_D_star
    if D < U and most < N:
        left = math.exp(-(n - 1) / law.R_N_star)
        # dN'/dU_N, and d log U_N/d log D = beta/alpha
        growth = 1 + law.R_N_star * (1 - left) - n * left
        extra = law.alpha * law.A * N_worth ** -(law.alpha + 1) * used * growth * law.beta / law.alpha
        log_eps_D += math.log1p(extra * math.exp(-log_eps_D))
    return log_eps_N - log_eps_D
