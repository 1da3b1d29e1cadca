"""Studies that the fitting tests share: simulated from a known law, or read from real runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from scaling_cli.files.run_table import read_runs
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.runs import Runs

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


class Simulate(Protocol):
    """Make an IsoFLOP study of a law."""

    def __call__(
        self, law: ChinchillaLaw, *, noise: float = ..., seed: int = ..., sizes: int = ..., budgets: int = ...
    ) -> Runs: ...


@pytest.fixture(scope="session")
def simulate() -> Simulate:
    """Studies with sizes from a quarter to four times the optimum, at budgets from 6e18 to 3e21."""

    def make(
        law: ChinchillaLaw, *, noise: float = 0.0, seed: int = 0, sizes: int = 7, budgets: int = 9
    ) -> Runs:
        C = np.repeat(np.geomspace(6e18, 3e21, budgets), sizes)
        N = law.optimum(C)[0] * np.tile(np.geomspace(0.25, 4, sizes), budgets)
        D = C / (6 * N)
        errors = np.exp(noise * np.random.default_rng(seed).standard_normal(len(C)))
        return Runs(N, D, C, law.loss(N, D) * errors, tuple(f"run {i}" for i in range(len(C))))

    return make


@pytest.fixture(scope="session")
def chinchilla_runs() -> Callable[[int], Runs]:
    """The 245 digitised Chinchilla runs, without the given number of highest losses."""
    path = SHARED / "chinchilla_digitised.csv"
    if not path.exists():
        pytest.skip("the digitised Chinchilla runs are not on this machine")
    return lambda dropped: read_runs(str(path), drop_highest_losses=dropped).runs
