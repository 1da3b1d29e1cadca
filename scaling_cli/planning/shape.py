"""From N_opt to a transformer that can be built: dimensions in round multiples, near the published shapes."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scaling_cli.errors import UsageError
from scaling_cli.laws.architecture import Architecture
from scaling_cli.laws.aspect import (
    ASPECT_SPREAD,
    CONTEXT,
    FFN_RATIO,
    GATED_FFN_RATIO,
    LARGE_HEAD,
    SMALL_HEAD,
    SMALL_HEAD_WIDTH,
    VOCABULARY,
    aspect_range,
    fitted_aspect,
)

TOLERANCE = 0.02
"""How far, as a share, the params of a shape may be from those that were asked for."""

VOCABULARY_MULTIPLE = 128
"""Vocabularies are padded to it: the logits then fill whole tiles of matrix units."""
FFN_MULTIPLES = (64, 128, 256)
"""Multiples of the feed-forward width, up to SMALL_HEAD_WIDTH, SPLIT_WIDTH and beyond: whole tiles of matrix
units, and for wide models of each of the accelerators that they are split over."""

FFN_SPREAD = 0.06
"""A feed-forward width exp(0.06) from its ratio to d_model counts as much as an aspect ratio one standard
deviation from its target: rounding stays below it, except in the smallest models, which need it more."""
LAST_SHARE = TOLERANCE / 2
"""So does a size that is 1 % from what was asked: two shapes of equal proportions are told apart by it."""

SPLIT_WAYS = 8
"""Wide models are split over the 8 accelerators of a machine, each with as many heads."""
SPLIT_WIDTH = 2048
"""Models no wider fit on one accelerator, and need no split."""
UNEVEN_COST = 0.5
"""What every halving of the ways the heads can be split counts, in squared standard deviations of the
aspect ratio: an odd number of heads is worth giving up 1.2 of them for."""

FEWEST_KV = 0.25
"""The least share of the key and value heads asked for, where the heads are no multiple of them."""
GROUP_COST = 2.0
"""What half as many key and value heads as were asked for count, in the same squared deviations."""

LONGEST = 4096
"""Layers that no search goes beyond."""

Counter = Callable[[Architecture], float]
"""The params of a shape as a law counts them."""


@dataclass(frozen=True, slots=True)
class Style:
    """What is settled of a model before its size is: everything but layers, widths and heads.

    ``known`` holds keys of ``Architecture``. Layers and d_model in it fix the aspect ratio that is aimed
    at, ffn (or expert_ffn) and d_model the width of the feed-forward part; what it does not say is that of
    the table: 32,000 words read and written with one embedding, a context of 2048.
    """

    known: Mapping[str, Any] = field(default_factory=dict)

    @property
    def vocabulary(self) -> int:
        """The vocabulary, padded."""
        asked = int(self.known.get("vocabulary", VOCABULARY))
        return _round_up(asked, VOCABULARY_MULTIPLE)

    @property
    def aspect(self) -> float | None:
        """The d_model/layers that was given, if both were."""
        known = self.known
        return known["d_model"] / known["layers"] if {"d_model", "layers"} <= set(known) else None

    @property
    def ffn_ratio(self) -> float:
        """ffn/d_model: as given, or 4, or 8/3 with a gate."""
        return self._ratio("ffn") or (GATED_FFN_RATIO if self.known.get("swiglu") else FFN_RATIO)

    @property
    def expert_ratio(self) -> float:
        """The same of one expert."""
        return self._ratio("expert_ffn") or self.ffn_ratio

    def _ratio(self, name: str) -> float | None:
        known = self.known
        return known[name] / known["d_model"] if {name, "d_model"} <= set(known) else None

    def shape(self, d_model: int, layers: int, ffn: int, expert_ffn: int = 0) -> Architecture:
        """Return the architecture of this style with such dimensions."""
        head_size = self.head_size(d_model)
        heads = d_model // head_size
        plain = {key: value for key, value in self.known.items() if key not in _OF_SIZE}
        return Architecture(
            **{
                "context": CONTEXT,
                "tied": True,
                **plain,
                "vocabulary": self.vocabulary,
                "d_model": d_model,
                "layers": layers,
                "heads": heads,
                "head_size": head_size,
                "kv_heads": self.kv_heads(heads),
                "ffn": ffn,
                "expert_ffn": expert_ffn,
            }
        )

    def head_size(self, d_model: int) -> int:
        """Return the size of a head: as given, or 64 in narrow models and 128 in others."""
        given = int(self.known.get("head_size", 0))
        return given or (SMALL_HEAD if d_model <= SMALL_HEAD_WIDTH else LARGE_HEAD)

    def kv_heads(self, heads: int) -> int:
        """Return the most key and value heads, no more than given, that the heads are a multiple of."""
        most = min(int(self.known.get("kv_heads", 0)) or heads, heads)
        return next(count for count in range(most, 0, -1) if heads % count == 0)


_OF_SIZE = ("layers", "d_model", "heads", "head_size", "kv_heads", "ffn", "expert_ffn", "vocabulary")


@dataclass(frozen=True, slots=True)
class _Match:
    """A shape, its params as counted, and how far it is from what was aimed at."""

    shape: Architecture
    params: float
    miss: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """The shape of the ``typical`` aspect ratio, and if any a ``deeper`` and a ``wider`` one."""

    deeper: Architecture | None = None
    typical: Architecture | None = None
    wider: Architecture | None = None

    @property
    def named(self) -> dict[str, Architecture]:
        """The shapes there are by name, from deeper to wider."""
        every = {"deeper": self.deeper, "typical": self.typical, "wider": self.wider}
        return {name: shape for name, shape in every.items() if shape is not None}


def propose(N: float, style: Style, count: Counter, most: float | None = None) -> Proposal:
    """Return up to three shapes of N params within 2 %, and of no more than ``most``, from deeper to wider.

    ``count`` gives the params of a shape as N counts them. The aspect ratios aimed at are the one of Table A9
    for N, or that of the style, and those a standard deviation of the table to either side; empty where no
    shape of the style is as large or as small as N. Raises ``UsageError`` for a style that no model has.
    """
    example(style)
    low, high = _bounds(N, style)
    top = N * (1 + TOLERANCE) if most is None else min(most, N * (1 + TOLERANCE))
    matches = [
        _Match(shape, params, _imbalance(shape, style) + ((params / N - 1) / LAST_SHARE) ** 2)
        for shape in _candidates(N, style, count, low, high)
        if N * (1 - TOLERANCE) <= (params := count(shape)) <= top and _is_apt(shape, style, low, high)
    ]
    deeper, middle, wider = _targets(N, style, low, high)
    typical = _best(matches, middle)
    if typical is None:
        return Proposal()
    width, aspect = typical.d_model, aspect_ratio(typical)
    others = [match for match in matches if match.shape.d_model != width]
    deep = _best([m for m in others if m.shape.d_model < width and aspect_ratio(m.shape) < aspect], deeper)
    wide = _best([m for m in others if m.shape.d_model > width and aspect_ratio(m.shape) > aspect], wider)
    return Proposal(deep, typical, wide)


def _best(matches: list[_Match], target: float) -> Architecture | None:
    """Return the shape that misses an aspect ratio, and all else it is to have, the least."""
    if not matches:
        return None
    return min(matches, key=lambda match: match.miss + _miss(match.shape, target)).shape


def aspect_ratio(shape: Architecture) -> float:
    """d_model/layers."""
    return shape.d_model / shape.layers


def example(style: Style) -> Architecture:
    """Return a small shape of the style; ``UsageError`` for one that no model has."""
    head_size = int(style.known.get("head_size", 0))
    if head_size % 8:
        raise UsageError(
            f"head_size {head_size} is no multiple of 8", hint="matrix units want 64 or 128: leave it out"
        )
    return style.shape(8 * _step(style, SMALL_HEAD_WIDTH), int(style.known.get("dense_layers", 0)) + 1, 64)


def _bounds(N: float, style: Style) -> tuple[float, float]:
    """Return the aspect ratios allowed: those of the table, or around the one that was given."""
    if style.aspect is not None:
        reach = math.exp(2 * ASPECT_SPREAD)
        return style.aspect / reach, style.aspect * reach
    # a shape may be 2 % larger than N, and is then to be as those of its own size are
    return aspect_range(N * (1 + TOLERANCE))


def _targets(N: float, style: Style, low: float, high: float) -> tuple[float, float, float]:
    """Return the aspect ratios aimed at, from deeper to wider, all of them within the bounds."""
    spread = math.exp(ASPECT_SPREAD)
    middle = min(max(style.aspect or fitted_aspect(N), low * spread), high / spread)
    return middle / spread, middle, middle * spread


def _miss(shape: Architecture, target: float) -> float:
    return (math.log(aspect_ratio(shape) / target) / ASPECT_SPREAD) ** 2


def _is_apt(shape: Architecture, style: Style, low: float, high: float) -> bool:
    """Return whether the aspect ratio is allowed, and enough of the key and value heads are there."""
    asked = min(int(style.known.get("kv_heads", 0)), shape.heads)
    return low <= aspect_ratio(shape) <= high and FEWEST_KV * asked <= shape.kv_heads


def _imbalance(shape: Architecture, style: Style) -> float:
    """Return how far the feed-forward width and the groups of heads are from what the style asks."""
    if shape.is_moe:
        wide = math.log(shape.expert_ffn / (style.expert_ratio * shape.d_model))
    else:
        wide = math.log(shape.ffn / (style.ffn_ratio * shape.d_model))
    asked = int(style.known.get("kv_heads", 0)) or shape.heads
    grouped = GROUP_COST * math.log2(asked / shape.kv_heads) ** 2
    ways = math.gcd(shape.heads, SPLIT_WAYS) if shape.d_model > SPLIT_WIDTH else SPLIT_WAYS
    return (wide / FFN_SPREAD) ** 2 + grouped + UNEVEN_COST * math.log2(SPLIT_WAYS / ways)


def _candidates(N: float, style: Style, count: Counter, low: float, high: float) -> Iterator[Architecture]:
    """Give, for every width that N may have, the depths next to the one it needs, the rest adjusted to N."""
    least = int(style.known.get("dense_layers", 0)) + 1
    for d_model in _widths(N, style, count, low, high):
        ffn = _rounded(style.ffn_ratio * d_model, d_model)
        expert = _rounded(style.expert_ratio * d_model, d_model)
        one, two = (count(style.shape(d_model, layers, ffn, expert)) for layers in (least, least + 1))
        depth = least + (N - one) / (two - one)
        for layers in range(math.floor(depth) - 1, math.floor(depth) + 3):
            if least <= layers <= LONGEST:
                yield from _adjusted(N, style, count, d_model, layers)


def _adjusted(N: float, style: Style, count: Counter, d_model: int, layers: int) -> tuple[Architecture, ...]:
    """Return the two shapes of a width and depth with feed-forward parts next to the one that gives N."""
    is_moe = int(style.known.get("experts", 1)) > 1
    step = _ffn_multiple(d_model)
    width = _rounded((style.expert_ratio if is_moe else style.ffn_ratio) * d_model, d_model)

    def with_width(width: int) -> Architecture:
        if is_moe:
            return style.shape(d_model, layers, _rounded(style.ffn_ratio * d_model, d_model), width)
        return style.shape(d_model, layers, width)

    params = count(with_width(width))
    slope = (count(with_width(width + step)) - params) / step
    if slope <= 0:  # the feed-forward part is not in this count
        return (with_width(width),)
    steps = math.floor((width + (N - params) / slope) / step)
    return tuple(with_width(step * max(1, number)) for number in (steps, steps + 1))


def _widths(N: float, style: Style, count: Counter, low: float, high: float) -> Iterator[int]:
    """Give the widths that reach N at an aspect ratio within the bounds, and a few more to either side."""

    def at(d_model: int, aspect: float) -> float:
        layers = max(int(style.known.get("dense_layers", 0)) + 1, round(d_model / aspect))
        ffn = _rounded(style.ffn_ratio * d_model, d_model)
        return count(style.shape(d_model, layers, ffn, _rounded(style.expert_ratio * d_model, d_model)))

    d_model = 0
    while True:
        d_model += _step(style, d_model + 1)
        if at(d_model, high) > N * 1.5:
            return
        if at(d_model, low) > N / 1.5:
            yield d_model


def _step(style: Style, d_model: int) -> int:
    """Return the multiple that widths about ``d_model`` are of: whole heads, and of 64 or 128."""
    multiple = SMALL_HEAD if d_model <= SMALL_HEAD_WIDTH else LARGE_HEAD
    return math.lcm(multiple, style.head_size(d_model))


def _ffn_multiple(d_model: int) -> int:
    small, medium, large = FFN_MULTIPLES
    return small if d_model <= SMALL_HEAD_WIDTH else medium if d_model <= SPLIT_WIDTH else large


def _rounded(width: float, d_model: int) -> int:
    """Return the multiple nearest to a feed-forward width."""
    multiple = _ffn_multiple(d_model)
    return max(1, round(width / multiple)) * multiple


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
