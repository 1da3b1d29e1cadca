"""One account of a model: what its parameters are, and the FLOPs of training under each convention."""

from collections.abc import Callable
from dataclasses import dataclass

from scaling_cli.laws.architecture import Architecture
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K

BACKWARD = 2.0
"""The backward pass in forward passes (Hoffmann et al. 2022, App. F; Kaplan et al. 2020, Sec. 2.1)."""

PER_WEIGHT = 2.0
"""FLOPs of a weight and a token in the forward pass: a multiplication and an addition."""


@dataclass(frozen=True, slots=True)
class ParamCount:
    """Parameters: ``embedding`` (the input table), ``output`` (untied: the logits' own), ``position`` tables.

    ``layers`` holds all else, norms and biases included, and ``idle`` the part of it that one token leaves
    unused, in experts it is not routed to.
    """

    embedding: int
    output: int
    position: int
    layers: int
    idle: int

    @property
    def total(self) -> int:
        """Every parameter."""
        return self.embedding + self.output + self.position + self.layers

    @property
    def non_embedding(self) -> int:
        """All but the vocabulary's and the positions' tables (Kaplan et al. 2020, Sec. 2.1)."""
        return self.layers

    @property
    def active(self) -> int:
        """What one token uses: every parameter of a dense model."""
        return self.total - self.idle

    @property
    def active_non_embedding(self) -> int:
        """What one token uses in the layers."""
        return self.layers - self.idle


def count_params(shape: Architecture) -> ParamCount:
    """N of a shape, exactly.

    N = V d (twice where untied) + s d (learned positions) + L (attention + feed-forward + 2 norms) + norm.
    With one tied embedding of 32,000 rows, relative positions, inner biases and rmsnorm it gives the fifty
    sizes of Hoffmann et al. 2022, Table A9, which does not say how they are counted.
    """
    d = shape.d_model
    table = shape.vocabulary * d
    norm = d if shape.norm == "rmsnorm" else 2 * d
    every_layer = _attention_params(shape) + 2 * norm
    moe_layers = shape.layers - shape.dense_layers if shape.is_moe else 0
    expert = _ffn_params(shape, shape.expert_ffn)
    moe = (shape.experts + shape.shared_experts) * expert + d * shape.experts
    feed_forward = (shape.layers - moe_layers) * _ffn_params(shape, shape.ffn) + moe_layers * moe
    return ParamCount(
        embedding=table,
        output=0 if shape.tied else table,
        position=shape.context * d if shape.positions == "learned" else 0,
        layers=shape.layers * every_layer + feed_forward + norm,
        idle=moe_layers * (shape.experts - shape.active_experts) * expert,
    )


def _attention_params(shape: Architecture) -> int:
    """Return d (a + 2 a_kv) + a d, d a + 2 a for relative positions, and the biases."""
    d, a, a_kv = shape.d_model, shape.d_attention, shape.d_kv
    weights = d * (a + 2 * a_kv) + a * d + (d * a + 2 * a if shape.positions == "relative" else 0)
    return weights + _biases(shape, inner=a + 2 * a_kv)


def _ffn_params(shape: Architecture, width: int) -> int:
    """Return 2 d f, or 3 d f with a gate, and the biases."""
    inner = 2 if shape.swiglu else 1
    return (inner + 1) * shape.d_model * width + _biases(shape, inner=inner * width)


