"""What a percent of params is worth against a percent of tokens, and the inference that would pay for it."""

from scaling_cli.laws.conversion import TotalLossLaw, additive_part, non_embedding_params
from scaling_cli.laws.law import PredictsLoss


def marginal_ratio(law: PredictsLoss, N: float, D: float) -> float:
    """(N dL/dN)/(D dL/dD), for the additive forms (alpha A N^-alpha)/(beta B D^-beta).

    1 at the optimum, below it for a model too large for its tokens. Kaplan's form raises an additive sum to
    a power, which cancels; params converted from others have the ratio of those times d log N/d log N_total.
    """
    if isinstance(law, TotalLossLaw):
        return law.elasticity(N) * marginal_ratio(law.inner, non_embedding_params(N), D)
    part = additive_part(law)
    ratio: float = (part.alpha * part.A * N**-part.alpha) / (part.beta * part.B * D**-part.beta)
    return ratio


def break_even_inference_tokens(law: PredictsLoss, N: float, D: float) -> float:
    """D_inf = 3 D [(N dL/dN)/(D dL/dD) - 1]: the inference tokens at which N params on D are right.

    The (N, D) of least 6 N D + 2 N D_inf at a given loss have (N dL/dN)/(D dL/dD) = 1 + D_inf/(3 D)
    (Sardana et al. 2023, arXiv 2401.00448). Negative where the model is larger than the optimum of its
    budget: no demand makes it right.
    """
    return 3 * D * (marginal_ratio(law, N, D) - 1)
