"""Starting points for the robust fit: variable projection over a grid of exponents."""

from typing import TYPE_CHECKING

from scaling_cli.fitting.objective import LogRuns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

EXPONENTS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.27, 0.34, 0.42, 0.52, 0.65, 0.82, 1.05, 1.4, 1.9, 2.6, 3.6)
"""Grid of alpha and of beta; those of the published laws of this form lie between 0.24 and 0.37."""

LEAST_SHARE = 1e-4
"""A coefficient that the linear fit sets to zero starts at this share of the loss instead."""


RIDGE = 1e-13
"""Of the trace, added to the normal equations where two columns are alike."""


def projected_starts(data: LogRuns, count: int, exponents: "FloatArray | None" = None) -> "FloatArray":
    """Return solver vectors, shape (S, 5), that are worth descending from; S is ``count`` or a few more.

    For given exponents the law is linear in E, A, B: on a grid of (alpha, beta) the non-negative
    least squares of (E + A N^-alpha + B D^-beta - L)/L are solved in closed form, all at once. Taken are
    the local minima of the grid, the best cells, and a coarse lattice over the whole grid, so that a
    basin which least squares does not see is tried too; the first few once more with E = 0 (e = -inf,
    which the caller's bounds make finite). ``exponents`` are others for the grid.
    """
    import numpy as np

    exponents = np.array(EXPONENTS) if exponents is None else exponents
    misfit, coefficients = _project(data, exponents)
    size = len(exponents)
    padded = np.pad(misfit, 1, constant_values=np.inf)
    neighbours = [
        padded[1 + i : 1 + i + size, 1 + j : 1 + j + size]
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
        if (i, j) != (0, 0)
    ]
    minima = np.flatnonzero((misfit <= np.min(neighbours, axis=0)).ravel())
    best = np.argsort(misfit, axis=None, kind="stable")[: count // 2]
    lattice = np.arange(size * size).reshape(size, size)[1::4, 1::4].ravel()
    # dict.fromkeys keeps the order: minima first
    cells = np.array(list(dict.fromkeys([*minima, *best, *lattice])))
    least = LEAST_SHARE * np.exp(data.z.mean())
    e, a, b = np.log(np.maximum(coefficients.reshape(-1, 3)[cells], least)).T
    alpha, beta = exponents[cells // size], exponents[cells % size]
    starts = np.column_stack([a, b, e, alpha, beta])
    # E = 0 lies at e = -inf, which no descent reaches in time: some starts begin there
    without_E = starts[: max(4, len(minima))].copy()
    without_E[:, 2] = -np.inf
    return np.concatenate([starts, without_E])


def _project(data: LogRuns, exponents: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
    """Return the relative misfit (G, G) and E, A, B at the centre (G, G, 3) for every (alpha, beta)."""
    import numpy as np

    weight = np.exp(-data.z)
    X = np.exp(-exponents[:, None] * data.x) * weight  # (G, n)
    Y = np.exp(-exponents[:, None] * data.y) * weight
    grid = len(exponents)
    gram = np.empty((grid, grid, 3, 3))
    gram[..., 0, 0] = weight @ weight
    gram[..., 0, 1] = gram[..., 1, 0] = (X @ weight)[:, None]
    gram[..., 0, 2] = gram[..., 2, 0] = (Y @ weight)[None, :]
    gram[..., 1, 1] = (X * X).sum(axis=1)[:, None]
    gram[..., 2, 2] = (Y * Y).sum(axis=1)[None, :]
    gram[..., 1, 2] = gram[..., 2, 1] = X @ Y.T
    moment = np.empty((grid, grid, 3))
    moment[..., 0] = weight.sum()
    moment[..., 1] = X.sum(axis=1)[:, None]
    moment[..., 2] = Y.sum(axis=1)[None, :]

    gram[..., [0, 1, 2], [0, 1, 2]] += RIDGE * np.trace(gram, axis1=-2, axis2=-1)[..., None]
    coefficients = _nonnegative(gram, moment)
    return len(data.z) - (coefficients * moment).sum(axis=-1), coefficients


def _nonnegative(gram: "FloatArray", moment: "FloatArray") -> "FloatArray":
    """Return the c >= 0 of least c G c - 2 c m, for G = ``gram`` (..., 3, 3) and m = ``moment`` (..., 3).

    It is the best of the seven solutions with some of the three positive and the others zero.
    """
    import numpy as np

    solutions = np.zeros((7, *moment.shape))
    solutions[0] = np.linalg.solve(gram, moment[..., None])[..., 0]
    for place, (i, j) in enumerate(((0, 1), (0, 2), (1, 2)), start=1):
        m_i, m_j, shared = moment[..., i], moment[..., j], gram[..., i, j]
        determinant = gram[..., i, i] * gram[..., j, j] - shared * shared
        solutions[place, ..., i] = (m_i * gram[..., j, j] - m_j * shared) / determinant
        solutions[place, ..., j] = (m_j * gram[..., i, i] - m_i * shared) / determinant
    for i in range(3):
        solutions[4 + i, ..., i] = moment[..., i] / gram[..., i, i]
    # at the least of a subset the objective is -c m
    explained = np.where((solutions >= 0).all(axis=-1), (solutions * moment).sum(axis=-1), -np.inf)
    best = explained.argmax(axis=0)
    return np.asarray(np.take_along_axis(solutions, best[None, ..., None], axis=0)[0])


def nonnegative_pair(u: "FloatArray", v: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
    """Return the c >= 0, (G, 2), of least sum (c_1 u + c_2 v - 1)^2, and that sum, (G,).

    ``u`` and ``v`` are columns of shape (G, n), positive, one pair for each of G problems.
    """
    import numpy as np

    uu, vv, uv = (u * u).sum(axis=1), (v * v).sum(axis=1), (u * v).sum(axis=1)
    u1, v1 = u.sum(axis=1), v.sum(axis=1)
    determinant = np.maximum(uu * vv - uv * uv, 1e-13 * uu * vv)
    both = np.stack([(u1 * vv - v1 * uv) / determinant, (v1 * uu - u1 * uv) / determinant], axis=1)
    # where one of them would be negative it is zero, and the better of the two alone is taken
    is_first = np.greater(u1**2 / uu, v1**2 / vv).reshape(-1, 1)
    alone = np.where(
        is_first,
        np.stack([u1 / uu, np.zeros_like(uu)], axis=1),
        np.stack([np.zeros_like(vv), v1 / vv], axis=1),
    )
    chosen = np.where(both.min(axis=1, keepdims=True) > 0, both, alone)
    explained = chosen[:, 0] * u1 + chosen[:, 1] * v1
    return chosen, u.shape[1] - explained
