"""An isoflop study as lines of CSV: one for each budget, and one for each target."""

from collections.abc import Mapping

from scaling_cli.fitting.valley import Point, Valley
from scaling_cli.planning.isoflop_plan import IsoflopOptimum, IsoflopPlan
from scaling_cli.reports.report import Cell

INTERVALS = ("params", "tokens", "tokens_per_param", "loss")
"""The intervals of an optimum, in the order of its columns."""

_COLUMNS = (
    *("kind", "flops", "budget", "runs", "status", "params", "tokens", "tokens_per_param", "loss"),
    *("interval", *(f"{name}_{end}" for name in INTERVALS for end in ("low", "high"))),
    *("raw_params", "raw_tokens", "raw_loss", "waste", "params_exponent", "tokens_exponent"),
    *("budgets_ok", "budgets", "next_params", "next_tokens", "findings"),
)


def isoflop_rows(plan: IsoflopPlan) -> list[dict[str, Cell]]:
    """Return the lines of ``kind`` budget, then those of ``kind`` optimum, all with the same columns."""
    lines = [_budget(plan, valley) for valley in plan.study.valleys]
    lines += [_optimum(plan, optimum) for optimum in plan.optima]
    return [{column: line.get(column) for column in _COLUMNS} for line in lines]


def _budget(plan: IsoflopPlan, valley: Valley) -> dict[str, Cell]:
    """Return the line of a budget: its vertex, its status, the size to run next, the findings on its runs."""
    names, vertex, after = set(valley.runs.names), valley.vertex, valley.run_next
    at_vertex: dict[str, Cell] = {}
    if vertex:
        ratio = vertex.tokens / vertex.params
        at_vertex = {**_sizes(vertex), "tokens_per_param": ratio, "loss": vertex.loss}
    findings = dict.fromkeys(f.id for f in plan.findings if names.intersection(f.runs))
    return {
        "kind": "budget",
        "flops": valley.flops,
        "budget": valley.budget,
        "runs": len(valley.runs),
        "status": valley.status,
        **at_vertex,
        **_ends(valley.intervals, plan.interval),
        **{f"next_{name}": value for name, value in (_sizes(after) if after else {}).items()},
        "findings": ";".join(findings),
    }


def _sizes(point: Point) -> dict[str, Cell]:
    return {"params": point.params, "tokens": point.tokens}


def _optimum(plan: IsoflopPlan, optimum: IsoflopOptimum) -> dict[str, Cell]:
    """Return the line of a target: its optimum, the raw one, the exponents, the findings of all."""
    best, frontier = optimum.best, plan.study.frontier
    assert frontier is not None
    findings = (*plan.findings, *optimum.findings)
    return {
        "kind": "optimum",
        "flops": optimum.flops,
        "params": best.params,
        "tokens": best.tokens,
        "tokens_per_param": best.tokens / best.params,
        "loss": best.loss,
        **_ends(best.intervals, plan.interval),
        "raw_params": optimum.raw.params,
        "raw_tokens": optimum.raw.tokens,
        "raw_loss": optimum.raw.loss,
        "waste": optimum.waste,
        "params_exponent": frontier.params.exponent,
        "tokens_exponent": frontier.tokens.exponent,
        "budgets_ok": len(plan.study.ok),
        "budgets": len(plan.study.valleys),
        "findings": ";".join(dict.fromkeys(finding.id for finding in findings)),
    }


def _ends(intervals: Mapping[str, tuple[float, float]], level: float) -> dict[str, Cell]:
    """Return the level of the intervals and their ends."""
    ends: dict[str, Cell] = {
        f"{name}_{end}": value
        for name, both in intervals.items()
        for end, value in zip(("low", "high"), both, strict=True)
    }
    return {"interval": level if intervals else None, **ends}