def _biases(shape: Architecture, *, inner: int) -> int:
    """Return the biases of one part of a layer, of which ``inner`` stand before its last map."""
    return {"none": 0, "inner": inner, "all": inner + shape.d_model}[shape.biases]


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to count the training FLOPs of a token: its ``formula`` per token, its source, and ``count``.

    ``count`` gives FLOPs per token of a shape, ``None`` where the formula has no meaning for it.
    """

    name: str
    label: str
    formula: str
    source: str
    count: Callable[[Architecture], float | None]


def six_n(shape: Architecture) -> float:
    """6 N, every parameter: FLOPs per token (Hoffmann et al. 2022, App. F)."""
    return K * count_params(shape).total


def six_n_active(shape: Architecture) -> float:
    """6 N of the parameters that one token uses: FLOPs per token."""
    return K * count_params(shape).active


def six_n_attention(shape: Architecture) -> float:
    """6 N_active + 12 L a s, a = heads x head_size: FLOPs per token (Chowdhery et al. 2022, App. B)."""
    return six_n_active(shape) + 3 * _attention_forward(shape)


def recomputed(shape: Architecture) -> float:
    """6 N_active + 12 L a s and the forward pass of the layers once more, 2 N_layers + 4 L a s.

    FLOPs per token with every layer's activations recomputed (Narayanan et al. 2021, App., 96 of 72 parts).
    """
    again = PER_WEIGHT * count_params(shape).active_non_embedding + _attention_forward(shape)
    return six_n_attention(shape) + again


def kaplan(shape: Architecture) -> float:
    """6 N without the embeddings: FLOPs per token (Kaplan et al. 2020, Sec. 2.1)."""
    return K * count_params(shape).active_non_embedding


def kaplan_attention(shape: Architecture) -> float:
    """3 (2 N + 2 L a s), N without the embeddings: FLOPs per token (Kaplan et al. 2020, Table 1)."""
    return kaplan(shape) + (1 + BACKWARD) * 2 * shape.layers * shape.d_attention * shape.context


def hoffmann_used(shape: Architecture) -> float:
    """3 L (attention + dense): FLOPs per token without embeddings and logits.

    Attention is 2 d (a + 2 a_kv) + 2 s a + 3 h s + 2 s a + 2 a d, dense 2 (d f + f d). It gives the printed
    ratios of Hoffmann et al. 2022, Table A4, which Appendix F as printed does not.
    """
    s, d, a = shape.context, shape.d_model, shape.d_attention
    attention = 2 * d * (a + 2 * shape.d_kv) + 2 * s * a + 3 * shape.heads * s + 2 * s * a + 2 * a * d
    return (1 + BACKWARD) * (shape.layers * attention + _ffn_forward(shape))


def hoffmann_printed(shape: Architecture) -> float:
    """3 (2 V d + L (attention + dense) + 2 d V): FLOPs per token (Hoffmann et al. 2022, App. F)."""
    return hoffmann_used(shape) + (1 + BACKWARD) * 2 * 2 * shape.vocabulary * shape.d_model


def deepseek_m(shape: Architecture) -> float | None:
    """M = 72 L d^2 + 12 L d s: FLOPs per token (DeepSeek-AI 2024, arXiv 2401.02954, Eq. 2).

    As printed, for layers of 12 d^2 weights; it has no meaning for experts.
    """
    if shape.is_moe:
        return None
    return float(shape.layers * shape.d_model * (72 * shape.d_model + 12 * shape.context))


def _attention_forward(shape: Architecture) -> float:
    """4 L a s: queries with keys, and weights with values, of every position of the context."""
    return PER_WEIGHT * 2 * shape.layers * shape.d_attention * shape.context


def _ffn_forward(shape: Architecture) -> float:
    """2 FLOPs for each weight that a token uses in the feed-forward parts of all layers, the router too."""
    matrices = 3 if shape.swiglu else 2
    dense_layers = shape.dense_layers if shape.is_moe else shape.layers
    used = shape.active_experts + shape.shared_experts
    moe = matrices * shape.d_model * shape.expert_ffn * used + shape.d_model * shape.experts
    dense = matrices * shape.d_model * shape.ffn
    return PER_WEIGHT * (dense_layers * dense + (shape.layers - dense_layers) * moe)


CONVENTIONS: tuple[Convention, ...] = (
    Convention("6nd", "6ND", "6 N_total", "Hoffmann et al. 2022", six_n),
    Convention("6nd_active", "6ND, active", "6 N", "6ND of what a token uses", six_n_active),
    Convention(
        "6nd_attention", "6ND, attention", "6 N + 12 L a s", "Chowdhery et al. 2022, App. B", six_n_attention
    ),
    Convention(
        "recomputation", "6ND, recomputed", "6 N + 2 N_layers + 16 L a s", "Narayanan et al. 2021", recomputed
    ),
    Convention("kaplan", "Kaplan", "6 N_layers", "Kaplan et al. 2020, Sec. 2.1", kaplan),
    Convention(
        "kaplan_attention",
        "Kaplan, attention",
        "6 N_layers + 6 L a s",
        "Kaplan et al. 2020, Table 1",
        kaplan_attention,
    ),
    Convention(
        "hoffmann_printed",
        "App. F, printed",
        "12 V d + 3 L (attn + dense)",
        "Hoffmann et al. 2022, App. F",
        hoffmann_printed,
    ),
    Convention(
        "hoffmann_used",
        "App. F, as used",
        "3 L (attn + dense)",
        "Hoffmann et al. 2022, Table A4",
        hoffmann_used,
    ),
    Convention("deepseek", "DeepSeek's M", "72 L d^2 + 12 L d s", "DeepSeek-AI 2024, Eq. 2", deepseek_m),
)
"""N_total counts every parameter, N those that a token uses, N_layers those of N but the embeddings."""


def training_flops(shape: Architecture, tokens: float = 1.0) -> dict[str, float | None]:
    """C = D times the FLOPs per token, under every convention by name; of one token unless told."""
    per_token = {one.name: one.count(shape) for one in CONVENTIONS}
    return {name: None if value is None else value * tokens for name, value in per_token.items()}
