"""Runs beside a law: what each lost once its learning rate had decayed, and what the law says of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scaling_cli.curves import Curves
from scaling_cli.errors import UsageError
from scaling_cli.findings import Finding
from scaling_cli.fitting.trace import FINAL_SHARE
from scaling_cli.laws.card import LawCard, Range
from scaling_cli.laws.conversion import in_total_params
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.planning.allocation import extrapolation_findings
from scaling_cli.planning.race import Runner
from scaling_cli.planning.uncertainty import NOISE_SEED
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

Status = Literal["within", "above", "below", "no-interval", "undecayed"]
"""Where the measured loss lies: in the law's interval, above or below it; or why that cannot be said."""

TOTAL = "total"


@dataclass(frozen=True, slots=True)
class RunBesideLaw:
    """A run (its index) at its last point, and what a law says of N params on that many tokens.

    ``loss`` is the smoothed one and ``predicted`` the law's, in nats per token; ``interval`` is of one new
    run: a draw of the law and a residual of its fit, or the draw alone where it has no residuals.
    ``decayed`` counts the points in the last 15 % of the schedule, ``share_within`` says which share of them
    lies in the law's interval there. Of an undecayed run only the tokens and its share of the schedule are
    known.
    """

    run: int
    law: str
    status: Status
    tokens: float
    schedule_share: float
    decayed: int = 0
    loss: float | None = None
    predicted: float | None = None
    interval: Range | None = None
    share_within: float | None = None

    @property
    def gap(self) -> float | None:
        """Measured loss minus the law's."""
        return None if self.loss is None or self.predicted is None else self.loss - self.predicted


def usable_law(card: LawCard, *, loss_unit: str, params_definition: str) -> tuple[LawCard, list[Finding]]:
    """Return a law that speaks of the curves' params and loss, and what is to be said of it.

    Raises ``UsageError`` where it has no loss, or one in another unit.
    """
    if not isinstance(card.law, PredictsLoss):
        what = f"--law: {card.name} does not say what N params lose on D tokens"
        raise UsageError(what, hint="a law with a loss, like besiroglu2024, or the file of a fit, does")
    if card.loss_unit != loss_unit:
        what = f"--law: the losses of {card.name} are in {card.loss_unit}, those of the curves in {loss_unit}"
        raise UsageError(what, hint="fit a law to runs whose loss is in the same unit")
    findings = []
    if card.params_definition != params_definition:
        card = in_total_params(card)
        if params_definition != TOTAL:
            message = f"the curves' params are {params_definition} ones, the law's {card.params_definition}"
            findings.append(Finding("mixed-params", "warning", message))
    if card.confidence != "fitted":
        data = f"of {card.dataset}" if card.dataset else "of the law's own data"
        message = (
            f"the law's losses are {data} and its tokenizer: those of other data do not compare with them"
        )
        findings.append(Finding("other-data", "warning", message))
    return card, [*card.findings, *findings]


def beside_law(
    curves: Curves, runners: Sequence[Runner], card: LawCard, level: float
) -> tuple[tuple[RunBesideLaw, ...], tuple[Finding, ...]]:
    """Return every run beside a law that predicts losses, and how far the law is extrapolated."""
    found = tuple(_compare(curves, runner, card, level) for runner in runners)
    flops = [
        FLOPS_PER_PARAM_TOKEN * float(curves.params[one.run]) * one.tokens
        for one in found
        if one.loss is not None
    ]
    return found, extrapolation_findings(card, max(flops)) if flops else ()


def _compare(curves: Curves, runner: Runner, card: LawCard, level: float) -> RunBesideLaw:
    import numpy as np

    place, law = curves.points(runner.index), card.law
    assert isinstance(law, PredictsLoss)
    tokens, schedule = curves.tokens[place], float(curves.schedule[runner.index])
    D = float(tokens[-1])
    kept = tokens >= (1 - FINAL_SHARE) * schedule
    if not kept.any():
        return RunBesideLaw(runner.index, card.name, "undecayed", D, D / schedule)
    loss = float(runner.curve.loss[-1])
    predicted = float(law.loss(runner.params, D))
    low, high = _band(card, runner.params, tokens[kept], level)
    status: Status = "no-interval"
    interval = share = None
    if low is not None and high is not None:
        interval = float(low[-1]), float(high[-1])
        status = "below" if loss < interval[0] else "above" if loss > interval[1] else "within"
        measured = curves.loss[place][kept]
        share = float(np.mean((measured >= low) & (measured <= high)))
    return RunBesideLaw(
        run=runner.index,
        law=card.name,
        status=status,
        tokens=D,
        schedule_share=D / schedule,
        decayed=int(kept.sum()),
        loss=loss,
        predicted=predicted,
        interval=interval,
        share_within=share,
    )


def _band(
    card: LawCard, N: float, D: "FloatArray", level: float
) -> "tuple[FloatArray, FloatArray] | tuple[None, None]":
    """Return the interval of the loss of one new run of N params at each D, (n,); None without draws."""
    import numpy as np

    draws = [draw for draw in card.draws if isinstance(draw, PredictsLoss)]
    if not draws:
        return None, None
    losses = np.array([draw.loss(np.full_like(D, N), D) for draw in draws])
    if card.residuals:
        residuals = np.random.default_rng(NOISE_SEED).choice(np.array(card.residuals), len(draws))
        losses = losses * np.exp(-residuals)[:, None]  # a residual is log L_predicted - log L
    low, high = np.quantile(losses, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
