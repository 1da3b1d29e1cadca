"""A handful of points on a frontier with E pinned: a straight line in logarithms, and Student's t for it."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.errors import FitRefused, InputError
from scaling_cli.findings import Finding
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.units import format_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

LEAST_POINTS = 3
"""A line has two constants; the third point is the first that says how far the points lie off it."""

SAME = 0.1
"""Budgets within 10 % of each other count as the same."""


@dataclass(frozen=True, slots=True)
class FrontierLine:
    """log(L - E) = log A - alpha log C through n points, by least squares, with E pinned.

    ``spread`` is the points' scatter about the line, s^2 = sum r^2/(n - 2): what it does not explain,
    noise and lack of fit alike, with ``freedom`` = n - 2. ``centre`` is the mean of log C and ``width``
    the sum of squares about it, so that log A - alpha ``centre`` and alpha are uncorrelated.
    """

    law: FrontierLaw
    points: int
    spread: float
    centre: float
    width: float

    @property
    def freedom(self) -> int:
        """The degrees of freedom of the scatter."""
        return self.points - 2

    def interval(self, C: float, level: float, *, is_new_point: bool) -> tuple[float, float]:
        """Return the Student-t interval of L*(C), or of the loss a new point at C would show.

        E + exp(log A - alpha log C -+ t s sqrt(h + 1)) with h = 1/n + (log C - centre)^2/width; the 1,
        a new point's own scatter, is left out for the law itself. (Draper & Smith, Applied Regression
        Analysis, Sec. 1.4.)
        """
        from scipy.special import stdtrit

        away = math.log(C) - self.centre
        leverage = 1 / self.points + away * away / self.width
        t = float(stdtrit(self.freedom, (1 + level) / 2))
        half = t * self.spread * math.sqrt(leverage + is_new_point)
        middle = math.log(self.law.A) - self.law.alpha * math.log(C)
        return self.law.E + math.exp(middle - half), self.law.E + math.exp(middle + half)

    def draws(self, count: int, seed: int) -> tuple[FrontierLaw, ...]:
        """Return laws that the points could be of: their lines are distributed as the intervals say.

        Height and slope of each are those of the fit plus s/sqrt(chi^2/(n - 2)) times a normal error,
        the same chi^2 for both. Lines that do not fall are no laws, and are left out.
        """
        import numpy as np

        random = np.random.default_rng(seed)
        scale = self.spread * np.sqrt(self.freedom / random.chisquare(self.freedom, count))
        normal = random.standard_normal((2, count))
        alpha = self.law.alpha + scale * normal[0] / math.sqrt(self.width)
        height = math.log(self.law.A) - self.law.alpha * self.centre
        log_A = height + scale * normal[1] / math.sqrt(self.points) + alpha * self.centre
        is_law = (alpha > 0) & (np.abs(log_A) < 700)
        return tuple(
            FrontierLaw(E=self.law.E, A=math.exp(a), alpha=slope)
            for a, slope in zip(log_A[is_law].tolist(), alpha[is_law].tolist(), strict=True)
        )


def fit_frontier_points(
    flops: "FloatArray", loss: "FloatArray", names: tuple[str, ...], *, E: float
) -> FrontierLine:
    """Fit L = E + A C^-alpha with E pinned to points (C, L), each the best use of its budget.

    ``flops`` and ``loss`` have shape (n,). Raises ``FitRefused`` for fewer than three points or budgets,
    or losses that do not fall, ``InputError`` where E is not below every loss.
    """
    import numpy as np

    if len(loss) < LEAST_POINTS:
        message = f"{len(loss)} points cannot identify A and alpha and say how far they lie off the line"
        _refuse("too-few-runs", message, names, "give at least three points at different budgets")
    lowest = int(np.argmin(loss))
    if loss[lowest] <= E:
        what = f"E = {format_number(E)} is not below the loss of {names[lowest]}, {loss[lowest]:g}"
        raise InputError(what, hint="pin E below every loss, such as --fix E=1.6")
    x, y = np.log(flops), np.log(loss - E)
    if 1 + int((np.diff(np.sort(x)) > SAME).sum()) < LEAST_POINTS:
        message = "the points have fewer than three different budgets"
        _refuse(
            "too-few-budgets", message, names, "add points at other budgets, over a factor of ten or more"
        )
    centre = float(x.mean())
    away = x - centre
    width = float(away @ away)
    slope, height = float(away @ y) / width, float(y.mean())
    if slope >= 0:
        _refuse(
            "unidentified", "the losses do not fall with the budget", names, "check the columns and units"
        )
    residuals = y - height - slope * away
    return FrontierLine(
        law=FrontierLaw(E=E, A=math.exp(height - slope * centre), alpha=-slope),
        points=len(x),
        spread=math.sqrt(float(residuals @ residuals) / (len(x) - 2)),
        centre=centre,
        width=width,
    )


def _refuse(finding_id: str, message: str, names: tuple[str, ...], hint: str) -> None:
    raise FitRefused(Finding(finding_id, "refusal", message, names), hint=hint)
