"""The log-Huber objective of approach 3, with its exact gradient and Hessian, for many candidates at once."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from scaling_cli.fitting.penalty import Penalty
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

PARAMETERS = ("a", "b", "e", "alpha", "beta")
"""The solver's vector, in order: log A and log B at the runs' centre, log E, and the two exponents."""

_A, _B, _E, _ALPHA, _BETA = range(5)
_1, _X, _Y, _XX, _YY, _XY = range(6)

SUMS = (
    ((_A, _B, _1, 1), (_A, _BETA, _Y, -1), (_B, _ALPHA, _X, -1), (_ALPHA, _BETA, _XY, 1)),
    ((_A, _E, _1, 1), (_E, _ALPHA, _X, -1)),
    ((_B, _E, _1, 1), (_E, _BETA, _Y, -1)),
    ((_A, None, _1, 1), (_ALPHA, None, _X, -1)),
    ((_A, _A, _1, 1), (_A, _ALPHA, _X, -1), (_ALPHA, _ALPHA, _XX, 1)),
    ((_B, None, _1, 1), (_BETA, None, _Y, -1)),
    ((_B, _B, _1, 1), (_B, _BETA, _Y, -1), (_BETA, _BETA, _YY, 1)),
    ((_E, None, _1, 1),),
    ((_E, _E, _1, 1),),
)
"""The entries of the Hessian (row, column, monomial, sign), and of the gradient (row, no column), by what
weighs their sums: the shares of terms 1 and 2, 1 and 3, 2 and 3, then of each term its slope and its
curvature. The inner derivatives of the terms are (1, -x), (1, -y), 1."""


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
    blocks: tuple["FloatArray", ...]
    """The monomials in x and y that go with each line of ``SUMS``, with their signs, (n, k)."""


def log_runs(runs: Runs) -> LogRuns:
    """Take the logarithms of runs and centre log N and log D."""
    import numpy as np

    log_N, log_D = np.log(runs.params), np.log(runs.tokens)
    centre_N, centre_D = float(log_N.mean()), float(log_D.mean())
    x, y = log_N - centre_N, log_D - centre_D
    monomials = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    blocks = tuple(
        monomials[:, [monomial for *_, monomial, _ in block]] * [sign for *_, sign in block] for block in SUMS
    )
    return LogRuns(x, y, np.log(runs.loss), centre_N, centre_D, blocks)


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
    f, *shares = _softmax(theta, data)
    cost, slope, curvature = penalty.costs(f, data.z, weights)
    weighed = _weigh(slope, curvature, *shares)
    sums = np.concatenate([each @ block for each, block in zip(weighed, data.blocks, strict=True)], axis=1)
    placed = sums.take(_places(), axis=1)
    return cost.sum(axis=1), placed[:, :5], placed[:, 5:].reshape(-1, 5, 5)


def _weigh(
    slope: "FloatArray", curvature: "FloatArray", p1: "FloatArray", p2: "FloatArray", p3: "FloatArray"
) -> "Iterator[FloatArray]":
    """Yield what weighs the sums of each line of ``SUMS``, (S, n); ``curvature`` is used up.

    One after the other, so that what has been summed makes room for the next and all stay in the cache.
    """
    curvature -= slope
    c1, c2, c3 = curvature * p1, curvature * p2, curvature
    c3 *= p3
    yield c1 * p2
    yield c1 * p3
    yield c2 * p3
    for c, p in ((c1, p1), (c2, p2), (c3, p3)):
        of_term = slope * p
        yield of_term
        c *= p
        c += of_term
        yield c


@cache
def _places() -> "NDArray[np.intp]":
    """Return which sum stands in each entry of the gradient, then of the Hessian row by row, (30,)."""
    import numpy as np

    gradient, hessian = np.zeros(5, dtype=np.intp), np.zeros((5, 5), dtype=np.intp)
    for k, (i, j, *_) in enumerate(entry for block in SUMS for entry in block):
        if j is None:
            gradient[i] = k
        else:
            hessian[[i, j], [j, i]] = k
    return np.concatenate([gradient, hessian.ravel()])


def column_norms(theta: "FloatArray", data: LogRuns) -> "FloatArray":
    """Return the norms of the columns of the residuals' Jacobian, (S, 5): the scale of each coordinate."""
    import numpy as np

    _, p1, p2, p3 = _softmax(theta, data)
    squares = np.empty(theta.shape)
    squares[:, [_A, _ALPHA]] = ((p1 * p1) @ data.blocks[4])[:, [0, 2]]
    squares[:, [_B, _BETA]] = ((p2 * p2) @ data.blocks[6])[:, [0, 2]]
    squares[:, _E] = (p3 * p3).sum(axis=1)
    return np.sqrt(squares)


def _softmax(
    theta: "FloatArray", data: LogRuns
) -> tuple["FloatArray", "FloatArray", "FloatArray", "FloatArray"]:
    """Return log L_predicted and the shares p1, p2, p3 of the three terms in it, each (S, n).

    The terms are exponentiated as they are: within the solver's bounds they stay below exp(200).
    """
    import numpy as np

    # a - alpha x and b - beta y as matrix products of (a, alpha) with (1, -x), and likewise
    p1, p2 = theta[:, [_A, _ALPHA]] @ data.blocks[3].T, theta[:, [_B, _BETA]] @ data.blocks[5].T
    np.exp(p1, out=p1)
    np.exp(p2, out=p2)
    p3 = np.exp(theta[:, _E, None])
    total = p1 + p2
    total += p3
    share = np.reciprocal(total)
    p1 *= share
    p2 *= share
    share *= p3
    return np.log(total, out=total), p1, p2, share
