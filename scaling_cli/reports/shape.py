"""Shapes as part of a report: models near a plan's N, and the batch and learning rate to start from."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from scaling_cli.laws.hyperparameters import HYPERPARAMETER_LAWS, HyperparameterLaw, Suggestion
from scaling_cli.planning.shape import aspect_ratio
from scaling_cli.planning.shape_plan import ShapedModel, ShapePlan
from scaling_cli.reports.plan import UNKNOWN, plan_notes, show_number
from scaling_cli.reports.report import Cell, Record, Report, Table
from scaling_cli.units import format_count, format_flops

SHAPES_CAPTION = (
    "off is from the plan's params, as its law counts them; the tokens are what the same training FLOPs "
    "leave for the exact ones. Batch, learning rate and --save take the typical shape."
)
TYPICAL_CAPTION = (
    "The typical shape of each plan: off is from its params, as its law counts them; the tokens are what the "
    "same training FLOPs leave for the exact ones. One plan alone shows deeper and wider shapes too."
)
TUNING_CAPTION = "Starting points for a search, by published laws; steps are those that the tokens make."


def with_shapes(report: Report, shaped: Sequence[ShapePlan]) -> Report:
    """Return the report of plans with the shapes of each, in the order of its results."""
    results = report.data["results"]
    assert isinstance(results, list)
    added = [result | shape_dict(one) for result, one in zip(results, shaped, strict=True)]
    for result, one in zip(added, shaped, strict=True):
        result["findings"] = [*result.pop("findings"), *(finding.as_dict() for finding in one.findings)]
    rows = [dict(row) | _row(one) for row, one in zip(report.rows, shaped, strict=True)]
    for row, one in zip(rows, shaped, strict=True):
        known = str(row.pop("findings") or "")
        row["findings"] = ";".join([*filter(None, [known]), *(finding.id for finding in one.findings)])
    notes = plan_notes([replace(one.allocation, findings=one.findings) for one in shaped])
    return Report(
        schema=report.schema,
        data={**report.data, "results": added},
        sections=(*report.sections, *_sections(shaped)),
        rows=rows,
        notes=(*report.notes, *(note for note in notes if note not in report.notes)),
    )


def shape_dict(shaped: ShapePlan) -> dict[str, object]:
    """Return what an entry of ``results`` has more: the typical shape, all of them, and suggestions."""
    return {
        "shape": None if shaped.chosen is None else _model_dict(shaped.chosen),
        "shapes": [_model_dict(model) for model in shaped.models],
        "batch_tokens": shaped.batch_tokens,
        "steps": None if shaped.batch_tokens is None else shaped.steps(shaped.batch_tokens),
        "hyperparameters": [_suggestion_dict(one, shaped) for one in shaped.suggestions],
    }


def _model_dict(model: ShapedModel) -> dict[str, object]:
    """Return a shape, every key of its ``model`` block, its params, and its plan."""
    plan = model.plan
    return {
        "name": model.name,
        **asdict(model.shape),
        "aspect_ratio": aspect_ratio(model.shape),
        "params": model.count.total,
        "non_embedding": model.count.non_embedding,
        "active": model.count.active,
        "law_params": model.params,
        "tokens": plan.tokens,
        "flops": plan.flops,
        "loss": plan.loss,
        "waste": plan.waste,
    }


def _suggestion_dict(one: Suggestion, shaped: ShapePlan) -> dict[str, object]:
    law = one.law
    return {
        "law": law.name,
        "batch_tokens": one.batch_tokens,
        "learning_rate": one.learning_rate,
        "steps": shaped.steps(one.batch_tokens),
        "in_range": one.in_range,
        "counted": dict(one.counted),
        "counts": law.counts,
        "fitted_range": {name: list(ends) for name, ends in law.fitted_range.items()},
        "range_source": law.range_source,
        "source": law.source,
        "confidence": law.confidence,
        "caveat": law.caveat,
    }


def _row(shaped: ShapePlan) -> dict[str, Cell]:
    """Return what a line of CSV has more: the typical shape, its tokens, and every law's suggestion."""
    model = shaped.chosen
    row: dict[str, Cell] = {}
    for name in ("layers", "d_model", "heads", "kv_heads", "head_size", "ffn", "vocabulary", "context"):
        row[f"shape_{name}"] = getattr(model.shape, name) if model else None
    row |= {
        "shape_experts": model.shape.experts if model else None,
        "shape_expert_ffn": model.shape.expert_ffn if model else None,
        "shape_params": model.count.total if model else None,
        "shape_active": model.count.active if model else None,
        "shape_tokens": model.plan.tokens if model else None,
        "shape_loss": model.plan.loss if model else None,
        "batch_tokens": shaped.batch_tokens,
        "steps": None if shaped.batch_tokens is None else shaped.steps(shaped.batch_tokens),
    }
    suggested = {one.law.name: one for one in shaped.suggestions}
    for name in HYPERPARAMETER_LAWS:
        one = suggested.get(name)
        row[f"{name}_batch_tokens"] = one.batch_tokens if one else None
        row[f"{name}_learning_rate"] = one.learning_rate if one else None
        row[f"{name}_in_range"] = None if one is None or one.in_range is None else int(one.in_range)
    return row


