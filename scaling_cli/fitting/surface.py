"""What a form has to say for itself to be fitted: its predicted log loss on the runs, and the derivatives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.fitting.penalty import Penalty

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.fitting.newton import Box, Evaluation

    FloatArray = NDArray[np.float64]

DIFFERENCE = 1e-6
"""The step in which Jacobians are differenced: the logarithms and exponents of a law are of order one."""


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One term of a law: what it falls with, the log of its share of each loss (n,), its exponent's place."""

    name: str
    log_share: "FloatArray"
    exponent: int


class Surface(ABC):
    """f(theta), the predicted log loss of every run, for many candidates (S, p) at once.

    ``z`` is log L of the runs, shape (n,); ``box`` bounds that no law worth the name comes near;
    ``centres`` the logarithms that were subtracted from what each exponent goes with.
    """

    z: "FloatArray"
    box: "Box"
    centres: tuple[float, ...] = ()

    @abstractmethod
    def predict(self, theta: "FloatArray") -> "FloatArray":
        """Return log L_predicted, (S, n)."""

    @abstractmethod
    def jacobian(self, theta: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
        """Return log L_predicted, (S, n), and its derivatives, (S, n, p)."""

    @abstractmethod
    def starts(self, count: int, exponents: "FloatArray | None" = None) -> "FloatArray":
        """Return about ``count`` vectors that are worth descending from, (S, p), the best first."""

    @abstractmethod
    def terms(self, theta: "FloatArray") -> tuple[Term, ...]:
        """Return the power laws that a vector (p,) is made of."""

    def derivatives(
        self, theta: "FloatArray", penalty: Penalty, weights: "FloatArray | None" = None
    ) -> "Evaluation":
        """Return the objective (S,), its gradient (S, p) and its Hessian (S, p, p).

        With f the predicted log loss and rho(f) its cost, H = sum rho'' J J^T + sum rho' d2f. The first sum
        is Gauss-Newton; the second one differences the Jacobian along every coordinate, which spares each
        form its second derivatives and keeps the steps those of Newton's method.
        """
        import numpy as np

        f, J = self.jacobian(theta)
        cost, slope, curvature = penalty.costs(f, self.z, weights)
        gradient = (slope[:, None, :] @ J)[:, 0, :]
        hessian = J.transpose(0, 2, 1) @ (curvature[..., None] * J)
        for k in range(theta.shape[1]):
            ahead = theta.copy()
            ahead[:, k] += DIFFERENCE
            moved = (slope[:, None, :] @ self.jacobian(ahead)[1])[:, 0, :]
            # half to the row and half to the column: what differencing leaves unsymmetric goes
            change = 0.5 * (moved - gradient) / DIFFERENCE
            hessian[:, k, :] += change
            hessian[:, :, k] += change
        total: FloatArray = cost.sum(axis=1)
        return total, gradient, np.asarray(hessian)

    def column_norms(self, theta: "FloatArray") -> "FloatArray":
        """Return the norms of the columns of the Jacobian, (S, p): what a unit of each coordinate is."""
        import numpy as np

        norms: FloatArray = np.sqrt((self.jacobian(theta)[1] ** 2).sum(axis=1))
        return norms
