"""The frontier, twice: params over FLOPs and tokens over FLOPs, with what it rests on and beside others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_cli.laws.law import Allocates, Law
from scaling_cli.planning.allocation import Allocation
from scaling_cli.reports.pictures.picture import (
    Axis,
    Band,
    Drawn,
    Line,
    Mark,
    Numbers,
    Panel,
    Points,
    Range,
    Role,
    at,
    log_space,
    numbers,
)

if TYPE_CHECKING:
    from scaling_cli.runs import Runs

FLOPS = Axis("training FLOPs (6 N D)", "flops", is_log=True)
PARAMS = Axis("params", "count", is_log=True)
TOKENS = Axis("tokens", "count", is_log=True)

STEPS = 49
"""Points along a line: enough for a curve, and a power law needs two."""

ROOM, ROOM_AROUND_ONE = 1.5, 10.0
"""A line goes past the outermost budgets by the one factor, past an only one by the other."""

PUBLISHED_BESIDE = ("kaplan2020", "hoffmann2022-a1", "besiroglu2024")
"""The allocation before Chinchilla, Chinchilla's own, and the corrected one: what a reader compares with."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Params N and tokens D at budgets C, in order: runs, or a frontier."""

    role: Role
    label: str
    flops: Numbers
    params: Numbers
    tokens: Numbers
    group: str = ""


@dataclass(frozen=True, slots=True)
class SizeBand:
    """The ends of an interval of N and of D along budgets C."""

    label: str
    flops: Numbers
    params: tuple[Numbers, Numbers]
    tokens: tuple[Numbers, Numbers]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """N and D at one budget, with the ends of their intervals where they are known."""

    role: Role
    label: str
    flops: float
    params: float
    tokens: float
    params_interval: Range | None = None
    tokens_interval: Range | None = None
    group: str = ""


def frontier_panels(
    *,
    lines: Sequence[Sizes],
    bands: Sequence[SizeBand] = (),
    points: Sequence[Sizes] = (),
    marks: Sequence[Size] = (),
) -> tuple[Panel, Panel]:
    """Return the two panels, of params and of tokens, with the same things in them."""
    params: list[Drawn] = []
    tokens: list[Drawn] = []
    for band in bands:
        params.append(Band("interval", band.label, band.flops, *band.params, group=band.group))
        tokens.append(Band("interval", band.label, band.flops, *band.tokens, group=band.group))
    for kind, several in ((Points, points), (Line, lines)):
        for one in several:
            params.append(kind(one.role, one.label, one.flops, one.params, group=one.group))
            tokens.append(kind(one.role, one.label, one.flops, one.tokens, group=one.group))
    for mark in marks:
        for drawn, value, ends in (
            (params, mark.params, mark.params_interval),
            (tokens, mark.tokens, mark.tokens_interval),
        ):
            place = at(mark.flops, value)
            drawn.append(Mark(mark.role, mark.label, *place, y_interval=ends, group=mark.group))
    return Panel("Frontier: params", FLOPS, PARAMS, tuple(params)), Panel(
        "Frontier: tokens", FLOPS, TOKENS, tuple(tokens)
    )


def run_sizes(runs: "Runs", label: str = "runs") -> Sizes:
    """Return where runs lie."""
    return Sizes("runs", label, numbers(runs.flops_6ND), numbers(runs.params), numbers(runs.tokens))


def law_sizes(law: Allocates, span: Range, role: Role, label: str, group: str = "") -> Sizes:
    """Return the frontier of a law over the budgets of ``span``."""
    flops = log_space(*span, STEPS)
    sizes = [law.optimum(C) for C in flops]
    return Sizes(role, label, flops, numbers(N for N, _ in sizes), numbers(D for _, D in sizes), group)


def fitted_sizes(law: Allocates, span: Range, fitted: Range, name: str) -> tuple[Sizes, ...]:
    """Return a frontier in pieces: where budgets were fitted, and where it goes on without them."""
    return tuple(law_sizes(law, ends, role, label) for role, label, ends in split_span(span, fitted, name))


def split_span(span: Range, fitted: Range, name: str) -> tuple[tuple[Role, str, Range], ...]:
    """Divide ``span`` into what lies within the fitted budgets and what beyond, with role and label."""
    (low, high), (first, last) = fitted, span
    beyond = f"{name}, extrapolated"
    pieces: tuple[tuple[Role, str, Range], ...] = (
        ("fitted", name, (max(low, first), min(high, last))),
        ("beyond", beyond, (first, min(low, last))),
        ("beyond", beyond, (max(high, first), last)),
    )
    return tuple(piece for piece in pieces if piece[2][0] < piece[2][1])


def law_band(draws: Sequence[Law], span: Range, label: str, level: float, group: str = "") -> SizeBand | None:
    """Return the interval of the frontier along ``span``, where the draws of its law divide budgets."""
    from scaling_cli.planning.bands import optimum_bands

    dividing = [draw for draw in draws if isinstance(draw, Allocates)]
    if not dividing:
        return None
    import numpy as np

    flops = log_space(*span, STEPS)
    N, D = optimum_bands(dividing, np.array(flops), level)
    return SizeBand(label, flops, (numbers(N.low), numbers(N.high)), (numbers(D.low), numbers(D.high)), group)


def published_sizes(span: Range, names: Iterable[str] = PUBLISHED_BESIDE) -> tuple[Sizes, ...]:
    """Return the frontiers of published laws over ``span``; a name says where its params leave some out."""
    from scaling_cli.laws.published import published_law

    cards = [published_law(name) for name in names]
    found = []
    for card in cards:
        assert isinstance(card.law, Allocates)
        counts = f" ({card.params_definition})" if card.params_definition == "non-embedding" else ""
        found.append(law_sizes(card.law, span, "published", f"{card.name}{counts}", group=card.name))
    return tuple(found)


def plan_mark(plan: Allocation, role: Role, label: str, group: str = "") -> Size | None:
    """Return where a plan lies, with its intervals; ``None`` where it has no params."""
    if plan.flops is None or plan.params is None or plan.tokens is None:
        return None
    ends = plan.uncertainty.intervals if plan.uncertainty else {}
    return Size(
        role, label, plan.flops, plan.params, plan.tokens, ends.get("params"), ends.get("tokens"), group
    )


def budgets_span(*flops: float) -> Range:
    """Return the budgets a picture spans: those given and a little more, a decade around an only one."""
    room = ROOM_AROUND_ONE if min(flops) == max(flops) else ROOM
    return min(flops) / room, max(flops) * room
