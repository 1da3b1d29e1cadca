"""Rows of learning curves as arrays, gathered block by block into runs, whatever the file's order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaling_cli.files.cells import LARGEST, SMALLEST, is_missing
from scaling_cli.files.hygiene import is_failure
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.curves import IntArray
    from scaling_cli.runs import FloatArray

COUNTS = ("params", "tokens", "flops", "schedule_tokens")
NUMBERS = (*COUNTS, "loss", "gpu_hours")
"""The columns of numbers that a learning curve is read from; those there are."""

TEXTS = ("run_id", "state", "simulated")
"""The columns of text."""

TRUE = frozenset({"true", "1", "1.0", "yes", "y", "t"})


class IrregularBlockError(Exception):
    """A block holds something that must be looked at cell by cell: to read it, or to name it."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """A column of text: the cell of row i is ``values[codes[i]]``; every value is in some row."""

    codes: "NDArray[np.integer]"
    values: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Consecutive rows of a file: numbers as counts, NaN where a cell is blank; text by its codes.

    ``numbers`` and ``texts`` hold the columns of ``NUMBERS`` and ``TEXTS`` that the file has.
    """

    rows: int
    numbers: "dict[str, FloatArray]"
    texts: dict[str, Texts]


def check_block(block: Block) -> None:
    """Raise ``IrregularBlockError`` where a number makes no sense, or a row with a loss lacks counts or run.

    An infinite loss is as good as a missing one.
    """
    import numpy as np

    numbers = block.numbers
    if np.isinf(numbers["loss"]).any():
        numbers["loss"] = np.where(np.isinf(numbers["loss"]), np.nan, numbers["loss"])
    for name, values in numbers.items():
        least = 0.0 if name == "gpu_hours" else SMALLEST
        is_sound = least <= np.fmin.reduce(values) and np.fmax.reduce(values) < LARGEST
        if not (is_sound or np.isnan(values).all()):
            raise IrregularBlockError
    uncounted = [np.isnan(numbers[name]) for name in ("tokens", "flops") if name in numbers]
    lacking = np.isnan(numbers["params"]) | np.all(uncounted, axis=0)
    if lacking.any() and not np.isnan(numbers["loss"][lacking]).all():
        raise IrregularBlockError
    if any(is_missing(value) for value in block.texts["run_id"].values):
        raise IrregularBlockError


