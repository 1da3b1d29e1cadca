"""Runs: the training runs a law is fitted to, checked once where they are made and trusted from there on."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from scaling_cli.errors import InputError
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """One entry per run: ``params`` N, ``tokens`` D, ``flops`` C, ``loss`` L in nats per token.

    All arrays have shape (n,), are finite and positive; counts are counts, never millions.
    ``names`` says which run an entry is (its run_id, or ``line 7``). ``unique_tokens`` U, the tokens of
    the data set that a run's D were drawn from, is there where it is known for every run, else None.
    """

    params: "FloatArray"
    tokens: "FloatArray"
    flops: "FloatArray"
    loss: "FloatArray"
    names: tuple[str, ...]
    unique_tokens: "FloatArray | None" = None

    def __post_init__(self) -> None:
        import numpy as np

        known = () if self.unique_tokens is None else ("unique_tokens",)
        for quantity in ("params", "tokens", "flops", "loss", *known):
            values = np.asarray(getattr(self, quantity), dtype=np.float64)
            if values.shape != (len(self.names),):
                raise InputError(f"{quantity} has shape {values.shape}, expected ({len(self.names)},)")
            bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
            if bad.size:
                raise InputError(f"{self.names[bad[0]]}: {quantity} must be positive, got {values[bad[0]]}")
            object.__setattr__(self, quantity, values)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def flops_6ND(self) -> "FloatArray":
        """C = 6 N D, shape (n,): what a law's budgets count, whatever the flops column does."""
        return FLOPS_PER_PARAM_TOKEN * self.params * self.tokens

    def select(self, keep: "NDArray[np.bool_] | NDArray[np.intp]") -> "Runs":
        """Return the runs that ``keep`` (a mask or indices, shape (n,)) names, in its order."""
        import numpy as np

        index = np.arange(len(self))[keep]
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "names"}
        chosen = {name: values[index] for name, values in columns.items() if values is not None}
        return Runs(**chosen, names=tuple(self.names[i] for i in index))

    def highest_losses(self, count: int) -> "NDArray[np.intp]":
        """Return the indices of the ``count`` runs of highest loss, highest first.

        Of runs with equal losses the ones with more params, tokens and FLOPs are taken, so that the
        order of the runs does not decide.
        """
        import numpy as np

        ascending = np.lexsort((self.flops, self.tokens, self.params, self.loss))
        return ascending[::-1][: max(0, count)]

    def without_highest_losses(self, count: int) -> "Runs":
        """Return the runs, in their order, without the ``count`` of highest loss."""
        import numpy as np

        keep = np.ones(len(self), dtype=bool)
        keep[self.highest_losses(count)] = False
        return self.select(keep)
