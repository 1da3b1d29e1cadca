"""A ranking of forms as a table for people and as the ``forms`` of a fit's JSON."""

from scaling_cli.planning.form_ranking import FormRanking, RankedForm
from scaling_cli.reports.report import Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

UNKNOWN = "-"


def forms_table(ranking: FormRanking) -> Table:
    """Return a row for each form, the best first, with its plan at the target."""
    rows = tuple(_cells(form) for form in ranking.forms)
    refused = [f"{form.form}: {form.note}" for form in ranking.forms if form.note]
    spread = [form.params for form in ranking.forms if form.params is not None]
    caption = (
        "Forms ranked by the mean error of their losses at held-out budgets, not by how well they "
        f"describe what they were fitted to; plans at {format_flops(ranking.flops)} FLOPs"
    )
    if len(spread) > 1:
        caption += f", params from {format_count(min(spread), 3)} to {format_count(max(spread), 3)}"
    headings = ("form", "backtest error", "in-sample rms", "params", "tokens", "tokens per param", "loss")
    return Table(headings=headings, rows=rows, caption=". ".join([caption, *refused]) + ".")


def forms_dict(ranking: FormRanking) -> list[dict[str, object]]:
    """Return ``forms``, the best first; null, and a note why, where a form has no fit or no plan."""
    return [
        {
            "form": form.form,
            "parameters": form.law.parameters if form.law else None,
            "backtest_error": form.backtest_error,
            "params": form.params,
            "tokens": form.tokens,
            "loss": form.loss,
            **({"note": form.note} if form.note else {}),
        }
        for form in ranking.forms
    ]


def _cells(form: RankedForm) -> tuple[str, ...]:
    ratio = form.tokens / form.params if form.params and form.tokens else None
    rms = form.fit.quality.residual_rms if form.fit else None
    return (
        form.form,
        UNKNOWN if form.backtest_error is None else format_share(form.backtest_error),
        UNKNOWN if rms is None else format_share(rms),
        UNKNOWN if form.params is None else format_count(form.params, 3),
        UNKNOWN if form.tokens is None else format_count(form.tokens, 3),
        UNKNOWN if ratio is None else format_number(ratio, 3),
        UNKNOWN if form.loss is None else f"{form.loss:.4f}",
    )
