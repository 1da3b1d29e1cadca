"""A fit and what it says at its target budgets, as a report."""

from collections.abc import Callable, Mapping
from statistics import pstdev
from typing import TypeVar

from scaling_cli.findings import Finding
from scaling_cli.fitting.bootstrap import Bootstrap
from scaling_cli.laws.law import Allocates, Law
from scaling_cli.planning.allocation import Allocation
from scaling_cli.planning.fitted_plan import FittedPlan
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.reports.backtest import backtest_dict, backtest_table
from scaling_cli.reports.forms import forms_dict, forms_table
from scaling_cli.reports.plan import plan_notes, plan_table, result_dict, result_row
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.reports.sensitivity import sensitivity_dict, sensitivity_table
from scaling_cli.units import format_count, format_flops, format_number, format_share

T = TypeVar("T")


def fit_report(plan: FittedPlan) -> Report:
    """Return the report of ``scaling fit``."""
    fit, law = plan.fit, plan.fit.law
    data = {
        "law": law.as_dict(),
        "frontier": _exponents(law) or None,
        "objective": {"name": fit.objective.name, "delta": fit.objective.delta, "value": fit.objective.value},
        "status": fit.status,
        "starts": {"tried": fit.starts.tried, "reached": fit.starts.reached},
        "quality": {
            "r_squared": fit.quality.r_squared,
            "residual_rms": fit.quality.residual_rms,
            "residual_mad": fit.quality.residual_mad,
        },
        "runs": {"read": plan.runs_read, "used": len(fit.runs)},
        **_sureness(plan),
        "optima": [result_dict(allocation) for allocation in plan.optima],
        **_checks(plan),
        "findings": [finding.as_dict() for finding in plan.findings],
    }
    tables = [_constants(plan), plan_table(plan.optima, with_law=False)]
    tables += [forms_table(plan.ranking)] if plan.ranking else []
    tables += [backtest_table(plan.backtest)] if plan.backtest else []
    tables += [sensitivity_table(plan.sensitivity, plan.optima[-1].uncertainty)] if plan.sensitivity else []
    return Report(
        schema="scaling.fit/1",
        data=data,
        sections=(_summary(plan), *tables),
        rows=[_row(plan, allocation) for allocation in plan.optima],
        notes=tuple(Note(shortened(finding)) for finding in plan.findings) + plan_notes(plan.optima),
    )


def _summary(plan: FittedPlan) -> Record:
    """Say which law, from which runs, and how well it holds."""
    fit, law = plan.fit, plan.fit.law
    span = fit.fitted_range
    tokens, flops = _between(span["tokens"], format_count), _between(span["flops"], format_flops)
    counted = _flops_column(plan)
    objective = fit.objective
    delta = f"delta {format_number(objective.delta)}, " if objective.name.endswith("huber") else ""
    return Record(
        f"{law.form.capitalize()} law fitted to {plan.card.name}",
        (
            ("runs", f"{len(fit.runs)} used of {plan.runs_read} read"),
            ("params", _between(span["params"], format_count)),
            ("tokens", "not read" if counted else tokens),
            ("FLOPs", f"{flops} ({counted or '6 N D'})"),
            ("law", law.formula),
            (
                "objective",
                f"{objective.name}, {delta}sum {objective.value:.8e}",
            ),
            (
                "residuals",
                f"rms {format_number(100 * fit.quality.residual_rms, 3)} %, "
                f"robust {format_number(100 * fit.quality.residual_mad, 3)} % of the loss; "
                f"R^2 {fit.quality.r_squared:.4f} (log loss)",
            ),
            (
                "status",
                f"{fit.status}; {fit.starts.reached} of {fit.starts.tried} descents reached this minimum",
            ),
        ),
    )


def _flops_column(plan: FittedPlan) -> str:
    """Return the column of FLOPs that a frontier was fitted to, "" where it was fitted to 6 N D.

    Of a table without tokens, C/(6N) takes their place: nothing to show, for a frontier asks only for C.
    """
    data = plan.card.provenance.get("data")
    columns = data.get("columns") if isinstance(data, Mapping) else None
    if plan.fit.settings.form != "frontier" or not isinstance(columns, Mapping) or "tokens" in columns:
        return ""
    return str(columns.get("flops", ""))


