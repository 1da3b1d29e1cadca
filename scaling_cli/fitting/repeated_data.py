"""The data-constrained form as a surface to descend on: what repeated tokens and excess params are worth."""

from typing import TYPE_CHECKING

from scaling_cli.fitting.newton import Box
from scaling_cli.fitting.objective import LogRuns, log_runs
from scaling_cli.fitting.surface import Surface, Term
from scaling_cli.fitting.surfaces import LEAST_EXPONENT, MOST_EXPONENT
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

GUESSES = ((15.0, 5.0), (4.0, 1.5), (60.0, 20.0), (1.0, 50.0), (60.0, 0.5))
"""R_D* and R_N* to begin with; Muennighoff et al. 2023 found 15.39 and 5.31."""

LEAST_WORTH, MOST_WORTH = 1e-2, 1e4
"""R_D* and R_N* stay between these: below the first no repetition counts, above the second all do."""


class DataConstrainedSurface(Surface):
    """f = LSE(a - alpha n', b - beta d', e), theta = (a, b, e, alpha, beta, log R_D*, log R_N*).

    n' and d' are the logarithms of what N and D are worth (laws/data_constrained.py), at the runs' centre.
    """

    def __init__(self, runs: Runs, data: LogRuns) -> None:
        import numpy as np

        assert runs.unique_tokens is not None
        self.z, self.centre_N, self.centre_D = data.z, data.centre_N, data.centre_D
        self.centres = (data.centre_N, data.centre_D)
        self.log_N, self.runs = np.log(runs.params), runs
        self.log_U = np.log(np.minimum(runs.unique_tokens, runs.tokens))
        self.repeated_D = np.expm1(np.log(runs.tokens) - self.log_U)  # R_D = D/U - 1
        middle, least, most = data.z.mean(), data.z.min(), data.z.max()
        worth = np.log(LEAST_WORTH), np.log(MOST_WORTH)
        low, high = LEAST_EXPONENT, MOST_EXPONENT
        self.box = Box(
            lower=np.array([middle - 25, middle - 25, least - 14, low, low, worth[0], worth[0]]),
            upper=np.array([middle + 25, middle + 25, most + 1, high, high, worth[1], worth[1]]),
        )

    def _used(self, theta: "FloatArray") -> "FloatArray":
        """Return log N_opt(U) = (log A + log alpha - log B - log beta + beta log U)/alpha, (S, n)."""
        import numpy as np

        a, b, _, alpha, beta = theta.T[:5, :, None]
        log_A, log_B = a + alpha * self.centre_N, b + beta * self.centre_D
        used: FloatArray = (log_A - log_B + np.log(alpha / beta) + beta * self.log_U) / alpha
        return used

    def predict(self, theta: "FloatArray") -> "FloatArray":
        """Return log L_predicted, (S, n)."""
        return self.jacobian(theta)[0]

    def jacobian(self, theta: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
        """Return log L_predicted and its derivatives, (S, n, 7).

        U_N = N_opt(U) moves with A, B, alpha and beta wherever N exceeds it; at N = U_N both sides agree
        in value and slope.
        """
        import numpy as np

        a, b, e, alpha, beta = theta.T[:5, :, None]
        optimal = self._used(theta)
        exceeds = optimal < self.log_N
        used = np.where(exceeds, optimal, self.log_N)
        with np.errstate(over="ignore"):
            repeated_N = np.minimum(np.expm1(self.log_N - used), 1e100)
        d_gain, _, d_star = _worth(self.repeated_D, np.exp(theta[:, 5, None]))
        n_gain, n_rate, n_star = _worth(repeated_N, np.exp(theta[:, 6, None]))
        n = used + n_gain - self.centre_N
        d = self.log_U + d_gain - self.centre_D
        p1, p2, p3 = np.exp(a - alpha * n), np.exp(b - beta * d), np.exp(e)
        total = p1 + p2 + p3
        p1, p2 = p1 / total, p2 / total
        # dn'/d(log U_N) = 1 - (R_N + 1) dgain/dR: nothing where N does not exceed U_N
        with np.errstate(over="ignore", invalid="ignore"):
            moved = np.where(exceeds, 1 - (repeated_N + 1) * n_rate, 0.0)
        through = -alpha * p1 * moved / alpha
        by_alpha = self.centre_N + 1 / alpha - optimal
        by_beta = self.log_U - self.centre_D - 1 / beta
        columns = [
            p1 + through,
            p2 - through,
            p3 / total,
            -p1 * n + through * by_alpha,
            -p2 * d + through * by_beta,
            -beta * p2 * d_star,
            -alpha * p1 * n_star,
        ]
        return np.log(total), np.stack(columns, axis=2)

    def starts(self, count: int, exponents: "FloatArray | None" = None) -> "FloatArray":
        """Return the additive form's starts on what the tokens are worth, at a few guesses of R_D*, R_N*."""
        import numpy as np

        from scaling_cli.fitting.starts import projected_starts

        each, found = max(4, count // len(GUESSES)), []
        for R_D_star, R_N_star in GUESSES:
            gain = _worth(self.repeated_D, np.array([[R_D_star]]))[0][0]
            worth = Runs(self.runs.params, np.exp(self.log_U + gain), self.runs.flops, self.runs.loss,
                         self.runs.names)  # fmt: skip
            data = log_runs(worth)
            starts = projected_starts(data, 2 * each, exponents)[:each]
            starts[:, 0] += starts[:, 3] * (data.centre_N - self.centre_N)
            starts[:, 1] += starts[:, 4] * (data.centre_D - self.centre_D)
            guess = np.broadcast_to(np.log([R_D_star, R_N_star]), (len(starts), 2))
            found.append(np.concatenate([starts, guess], axis=1))
        return np.concatenate(found)

    def terms(self, theta: "FloatArray") -> tuple[Term, ...]:
        """Return A N'^-alpha and B D'^-beta."""
        import numpy as np

        a, b, _, alpha, beta, _, _ = theta
        used = np.minimum(self._used(theta[None, :])[0], self.log_N)
        n = used + _worth(np.expm1(self.log_N - used), np.exp(theta[6]))[0]
        d = self.log_U + _worth(self.repeated_D, np.exp(theta[5]))[0]
        return (
            Term("params", a - alpha * (n - self.centre_N) - self.z, 3),
            Term("tokens", b - beta * (d - self.centre_D) - self.z, 4),
        )

    def runs_beyond_optimum(self, theta: "FloatArray") -> int:
        """Return how many runs have at least 5 % more params than their unique tokens can use."""
        return int((self.log_N - self._used(theta[None, :])[0] > 0.05).sum())


def _worth(R: "FloatArray", star: "FloatArray") -> tuple["FloatArray", "FloatArray", "FloatArray"]:
    """Return g = log(1 + s (1 - exp(-R/s))) and its derivatives in R and in log s."""
    import numpy as np

    ratio = R / star
    left = np.exp(-ratio)
    spent = -np.expm1(-ratio)
    inside = 1 + star * spent
    with np.errstate(invalid="ignore"):
        by_star = star * (spent - np.where(left > 0, ratio * left, 0.0)) / inside
    return np.log(inside), left / inside, by_star
