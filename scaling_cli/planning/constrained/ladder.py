"""The ladder: other sizes at the loss of the optimum, and the demand at which a smaller one pays."""

import math
from dataclasses import dataclass

from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.marginal import break_even_inference_tokens
from scaling_cli.planning.constrained.money import INFERENCE_FLOPS_PER_PARAM_TOKEN
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

RUNGS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Sizes as multiples of N_opt."""


@dataclass(frozen=True, slots=True)
class Rung:
    """``ratio`` times N_opt params at the loss of the optimum.

    ``tokens_ratio`` and ``flops_ratio`` are D/D_opt and C/C_opt; ``inference_saving`` is 1 - N/N_opt, the
    share of each served token's FLOPs that is saved. Beyond ``break_even_tokens`` served, training and
    serving cost less in all than the optimum's; at ``right_for_tokens`` no other size costs less.
    ``None`` where the loss is out of reach, or where no demand makes up for the training.
    """

    ratio: float
    params: float
    tokens: float | None = None
    flops: float | None = None
    tokens_ratio: float | None = None
    flops_ratio: float | None = None
    inference_saving: float | None = None
    break_even_tokens: float | None = None
    right_for_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs, and ``least_ratio``: at and below it no number of tokens reaches the loss."""

    loss: float
    least_ratio: float
    rungs: tuple[Rung, ...]


def climb(law: PredictsLoss, N_opt: float, D_opt: float) -> Ladder:
    """Return the ladder around an optimum; every rung reaches L(N_opt, D_opt)."""
    L = law.loss(N_opt, D_opt)
    least = law.params_for_loss(math.inf, L) / N_opt
    return Ladder(L, least, tuple(_rung(law, N_opt, D_opt, L, ratio) for ratio in RUNGS))


def _rung(law: PredictsLoss, N_opt: float, D_opt: float, L: float, ratio: float) -> Rung:
    N = ratio * N_opt
    D = D_opt if ratio == 1 else law.tokens_for_loss(N, L)
    if not math.isfinite(D):
        return Rung(ratio, N)
    pays = FLOPS_PER_PARAM_TOKEN * (N * D - N_opt * D_opt)
    right_for = break_even_inference_tokens(law, N, D)
    return Rung(
        ratio=ratio,
        params=N,
        tokens=D,
        flops=FLOPS_PER_PARAM_TOKEN * N * D,
        tokens_ratio=D / D_opt,
        flops_ratio=N * D / (N_opt * D_opt),
        inference_saving=1 - ratio,
        break_even_tokens=pays / (INFERENCE_FLOPS_PER_PARAM_TOKEN * (N_opt - N)) if ratio < 1 else None,
        right_for_tokens=right_for if ratio < 1 else 0.0 if ratio == 1 else None,
    )
