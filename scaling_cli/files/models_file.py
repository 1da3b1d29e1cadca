"""The YAML file of one's own models: its keys, how their values are read, and what is wrong with them."""

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictStr, ValidationError
from pydantic_core import PydanticCustomError

from scaling_cli.errors import InputError, QuantityError
from scaling_cli.files.source import read_source
from scaling_cli.files.yaml_text import KeyPath, YamlText, explain, parse_yaml, show_value
from scaling_cli.laws.models import Model
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, parse_positive

LEAST = "models: [{name: mine, params: 7B, tokens: 2T}]"


def read_models(path: str) -> tuple[Model, ...]:
    """Read the models of a YAML file; ``-`` is standard input.

    Each has a name, params and tokens, and may have active_params, flops, dataset, source and caveat. Raises
    ``InputError`` with all that is wrong, a line each, each with file and line.
    """
    source = read_source(path)
    text = parse_yaml(source.text, source.name)
    if text.data is None:
        raise InputError(f"{source.name}: the file is empty", hint=f"it needs at least {LEAST}")
    if not isinstance(text.data, dict):
        what = f"models stand under a key, got {show_value(text.data)}"
        raise InputError(f"{text.place((0,))}: {what}", hint=f"begin with {LEAST}")
    try:
        file = _ModelsFile.model_validate(text.data)
    except ValidationError as error:
        raise explain(error, text, _keys(text), examples=_EXAMPLES) from None
    if not file.models:
        raise InputError(f"{text.place(('models',))}: no models", hint=f"write {LEAST}")
    _refuse_contradictions(file, text)
    return tuple(
        Model(
            name=entry.name.strip(),
            params=entry.params,
            tokens=entry.tokens,
            source=entry.source or source.name,
            confidence="own",
            active_params=entry.active_params,
            flops_published=entry.flops,
            dataset=entry.dataset or "",
            caveat=entry.caveat or "",
        )
        for entry in file.models
    )


def _refuse_contradictions(file: "_ModelsFile", text: YamlText) -> None:
    """Raise ``InputError`` for a name given twice, and for counts that no model has together."""
    first: dict[str, int] = {}
    for index, entry in enumerate(file.models):
        name = entry.name.strip()
        if name in first:
            place = text.place(("models", first[name], "name"))
            what = f"the name {name!r} is given twice, first at {place}"
            raise InputError(f"{text.place(('models', index, 'name'))}: {what}", hint="rename one")
        first[name] = index
        if entry.active_params is not None and entry.active_params > entry.params:
            place = text.place(("models", index, "active_params"))
            what = f"active_params are more than params, {entry.active_params:g} of {entry.params:g}"
            raise InputError(f"{place}: {what}", hint="params counts all, active_params those of one token")
        if not math.isfinite(FLOPS_PER_PARAM_TOKEN * entry.params * entry.tokens):
            place = text.place(("models", index, "params"))
            raise InputError(
                f"{place}: params times tokens, {entry.params:g} and {entry.tokens:g}, are beyond any number",
                hint="write them like 70B and 1.4T",
            )


def _read_positive(value: object) -> float:
    if isinstance(value, bool | dict | list) or value is None:
        raise _refusal(f"must be one number, got {show_value(value)}", "write it like 70B, 1.4T or 5.76e23")
    try:
        return parse_positive(value)
    except QuantityError as error:
        raise _refusal(error.message, error.hint) from None


def _read_name(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise _refusal("must not be blank", "write name: mine")
    return value


def _refusal(message: str, hint: str | None) -> PydanticCustomError:
    # the braces of a template would be filled in; the message goes in as a value instead
    return PydanticCustomError("refused", "{message}", {"message": message, "hint": hint})


Positive = Annotated[float, BeforeValidator(_read_positive)]


class _ModelEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[StrictStr, BeforeValidator(_read_name)]
    params: Positive
    tokens: Positive
    active_params: Positive | None = None
    flops: Positive | None = None
    dataset: StrictStr | None = None
    source: StrictStr | None = None
    caveat: StrictStr | None = None


class _ModelsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: list[_ModelEntry]


_EXAMPLES = {
    "models": "[{name: mine, params: 7B, tokens: 2T}]",
    "name": "mine",
    "params": "7B",
    "tokens": "2T",
}


def _keys(text: YamlText) -> Mapping[KeyPath, tuple[str, ...]]:
    """Return the keys that the file and each of its models may have."""
    data = text.data
    entries = data.get("models") if isinstance(data, dict) else None
    count = len(entries) if isinstance(entries, list) else 0
    known: dict[KeyPath, tuple[str, ...]] = {(): tuple(_ModelsFile.model_fields)}
    return known | {("models", index): tuple(_ModelEntry.model_fields) for index in range(count)}
