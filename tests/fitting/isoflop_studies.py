"""IsoFLOP studies of laws that are known, on grids that are centred or not, for tests and benchmarks."""

import math

import numpy as np

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.runs import Runs

BUDGETS = np.array([6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21])
"""The nine of Hoffmann et al. 2022, Fig. 3."""

SIZES = 7
TARGET = 1e24

PUBLISHED = ChinchillaLaw(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
"""Hoffmann et al. 2022, Eq. 10."""


def law_with(alpha: float, beta: float, *, ratio: float = 20.0, C: float = 1e21) -> ChinchillaLaw:
    """A law of ours with E and the loss at 1e21 FLOPs of the published one, and 20 tokens per param there.

    At the optimum alpha A N^-alpha = beta B D^-beta, which makes A and B of the two.
    """
    N = math.sqrt(C / (6 * ratio))
    reducible = PUBLISHED.frontier_loss(C) - PUBLISHED.E
    in_N, in_D = reducible * beta / (alpha + beta), reducible * alpha / (alpha + beta)
    return ChinchillaLaw(PUBLISHED.E, in_N * N**alpha, in_D * (ratio * N) ** beta, alpha, beta)


LAWS = {"alpha = beta": law_with(0.31, 0.31), "0.34/0.28": PUBLISHED, "0.465/0.155": law_with(0.465, 0.155)}

CENTRES = {
    "centred": np.ones(len(BUDGETS)),
    "3x large": np.full(len(BUDGETS), 3.0),
    "3x small": np.full(len(BUDGETS), 1 / 3),
    "drifting to 3x": np.geomspace(1, 3, len(BUDGETS)),
}
"""Where the middle of the sizes lies, over N_opt, at each budget."""


def study(
    law: PredictsLoss,
    width: float,
    centres: str = "centred",
    *,
    noise: float = 0.0,
    seed: int = 0,
    optima: PredictsLoss | None = None,
) -> Runs:
    """Seven sizes from 1/``width`` to ``width`` times the centre at nine budgets, lognormal ``noise``.

    ``optima`` is the law that N_opt is taken from, where it is another.
    """
    middle = (optima or law).optimum(BUDGETS)[0] * CENTRES[centres]
    N = (middle[:, None] * np.geomspace(1 / width, width, SIZES)).ravel()
    D = np.repeat(BUDGETS, SIZES) / (6 * N)
    errors = np.exp(noise * np.random.default_rng(seed).standard_normal(len(N)))
    return Runs(N, D, 6 * N * D, law.loss(N, D) * errors, tuple(f"run {i}" for i in range(len(N))))


def one_budget(N: list[float], loss: list[float], C: float = 1e20) -> Runs:
    """The runs of one budget: sizes and losses."""
    sizes = np.array(N)
    D = C / (6 * sizes)
    return Runs(sizes, D, 6 * sizes * D, np.array(loss), tuple(f"run {i}" for i in range(len(N))))


def together(*parts: Runs) -> Runs:
    """Several tables in one, the runs numbered through."""
    names = ("params", "tokens", "flops", "loss")
    params, tokens, flops, loss = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Runs(params, tokens, flops, loss, tuple(f"run {i}" for i in range(len(params))))


def with_losses(runs: Runs, changed: dict[int, float]) -> Runs:
    """The same runs, some losses times a factor."""
    loss = runs.loss.copy()
    for place, factor in changed.items():
        loss[place] *= factor
    return Runs(runs.params, runs.tokens, runs.flops, loss, runs.names)
