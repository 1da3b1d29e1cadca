"""An isoflop study as a report: its budgets, its frontier with the bias beside it, its optima."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from scaling_cli.findings import Finding
from scaling_cli.fitting.isoflop import Bias, Isoflop
from scaling_cli.fitting.power_law import Frontier, PowerLaw
from scaling_cli.fitting.valley import Point, Valley, WildRuns
from scaling_cli.planning.isoflop_plan import Answer, IsoflopOptimum, IsoflopPlan, bias_dict, frontier_dict
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.reports.backtest import format_change
from scaling_cli.reports.isoflop_rows import INTERVALS, isoflop_rows
from scaling_cli.reports.report import Note, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

UNKNOWN = "-"


def isoflop_report(plan: IsoflopPlan) -> Report:
    """Return the report of ``scaling isoflop``."""
    study = plan.study
    findings = (*plan.findings, *_of_optima(plan))
    data = {
        "budgets": [_valley_dict(valley, plan.interval) for valley in study.valleys],
        "curve": study.settings.curve,
        "runs": {"read": plan.runs_read, "used": len(study.index)},
        "frontier": _frontiers(study, plan.interval),
        "bias": _bias_dict(study.bias),
        "bootstrap": {"replicates": study.replicates, "drawn": study.drawn, "seed": study.seed},
        "optima": [_optimum_dict(optimum, plan.interval) for optimum in plan.optima],
        "findings": [finding.as_dict() for finding in findings],
    }
    tables = [_budget_table(plan)] if study.valleys else []
    tables += [_frontier_table(plan)] if study.raw else []
    tables += [_optima_table(plan)] if plan.optima else []
    return Report(
        schema="scaling.isoflop/1",
        data=data,
        sections=tuple(tables),
        rows=isoflop_rows(plan),
        notes=tuple(Note(finding) for finding in findings),
    )


def _of_optima(plan: IsoflopPlan) -> tuple[Finding, ...]:
    """Return what concerns the optima, once: of findings of one kind that of the last target."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for optimum in plan.optima:
        for finding in optimum.findings:
            alike.setdefault((finding.id, finding.severity), []).append(finding)
    found = []
    for findings in alike.values():
        last, others = findings[-1], len(findings) - 1
        more = f" (and {others} more target{'s' if others > 1 else ''} likewise)" if others else ""
        found.append(replace(last, message=last.message + more))
    return tuple(found)


def _valley_dict(valley: Valley, level: float) -> dict[str, object]:
    """Return one entry of ``budgets``: FLOPs, counts, nats per token; what is not known is null."""
    vertex = valley.vertex
    intervals = {name: list(ends) for name, ends in valley.intervals.items()}
    return {
        "budget": valley.budget,
        "flops": valley.flops,
        "runs": len(valley.runs),
        "status": valley.status,
        "params": _of(vertex, "params"),
        "tokens": _of(vertex, "tokens"),
        "loss": _of(vertex, "loss"),
        "intervals": {"level": level, **intervals} if intervals else None,
        "lowest_run": {
            "run": valley.runs.names[valley.lowest],
            **_point_dict(_lowest(valley)),
        },
        "run_next": valley.run_next and {"params": valley.run_next.params, "tokens": valley.run_next.tokens},
        "wild_runs": valley.wild and _wild_dict(valley.wild),
    }


def _wild_dict(wild: WildRuns) -> dict[str, object]:
    """Return the runs that miss the curve of the others, by shares of the loss, and what is left without."""
    names = zip(wild.names, wild.misses, strict=True)
    vertex = {name: _of(wild.vertex, name) for name in ("params", "tokens", "loss")}
    return {
        "runs": [{"run": name, "miss": miss} for name, miss in names],
        "without": {"status": wild.status, **vertex},
    }


def _point_dict(point: Point) -> dict[str, object]:
    return {"params": point.params, "tokens": point.tokens, "loss": point.loss}


def _of(point: Point | None, name: str) -> float | None:
    """Return one number of a point, nothing where there is no point."""
    value: float | None = getattr(point, name, None)
    return value


def _lowest(valley: Valley) -> Point:
    """Return the measured run of least loss."""
    runs, place = valley.runs, valley.lowest
    return Point(float(runs.params[place]), float(runs.tokens[place]), float(runs.loss[place]))


def _frontiers(study: Isoflop, level: float) -> dict[str, object] | None:
    """Return ``raw`` and ``corrected`` with their intervals; null without a frontier."""
    if study.raw is None or study.frontier is None:
        return None
    corrected = frontier_dict(study.corrected)
    if corrected:
        del corrected["loss"]  # what is left once the bias is out is no power law
    return {
        "raw": frontier_dict(study.raw),
        "corrected": corrected,
        "intervals": _both_intervals(study, level) if study.raw.params.draws else None,
    }


