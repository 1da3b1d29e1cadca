"""Curves: the learning curves of training runs, checked once where they are made and trusted from then on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.errors import InputError
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scaling_cli.runs import FloatArray

    IntArray = NDArray[np.intp]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The points of r runs, one run after the other; run i holds ``offsets[i]`` up to ``offsets[i + 1]``.

    Per run, shape (r,): ``params`` N, and ``schedule_tokens``, the tokens at which its learning-rate
    schedule ends, NaN where that is not known. Per point, shape (p,): ``tokens`` D seen so far, rising
    within a run; ``loss`` L in nats per token; and ``gpu_hours`` spent so far where they are known for every
    point, else None. ``names`` say which run is which (its run_id).
    """

    params: "FloatArray"
    schedule_tokens: "FloatArray"
    names: tuple[str, ...]
    offsets: "IntArray"
    tokens: "FloatArray"
    loss: "FloatArray"
    gpu_hours: "FloatArray | None" = None

    def __post_init__(self) -> None:
        import numpy as np

        offsets = np.asarray(self.offsets, dtype=np.intp)
        points = int(offsets[-1]) if len(offsets) else 0
        if offsets.shape != (len(self.names) + 1,) or offsets[0] != 0 or (np.diff(offsets) < 1).any():
            raise InputError("offsets must rise from 0, one more than there are runs")
        object.__setattr__(self, "offsets", offsets)
        shapes = {"params": (len(self),), "schedule_tokens": (len(self),)}
        shapes |= dict.fromkeys(
            ("tokens", "loss", *(("gpu_hours",) if self.has_gpu_hours else ())), (points,)
        )
        for quantity, shape in shapes.items():
            values = np.asarray(getattr(self, quantity), dtype=np.float64)
            if values.shape != shape:
                raise InputError(f"{quantity} has shape {values.shape}, expected {shape}")
            object.__setattr__(self, quantity, values)
            self._refuse_improper(quantity, values)
        falls = np.flatnonzero(self.tokens[1:] <= self.tokens[:-1]) + 1
        falls = falls[~np.isin(falls, offsets)]
        if falls.size:
            raise InputError(
                f"{self.names[self.run_of(int(falls[0]))]}: tokens must rise from point to point"
            )

    def _refuse_improper(self, quantity: str, values: "FloatArray") -> None:
        """Raise ``InputError`` unless the values are positive; a schedule may be unknown, hours be zero."""
        import numpy as np

        if quantity == "gpu_hours":
            proper = np.isfinite(values) & (values >= 0)
        else:
            proper = np.isfinite(values) & (values > 0)
        if quantity == "schedule_tokens":
            proper |= np.isnan(values)
        if not proper.all():
            first = int(np.argmin(proper))
            run = first if len(values) == len(self) and quantity in _PER_RUN else self.run_of(first)
            raise InputError(f"{self.names[run]}: {quantity} must be positive, got {values[first]}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def has_gpu_hours(self) -> bool:
        """Whether the hours are known."""
        return self.gpu_hours is not None

    @property
    def lengths(self) -> "IntArray":
        """How many points each run has, shape (r,)."""
        import numpy as np

        return np.diff(self.offsets)

    @property
    def last_tokens(self) -> "FloatArray":
        """D of each run's last point, shape (r,)."""
        return self.tokens[self.offsets[1:] - 1]

    @property
    def last_loss(self) -> "FloatArray":
        """L of each run's last point, shape (r,)."""
        return self.loss[self.offsets[1:] - 1]

    @property
    def schedule(self) -> "FloatArray":
        """Where each run's schedule ends, in tokens: its ``schedule_tokens``, else its last point; (r,)."""
        import numpy as np

        return np.where(np.isnan(self.schedule_tokens), self.last_tokens, self.schedule_tokens)

    def run_of(self, point: int) -> int:
        """Return the index of the run that holds a point."""
        import numpy as np

        return int(np.searchsorted(self.offsets, point, side="right")) - 1

    def points(self, run: int) -> slice:
        """Return where the points of a run lie."""
        return slice(int(self.offsets[run]), int(self.offsets[run + 1]))

    def flops_6ND(self, run: int) -> "FloatArray":
        """C = 6 N D at the points of a run."""
        N = float(self.params[run])
        return FLOPS_PER_PARAM_TOKEN * N * self.tokens[self.points(run)]

    def select(self, keep: "BoolArray") -> "Curves":
        """Return the curves of the runs that ``keep`` (a mask, shape (r,)) names."""
        import numpy as np

        if keep.all():
            return self
        lengths = self.lengths
        points = np.repeat(keep, lengths)
        return Curves(
            params=self.params[keep],
            schedule_tokens=self.schedule_tokens[keep],
            names=tuple(name for name, is_kept in zip(self.names, keep.tolist(), strict=True) if is_kept),
            offsets=np.concatenate([[0], np.cumsum(lengths[keep])]),
            tokens=self.tokens[points],
            loss=self.loss[points],
            gpu_hours=None if self.gpu_hours is None else self.gpu_hours[points],
        )


_PER_RUN = ("params", "schedule_tokens")
