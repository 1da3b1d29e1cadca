"""Make ``simulated_isoflop.csv``: runs simulated from a published law, not trained.

The law is besiroglu2024, the budgets are the nine of Hoffmann et al. 2022 (Fig. 3), each with seven
sizes from a quarter to four times the optimum, C = 6 N D, and a lognormal error of 0.3 % on the loss.
The seed is fixed: ``python sample_runs/simulate_isoflop.py`` writes the same file every time.
"""

import csv
from pathlib import Path

import numpy as np

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import published_law

BUDGETS = (6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21)
FACTORS = np.geomspace(1 / 4, 4, 7)
NOISE = 0.003
SEED = 20220329
COLUMNS = ("run_id", "params", "tokens", "flops", "budget", "loss", "simulated")


def simulate() -> list[tuple[str, int, int, str, str, str, int]]:
    """Return the rows of the table, in the order of ``COLUMNS``."""
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    noise = np.random.default_rng(SEED)
    rows = []
    for budget in BUDGETS:
        for factor in FACTORS:
            N = round(law.optimum(budget)[0] * float(factor), -3)
            D = round(budget / (6 * N))
            loss = law.loss(N, D) * float(np.exp(NOISE * noise.standard_normal()))
            name = f"simulated-{budget:.0e}-{N / 1e6:.0f}M".replace("+", "")
            rows.append(
                (
                    name,
                    int(N),
                    D,
                    f"{6 * N * D:.9g}".replace("+", ""),
                    f"{budget:g}".replace("+", ""),
                    f"{loss:.5f}",
                    1,
                )
            )
    return rows


def main() -> None:
    """Write the table beside this file."""
    with (Path(__file__).parent / "simulated_isoflop.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(simulate())


if __name__ == "__main__":
    main()
