"""A shape has the params that were asked for, the proportions of published models, and round dimensions."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.errors import UsageError
from scaling_cli.laws.accounting import count_params
from scaling_cli.laws.architecture import Architecture
from scaling_cli.laws.aspect import (
    ASPECT_COEFFICIENT,
    ASPECT_EXPONENT,
    ASPECT_RANGE,
    ASPECT_SPREAD,
    LARGE_ASPECT_RANGE,
)
from scaling_cli.planning.shape import Style, aspect_ratio, propose

# Hoffmann et al. 2022, Table A9: params in millions, d_model, layers
TABLE_A9 = """
44 512 8, 57 576 9, 74 640 10, 90 640 13, 106 640 16, 117 768 12, 140 768 15, 163 768 18, 175 896 14,
196 896 16, 217 896 18, 251 1024 16, 278 1024 18, 306 1024 20, 425 1280 18, 489 1280 21, 509 1408 18,
552 1280 24, 587 1408 21, 632 1536 19, 664 1408 24, 724 1536 22, 816 1536 25, 893 1792 20, 1018 1792 23,
1143 1792 26, 1266 2048 22, 1424 2176 22, 1429 2048 25, 1593 2048 28, 1609 2176 25, 1731 2304 24,
1794 2176 28, 2007 2304 28, 2283 2304 32, 2298 2560 26, 2639 2560 30, 2980 2560 34, 3530 2688 36,
3802 2816 36, 4084 2944 36, 4516 3072 36, 6796 3584 40, 9293 4096 42, 11452 4352 47, 12295 4608 44,
12569 4608 47, 13735 4864 47, 14940 4992 49, 16183 5120 47
"""
ROWS = [tuple(map(float, row.split())) for row in TABLE_A9.replace("\n", " ").split(",")]

STYLES: dict[str, dict[str, Any]] = {
    "table A9": {},
    "gpt": {"positions": "learned", "norm": "layernorm", "biases": "all"},
    "chinchilla": {"positions": "relative", "biases": "inner"},
    "gated, grouped": {"swiglu": True, "kv_heads": 8},
    "untied": {"swiglu": True, "tied": False},
    "experts": {"swiglu": True, "kv_heads": 8, "experts": 8, "active_experts": 2},
    "many experts": {"experts": 64, "active_experts": 6, "shared_experts": 2, "dense_layers": 1},
}


def active(shape: Architecture) -> float:
    return count_params(shape).active


def test_the_aspect_ratios_are_the_least_squares_of_table_a9() -> None:
    import numpy as np

    assert len(ROWS) == 50
    millions, widths, layers = np.array(ROWS).T
    x, y = np.log(millions * 1e6), np.log(widths / layers)
    exponent, intercept = np.polyfit(x, y, 1)
    residuals = y - intercept - exponent * x
    assert math.exp(intercept) == pytest.approx(ASPECT_COEFFICIENT, rel=1e-6)
    assert exponent == pytest.approx(ASPECT_EXPONENT, rel=1e-6)
    assert math.sqrt(np.sum(residuals**2) / 48) == pytest.approx(ASPECT_SPREAD, rel=1e-6)


def test_the_ranges_of_aspect_ratios_are_those_of_the_table() -> None:
    every = [width / layers for _, width, layers in ROWS]
    large = [width / layers for millions, width, layers in ROWS if millions > 1000]
    assert (round(min(every)), round(max(every))) == ASPECT_RANGE
    assert (round(min(large)), round(max(large))) == LARGE_ASPECT_RANGE


@settings(max_examples=150, deadline=None)
@given(
    log_N=st.floats(math.log(50e6), math.log(500e9)),
    style=st.sampled_from(sorted(STYLES)),
)
def test_every_proposal_has_the_params_and_the_proportions_asked_for(log_N: float, style: str) -> None:
    N = math.exp(log_N)
    proposal = propose(N, Style(STYLES[style]), active)
    assert proposal.typical is not None
    for shape in proposal.named.values():
        params = count_params(shape).active
        assert abs(params / N - 1) <= 0.02
        assert 40 <= shape.d_model / shape.layers <= 109
        if params > 1e9:
            assert shape.d_model / shape.layers >= 69


@pytest.mark.parametrize("N", [367_821_127.2, 1_000_000_001.0, 50e6, 500e9])
def test_the_sizes_that_leave_the_least_room_have_shapes(N: float) -> None:
    for style in STYLES.values():
        assert propose(N, Style(style), active).typical is not None


@settings(max_examples=60, deadline=None)
@given(
    log_N=st.floats(math.log(50e6), math.log(500e9)),
    style=st.sampled_from(sorted(STYLES)),
)
def test_every_dimension_is_a_round_multiple(log_N: float, style: str) -> None:
    for shape in propose(math.exp(log_N), Style(STYLES[style]), active).named.values():
        wide = shape.d_model > 1024
        multiple = 256 if shape.d_model > 2048 else 128 if wide else 64
        assert shape.d_model % (128 if wide else 64) == 0
        assert shape.head_size == (128 if wide else 64)
        assert shape.heads * shape.head_size == shape.d_model
        assert (shape.expert_ffn if shape.is_moe else shape.ffn) % multiple == 0
        assert shape.vocabulary % 128 == 0


@settings(max_examples=60, deadline=None)
@given(log_N=st.floats(math.log(50e6), math.log(500e9)), style=st.sampled_from(sorted(STYLES)))
def test_proposals_go_from_deeper_to_wider(log_N: float, style: str) -> None:
    proposal = propose(math.exp(log_N), Style(STYLES[style]), active)
    for deeper, wider in pairwise(proposal.named.values()):
        assert deeper.d_model < wider.d_model
        assert aspect_ratio(deeper) < aspect_ratio(wider)


@pytest.mark.parametrize("N", [200e6, 1e9, 3e9, 8e9, 70e9, 400e9])
def test_there_is_a_choice_of_shapes(N: float) -> None:
    assert len(propose(N, Style(), active).named) >= 2


def test_a_vocabulary_is_padded_and_what_is_asked_of_the_style_is_kept() -> None:
    known = {"vocabulary": 50257, "context": 8192, "tied": False, "swiglu": True, "kv_heads": 8}
    for shape in propose(7e9, Style(known), active).named.values():
        assert shape.vocabulary == 50304
        assert (shape.context, shape.tied, shape.swiglu) == (8192, False, True)
        assert shape.heads % shape.kv_heads == 0
        assert 2 <= shape.kv_heads <= 8


def test_a_width_and_depth_that_are_given_set_the_proportions() -> None:
    # LLaMA 65B: 8192 wide, 80 layers, ffn 22016; and one that Table A9 has nothing like
    for width, layers, ffn in ((8192, 80, 22016), (4096, 16, 16384)):
        style = Style({"d_model": width, "layers": layers, "ffn": ffn, "heads": 64, "swiglu": True})
        typical = propose(20e9, style, active).typical
        assert typical is not None
        assert aspect_ratio(typical) == pytest.approx(width / layers, rel=0.1)
        assert typical.ffn / typical.d_model == pytest.approx(ffn / width, rel=0.05)


def test_nothing_is_proposed_where_the_vocabulary_alone_is_too_large() -> None:
    assert propose(1e6, Style({"vocabulary": 128_000, "tied": False}), active).named == {}


def test_no_shape_passes_the_size_that_is_the_most() -> None:
    for shape in propose(30e9, Style(), active, most=30e9).named.values():
        assert 0.98 * 30e9 <= active(shape) <= 30e9


def test_a_style_that_no_model_has_is_refused() -> None:
    with pytest.raises(UsageError, match="active_experts"):
        propose(1e9, Style({"experts": 4, "active_experts": 8}), active)
    with pytest.raises(UsageError, match="head_size"):
        propose(1e9, Style({"head_size": 100}), active)
