"""The runs that two tables have in common, by which their resamples go together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaling_cli.fitting.parametric import order_runs
from scaling_cli.runs import Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

SAME_COUNTS = 1e-3
"""Params and tokens of two runs are the same where they agree to this share: four digits are off by half
of it at most, and the sizes of a grid are many times as far apart."""

SAME_LOSS = 1e-9
"""Losses are the same where they agree to this share: a file may have rounded its last digits."""

MOST = 0.5
"""Tables are paired where at least this share of the larger one's runs is in both. Those that are not are
drawn on their own, which is right for any share; with fewer in common little noise is."""

OWN_STREAM = 20241122
"""With the seed, where the counts of runs begin that one table alone has; fixed, as answers are."""


@dataclass(frozen=True, slots=True, eq=False)
class CommonRuns:
    """``places`` holds for each run of the second table the run of the first that is the same, or -1.

    Both in canonical order; ``first`` and ``second`` are the numbers of runs.
    """

    places: "IntArray"
    first: int
    second: int

    @property
    def matched(self) -> int:
        """How many runs both tables hold."""
        return int((self.places >= 0).sum())

    @property
    def of(self) -> int:
        """How many runs the larger table holds."""
        return max(self.first, self.second)

    @property
    def are_most(self) -> bool:
        """Whether enough runs are in both for their resamples to go together."""
        return self.matched > 0 and self.matched >= MOST * self.of

    def counts(self, seed: int) -> "Callable[[int], IntArray]":
        """Return what draws the counts of the second table where ``seed`` draws those of the first.

        A run of both has the first's count, m_i of Multinomial(n, 1/n). Any other is drawn by itself from
        Binomial(n, 1/n), the distribution of each m_i; that their sum then varies scales the objective.
        """
        import numpy as np

        shared, own = np.random.default_rng(seed), np.random.default_rng((OWN_STREAM, seed))
        here = self.places >= 0

        def draw(size: int) -> "IntArray":
            theirs = shared.multinomial(self.first, np.full(self.first, 1 / self.first), size=size)
            counts: IntArray = theirs[:, self.places]
            if not here.all():
                alone = int((~here).sum())
                counts[:, ~here] = own.binomial(self.second, 1 / self.second, size=(size, alone))
            return counts

        return draw

    @property
    def are_all(self) -> bool:
        """Whether both tables hold the same runs and no others."""
        return self.matched == self.of


def common_runs(first: Runs, second: Runs) -> CommonRuns:
    """Return which runs of two tables have the same (params, tokens), each the only one of its table there.

    Of repeated runs nobody knows which of one table goes with which of the other: they are not matched.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    points = [_counts(runs) for runs in (first, second)]
    trees: list[Any] = [cKDTree(each) for each in points]
    alone = [
        tree.query_ball_point(each, SAME_COUNTS, p=np.inf, return_length=True) == 1
        for tree, each in zip(trees, points, strict=True)
    ]
    distance, there = trees[0].query(points[1], p=np.inf)
    _, back = trees[1].query(points[0], p=np.inf)
    own = np.arange(len(second))
    is_same = (distance <= SAME_COUNTS) & alone[1] & alone[0][there] & (back[there] == own)
    return CommonRuns(np.where(is_same, there, -1), len(first), len(second))


def _counts(runs: Runs) -> "FloatArray":
    """Return log params and log tokens in canonical order, (n, 2)."""
    import numpy as np

    order = order_runs(runs)
    counts: FloatArray = np.log(np.stack([runs.params[order], runs.tokens[order]], axis=1))
    return counts


def log_loss_ratios(first: Runs, second: Runs) -> "FloatArray":
    """Return log(L_B/L_A) of the runs that both tables hold."""
    import numpy as np

    places = common_runs(first, second).places
    here = places >= 0
    logs = [np.log(runs.loss[order_runs(runs)]) for runs in (first, second)]
    ratios: FloatArray = logs[1][here] - logs[0][places[here]]
    return ratios


def are_identical(first: Runs, second: Runs) -> bool:
    """Say whether two tables hold the same runs with the same losses, in any order."""
    import numpy as np

    ratios = log_loss_ratios(first, second)
    return len(ratios) == len(first) == len(second) and bool((np.abs(ratios) <= SAME_LOSS).all())
