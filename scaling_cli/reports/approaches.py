"""The approaches as reports: approach 2 as a fit, and all three side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scaling_cli.findings import Finding
from scaling_cli.planning.approaches import ApproachAnswer, SideBySide
from scaling_cli.planning.isoflop_plan import IsoflopPlan
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.reports.fit import shortened
from scaling_cli.reports.isoflop import isoflop_report
from scaling_cli.reports.plan import plan_notes, result_dict, result_row
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

UNKNOWN = "-"

NAMES = {1: "training curves", 2: "IsoFLOP profiles", 3: "parametric loss"}
"""What the approaches go by (Hoffmann et al. 2022, Sec. 3)."""

_FIT = ("law", "frontier", "objective", "status", "starts", "quality", "runs")


def isoflop_fit_report(plan: IsoflopPlan) -> Report:
    """Return the report of ``scaling fit --approach 2``: that of ``scaling isoflop``, as a fit in JSON."""
    report = isoflop_report(plan)
    told = dict(report.data)
    frontiers, level = told.pop("frontier"), plan.interval
    law = plan.card.law if plan.card else None
    optima = told.pop("optima")
    assert isinstance(optima, list)
    draws = plan.card.draws if plan.card else ()
    data = {
        "approach": 2,
        "law": law.as_dict() if law else None,
        "frontier": law and {name: law.parameters[name] for name in ("params_exponent", "tokens_exponent")},
        "objective": None,
        "status": "fitted" if law else None,
        "starts": None,
        "quality": None,
        "runs": told.pop("runs"),
        **({"intervals": _law_intervals(plan, level)} if law and draws else {}),
        "frontiers": frontiers,
        **told,
        "optima": [{"law": plan.name, "flat_range": None, **optimum} for optimum in optima],
    }
    data["findings"] = data.pop("findings")
    return replace(report, schema="scaling.fit/1", data=data)


def _law_intervals(plan: IsoflopPlan, level: float) -> dict[str, object]:
    """Return the intervals of the constants and of the exponents."""
    assert plan.card is not None
    drawn = [draw.parameters for draw in plan.card.draws]
    ends = {
        name: list(percentile_interval([constants[name] for constants in drawn], level)) for name in drawn[0]
    }
    frontier = {name: ends[name] for name in ("params_exponent", "tokens_exponent")}
    return {"level": level, "parameters": ends, "frontier": frontier}


def approaches_report(found: SideBySide, fit: Mapping[str, object]) -> Report:
    """Return the report of ``scaling fit --approach all``.

    ``fit`` is what the JSON of approach 3 holds; empty where it could not be fitted.
    """
    data = {
        **(fit or dict.fromkeys(_FIT)),
        "approaches": [_approach_dict(told, found.level) for told in found.approaches],
        "agree": found.agree,
        "verdict": found.verdict,
    }
    data["findings"] = data.pop("findings", [])
    columns = next((list(result_row(plan)) for told in found.approaches for plan in told.optima), [])
    return Report(
        schema="scaling.fit/1",
        data=data,
        sections=(_summary(found), _exponents_table(found), _optima_table(found)),
        rows=[_row(told, place, columns) for place in range(len(found.flops)) for told in found.approaches],
        notes=_notes(found),
    )


def _approach_dict(told: ApproachAnswer, level: float) -> dict[str, object]:
    """Return one entry of ``approaches``; null, and the reason, where an approach says nothing."""
    exponents = told.exponents
    return {
        "approach": told.approach,
        "law": told.card.law.as_dict() if told.card else None,
        "frontier": exponents and {"params_exponent": exponents[0], "tokens_exponent": exponents[1]},
        "optima": [result_dict(plan) for plan in told.optima],
        "intervals": {"level": level, **{name: list(ends) for name, ends in told.intervals.items()}}
        if told.intervals
        else None,
        "reason": told.reason or None,
        "findings": [finding.as_dict() for finding in told.findings],
    }


def _summary(found: SideBySide) -> Record:
    return Record(
        f"Approaches side by side on {found.name}",
        (
            ("1", "the envelope of training curves"),
            ("2", "IsoFLOP profiles, their bias removed where that can be told"),
            ("3", "the parametric loss"),
            ("verdict", found.verdict),
        ),
    )


def _exponents_table(found: SideBySide) -> Table:
    """Return the exponents of N_opt and D_opt, as the paper's Table 2."""
    rows = []
    for told in found.approaches:
        exponents = told.exponents
        cells = [f"{exponent:.4f}" for exponent in exponents] if exponents else [UNKNOWN, UNKNOWN]
        ends = [
            f"{told.intervals[name][0]:.3f} to {told.intervals[name][1]:.3f}"
            if name in told.intervals
            else ""
            for name in ("params_exponent", "tokens_exponent")
        ]
        rows.append((_label(told), cells[0], ends[0], cells[1], ends[1]))
    share = f"{format_share(found.level)} interval"
    reasons = [f"{_label(told)}: {told.reason}" for told in found.approaches if told.reason]
    return Table(
        headings=("approach", "N exponent", share, "D exponent", share),
        rows=tuple(rows),
        caption=". ".join(reasons) + ("." if reasons else ""),
    )


