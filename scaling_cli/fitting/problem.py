"""A fit as the solver sees it: a surface, a penalty, and the coordinates that are left free."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scaling_cli.errors import UsageError
from scaling_cli.fitting.fit import FitSettings
from scaling_cli.fitting.forms import EXPONENT_NAMES, Form, form_named
from scaling_cli.fitting.newton import Box
from scaling_cli.fitting.penalty import Penalty
from scaling_cli.laws.law import HasFrontier
from scaling_cli.names import nearest
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.fitting.newton import Evaluation

    FloatArray = NDArray[np.float64]

LOG_ZERO = -1000.0
"""The logarithm of E = 0: exp of it is 0."""

MOST_LOG = 700.0
"""The logarithm of nearly the largest float, and its negative of nearly the smallest."""

AT_BOUND = 1e-9
"""A coordinate this close to a bound, of its size, lies on it."""


class Problem:
    """The objective of a fit over its free coordinates phi, (S, m): theta = phi ``T``^T + ``offset``.

    One coordinate belongs to each constant that is not fixed. It is the centred one, which a solver can
    work with; where the constant has bounds of the user's it is the constant itself or its logarithm.
    Fixed constants, tied exponents and bounds are all linear maps of it, so every form has them.
    """

    def __init__(self, runs: Runs, settings: FitSettings) -> None:
        import numpy as np

        self.form: Form = form_named(settings.form)
        check_constants(self.form, settings)
        self.settings = settings
        self.surface = self.form.make_surface(runs)
        self.z = self.surface.z
        self.weights = None if settings.weights is None else np.asarray(settings.weights, dtype=np.float64)
        self.penalty = Penalty(settings.objective, settings.delta, settings.overestimate_penalty)
        names, size = self.form.constants, len(self.form.constants)
        self.natural = self.form.natural(self.surface)
        expand = np.eye(size) if self.form.expand is None else np.array(self.form.expand, dtype=np.float64)
        # every row of it has a single one: the mean over the coordinates that a constant stands for
        self._gather = expand.T / expand.sum(axis=0)[:, None]
        # psi is what the solver could hold: centred coordinates, or constants where something is said of them
        is_natural = np.array([name in settings.fixed or name in settings.bounds for name in names])
        self._to_psi = np.where(is_natural[:, None], self.natural, np.eye(size))
        spread = expand @ np.linalg.inv(self._to_psi)
        held = np.array([name in settings.fixed for name in names])
        values = np.array(
            [_solver_value(name, settings.fixed[name]) for name in names if name in settings.fixed]
        )
        self._free = np.flatnonzero(~held)
        self.free_constants = tuple(names[j] for j in self._free)
        self.T = spread[:, self._free]
        self.offset = spread[:, held] @ values
        self._is_identity = self.T.shape[0] == self.T.shape[1] and bool((np.eye(len(self.T)) == self.T).all())
        self.box = self._box(expand)
        has_floor = "E" in self.free_constants and "E" not in settings.bounds
        self.floor: int | None = self.free_constants.index("E") if has_floor else None

    def _box(self, expand: "FloatArray") -> Box:
        """Return the bounds of the free coordinates: the surface's, or the user's."""
        import numpy as np

        lower, upper = [], []
        for name, j in zip(self.free_constants, self._free, strict=True):
            place = int(np.flatnonzero(expand[:, j])[0])
            low, high = float(self.surface.box.lower[place]), float(self.surface.box.upper[place])
            if name in self.settings.bounds:
                is_centred = self.natural[j, j] == 1 and np.count_nonzero(self.natural[j]) == 1
                ends = (low, high) if is_centred else (-MOST_LOG, MOST_LOG)
                if name == "eta":
                    ends = low / 2, high / 2
                low, high = (
                    _clip_end(name, end, default)
                    for end, default in zip(self.settings.bounds[name], ends, strict=True)
                )
            lower.append(low)
            upper.append(high)
        return Box(lower=np.array(lower), upper=np.array(upper))

    def theta(self, phi: "FloatArray") -> "FloatArray":
        """Return the surface's coordinates, (S, p)."""
        return phi if self._is_identity else phi @ self.T.T + self.offset

    def derivatives(
        self, phi: "FloatArray", penalty: Penalty, weights: "FloatArray | None" = None
    ) -> "Evaluation":
        """Return the objective (S,), its gradient (S, m) and its Hessian (S, m, m).

        ``weights`` (S, n) count the runs of each candidate, besides the weights of the fit itself.
        """
        if self.weights is not None:
            weights = self.weights if weights is None else weights * self.weights
        value, gradient, hessian = self.surface.derivatives(self.theta(phi), penalty, weights)
        if self._is_identity:
            return value, gradient, hessian
        reduced: FloatArray = self.T.T @ hessian @ self.T
        return value, gradient @ self.T, reduced

    def scale(self, phi: "FloatArray") -> "FloatArray":
        """Return what a unit of every free coordinate does to the residuals, (S, m)."""
        import numpy as np

        theta = self.theta(np.clip(phi, self.box.lower, self.box.upper))
        if self._is_identity:
            return self.surface.column_norms(theta)
        columns = self.surface.jacobian(theta)[1] @ self.T
        norms: FloatArray = np.sqrt((columns**2).sum(axis=1))
        return norms

    def predict(self, phi: "FloatArray") -> "FloatArray":
        """Return log L_predicted of one vector (m,), (n,)."""
        predicted: FloatArray = self.surface.predict(self.theta(phi[None, :]))[0]
        return predicted

    def starts(self, count: int) -> "FloatArray":
        """Return the surface's starts in the free coordinates, (S, m)."""
        import numpy as np

        # -inf stands for E = 0, and no matrix may meet it
        theta: FloatArray = np.maximum(self.surface.starts(count), LOG_ZERO)
        if self._is_identity:
            return theta
        psi = theta @ self._gather.T @ self._to_psi.T
        return np.asarray(np.clip(psi[:, self._free], self.box.lower, self.box.upper))

    def constants(self, phi: "FloatArray") -> dict[str, float]:
        """Return the constants of the form, under their published names; one may be past any float."""
        return self.constants_of_all(phi[None, :])[0]

    def constants_of_all(self, phi: "FloatArray") -> list[dict[str, float]]:
        """Return the constants of every row of ``phi`` (S, m)."""
        import numpy as np

        names = self.form.constants
        natural = self.theta(phi) @ (self.natural @ self._gather).T
        with np.errstate(over="ignore", under="ignore"):
            values = np.where([name in EXPONENT_NAMES for name in names], natural, np.exp(natural))
        fixed = {name: float(value) for name, value in self.settings.fixed.items()}
        return [{**dict(zip(names, row, strict=True)), **fixed} for row in values.tolist()]

    def law(self, phi: "FloatArray") -> HasFrontier:
        """Return the law of a vector (m,); ``LawError`` where its constants make none."""
        return self.form.make_law(**self.constants(phi))

    def vector(self, law: HasFrontier) -> "FloatArray":
        """Return the vector (m,) of a law of this form."""
        import numpy as np

        constants = law.parameters
        natural = np.array([_solver_value(name, constants[name]) for name in self.form.constants])
        psi = self._to_psi @ np.linalg.solve(self.natural, natural)
        return np.asarray(psi[self._free])

    def constants_at_bound(self, phi: "FloatArray") -> tuple[str, ...]:
        """Return the constants whose coordinate ended on a bound (that of E at zero is no bound)."""
        near = AT_BOUND * (1 + abs(phi))
        on_bound = (phi <= self.box.lower + near) | (phi >= self.box.upper - near)
        return tuple(name for j, name in enumerate(self.free_constants) if on_bound[j] and j != self.floor)


