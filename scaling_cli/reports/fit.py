"""A fit and what it says at its target budgets, as a report."""

from collections.abc import Callable
from statistics import pstdev

from scaling_cli.findings import Finding
from scaling_cli.fitting.bootstrap import Bootstrap
from scaling_cli.planning.allocation import Allocation
from scaling_cli.planning.fitted_plan import FittedPlan
from scaling_cli.planning.uncertainty import law_intervals, percentile_interval
from scaling_cli.reports.plan import plan_notes, plan_table, result_dict, result_row
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share


def fit_report(plan: FittedPlan) -> Report:
    """Return the report of ``scaling fit``."""
    fit, law = plan.fit, plan.fit.law
    N_exponent, D_exponent = law.exponents
    data = {
        "law": law.as_dict(),
        "frontier": {"params_exponent": N_exponent, "tokens_exponent": D_exponent},
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
        "findings": [finding.as_dict() for finding in plan.findings],
    }
    return Report(
        schema="scaling.fit/1",
        data=data,
        sections=(_summary(plan), _constants(plan), plan_table(plan.optima, with_law=False)),
        rows=[_row(plan, allocation) for allocation in plan.optima],
        notes=tuple(Note(_shortened(finding)) for finding in plan.findings) + plan_notes(plan.optima),
    )


def _summary(plan: FittedPlan) -> Record:
    """Say which law, from which runs, and how well it holds."""
    fit, law = plan.fit, plan.fit.law
    span = fit.fitted_range
    objective = fit.objective
    return Record(
        f"Chinchilla law fitted to {plan.card.name}",
        (
            ("runs", f"{len(fit.runs)} used of {plan.runs_read} read"),
            ("params", _between(span["params"], format_count)),
            ("tokens", _between(span["tokens"], format_count)),
            ("FLOPs", f"{_between(span['flops'], format_flops)} (6 N D)"),
            ("law", law.formula),
            (
                "objective",
                f"{objective.name}, delta {format_number(objective.delta)}, sum {objective.value:.8e}",
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


def _sureness(plan: FittedPlan) -> dict[str, object]:
    """Return the intervals of the constants and exponents, and what the bootstrap did."""
    bootstrap = plan.bootstrap
    if bootstrap is None or not bootstrap.draws:
        return {}
    names = list(plan.fit.law.parameters)
    exponents = _exponent_draws(bootstrap)
    return {
        "intervals": {
            "level": plan.interval,
            "parameters": {
                name: list(ends) for name, ends in law_intervals(bootstrap.draws, plan.interval).items()
            },
            "frontier": {
                name: list(percentile_interval(drawn, plan.interval)) for name, drawn in exponents.items()
            },
        },
        "bootstrap": {
            "replicates": bootstrap.replicates,
            "converged": bootstrap.converged,
            "seed": bootstrap.seed,
            "standard_deviations": {
                name: pstdev([draw.parameters[name] for draw in bootstrap.draws]) for name in names
            },
        },
    }


def _exponent_draws(bootstrap: Bootstrap) -> dict[str, list[float]]:
    """Return N_exponent and D_exponent of every draw."""
    N_exponents, D_exponents = zip(*(draw.exponents for draw in bootstrap.draws), strict=True)
    return {"params_exponent": list(N_exponents), "tokens_exponent": list(D_exponents)}


def _constants(plan: FittedPlan) -> Table:
    """Show each constant and exponent with its interval and standard deviation."""
    law, bootstrap = plan.fit.law, plan.bootstrap
    N_exponent, D_exponent = law.exponents
    values = {**law.parameters, "N exponent": N_exponent, "D exponent": D_exponent}
    if bootstrap is None or not bootstrap.draws:
        plain = tuple((name, format_number(value)) for name, value in values.items())
        return Table(headings=("", "value"), rows=plain)
    drawn = {name: [draw.parameters[name] for draw in bootstrap.draws] for name in law.parameters}
    exponents = _exponent_draws(bootstrap)
    drawn |= {"N exponent": exponents["params_exponent"], "D exponent": exponents["tokens_exponent"]}
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


def _between(ends: tuple[float, float], write: Callable[[float], str]) -> str:
    return f"{write(ends[0])} to {write(ends[1])}"


def _shortened(finding: Finding, most: int = 5) -> Finding:
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
        "params_exponent": fit.law.exponents[0],
        "tokens_exponent": fit.law.exponents[1],
        "objective": fit.objective.value,
        "status": fit.status,
        "runs_read": plan.runs_read,
        "runs_used": len(fit.runs),
        **optimum,
        "findings": ";".join(dict.fromkeys(finding.id for finding in everything)),
    }
