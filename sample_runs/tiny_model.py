"""A decoder-only transformer over bytes, and its training: small enough for one core of a laptop.

Learned positions, RMSNorm before each block, squared-ReLU feed-forward of four widths, tied embedding. All
parameters lie in one flat tensor, so that clipping and AdamW are single calls.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tiny_design import CONTEXT, FFN, VOCABULARY, Recipe, Shape
from torch.nn import functional

WARMUP = 0.05  # of the steps
FINAL_LR = 0.1  # of the largest, at the end of the cosine
BETAS, WEIGHT_DECAY, CLIP = (0.9, 0.95), 0.1, 1.0
VALIDATION_WINDOWS = 4096  # 262,144 bytes
SEEN_AT = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.9, 0.95, 1.0)
"""The shares of a run at which its loss is measured; three lie in the last 15 % before the end."""


class Model:
    """The transformer of one shape, its parameters views of the flat ``values``, gradients of ``slopes``."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        d, residual = shape.width, 1 / math.sqrt(2 * shape.layers)
        sizes: list[tuple[tuple[int, ...], float]] = [((VOCABULARY, d), 1.0), ((CONTEXT, d), 1.0)]
        for _ in range(shape.layers):
            sizes += [((3 * d, d), 1.0), ((d, d), residual)]
            sizes += [((FFN * d, d), 1.0), ((d, FFN * d), residual)]
        self.matrices = sum(rows * columns for (rows, columns), _ in sizes)
        self.values = torch.ones(shape.params)
        self.slopes = torch.zeros(shape.params)
        generator = torch.Generator().manual_seed(seed)
        self._leaves: list[Any] = []
        place = 0
        for size, scale in [*sizes, *[((d,), 0.0)] * (2 * shape.layers + 1)]:
            count = math.prod(size)
            leaf = self.values[place : place + count].view(size)
            if scale:
                leaf.normal_(0.0, scale / math.sqrt(size[1]), generator=generator)
            leaf.requires_grad_().grad = self.slopes[place : place + count].view(size)
            self._leaves.append(leaf)
            place += count
        assert place == shape.params

    def loss(self, bytes_read: Any, bytes_next: Any) -> Any:
        """Return the mean cross entropy, in nats per byte, of windows (B, T)."""
        shape = self.shape
        d, heads = shape.width, shape.heads
        embedding, positions = self._leaves[:2]
        gains = iter(self._leaves[2 + 4 * shape.layers :])
        hidden = functional.embedding(bytes_read, embedding) + positions
        split = (-1, CONTEXT, 3, heads, d // heads)
        for layer in range(shape.layers):
            mix, out, up, down = self._leaves[2 + 4 * layer : 6 + 4 * layer]
            normed = functional.rms_norm(hidden, (d,), next(gains))
            query, key, value = functional.linear(normed, mix).view(split).permute(2, 0, 3, 1, 4)
            seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            hidden = hidden + functional.linear(seen.transpose(1, 2).flatten(2), out)
            normed = functional.rms_norm(hidden, (d,), next(gains))
            hidden = hidden + functional.linear(functional.relu(functional.linear(normed, up)).square(), down)
        logits = functional.linear(functional.rms_norm(hidden, (d,), next(gains)), embedding)
        return functional.cross_entropy(logits.flatten(0, 1), bytes_next.flatten())


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run came to: (tokens, validation loss) along the way, the last at its end, and its seconds."""

    curve: tuple[tuple[int, float], ...]
    seconds: float

    @property
    def loss(self) -> float:
        """The validation loss at the end, in nats per byte."""
        return self.curve[-1][1]


def train(
    shape: Shape, recipe: Recipe, training: Any, validation: Any, said: Callable[[str], None]
) -> Trained:
    """Train one run: AdamW, warm-up in proportion, a cosine that ends with the run, gradients clipped.

    Windows of the training bytes come in an order drawn from the seed, each once before any comes again.
    """
    started = time.perf_counter()
    model = Model(shape, recipe.seed)
    flat = (
        torch.nn.Parameter(model.values[: model.matrices]),
        torch.nn.Parameter(model.values[model.matrices :]),
    )
    flat[0].grad, flat[1].grad = model.slopes[: model.matrices], model.slopes[model.matrices :]
    optimiser = torch.optim.AdamW(
        [{"params": [flat[0]], "weight_decay": WEIGHT_DECAY}, {"params": [flat[1]], "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=BETAS,
        fused=True,
    )
    measured = {max(1, round(share * recipe.steps)) for share in SEEN_AT}
    curve = []
    for step, (read, following) in enumerate(_batches(training, recipe), start=1):
        rate = recipe.learning_rate * schedule(step / recipe.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        model.slopes.zero_()
        model.loss(read, following).backward()
        norm = float(model.slopes.norm())
        if norm > CLIP:
            model.slopes.mul_(CLIP / norm)
        optimiser.step()
        if step in measured:
            tokens = step * recipe.batch_tokens
            curve.append((tokens, validation_loss(model, validation)))
            said(f"{tokens} tokens, {curve[-1][1]:.4f} nats per byte, {time.perf_counter() - started:.0f} s")
    return Trained(tuple(curve), time.perf_counter() - started)


def schedule(share: float) -> float:
    """Return the learning rate over its largest: linear up to ``WARMUP``, then a cosine to ``FINAL_LR``."""
    if share < WARMUP:
        return share / WARMUP
    along = (share - WARMUP) / (1 - WARMUP)
    return FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * along))


def validation_loss(model: Model, validation: Any) -> float:
    """Return the loss over the same ``VALIDATION_WINDOWS`` windows for every run, spread over the split."""
    last = len(validation) - CONTEXT - 1
    places = np.linspace(0, last, VALIDATION_WINDOWS).astype(np.int64)
    with torch.no_grad():
        parts = [float(model.loss(*_windows(validation, part))) for part in np.split(places, 64)]
    return math.fsum(parts) / len(parts)


def _batches(training: Any, recipe: Recipe) -> Iterator[tuple[Any, Any]]:
    windows = (len(training) - 1) // CONTEXT
    needed = recipe.steps * recipe.sequences
    rng = np.random.default_rng(recipe.seed)
    order = np.concatenate([rng.permutation(windows) for _ in range(-(-needed // windows))])[:needed]
    for places in order.reshape(recipe.steps, recipe.sequences):
        yield _windows(training, places * CONTEXT)


def _windows(data: Any, places: Any) -> tuple[Any, Any]:
    bytes_seen = torch.from_numpy(data[places[:, None] + np.arange(CONTEXT + 1)].astype(np.int64))
    return bytes_seen[:, :-1], bytes_seen[:, 1:]
