"""Runs: the training runs a law is fitted to, checked once where they are made and trusted from there on."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from scaling_cli.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """One entry per run: ``params`` N, ``tokens`` D, ``flops`` C, ``loss`` L in nats per token.

    All arrays have shape (n,), are finite and positive; counts are counts, never millions.
    ``names`` says which run an entry is (its run_id, or ``line 7``).
    """

    params: "FloatArray"
    tokens: "FloatArray"
    flops: "FloatArray"
    loss: "FloatArray"
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        import numpy as np

        for quantity in ("params", "tokens", "flops", "loss"):
            values = np.asarray(getattr(self, quantity), dtype=np.float64)
            if values.shape != (len(self.names),):
                raise InputError(f"{quantity} has shape {values.shape}, expected ({len(self.names)},)")
            bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
            if bad.size:
                raise InputError(f"{self.names[bad[0]]}: {quantity} must be positive, got {values[bad[0]]}")
            object.__setattr__(self, quantity, values)

    def __len__(self) -> int:
        return len(self.names)

    def select(self, keep: "NDArray[np.bool_] | NDArray[np.intp]") -> "Runs":
        """Return the runs that ``keep`` (a mask or indices, shape (n,)) names, in its order."""
        import numpy as np

        index = np.arange(len(self))[keep]
        columns = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != "names"}
        return Runs(**columns, names=tuple(self.names[i] for i in index))

    def without_highest_losses(self, count: int) -> "Runs":
        """Return the runs, in their order, without the ``count`` of highest loss."""
        import numpy as np

        if count <= 0:
            return self
        highest = np.argsort(self.loss, kind="stable")[len(self) - min(count, len(self)) :]
        keep = np.ones(len(self), dtype=bool)
        keep[highest] = False
        return self.select(keep)
