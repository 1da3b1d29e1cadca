"""A plan as people describe it: a budget or a target, hardware and prices, serving, data and limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from scaling_cli.errors import UsageError
from scaling_cli.findings import Finding
from scaling_cli.planning.hardware import PRECISIONS, Precision
from scaling_cli.planning.question import QUANTITIES, Question
from scaling_cli.units import format_count, format_number

ServeDtype = Literal["fp32", "bf16", "fp16", "fp8", "int8", "int4"]
"""How the weights are stored where the model is served."""

BYTES: Mapping[str, float] = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}


@dataclass(frozen=True, slots=True)
class Phase:
    """What training or serving runs on: a chip, the share ``mfu`` of its peak, dollars an accelerator-hour.

    ``precision`` picks the peak; ``peak_tflops`` is one's own, for a chip that is in no table.
    """

    gpu: str | None = None
    mfu: float | None = None
    gpu_hour_price: float | None = None
    precision: Precision = "bf16"
    peak_tflops: float | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(
                f"precision {self.precision!r} is not known", hint=f"precisions: {', '.join(PRECISIONS)}"
            )
        if self.mfu is not None and not 0 < self.mfu <= 1:
            raise UsageError(f"MFU must lie between 0 and 100 %, got {self.mfu}")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of it."""
        return self == type(self)()


@dataclass(frozen=True, slots=True)
class Hardware:
    """Accelerators in number and days, as far as they are known."""

    gpus: float | None = None
    days: float | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bounds on N, D, D/N, and on the memory in GB (1e9 bytes) that serving may take.

    The weights are stored as ``serve_dtype``; ``kv_tokens`` tokens are held in the cache, of
    ``kv_bytes_per_token`` bytes each where that is known.
    """

    max_params: float | None = None
    min_params: float | None = None
    max_tokens: float | None = None
    min_tokens: float | None = None
    max_tokens_per_param: float | None = None
    min_tokens_per_param: float | None = None
    memory_gb: float | None = None
    serve_dtype: ServeDtype = "bf16"
    kv_tokens: float | None = None
    kv_bytes_per_token: float | None = None

    def __post_init__(self) -> None:
        if self.serve_dtype not in get_args(ServeDtype):
            known = ", ".join(get_args(ServeDtype))
            raise UsageError(f"serve_dtype {self.serve_dtype!r} is not known", hint=f"types: {known}")
        for name in ("params", "tokens", "tokens_per_param"):
            least, most = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if least is not None and most is not None and least > most:
                raise UsageError(
                    f"min_{name} is above max_{name}, {_brief(least)} of {_brief(most)}",
                    hint="leave one of the two out",
                )
        if self.memory_gb is None and (self.kv_tokens or self.kv_bytes_per_token):
            raise UsageError("a cache needs a memory that it must fit in", hint="add memory_gb: 80")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a plan, and what it must keep to.

    ``flops`` C, ``usd`` and ``hardware`` are budgets: all of them are caps. ``loss`` is a target in nats per
    token, to be reached at the least cost; without one the least loss is sought. ``params``,
    ``tokens`` and ``tokens_per_param`` are fixed where they are given. ``inference_tokens`` is the
    lifetime demand D_inf, which costs 2 N D_inf, on ``serving`` where that differs from ``training``;
    ``unique_tokens`` what data there are and ``epochs`` how often they may be read. ``ladder`` asks for
    other sizes at the same loss. ``waste``, ``interval`` and ``findings`` are those of a ``Question``.
    """

    flops: float | None = None
    params: float | None = None
    tokens: float | None = None
    tokens_per_param: float | None = None
    loss: float | None = None
    usd: float | None = None
    hardware: Hardware = field(default_factory=Hardware)
    training: Phase = field(default_factory=Phase)
    serving: Phase = field(default_factory=Phase)
    inference_tokens: float | None = None
    unique_tokens: float | None = None
    epochs: float | None = None
    sizes: Sizes = field(default_factory=Sizes)
    ladder: bool = False
    waste: float = 0.01
    interval: float = 0.9
    name: str = ""
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if self.known and not self._is_ratio_alone:
            # what contradicts itself as a question does so as a plan: three quantities, or none above zero
            Question(
                flops=self.flops,
                params=self.params,
                tokens=self.tokens,
                tokens_per_param=self.tokens_per_param,
                loss=self.loss,
                waste=self.waste,
                interval=self.interval,
            )
        _check_positive(self)
        _check_money(self)
        _check_sizes(self)
        _check_bounded(self)

    @property
    def known(self) -> dict[str, float]:
        """The quantities of a question that are given, by name."""
        given = {name: getattr(self, name) for name in QUANTITIES}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def _is_ratio_alone(self) -> bool:
        """Whether D/N is all that a question would know: hardware or dollars may still bound the plan."""
        return tuple(self.known) == ("tokens_per_param",)

    @property
    def fixed(self) -> dict[str, float]:
        """Those of N, D and D/N that are given: one, or the two that fix the plan."""
        return {name: value for name, value in self.known.items() if name not in ("flops", "loss")}

    @property
    def has_budget(self) -> bool:
        """Whether FLOPs, dollars or accelerators for a time cap the plan."""
        return (
            self.flops is not None
            or self.usd is not None
            or (self.hardware.gpus is not None and self.hardware.days is not None)
        )

    @property
    def asks_for_hardware(self) -> bool:
        """Whether accelerators, time or money are spoken of."""
        return not self.training.is_empty or self.usd is not None or self.hardware != Hardware()


