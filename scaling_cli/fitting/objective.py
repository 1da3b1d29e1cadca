"""The log-Huber objective of approach 3, with its exact gradient and Hessian, for many candidates at once."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from scaling_cli.fitting.penalty import Penalty
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

PARAMETERS = ("a", "b", "e", "alpha", "beta")
"""The solver's vector, in order: log A and log B at the runs' centre, log E, and the two exponents."""

_A, _B, _E, _ALPHA, _BETA = range(5)
_1, _X, _Y, _XX, _YY, _XY = range(6)

HESSIAN = (
    ((_A, _B, _1, 1), (_A, _BETA, _Y, -1), (_B, _ALPHA, _X, -1), (_ALPHA, _BETA, _XY, 1)),
    ((_A, _E, _1, 1), (_E, _ALPHA, _X, -1)),
    ((_B, _E, _1, 1), (_E, _BETA, _Y, -1)),
    ((_A, _A, _1, 1), (_A, _ALPHA, _X, -1), (_ALPHA, _ALPHA, _XX, 1)),
    ((_B, _B, _1, 1), (_B, _BETA, _Y, -1), (_BETA, _BETA, _YY, 1)),
    ((_E, _E, _1, 1),),
)
"""The Hessian's entries (row, column, monomial, sign), by the pair of terms that weighs their sums: terms 1
and 2, 1 and 3, 2 and 3, then each with itself. The inner derivatives of the terms are (1, -x), (1, -y), 1."""


@dataclass(frozen=True, slots=True, eq=False)
class LogRuns:
    """Runs in the coordinates of the fit: logarithms, the inputs centred.

    ``x`` = log N - ``centre_N``, ``y`` = log D - ``centre_D``, ``z`` = log L, each of shape (n,). Centring
    takes the correlation of a and alpha from 0.9994 to a value that a solver can work with.
    """

    x: "FloatArray"
    y: "FloatArray"
    z: "FloatArray"
    centre_N: float
    centre_D: float
    monomials: "FloatArray"
    """1, x, y, x^2, y^2, x y, shape (n, 6): the sums that the derivatives are made of."""
    blocks: tuple["FloatArray", ...]
    """The monomials that go with each of ``HESSIAN``'s weights, side by side in memory."""


def log_runs(runs: Runs) -> LogRuns:
    """Take the logarithms of runs and centre log N and log D."""
    import numpy as np

    log_N, log_D = np.log(runs.params), np.log(runs.tokens)
    centre_N, centre_D = float(log_N.mean()), float(log_D.mean())
    x, y = log_N - centre_N, log_D - centre_D
    monomials = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    blocks = tuple(np.ascontiguousarray(monomials[:, [entry[2] for entry in block]]) for block in HESSIAN)
    return LogRuns(x, y, np.log(runs.loss), centre_N, centre_D, monomials, blocks)


def pack(law: ChinchillaLaw, data: LogRuns) -> "FloatArray":
    """Return the solver's vector of a law, shape (5,), in the order of ``PARAMETERS``."""
    import numpy as np

    a = np.log(law.A) - law.alpha * data.centre_N
    b = np.log(law.B) - law.beta * data.centre_D
    return np.array([a, b, np.log(law.E), law.alpha, law.beta])


def unpack(theta: "FloatArray", data: LogRuns) -> dict[str, float]:
    """Return the constants E, A, B, alpha, beta of a solver's vector, shape (5,)."""
    import numpy as np

    a, b, e, alpha, beta = (float(value) for value in theta)
    with np.errstate(over="ignore", under="ignore"):
        A, B = float(np.exp(a + alpha * data.centre_N)), float(np.exp(b + beta * data.centre_D))
        return {"E": float(np.exp(e)), "A": A, "B": B, "alpha": alpha, "beta": beta}


def predict(theta: "FloatArray", data: LogRuns) -> "FloatArray":
    """Return log L_predicted = LSE(a - alpha x_i, b - beta y_i, e), (S, n) for ``theta`` (S, 5)."""
    return _softmax(theta, data)[0]


def jacobian(theta: "FloatArray", data: LogRuns) -> tuple["FloatArray", "FloatArray"]:
    """Return log L_predicted, (S, n), and its derivatives (p1, p2, p3, -p1 x, -p2 y), (S, n, 5)."""
    import numpy as np

    f, p1, p2, p3 = _softmax(theta, data)
    return f, np.stack([p1, p2, p3, -p1 * data.x, -p2 * data.y], axis=2)


def residuals(theta: "FloatArray", data: LogRuns) -> "FloatArray":
    """Return r_i = LSE(a - alpha x_i, b - beta y_i, e) - z_i, shape (S, n) for ``theta`` of shape (S, 5)."""
    return _softmax(theta, data)[0] - data.z


