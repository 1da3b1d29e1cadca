"""One bracketed root finder in plain Python, so that planning with a published law needs no numpy."""

import math
from collections.abc import Callable

from scaling_cli.errors import ScalingError


def find_root(f: Callable[[float], float], low: float, high: float) -> float:
    """Return x in [low, high] with f(x) = 0, to the last few bits of x.

    ``f`` changes sign between ``low`` and ``high``. Inverse quadratic interpolation where the last three
    points are fit for it, bisection elsewhere (Chandrupatla 1997, "A new hybrid quadratic/bisection
    algorithm for finding the zero of a nonlinear function without using derivatives").
    """
    b, a = low, high
    fb, fa = f(b), f(a)
    if fa == 0 or fb == 0:
        return a if fa == 0 else b
    if (fa > 0) == (fb > 0):
        raise ValueError(f"f does not change sign between {low} and {high}")
    c, fc = a, fa
    t = 0.5
    for _ in range(200):
        x = a + t * (b - a)
        fx = f(x)
        if (fx > 0) == (fa > 0):
            c, fc = a, fa
        else:
            c, b, fc, fb = b, a, fb, fa
        a, fa = x, fx
        best, f_best = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        tolerance = 2 * math.ulp(max(abs(best), 1.0))
        if f_best == 0 or abs(b - a) <= tolerance:
            return best
        least = tolerance / abs(b - a)
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
            t = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        else:
            t = 0.5
        t = min(max(t, least), 1 - least)
    raise ScalingError(f"no root found between {low} and {high}")


def expand_until(meets: Callable[[float], bool], start: float, step: float, limit: float) -> float | None:
    """Return the first of start + step, start + 3 step, start + 7 step, ... that ``meets``.

    ``None`` where none within ``limit`` of ``start`` does.
    """
    x = start
    while abs(x - start) < limit:
        x += step
        if meets(x):
            return x
        step *= 2
    return None
