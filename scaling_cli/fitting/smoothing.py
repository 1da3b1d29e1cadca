"""Smoothing learning curves: a Gaussian window over the points of each run, and nothing from the next."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from scaling_cli.curves import Curves

if TYPE_CHECKING:
    from scaling_cli.curves import IntArray
    from scaling_cli.runs import FloatArray

WINDOW_IN_DEVIATIONS = 4.0
"""The window is four standard deviations of its Gaussian wide: it holds 95 % of it, as the paper, which gives
a window length of 10 steps (Hoffmann et al. 2022, App. D) and no deviation, leaves open."""

WINDOW_SHARE = 1 / 3
"""A window spans at most a third of the points that are read of a run: of forty points a run has six there,
and a window of ten would blur them with four from before, where the learning rate had not decayed."""


def gaussian_kernel(window: int) -> "FloatArray":
    """Return w_j ~ exp(-j^2 / (2 s^2)), s = window/4, for j = -h ... h, h = window // 2; they add up to 1.

    Shape (2 h + 1,); a window of 0 or 1 is one point, and smooths nothing.
    """
    import numpy as np

    half = max(0, window) // 2
    if not half:
        return np.ones(1)
    j = np.arange(-half, half + 1)
    weights = np.exp(-0.5 * (j * WINDOW_IN_DEVIATIONS / window) ** 2)
    kernel: FloatArray = weights / weights.sum()
    return kernel


def fit_windows(curves: Curves, window: int, final_share: float) -> "IntArray":
    """Return the window of each run, shape (r,): ``window``, or ``WINDOW_SHARE`` of its final points if less.

    Those are the points in the last ``final_share`` of its schedule: what is read there must not be blurred
    with what came before it.
    """
    import numpy as np

    is_final = curves.tokens >= (1 - final_share) * np.repeat(curves.schedule, curves.lengths)
    final = np.add.reduceat(is_final, curves.offsets[:-1], dtype=np.intp)
    return np.minimum(window, (WINDOW_SHARE * final).astype(np.intp))


def smooth_losses(
    curves: Curves, windows: "int | IntArray", progress: Callable[[int], None] | None = None
) -> "FloatArray":
    """Return sum_j w_j L_(i+j) / sum_j w_j over the points of the same run, shape (p,).

    ``windows`` is one for all runs or one for each, shape (r,). Where a window reaches past either end of its
    run the weights that are left are scaled to 1. Points count alike whatever their spacing in tokens.
    ``progress`` is told how many points each run has added.
    """
    import numpy as np

    window_of = np.broadcast_to(windows, (len(curves),)).tolist()
    kernels = {window: gaussian_kernel(window) for window in set(window_of)}
    if all(len(kernel) == 1 for kernel in kernels.values()):
        return curves.loss
    smoothed = np.empty_like(curves.loss)
    for run, window in enumerate(window_of):
        place, kernel = curves.points(run), kernels[window]
        half = len(kernel) // 2
        if not half:
            smoothed[place] = curves.loss[place]
            continue
        # "full" and cut, because "same" has the kernel's length where the run is shorter than it
        sums = np.convolve(curves.loss[place], kernel)[half:-half]
        held = np.convolve(np.ones(min(len(sums), 4 * half)), kernel)[half:-half]
        if len(sums) > len(held):  # between the ends the weights add up to 1
            smoothed[place] = sums
            smoothed[place][:half] /= held[:half]
            smoothed[place][-half:] /= held[-half:]
        else:
            smoothed[place] = sums / held
        if progress:
            progress(len(sums))
    return smoothed
