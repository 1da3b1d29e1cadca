"""The design of the tiny study: budgets, sizes, batch and learning rate, each by a stated rule.

The pilot (``tiny_bytes_pilot.csv``) found the valley at 3e11 FLOPs near 38,000 parameters, by the parabola
through its three sizes, and the best learning rates near 0.0055 for a width of 32 at 256 bytes a step and
near 0.004 for a width of 64 at 512. The sizes begin at 37,500: there every factor between neighbours lies
within 1.3 to 1.41, and no run falls below 2,000 steps.
"""

import math
from dataclasses import dataclass

VOCABULARY, CONTEXT = 256, 64
FFN = 4  # feed-forward widths per width

BUDGETS = (3e11, 7.2e11, 1.73e12, 4.16e12, 1e13)
"""FLOPs, 6 N D: five over 1.5 decades, a factor of 2.4 apart."""

HELD_OUT_BUDGET = 4e13
"""FLOPs: four times the largest of the study."""

REPEATED = BUDGETS[:2]
SEEDS = (0, 1)

PILOT_OPTIMUM, PILOT_BUDGET = 37_500, 3e11
SIZES_A_BUDGET, SIZE_FACTOR = 7, 1.36
"""The sizes of a budget lie this factor apart around 37,500 (C / 3e11)^0.5 parameters."""

ASPECT = 20
"""Width over layers that the shapes come near to."""

MOST_LAYERS, WIDTHS = 8, (*range(16, 64, 2), *range(64, 257, 4))
"""A head's size is whole: two heads below a width of 64, four from there on."""

FEWEST_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Shape:
    """Layers and width; the heads are two below a width of 64 and four from there on."""

    layers: int
    width: int

    @property
    def heads(self) -> int:
        """Two below a width of 64, four from there on."""
        return 2 if self.width < 64 else 4

    @property
    def params(self) -> int:
        """All parameters, the tied embedding once: V d + T d + l (12 d^2 + 2 d) + d."""
        d = self.width
        return (VOCABULARY + CONTEXT) * d + self.layers * ((4 + 2 * FFN) * d * d + 2 * d) + d

    @property
    def flops_per_token(self) -> int:
        """Counted: 6 for every weight of a matrix product, 12 l T d for attention, no causal discount."""
        d = self.width
        matrices = VOCABULARY * d + self.layers * (4 + 2 * FFN) * d * d
        return 6 * matrices + 12 * self.layers * CONTEXT * d


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one run is trained: steps of ``sequences`` windows, the largest learning rate, the seed."""

    steps: int
    sequences: int
    learning_rate: float
    seed: int

    @property
    def batch_tokens(self) -> int:
        """Bytes a step."""
        return self.sequences * CONTEXT

    @property
    def tokens(self) -> int:
        """Bytes of the whole run."""
        return self.steps * self.batch_tokens


@dataclass(frozen=True, slots=True)
class Planned:
    """One run of the study before it is trained."""

    budget: float
    shape: Shape
    recipe: Recipe
    held_out: bool = False

    @property
    def run_id(self) -> str:
        """Budget, shape and seed: ``3e11-2x34-0``."""
        name = f"{self.budget:.3g}".replace("e+", "e")
        return f"{name}-{self.shape.layers}x{self.shape.width}-{self.recipe.seed}"


def shape_near(params: float) -> Shape:
    """Return the shape nearest to so many parameters whose width is about ``ASPECT`` times its layers.

    Smallest 200 ln(N / params)^2 + ln(d / (ASPECT l))^2: 1 % of size weighs as much as 14 % of aspect.
    """

    def distance(shape: Shape) -> float:
        size = math.log(shape.params / params)
        return 200 * size**2 + math.log(shape.width / (ASPECT * shape.layers)) ** 2

    return min((Shape(layers, d) for layers in range(1, MOST_LAYERS + 1) for d in WIDTHS), key=distance)


def recipe_for(budget: float, shape: Shape, seed: int) -> Recipe:
    """Return the batch, steps and learning rate of a run.

    Batch: 4 (C / 3e11)^(1/5) windows of 64 bytes. Learning rate: 0.008 (32 / d) (B / 512)^(1/2), B in bytes.
    Steps: C / (6 N B), rounded. Raises ``ValueError`` below ``FEWEST_STEPS``.
    """
    sequences = round(4 * (budget / PILOT_BUDGET) ** 0.2)
    batch = sequences * CONTEXT
    steps = round(budget / (6 * shape.params * batch))
    if steps < FEWEST_STEPS:
        name = f"{shape.layers}x{shape.width}"
        raise ValueError(f"{name} at {budget:g} FLOPs would take {steps} steps, fewer than {FEWEST_STEPS}")
    rate = 0.008 * (32 / shape.width) * math.sqrt(batch / 512)
    return Recipe(steps, sequences, float(f"{rate:.3g}"), seed)


def planned(budget: float, shape: Shape, seed: int = 0, *, held_out: bool = False) -> Planned:
    """Return one run of the study."""
    return Planned(budget, shape, recipe_for(budget, shape, seed), held_out)


def study() -> list[Planned]:
    """Return the runs of the study, seven sizes at each budget, then the repeats with another seed."""
    runs = []
    for seed in SEEDS:
        for budget in BUDGETS if seed == SEEDS[0] else REPEATED:
            centre = PILOT_OPTIMUM * (budget / PILOT_BUDGET) ** 0.5
            for place in range(SIZES_A_BUDGET):
                size = centre * SIZE_FACTOR ** (place - SIZES_A_BUDGET // 2)
                runs.append(planned(budget, shape_near(size), seed))
    return runs
