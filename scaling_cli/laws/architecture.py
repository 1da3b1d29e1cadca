"""The shape of a transformer: what has to be known of a model to count its parameters and FLOPs."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, get_args

from scaling_cli.errors import UsageError

Positions = Literal["learned", "rotary", "relative"]
Norm = Literal["rmsnorm", "layernorm"]
Biases = Literal["none", "inner", "all"]

POSITIONS: tuple[str, ...] = get_args(Positions)
NORMS: tuple[str, ...] = get_args(Norm)
BIASES: tuple[str, ...] = get_args(Biases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A decoder-only transformer, dense or with experts.

    ``layers`` blocks of width ``d_model``, each with ``heads`` query heads and ``kv_heads`` key and value
    heads of ``head_size``, and a feed-forward part of width ``ffn`` (three matrices where ``swiglu``, else
    two). ``positions`` are a table of ``context`` rows (learned), nothing (rotary), or a projection and two
    vectors more a layer (relative: Dai et al. 2019, as in Gopher and Chinchilla). ``tied`` models read and
    write with one embedding of ``vocabulary`` rows. ``biases`` stand on all linear maps of a layer, on those
    that do not write to its output (inner), or on none; a ``norm`` has a gain, and a layernorm a bias too:
    two a layer, one at the end.

    With ``experts`` above one, all but the first ``dense_layers`` have a router, ``experts`` feed-forward
    parts of width ``expert_ffn`` of which a token uses ``active_experts``, and ``shared_experts`` that
    every token uses.

    Raises ``UsageError`` where a count is not a whole positive number or two contradict each other.
    """

    layers: int
    d_model: int
    heads: int
    ffn: int
    vocabulary: int
    context: int
    head_size: int = 0
    kv_heads: int = 0
    swiglu: bool = False
    tied: bool = False
    positions: Positions = "rotary"
    norm: Norm = "rmsnorm"
    biases: Biases = "none"
    experts: int = 1
    active_experts: int = 1
    shared_experts: int = 0
    expert_ffn: int = 0
    dense_layers: int = 0

    def __post_init__(self) -> None:
        """Fill what follows from the rest (a zero says nothing), and refuse what no model has."""
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value != int(value) or value < least:
                raise UsageError(f"{name} must be a whole number of at least {least}, got {value}")
        if not self.head_size:
            if self.d_model % self.heads:
                raise UsageError(
                    f"d_model {self.d_model} is no multiple of heads {self.heads}",
                    hint="give head_size where the heads together are not as wide as the model",
                )
            object.__setattr__(self, "head_size", self.d_model // self.heads)
        object.__setattr__(self, "kv_heads", self.kv_heads or self.heads)
        object.__setattr__(self, "expert_ffn", self.expert_ffn or self.ffn)
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        if self.heads % self.kv_heads:
            raise UsageError(
                f"heads {self.heads} is no multiple of kv_heads {self.kv_heads}",
                hint="every group of query heads shares one key and value head",
            )
        if self.active_experts > self.experts:
            raise UsageError(
                f"active_experts {self.active_experts} are more than experts {self.experts}",
                hint="experts counts those of a layer, active_experts those that one token uses",
            )
        if self.dense_layers > self.layers:
            raise UsageError(
                f"dense_layers {self.dense_layers} are more than layers {self.layers}",
                hint="they are the first of the layers, the rest have experts",
            )
        if not self.is_moe and (self.shared_experts or self.dense_layers):
            given = "shared_experts" if self.shared_experts else "dense_layers"
            raise UsageError(f"{given} without experts", hint="add experts and active_experts")

    @property
    def is_moe(self) -> bool:
        """Whether tokens are routed to some of several experts."""
        return self.experts > 1

    @property
    def d_attention(self) -> int:
        """The width of all query heads together, heads x head_size."""
        return self.heads * self.head_size

    @property
    def d_kv(self) -> int:
        """The width of all key heads together, kv_heads x head_size."""
        return self.kv_heads * self.head_size


_LEAST = {
    **dict.fromkeys(("layers", "d_model", "heads", "ffn", "vocabulary", "context"), 1),
    **dict.fromkeys(("experts", "active_experts"), 1),
    **dict.fromkeys(("head_size", "kv_heads", "shared_experts", "expert_ffn", "dense_layers"), 0),
}

REQUIRED: tuple[str, ...] = tuple(one.name for one in fields(Architecture) if one.default is MISSING)
"""What a model block must say before it can be counted."""


def architecture_of(known: Mapping[str, Any]) -> Architecture:
    """Return the architecture that a ``model`` block describes; ``UsageError`` names all that is missing."""
    missing = [name for name in REQUIRED if name not in known]
    if missing:
        raise UsageError(
            f"a model cannot be counted without {', '.join(missing)}",
            hint=f"add a line {missing[0]}: {EXAMPLES[missing[0]]}",
        )
    return Architecture(**known)


EXAMPLES: Mapping[str, str] = {
    # Touvron et al. 2023, arXiv 2302.13971, Table 2 and Sec. 2: LLaMA 7B
    "layers": "32",
    "d_model": "4096",
    "heads": "32",
    "ffn": "11008",
    "vocabulary": "32000",
    "context": "2048",
}
"""A value for each key that must be there, those of LLaMA 7B."""
