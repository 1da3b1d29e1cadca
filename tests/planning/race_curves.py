"""Learning curves whose crossings are known, for the tests of races."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scaling_cli.curves import Curves
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

CROSSING = 1.2e20
"""The FLOPs at which the curves of ``crossing`` have the same loss."""


def make_curves(
    tokens: "Sequence[FloatArray]",
    losses: "Sequence[FloatArray]",
    params: Sequence[float],
    *,
    names: Sequence[str] = (),
    schedules: Sequence[float] = (),
    hours_per_token: Sequence[float] = (),
) -> Curves:
    """Put runs together; without schedules none is known, without hours there are none."""
    lengths = [len(one) for one in tokens]
    hours = [k * one for k, one in zip(hours_per_token, tokens, strict=False)]
    return Curves(
        params=np.array(params, dtype=float),
        schedule_tokens=np.array(schedules or [np.nan] * len(params), dtype=float),
        names=tuple(names) or tuple(f"run-{i}" for i in range(len(params))),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        tokens=np.concatenate(tokens),
        loss=np.concatenate(losses),
        gpu_hours=np.concatenate(hours) if hours else None,
    )


def crossing(
    *, points: int = 200, noise: float = 0.0, seed: int = 0, schedules: Sequence[float] = ()
) -> Curves:
    """Two power laws in C = 6 N D with one loss at ``CROSSING``: 1B falls as C^-0.05, 2B as C^-0.08."""
    rng = np.random.default_rng(seed)
    sizes, exponents = (1e9, 2e9), (0.05, 0.08)
    tokens = np.linspace(0.01, 1, points) * 1e11
    losses = [
        2.5 * (FLOPS_PER_PARAM_TOKEN * N * tokens / CROSSING) ** -g + rng.normal(0, noise, points)
        for N, g in zip(sizes, exponents, strict=True)
    ]
    return make_curves(
        [tokens, tokens],
        losses,
        sizes,
        names=("small-1B", "large-2B"),
        schedules=schedules,
        hours_per_token=(1e-7, 2e-7),
    )
