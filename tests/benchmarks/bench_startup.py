"""Whole processes: the program beside the bare interpreter and the bare command-line library.

Run by hand: ``python tests/benchmarks/bench_startup.py``. The commands take turns, so that a machine
that slows down slows all of them; medians and ratios of one run are printed.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
RUNS = Path(__file__).parents[2] / "sample_runs" / "simulated_isoflop.csv"
PLAIN = "python -c 'import typer'"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    PLAIN: ["-c", "import typer"],
    "python -c 'import numpy, typer, rich.table'": ["-c", "import numpy, typer, rich.table"],
    "scaling --version": ["-m", "scaling_cli", "--version"],
    "scaling --help": ["-m", "scaling_cli", "--help"],
    "scaling optimal --flops 5.76e23": ["-m", "scaling_cli", "optimal", "--flops", "5.76e23"],
    "scaling optimal --flops 5.76e23 --format json": [
        *("-m", "scaling_cli", "optimal", "--flops", "5.76e23", "--format", "json"),
    ],
    "scaling fit simulated_isoflop.csv": ["-m", "scaling_cli", "fit", str(RUNS)],
}


def time_once(arguments: list[str]) -> float:
    """Return the wall seconds of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the median of each command and its ratio to the bare library."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_ in range(-1, ROUNDS):
        for name, arguments in COMMANDS.items():
            taken = time_once(arguments)
            if round_ >= 0:  # the first round warms the caches
                seconds[name].append(taken)
    plain = statistics.median(seconds[PLAIN])
    print(f"| whole process, median of {ROUNDS} | ms | times `{PLAIN}` |\n| --- | --: | --: |")
    for name, taken_all in seconds.items():
        median = statistics.median(taken_all)
        print(f"| `{name}` | {1000 * median:.0f} | {median / plain:.2f} |")


if __name__ == "__main__":
    main()
