"""The theoretical IsoFLOP profile: what a law says of sizes around the optimum of a budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from scaling_cli.errors import PlanError
from scaling_cli.findings import Finding
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.allocation import extrapolation_findings
from scaling_cli.planning.regret import wasted_share
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

WIDEST = 10.0
"""Sizes from a tenth of N_opt to ten times it: beyond, a plan wastes more than half under most laws."""

STEPS_PER_SIDE = 10
"""Sizes on either side of the optimum, a factor of 1.26 apart."""

NO_VALLEY = "says nothing of the loss of other sizes, so there is no profile"


@dataclass(frozen=True, slots=True)
class ProfilePoint:
    """N = ``params`` on D = ``tokens`` reach ``loss`` (nats per token), and waste a share of the compute."""

    params: float
    tokens: float
    loss: float
    waste: float


@dataclass(frozen=True, slots=True)
class LawProfile:
    """The points of one law at C = ``flops``, in ascending order of size, the optimum in the middle."""

    card: LawCard
    flops: float
    points: tuple[ProfilePoint, ...]
    findings: tuple[Finding, ...]

    @property
    def optimum(self) -> ProfilePoint:
        """The point of least loss."""
        return self.points[STEPS_PER_SIDE]


def profile_laws(cards: Sequence[LawCard], budgets: Sequence[float]) -> tuple[LawProfile, ...]:
    """Return the profile of every law that knows the loss of every size, at each budget in FLOPs.

    Raises ``PlanError`` where none of them does: a law that only divides a budget has no valley.
    """
    able = [card for card in cards if isinstance(card.law, PredictsLoss)]
    if not able:
        finding = Finding("law-has-no-loss", "refusal", NO_VALLEY)
        raise PlanError(finding, hint="--law besiroglu2024 has one").at(cards[0].name)
    return tuple(_profile(card, C) for C in budgets for card in able)


def laws_without_profile(cards: Sequence[LawCard]) -> tuple[Finding, ...]:
    """Say which laws are missing among the profiles."""
    missing = [card.name for card in cards if not isinstance(card.law, PredictsLoss)]
    if not missing:
        return ()
    return (Finding("law-has-no-loss", "info", f"{', '.join(missing)}: {NO_VALLEY}"),)


def _profile(card: LawCard, C: float) -> LawProfile:
    """Return one law's profile: L(N, C/(6 N)) for N from N_opt/10 to 10 N_opt."""
    law = card.law
    assert isinstance(law, PredictsLoss)
    N_opt = law.optimum(C)[0]
    points = []
    for step in range(-STEPS_PER_SIDE, STEPS_PER_SIDE + 1):
        N = N_opt * WIDEST ** (step / STEPS_PER_SIDE)
        D = C / (FLOPS_PER_PARAM_TOKEN * N)
        # at the optimum itself nothing is wasted, whatever the last digits say
        points.append(ProfilePoint(N, D, law.loss(N, D), wasted_share(law, N, D) if step else 0.0))
    return LawProfile(card, C, tuple(points), (*card.findings, *extrapolation_findings(card, C)))
