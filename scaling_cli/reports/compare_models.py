"""A comparison of models as a report, of the schema ``scaling.compare.models/1``."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from scaling_cli.findings import Finding
from scaling_cli.laws.card import Range
from scaling_cli.planning.compare_models import MEASURES, ModelUnderLaw
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

UNKNOWN = "-"

NAMED = 6
"""Of a finding that concerns more models than this, the first are named and the rest counted."""

ALIKE = ("extrapolates", "published-flops")
"""Findings that differ from model to model by their figures alone."""

AGAINST_OPTIMUM = (
    "FLOPs are 6 N D; size is over or under the optimum of that budget, and waste the share of it that the "
    "optimum would have saved: no verdict on a model made for cheap inference."
)
RIGHT_FOR = (
    "The budget and tokens for which the size would have been optimal, and, for what it was trained on, the "
    "lifetime inference tokens that make it right."
)


def compare_models_report(found: Sequence[ModelUnderLaw], *, level: float) -> Report:
    """Return the report of ``scaling compare models``: one entry and one row per model and law."""
    by_law = [list(rows) for _, rows in groupby(found, key=lambda one: one.card.name)]
    return Report(
        schema="scaling.compare.models/1",
        data={"models": [_model_dict(one, level) for one in found]},
        sections=tuple(
            section for rows in by_law for section in _sections(rows, level, is_last=rows is by_law[-1])
        ),
        rows=[_row(one) for one in found],
        notes=_notes(found),
    )


def _model_dict(one: ModelUnderLaw, level: float) -> dict[str, object]:
    """Return one entry of ``models``: counts, FLOPs, nats per token; unknown is null."""
    model, measures = one.model, one.measures
    entry: dict[str, object] = {
        "model": model.name,
        "law": one.card.name,
        "params": model.params,
        "active_params": model.active_params,
        "tokens": model.tokens,
        "flops": model.flops,
        "flops_published": model.flops_published,
        "optimum": {
            "params": measures.optimum_params,
            "tokens": measures.optimum_tokens,
            "loss": measures.optimum_loss,
        },
        "oversize": measures.oversize,
        "loss": measures.loss,
        "waste": measures.waste,
        "optimal_at": {"flops": measures.optimal_at_flops, "tokens": measures.optimal_at_tokens},
        "break_even_inference_tokens": one.break_even_inference_tokens,
    }
    if one.intervals:
        entry["intervals"] = {"level": level, **{name: _ends(one, name) for name in one.intervals}}
    entry["source"] = model.source
    entry["confidence"] = model.confidence
    entry["findings"] = [finding.as_dict() for finding in one.findings]
    return entry


def _ends(one: ModelUnderLaw, name: str) -> list[float | None]:
    """Return [low, high]; an end of a demand for inference that is none (it would be negative) is null."""
    ends = one.intervals[name]
    return [None if name == "break_even_inference_tokens" and end < 0 else end for end in ends]


def _row(one: ModelUnderLaw) -> dict[str, Cell]:
    """Return one line of CSV, with the same columns for every law."""
    model = one.model
    cells: dict[str, Cell] = {
        "model": model.name,
        "law": one.card.name,
        "params": model.params,
        "active_params": model.active_params,
        "tokens": model.tokens,
        "flops": model.flops,
        "flops_published": model.flops_published,
    }
    cells |= {name: getattr(one.measures, name) for name in MEASURES}
    cells["break_even_inference_tokens"] = one.break_even_inference_tokens
    for name in MEASURES:
        low, high = _ends(one, name) if name in one.intervals else (None, None)
        cells |= {f"{name}_low": low, f"{name}_high": high}
    return cells | {"findings": ";".join(finding.id for finding in one.findings)}


def _sections(rows: Sequence[ModelUnderLaw], level: float, *, is_last: bool) -> tuple[Record | Table, ...]:
    """Return the tables of one law: the models against their optimum, and what their sizes are right for.

    The captions stand below the last law's only.
    """
    card = rows[0].card
    about = (("from", card.source), ("data", card.dataset))
    title = Record(f"Under {card.name}", tuple((label, value) for label, value in about if value))
    note = f" Below each model its {format_share(level)} intervals." if any(r.intervals for r in rows) else ""
    against = Table(
        headings=("model", "params", "tokens", "FLOPs", "optimal params", "size", "loss", "waste"),
        rows=tuple(line for one in rows for line in _against_optimum(one)),
        caption=AGAINST_OPTIMUM + note if is_last else "",
    )
    right = Table(
        headings=(
            "model",
            "params",
            "optimal at FLOPs",
            "optimal tokens",
            "trained on",
            "right for inference",
        ),
        rows=tuple(line for one in rows for line in _right_for(one)),
        caption=RIGHT_FOR if is_last else "",
    )
    return title, against, right


def _against_optimum(one: ModelUnderLaw) -> list[tuple[str, ...]]:
    model, measures = one.model, one.measures
    row = (
        model.name,
        format_count(model.compute_params),
        format_count(model.tokens),
        format_flops(model.flops, 3),
        _show(measures.optimum_params, _count),
        _show(measures.oversize, _factor),
        _show(measures.loss, _loss),
        _show(measures.waste, format_share),
    )
    if not one.intervals:
        return [row]
    shown = (("optimum_params", _count), ("oversize", _factor), ("loss", _loss), ("waste", format_share))
    return [row, ("", "", "", "", *(_between(one, name, write) for name, write in shown))]


def _right_for(one: ModelUnderLaw) -> list[tuple[str, ...]]:
    model, measures = one.model, one.measures
    has_demand = measures.break_even_inference_tokens is not None
    demand = one.break_even_inference_tokens
    row = (
        model.name,
        format_count(model.compute_params),
        _show(measures.optimal_at_flops, lambda C: format_flops(C, 3)),
        _show(measures.optimal_at_tokens, _count),
        format_count(model.tokens),
        "none" if has_demand and demand is None else _show(demand, _count),
    )
    if not one.intervals:
        return [row]
    return [
        row,
        (
            *("", ""),
            _between(one, "optimal_at_flops", lambda C: format_flops(C, 3)),
            _between(one, "optimal_at_tokens", _count),
            "",
            _between(one, "break_even_inference_tokens", lambda D: _count(D) if D >= 0 else "none"),
        ),
    ]


def _notes(found: Sequence[ModelUnderLaw]) -> tuple[Note, ...]:
    """Return every finding once, with the models or the laws it concerns.

    Findings that differ from model to model by their figures alone are told by the first of them.
    """
    concerned: dict[Finding, list[ModelUnderLaw]] = {}
    for one in found:
        for finding in one.findings:
            concerned.setdefault(finding, []).append(one)
    alike: dict[object, list[Finding]] = {}
    for finding, ones in concerned.items():
        key = (finding.id, finding.severity, ones[0].card.name) if finding.id in ALIKE else finding
        alike.setdefault(key, []).append(finding)
    laws, models = ({name(one) for one in found} for name in (_law_name, _model_name))
    notes = []
    for findings in alike.values():
        ones = concerned[findings[0]]
        its_laws, its_models = (list(dict.fromkeys(map(name, ones))) for name in (_law_name, _model_name))
        about = [] if len(its_models) == len(models) else [_some(its_models)]
        about += [] if len(its_laws) == len(laws) else [", ".join(its_laws)]
        others = {one.model.name for finding in findings[1:] for one in concerned[finding]}
        notes.append(Note(_counted(findings[0], len(others)), " under ".join(about)))
    return tuple(notes)


def _counted(finding: Finding, others: int) -> Finding:
    if not others:
        return finding
    more = "1 more model" if others == 1 else f"{others} more models"
    return replace(finding, message=f"{finding.message} (and {more} likewise)")


def _law_name(one: ModelUnderLaw) -> str:
    return one.card.name


def _model_name(one: ModelUnderLaw) -> str:
    return one.model.name


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:NAMED])} and {more} more"


def _between(one: ModelUnderLaw, name: str, write: Callable[[float], str]) -> str:
    ends: Range | None = one.intervals.get(name)
    if ends is None:
        return ""
    low, high = map(write, ends)
    # a unit that both ends have is written once: 3.6x-4.7x over
    number, blank, unit = low.partition(" ")
    if blank and high.endswith(f" {unit}"):
        low = number
    return low if low == high else f"{low}-{high}"


def _count(number: float) -> str:
    return format_count(number, 3)


def _loss(loss: float) -> str:
    return f"{loss:.3f}"


def _factor(oversize: float) -> str:
    """Write N/N_opt as people say it: ``4.21x over``, ``9.48x under``, ``optimal``."""
    if format_number(oversize, 3) == "1":
        return "optimal"
    if oversize >= 1:
        return f"{format_number(oversize, 3)}x over"
    return f"{format_number(1 / oversize, 3)}x under"


def _show(value: float | None, write: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else write(value)
