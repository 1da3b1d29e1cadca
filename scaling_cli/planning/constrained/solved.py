"""What a solved plan is: the plan, its (N, D), and what stands beside it."""

from dataclasses import dataclass

from scaling_cli.planning.allocation import Allocation
from scaling_cli.planning.constrained.costs import LimitCost
from scaling_cli.planning.constrained.ladder import Ladder
from scaling_cli.planning.constrained.money import HardwareUse
from scaling_cli.planning.constrained.plan import Plan


@dataclass(frozen=True, slots=True)
class Point:
    """N params on D tokens, the training FLOPs, those of training and serving, and the loss."""

    params: float
    tokens: float
    flops: float
    total_flops: float
    loss: float


@dataclass(frozen=True, slots=True)
class SolvedPlan:
    """A plan under a law: ``allocation`` holds (N, D), C = 6 N D, the loss and how sure they are.

    ``unconstrained`` is the training-only optimum under the same budget or target, with the same demand
    served and none of the limits; ``same_loss`` the training-only optimum of the plan's own loss, against
    which the plan saves the share ``saving`` of its cost: of dollars where ``is_priced``, and else of FLOPs.
    ``unspent`` is the share left of the budget that comes nearest to binding, where no target is reached.
    Where limits clip a plan whose N, D or D/N is fixed, ``keeps_fixed``: then ``unconstrained`` has the same.
    ``epochs`` is D/U. What was not asked for, or what the law cannot tell, is ``None``.
    """

    plan: Plan
    allocation: Allocation
    inference_flops: float | None = None
    hardware: HardwareUse | None = None
    unconstrained: Point | None = None
    same_loss: Point | None = None
    saving: float | None = None
    constraints: tuple[LimitCost, ...] = ()
    epochs: float | None = None
    ladder: Ladder | None = None
    is_priced: bool = False
    keeps_fixed: bool = False
    unspent: float = 0.0
    way_out: str = ""

    @property
    def total_flops(self) -> float | None:
        """6 N D + 2 N D_inf."""
        if self.allocation.flops is None or self.inference_flops is None:
            return None
        return self.allocation.flops + self.inference_flops
