"""Published laws of batch and learning rate: constants, what they count, where they were fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from scaling_cli.units import FLOPS_PER_PARAM_TOKEN as K

Counted = Literal["params", "tokens", "flops"]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TrainingScale:
    """What the laws count of a training run.

    ``params`` N are active and without the vocabulary's embedding and output layers, ``tokens`` D, and
    ``flops_per_token`` M = 72 layers d_model^2 + 12 layers d_model context, or what its cost is for
    another shape.
    """

    params: float
    tokens: float
    flops_per_token: float


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """coefficient * prod_i x_i^exponent_i, over the counted quantities that have an exponent."""

    coefficient: float
    exponents: Mapping[Counted, float]

    def at(self, counted: Mapping[Counted, float]) -> float:
        """Return the value where N, D and C are as ``counted``."""
        value = self.coefficient
        for name, exponent in self.exponents.items():
            value *= counted[name] ** exponent
        return value


@dataclass(frozen=True, slots=True)
class HyperparameterLaw:
    """Batch in tokens and peak learning rate, as power laws of N, D or C.

    ``flops`` says which C it means: ``attention`` is M D, ``params`` is 6 N D. ``fitted_range`` holds the
    least and the largest of what its runs had, as far as it is known, and ``range_source`` where that
    stands. ``confidence`` is that of a ``LawCard``.
    """

    name: str
    batch_tokens: PowerLaw
    learning_rate: PowerLaw
    source: str
    confidence: str
    counts: str
    flops: Literal["attention", "params"] = "params"
    fitted_range: Mapping[Counted, Range] = field(default_factory=dict)
    range_source: str = ""
    caveat: str = ""

    def counted(self, scale: TrainingScale) -> dict[Counted, float]:
        """Return N, D and C of a run as this law counts them."""
        per_token = scale.flops_per_token if self.flops == "attention" else K * scale.params
        return {"params": scale.params, "tokens": scale.tokens, "flops": per_token * scale.tokens}

    def suggest(self, scale: TrainingScale) -> "Suggestion":
        """Return batch and learning rate of a run, and whether the law's own runs were of its size."""
        counted = self.counted(scale)
        inside = [low <= counted[name] <= high for name, (low, high) in self.fitted_range.items()]
        return Suggestion(
            law=self,
            batch_tokens=self.batch_tokens.at(counted),
            learning_rate=self.learning_rate.at(counted),
            counted=counted,
            in_range=all(inside) if inside else None,
        )


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A batch in tokens and a peak learning rate to start a search from.

    ``counted`` are N, D and C as the law counts them; ``in_range`` says whether they lie in its fitted
    range, and is ``None`` where that is not known.
    """

    law: HyperparameterLaw
    batch_tokens: float
    learning_rate: float
    counted: Mapping[Counted, float]
    in_range: bool | None


_ENTRIES = (
    HyperparameterLaw(
        name="deepseek2024",
        batch_tokens=PowerLaw(0.2920, {"flops": 0.3271}),  # Eq. 1
        learning_rate=PowerLaw(0.3118, {"flops": -0.1250}),  # Eq. 1
        source="DeepSeek-AI 2024, arXiv 2401.02954, Eq. 1",
        confidence="secondary",
        counts="C = M D, with M the non-embedding FLOPs per token with attention",
        flops="attention",
        fitted_range={"flops": (1e17, 2e19)},
        range_source="Sec. 3.1",
        caveat="Any setting within 0.25 % of the least loss went into the fit; checked at 1e20 FLOPs.",
    ),
    HyperparameterLaw(
        name="steplaw2025",
        batch_tokens=PowerLaw(0.58, {"tokens": 0.571}),
        learning_rate=PowerLaw(1.79, {"params": -0.713, "tokens": 0.307}),
        source="Li et al. 2025, arXiv 2503.04715, abstract and the authors' repository",
        confidence="primary",
        counts="N without the vocabulary",
        fitted_range={"params": (59e6, 1e9)},
        range_source="sizes in its figures, from others; tokens not known",
        caveat="Fitted with a cosine to a fixed least learning rate: another schedule may want another rate.",
    ),
    HyperparameterLaw(
        name="moonlight2025",
        batch_tokens=PowerLaw(0.0065, {"flops": 0.4138}),
        learning_rate=PowerLaw(0.0127, {"flops": -0.057}),
        source="Liu et al. 2025, arXiv 2502.16982",
        confidence="secondary",
        counts="C = 6 N D, N without embeddings",
        # 6 N D of the first and the last row: 399M params on 8.92B tokens, 1.5B on 38.91B
        fitted_range={"flops": (6 * 399e6 * 8.92e9, 6 * 1.5e9 * 38.91e9)},
        range_source="derived from the first and last row of Table 2",
        caveat="Tuned for AdamW, and used for Muon with its update scaled to that of AdamW.",
    ),
)

HYPERPARAMETER_LAWS = {law.name: law for law in _ENTRIES}
"""Every published law of batch and learning rate, by name."""


def suggest_hyperparameters(scale: TrainingScale) -> tuple[Suggestion, ...]:
    """Return what every published law suggests for a run: starting points, which differ."""
    return tuple(law.suggest(scale) for law in HYPERPARAMETER_LAWS.values())
