"""What a parameter trained on a token costs."""

FLOPS_PER_PARAM_TOKEN = 6.0
"""k in C = k N D: 2 for the forward pass, 4 for the backward (Kaplan et al. 2020, Sec. 2.1)."""
