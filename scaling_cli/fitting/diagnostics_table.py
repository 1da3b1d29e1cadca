"""What a table of runs has against itself before any law is fitted: repeated data, units of loss, sweeps."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.laws.card import NATS
from scaling_cli.runs import Runs
from scaling_cli.units import format_number, format_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import FloatArray

    Columns = Mapping[str, FloatArray]

MOST_EPOCHS = 4.0
"""Up to four epochs repeated tokens are worth nearly as much as new ones (Muennighoff et al. 2023)."""

REPEATED = 1.01
"""Tokens beyond the unique ones by less than 1 % are their rounding."""

DECAY_R_D = 15.39
"""R_D* of Muennighoff et al. 2023: repeated tokens are worth U R_D* (1 - exp(-R/R_D*)) new ones."""

MOST_NATS = 12.0
"""The loss of a guess among V tokens is ln V, 12 for 160,000 of them, and a trained model is far below."""

SAME_LOSS = 1e-3
"""Losses that agree to 0.1 % in every run are one quantity: two evaluations of a model agree in none."""

SAME_RUN = 1e-3
"""Params and tokens within 0.1 % are one configuration: the same model, tokens cut to whole batches."""

LEAST_RATES = 3
"""Of two learning rates one is always at an end; three have a middle."""


def diagnose_table(
    runs: Runs, columns: "Columns", *, loss_unit: str = NATS, repeats_are_modelled: bool = False
) -> tuple[Finding, ...]:
    """Return what the runs and their other columns (shape (n,), NaN for blanks) have against a fit."""
    found = (
        None if repeats_are_modelled else find_repeated_data(runs, columns),
        find_loss_unit(runs, columns) if loss_unit == NATS else None,
        find_lr_at_edge(runs, columns),
    )
    return tuple(finding for finding in found if finding)


def find_repeated_data(runs: Runs, columns: "Columns") -> Finding | None:
    """Warn of runs that saw their data more than four times, or more tokens than there are unique ones."""
    import numpy as np

    epochs = columns.get("epochs", np.full(len(runs), np.nan))
    if runs.unique_tokens is not None:
        times = runs.tokens / runs.unique_tokens
        repeated = (times > REPEATED) | (epochs > MOST_EPOCHS)
        epochs = np.fmax(epochs, times)
    else:
        repeated = epochs > MOST_EPOCHS
    if not repeated.any():
        return None
    most = float(epochs[repeated].max())
    extra = most - 1
    worth = (1 + DECAY_R_D * (1 - np.exp(-extra / DECAY_R_D))) / most
    message = (
        f"{_count(int(repeated.sum()))} trained on repeated data, up to {format_number(most, 3)} epochs, "
        f"where a token is worth about {format_share(float(worth), 2)} of a new one: the law counts them all "
        "as new, so more unrepeated tokens would do more than it says"
    )
    return Finding("repeated-data", "warning", message, _names(runs, repeated))


def find_loss_unit(runs: Runs, columns: "Columns") -> Finding | None:
    """Warn where the losses are shown to be no nats per token.

    Shown is only what no coincidence gives: the loss equal in every run to the perplexity, to its binary
    logarithm, or to the bits per byte beside it; or a median that no model has. Another column of other
    values may be of other data, and contradicts nothing.
    """
    import numpy as np

    perplexity, bits = columns.get("perplexity"), columns.get("bits_per_byte")
    median = float(np.median(runs.loss)) if len(runs) else 0.0
    what = None
    if perplexity is not None and _agree(runs.loss, perplexity):
        what = "equals the perplexity beside it: its natural logarithm is the loss"
    elif perplexity is not None and _agree(runs.loss, np.log2(np.where(perplexity > 0, perplexity, np.nan))):
        what = "is the binary logarithm of the perplexity beside it: bits per token (--unit loss=0.693147)"
    elif bits is not None and _agree(runs.loss, bits):
        what = "equals the bits per byte beside it: the law compares with none in nats per token"
    elif median > MOST_NATS:
        what = (
            f"is {format_number(median, 3)} in the median, more than a guess among 160,000 tokens costs: it "
            "looks like perplexity, whose natural logarithm is the loss"
        )
    return None if what is None else Finding("loss-unit", "warning", f"the loss {what}", runs.names)


def _agree(loss: "FloatArray", other: "FloatArray") -> bool:
    """Say whether two columns are one, in the three runs or more that have both."""
    import numpy as np

    both = np.isfinite(other)
    if both.sum() < 3:
        return False
    return bool((np.abs(other[both] / loss[both] - 1) < SAME_LOSS).all())


def find_lr_at_edge(runs: Runs, columns: "Columns") -> Finding | None:
    """Warn of sweeps of the learning rate, at fixed params and tokens, whose best one is the first or last.

    Of a grid over the batch as well, the sweep at the batch of the best run is looked at; losses at one
    learning rate (seeds) are averaged.
    """
    import numpy as np

    rates = columns.get("lr")
    if rates is None:
        return None
    batch = columns.get("batch", np.zeros(len(runs)))
    sweeps, ends = 0, {"smallest": 0, "largest": 0}
    best_runs = np.zeros(len(runs), dtype=bool)
    for group in same_configurations(runs, SAME_RUN):
        group = group[rates[group] > 0]
        if len(group) < LEAST_RATES:
            continue
        best = group[np.argmin(runs.loss[group])]
        same_batch = np.isclose(batch[group], batch[best], rtol=1e-6, equal_nan=True)
        sweep = group[same_batch]
        tried, place = np.unique(rates[sweep], return_inverse=True)
        if len(tried) < LEAST_RATES:
            continue
        sweeps += 1
        mean = np.bincount(place, runs.loss[sweep]) / np.bincount(place)
        lowest = int(np.argmin(mean))
        if lowest in (0, len(tried) - 1):
            ends["smallest" if lowest == 0 else "largest"] += 1
            best_runs[sweep[place == lowest]] = True
    at_edge = sum(ends.values())
    if not at_edge:
        return None
    where = " and ".join(f"the {end} tried in {count}" for end, count in ends.items() if count)
    message = (
        f"the best learning rate is at the end of {at_edge} of {sweeps} sweeps ({where}): a better one may "
        "lie beyond, and these losses are too high"
    )
    return Finding("lr-at-sweep-edge", "warning", message, _names(runs, best_runs))


def same_configurations(
    runs: Runs, width: float, columns: "tuple[FloatArray, ...]" = ()
) -> "list[NDArray[np.intp]]":
    """Return the groups (indices) of two runs or more whose params and tokens lie within ``width``.

    Every one of ``columns`` (n,) must be the same within a group too.
    """
    import numpy as np

    keys = [_bins(np.log(values), width) for values in (runs.params, runs.tokens)]
    keys += [np.unique(values, return_inverse=True)[1].reshape(-1) for values in columns]
    if not len(runs):
        return []
    _, labels = np.unique(np.stack(keys), axis=1, return_inverse=True)
    order = np.argsort(labels.reshape(-1), kind="stable")
    sizes = np.bincount(labels.reshape(-1))
    return [group for group in np.split(order, np.cumsum(sizes)[:-1]) if len(group) > 1]


def _bins(values: "FloatArray", width: float) -> "NDArray[np.intp]":
    """Number the values so that equal numbers lie within ``width`` of the least of them."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    numbers = np.zeros(len(values), dtype=np.intp)
    number, least = -1, -np.inf
    for i in order.tolist():
        if values[i] - least > width:
            number, least = number + 1, values[i]
        numbers[i] = number
    return numbers


def _names(runs: Runs, mask: "NDArray[np.bool_]") -> tuple[str, ...]:
    import numpy as np

    return tuple(runs.names[i] for i in np.flatnonzero(mask))


def _count(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"