@dataclass(slots=True)
class Gathered:
    """What the rows of a file say, as segments: consecutive rows of one run.

    A run is a run_id with one size; ``index`` numbers them as they appear. Per segment the number of its
    ``run`` and its ``length`` in points; per point ``tokens``, ``loss`` and ``hours``, in the order of the
    file. ``rows`` counts all rows, ``missing`` those without a loss by run, ``failed`` those left out for
    their state by state. By run, ``schedule`` and ``least_schedule`` hold the most and the fewest of its
    schedule_tokens, ``last_tokens`` the most tokens of any of its rows, with a loss or without, and
    ``last_flops`` the most FLOPs.
    """

    index: dict[tuple[str, float], int] = field(default_factory=dict)
    run: "list[IntArray]" = field(default_factory=list)
    length: "list[IntArray]" = field(default_factory=list)
    tokens: "list[FloatArray]" = field(default_factory=list)
    loss: "list[FloatArray]" = field(default_factory=list)
    hours: "list[FloatArray]" = field(default_factory=list)
    schedule: dict[int, float] = field(default_factory=dict)
    least_schedule: dict[int, float] = field(default_factory=dict)
    last_tokens: dict[int, float] = field(default_factory=dict)
    last_flops: dict[int, float] = field(default_factory=dict)
    missing: dict[int, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    failed_runs: dict[str, None] = field(default_factory=dict)
    simulated: dict[int, None] = field(default_factory=dict)
    rows: int = 0

    def add(self, block: Block) -> None:
        """Add the rows of a block that was checked."""
        import numpy as np

        self.rows += block.rows
        block = self._without_failed(block)
        if not block.rows:
            return
        numbers = block.numbers
        params, loss = numbers["params"], numbers["loss"]
        tokens = _tokens(numbers)
        starts, runs = self._segments(block.texts["run_id"], params)
        ends = np.append(starts[1:], block.rows)
        self._note_runs(block, starts, ends, runs, tokens)
        has_loss = ~np.isnan(loss)
        hours = numbers.get("gpu_hours")
        if has_loss.all():
            lengths = ends - starts
        else:
            lengths = np.add.reduceat(has_loss, starts, dtype=np.intp)
            missing = np.bincount(runs, ends - starts - lengths).astype(np.intp)
            for run in np.flatnonzero(missing).tolist():
                self.missing[run] = self.missing.get(run, 0) + int(missing[run])
            tokens, loss = tokens[has_loss], loss[has_loss]
            hours = None if hours is None else hours[has_loss]
        self.run.append(runs)
        self.length.append(lengths)
        self.tokens.append(tokens)
        self.loss.append(loss)
        if hours is not None:
            self.hours.append(hours)

    def _without_failed(self, block: Block) -> Block:
        """Return a block without the rows whose state is not one of a finished run."""
        import numpy as np

        state = block.texts.get("state")
        if state is None:
            return block
        failed = [code for code, text in enumerate(state.values) if is_failure(text.strip().lower())]
        if not failed:
            return block
        out = np.isin(state.codes, failed)
        ids = block.texts["run_id"]
        self.failed_runs |= dict.fromkeys(
            ids.values[code].strip() for code in np.unique(ids.codes[out]).tolist()
        )
        for code in failed:
            name = state.values[code].strip().lower()
            self.failed[name] = self.failed.get(name, 0) + int((state.codes == code).sum())
        return Block(
            rows=int((~out).sum()),
            numbers={name: values[~out] for name, values in block.numbers.items()},
            texts={name: Texts(text.codes[~out], text.values) for name, text in block.texts.items()},
        )

    def _segments(self, ids: Texts, params: "FloatArray") -> "tuple[IntArray, IntArray]":
        """Return where each segment of a block starts, and the index of its run."""
        import numpy as np

        # a row without params (nor a loss) belongs to no size: NaN differs from itself, which 0 does not
        size = np.nan_to_num(params, nan=0.0)
        changes = (ids.codes[1:] != ids.codes[:-1]) | (size[1:] != size[:-1])
        starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
        code, N = ids.codes[starts], size[starts]
        order = np.lexsort((N, code))
        is_new = np.ones(len(order), dtype=bool)
        is_new[1:] = (np.diff(code[order].astype(np.int64)) != 0) | (np.diff(N[order]) != 0)
        kind = np.empty(len(order), dtype=np.intp)
        kind[order] = np.cumsum(is_new) - 1
        # the pairs in the order in which they appear, so that runs keep the order of the file
        firsts = np.full(int(is_new.sum()), len(order))
        np.minimum.at(firsts, kind, np.arange(len(order)))
        runs = np.empty(len(firsts), dtype=np.intp)
        for pair in np.argsort(firsts).tolist():
            first = firsts[pair]
            key = (ids.values[code[first]].strip(), float(N[first]))
            runs[pair] = self.index.setdefault(key, len(self.index))
        return starts, runs[kind]

    def _note_runs(
        self, block: Block, starts: "IntArray", ends: "IntArray", runs: "IntArray", tokens: "FloatArray"
    ) -> None:
        """Keep what is known of whole runs: schedule, last tokens and FLOPs, whether they are simulated."""
        import numpy as np

        _keep_largest(self.last_tokens, runs, np.fmax.reduceat(tokens, starts))
        schedule = block.numbers.get("schedule_tokens")
        if schedule is not None:
            _keep_largest(self.schedule, runs, np.fmax.reduceat(schedule, starts))
            _keep_least(self.least_schedule, runs, np.fmin.reduceat(schedule, starts))
        if "flops" in block.numbers and "tokens" in block.numbers:
            _keep_largest(self.last_flops, runs, np.fmax.reduceat(block.numbers["flops"], starts))
        simulated = block.texts.get("simulated")
        if simulated is not None:
            is_true = np.array(
                [text.strip(" \t\"'").lower() in TRUE for text in simulated.values], dtype=bool
            )
            if is_true.any():
                said = np.logical_or.reduceat(is_true[simulated.codes], starts)
                self.simulated |= dict.fromkeys(runs[said].tolist())


def _tokens(numbers: "dict[str, FloatArray]") -> "FloatArray":
    """Return D, C/(6 N) where a row has no tokens."""
    import numpy as np

    if "tokens" not in numbers:
        return numbers["flops"] / (FLOPS_PER_PARAM_TOKEN * numbers["params"])
    tokens = numbers["tokens"]
    if "flops" in numbers and np.isnan(tokens).any():
        derived = numbers["flops"] / (FLOPS_PER_PARAM_TOKEN * numbers["params"])
        tokens = np.where(np.isnan(tokens), derived, tokens)
    return tokens


def _keep_largest(kept: dict[int, float], runs: "IntArray", values: "FloatArray") -> None:
    """Keep the largest value of each run, of those kept and those of the segments."""
    import numpy as np

    largest = np.full(int(runs.max()) + 1, np.nan)
    np.fmax.at(largest, runs, values)
    for run in np.flatnonzero(~np.isnan(largest)).tolist():
        kept[run] = max(kept.get(run, 0.0), float(largest[run]))


def _keep_least(kept: dict[int, float], runs: "IntArray", values: "FloatArray") -> None:
    """Keep the least value of each run, of those kept and those of the segments."""
    import numpy as np

    least = np.full(int(runs.max()) + 1, np.nan)
    np.fmin.at(least, runs, values)
    for run in np.flatnonzero(~np.isnan(least)).tolist():
        kept[run] = min(kept.get(run, np.inf), float(least[run]))
