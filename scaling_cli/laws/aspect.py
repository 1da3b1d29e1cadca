"""How wide a transformer is for its depth: the fifty models of Hoffmann et al. 2022, Table A9."""

ASPECT_COEFFICIENT = 5.502953
"""Derived: log-log least squares of d_model/layers against the printed params of Table A9's fifty rows."""
ASPECT_EXPONENT = 0.1247574
"""Derived, likewise."""
ASPECT_SPREAD = 0.1450684
"""Standard deviation of log(d_model/layers) about that line, 48 degrees of freedom: derived, likewise."""

ASPECT_RANGE = (40.0, 109.0)
"""The least and the largest d_model/layers of Table A9, rounded: 640/16 (106M) and 5120/47 (16.2B)."""
LARGE_ASPECT_RANGE = (69.0, 109.0)
"""The same above 1B params, where the least is 1792/26 (1.14B)."""
LARGE = 1e9

TABLE_LARGEST = 16.183e9
"""Params of the largest model of Table A9."""

FFN_RATIO = 4.0
"""ffn/d_model of every row of Table A9, two matrices a layer."""
GATED_FFN_RATIO = 8 / 3
"""ffn/d_model with a gate: three such matrices hold what two of 4 d_model do."""

SMALL_HEAD, LARGE_HEAD = 64, 128
"""Head sizes of Table A9."""
SMALL_HEAD_WIDTH = 1024
"""The widest d_model of Table A9 with heads of 64; from 1280 on they are of 128."""

VOCABULARY = 32_000
"""The vocabulary of Table A9's models: one embedding of so many rows reproduces its params."""
CONTEXT = 2048
"""Their context (Hoffmann et al. 2022, Table A4, whose FLOPs it reproduces)."""


def aspect_range(N: float) -> tuple[float, float]:
    """Return the least and the largest d_model/layers of the table's models that are as large as N."""
    return LARGE_ASPECT_RANGE if N > LARGE else ASPECT_RANGE


def fitted_aspect(N: float) -> float:
    """d_model/layers = 5.503 N^0.1248, N total params; past the range of the table it is an extrapolation."""
    aspect: float = ASPECT_COEFFICIENT * N**ASPECT_EXPONENT
    return aspect
