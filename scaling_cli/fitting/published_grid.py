"""The starts of Hoffmann et al. 2022, for those who want the published procedure again."""

from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_cli.errors import UsageError
from scaling_cli.fitting.newton import Descent, descend
from scaling_cli.fitting.problem import Problem
from scaling_cli.fitting.surfaces import AdditiveSurface

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.fitting.newton import Evaluation

    FloatArray = NDArray[np.float64]

LOG_COEFFICIENTS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
LOG_E = (-1.0, -0.5, 0.0, 0.5, 1.0)
EXPONENTS = (0.0, 0.5, 1.0, 1.5, 2.0)
"""a and b, e, and alpha and beta: Hoffmann et al. 2022, App. D.2."""

GRID_STEPS = 200
"""Most descents take twenty. Those on the plateaus of its far corners end nowhere."""

LEAST_LOG = -200.0
"""The grid reaches coefficients far smaller than any solver's bound: their terms vanish beside the loss."""

CELLS_PER_CHUNK = 16_000
"""The derivatives are taken for so many (start, run) cells at a time, whose arrays stay in the cache."""


def published_grid(surface: AdditiveSurface) -> "FloatArray":
    """Return the 4500 starts (a, b, e, alpha, beta), with a and b moved to the runs' centre, (4500, 5)."""
    import numpy as np

    axes = np.meshgrid(LOG_COEFFICIENTS, LOG_COEFFICIENTS, LOG_E, EXPONENTS, EXPONENTS, indexing="ij")
    a, b, e, alpha, beta = (axis.ravel() for axis in axes)
    centre_N, centre_D = surface.centres
    return np.stack([a - alpha * centre_N, b - beta * centre_D, e, alpha, beta], axis=1)


def descend_from_grid(problem: Problem) -> Descent:
    """Descend from every start of the published grid, straight at the final objective.

    The optimiser is this program's and not L-BFGS: what the published procedure decides is the starts
    and the objective. Raises ``UsageError`` for another form than chinchilla, and for constants that are
    fixed or bounded.
    """
    import numpy as np

    settings, surface = problem.settings, problem.surface
    if settings.form != "chinchilla" or settings.fixed or settings.bounds:
        raise UsageError(
            "the published starts are those of the chinchilla form with all its constants free",
            hint="leave out --starts hoffmann, or --form, --fix and --bound",
        )
    assert isinstance(surface, AdditiveSurface)
    theta = published_grid(surface)
    chunk = max(1, CELLS_PER_CHUNK // len(problem.z))
    lower = np.where([True, True, False, False, False], LEAST_LOG, problem.box.lower)

    def derivatives(phi: "FloatArray", _: "NDArray[np.intp]") -> "Evaluation":
        parts = [problem.derivatives(phi[i : i + chunk], problem.penalty) for i in range(0, len(phi), chunk)]
        value, gradient, hessian = (np.concatenate(part) for part in zip(*parts, strict=True))
        return value, gradient, hessian

    scale = np.concatenate([problem.scale(theta[i : i + chunk]) for i in range(0, len(theta), chunk)])
    box = replace(problem.box, lower=lower)
    return descend(theta, derivatives, scale, box, max_steps=GRID_STEPS)
