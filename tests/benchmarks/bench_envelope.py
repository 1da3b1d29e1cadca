"""Twenty million rows of learning curves, read and enveloped; and what the envelope finds in simulations.

    python tests/benchmarks/bench_envelope.py [RUNS ROWS]

The file is generated (400 runs of 50,000 steps unless told), and read by ``scaling fit --approach 1`` as a
whole process, by polars alone and by the csv module, each in a process of its own.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from scaling_cli.curves import Curves
from scaling_cli.fitting.envelope import EnvelopeFit, fit_envelope
from scaling_cli.fitting.trace import EnvelopeSettings
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.published import PUBLISHED
from tests.fitting.learning_curves import (
    TABLE_A9_SIZES,
    besiroglu,
    learning_rate,
    matched_schedules,
    simulate,
)

LENGTHS = 20
NOISE = 0.005
SIZES = np.geomspace(70e6, 10e9, 80)
LAWS = ("besiroglu2024", "hoffmann2022-a3", "hoffmann2022-a3-rounded")

BY_CSV = """
import array, csv, sys
columns = [array.array("d") for _ in range(4)]
names = []
with open(sys.argv[1], newline="") as file:
    rows = csv.reader(file)
    next(rows)
    for row in rows:
        names.append(row[0])
        for column, cell in zip(columns, row[1:]):
            column.append(float(cell))
"""
BY_POLARS = """
import polars, sys
floats = dict.fromkeys(["params", "tokens", "loss", "schedule_tokens"], polars.Float64)
polars.read_csv(sys.argv[1], schema_overrides=floats | {"run_id": polars.Categorical})
"""


def write_curves(path: Path, runs: int, rows: int) -> None:
    """Write learning curves with noise, ``LENGTHS`` schedules for each size, run after run."""
    law = besiroglu()
    sizes, schedules = matched_schedules(np.geomspace(70e6, 10e9, runs // LENGTHS).round(-3), LENGTHS)
    share = np.arange(1, rows + 1) / rows
    excess = 0.1 * (learning_rate(share) - 0.1) / 0.9
    random = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("run_id,params,tokens,loss,schedule_tokens\n")
        for N, schedule in zip(sizes, schedules.round(), strict=True):
            tokens = np.round(share * schedule)
            loss = (law.loss(N, tokens) + excess) * np.exp(NOISE * random.standard_normal(rows))
            start, end = f"{N / 1e6:.0f}M-{schedule / 1e9:.3g}B,{N:.0f},", f",{schedule:.0f}\n"
            cells = zip(tokens.astype(np.int64).tolist(), loss.tolist(), strict=True)
            file.writelines(f"{start}{D},{L:.5f}{end}" for D, L in cells)


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and its peak memory in MiB."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def time_readers(runs: int, rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "curves.csv"
        write_curves(path, runs, rows)
        megabytes = path.stat().st_size / 1e6
        print(f"{runs} runs of {rows} rows, {megabytes:.0f} MB; whole processes, {os.cpu_count()} cores")
        python = sys.executable
        fit = [python, "-m", "scaling_cli", "fit", str(path), "--approach", "1", "--format", "json"]
        commands = {
            "scaling fit --approach 1": fit,
            "the same, --bootstrap 0": [*fit, "--bootstrap", "0"],
            "polars.read_csv alone": [python, "-c", BY_POLARS, str(path)],
            "csv module alone": [python, "-c", BY_CSV, str(path)],
        }
        ours = 0.0
        for name, command in commands.items():
            seconds, peak = measure(command)
            ours = ours or seconds
            print(f"{name:28s}{seconds:8.1f} s {peak:8.0f} MiB   ratio {seconds / ours:5.2f}")


def error(fit: EnvelopeFit, law: PredictsLoss, rule: str = "") -> str:
    """Return by how much the N exponent is off, as fitted or under another rule."""
    found = next((v.law for v in fit.variants if v.rule == rule), None) if rule else fit.law
    return "refused" if found is None else f"{found.exponents[0] - law.exponents[0]:+.4f}"


def show_errors() -> None:
    """Print what the envelope makes of simulated curves: law + 0.1 nats x (lr/lr_max - 0.1)/0.9."""
    print("\nerror of the N exponent               as fitted  with edges  along the way")
    for name in LAWS:
        law = PUBLISHED[name].law
        assert isinstance(law, PredictsLoss)
        studies = {
            "80 sizes x 20 matched lengths": simulate(*matched_schedules(SIZES, 20, law), rows=1000, law=law),
            "80 sizes x one of 130B tokens": simulate(SIZES, np.full(80, 130e9), rows=1000, law=law),
            "Table A9 x 4 matched lengths": simulate(
                *matched_schedules(TABLE_A9_SIZES, 4, law), rows=1000, law=law
            ),
            "Table A9 x one of 130B tokens": simulate(TABLE_A9_SIZES, np.full(50, 130e9), rows=1000, law=law),
        }
        print(name)
        for what, curves in studies.items():
            fit = fit_envelope(curves)
            cells = [error(fit, law), error(fit, law, "with-edges"), error(fit, law, "all-points")]
            print(f"  {what:36s}{cells[0]:>9s}{cells[1]:>12s}{cells[2]:>15s}")
    print("\nthe same along the way, by the share of the schedule at which reading begins")
    shares = (0.01, 0.05, 0.1, 0.15, 0.2)
    print(" " * 38 + "".join(f"{share:>9.0%}" for share in shares))
    for name in LAWS:
        law = PUBLISHED[name].law
        assert isinstance(law, PredictsLoss)
        for what, sizes in (("80 sizes", SIZES), ("Table A9", TABLE_A9_SIZES)):
            curves = simulate(sizes, np.full(len(sizes), 130e9), rows=1000, law=law)
            cells = [error(read_from(curves, share), law) for share in shares]
            print(f"  {name + ', ' + what:36s}" + "".join(f"{cell:>9s}" for cell in cells))


def read_from(curves: Curves, share: float) -> EnvelopeFit:
    """Fit the envelope read along the way from a share of the schedules on."""
    from scaling_cli.fitting import trace

    usual = trace.WHOLE_SHARE
    trace.WHOLE_SHARE = 1 - share
    try:
        return fit_envelope(curves, EnvelopeSettings(include_unfinished=True))
    finally:
        trace.WHOLE_SHARE = usual


if __name__ == "__main__":
    show_errors()
    time_readers(*(map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (400, 50_000)))
