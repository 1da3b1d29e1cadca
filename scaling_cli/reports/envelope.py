"""A training-curve envelope and what it says at its target budgets, as a report."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import pstdev
from typing import TYPE_CHECKING

from scaling_cli.fitting.envelope import EnvelopeFit, Variant
from scaling_cli.fitting.envelope_checks import say_compared
from scaling_cli.laws.allocation import AllocationLaw
from scaling_cli.planning.allocation import Allocation
from scaling_cli.planning.envelope_plan import EnvelopePlan
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.reports.fit import shortened
from scaling_cli.reports.plan import plan_notes, result_dict, result_row
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

UNKNOWN = "-"

MOST_SIZES = 12
"""The table of the envelope shows so many of its sizes, evenly from the smallest to the largest."""

COEFFICIENTS = ("params_coefficient", "tokens_coefficient")

RULES = {
    "with-edges": "with the edge budgets",
    "all-points": "read along the way",
    "final-points": "read at the end only",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Budgets next to each other that one run wins, alike in whether they are fitted."""

    run: int
    first: int
    last: int
    is_edge: bool


def envelope_report(plan: EnvelopePlan) -> Report:
    """Return the report of ``scaling fit --approach 1``."""
    fit = plan.fit
    data = {
        "approach": 1,
        "law": fit.law.as_dict() if fit.law else None,
        "frontier": _exponents(fit.law),
        "objective": None,
        "status": None if fit.law is None else "fitted",
        "starts": None,
        "quality": None,
        "runs": {"read": len(fit.curves), "used": fit.runs_read, "winning": _winning(fit)},
        "points": {"read": plan.points_read, "used": len(fit.curves.tokens)},
        "envelope": _envelope_dict(fit),
        "variants": [_variant_dict(variant) for variant in fit.variants],
        **_sureness(plan),
        "optima": [result_dict(allocation) for allocation in plan.optima],
        "findings": [finding.as_dict() for finding in plan.findings],
    }
    tables = [_sizes_table(fit)] if fit.envelope.is_won.any() else []
    tables += [_constants(plan, fit.law)] if fit.law else []
    tables += [_variants_table(fit)]
    tables += [optima_table(plan.optima, plan.interval)] if plan.optima else []
    return Report(
        schema="scaling.fit/1",
        data=data,
        sections=(_summary(plan), *tables),
        rows=[_row(plan, allocation) for allocation in plan.optima] or _stretch_dicts(fit),
        notes=tuple(Note(shortened(finding)) for finding in plan.findings) + plan_notes(plan.optima),
    )


def stretches(fit: EnvelopeFit) -> list[Stretch]:
    """Return the envelope as stretches of budgets, in ascending order."""
    import numpy as np

    run, edge = fit.envelope.run, fit.envelope.is_edge
    starts = np.flatnonzero(np.concatenate([[True], (run[1:] != run[:-1]) | (edge[1:] != edge[:-1])]))
    ends = np.append(starts[1:], len(run)) - 1
    return [
        Stretch(int(run[first]), first, last, bool(edge[first]))
        for first, last in zip(starts.tolist(), ends.tolist(), strict=True)
        if run[first] >= 0
    ]


def _winning(fit: EnvelopeFit) -> int:
    """Count the runs that win a budget of the fit."""
    return len(set(fit.envelope.run[fit.envelope.is_fitted].tolist()))


def _envelope_dict(fit: EnvelopeFit) -> dict[str, object]:
    """Return how the envelope was traced, and who won what: budgets in FLOPs, counts, nats per token."""
    import numpy as np

    envelope, settings, compared = fit.envelope, fit.settings, fit.sizes_compared
    won, edge = int(envelope.is_won.sum()), int(envelope.is_edge.sum())
    return {
        "smoothing": settings.smooth,
        "windows": [int(fit.windows.min()), int(fit.windows.max())],
        "read_share": settings.read_share,
        "budgets": {"traced": len(envelope.flops), "won": won, "edge": edge, "fitted": won - edge},
        "sizes_compared": [int(end(compared)) for end in (np.min, np.median, np.max)] if won else None,
        "stretches": _stretch_dicts(fit),
    }


def _stretch_dicts(fit: EnvelopeFit) -> list[dict[str, Cell]]:
    """Return who wins which budgets: FLOPs, counts, nats per token, at the first of them and at the last."""
    envelope = fit.envelope
    found: list[dict[str, Cell]] = []
    for part in stretches(fit):
        told: dict[str, Cell] = {
            "run": fit.curves.names[part.run],
            "params": float(fit.curves.params[part.run]),
            "status": "edge" if part.is_edge else "ok",
            "budgets": part.last - part.first + 1,
        }
        for name in ("flops", "tokens", "loss"):
            values = getattr(envelope, name)
            told |= {f"{name}_first": float(values[part.first]), f"{name}_last": float(values[part.last])}
        found.append(told)
    return found


def _exponents(law: AllocationLaw | None) -> dict[str, float] | None:
    if law is None:
        return None
    return {"params_exponent": law.exponents[0], "tokens_exponent": law.exponents[1]}