def _checks(plan: FittedPlan) -> dict[str, object]:
    """Return the backtest, the sensitivity and the ranking of forms, where they were asked for."""
    checks: dict[str, object] = {}
    if plan.backtest:
        checks["backtest"] = backtest_dict(plan.backtest)
    if plan.sensitivity:
        checks["sensitivity"] = sensitivity_dict(plan.sensitivity)
    if plan.ranking:
        checks["forms"] = forms_dict(plan.ranking)
    return checks


def _sureness(plan: FittedPlan) -> dict[str, object]:
    """Return the intervals of the constants and exponents, and what the bootstrap did."""
    bootstrap = plan.bootstrap
    if bootstrap is None or not bootstrap.draws:
        return {}
    drawn = {name: [draw.parameters[name] for draw in bootstrap.draws] for name in plan.fit.law.parameters}
    exponents = _exponent_draws(bootstrap)
    return {
        "intervals": {
            "level": plan.interval,
            "parameters": {
                name: list(percentile_interval(values, plan.interval)) for name, values in drawn.items()
            },
            "frontier": {
                name: list(percentile_interval(values, plan.interval)) for name, values in exponents.items()
            },
        },
        "bootstrap": {
            "replicates": bootstrap.replicates,
            "converged": bootstrap.converged,
            "second_minima": bootstrap.second_minima,
            "seed": bootstrap.seed,
            "standard_deviations": {name: pstdev(values) for name, values in drawn.items()},
        },
    }


def _exponents(law: Law) -> dict[str, float]:
    """Return the exponents of N_opt and D_opt in C, nothing of a law that divides no budget."""
    if not isinstance(law, Allocates):
        return {}
    N_exponent, D_exponent = law.exponents
    return {"params_exponent": N_exponent, "tokens_exponent": D_exponent}


def _exponent_draws(bootstrap: Bootstrap) -> dict[str, list[float]]:
    """Return the exponents of every draw, by name."""
    drawn = [_exponents(draw) for draw in bootstrap.draws]
    return {name: [exponents[name] for exponents in drawn] for name in drawn[0]}


def _constants(plan: FittedPlan) -> Table:
    """Show each constant and exponent with its interval and standard deviation."""
    law, bootstrap = plan.fit.law, plan.bootstrap
    values = law.parameters | _labelled(_exponents(law))
    if bootstrap is None or not bootstrap.draws:
        plain = tuple((name, format_number(value)) for name, value in values.items())
        return Table(headings=("", "value"), rows=plain)
    drawn = {name: [draw.parameters[name] for draw in bootstrap.draws] for name in law.parameters}
    drawn |= _labelled(_exponent_draws(bootstrap))
    rows = tuple(
        (
            name,
            format_number(value),
            _between(percentile_interval(drawn[name], plan.interval), lambda end: format_number(end, 4)),
            format_number(pstdev(drawn[name]), 3),
        )
        for name, value in values.items()
    )
    return Table(
        headings=("", "value", f"{format_share(plan.interval)} interval", "standard deviation"),
        rows=rows,
        caption=f"From {len(bootstrap.draws)} refits to resampled runs, seed {bootstrap.seed}.",
    )


def _labelled(exponents: Mapping[str, T]) -> dict[str, T]:
    """Name the exponents as people read them."""
    labels = {"params_exponent": "N exponent", "tokens_exponent": "D exponent"}
    return {labels[name]: value for name, value in exponents.items()}


def _between(ends: tuple[float, float], write: Callable[[float], str]) -> str:
    return f"{write(ends[0])} to {write(ends[1])}"


def shortened(finding: Finding, most: int = 5) -> Finding:
    """Name the first few runs of a finding in its message: people read the message only."""
    if not finding.runs or finding.severity == "info":
        return finding
    named = ", ".join(finding.runs[:most])
    more = f" and {len(finding.runs) - most} more" if len(finding.runs) > most else ""
    return Finding(finding.id, finding.severity, f"{finding.message} ({named}{more})", finding.runs)


def _row(plan: FittedPlan, allocation: Allocation) -> dict[str, Cell]:
    """Return one line of CSV: the fit, the optimum, and the findings of both."""
    fit, optimum = plan.fit, result_row(allocation)
    everything = (*plan.findings, *allocation.findings)
    return {
        **fit.law.parameters,
        **(_exponents(fit.law) or {"params_exponent": None, "tokens_exponent": None}),
        "objective": fit.objective.value,
        "status": fit.status,
        "runs_read": plan.runs_read,
        "runs_used": len(fit.runs),
        **optimum,
        "findings": ";".join(dict.fromkeys(finding.id for finding in everything)),
    }
