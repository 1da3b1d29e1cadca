"""Make ``simulated_recipe.csv``: a second recipe, simulated, for ``scaling compare recipes``.

The runs have the params and tokens of ``simulated_isoflop.csv``, and the loss of the same law with its
tokens counted 1.25 times, as better data might do; their errors are their own. So the recipe reaches every
loss with 0.8 of the compute. ``python sample_runs/simulate_recipe.py`` writes the same file every time.
"""

import csv
from pathlib import Path

import numpy as np

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import published_law

HERE = Path(__file__).parent
GAIN = 1.25
NOISE = 0.003
SEED = 20240415


def simulate() -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of ``simulated_isoflop.csv`` with the losses of the recipe."""
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    noise = np.random.default_rng(SEED)
    with (HERE / "simulated_isoflop.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    params, tokens, loss = (header.index(name) for name in ("params", "tokens", "loss"))
    for row in rows:
        exact = law.loss(float(row[params]), GAIN * float(row[tokens]))
        row[loss] = f"{exact * float(np.exp(NOISE * noise.standard_normal())):.5f}"
    return header, rows


def main() -> None:
    """Write the table beside this file."""
    header, rows = simulate()
    with (HERE / "simulated_recipe.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
