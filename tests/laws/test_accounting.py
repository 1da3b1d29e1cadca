"""FLOPs and params of shapes: conventions against each other, against sums by hand, and what must hold."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.errors import UsageError
from scaling_cli.laws.accounting import CONVENTIONS, count_params, deepseek_m, training_flops
from scaling_cli.laws.architecture import Architecture, architecture_of

SMALL = Architecture(layers=2, d_model=8, heads=2, ffn=32, vocabulary=100, context=16)
MOE = replace(SMALL, experts=4, active_experts=2)
checked = settings(max_examples=60, derandomize=True, deadline=None)


def test_params_are_the_sum_over_matrices() -> None:
    params = count_params(SMALL)
    layer = 4 * 8 * 8 + 2 * 8 * 32 + 2 * 8
    assert params.layers == params.non_embedding == 2 * layer + 8
    assert (params.embedding, params.output, params.position) == (800, 800, 0)
    assert params.total == params.active == 2 * 800 + 2 * layer + 8


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"tied": True}, -800),
        ({"positions": "learned"}, 16 * 8),
        ({"positions": "relative"}, 2 * (8 * 8 + 2 * 8)),
        ({"kv_heads": 1}, -2 * 2 * 8 * 4),
        ({"head_size": 8}, 2 * 4 * 8 * 8),
        ({"swiglu": True}, 2 * 8 * 32),
        ({"norm": "layernorm"}, 5 * 8),
        ({"biases": "inner"}, 2 * (3 * 8 + 32)),
        ({"biases": "all"}, 2 * (4 * 8 + 32 + 8)),
        ({"swiglu": True, "biases": "all"}, 2 * (8 * 32 + 4 * 8 + 2 * 32 + 8)),
        ({"experts": 4, "active_experts": 1}, 2 * (3 * 2 * 8 * 32 + 8 * 4)),
    ],
)
def test_each_choice_adds_its_params(change: dict[str, object], more: int) -> None:
    shape = replace(SMALL, **change)  # type: ignore[arg-type]
    assert count_params(shape).total - count_params(SMALL).total == more


def test_idle_experts_are_all_that_a_token_leaves_unused() -> None:
    params = count_params(replace(MOE, shared_experts=1, dense_layers=1, expert_ffn=16))
    assert params.total - params.active == 1 * 2 * (2 * 8 * 16)
    assert params.active_non_embedding == params.active - 2 * 800


def test_flops_of_attention_and_feed_forward_are_the_sum_over_products() -> None:
    s, d, h, k, f, L, V = 16, 8, 2, 4, 32, 2, 100
    # Hoffmann et al. 2022, App. F, per sequence
    attention = (
        2 * 3 * s * d * k * h + 2 * s * s * k * h + 3 * h * s * s + 2 * s * s * k * h + 2 * s * k * h * d
    )
    layers = L * (attention + 2 * s * (d * f + d * f))
    flops = training_flops(SMALL, s)
    assert flops["hoffmann_used"] == 3 * layers
    assert flops["hoffmann_printed"] == 3 * (2 * s * V * d + layers + 2 * s * d * V)


def test_a_dense_model_has_one_6nd_and_recomputing_its_layers_is_a_third_more_of_them() -> None:
    flops = training_flops(SMALL)
    params = count_params(SMALL)
    assert flops["6nd"] == flops["6nd_active"] == 6 * params.total
    vocabulary = 6 * (params.total - params.non_embedding)
    with_attention, again = flops["6nd_attention"], flops["recomputation"]
    assert with_attention is not None
    assert again == pytest.approx((with_attention - vocabulary) * 4 / 3 + vocabulary)


def test_kaplan_counts_half_of_the_attention() -> None:
    # Kaplan et al. 2020, Table 1: C_forward = 2 N + 2 n_layer n_ctx d_attn
    flops = training_flops(SMALL)
    N = count_params(SMALL).non_embedding
    assert flops["kaplan"] == 6 * N
    assert flops["kaplan_attention"] == 3 * (2 * N + 2 * 2 * 16 * 8)


def test_deepseeks_m_is_what_6nd_with_attention_counts_of_twelve_squares_a_layer() -> None:
    weights = 2 * (4 * 8 * 8 + 2 * 8 * 32)  # 4 d^2 of attention and 8 d^2 of ffn
    assert deepseek_m(SMALL) == 6 * weights + 12 * 2 * 8 * 16
    assert deepseek_m(MOE) is None


shapes = st.builds(
    Architecture,
    layers=st.integers(1, 100),
    d_model=st.integers(1, 64).map(lambda n: 64 * n),
    heads=st.sampled_from([1, 2, 4, 8]),
    kv_heads=st.just(1),
    ffn=st.integers(1, 20_000),
    vocabulary=st.integers(1, 200_000),
    context=st.integers(1, 100_000),
    swiglu=st.booleans(),
    tied=st.booleans(),
    positions=st.sampled_from(["learned", "rotary", "relative"]),
    norm=st.sampled_from(["rmsnorm", "layernorm"]),
    biases=st.sampled_from(["none", "inner", "all"]),
    experts=st.just(8),
    active_experts=st.integers(1, 8),
)


@checked
@given(shape=shapes, tokens=st.floats(1, 1e15))
def test_counts_are_ordered_and_flops_grow_with_tokens(shape: Architecture, tokens: float) -> None:
    params = count_params(shape)
    assert 0 < params.active_non_embedding <= params.non_embedding < params.total
    assert params.active_non_embedding < params.active <= params.total
    assert (params.active == params.total) == (shape.active_experts == shape.experts)
    flops, one = training_flops(shape, tokens), training_flops(shape)
    assert list(flops) == [convention.name for convention in CONVENTIONS]
    for name, value in one.items():
        assert (value is None) == (name == "deepseek")
        assert value is None or flops[name] == pytest.approx(tokens * value)
    ordered = [one[name] for name in ("kaplan", "6nd_active", "6nd_attention", "recomputation")]
    assert ordered == sorted(ordered)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"layers": 0}, "layers must be a whole number of at least 1, got 0"),
        ({"d_model": 8.5}, "d_model must be a whole number of at least 1, got 8.5"),
        ({"heads": 3}, "d_model 8 is no multiple of heads 3"),
        ({"heads": 4, "kv_heads": 3}, "heads 4 is no multiple of kv_heads 3"),
        ({"experts": 2, "active_experts": 3}, "active_experts 3 are more than experts 2"),
        ({"experts": 2, "dense_layers": 3}, "dense_layers 3 are more than layers 2"),
        ({"shared_experts": 1}, "shared_experts without experts"),
        ({"dense_layers": 1}, "dense_layers without experts"),
    ],
)
def test_what_no_model_has_is_refused(known: dict[str, float], said: str) -> None:
    given = {"layers": 2, "d_model": 8, "heads": 2, "ffn": 32, "vocabulary": 100, "context": 16}
    with pytest.raises(UsageError, match=said):
        architecture_of(given | known)


def test_all_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match="without heads, ffn, vocabulary, context"):
        architecture_of({"layers": 2, "d_model": 8})