def _label(told: ApproachAnswer) -> str:
    return f"{told.approach} {NAMES[told.approach]}"


def _optima_table(found: SideBySide) -> Table:
    """Return the plans of every approach at every budget, with intervals."""
    rows: list[tuple[str, ...]] = []
    groups = set()
    for place, C in enumerate(found.flops):
        groups.add(len(rows))
        for told in found.approaches:
            if not told.optima:
                continue
            plan = told.optima[place]
            ends = plan.uncertainty.intervals if plan.uncertainty else {}
            params, tokens, ratio = plan.params, plan.tokens, plan.tokens_per_param
            rows.append(
                (
                    format_flops(C),
                    str(told.approach),
                    UNKNOWN if params is None else format_count(params),
                    _between(ends.get("params")),
                    UNKNOWN if tokens is None else format_count(tokens),
                    _between(ends.get("tokens")),
                    UNKNOWN if ratio is None else format_number(ratio, 3),
                    UNKNOWN if plan.loss is None else f"{plan.loss:.4f}",
                )
            )
    share = format_share(found.level)
    headings = ("FLOPs", "approach", "params", share, "tokens", share, "tokens per param", "loss")
    return Table(headings=headings, rows=tuple(rows), is_text=frozenset(), groups=frozenset(groups))


def _between(ends: tuple[float, float] | None) -> str:
    return f"{format_count(ends[0], 3)}-{format_count(ends[1], 3)}" if ends else ""


def _row(told: ApproachAnswer, place: int, columns: Sequence[str]) -> dict[str, Cell]:
    """Return one line of CSV: an approach at a budget, blank where it says nothing."""
    exponents = told.exponents or (None, None)
    ends = {
        f"{name}_{end}": told.intervals[name][index] if name in told.intervals else None
        for name in ("params_exponent", "tokens_exponent")
        for index, end in enumerate(("low", "high"))
    }
    plan = told.optima[place] if told.optima else None
    law: dict[str, Cell] = {
        "params_exponent": exponents[0],
        "tokens_exponent": exponents[1],
        **ends,
    }
    findings = [*told.findings, *(plan.findings if plan else ())]
    return {
        "approach": told.approach,
        **law,
        **(result_row(plan) if plan else dict.fromkeys(columns)),
        "findings": ";".join(dict.fromkeys(finding.id for finding in findings)),
    }


def _notes(found: SideBySide) -> tuple[Note, ...]:
    """Return every finding once, with the approaches it is of; what is said of the answers comes last."""
    concerned: dict[tuple[str, str], list[int]] = {}
    first: dict[tuple[str, str], Finding] = {}
    for told in found.approaches:
        for finding in told.findings:
            key = (finding.id, finding.message)
            concerned.setdefault(key, []).append(told.approach)
            first.setdefault(key, shortened(finding))
    notes = []
    for key, approaches in concerned.items():
        numbers = ", ".join(map(str, dict.fromkeys(approaches)))
        about = f"approach{'es' if len(set(approaches)) > 1 else ''} {numbers}"
        notes.append(Note(first[key], "" if len(set(approaches)) == len(found.approaches) else about))
    return (*notes, *plan_notes([plan for told in found.approaches for plan in told.optima]))
