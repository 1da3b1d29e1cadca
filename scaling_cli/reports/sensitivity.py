"""A sensitivity as a table for people and as the ``sensitivity`` of a fit's JSON."""

from scaling_cli.planning.sensitivity import Sensitivity, Variant
from scaling_cli.planning.uncertainty import Uncertainty
from scaling_cli.reports.backtest import format_change
from scaling_cli.reports.report import Table
from scaling_cli.units import format_count, format_flops, format_number, format_share

UNKNOWN = "-"


def sensitivity_table(found: Sensitivity, sure: Uncertainty | None = None) -> Table:
    """Return a row for each choice; ``sure`` are the intervals at the same target, to compare with."""
    rows = tuple(_cells(found, variant) for variant in found.all)
    choices = [variant.choice for variant in found.all]
    groups = [index for index in range(1, len(choices)) if choices[index] != choices[index - 1]]
    return Table(
        headings=("choice", "setting", "params", "tokens", "tokens per param", "change", "residuals"),
        rows=rows,
        is_text=frozenset({0, 1}),
        groups=frozenset(groups[:1]),
        caption=_caption(found, sure),
    )


def sensitivity_dict(found: Sensitivity) -> list[dict[str, object]]:
    """Return ``sensitivity``: the base, then each choice; null, and a note why, where it has no plan."""
    return [
        {
            "choice": variant.choice,
            "setting": variant.setting,
            "params": variant.params,
            "tokens": variant.tokens,
            "tokens_per_param": variant.tokens_per_param,
            "residual_mad": variant.residual_mad,
            **({"note": variant.note} if variant.note else {}),
        }
        for variant in found.all
    ]


def _cells(found: Sensitivity, variant: Variant) -> tuple[str, ...]:
    params, tokens, ratio = variant.params, variant.tokens, variant.tokens_per_param
    change, spread = found.change(variant), variant.residual_mad
    return (
        variant.choice,
        # the base's settings are wide, and stand in the caption
        "" if variant is found.base else variant.setting,
        UNKNOWN if params is None else format_count(params, 3),
        UNKNOWN if tokens is None else format_count(tokens, 3),
        UNKNOWN if ratio is None else format_number(ratio, 3),
        "" if variant is found.base else UNKNOWN if change is None else format_change(change),
        UNKNOWN if spread is None else format_share(spread),
    )


def _caption(found: Sensitivity, sure: Uncertainty | None) -> str:
    """Say which choice moves the plan most, how far all of them spread it, and what has no plan."""
    budget = format_flops(found.flops)
    parts = [f"Sensitivity at {budget} FLOPs, one choice at a time against {found.base.setting}"]
    most = found.most_moving
    if most is not None:
        change = found.change(most)
        assert change is not None
        parts[0] += f": {most.name} moves params most, {format_change(change)}"
        (low, high), (least, largest) = found.spread["params"], found.spread["tokens_per_param"]
        parts.append(
            f"Over all choices params are {format_count(low, 3)} to {format_count(high, 3)}, tokens per "
            f"param {format_number(least, 3)} to {format_number(largest, 3)}"
        )
    if sure is not None and "params" in sure.intervals:
        low, high = sure.intervals["params"]
        parts.append(
            f"The {format_share(sure.level)} interval of the base, from resampled runs alone, is "
            f"{format_count(low, 3)} to {format_count(high, 3)}"
        )
    parts.append("Residuals: their robust spread, as a share of the loss")
    doubted = [f"{variant.name}: {variant.note}" for variant in found.all if variant.note]
    if doubted:
        parts.append(f"No plan, or a doubtful one: {'; '.join(doubted)}")
    return ". ".join(parts) + "."
