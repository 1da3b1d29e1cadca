"""``scaling fit --approach``: the paper's three ways from runs to a frontier, alone or side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.cli.fit_options import Approach
from scaling_cli.cli.output import Format, show
from scaling_cli.cli.plot import Plot
from scaling_cli.errors import FitRefused, UsageError

if TYPE_CHECKING:
    from scaling_cli.cli.study import Sureness
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.fitting.trace import EnvelopeSettings
    from scaling_cli.planning.envelope_plan import EnvelopePlan
    from scaling_cli.reports.pictures.picture import Picture

_READS_RUNS = ("--drop-highest-losses", "--all-steps", "--cluster")
_CHECKS = ("--backtest", "--sensitivity", "--verify")
_WHAT = {
    Approach.curves: "reads learning curves, and fits no loss",
    Approach.isoflop: "draws parabolas, and fits no loss",
    Approach.all: "compares three fits, and checks none",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Where the answer goes: files for the law and the picture, the format, and what a warning does."""

    save: str | None
    output: str | None
    output_format: Format
    plot: str | None
    strict: bool


def check_approach(approach: Approach, smooth: int | None, given: Mapping[str, object]) -> None:
    """Refuse options that say nothing under an approach; ``given`` holds their values, by option.

    Raises ``UsageError``.
    """
    if smooth is not None and approach not in (Approach.curves, Approach.all):
        raise UsageError("--smooth is of learning curves", hint="add --approach 1, or leave it out")
    if approach is Approach.parametric:
        return
    refused = {
        Approach.curves: set(given),
        Approach.isoflop: set(given).difference(_READS_RUNS),
        Approach.all: set(_CHECKS),
    }[approach]
    found = [
        option for option, value in given.items() if value not in (None, False, []) and option in refused
    ]
    if approach is Approach.all and given.get("--form") == "all":
        found.append("--form all")
    if found:
        what = f"{found[0]} says nothing under --approach {approach}, which {_WHAT[approach]}"
        raise UsageError(what, hint="leave it out, or fit the parametric loss: --approach 3")


def fit_by(
    approach: Approach, study: "Experiment", sureness: "Sureness", ending: Ending, *, smooth: int | None
) -> None:
    """Fit a study by approach 1, or 2, or all three, and show it."""
    from scaling_cli.fitting.trace import SMOOTHING, EnvelopeSettings

    settings = EnvelopeSettings(
        smooth=SMOOTHING if smooth is None else smooth, include_unfinished=bool(study.include_unfinished)
    )
    if approach is Approach.curves:
        _fit_curves(study, sureness, ending, settings)


def _fit_curves(
    study: "Experiment", sureness: "Sureness", ending: Ending, settings: "EnvelopeSettings"
) -> None:
    """Show the envelope of learning curves; without a frontier, what there is and exit 1."""
    from scaling_cli.cli.curve_study import plan_curves, read_curve_table
    from scaling_cli.files.law_file import write_law
    from scaling_cli.reports.envelope import envelope_report

    table = read_curve_table(study)
    plan = plan_curves(study, table, settings, sureness)
    if ending.save and plan.card:
        write_law(ending.save, plan.card)
    drawing = Plot(ending.plot, lambda: _curves_picture(plan)) if ending.plot else None
    strict = ending.strict and plan.card is not None
    show(envelope_report(plan), ending.output_format, ending.output, strict=strict, plot=drawing)
    if plan.fit.refusal:
        raise FitRefused(plan.fit.refusal, hint=plan.fit.hint, place=table.name)


def _curves_picture(plan: "EnvelopePlan") -> "Picture":
    """Draw learning curves; here, so that a fit without a picture imports nothing for one."""
    from scaling_cli.reports.pictures.curves import curves_picture

    return curves_picture(plan)
