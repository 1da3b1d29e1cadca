"""Which column of a run table holds which quantity, by the names that people give them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaling_cli.errors import InputError, UsageError
from scaling_cli.files.named_units import NamedUnit, find_unit, is_in_brackets
from scaling_cli.laws.card import NATS
from scaling_cli.names import nearest
from scaling_cli.units import parse_quantity

_SEPARATORS = str.maketrans("", "", " \t_-./")

REQUIRED = ("params", "tokens", "flops", "loss")
OPTIONAL = (
    "budget",
    "run_id",
    "step",
    "state",
    "schedule_tokens",
    "unique_tokens",
    "cluster",
    "simulated",
    "gpu_hours",
)
QUANTITIES = REQUIRED + OPTIONAL

# Names as they look once case and separators are gone. The groups of a quantity are tried in order, and the
# first that the table has decides: total params before non-embedding ones, FLOPs before a nominal budget.
TOTAL_PARAMS = """n ntotal nparams numparams params param parameters parameter parametercount paramcount
    numparameters nparameters numberofparameters numberofparams totalparams totalparameters paramstotal
    modelparams modelparameters modelsize size"""
NON_EMBEDDING_PARAMS = """nnoemb nnoembed nnonemb nnonembedding paramsnoemb paramsnoembed paramsnoembedding
    nonembparams nonembedparams nonembeddingparams nonembeddingparameters paramsnonemb paramsnonembedding
    nparamsnonembedding nonvocabparams nonvocabparameters"""
ACTIVE_PARAMS = "nactive activeparams activeparameters paramsactive parametersactive numactiveparams"
_BUDGET = "budget computebudget flopbudget flopsbudget isoflopbudget budgetflops"
_NAMES: dict[str, tuple[str, ...]] = {
    "params": (TOTAL_PARAMS, NON_EMBEDDING_PARAMS, ACTIVE_PARAMS),
    "tokens": (
        """d token tokens ntokens numtokens numberoftokens trainingtokens traintokens totaltokens
        tokenstotal tokenstrained tokensseen trainedtokens datasize datasettokens""",
        "samplesseen",
    ),
    "flops": (
        """c flop flops compute totalflop totalflops totalcompute trainingflop trainingflops trainflop
        trainflops trainingcompute traincompute nflops numflops""",
        _BUDGET,
    ),
    "loss": (
        """l loss finalloss valloss validloss validationloss finalvalloss evalloss testloss lmloss
        trainloss trainingloss finaltrainloss crossentropy nll""",
    ),
    "budget": (_BUDGET,),
    "run_id": ("runid", "run", "runname"),
    "step": ("step globalstep trainerglobalstep iteration iter", "steps trainsteps trainingsteps"),
    "state": ("state runstate", "status runstatus"),
    "schedule_tokens": (
        """scheduletokens tokensscheduled schedulelengthtokens lrscheduletokens lrdecaytokens decaytokens
        cosinetokens plannedtokens""",
    ),
    "unique_tokens": ("u uniquetokens tokensunique nuniquetokens numuniquetokens",),
    "cluster": ("cluster clusterid seedgroup",),
    "simulated": ("simulated issimulated synthetic issynthetic",),
    "gpu_hours": ("gpuhours gpuhrs gpuh acceleratorhours devicehours chiphours tpuhours",),
}
# a name or id says which run a row belongs to only in a table of steps; elsewhere it may name a model size
_NAMES_OF_STEP_TABLES = ("name", "id")
_STEP_COUNTERS = ("step", "globalstep", "trainerglobalstep", "iteration", "iter")
_PARAMS_DEFINITIONS = ("total", "non-embedding", "active")
_HELD_OUT = ("eval", "val", "test")
_OTHER_LOSSES = {"bits per byte": ("bpb", "bitsperbyte"), "perplexity": ("ppl", "perplexity")}
LOSS_UNITS = (NATS, *_OTHER_LOSSES)
"""What the loss of a run table, and of the law that is fitted to it, may be in."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The column, as the file spells it, of each quantity that was found, and what their names imply.

    ``params_definition`` is total, non-embedding or active; ``units`` holds the unit of each quantity
    whose column's name says one; ``loss_unit`` is one of ``LOSS_UNITS``, nats per token unless a column
    was named that says something else.
    """

    names: dict[str, str]
    params_definition: str
    units: Mapping[str, NamedUnit]
    loss_unit: str

    def get(self, quantity: str) -> str | None:
        """Return the column of ``quantity``, or None."""
        return self.names.get(quantity)


def counts_steps(column: str) -> bool:
    """Say whether a column is called what counters of optimiser steps are called."""
    return any(normalise(column) in group.split() for group in _NAMES["step"])


def normalise(name: str) -> str:
    """Return a column's name without what people write differently: case, spaces, _ - . and /."""
    return name.casefold().translate(_SEPARATORS)