def objective(theta: "FloatArray", data: LogRuns, delta: float) -> "FloatArray":
    """Return the SUM over runs of Huber_delta(r_i), shape (S,), for ``theta`` of shape (S, 5).

    Huber_delta(r) = r^2/2 for |r| <= delta, else delta (|r| - delta/2): Hoffmann et al. 2022, Eq. 3.
    The mean in its place makes common optimisers stop early (Besiroglu et al. 2024).
    """
    total: FloatArray = Penalty(delta=delta).costs(predict(theta, data), data.z)[0].sum(axis=1)
    return total


def derivatives(
    theta: "FloatArray", data: LogRuns, penalty: "Penalty | float", weights: "FloatArray | None" = None
) -> tuple["FloatArray", "FloatArray", "FloatArray"]:
    """Return the objective (S,), its gradient (S, 5) and its Hessian (S, 5, 5).

    With the softmax weights p_k of the three terms, their inner derivatives u_k, and psi = rho', w = rho''
    of the cost in the predicted log loss, the Hessian is
    sum (w - psi) J J^T + psi sum_k p_k u_k u_k^T with J = sum_k p_k u_k.
    Each u_k is (1, -x), (1, -y) or (1), so every entry is a sum of weights times a monomial. ``weights``
    (n,) or (S, n) count every run so many times; ``None`` counts each once. A number for the penalty is
    the delta of the log-Huber one.
    """
    import numpy as np

    penalty = penalty if isinstance(penalty, Penalty) else Penalty(delta=penalty)
    f, p1, p2, p3 = _softmax(theta, data)
    cost, psi, curvature = penalty.costs(f, data.z, weights)
    ones_x, ones_y = data.monomials[:, [_1, _X]], data.monomials[:, [_1, _Y]]
    gradient = np.empty(theta.shape)
    gradient[:, [_A, _ALPHA]] = (psi * p1) @ ones_x
    gradient[:, [_B, _BETA]] = (psi * p2) @ ones_y
    gradient[:, _E] = (psi * p3).sum(axis=1)
    gradient[:, [_ALPHA, _BETA]] *= -1

    curvature = curvature - psi
    c1, c2, c3 = curvature * p1, curvature * p2, curvature * p3
    pairs = [c1 * p2, c1 * p3, c2 * p3]
    for c, p in ((c1, p1), (c2, p2), (c3, p3)):
        c += psi
        c *= p
        pairs.append(c)
    sums = np.concatenate([pair @ block for pair, block in zip(pairs, data.blocks, strict=True)], axis=1)
    where, sign = _places()
    return cost.sum(axis=1), gradient, (sums[:, where] * sign).reshape(-1, 5, 5)


@cache
def _places() -> tuple["NDArray[np.intp]", "FloatArray"]:
    """Return which sum stands in each entry of the Hessian, row by row, and its sign, (25,) each."""
    import numpy as np

    where, sign = np.zeros((5, 5), dtype=np.intp), np.zeros((5, 5))
    for k, (i, j, _, s) in enumerate(entry for block in HESSIAN for entry in block):
        where[[i, j], [j, i]] = k
        sign[[i, j], [j, i]] = s
    return where.ravel(), sign.ravel()


def column_norms(theta: "FloatArray", data: LogRuns) -> "FloatArray":
    """Return the norms of the columns of the residuals' Jacobian, (S, 5): the scale of each coordinate."""
    import numpy as np

    _, p1, p2, p3 = _softmax(theta, data)
    norms = np.empty(theta.shape)
    norms[:, [0, 3]] = (p1 * p1) @ data.monomials[:, [0, 3]]
    norms[:, [1, 4]] = (p2 * p2) @ data.monomials[:, [0, 4]]
    norms[:, 2] = (p3 * p3).sum(axis=1)
    return np.sqrt(norms)


def _softmax(
    theta: "FloatArray", data: LogRuns
) -> tuple["FloatArray", "FloatArray", "FloatArray", "FloatArray"]:
    """Return log L_predicted and the shares p1, p2, p3 of the three terms in it, each (S, n).

    The terms are exponentiated as they are: within the solver's bounds they stay below exp(200).
    """
    import numpy as np

    a, b, e, alpha, beta = theta.T[:, :, None]
    p1 = np.exp(a - alpha * data.x)
    p2 = np.exp(b - beta * data.y)
    p3 = np.exp(e)
    total = p1 + p2
    total += p3
    share = 1 / total
    p1 *= share
    p2 *= share
    return np.log(total), p1, p2, p3 * share
