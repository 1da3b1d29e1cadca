"""The forms of params and tokens, or of compute alone, as surfaces to descend on."""

from typing import TYPE_CHECKING

from scaling_cli.fitting import objective
from scaling_cli.fitting.newton import Box
from scaling_cli.fitting.objective import LogRuns
from scaling_cli.fitting.penalty import Penalty
from scaling_cli.fitting.starts import EXPONENTS, LEAST_SHARE, nonnegative_pair, projected_starts
from scaling_cli.fitting.surface import Surface, Term

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.fitting.newton import Evaluation

    FloatArray = NDArray[np.float64]

LEAST_EXPONENT, MOST_EXPONENT = 1e-3, 10.0


class AdditiveSurface(Surface):
    """f = LSE(a - alpha x, b - beta y, e), theta = (a, b, e, alpha, beta), with its exact Hessian."""

    def __init__(self, data: LogRuns) -> None:
        import numpy as np

        self.data, self.z, self.centres = data, data.z, (data.centre_N, data.centre_D)
        middle, least, most = data.z.mean(), data.z.min(), data.z.max()
        self.box = Box(
            lower=np.array([middle - 25, middle - 25, least - 14, LEAST_EXPONENT, LEAST_EXPONENT]),
            upper=np.array([middle + 25, middle + 25, most + 1, MOST_EXPONENT, MOST_EXPONENT]),
        )

    def predict(self, theta: "FloatArray") -> "FloatArray":
        """Return log L_predicted, (S, n)."""
        return objective.predict(theta, self.data)

    def jacobian(self, theta: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
        """Return log L_predicted and its derivatives, which are the shares of the terms."""
        return objective.jacobian(theta, self.data)

    def starts(self, count: int, exponents: "FloatArray | None" = None) -> "FloatArray":
        """Return the vectors of variable projection."""
        return projected_starts(self.data, count, exponents)

    def derivatives(
        self, theta: "FloatArray", penalty: Penalty, weights: "FloatArray | None" = None
    ) -> "Evaluation":
        """Return the objective, its gradient and its exact Hessian, as sums of moments."""
        return objective.derivatives(theta, self.data, penalty, weights)

    def column_norms(self, theta: "FloatArray") -> "FloatArray":
        """Return the norms of the columns of the Jacobian, (S, 5)."""
        return objective.column_norms(theta, self.data)

    def terms(self, theta: "FloatArray") -> tuple[Term, ...]:
        """Return A N^-alpha and B D^-beta."""
        a, b, _, alpha, beta = theta
        return (
            Term("params", a - alpha * self.data.x - self.z, 3),
            Term("tokens", b - beta * self.data.y - self.z, 4),
        )


class FrontierSurface(Surface):
    """f = LSE(a - alpha x, e) with x = log C at the runs' centre, theta = (a, e, alpha)."""

    def __init__(self, log_C: "FloatArray", z: "FloatArray") -> None:
        import numpy as np

        self.centres = (float(log_C.mean()),)
        self.x, self.z = log_C - self.centres[0], z
        middle, least, most = z.mean(), z.min(), z.max()
        self.box = Box(
            lower=np.array([middle - 25, least - 14, LEAST_EXPONENT]),
            upper=np.array([middle + 25, most + 1, MOST_EXPONENT]),
        )

    def _terms(self, theta: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
        import numpy as np

        a, e, alpha = theta.T[:, :, None]
        return np.exp(a - alpha * self.x), np.exp(e)

    def predict(self, theta: "FloatArray") -> "FloatArray":
        """Return log L_predicted, (S, n)."""
        import numpy as np

        falling, constant = self._terms(theta)
        f: FloatArray = np.log(falling + constant)
        return f

    def jacobian(self, theta: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
        """Return log L_predicted and its derivatives, (S, n, 3)."""
        import numpy as np

        falling, constant = self._terms(theta)
        total = falling + constant
        share = falling / total
        return np.log(total), np.stack([share, constant / total, -share * self.x], axis=2)

    def starts(self, count: int, exponents: "FloatArray | None" = None) -> "FloatArray":
        """Return the best (A, E) for every alpha of the grid, and some with E = 0."""
        import numpy as np

        grid = np.array(EXPONENTS)
        L = np.exp(self.z)
        columns = np.exp(-grid[:, None] * self.x) / L
        coefficients, misfit = nonnegative_pair(columns, np.broadcast_to(1 / L, columns.shape))
        with np.errstate(divide="ignore"):
            a, e = np.log(np.maximum(coefficients, LEAST_SHARE * L.mean())).T
        order = np.argsort(misfit, kind="stable")
        starts = np.column_stack([a, e, grid])[order]
        without_E = starts[:4].copy()
        without_E[:, 1] = -np.inf
        return np.concatenate([starts, without_E])

    def terms(self, theta: "FloatArray") -> tuple[Term, ...]:
        """Return A C^-alpha."""
        a, _, alpha = theta
        return (Term("flops", a - alpha * self.x - self.z, 2),)


class KaplanSurface(Surface):
    """f = alpha_D LSE((alpha_N/alpha_D)(c_N - log N), c_D - log D), theta = (c_N, c_D, alpha_N, alpha_D).

    c_N = log N_c and c_D = log D_c are where the loss of one side alone is 1 nat.
    """

    def __init__(self, log_N: "FloatArray", log_D: "FloatArray", z: "FloatArray") -> None:
        import numpy as np

        self.log_N, self.log_D, self.z = log_N, log_D, z
        self.box = Box(
            lower=np.array([log_N.min() - 50, log_D.min() - 50, LEAST_EXPONENT, LEAST_EXPONENT]),
            upper=np.array([log_N.max() + 400, log_D.max() + 400, MOST_EXPONENT, MOST_EXPONENT]),
        )

    def predict(self, theta: "FloatArray") -> "FloatArray":
        """Return log L_predicted, (S, n)."""
        import numpy as np

        c_N, c_D, alpha_N, alpha_D = theta.T[:, :, None]
        f: FloatArray = alpha_D * np.logaddexp(alpha_N / alpha_D * (c_N - self.log_N), c_D - self.log_D)
        return f

    def jacobian(self, theta: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
        """Return log L_predicted and its derivatives, (S, n, 4)."""
        import numpy as np

        c_N, c_D, alpha_N, alpha_D = theta.T[:, :, None]
        below = c_N - self.log_N
        first = alpha_N / alpha_D * below
        inside = np.logaddexp(first, c_D - self.log_D)
        share = np.exp(first - inside)
        columns = [share * alpha_N, (1 - share) * alpha_D, share * below, inside - share * first]
        return alpha_D * inside, np.stack(columns, axis=2)

    def starts(self, count: int, exponents: "FloatArray | None" = None) -> "FloatArray":
        """Return the best (N_c, D_c) of a grid of exponents: L^(1/alpha_D) is linear in their powers."""
        import numpy as np

        grid = np.array(EXPONENTS)
        alpha_N, alpha_D = (axis.ravel()[:, None] for axis in np.meshgrid(grid, grid, indexing="ij"))
        x, y = self.log_N - self.log_N.mean(), self.log_D - self.log_D.mean()
        slope, inside = alpha_N / alpha_D, (self.z - self.z.mean()) / alpha_D
        # exponents that are out of all proportion are cut off, and fit so badly that they come last
        columns = (np.exp(np.clip(power - inside, -150, 150)) for power in (-slope * x, -y))
        coefficients, _ = nonnegative_pair(*columns)
        first, second = np.log(np.maximum(coefficients, LEAST_SHARE)).T[:, :, None]
        first, second = first + self.z.mean() / alpha_D, second + self.z.mean() / alpha_D
        c_N, c_D = first / slope + self.log_N.mean(), second + self.log_D.mean()
        starts = np.concatenate([c_N, c_D, alpha_N, alpha_D], axis=1)
        # the misfit inside is one in L^(1/alpha_D): between exponents only that of log L can be compared
        misfit = ((self.predict(starts) - self.z) ** 2).sum(axis=1)
        return np.asarray(starts[np.argsort(misfit, kind="stable")[:count]])

    def terms(self, theta: "FloatArray") -> tuple[Term, ...]:
        """Return (N_c/N)^alpha_N and (D_c/D)^alpha_D, the losses that one side alone would leave."""
        c_N, c_D, alpha_N, alpha_D = theta
        return (
            Term("params", alpha_N * (c_N - self.log_N) - self.z, 2),
            Term("tokens", alpha_D * (c_D - self.log_D) - self.z, 3),
        )