def _sections(shaped: Sequence[ShapePlan]) -> list[Table | Record]:
    """Return what a person reads: the shapes of all plans, and below them how to start."""
    built = [one for one in shaped if one.models]
    if not built:
        return []
    several = len(shaped) > 1
    return [
        _style_record(built[0]),
        _shapes_table(built, several=several),
        _tuning_table(built, several=several),
        _sources_record(),
    ]


def _style_record(shaped: ShapePlan) -> Record:
    """Return what all shapes have in common."""
    assert shaped.chosen is not None
    shape = shaped.chosen.shape
    gate = "three matrices (SwiGLU)" if shape.swiglu else "two matrices"
    experts = ""
    if shape.is_moe:
        used = shape.active_experts + shape.shared_experts
        experts = f", {shape.experts + shape.shared_experts} experts, {used} used by a token"
    fields = [
        ("vocabulary", f"{shape.vocabulary:,}, {'one embedding' if shape.tied else 'two embeddings'}"),
        ("feed-forward", f"{gate}{experts}"),
        ("context", f"{shape.context:,}, {shape.positions} positions"),
    ]
    return Record("Models that can be built", tuple(fields))


def _shapes_table(shaped: Sequence[ShapePlan], *, several: bool) -> Table:
    """Return the shapes of one plan, or the typical one of each of several."""
    has_active = any(model.shape.is_moe for one in shaped for model in one.models)
    headings = ["layers", "width", "heads", "ffn", "params"]
    headings += ["active"] if has_active else []
    headings += ["off", "tokens"]
    rows: list[tuple[str, ...]] = []
    for one in shaped:
        for model in one.models:
            cells = _shape_cells(model, one, has_active=has_active)
            if not several:
                loss = show_number(model.plan.loss, lambda loss: f"{loss:.4f}")
                rows.append((model.name, *cells, loss))
            elif model is one.chosen:
                rows.append((*_plan_cells(one), *cells))
    beside = ("law", "FLOPs", *headings) if several else ("shape", *headings, "loss")
    return Table(beside, tuple(rows), caption=TYPICAL_CAPTION if several else SHAPES_CAPTION)


def _plan_cells(shaped: ShapePlan) -> tuple[str, str]:
    plan = shaped.allocation
    return plan.card.name, show_number(plan.flops, format_flops)


def _shape_cells(model: ShapedModel, shaped: ShapePlan, *, has_active: bool) -> list[str]:
    shape, plan = model.shape, model.plan
    asked = shaped.allocation.params
    assert asked is not None
    heads = str(shape.heads) if shape.kv_heads == shape.heads else f"{shape.heads}/{shape.kv_heads}"
    return [
        str(shape.layers),
        str(shape.d_model),
        f"{heads}x{shape.head_size}",
        str(shape.expert_ffn if shape.is_moe else shape.ffn),
        format_count(model.count.total),
        *([format_count(model.count.active)] if has_active else []),
        f"{100 * (model.params / asked - 1):+.1f} %",
        show_number(plan.tokens, format_count),
    ]


def _tuning_table(shaped: Sequence[ShapePlan], *, several: bool) -> Table:
    """Return every law's batch, steps and learning rate, a group of rows for each plan."""
    headings = ("batch and rate of", "batch", "steps", "peak rate", "in its range")
    rows: list[tuple[str, ...]] = []
    groups = set()
    for one in shaped:
        groups |= {len(rows)} if rows else set()
        lines = [_tuning_cells(suggestion, one) for suggestion in one.suggestions]
        if one.batch_tokens is not None:
            steps = one.steps(one.batch_tokens)
            own = format_count(one.batch_tokens), show_number(steps, _whole)
            lines.append(["as given", *own, UNKNOWN, UNKNOWN])
        for index, cells in enumerate(lines):
            whose = ("", "") if index else _plan_cells(one)
            rows.append((*whose, *cells) if several else tuple(cells))
    return Table(
        headings=("law", "FLOPs", *headings) if several else headings,
        rows=tuple(rows),
        is_text=frozenset({0, 2} if several else {0}),
        groups=frozenset(groups),
        caption=TUNING_CAPTION,
    )


def _tuning_cells(one: Suggestion, shaped: ShapePlan) -> list[str]:
    return [
        one.law.name,
        format_count(one.batch_tokens, 3),
        show_number(shaped.steps(one.batch_tokens), _whole),
        format_flops(one.learning_rate, 3),
        {True: "yes", False: "no", None: UNKNOWN}[one.in_range],
    ]


def _sources_record() -> Record:
    """Return where each law of batch and rate was fitted, and where it stands."""
    fields = [
        (law.name, f"{_range_words(law)} ({law.range_source}), {law.counts}; {law.source}, {law.confidence}")
        for law in HYPERPARAMETER_LAWS.values()
    ]
    return Record("Fitted range and source", tuple(fields))


def _range_words(law: HyperparameterLaw) -> str:
    """Return the fitted range in short: 1e17-2e19 FLOPs."""
    words = []
    for name, (low, high) in law.fitted_range.items():
        if name == "flops":
            words.append(f"{format_flops(low, 2)}-{format_flops(high, 2)} FLOPs")
        else:
            words.append(f"{format_count(low, 2)}-{format_count(high, 2)} {name}")
    return ", ".join(words) or UNKNOWN


def _whole(steps: float) -> str:
    return f"{int(steps):,}"