def _solver_value(name: str, value: float) -> float:
    """Return an exponent as it is, of all other constants the logarithm."""
    if name in EXPONENT_NAMES:
        return float(value)
    return math.log(value) if value > 0 else LOG_ZERO


def _clip_end(name: str, end: float, default: float) -> float:
    """Return an end of the user's range for the solver; an end that bounds nothing becomes ``default``."""
    if not math.isfinite(end) or end <= 0:
        return default
    return _solver_value(name, end)


def check_constants(form: Form, settings: FitSettings) -> None:
    """Raise ``UsageError`` where ``fixed`` or ``bounds`` say what the form cannot do."""
    for what, given in (("fix", settings.fixed), ("bound", settings.bounds)):
        _check_names(form, what, given)
    for name, value in settings.fixed.items():
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "E"):
            raise UsageError(f"{name} must be positive, got {value:g}", hint="every constant of a law is")
        if name in settings.bounds:
            raise UsageError(f"{name} is fixed and bounded at once", hint="say one of the two")
    for name, (low, high) in settings.bounds.items():
        if not low < high or not high > 0:  # a NaN is no end either
            raise UsageError(
                f"the bounds of {name} must rise and reach above zero, got {low:g} to {high:g}",
                hint="as in alpha between 0.1 and 0.6",
            )
    if set(form.constants) <= set(settings.fixed):
        raise UsageError(f"every constant of the {form.name} form is fixed", hint="leave one to be fitted")


def _check_names(form: Form, what: str, given: Mapping[str, object]) -> None:
    for name in given:
        if name not in form.constants:
            near = nearest(name, form.constants)
            raise UsageError(
                f"cannot {what} {name}: it is no constant of the {form.name} form",
                hint=(f"did you mean {near}? " if near else "") + f"it has {', '.join(form.constants)}",
            )