def find_column(columns: Sequence[str], name: str) -> str | None:
    """Return the one column called ``name``: exactly, else ignoring case and separators."""
    if name in columns:
        return name
    same = [column for column in columns if normalise(column) == normalise(name)]
    return same[0] if len(same) == 1 else None


def recognise(columns: Sequence[str], named: Mapping[str, str], place: str) -> Columns:
    """Find the column of every quantity; ``named`` (quantity → column) wins over recognition.

    A quantity that is named ``""`` is not read: tokens so left out follow from params and FLOPs.
    Raises ``InputError`` where two columns claim one of params, tokens, flops and loss, or where loss,
    params or both of tokens and flops have none; ``UsageError`` for a quantity there is not.
    """
    found = _find(columns, named, place)
    _refuse_unread(found, named, place)
    _refuse_missing(columns, found, place)
    group = _group("params", found["params"])
    return Columns(
        names=found,
        params_definition=_PARAMS_DEFINITIONS[group or 0],
        units=_named_units(found),
        loss_unit=other_loss(found["loss"]) or NATS,
    )


def recognise_points(columns: Sequence[str], named: Mapping[str, str], place: str) -> Columns | None:
    """Find the columns of frontier points, FLOPs and loss; ``None`` where the table says more or less.

    A table that says of a run how many params or tokens it had holds runs. Raises as ``recognise`` does.
    """
    found = _find(columns, named, place)
    if not {"flops", "loss"} <= set(found) or {"params", "tokens"} & set(found):
        return None
    loss_unit = other_loss(found["loss"]) or NATS
    return Columns(names=found, params_definition="total", units=_named_units(found), loss_unit=loss_unit)


def _find(columns: Sequence[str], named: Mapping[str, str], place: str) -> dict[str, str]:
    """Return the column of every quantity that has one."""
    _refuse_headerless(columns, place)
    found = _named_columns(columns, named, place)
    free = [column for column in columns if column not in found.values()]
    for quantity in QUANTITIES:
        if quantity not in found and named.get(quantity) != "":
            candidates = _candidates(quantity, free)
            if len(candidates) > 1 and quantity in REQUIRED:
                count = "two" if len(candidates) == 2 else str(len(candidates))
                what = f"{count} columns for {quantity}: {', '.join(candidates)}"
                raise InputError(
                    f"{place}: {what}", hint=f"choose one with {column_option(quantity, _best(candidates))}"
                )
            if candidates:
                found[quantity] = candidates[0]
    if "budget" not in found and _group("budget", found.get("flops", "")) is not None:
        # a budget that stands for the FLOPs is the budget still
        found["budget"] = found["flops"]
    return found


def list_columns(columns: Sequence[str], limit: int = 20) -> str:
    """Return the columns' names for a message; a table of a hundred metrics shows its first."""
    names = [column for column in columns if column]
    if not names:
        return "found: none"
    more = f", and {len(names) - limit} more" if len(names) > limit else ""
    return f"found: {', '.join(names[:limit])}{more}"


def _candidates(quantity: str, columns: Sequence[str]) -> list[str]:
    """Return the columns in the first group of the quantity's names that the table has any of.

    In a group, columns of plain counts come before those whose name says a unit.
    """
    for group in _NAMES[quantity]:
        names = group.split()
        hits = [column for column in columns if normalise(column) in names]
        hits = hits or [column for column in columns if normalise(_base(quantity, column)) in names]
        if hits:
            return hits
    if quantity == "run_id" and any(normalise(column) in _STEP_COUNTERS for column in columns):
        return [column for name in _NAMES_OF_STEP_TABLES for column in columns if normalise(column) == name]
    return []


def _group(quantity: str, column: str) -> int | None:
    names = (normalise(column), normalise(_base(quantity, column)))
    for index, group in enumerate(_NAMES[quantity]):
        if any(name in group.split() for name in names):
            return index
    return None


def _base(quantity: str, column: str) -> str:
    """Return a column's name without the unit it says."""
    unit = find_unit(column, quantity)
    return column if unit is None else unit.base


def _named_units(found: Mapping[str, str]) -> dict[str, NamedUnit]:
    """Return the units that the columns' names say; whatever else such a name says must be the quantity."""
    units = {quantity: find_unit(column, quantity) for quantity, column in found.items()}
    return {
        quantity: unit
        for quantity, unit in units.items()
        if unit is not None
        and (_group(quantity, found[quantity]) is not None or is_in_brackets(found[quantity]))
    }