def _variant_dict(variant: Variant) -> dict[str, object]:
    return {
        "rule": variant.rule,
        "budgets": variant.budgets,
        "parameters": variant.law.parameters if variant.law else None,
        **({"note": variant.note} if variant.note else {}),
    }


def _sureness(plan: EnvelopePlan) -> dict[str, object]:
    """Return the intervals of the constants and exponents, and what the bootstrap did."""
    bootstrap, law = plan.bootstrap, plan.fit.law
    if bootstrap is None or law is None or not bootstrap.draws:
        return {}
    drawn = {name: [draw.parameters[name] for draw in bootstrap.draws] for name in law.parameters}
    intervals = {name: list(percentile_interval(values, plan.interval)) for name, values in drawn.items()}
    return {
        "intervals": {
            "level": plan.interval,
            "parameters": intervals,
            "frontier": {name: intervals[name] for name in ("params_exponent", "tokens_exponent")},
        },
        "bootstrap": {
            "replicates": bootstrap.replicates,
            "converged": len(bootstrap.draws),
            "seed": bootstrap.seed,
            "standard_deviations": {
                (f"log_{name}" if name in COEFFICIENTS else name): _deviation(name, values)
                for name, values in drawn.items()
            },
        },
    }


def _deviation(name: str, values: Sequence[float]) -> float:
    """Return the standard deviation of draws, of a coefficient's logarithm: its draws span powers of ten."""
    return pstdev(map(math.log, values) if name in COEFFICIENTS else values)


def _summary(plan: EnvelopePlan) -> Record:
    """Say which curves, how they were read, and what became of the budgets."""
    fit = plan.fit
    curves, envelope = fit.curves, fit.envelope
    won, edge = int(envelope.is_won.sum()), int(envelope.is_edge.sum())
    low, high = int(fit.windows.min()), int(fit.windows.max())
    spacing = f"smoothed over {_between_counts(max(low, 1), high)} points" if high > 1 else "not smoothed"
    fields = [
        ("runs", f"{len(curves)} in {len(curves.tokens)} points of {plan.points_read} rows read"),
        ("params", _ends(curves.params, format_count)),
        ("tokens", f"{_ends(curves.last_tokens, format_count)} at the end of the runs"),
        ("read", f"the last {format_share(fit.settings.read_share)} of each schedule, {spacing}"),
    ]
    if won:
        budgets = f"{len(envelope.flops)} from {_ends(envelope.flops, format_flops)} FLOPs (6 N D)"
        empty = len(envelope.flops) - won
        unread = f", {empty} that no run is read at" if empty else ""
        fields.append(("budgets", f"{budgets}: {won - edge} fitted, {edge} at an edge{unread}"))
        fields.append(("compared", f"{say_compared(fit.sizes_compared)}; {_used_runs(fit)}"))
    if fit.law:
        law = fit.law.parameters
        power = f"{format_number(law['params_coefficient'], 4)} C^{law['params_exponent']:.4f}"
        fields.append(("law", f"N_opt = {power}, D_opt = C/(6 N_opt)"))
    return Record(f"Training-curve envelope of {plan.name}", tuple(fields))


def _used_runs(fit: EnvelopeFit) -> str:
    """Say how many runs are read at some budget, and how many of them win one that is fitted."""
    won = _winning(fit)
    return f"{fit.runs_read} runs are read" + (f", {won} win a budget that is fitted" if won else "")


def _between_counts(low: int, high: int) -> str:
    return str(high) if low == high else f"{low} to {high}"


def _ends(values: "FloatArray", write: Callable[[float], str]) -> str:
    return f"{write(float(values.min()))} to {write(float(values.max()))}"


def _sizes_table(fit: EnvelopeFit) -> Table:
    """Return a row for each size on the envelope: the budgets it wins, on how many tokens, with what loss."""
    envelope = fit.envelope
    by_size: dict[float, list[Stretch]] = {}
    for part in stretches(fit):
        by_size.setdefault(float(fit.curves.params[part.run]), []).append(part)
    sizes = sorted(by_size)
    shown = [sizes[round(i * (len(sizes) - 1) / (MOST_SIZES - 1))] for i in range(MOST_SIZES)]
    rows = []
    for N in sizes if len(sizes) <= MOST_SIZES else shown:
        parts = by_size[N]
        first, last = parts[0].first, parts[-1].last
        budgets = sum(part.last - part.first + 1 for part in parts)
        edge = sum(part.last - part.first + 1 for part in parts if part.is_edge)
        rows.append(
            (
                format_count(N),
                str(len({part.run for part in parts})),
                _span(envelope.flops, first, last, lambda C: format_flops(C, 3)),
                _span(envelope.tokens, first, last, lambda D: format_count(D, 3)),
                _span(envelope.loss, first, last, lambda loss: f"{loss:.3f}"),
                str(budgets),
                str(edge) if edge else "",
            )
        )
    caption = (
        f"{len(sizes)} sizes win budgets"
        if len(sizes) <= MOST_SIZES
        else (f"{MOST_SIZES} of the {len(sizes)} sizes that win budgets")
    )
    headings = ("params", "runs", "wins from-to FLOPs", "on tokens", "loss", "budgets", "at an edge")
    return Table(headings=headings, rows=tuple(rows), is_text=frozenset(), caption=f"{caption}.")


