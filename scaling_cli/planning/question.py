"""What a person knows of a plan: one quantity asks for the optimum, two ask what follows from them."""

import math
from dataclasses import dataclass

from scaling_cli.errors import UsageError
from scaling_cli.findings import Finding

QUANTITIES = ("flops", "params", "tokens", "tokens_per_param", "loss")


@dataclass(frozen=True, slots=True)
class Question:
    """One or two known quantities: C in FLOPs, N, D, D/N, L in nats per token.

    One (not the ratio) asks for the compute-optimal plan that has it; two are a what-if, and fix the
    plan. ``waste`` is the share of the compute that the flat range of params may waste, ``interval`` the
    level of the intervals of a law that has draws, and ``findings`` go with every answer (where the
    budget came from, say).
    """

    flops: float | None = None
    params: float | None = None
    tokens: float | None = None
    tokens_per_param: float | None = None
    loss: float | None = None
    waste: float = 0.01
    interval: float = 0.9
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if not self.known:
            raise UsageError(
                "nothing to solve for", hint="give a budget (--flops 5.76e23), or --loss, --params, --tokens"
            )
        if len(self.known) > 2:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in self.known)
            raise UsageError(f"{names} contradict each other: two of them fix the plan", hint="leave one out")
        if tuple(self.known) == ("tokens_per_param",):
            raise UsageError(
                "--tokens-per-param alone fixes no plan", hint="add a budget, --params, --tokens or --loss"
            )
        for name, value in self.known.items():
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} must be positive, got {value}")
            object.__setattr__(self, name, float(value))
        if not 0 < self.waste < 1:
            raise UsageError(f"--waste must lie between 0 and 100 %, got {self.waste}")
        if not 0 < self.interval < 1:
            raise UsageError(f"--interval must lie between 0 and 100 %, got {self.interval}")

    @property
    def known(self) -> dict[str, float]:
        """The quantities that are given, by name."""
        given = {name: getattr(self, name) for name in QUANTITIES}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def is_what_if(self) -> bool:
        """Whether two quantities are given, so that the plan need not be the optimum."""
        return len(self.known) == 2
