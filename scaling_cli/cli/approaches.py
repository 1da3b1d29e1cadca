"""``scaling fit --approach``: the paper's three ways from runs to a frontier, alone or side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.cli.fit_options import Approach
from scaling_cli.cli.output import Format, show
from scaling_cli.cli.plot import Plot
from scaling_cli.cli.unused import LOSS_KEYS, say_what_is_unused
from scaling_cli.errors import FitRefused, ScalingError, UsageError

if TYPE_CHECKING:
    from scaling_cli.cli.side_by_side import Compared
    from scaling_cli.cli.study import Sureness
    from scaling_cli.files.experiment import Experiment
    from scaling_cli.fitting.trace import EnvelopeSettings
    from scaling_cli.planning.envelope_plan import EnvelopePlan
    from scaling_cli.planning.isoflop_plan import IsoflopPlan
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


def fit_by(approach: Approach, study: "Experiment", sureness: "Sureness", ending: Ending) -> None:
    """Fit a study by approach 1, or 2, or all three, and show it."""
    from scaling_cli.fitting.trace import SMOOTHING, EnvelopeSettings

    _say_what_is_unused(approach, study)
    settings = EnvelopeSettings(
        smooth=SMOOTHING if study.smooth is None else study.smooth,
        include_unfinished=bool(study.include_unfinished),
    )
    if approach is Approach.curves:
        _fit_curves(study, sureness, ending, settings)
    elif approach is Approach.isoflop:
        _fit_isoflop(study, sureness, ending)
    else:
        _fit_all(study, sureness, ending, settings)


def _say_what_is_unused(approach: Approach, study: "Experiment") -> None:
    """Say what a config gives for another approach than the one that was asked for."""
    unused = {
        Approach.curves: (*LOSS_KEYS, "drop_highest_losses", "all_steps", "waste"),
        Approach.isoflop: (*LOSS_KEYS, "smooth", "waste"),
    }
    say_what_is_unused(study, f"approach {approach}", unused.get(approach, ()))


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


def _fit_isoflop(study: "Experiment", sureness: "Sureness", ending: Ending) -> None:
    """Show what ``scaling isoflop`` shows, as a fit; without a frontier, what there is and exit 1."""
    from scaling_cli.cli.isoflop import plan_table, read_settings
    from scaling_cli.cli.study import read_table
    from scaling_cli.files.law_file import write_law
    from scaling_cli.planning.isoflop_findings import no_frontier
    from scaling_cli.reports.approaches import isoflop_fit_report

    table = read_table(study)
    settings = read_settings(study, sureness.interval)
    plan = plan_table(study, table, settings, replicates=sureness.replicates, seed=sureness.seed)
    if ending.save and plan.card:
        write_law(ending.save, plan.card)
    drawing = Plot(ending.plot, lambda: _isoflop_picture(plan)) if ending.plot else None
    strict = ending.strict and plan.card is not None
    show(isoflop_fit_report(plan), ending.output_format, ending.output, strict=strict, plot=drawing)
    if plan.card is None:
        raise ScalingError(f"{table.name}: {no_frontier(plan.study)}")


def _isoflop_picture(plan: "IsoflopPlan") -> "Picture":
    from scaling_cli.reports.pictures.isoflop import isoflop_picture

    return isoflop_picture(plan)


def _fit_all(study: "Experiment", sureness: "Sureness", ending: Ending, settings: "EnvelopeSettings") -> None:
    """Show the three approaches side by side; where none gives a frontier, exit 1."""
    if ending.save:
        raise UsageError("--save stores one law, and --approach all has three", hint="choose one of them")
    if study.runs == "-":
        hint = "name a file, or choose one approach"
        raise UsageError("--approach all reads its table twice, which standard input cannot be", hint=hint)

    from scaling_cli.cli.side_by_side import compare_study
    from scaling_cli.reports.approaches import approaches_report

    compared = compare_study(study, sureness, settings)
    report = approaches_report(compared.found, compared.fit)
    drawing = Plot(ending.plot, lambda: _approaches_picture(compared)) if ending.plot else None
    answered = [told for told in compared.found.approaches if told.card]
    strict = ending.strict and bool(answered)
    show(report, ending.output_format, ending.output, strict=strict, plot=drawing)
    if not answered:
        reasons = "; ".join(f"{told.approach}: {told.reason}" for told in compared.found.approaches)
        raise ScalingError(f"{study.runs}: no approach gives a frontier ({reasons})")


def _approaches_picture(compared: "Compared") -> "Picture | None":
    from scaling_cli.reports.pictures.approaches import approaches_picture

    found = compared.found
    plans = [plan for told in found.approaches for plan in told.optima]
    findings = [finding for told in found.approaches for finding in told.findings]
    return approaches_picture(found.name, plans, compared.runs, findings)
