"""Files of learning curves for the command-line tests, with crossings that are known."""

from pathlib import Path

import numpy as np

HOURS_PER_FLOP = 1e-17
"""All runs compute at one speed, but for the largest, which takes half as long again."""


def write_curves(path: Path, *, has_schedule: bool = True, points: int = 120) -> Path:
    """Write three runs of 1B, 2B and 4B: losses 2.5 (C/1.2e20)^-g nats with g = 0.05, 0.08 and 0.1.

    C = 6 N D, so that all have one loss at 1.2e20 FLOPs; each is trained on 1e11 tokens, which is the end of
    the smallest one's schedule only. Their noise is a fixed pattern of 0.002 nats.
    """
    share = np.linspace(0.01, 1, points)
    lines = ["run_id,params,tokens,gpu_hours,loss" + (",schedule_tokens" if has_schedule else "")]
    for number, (N, g) in enumerate(((1e9, 0.05), (2e9, 0.08), (4e9, 0.1))):
        noise = np.random.default_rng(number).normal(0, 0.002, points)
        for D, e in zip((1e11 * share).tolist(), noise.tolist(), strict=True):
            C = 6 * N * D
            hours = C * HOURS_PER_FLOP * (1.5 if number == 2 else 1)
            row = f"net-{N / 1e9:.0f}B,{N:.0f},{D:.0f},{hours:.3f},{2.5 * (C / 1.2e20) ** -g + e:.4f}"
            lines.append(row + (f",{1e11 if number == 0 else 2e11:.0f}" if has_schedule else ""))
    path.write_text("\n".join(lines) + "\n")
    return path
