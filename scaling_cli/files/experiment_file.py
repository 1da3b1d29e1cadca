"""The YAML file of an experiment: its keys, how their values are read, and what is wrong with them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, StrictStr, ValidationError
from pydantic_core import PydanticCustomError

from scaling_cli.conditions import Condition, parse_condition
from scaling_cli.errors import InputError, QuantityError
from scaling_cli.files.columns import QUANTITIES
from scaling_cli.files.experiment import Experiment
from scaling_cli.files.keys import suggest
from scaling_cli.files.rows import UNIT_QUANTITIES
from scaling_cli.files.source import read_source
from scaling_cli.files.yaml_text import KeyPath, YamlText, explain, parse_yaml, show_value
from scaling_cli.units import parse_fraction, parse_positive, parse_quantity, parse_range, parse_sweep

T = TypeVar("T")


def read_experiment(path: str) -> Experiment:
    """Read a YAML experiment; ``-`` is standard input.

    Raises ``InputError`` with all that is wrong, a line each, each with file and line.
    """
    source = read_source(path)
    text = parse_yaml(source.text, source.name)
    if text.data is None:
        raise InputError(f"{source.name}: the file is empty", hint="it needs at least runs: FILE.csv")
    if not isinstance(text.data, dict):
        what = f"an experiment is a mapping of keys, got {show_value(text.data)}"
        raise InputError(f"{text.place((0,))}: {what}", hint="begin with runs: FILE.csv")
    try:
        model = _ExperimentModel.model_validate(text.data)
    except ValidationError as error:
        raise explain(error, text, _KEYS) from None
    fit, isoflop = model.fit or _FitModel(), model.isoflop or _IsoflopModel()
    _check_approach(model, text)
    return Experiment(
        name=source.name,
        runs=_resolve(model.runs, path),
        runs_place=text.place(("runs",)),
        columns=model.columns or {},
        units=model.units or {},
        where=tuple(model.where or ()),
        drop_highest_losses=model.drop_highest_losses,
        all_steps=model.all_steps,
        include_unfinished=model.include_unfinished,
        approach=None if fit.approach is None else str(fit.approach),
        smooth=fit.smooth,
        form=fit.form,
        objective=fit.objective,
        delta=fit.delta,
        overestimate_penalty=fit.overestimate_penalty,
        weights=fit.weights,
        fixed=fit.fix or {},
        bounds=fit.bound or {},
        starts=fit.starts,
        budgets=tuple(isoflop.budgets or ()),
        budget_tolerance=isoflop.budget_tolerance,
        curve=isoflop.curve,
        flops=tuple(budget for sweep in model.flops or () for budget in sweep),
        waste=model.waste,
        tokenizer=model.tokenizer or "",
        eval_set=model.eval_set or "",
        bytes_per_token=model.bytes_per_token,
    )


def _check_approach(model: "_ExperimentModel", text: YamlText) -> None:
    """Raise ``InputError`` for keys that say nothing under the approach the same file chooses."""
    approach = str(model.fit.approach) if model.fit and model.fit.approach else ""
    found: list[KeyPath] = [
        ("fit", key) for key in _UNUSED_FIT.get(approach, ()) if getattr(model.fit, key) is not None
    ]
    if approach == "1":
        found += [(key,) for key in ("drop_highest_losses", "all_steps") if getattr(model, key) is not None]
    if not found:
        return
    lines = [
        f"{text.place(path)}: {'.'.join(map(str, path))} says nothing under approach {approach}, which "
        f"{_WHAT_IT_DOES[approach]}"
        for path in found
    ]
    raise InputError("\n".join(lines), hint="delete it, or choose another approach")


_OF_LOSS = ("form", "objective", "delta", "overestimate_penalty", "weights", "fix", "bound", "starts")

_UNUSED_FIT = {"1": _OF_LOSS, "2": (*_OF_LOSS, "smooth"), "3": ("smooth",)}
_WHAT_IT_DOES = {
    "1": "reads learning curves, and fits no loss",
    "2": "draws parabolas, and fits no loss",
    "3": "reads no learning curves",
}


def is_experiment(path: str) -> bool:
    """Say whether a YAML file is an experiment, which names its runs, and not a law."""
    source = read_source(path)
    data = parse_yaml(source.text, source.name).data
    return isinstance(data, dict) and "runs" in data


def _resolve(runs: str, experiment: str) -> str:
    """Return the path of the runs, which the YAML gives relative to itself; ``-`` stays standard input."""
    if runs == "-":
        return runs
    joined = str(Path(experiment).parent / Path(runs).expanduser())
    plain = os.path.normpath(joined)
    # a/../b is not b where a is a link
    return plain if os.path.realpath(plain) == os.path.realpath(joined) else joined


def _reads(parse: Callable[[Any], T]) -> BeforeValidator:
    """Return a validator that reads a value as the command line does, and refuses it in the same words."""

    def read(value: object) -> T:
        if isinstance(value, bool | dict | list):
            raise _refusal(f"must be one value, got {show_value(value)}", None)
        try:
            return parse(value)
        except QuantityError as error:
            raise _refusal(error.message, error.hint) from None

    return BeforeValidator(read)


def _refusal(message: str, hint: str | None) -> PydanticCustomError:
    # the braces of a template would be filled in; the message goes in as a value instead
    return PydanticCustomError("refused", "{message}", {"message": message, "hint": hint})


def _parse_count(value: object) -> int:
    number = parse_quantity(value)
    if number != int(number) or number < 0:
        raise QuantityError(f"must be a whole number, 0 or more, got {value}")
    return int(number)


def _parse_share(value: object) -> float:
    share = parse_fraction(value)
    if share == 1:
        raise QuantityError(f"must be less than 100 %, got {value}", hint="write it like 1% or 0.01")
    return share


def _parse_budgets(value: object) -> tuple[float, ...]:
    return parse_sweep(value) if isinstance(value, str) else (parse_positive(value),)


def _parse_range(value: object) -> tuple[float, float]:
    return parse_range(str(value))


def _parse_condition(value: object) -> Condition:
    return parse_condition(str(value))


def _parse_path(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise QuantityError(
            f"must be a path, got {show_value(value)}", hint="name the run table: runs: FILE.csv"
        )
    return value


def _as_list(value: object) -> object:
    """Return a single value as a list of it: ``flops: 1e21`` is as clear as ``flops: [1e21]``."""
    return value if value is None or isinstance(value, list | dict) else [value]


def _known_as(names: tuple[str, ...]) -> BeforeValidator:
    """Return a validator of a mapping's keys, which must be among ``names``."""

    def check(value: object) -> object:
        unknown = [key for key in value if key not in names] if isinstance(value, dict) else []
        if unknown:
            raise _refusal(f"no quantity is called {unknown[0]!r}", suggest(unknown[0], names))
        return value

    return BeforeValidator(check)