def _best(candidates: Sequence[str]) -> str:
    """Return the column to suggest of several: a loss on held-out data before one on training data."""
    held_out = [column for column in candidates if any(word in normalise(column) for word in _HELD_OUT)]
    return (held_out or list(candidates))[0]


def _named_columns(columns: Sequence[str], named: Mapping[str, str], place: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for quantity, name in named.items():
        if quantity not in QUANTITIES:
            near = nearest(quantity, QUANTITIES)
            hint = f"did you mean {near}={name}?" if near else f"one of {', '.join(QUANTITIES)}"
            raise UsageError(f"--column: no quantity is called {quantity!r}", hint=hint)
        if not name:
            continue
        column = find_column(columns, name)
        if column is None:
            near = nearest(name, [column for column in columns if column])
            hint = f"did you mean {column_option(quantity, near)}?" if near else "name a column of the file"
            what = f"--column {quantity}={name} names no column"
            raise InputError(f"{place}: {what} ({list_columns(columns)})", hint=hint)
        found[quantity] = column
    return found


def _refuse_headerless(columns: Sequence[str], place: str) -> None:
    for column in columns:
        try:
            parse_quantity(column)
        except UsageError:
            return
    if not columns:
        return
    hint = "put a header above them, such as params,tokens,loss"
    raise InputError(f"{place}: the first line holds numbers, not the names of columns", hint=hint)


def _refuse_unread(found: Mapping[str, str], named: Mapping[str, str], place: str) -> None:
    """Refuse that a quantity is left unread without which the runs say too little."""
    needed = ["params", "loss"] if {"tokens", "flops"} & set(found) else ["params", "tokens", "flops", "loss"]
    unread = [quantity for quantity in needed if named.get(quantity) == ""]
    if unread:
        what = f'{" and ".join(unread)} left unread ("")'
        raise InputError(
            f"{place}: {what}, but runs need params, loss, and one of tokens and flops",
            hint=f"name a column for {unread[0]}, or drop the empty one and it is found by its name",
        )


def _refuse_missing(columns: Sequence[str], found: Mapping[str, str], place: str) -> None:
    missing = [quantity for quantity in ("params", "loss") if quantity not in found]
    if "tokens" not in found and "flops" not in found:
        missing.insert(len(missing) - ("loss" in missing), "tokens or flops")
    if not missing:
        return
    if missing == ["loss"]:
        _refuse_other_losses(columns, place)
    used = {column for quantity, column in found.items() if quantity != "step"}
    free = [column for column in columns if column and column not in used]
    quantity = missing[0].split()[0]
    column = _suggestion(quantity, free, only_one_missing=len(missing) == 1)
    hint = f'name it with {column_option(quantity, column)}, or rename it to "{quantity}"'
    what = ", none for ".join(missing)
    raise InputError(f"{place}: no column for {what} ({list_columns(columns)})", hint=hint)


def _suggestion(quantity: str, free: Sequence[str], *, only_one_missing: bool) -> str | None:
    """Return the column that was most likely meant: one named alike, else the only one without a use."""
    known = {name for group in _NAMES[quantity] for name in group.split() if len(name) > 2}
    counts = [
        column for column in free if not any(word in normalise(column) for word in ("per", "batch", "epoch"))
    ]
    for is_alike in (lambda name: nearest(name, known), lambda name: any(word in name for word in known)):
        for column in counts:
            if is_alike(normalise(column)):
                return column
    return free[0] if only_one_missing and len(free) == 1 else None


def _refuse_other_losses(columns: Sequence[str], place: str) -> None:
    for column in columns:
        unit = other_loss(column)
        if unit is not None:
            hint = (
                f"name it with {column_option('loss', column)}: the law is then in bits per byte"
                if unit == "bits per byte"
                else f"add a column loss with the natural logarithm of {column}"
            )
            raise InputError(
                f"{place}: no column for loss: {column} is {unit}, not nats per token", hint=hint
            )


def other_loss(column: str) -> str | None:
    """Return the unit that a column's name says its losses are in, where it is not nats per token."""
    name = normalise(column)
    for unit, marks in _OTHER_LOSSES.items():
        if any(mark in name for mark in marks):
            return unit
    return None


def column_option(quantity: str, column: str | None) -> str:
    """Return what to type; the shell needs quotes around a name with a space in it."""
    assignment = f"{quantity}={column or 'COLUMN'}"
    return f'--column "{assignment}"' if " " in assignment else f"--column {assignment}"