TRAINING = tuple(item.name for item in fields(Phase))
HARDWARE = tuple(item.name for item in fields(Hardware))
SIZES = tuple(item.name for item in fields(Sizes))


def plan_of(known: Mapping[str, Any]) -> Plan:
    """Return the plan of flat names, as options and plan files give them.

    Those of ``Plan`` itself, of ``Hardware`` (gpus, days), of ``Phase`` for training (gpu, mfu, ...) and of
    ``Sizes``; ``serving`` is a mapping of the names of ``Phase``. Raises ``UsageError`` for a plan that
    contradicts itself.
    """
    if "serve_dtype" in known and "memory_gb" not in known:
        raise UsageError("serve_dtype needs a memory that the weights must fit in", hint="add memory_gb: 80")
    parts: dict[str, dict[str, Any]] = {"training": {}, "hardware": {}, "sizes": {}, "plan": {}}
    for name, value in known.items():
        part = next((part for part, names in _PARTS.items() if name in names), "plan")
        parts[part][name] = value
    serving = parts["plan"].pop("serving", {})
    return Plan(
        training=Phase(**parts["training"]),
        hardware=Hardware(**parts["hardware"]),
        sizes=Sizes(**parts["sizes"]),
        serving=Phase(**serving),
        **parts["plan"],
    )


_PARTS = {"training": TRAINING, "hardware": HARDWARE, "sizes": SIZES}


def _check_positive(plan: Plan) -> None:
    """Raise ``UsageError`` for a number that is none above zero."""
    numbers = {name: getattr(plan, name) for name in ("usd", "inference_tokens", "unique_tokens", "epochs")}
    for part in (plan.hardware, plan.training, plan.serving, plan.sizes):
        numbers |= {item.name: getattr(part, item.name) for item in fields(part)}
    for name, value in numbers.items():
        if isinstance(value, int | float) and not 0 < value < float("inf"):
            raise UsageError(f"{name} must be positive, got {value}")


def _check_money(plan: Plan) -> None:
    """Raise ``UsageError`` where accelerators, time or money are given, and not what counts them."""
    gpus = plan.hardware.gpus
    if gpus is not None and gpus != int(gpus):
        raise UsageError(f"{gpus} is not a number of accelerators", hint="write it like 64")
    if plan.asks_for_hardware and plan.training.gpu is None and plan.training.peak_tflops is None:
        raise UsageError(
            "which accelerator is not said", hint="name it, --gpu H100, or gpu: H100 in the plan file"
        )
    if plan.usd is not None and plan.training.gpu_hour_price is None:
        raise UsageError(
            "dollars buy nothing without a price",
            hint="add what an accelerator-hour costs, --gpu-hour-price 2.50",
        )
    if not plan.serving.is_empty and plan.inference_tokens is None:
        raise UsageError("serving has no demand", hint="add the tokens to be served, --inference-tokens 2T")
    if plan.epochs is not None and plan.unique_tokens is None:
        raise UsageError("epochs of what is not said", hint="add the unique tokens, --unique-tokens 1T")


def _check_sizes(plan: Plan) -> None:
    """Raise ``UsageError`` where a quantity is given that a limit forbids."""
    for name, value in plan.fixed.items():
        most, least = getattr(plan.sizes, f"max_{name}"), getattr(plan.sizes, f"min_{name}")
        option = name.replace("_", "-")
        if most is not None and value > most:
            what = f"--{option} {_brief(value)} is above --max-{option} {_brief(most)}"
        elif least is not None and value < least:
            what = f"--{option} {_brief(value)} is below min_{name} {_brief(least)}"
        else:
            continue
        raise UsageError(f"{what}: they contradict each other", hint="leave one of the two out")


def _check_bounded(plan: Plan) -> None:
    """Raise ``UsageError`` where nothing says how much may be spent or what is to be reached."""
    if plan.has_budget or plan.loss is not None or len(plan.fixed) == 2:
        return
    is_plain = plan.inference_tokens is None and plan.unique_tokens is None
    if is_plain and tuple(plan.fixed) in (("params",), ("tokens",)):
        return  # the budget for which that size or those tokens are optimal
    hint = "give a budget (--flops 5.76e23, --gpus with --days, --usd with its price) or a target, --loss 2.0"
    raise UsageError("nothing to solve for: no budget and no target", hint=hint)


def _brief(value: float) -> str:
    """Write a count or a ratio for a message."""
    return format_count(value) if value >= 1000 else format_number(value, 4)
