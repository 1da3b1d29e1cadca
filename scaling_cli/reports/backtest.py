"""A backtest as a table for people and as the ``backtest`` of a fit's JSON."""

from collections.abc import Callable

from scaling_cli.planning.backtest import Backtest, LevelKind
from scaling_cli.reports.report import Table
from scaling_cli.units import format_flops, format_number, format_share

UNKNOWN = "-"

_LEVELS: dict[LevelKind, str] = {
    "budgets": "the budgets of the table",
    "isoflop": "budgets that groups of runs share within 10 %",
    "shares": "the top 5, 10, 20 and 40 % of the runs by compute",
}


def backtest_table(backtest: Backtest) -> Table:
    """Return a row for each level: what was fitted, what was held out, and how far off it was said."""
    rows = tuple(
        (
            format_flops(level.fitted_up_to, 3),
            str(level.fitted),
            format_flops(level.predicted, 3),
            f"{format_number(level.ahead, 3)}x",
            str(level.runs),
            format_change(level.loss_error),
            _show(level.params_error, format_change),
            _show(level.tokens_error, format_change),
            _show(level.covered, format_share),
        )
        for level in backtest.levels
    )
    headings = (
        "fitted up to",
        "runs fitted",
        "predicted",
        "ahead",
        "runs held out",
        "loss error",
        "N_opt",
        "D_opt",
        f"in {format_share(backtest.interval)} interval",
    )
    caption = (
        f"Backtest: {backtest.verdict}. Held out are {_LEVELS[backtest.kind]}; loss against the runs held "
        "out, N_opt and D_opt at the largest of their budgets against the fit to all runs. Ended: "
        f"{backtest.ended}."
    )
    return Table(headings=headings, rows=rows, is_text=frozenset(), caption=caption)


def backtest_dict(backtest: Backtest) -> dict[str, object]:
    """Return ``backtest``: FLOPs, counts of runs, signed shares; what the form does not know is null."""
    levels = [
        {
            "fitted_up_to": level.fitted_up_to,
            "predicted": level.predicted,
            "runs": level.runs,
            "loss_error": level.loss_error,
            "params_error": level.params_error,
            "tokens_error": level.tokens_error,
            "covered": level.covered,
        }
        for level in backtest.levels
    ]
    return {
        "levels": levels,
        "levels_from": backtest.kind,
        "interval": backtest.interval,
        "verdict": backtest.verdict,
        "ended": backtest.ended,
    }


def format_change(share: float) -> str:
    """Write a signed relative difference: ``+6.22 %``; from three times upwards as a factor, ``x4.23``."""
    if share >= 2:
        return f"x{format_number(1 + share, 3)}"
    # below a ten-thousandth of a percent only rounding is left to show
    if abs(share) < 1e-6:
        return "0 %"
    sign = "+" if share > 0 else ""
    return sign + format_share(share)


def _show(value: float | None, write: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else write(value)
