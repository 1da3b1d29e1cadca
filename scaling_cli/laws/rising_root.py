"""A root between two ends in plain Python, so that a converted law is solved without numpy."""

import math
from collections.abc import Callable


def rising_root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Return the x between ``low`` and ``high`` where ``rising`` changes its sign, to a few last digits.

    Regula falsi with the Illinois rule: an end that stays twice counts half. What is solved here is close to
    a line, so a few steps do; the middle is taken instead wherever a step hardly narrows the ends.
    """
    f_low, f_high = rising(low), rising(high)
    if f_low >= 0 or f_high <= 0:
        return low if f_low >= 0 else high
    stayed = 0
    for _ in range(200):
        x = low + (high - low) * f_low / (f_low - f_high) if abs(stayed) < 3 else (low + high) / 2
        f = rising(x)
        if f == 0 or high - low <= 4 * math.ulp(max(abs(low), abs(high), 1.0)):
            return x
        if f < 0:
            low, f_low, stayed = x, f, max(stayed, 0) + 1
            f_high *= 0.5 if stayed > 1 else 1.0
        else:
            high, f_high, stayed = x, f, min(stayed, 0) - 1
            f_low *= 0.5 if stayed < -1 else 1.0
    return x
