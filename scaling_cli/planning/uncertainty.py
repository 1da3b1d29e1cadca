"""How sure a plan is: intervals and regret from the draws of a law, taken jointly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.laws.card import LawCard, Range
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.question import Question
from scaling_cli.planning.regret import flat_ranges, wasted_share
from scaling_cli.planning.solve import Solution, solve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

NOISE_SEED = 20240415
"""Which residual goes with which draw; fixed, so that an answer is the same every time."""


@dataclass(frozen=True, slots=True)
class Regret:
    """What choosing these params wastes if the law is another of its draws.

    ``expected`` and ``p90`` are the mean and the 90th percentile of the wasted share of the compute;
    ``params`` the sizes around them that lie in the flat range of at least ``level`` of the draws,
    ``None`` where there are none.
    """

    expected: float
    p90: float
    params: Range | None


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Percentile intervals at ``level``: params, tokens, tokens_per_param, loss, observed_loss, ...

    ``loss`` is what the law itself may be there, ``observed_loss`` what one new run would show: a draw
    and a residual of the fit. What the question fixed has no interval. ``answered`` counts the draws
    that could answer.
    """

    level: float
    intervals: dict[str, Range]
    answered: int
    regret: Regret | None


def percentile_interval(values: "Sequence[float] | FloatArray", level: float) -> Range:
    """Return the (1 - level)/2 and (1 + level)/2 quantiles, interpolated linearly."""
    import numpy as np

    low, high = np.quantile(np.asarray(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def uncertainty(card: LawCard, question: Question, solved: Solution) -> Uncertainty | None:
    """Return how sure ``solved`` is, by solving ``question`` again under every draw of the law.

    ``None`` where the law has no draws, or too few of them can answer to say anything (under nine in
    ten: a loss that many draws never reach has no interval).
    """
    import numpy as np

    answers = [(draw, solve(draw, question)) for draw in card.draws]
    answered = [(draw, answer) for draw, answer in answers if not answer.refusal or _is_frontier_loss(answer)]
    if not answers or len(answered) < 0.9 * len(answers):
        return None
    fixed = question.known
    sampled: dict[str, FloatArray] = {
        name: np.array([getattr(answer, name) for _, answer in answered])
        for name in ("flops", "params", "tokens", "loss")
        if getattr(answered[0][1], name) is not None
    }
    if not sampled:
        return None
    if "params" in sampled:
        sampled["tokens_per_param"] = sampled["tokens"] / sampled["params"]
    if card.residuals and "loss" in sampled and "loss" not in fixed:
        residuals = np.random.default_rng(NOISE_SEED).choice(np.array(card.residuals), len(answered))
        # a residual is log L_predicted - log L
        sampled["observed_loss"] = sampled["loss"] * np.exp(-residuals)
    intervals = {
        name: percentile_interval(values, question.interval)
        for name, values in sampled.items()
        if name not in fixed and np.ptp(values) > 0
    }
    draws = [draw for draw, _ in answered if isinstance(draw, PredictsLoss)]
    regret = None
    if draws and not solved.refusal:
        wastes = _wastes(draws, solved)
        if question.is_what_if:
            intervals["waste"] = percentile_interval(wastes, question.interval)
        regret = Regret(
            expected=float(wastes.mean()),
            p90=float(np.quantile(wastes, 0.9)),
            params=_sizes_without_regret(draws, question, solved.flops),
        )
    return Uncertainty(level=question.interval, intervals=intervals, answered=len(answered), regret=regret)


def _is_frontier_loss(answer: Solution) -> bool:
    """Say whether a law that divides no budget still told the loss that one reaches."""
    return answer.loss is not None and answer.flops is not None and answer.params is None


def _wastes(draws: Sequence[PredictsLoss], solved: Solution) -> "FloatArray":
    """Return what the solved params and tokens waste under each draw."""
    import numpy as np

    N, D = solved.params, solved.tokens
    assert N is not None
    assert D is not None
    return np.array([wasted_share(draw, N, D) for draw in draws])


def _sizes_without_regret(draws: Sequence[PredictsLoss], question: Question, C: float | None) -> Range | None:
    """Return the sizes that lie in the flat range of nearly every draw at a budget of C FLOPs."""
    import numpy as np

    assert C is not None
    lows, highs = flat_ranges(draws, C, question.waste)
    return _shared_range(np.sort(lows), np.sort(highs), needed=question.interval * len(draws))


def _shared_range(lows: "FloatArray", highs: "FloatArray", *, needed: float) -> Range | None:
    """Return the widest interval of which every size lies within at least ``needed`` of the ranges.

    ``lows`` and ``highs`` are sorted. The ranges that hold a size are those begun less those over;
    between two neighbouring ends their number does not change.
    """
    import numpy as np

    ends = np.unique(np.concatenate([lows, highs]))
    begun = np.searchsorted(lows, ends, side="right")
    enough = np.flatnonzero(begun - np.searchsorted(highs, ends, side="left") >= needed)
    if not enough.size:
        return None
    goes_on = begun - np.searchsorted(highs, ends, side="right") >= needed
    # draws that fall into camps may agree on two stretches, with a gap between them
    gaps = np.flatnonzero(~goes_on[enough[:-1]]) + 1
    widest = max(np.split(enough, gaps), key=lambda stretch: ends[stretch[-1]] / ends[stretch[0]])
    return float(ends[widest[0]]), float(ends[widest[-1]])
