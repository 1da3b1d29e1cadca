"""Train the tiny study: ``python sample_runs/train_tiny.py --stage study``, one process for each core.

Every process takes the next run that neither stands in the table nor is being trained by another, and
appends it when it is finished: stop and start as many as there are cores. Needs PyTorch; nothing of the
package. See sample_runs/README.md for the installs, and tiny_study.md in docs for what came of it.
"""

import argparse
import csv
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tiny_design as design
import torch
from tiny_corpus import Corpus, read_corpus
from tiny_design import CONTEXT, Recipe, Shape
from tiny_model import Trained, train

HERE = Path(__file__).parent
TABLE, CURVES = HERE / "tiny_bytes.csv", HERE / "tiny_bytes_curves.csv"
CLAIMS = HERE / ".tiny_claims"

COLUMNS = [
    *("run_id", "params", "tokens", "flops", "flops_counted", "budget", "loss", "seed", "held_out"),
    *("steps", "batch", "lr", "unique_tokens", "epochs", "layers", "width", "seconds"),
]
CURVE_COLUMNS = ["run_id", "params", "tokens", "schedule_tokens", "loss", "held_out"]

SMOKE = design.Planned(1e10, Shape(1, 16), Recipe(200, 4, 0.008, 0))
"""A run of seconds, which shows that the machine can train."""


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", choices=("study", "held-out"), help="which runs to train")
    parser.add_argument(
        "--shape", action="append", default=[], metavar="LAYERSxWIDTH", help="a held-out run's shape"
    )
    parser.add_argument("--retrain", metavar="RUN_ID", help="train one row of the table again and compare")
    parser.add_argument("--seed", type=int, help="with --retrain: another seed than the row's")
    parser.add_argument("--smoke", action="store_true", help="train one run of seconds and write nothing")
    given = parser.parse_args()
    if given.shape and given.stage != "held-out":
        parser.error("--shape goes with --stage held-out")
    if given.seed is not None and not given.retrain:
        parser.error("--seed goes with --retrain")
    if bool(given.smoke) + bool(given.stage) + bool(given.retrain) > 1:
        parser.error("--smoke, --stage and --retrain are three different things")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if given.smoke:
        _smoke()
    elif given.retrain:
        _retrain(given.retrain, given.seed)
    elif given.stage == "study":
        _train_all(design.study())
    elif given.stage == "held-out" and given.shape:
        _train_all([_held_out(text) for text in given.shape])
    else:
        parser.error("give --smoke, --stage study, --stage held-out with --shape, or --retrain RUN_ID")


def _train_all(runs: list[design.Planned]) -> None:
    """Train the runs that are not in the table, in order, and append each when it ends."""
    corpus = read_corpus()
    CLAIMS.mkdir(exist_ok=True)
    for run in runs:
        with _claimed(run.run_id) as mine:
            if not mine or run.run_id in _rows(TABLE):
                continue
            print(f"{run.run_id}: {run.shape.params} params, {run.recipe.tokens} tokens", flush=True)
            trained = _trained(run, corpus)
            if run.run_id not in _rows(CURVES):  # a process stopped between the two files has left them there
                _append(CURVES, CURVE_COLUMNS, _curve(run, trained))
            _append(TABLE, COLUMNS, [_row(run, trained, corpus)])
            print(f"{run.run_id}: {trained.loss:.5f} nats per byte, {trained.seconds:.0f} s", flush=True)


def _trained(run: design.Planned, corpus: Corpus) -> Trained:
    return train(run.shape, run.recipe, corpus.training, corpus.validation, lambda text: None)


def _row(run: design.Planned, trained: Trained, corpus: Corpus) -> dict[str, Any]:
    shape, recipe = run.shape, run.recipe
    unique = len(corpus.training)
    return {
        "run_id": run.run_id,
        "params": shape.params,
        "tokens": recipe.tokens,
        "flops": 6 * shape.params * recipe.tokens,
        "flops_counted": shape.flops_per_token * recipe.tokens,
        "budget": f"{run.budget:g}".replace("e+", "e"),
        "loss": f"{trained.loss:.6f}",
        "seed": recipe.seed,
        "held_out": int(run.held_out),
        "steps": recipe.steps,
        "batch": recipe.batch_tokens,
        "lr": recipe.learning_rate,
        "unique_tokens": unique,
        "epochs": f"{recipe.tokens / unique:.4f}",
        "layers": shape.layers,
        "width": shape.width,
        "seconds": f"{trained.seconds:.1f}",
    }


def _curve(run: design.Planned, trained: Trained) -> list[dict[str, Any]]:
    fixed = {
        "run_id": run.run_id,
        "params": run.shape.params,
        "schedule_tokens": run.recipe.tokens,
        "held_out": int(run.held_out),
    }
    return [{**fixed, "tokens": tokens, "loss": f"{loss:.6f}"} for tokens, loss in trained.curve]


def _smoke() -> None:
    corpus = read_corpus()
    trained = train(SMOKE.shape, SMOKE.recipe, corpus.training, corpus.validation, print)
    print(
        f"loss {trained.loss:.4f} nats per byte after {SMOKE.recipe.tokens} tokens, {trained.seconds:.0f} s"
    )


def _retrain(run_id: str, seed: int | None) -> None:
    """Train a row of the table again, from its columns alone, and print both losses."""
    rows = _rows(TABLE)
    if run_id not in rows:
        raise SystemExit(f"error: {TABLE.name} has no run {run_id!r}")
    row = rows[run_id]
    shape = Shape(int(row["layers"]), int(row["width"]))
    recipe = Recipe(
        int(row["steps"]),
        int(row["batch"]) // CONTEXT,
        float(row["lr"]),
        int(row["seed"]) if seed is None else seed,
    )
    trained = _trained(design.Planned(float(row["budget"]), shape, recipe), read_corpus())
    before = float(row["loss"])
    print(
        f"{run_id}, seed {recipe.seed}: {trained.loss:.6f} nats per byte, in the table {before:.6f} with "
        f"seed {row['seed']} ({100 * (trained.loss / before - 1):+.4f} %), {trained.seconds:.0f} s"
    )


def _held_out(text: str) -> design.Planned:
    layers, _, width = text.partition("x")
    if not (layers.isdecimal() and width.isdecimal() and int(layers) * int(width)):
        raise SystemExit(f"error: --shape {text}: write LAYERSxWIDTH, like 4x88")
    shape = Shape(int(layers), int(width))
    if shape.width % shape.heads:
        raise SystemExit(f"error: --shape {text}: the width must be a multiple of {shape.heads}, its heads")
    try:
        return design.planned(design.HELD_OUT_BUDGET, shape, held_out=True)
    except ValueError as error:
        raise SystemExit(f"error: --shape {text}: {error}") from None


def _rows(path: Path) -> dict[str, dict[str, str]]:
    """Return the last row of every run in a table."""
    if not path.exists():
        return {}
    with path.open(newline="") as table:
        return {row["run_id"]: row for row in csv.DictReader(table)}


def _append(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    """Append rows in one write, under a lock, so that two processes never mix theirs."""
    with path.open("a", newline="") as table:
        fcntl.flock(table, fcntl.LOCK_EX)
        table.seek(0, os.SEEK_END)  # another process may have written since it was opened
        writer = csv.DictWriter(table, columns, lineterminator="\n")
        if not table.tell():
            writer.writeheader()
        writer.writerows(rows)


@contextmanager
def _claimed(run_id: str) -> Iterator[bool]:
    """Hold a run while it is trained; the lock ends with the process, however that ends."""
    with (CLAIMS / run_id).open("w") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


if __name__ == "__main__":
    main()
