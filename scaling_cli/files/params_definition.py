"""Params of one definition: a column that counts embeddings in some rows and not in others is refused."""

from typing import TYPE_CHECKING

from scaling_cli.errors import FitRefused
from scaling_cli.files.extra_columns import read_quantity
from scaling_cli.findings import Finding

if TYPE_CHECKING:
    from scaling_cli.files.rows import BoolArray, IntArray, Rows
    from scaling_cli.runs import FloatArray

SAME = 1e-6
"""Counts this close are one number written twice: no model is without embeddings."""

DIFFERENT = 1e-3
"""Counts further apart than 0.1 % are two: rounding to four digits does not explain it."""


def refuse_mixed_params(rows: "Rows", kept: "IntArray") -> None:
    """Raise ``FitRefused`` where total and non-embedding params stand in one column.

    That can be told where the table has both: a third column that is fitted agrees with one in some rows
    and with the other in others; or the two columns are equal in some rows and not in others. Embeddings
    are a smaller share of a larger model, so two columns that agree in the largest models alone are
    rounded, and those that agree in a smaller model than one in which they differ are mixed.
    The same runs give an N exponent of .37 to .70 by which params are meant (REFERENCE, part 2).
    """
    import numpy as np

    fitted = rows.params[kept]
    total, other = (read_quantity(rows, kept, name) for name in ("total_params", "non_embedding_params"))
    total, other = fitted if total is None else total, fitted if other is None else other
    with np.errstate(invalid="ignore"):
        gap = np.abs(total / other - 1)
        apart = gap > DIFFERENT
        if not apart.any():
            return
        alike = (gap < SAME) & (total < total[apart].max())
        as_total, as_other = apart & _near(fitted, total), apart & _near(fitted, other)
    column = rows.columns.names["params"]
    if alike.any():
        message = (
            f"total and non-embedding params are the same number in {alike.sum()} of {len(kept)} runs and "
            "differ in larger ones: one of the two columns mixes both"
        )
        _refuse(rows, kept[alike], message)
    if as_total.any() and as_other.any():
        message = (
            f"{column} holds total params in {as_total.sum()} runs and non-embedding ones in "
            f"{as_other.sum()}: a law of both is a law of neither"
        )
        _refuse(rows, kept[as_other], message)


def _near(values: "FloatArray", others: "FloatArray") -> "BoolArray":
    import numpy as np

    near: BoolArray = np.abs(values / others - 1) < 0.1 * DIFFERENT
    return near


def _refuse(rows: "Rows", index: "IntArray", message: str) -> None:
    names = tuple(dict.fromkeys(rows.labels[i] for i in index.tolist()))
    hint = "count the params of every run in one way, and delete the column that does not"
    finding = Finding("mixed-parameter-definition", "refusal", message, names)
    raise FitRefused(finding, hint=hint, place=rows.table.name)
