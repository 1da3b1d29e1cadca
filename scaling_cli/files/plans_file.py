"""The YAML file of plans to be compared: what they share, what each says, and what is wrong with them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, StrictStr, ValidationError
from pydantic_core import PydanticCustomError

from scaling_cli.errors import InputError, ScalingError, UsageError
from scaling_cli.files.plan_file import PhaseModel, PlanModel, Share
from scaling_cli.files.source import read_source
from scaling_cli.files.yaml_text import KeyPath, YamlText, explain, parse_yaml, show_value
from scaling_cli.planning.constrained.money import rates_of
from scaling_cli.planning.constrained.plan import Plan, plan_of

_OPTION = re.compile(r"--([a-z-]+)( (?=[\dA-Z$]))?")

LEAST = "plans: [{name: small, params: 7B, tokens: 2T}]"


@dataclass(frozen=True, slots=True)
class PlansFile:
    """A file of plans: its ``name`` as typed, the ``law`` it asks for, and the ``plans`` in its order."""

    name: str
    law: str | None
    plans: tuple[Plan, ...]


def read_plans(path: str, given: Mapping[str, Any]) -> PlansFile:
    """Read a file of plans; ``-`` is standard input.

    What stands at its top is shared: an entry's own wins, and what is ``given`` by name (waste, interval)
    wins over both where the file says it too. Raises ``InputError`` with all that is wrong, a line each,
    each with file and line.
    """
    source = read_source(path)
    text = parse_yaml(source.text, source.name)
    if text.data is None:
        raise InputError(f"{source.name}: the file is empty", hint=f"it needs at least {LEAST}")
    if not isinstance(text.data, dict):
        what = f"plans stand under a key, got {show_value(text.data)}"
        raise InputError(f"{text.place((0,))}: {what}", hint=f"begin with {LEAST}")
    try:
        file = _PlansFile.model_validate(text.data)
    except ValidationError as error:
        raise explain(error, text, _keys(text), examples=_EXAMPLES) from None
    if not file.plans:
        raise InputError(f"{text.place(('plans',))}: no plans", hint=f"write {LEAST}")
    shared = {name: value for name, value in file.known().items() if name not in ("plans", "law")}
    return PlansFile(source.name, file.law, _plans(file, text, shared, given))


def _plans(
    file: "_PlansFile", text: YamlText, shared: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[Plan, ...]:
    """Return the plans; what contradicts itself in any of them is one line of a single error."""
    plans: list[Plan] = []
    errors: list[ScalingError] = []
    first: dict[str, int] = {}
    for index, entry in enumerate(file.plans):
        own = entry.known()
        name = own["name"]
        place = text.place(("plans", index))
        if name in first:
            begun = text.place(("plans", first[name], "name"))
            what = (
                f"{text.place(('plans', index, 'name'))}: the name {name!r} is given twice, first at {begun}"
            )
            errors.append(InputError(what, hint="rename one"))
        first.setdefault(name, index)
        try:
            plan = plan_of({**_joined(shared, own), **given})
            rates_of(plan)
        except UsageError as error:
            hint = None if error.hint is None else _as_keys(error.hint)
            errors.append(InputError(f"{place}: {name}: {_as_keys(error.message)}", hint=hint))
        else:
            plans.append(plan)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        # one hint could not say which line it mends
        raise InputError("\n".join(f"{one.message} ({one.hint})" for one in errors))
    return tuple(plans)


def _as_keys(text: str) -> str:
    """Return words about options as words about keys: ``--mfu 40%`` as ``mfu: 40%``."""
    text = text.replace(", --config plan.yaml", "")
    return _OPTION.sub(lambda found: found[1].replace("-", "_") + (": " if found[2] else ""), text)


def _joined(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shared and what a plan says itself, which wins; of serving key by key."""
    known = {**shared, **own}
    if "serving" in shared and "serving" in own:
        known["serving"] = {**shared["serving"], **own["serving"]}
    return known


def _text(example: str) -> BeforeValidator:
    """Return a validator that strips a text, and refuses one of blanks alone."""

    def read(value: object) -> object:
        if isinstance(value, str) and not value.strip():
            raise PydanticCustomError("refused", "must not be blank", {"hint": f"write {example}"})
        return value.strip() if isinstance(value, str) else value

    return BeforeValidator(read)


class _PlanEntry(PlanModel):
    name: Annotated[StrictStr, _text("name: small")]


class _PlansFile(PlanModel):
    law: Annotated[StrictStr | None, _text("law: besiroglu2024")] = None
    waste: Share = None
    plans: list[_PlanEntry]


_EXAMPLES = {"plans": "[{name: small, params: 7B, tokens: 2T}]", "name": "small"}


def _keys(text: YamlText) -> Mapping[KeyPath, tuple[str, ...]]:
    """Return the keys that the file, each of its plans and their serving may have."""
    data = text.data
    entries = data.get("plans") if isinstance(data, dict) else None
    count = len(entries) if isinstance(entries, list) else 0
    serving = tuple(PhaseModel.model_fields)
    known: dict[KeyPath, tuple[str, ...]] = {(): tuple(_PlansFile.model_fields), ("serving",): serving}
    for index in range(count):
        known[("plans", index)] = tuple(_PlanEntry.model_fields)
        known[("plans", index, "serving")] = serving
    return known
