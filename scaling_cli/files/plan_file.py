"""The YAML file of a plan: its keys, how their values are read, and what is wrong with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, StrictStr, ValidationError
from pydantic_core import PydanticCustomError

from scaling_cli.errors import InputError, QuantityError
from scaling_cli.files.keys import suggest
from scaling_cli.files.source import read_source
from scaling_cli.files.yaml_text import KeyPath, YamlText, explain, parse_yaml, show_value
from scaling_cli.laws.architecture import BIASES, NORMS, POSITIONS
from scaling_cli.planning.constrained.plan import BYTES
from scaling_cli.planning.hardware import PRECISIONS
from scaling_cli.units import parse_days, parse_dollars, parse_fraction, parse_positive

T = TypeVar("T")

LEAST = "flops: 5.76e23"


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan file: its ``name`` as typed, the ``laws`` it asks, and what it says of the plan by name.

    ``known`` holds what ``planning.constrained.plan.plan_of`` takes; what the file does not say is not in it,
    so that the command line can win and the defaults come last. ``model`` is what its block of that name
    says of an ``Architecture``, whole or in part (``None`` without one), and ``model_place`` its line.
    """

    name: str
    laws: tuple[str, ...]
    known: Mapping[str, Any]
    model: Mapping[str, Any] | None = None
    model_place: str = ""


def read_plan(path: str) -> PlanFile:
    """Read a plan file; ``-`` is standard input.

    Raises ``InputError`` with all that is wrong, a line each, each with file and line.
    """
    source = read_source(path)
    text = parse_yaml(source.text, source.name)
    if text.data is None:
        raise InputError(f"{source.name}: the file is empty", hint=f"it needs at least a budget, {LEAST}")
    if not isinstance(text.data, dict):
        what = f"a plan is a mapping of keys, got {show_value(text.data)}"
        raise InputError(f"{text.place((0,))}: {what}", hint=f"begin with {LEAST}")
    try:
        file = _PlanFile.model_validate(text.data)
    except ValidationError as error:
        raise explain(error, text, plan_keys()) from None
    return PlanFile(
        source.name,
        _laws(file, text),
        file.known(),
        model=None if file.model is None else file.model.known(),
        model_place=text.place(("model",)),
    )


def _laws(file: "_PlanFile", text: YamlText) -> tuple[str, ...]:
    laws = tuple(file.law or ())
    if any(not name.strip() for name in laws):
        raise InputError(f"{text.place(('law',))}: law must not be blank", hint="write law: besiroglu2024")
    return laws


def plan_keys(path: KeyPath = ()) -> dict[KeyPath, tuple[str, ...]]:
    """Return the keys that a plan at ``path`` of a file may have, and those of what it holds."""
    own = _PlanFile if not path else PlanModel
    keys = {path: tuple(own.model_fields), (*path, "serving"): tuple(PhaseModel.model_fields)}
    return keys if path else keys | {("model",): tuple(ModelModel.model_fields)}


def _reads(parse: Callable[[Any], T]) -> BeforeValidator:
    """Return a validator that reads a value as the command line does, and refuses it in the same words."""

    def read(value: object) -> T | None:
        if value is None:  # a key that is left blank says nothing
            return None
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


def _among(names: tuple[str, ...]) -> BeforeValidator:
    """Return a validator of a name, in any case, that must be among ``names``."""

    def read(value: object) -> str | None:
        if value is None:
            return None
        name = str(value).lower()
        if name not in names:
            raise _refusal(
                f"must be one of {', '.join(names)}, got {show_value(value)}", suggest(name, names)
            )
        return name

    return BeforeValidator(read)


def _parse_whole(value: object) -> float:
    number = parse_positive(value)
    if number != int(number):
        raise QuantityError(f"must be a whole number, got {value}", hint="write it like 64")
    return number


def _parse_count(value: object) -> int:
    return int(_parse_whole(value))


def _parse_share(value: object) -> float:
    share = parse_fraction(value)
    if share == 1:
        raise QuantityError(f"must be less than 100 %, got {value}", hint="write it like 1% or 0.01")
    return share


def _as_list(value: object) -> object:
    """Return a single value as a list of it: ``law: mine.json`` is as clear as ``law: [mine.json]``."""
    return value if value is None or isinstance(value, list | dict) else [value]


Positive = Annotated[float | None, _reads(parse_positive)]
Dollars = Annotated[float | None, _reads(parse_dollars)]
Share = Annotated[float | None, _reads(_parse_share)]
Count = Annotated[int | None, _reads(_parse_count)]


class _Known(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def known(self) -> dict[str, Any]:
        """Return what the file says, by name."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {
            name: value.known() if isinstance(value, _Known) else value
            for name, value in given.items()
            if value is not None
        }


class PhaseModel(_Known):
    """What serving runs on."""

    gpu: StrictStr | None = None
    mfu: Annotated[float | None, _reads(parse_fraction)] = None
    gpu_hour_price: Dollars = None
    precision: Annotated[str | None, _among(PRECISIONS)] = None
    peak_tflops: Positive = None


class ModelModel(_Known):
    """The shape of a model, or its style where a shape is asked for: ``laws.architecture.Architecture``."""

    layers: Count = None
    d_model: Count = None
    heads: Count = None
    head_size: Count = None
    kv_heads: Count = None
    ffn: Count = None
    swiglu: StrictBool | None = None
    vocabulary: Count = None
    context: Count = None
    tied: StrictBool | None = None
    positions: Annotated[str | None, _among(POSITIONS)] = None
    norm: Annotated[str | None, _among(NORMS)] = None
    biases: Annotated[str | None, _among(BIASES)] = None
    experts: Count = None
    active_experts: Count = None
    shared_experts: Count = None
    expert_ffn: Count = None
    dense_layers: Count = None


class PlanModel(_Known):
    """One plan: a budget or a target, hardware and prices, serving, data, sizes."""

    flops: Positive = None
    params: Positive = None
    tokens: Positive = None
    tokens_per_param: Positive = None
    loss: Positive = None
    usd: Dollars = None
    gpus: Annotated[float | None, _reads(_parse_whole)] = None
    gpu: StrictStr | None = None
    days: Annotated[float | None, _reads(parse_days)] = None
    mfu: Annotated[float | None, _reads(parse_fraction)] = None
    gpu_hour_price: Dollars = None
    precision: Annotated[str | None, _among(PRECISIONS)] = None
    peak_tflops: Positive = None
    inference_tokens: Positive = None
    serving: PhaseModel | None = None
    unique_tokens: Positive = None
    epochs: Positive = None
    max_params: Positive = None
    min_params: Positive = None
    max_tokens: Positive = None
    min_tokens: Positive = None
    max_tokens_per_param: Positive = None
    min_tokens_per_param: Positive = None
    memory_gb: Positive = None
    serve_dtype: Annotated[str | None, _among(tuple(BYTES))] = None
    kv_tokens: Positive = None
    kv_bytes_per_token: Positive = None


class _PlanFile(PlanModel):
    law: Annotated[list[StrictStr] | None, BeforeValidator(_as_list)] = None
    ladder: StrictBool | None = None
    waste: Share = None
    model: ModelModel | None = None

    def known(self) -> dict[str, Any]:
        """Return what the file says of the plan, by name."""
        return {name: value for name, value in super().known().items() if name not in ("law", "model")}
