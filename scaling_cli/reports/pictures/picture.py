"""What a picture is: panels of series that say what they mean; the renderers decide how that looks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from scaling_cli.findings import Finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Range = tuple[float, float]
Numbers = tuple[float, ...]

Role = Literal[
    "runs",  # what was measured
    "fitted",  # the curve or law fitted to it, where it was measured
    "beyond",  # the same, extrapolated
    "raw",  # the same before its bias was removed
    "interval",  # how sure that is
    "flat",  # choices that cost next to nothing
    "optimum",  # a least loss: of a law, a vertex, an envelope
    "target",  # what was asked for
    "published",  # a law of the literature, beside one's own
    "rejected",  # looked at and left out
    "level",  # a line to read values off: a contour, zero
]
Quantity = Literal["count", "flops", "loss", "percent"]
Side = Literal["left", "right", "above", "below"]

LOSS = "loss (nats per token)"

SHARED = -1.0
"""The shade of a specimen in the legend that stands for many."""

ALWAYS_SAID = ("simulated-runs", "non-embedding-params", "active-params", "loss-unit")
"""Findings without which a picture, passed on alone, would be taken for something else."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A label with its unit, how its numbers are written, and its scale.

    ``low`` and ``high`` frame it, in its own unit; where they are not given it holds all series.
    """

    label: str
    quantity: Quantity
    is_log: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """Single points; ``label`` names them in the legend (empty: nowhere).

    Series of one ``group`` (a law, a run) look alike and unlike other groups; ``shade`` from 0 to 1
    places a series in an order instead (a budget among budgets).
    """

    role: Role
    label: str
    x: Numbers
    y: Numbers
    group: str = ""
    shade: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points in order."""

    role: Role
    label: str
    x: Numbers
    y: Numbers
    group: str = ""
    shade: float | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """What lies between two lines over the same x."""

    role: Role
    label: str
    x: Numbers
    low: Numbers
    high: Numbers
    group: str = ""
    shade: float | None = None

    @property
    def y(self) -> Numbers:
        """All heights, for a frame."""
        return (*self.low, *self.high)


@dataclass(frozen=True, slots=True)
class Mark:
    """One point that matters, with the ends of its intervals where they are known."""

    role: Role
    label: str
    x: Numbers
    y: Numbers
    x_interval: Range | None = None
    y_interval: Range | None = None
    group: str = ""
    shade: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A line right across at one value of x."""

    role: Role
    label: str
    x: Numbers
    y: Numbers = ()
    group: str = ""
    shade: float | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A few words beside a point."""

    text: str
    x: Numbers
    y: Numbers
    side: Side = "right"


Series = Points | Line | Band | Mark | Rule
Drawn = Series | Text


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes; series that come later lie on top."""

    title: str
    x: Axis
    y: Axis
    drawn: tuple[Drawn, ...]

    @property
    def series(self) -> tuple[Series, ...]:
        """All that is drawn but the words."""
        return tuple(one for one in self.drawn if not isinstance(one, Text))

    @property
    def texts(self) -> tuple[Text, ...]:
        """The words."""
        return tuple(one for one in self.drawn if isinstance(one, Text))


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows of panels under one title; ``notes`` say what the panels cannot (what was not drawn, and why).

    The first panel is the main one: a terminal shows it alone.
    """

    title: str
    rows: tuple[tuple[Panel, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, row by row."""
        return tuple(panel for row in self.rows for panel in row)


def numbers(values: "Iterable[float] | NDArray[np.float64]") -> Numbers:
    """Return values, of an array or not, as plain floats."""
    return tuple(float(value) for value in values)


def at(x: float, y: float) -> tuple[Numbers, Numbers]:
    """Return one point as the ``x`` and ``y`` of a mark or a text."""
    return (float(x),), (float(y),)


def log_space(low: float, high: float, count: int) -> Numbers:
    """Return ``count`` values from ``low`` to ``high``, evenly along their logarithms."""
    start, step = math.log(low), math.log(high / low) / (count - 1)
    return (low, *(math.exp(start + step * i) for i in range(1, count - 1)), high)


def spread(count: int, most: int) -> list[int]:
    """Return at most ``most`` indices below ``count``, evenly, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(index * (count - 1) / (most - 1)) for index in range(most)] if most > 1 else [0] * most


def said(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return the notes of a picture: what its findings say that must go wherever it goes."""
    messages = (f"{one.message[:1].upper()}{one.message[1:]}." for one in findings if one.id in ALWAYS_SAID)
    return tuple(dict.fromkeys(messages))


def legend(panels: Sequence[Panel]) -> tuple[Series, ...]:
    """Return the first series of every label, in the order they are drawn.

    What several groups share (an optimum each), or has a shade of its own, is returned without.
    """
    first: dict[str, Series] = {}
    for series in (series for panel in panels for series in panel.series if series.label):
        known = first.setdefault(series.label, series)
        if known.group != series.group or series.shade is not None:
            first[series.label] = replace(known, group="", shade=SHARED)
    return tuple(first.values())


def groups(picture: Picture) -> dict[str, int]:
    """Number the groups in the order they are drawn."""
    named = dict.fromkeys(series.group for panel in picture.panels for series in panel.series if series.group)
    return {group: index for index, group in enumerate(named)}
