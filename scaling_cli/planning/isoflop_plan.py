"""What an isoflop study says, and how surely, at the budgets it was made for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scaling_cli.findings import Finding
from scaling_cli.fitting.isoflop import Isoflop
from scaling_cli.laws.card import LawCard, Range


@dataclass(frozen=True, slots=True)
class Answer:
    """N = ``params`` on D = ``tokens`` reach ``loss`` (nats per token); [low, high] of each by name."""

    params: float
    tokens: float
    loss: float | None
    intervals: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IsoflopOptimum:
    """The optimum at ``flops``: the ``best`` answer, corrected where the bias could be removed, and ``raw``.

    ``waste`` is the share of the compute that following the raw one would waste, ``extrapolation`` C over
    the largest ok budget.
    """

    flops: float
    best: Answer
    raw: Answer
    waste: float | None
    extrapolation: float
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class IsoflopPlan:
    """An isoflop study with its optima; ``card`` holds the frontier as an allocation law, where there is one.

    ``interval`` is the level of every interval, ``replicates`` how many the bootstrap drew.
    """

    study: Isoflop
    name: str
    card: LawCard | None
    optima: tuple[IsoflopOptimum, ...]
    runs_read: int
    interval: float
    replicates: int
    findings: tuple[Finding, ...]
