"""Learning curves simulated from a law: its loss, and what an undecayed learning rate adds to it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scaling_cli.curves import Curves
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.published import published_law

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

FINAL_RATE = 0.1
"""A cosine decays the learning rate to a tenth of its maximum (Hoffmann et al. 2022, App. B)."""

PENALTY = 0.1
"""What the full learning rate adds to the loss, in nats per token."""

TABLE_A9 = """44 57 74 90 106 117 140 163 175 196 217 251 278 306 425 489 509 552 587 632 664 724 816 893
    1018 1143 1266 1424 1429 1593 1609 1731 1794 2007 2283 2298 2639 2980 3530 3802 4084 4516 6796 9293 11452
    12295 12569 13735 14940 16183"""
"""The sizes of Hoffmann et al. 2022, Table A9, in millions of parameters."""

TABLE_A9_SIZES = 1e6 * np.array([float(size) for size in TABLE_A9.split()])


def besiroglu() -> PredictsLoss:
    law = published_law("besiroglu2024").law
    assert isinstance(law, PredictsLoss)
    return law


def learning_rate(share: "FloatArray") -> "FloatArray":
    """Cosine from 1 to ``FINAL_RATE`` over the schedule, as a share of the maximum."""
    return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + np.cos(np.pi * share))


def simulate(
    sizes: "FloatArray | Sequence[float]",
    schedules: "FloatArray | Sequence[float]",
    *,
    rows: int = 400,
    law: PredictsLoss | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> Curves:
    """One run per pair of a size and a schedule length: law + 0.1 nats x (lr/lr_max - 0.1)/0.9."""
    law = law or besiroglu()
    N, S = np.asarray(sizes, dtype=float), np.asarray(schedules, dtype=float)
    share = np.arange(1, rows + 1) / rows
    tokens = S[:, None] * share
    excess = PENALTY * (learning_rate(share) - FINAL_RATE) / (1 - FINAL_RATE)
    loss = law.loss(N[:, None] + 0 * tokens, tokens) + excess
    loss = loss * np.exp(noise * np.random.default_rng(seed).normal(size=loss.shape))
    return Curves(
        params=N,
        schedule_tokens=S,
        names=tuple(f"{n / 1e6:.0f}M-{s / 1e9:.3g}B" for n, s in zip(N, S, strict=True)),
        offsets=rows * np.arange(len(N) + 1),
        tokens=tokens.ravel(),
        loss=loss.ravel(),
    )


def matched_schedules(
    sizes: "FloatArray", lengths: int, law: PredictsLoss | None = None
) -> tuple["FloatArray", "FloatArray"]:
    """Each size with ``lengths`` schedules over a factor of 16 around the tokens that are optimal for it."""
    law = law or besiroglu()
    best = np.array([law.optimum(law.flops_for_params(float(N)))[1] for N in sizes])
    factors = np.geomspace(1 / 4, 4, lengths)
    return np.repeat(sizes, lengths), (best[:, None] * factors).ravel()