def _both_intervals(study: Isoflop, level: float) -> dict[str, object]:
    """Return the intervals of the exponents of what is best, and of all constants of either frontier."""
    assert study.raw is not None
    assert study.frontier is not None
    of_best = {
        f"{name}_exponent": list(_constant_ends(study.frontier.laws[name], "exponent", level))
        for name in ("params", "tokens")
    }
    corrected = study.corrected and _interval_dict(replace(study.corrected, loss=None), level)
    return {"level": level, **of_best, "raw": _interval_dict(study.raw, level), "corrected": corrected}


def _interval_dict(frontier: Frontier, level: float) -> dict[str, object]:
    """Return [low, high] in the shape of ``frontier_dict``."""
    return {
        name: {what: list(_constant_ends(law, what, level)) for what in ("coefficient", "exponent")}
        for name, law in frontier.laws.items()
    }


def _bias_dict(bias: Bias | None) -> dict[str, object] | None:
    """Return what the replay is off by, the replay itself, and the surface that it was made on."""
    if bias is None:
        return None
    exponents = {"params_exponent": bias.params_exponent, "tokens_exponent": bias.tokens_exponent}
    return {**exponents, **bias_dict(bias)}


def _optimum_dict(optimum: IsoflopOptimum, level: float) -> dict[str, object]:
    """Return one entry of ``optima``."""
    best, raw = optimum.best, optimum.raw
    return {
        "flops": optimum.flops,
        **_answer_dict(best, level),
        "raw": _answer_dict(raw, level),
        "bias": {name: _change(raw, best, name) for name in ("params", "tokens")},
        "waste": optimum.waste,
        "extrapolation": optimum.extrapolation,
        "findings": [finding.as_dict() for finding in optimum.findings],
    }


def _change(raw: Answer, best: Answer, name: str) -> float:
    """Return the signed share by which the raw answer is off the best one."""
    share: float = getattr(raw, name) / getattr(best, name) - 1
    return share


def _answer_dict(answer: Answer, level: float) -> dict[str, object]:
    intervals = {name: list(ends) for name, ends in answer.intervals.items()}
    return {
        "params": answer.params,
        "tokens": answer.tokens,
        "tokens_per_param": answer.tokens / answer.params,
        "loss": answer.loss,
        "intervals": {"level": level, **intervals} if intervals else None,
    }


def _budget_table(plan: IsoflopPlan) -> Table:
    """Return a row for each budget: its vertex, the lowest run, and what to run next."""
    study = plan.study
    has_intervals = any(valley.intervals for valley in study.valleys)
    has_next = any(valley.run_next for valley in study.valleys)
    rows = []
    for valley in study.valleys:
        vertex, lowest = valley.vertex, _lowest(valley)
        cells = [
            format_flops(valley.budget, 3),
            str(len(valley.runs)),
            valley.status,
            _show(_of(vertex, "params"), lambda N: format_count(N, 3)),
        ]
        cells += [_between(valley.intervals, "params", lambda N: format_count(N, 3))] if has_intervals else []
        cells += [
            _show(_of(vertex, "tokens"), lambda D: format_count(D, 3)),
            _show(_of(vertex, "loss"), lambda loss: f"{loss:.3f}"),
            format_count(lowest.params, 3),
        ]
        if has_next:
            cells.append(_show(_of(valley.run_next, "params"), lambda N: format_count(N, 3)))
            cells.append(_show(_of(valley.run_next, "tokens"), lambda D: format_count(D, 3)))
        rows.append(tuple(cells))
    headings = ["budget", "runs", "status", "params"]
    headings += [f"{format_share(plan.interval)} interval"] if has_intervals else []
    headings += ["tokens", "loss", "lowest run"]
    headings += ["run next", "on tokens"] if has_next else []
    return Table(headings=tuple(headings), rows=tuple(rows), is_text=frozenset({2}), caption=_caption(plan))


def _caption(plan: IsoflopPlan) -> str:
    """Say what the vertices are, and how many runs they rest on."""
    study = plan.study
    what = "parabola" if study.settings.curve == "parabola" else "local interpolation (Akima)"
    used = f"{len(study.index)} runs used of {plan.runs_read} read"
    vertex = f"{plan.name}: {used}. The vertex of a {what} of loss in log params, for each budget"
    if study.is_nominal:
        return f"{vertex} that the table names, on the median 6 N D of its runs."
    return f"{vertex} of 6 N D{' asked for' if study.settings.picked else ''}."


