"""Make ``simulated_curves.csv``: learning curves simulated from a published law, not trained.

The law is besiroglu2024; twelve sizes are each trained on eight token counts over a factor of 16 around the
optimum, with a cosine schedule as long as the run that ends at a tenth of the learning rate. Until it has
decayed the rate adds up to 0.1 nats: 0.1 (lr/lr_max - 0.1)/0.9. The loss carries a lognormal error of 0.1 %.
The seed is fixed: ``python sample_runs/simulate_curves.py`` writes the same file every time.
"""

import csv
import math
from pathlib import Path

import numpy as np

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import published_law

SIZES = np.geomspace(70e6, 7e9, 12)
FACTORS = np.geomspace(1 / 4, 4, 8)
ROWS = 40
NOISE = 0.001
SEED = 20220329
COLUMNS = ("run_id", "params", "tokens", "schedule_tokens", "loss", "simulated")


def simulate() -> list[tuple[str, int, int, int, str, int]]:
    """Return the rows of the table, in the order of ``COLUMNS``."""
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    noise = np.random.default_rng(SEED)
    rows = []
    for size in SIZES:
        N = round(float(size), -5)
        _, best = law.optimum(law.flops_for_params(N))
        for factor in FACTORS:
            schedule = round(best * float(factor), -6)
            for row in range(1, ROWS + 1):
                share = row / ROWS
                D = round(schedule * share)
                rate = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * share))
                loss = law.loss(N, D) + 0.1 * (rate - 0.1) / 0.9
                loss *= float(np.exp(NOISE * noise.standard_normal()))
                name = f"{N / 1e6:.0f}M-{schedule / 1e9:.1f}B"
                rows.append((name, int(N), D, int(schedule), f"{loss:.4f}", 1))
    return rows


def main() -> None:
    """Write the table beside this file."""
    with (Path(__file__).parent / "simulated_curves.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(simulate())


if __name__ == "__main__":
    main()
