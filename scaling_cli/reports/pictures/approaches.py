"""Approaches side by side in a picture: the frontiers that the same runs give, and one of the literature."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from scaling_cli.findings import Finding
from scaling_cli.planning.allocation import Allocation
from scaling_cli.reports.pictures import frontier
from scaling_cli.reports.pictures.picture import Picture, said
from scaling_cli.reports.pictures.plan import frontiers

if TYPE_CHECKING:
    from scaling_cli.runs import Runs

BESIDE = ("kaplan2020",)
"""What Hoffmann et al. 2022 set their three approaches beside (Fig. 1)."""


def approaches_picture(
    name: str, allocations: Sequence[Allocation], runs: "Runs | None" = None, findings: Iterable[Finding] = ()
) -> Picture | None:
    """Return the picture of ``scaling fit --approach all``; ``None`` where no approach gave a size.

    ``allocations`` are those of every approach at the targets, each under a card of its own name whose draws
    give its interval; ``runs`` are drawn behind them, and ``name`` is that of their table.
    """
    answered = [plan for plan in allocations if plan.flops and plan.params]
    if not answered:
        return None
    budgets = [plan.flops for plan in answered if plan.flops]
    fitted = [end for plan in answered for end in plan.card.fitted_range.get("flops", ())]
    span = frontier.budgets_span(*budgets, *fitted)
    panels = frontiers(
        answered,
        several=True,
        span=span,
        runs=[frontier.run_sizes(runs)] if runs is not None else [],
        beside=frontier.published_sizes(span, BESIDE),
    )
    return Picture(f"Approaches compared on {name}", (panels,), notes=said(findings))