def _frontier_table(plan: IsoflopPlan) -> Table:
    """Return the constants of the raw frontier and of the corrected one, with their intervals."""
    study = plan.study
    raw, corrected = study.raw, study.corrected
    assert raw is not None
    has_intervals = raw.params.draws is not None
    rows = []
    for label, name in (("N", "params"), ("D", "tokens"), ("loss", "loss")):
        ours = raw.laws[name]
        other = corrected.laws[name] if corrected and name != "loss" else None
        for what in ("exponent", "coefficient"):
            cells = [f"{label} {what}", _constant(ours, what)]
            cells += [_constant_interval(ours, what, plan.interval)] if has_intervals else []
            cells += [_constant(other, what) if other else UNKNOWN] if corrected else []
            if has_intervals and corrected:
                cells.append(_constant_interval(other, what, plan.interval) if other else UNKNOWN)
            rows.append(tuple(cells))
    interval = [f"{format_share(plan.interval)} interval"] if has_intervals else []
    headings = ["", "raw", *interval]
    headings += ["corrected", *interval] if corrected else []
    return Table(headings=tuple(headings), rows=tuple(rows), caption=_frontier_caption(study))


def _frontier_caption(study: Isoflop) -> str:
    """Say what the frontier is, and what the procedure itself did to it."""
    power = f"N_opt = coefficient C^exponent through {len(study.ok)} budgets, likewise D_opt and loss."
    if study.bias is None:
        return power
    bias = format_number(study.bias.params_exponent, 2) if abs(study.bias.params_exponent) >= 5e-5 else "0"
    return (
        f"{power} Bias: the same done without noise on the surface fitted to these runs is off by {bias} in "
        "the N exponent."
    )


def _constant(law: PowerLaw, what: str) -> str:
    return format_number(law.exponent if what == "exponent" else law.coefficient, 4)


def _constant_interval(law: PowerLaw, what: str, level: float) -> str:
    if law.draws is None:
        return UNKNOWN
    low, high = _constant_ends(law, what, level)
    return f"{format_number(low, 3)} to {format_number(high, 3)}"


def _constant_ends(law: PowerLaw, what: str, level: float) -> tuple[float, float]:
    """Return the interval of a power law's exponent or coefficient."""
    import math

    assert law.draws is not None
    if what == "exponent":
        return percentile_interval(law.draws.exponent, level)
    low, high = percentile_interval(law.draws.log_coefficient, level)
    return math.exp(low), math.exp(high)


def _optima_table(plan: IsoflopPlan) -> Table:
    """Return two lines for each target, each with its intervals: what is best, and the raw answer."""
    has_bias = plan.study.corrected is not None
    rows: list[tuple[str, ...]] = []
    groups = set()
    for optimum in plan.optima:
        groups.add(len(rows))
        answers = {"best": optimum.best, "raw": optimum.raw} if has_bias else {"best": optimum.best}
        for which, answer in answers.items():
            is_raw = which == "raw"
            cells = [
                which if is_raw else format_flops(optimum.flops),
                format_count(answer.params),
                format_count(answer.tokens),
                format_number(answer.tokens / answer.params, 4),
                _show(answer.loss, lambda loss: f"{loss:.4f}"),
            ]
            cells += [
                format_change(_change(optimum.raw, optimum.best, "params")) if is_raw else ""
            ] * has_bias
            cells += [_show(optimum.waste, lambda w: format_share(w, 2)) if is_raw else ""] * has_bias
            rows.append(tuple(cells))
            if answer.intervals:
                rows.append((*_interval_cells(answer, plan.interval), *[""] * (2 * has_bias)))
    headings = ["FLOPs", "params", "tokens", "tokens per param", "loss"]
    headings += ["params off by", "waste"] if has_bias else []
    return Table(
        headings=tuple(headings),
        rows=tuple(rows),
        is_text=frozenset(),
        groups=frozenset(groups if has_bias else ()),
        caption=_optima_caption(plan),
    )


def _optima_caption(plan: IsoflopPlan) -> str:
    """Say what the lines of a target are."""
    level = format_share(plan.interval)
    if plan.study.corrected is None:
        return "The raw frontier" + (f", below it its {level} intervals." if plan.study.drawn else ".")
    own = f", each over its {level} intervals" if plan.study.drawn else ""
    return (
        f"The corrected frontier and the raw one{own}; what the raw one wastes of the compute. A raw loss is "
        "that of a power law, which has no floor."
    )


def _interval_cells(answer: Answer, level: float) -> tuple[str, ...]:
    """Return the line below an answer: its intervals."""

    def count(value: float) -> str:
        return format_count(value, 3)

    writers = (count, count, lambda ratio: format_number(ratio, 3), lambda loss: f"{loss:.3f}")
    cells = (_between(answer.intervals, name, write) for name, write in zip(INTERVALS, writers, strict=True))
    return format_share(level), *cells


def _between(intervals: Mapping[str, tuple[float, float]], name: str, write: Callable[[float], str]) -> str:
    ends = intervals.get(name)
    return f"{write(ends[0])}-{write(ends[1])}" if ends else UNKNOWN


def _show(value: float | None, write: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else write(value)
