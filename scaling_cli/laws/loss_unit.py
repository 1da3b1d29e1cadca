"""Laws in another unit of loss: L' = f L, with f = 1/(ln 2 bytes per token) from nats per token to bits."""

from dataclasses import replace

from scaling_cli.laws.additive import ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.conversion import TotalLossLaw
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import Law, PredictsLoss


def scale_loss(law: Law, factor: float) -> Law:
    """Return the law of f L: E, A and B times f; Kaplan's N_c and D_c times f^(1/alpha).

    Of a converted law it is the law inside. One that has no loss is returned as it is.
    """
    if factor == 1:
        return law
    if isinstance(law, ChinchillaLaw | DataConstrainedLaw):
        return replace(law, E=factor * law.E, A=factor * law.A, B=factor * law.B)
    if isinstance(law, OvertrainingLaw):
        return replace(law, E=factor * law.E, a=factor * law.a, b=factor * law.b)
    if isinstance(law, FrontierLaw):
        return replace(law, E=factor * law.E, A=factor * law.A)
    if isinstance(law, KaplanLaw):
        N_factor, D_factor = factor ** (1 / law.alpha_N), factor ** (1 / law.alpha_D)
        return replace(law, N_c=law.N_c * N_factor, D_c=law.D_c * D_factor)
    if isinstance(law, TotalLossLaw):
        inner = scale_loss(law.inner, factor)
        assert isinstance(inner, PredictsLoss)
        return TotalLossLaw(inner)
    return law
