"""The account of a model as a report: params, FLOPs under each convention, and the model as laws count it."""

from dataclasses import asdict

from scaling_cli.laws.accounting import CONVENTIONS, Convention
from scaling_cli.laws.architecture import Architecture
from scaling_cli.planning.account import Account, LawAccount
from scaling_cli.reports.plan import UNKNOWN, show_number
from scaling_cli.reports.report import Cell, Note, Record, Report, Table
from scaling_cli.units import format_count, format_flops, format_share

FORMULA_CAPTION = (
    "N_total counts every parameter, N those that a token uses, N_layers those of N but the embeddings; L "
    "layers of width d, a = heads x head_size, s the context, V the vocabulary; attn and dense are those of "
    "Hoffmann et al. 2022, App. F. A law holds under the convention that it was fitted with."
)
LAWS_CAPTION = "Each law has its own N, counted from the shape, and C = 6 N D of it."


def account_report(account: Account) -> Report:
    """Return the report of ``scaling optimal`` for a ``model`` block without a plan."""
    sections: list[Table | Record] = [_params_record(account), _flops_table(account)]
    if account.laws:
        sections.append(_laws_table(account))
    return Report(
        schema="scaling.optimal/1",
        data={"results": [], "accounting": account_dict(account)},
        sections=tuple(sections),
        rows=[_row(account, one) for one in CONVENTIONS],
        notes=tuple(Note(finding) for finding in account.findings),
    )


def with_account(report: Report, account: Account) -> Report:
    """Return the report of a plan with the account of a model below it; CSV holds the plan's rows alone."""
    added = account_report(account)
    return Report(
        schema=report.schema,
        data={**report.data, "accounting": added.data["accounting"]},
        sections=(*report.sections, *added.sections),
        rows=report.rows,
        notes=(*report.notes, *added.notes),
    )


def account_dict(account: Account) -> dict[str, object]:
    """Return what JSON holds under ``accounting``; ``flops`` are per token, ``total_flops`` of all tokens."""
    params = account.params
    return {
        "model": asdict(account.shape),
        "params": {
            "total": params.total,
            "non_embedding": params.non_embedding,
            "active": params.active,
            "active_non_embedding": params.active_non_embedding,
            "embedding": params.embedding,
            "output": params.output,
            "position": params.position,
        },
        "flops": account.flops,
        "tokens": account.tokens,
        "total_flops": account.total_flops,
        "budget": account.budget,
        "budget_tokens": account.budget_tokens,
        "laws": [_law_dict(one) for one in account.laws],
        "findings": [finding.as_dict() for finding in account.findings],
    }


def _law_dict(one: LawAccount) -> dict[str, object]:
    return {
        "law": one.card.name,
        "params_definition": one.counts,
        "params": one.params,
        "optimal_tokens": one.optimal_tokens,
        "optimal_flops": one.optimal_flops,
        "flops": one.flops,
        "loss": one.loss,
    }


def _row(account: Account, one: Convention) -> dict[str, Cell]:
    """Return one line of CSV, a convention; the counts of params stand on every line."""
    total, bought = account.total_flops, account.budget_tokens
    return {
        "convention": one.name,
        "formula": one.formula,
        "flops_per_token": account.flops[one.name],
        "tokens": account.tokens,
        "total_flops": total[one.name] if total else None,
        "budget": account.budget,
        "budget_tokens": bought[one.name] if bought else None,
        "params_total": account.params.total,
        "params_non_embedding": account.params.non_embedding,
        "params_active": account.params.active,
        "findings": ";".join(dict.fromkeys(finding.id for finding in account.findings)),
    }


def _params_record(account: Account) -> Record:
    """Return the shape in words, and its parameters."""
    params = account.params
    fields = [
        ("shape", _shape_words(account.shape)),
        ("params", _exact(params.total)),
        ("non-embedding", _share_of(params.non_embedding, params.total)),
    ]
    tables = params.embedding + params.output + params.position
    fields.append(("embeddings", _share_of(tables, params.total)))
    if account.shape.is_moe:
        fields.append(("active", _share_of(params.active, params.total)))
        fields.append(("active, non-embedding", _share_of(params.active_non_embedding, params.total)))
    return Record("Model", tuple(fields))


def _exact(count: int) -> str:
    return f"{format_count(count)} ({count:,})"


def _share_of(count: int, total: int) -> str:
    return f"{_exact(count)}, {format_share(count / total)}"


def _shape_words(shape: Architecture) -> str:
    """Return the shape in one line: 32 layers of 4096, 32 heads of 128, ..."""
    heads = f"{shape.heads} heads of {shape.head_size}"
    if shape.kv_heads != shape.heads:
        heads += f" with {shape.kv_heads} for keys and values"
    gate = " SwiGLU" if shape.swiglu else ""
    width = f"{shape.experts} experts of {shape.expert_ffn}" if shape.is_moe else f"ffn {shape.ffn}"
    words = [f"{shape.layers} layers of {shape.d_model}", heads, width + gate]
    if shape.is_moe:
        words.append(f"{shape.active_experts} active")
    if shape.shared_experts:
        words.append(f"{shape.shared_experts} shared")
    if shape.dense_layers:
        words.append(f"the first {shape.dense_layers} layers dense, ffn {shape.ffn}")
    words += [f"vocabulary {shape.vocabulary}", "tied" if shape.tied else "not tied"]
    return ", ".join([*words, f"context {shape.context}", f"{shape.positions} positions"])


def _flops_table(account: Account) -> Table:
    """Return the FLOPs under each convention; what all of them are compared with is 6ND of what is used."""
    total, bought = account.total_flops, account.budget_tokens
    headings = ["convention", "training FLOPs per token", "FLOPs per token", "of 6ND"]
    headings += ["in total"] if total else []
    headings += [f"tokens for {format_flops(account.budget)}"] if account.budget else []
    base = account.flops["6nd_active"]
    assert base is not None
    rows = []
    for one in CONVENTIONS:
        if one.name == "6nd_active" and not account.shape.is_moe:
            continue
        value = account.flops[one.name]
        cells = [one.label, one.formula, show_number(value, format_flops)]
        cells.append(UNKNOWN if value is None else f"{value / base:.2f}")
        if total:
            cells.append(show_number(total[one.name], format_flops))
        if bought:
            cells.append(show_number(bought[one.name], format_count))
        rows.append(tuple(cells))
    return Table(tuple(headings), tuple(rows), is_text=frozenset({0, 1}), caption=FORMULA_CAPTION)


def _laws_table(account: Account) -> Table:
    """Return the model as each law counts it, with the tokens the law would give it."""
    headings = ["law", "its N", "N counts", "optimal tokens", "optimal FLOPs"]
    headings += ["FLOPs of these tokens", "loss"] if account.tokens else []
    rows = []
    for one in account.laws:
        cells = [
            one.card.name,
            format_count(one.params),
            one.counts.partition(",")[0],
            show_number(one.optimal_tokens, format_count),
            show_number(one.optimal_flops, format_flops),
        ]
        if account.tokens:
            cells.append(show_number(one.flops, format_flops))
            cells.append(show_number(one.loss, lambda loss: f"{loss:.4f}"))
        rows.append(tuple(cells))
    return Table(tuple(headings), tuple(rows), is_text=frozenset({0, 2}), caption=LAWS_CAPTION)
