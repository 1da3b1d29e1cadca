"""Where along their learning-rate schedules two racing runs are, and where that compares like for like."""

import math
from typing import TYPE_CHECKING

from scaling_cli.curves import Curves
from scaling_cli.planning.race import POSITIONS, AxisName, Range, Runner
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

LEAST_RATE = 0.1
"""Where a cosine ends, as a share of its maximum (Hoffmann et al. 2022, Sec. 3.1: a decay by 10x)."""

SAME_RATE = 0.1
"""Learning rates within a tenth of their maximum are about the same: what is left to come down differs by as
much of the whole fall, some 0.01 of 0.1 nats. Runs that are both in the last 15 % of a cosine always are."""


def learning_rate(share: "FloatArray") -> "FloatArray":
    """Return r + (1 - r)(1 + cos(pi s))/2, r = ``LEAST_RATE``, s the share of a schedule, at most 1.

    As a share of the maximum. A file says how long a schedule is and not its form: that of most is a cosine.
    """
    import numpy as np

    return LEAST_RATE + (1 - LEAST_RATE) * (1 + np.cos(np.pi * np.minimum(share, 1.0))) / 2


def find_alike(
    curves: Curves, a: Runner, b: Runner, axis: AxisName, overlap: Range
) -> tuple[float | None, int | None]:
    """Return the last position of an overlap at which both runs are as far along their decay.

    None where there is none, and which of them (0 or 1) is further along at the end of the overlap, None
    where neither is: they end as they compare, like for like.
    """
    import numpy as np

    places = np.geomspace(*overlap, POSITIONS)
    shares = [runner.tokens_at(axis, places) / float(curves.schedule[runner.index]) for runner in (a, b)]
    is_alike = np.abs(learning_rate(shares[0]) - learning_rate(shares[1])) <= SAME_RATE
    if is_alike[-1]:
        return overlap[1], None
    alike = np.flatnonzero(is_alike)
    return float(places[alike[-1]]) if alike.size else None, int(shares[1][-1] > shares[0][-1])


def schedule_end(curves: Curves, run: int, axis: AxisName) -> float:
    """Return where on an axis the schedule of a run ends, NaN where its hours are not known."""
    tokens = float(curves.schedule[run])
    if axis == "tokens":
        return tokens
    if axis == "flops":
        return FLOPS_PER_PARAM_TOKEN * float(curves.params[run]) * tokens
    if curves.gpu_hours is None:
        return math.nan
    # what is not trained yet goes on at the speed of what is
    return float(curves.gpu_hours[curves.offsets[run + 1] - 1] / curves.last_tokens[run]) * tokens