def _span(values: "FloatArray", first: int, last: int, write: Callable[[float], str]) -> str:
    return f"{write(float(values[first]))}-{write(float(values[last]))}"


def _constants(plan: EnvelopePlan, law: AllocationLaw) -> Table:
    """Show each constant with its interval and standard deviation."""
    bootstrap = plan.bootstrap
    if bootstrap is None or not bootstrap.draws:
        plain = tuple(
            (name.replace("_", " "), format_number(value)) for name, value in law.parameters.items()
        )
        return Table(headings=("", "value"), rows=plain)
    drawn = {name: [draw.parameters[name] for draw in bootstrap.draws] for name in law.parameters}
    rows = []
    for name, value in law.parameters.items():
        low, high = percentile_interval(drawn[name], plan.interval)
        deviation = _deviation(name, drawn[name])
        rows.append(
            (
                name.replace("_", " "),
                format_number(value),
                f"{format_number(low, 4)} to {format_number(high, 4)}",
                f"a factor of {format_number(math.exp(deviation), 3)}"
                if name in COEFFICIENTS
                else format_number(deviation, 3),
            )
        )
    return Table(
        headings=("", "value", f"{format_share(plan.interval)} interval", "standard deviation"),
        rows=tuple(rows),
        caption=f"From {len(bootstrap.draws)} envelopes of resampled runs, seed {bootstrap.seed}.",
    )


def _variants_table(fit: EnvelopeFit) -> Table:
    """Return what each rule does to the exponents."""
    base = fit.law.exponents[0] if fit.law else None
    rows = [("as fitted", str(int(fit.envelope.is_fitted.sum())), *_exponent_cells(fit.law, None))]
    if fit.refusal:
        rows = [("as asked", str(int(fit.envelope.is_fitted.sum())), UNKNOWN, UNKNOWN, fit.refusal.id)]
    for variant in fit.variants:
        cells = _exponent_cells(variant.law, base) if variant.law else (UNKNOWN, UNKNOWN, variant.note)
        rows.append((RULES[variant.rule], str(variant.budgets), *cells))
    headings = ("", "budgets", "N exponent", "D exponent", "change")
    return Table(headings=headings, rows=tuple(rows), caption=_variants_caption(fit))


def _variants_caption(fit: EnvelopeFit) -> str:
    share = format_share(fit.settings.final_share)
    return f"Points before the last {share} of a schedule carry a learning rate that has not decayed."


def _exponent_cells(law: AllocationLaw | None, base: float | None) -> tuple[str, str, str]:
    if law is None:
        return UNKNOWN, UNKNOWN, ""
    N_exponent, D_exponent = law.exponents
    change = "" if base is None else f"{N_exponent - base:+.4f}"
    return f"{N_exponent:.4f}", f"{D_exponent:.4f}", change


def optima_table(optima: tuple[Allocation, ...], level: float) -> Table:
    """Return the plans of a law that says nothing of the loss, their intervals below them."""
    rows: list[tuple[str, ...]] = []
    for plan in optima:
        ratio = plan.tokens_per_param
        rows.append(
            (
                _show(plan.flops, format_flops),
                _show(plan.params, format_count),
                _show(plan.tokens, format_count),
                _show(ratio, lambda value: format_number(value, 4)),
            )
        )
        if plan.uncertainty is None:
            continue
        ends = plan.uncertainty.intervals
        rows.append(
            (
                format_share(level),
                _between(ends.get("params"), lambda N: format_count(N, 3)),
                _between(ends.get("tokens"), lambda D: format_count(D, 3)),
                _between(ends.get("tokens_per_param"), lambda value: format_number(value, 3)),
            )
        )
    has_intervals = any(plan.uncertainty for plan in optima)
    return Table(
        headings=("FLOPs", "params", "tokens", "tokens per param"),
        rows=tuple(rows),
        is_text=frozenset(),
        caption=f"Below each plan its {format_share(level)} intervals." if has_intervals else "",
    )


def _between(ends: tuple[float, float] | None, write: Callable[[float], str]) -> str:
    return f"{write(ends[0])}-{write(ends[1])}" if ends else ""


def _show(value: float | None, write: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else write(value)


def _row(plan: EnvelopePlan, allocation: Allocation) -> dict[str, Cell]:
    """Return one line of CSV: the law, the optimum, and the findings of both."""
    fit = plan.fit
    assert fit.law is not None
    findings = (*plan.findings, *allocation.findings)
    return {
        **fit.law.parameters,
        "budgets_fitted": int(fit.envelope.is_fitted.sum()),
        "budgets": len(fit.envelope.flops),
        "runs_read": len(fit.curves),
        "runs_used": fit.runs_read,
        "runs_winning": _winning(fit),
        **result_row(allocation),
        "findings": ";".join(dict.fromkeys(finding.id for finding in findings)),
    }
