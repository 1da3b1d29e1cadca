"""The forms that can be fitted: their constants, and how they hang together with solver coordinates."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from scaling_cli.errors import UsageError
from scaling_cli.fitting.fit import FormName
from scaling_cli.fitting.objective import log_runs
from scaling_cli.fitting.repeated_data import DataConstrainedSurface
from scaling_cli.fitting.surface import Surface
from scaling_cli.fitting.surfaces import AdditiveSurface, FrontierSurface, KaplanSurface
from scaling_cli.laws.additive import ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import HasFrontier
from scaling_cli.names import nearest
from scaling_cli.runs import Runs
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

EXPONENT_NAMES = frozenset({"alpha", "beta", "alpha_N", "alpha_D", "eta"})
"""The constants that the solver holds as they are; of all others it holds the logarithm."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form as the engine sees it.

    Coordinate j of the form belongs to ``constants``[j]. With nu_j the constant (an exponent) or its
    logarithm, nu = ``natural`` @ coordinates, a matrix (q, q) that undoes the centring of the runs; and
    the surface is asked at ``expand`` @ coordinates, where ``expand`` (p, q) is None for the identity.
    """

    name: FormName
    constants: tuple[str, ...]
    make_law: Callable[..., HasFrontier]
    make_surface: Callable[[Runs], Surface]
    natural: Callable[[Surface], "FloatArray"]
    expand: tuple[tuple[float, ...], ...] | None = None


def _chinchilla_natural(surface: Surface) -> "FloatArray":
    """Log A = a + alpha centre_N, log B = b + beta centre_D."""
    import numpy as np

    natural = np.eye(surface.box.lower.size)
    natural[0, 3], natural[1, 4] = surface.centres
    return natural


def _tied_natural(surface: Surface) -> "FloatArray":
    """As above, with one exponent for both."""
    import numpy as np

    natural = np.eye(4)
    natural[0, 3], natural[1, 3] = surface.centres
    return natural


def _overtraining_natural(surface: Surface) -> "FloatArray":
    """Eta = alpha/2, log of Gadre's a = log A + eta log 6, and b likewise: a M^eta C^-eta = A N^-alpha."""
    natural = _tied_natural(surface)
    natural[:2, 3] += 0.5 * math.log(FLOPS_PER_PARAM_TOKEN)
    natural[3, 3] = 0.5
    return natural


def _frontier_natural(surface: Surface) -> "FloatArray":
    """Log A = a + alpha centre."""
    import numpy as np

    natural = np.eye(3)
    natural[0, 2] = surface.centres[0]
    return natural


def _kaplan_natural(surface: Surface) -> "FloatArray":
    import numpy as np

    return np.eye(4)


def _additive(runs: Runs) -> Surface:
    return AdditiveSurface(log_runs(runs))


def _frontier(runs: Runs) -> Surface:
    import numpy as np

    return FrontierSurface(np.log(runs.flops_6ND), np.log(runs.loss))


def _kaplan(runs: Runs) -> Surface:
    import numpy as np

    return KaplanSurface(np.log(runs.params), np.log(runs.tokens), np.log(runs.loss))


def _data_constrained(runs: Runs) -> Surface:
    return DataConstrainedSurface(runs, log_runs(runs))


def _tied_law(*, A: float, B: float, E: float, alpha: float) -> ChinchillaLaw:
    return ChinchillaLaw(E=E, A=A, B=B, alpha=alpha, beta=alpha)


_ONE_EXPONENT = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0, 0, 1))

FITTED_FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("chinchilla", ("A", "B", "E", "alpha", "beta"), ChinchillaLaw, _additive, _chinchilla_natural),
        Form("tied", ("A", "B", "E", "alpha"), _tied_law, _additive, _tied_natural, _ONE_EXPONENT),
        Form(
            "overtraining",
            ("a", "b", "E", "eta"),
            OvertrainingLaw,
            _additive,
            _overtraining_natural,
            _ONE_EXPONENT,
        ),
        Form("kaplan", ("N_c", "D_c", "alpha_N", "alpha_D"), KaplanLaw, _kaplan, _kaplan_natural),
        Form(
            "data-constrained",
            ("A", "B", "E", "alpha", "beta", "R_D_star", "R_N_star"),
            DataConstrainedLaw,
            _data_constrained,
            _chinchilla_natural,
        ),
        Form("frontier", ("A", "E", "alpha"), FrontierLaw, _frontier, _frontier_natural),
    )
}

FORM_NAMES: tuple[FormName, ...] = get_args(FormName)

FORMS_TO_TRY: tuple[FormName, ...] = ("chinchilla", "tied", "kaplan", "data-constrained", "frontier")
"""What ``all`` stands for: overtraining is the tied form in other coordinates. Where the runs do not allow a
form (one ray, no unique tokens) its fit is refused."""


def form_named(name: str) -> Form:
    """Return the form called ``name``; ``UsageError`` names the nearest where there is none."""
    if name in FITTED_FORMS:
        return FITTED_FORMS[name]
    near = nearest(name, FORM_NAMES)
    raise UsageError(
        f"unknown form {name!r}",
        hint=(f"did you mean {near}? " if near else "") + f"forms: {', '.join(FORM_NAMES)}",
    )