Positive = Annotated[float, _reads(parse_positive)]


class _FitModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    approach: Literal[1, 2, 3, "all"] | None = None
    smooth: Annotated[int, _reads(_parse_count)] | None = None
    form: (
        Literal["chinchilla", "tied", "overtraining", "kaplan", "data-constrained", "frontier", "all"] | None
    ) = None
    objective: Literal["log-huber", "huber", "log-mse", "mse"] | None = None
    delta: Positive | None = None
    overestimate_penalty: Positive | None = None
    weights: StrictStr | None = None
    fix: dict[str, Annotated[float, _reads(parse_quantity)]] | None = None
    bound: dict[str, Annotated[tuple[float, float], _reads(_parse_range)]] | None = None
    starts: Literal["projection", "hoffmann"] | None = None


class _IsoflopModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    budgets: Annotated[list[Positive] | None, BeforeValidator(_as_list)] = None
    budget_tolerance: Annotated[float, _reads(_parse_share)] | None = None
    curve: Literal["parabola", "akima"] | None = None


class _ExperimentModel(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    runs: Annotated[str, _reads(_parse_path)]
    columns: Annotated[dict[str, StrictStr] | None, _known_as(QUANTITIES)] = None
    units: Annotated[dict[str, Positive] | None, _known_as(UNIT_QUANTITIES)] = None
    where: Annotated[
        list[Annotated[Condition, _reads(_parse_condition)]] | None, BeforeValidator(_as_list)
    ] = None
    drop_highest_losses: Annotated[int, _reads(_parse_count)] | None = None
    all_steps: StrictBool | None = None
    include_unfinished: StrictBool | None = None
    fit: _FitModel | None = None
    isoflop: _IsoflopModel | None = None
    flops: Annotated[
        list[Annotated[tuple[float, ...], _reads(_parse_budgets)]] | None, BeforeValidator(_as_list)
    ] = None
    waste: Annotated[float, _reads(_parse_share)] | None = None
    tokenizer: StrictStr | None = None
    eval_set: StrictStr | None = None
    bytes_per_token: Positive | None = None


_KEYS: Mapping[KeyPath, tuple[str, ...]] = {
    (): tuple(_ExperimentModel.model_fields),
    ("fit",): tuple(_FitModel.model_fields),
    ("isoflop",): tuple(_IsoflopModel.model_fields),
}
