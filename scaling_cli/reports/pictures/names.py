"""Names beside many points: each on a side where it covers neither another name nor another point."""

from collections.abc import Sequence

from scaling_cli.reports.pictures.picture import Axis, Range, Side, Text, at
from scaling_cli.reports.pictures.scale import share

LETTER, HEIGHT, GAP = 0.0105, 0.042, 0.012
"""What a letter, a line and the gap to the point take, as shares of a panel as wide as a page."""

POINT = 0.008
"""Half the size of a point, likewise."""

Box = tuple[float, float, float, float]


def place_names(
    points: Sequence[tuple[str, float, float]],
    axes: tuple[Axis, Axis],
    ends: tuple[Range, Range],
    *,
    beside: Sequence[tuple[float, float]] = (),
    width: float = 1.0,
) -> tuple[Text, ...]:
    """Return the names of points (name, x, y) on sides where they are free; those without one are left out.

    They are placed in the order given: what matters most comes first. Nor do they cover the places (x, y)
    ``beside`` them, as those of lines. ``width`` is that of the panel, as a share of the page.
    """
    places = [(share(axes[0], ends[0], x), share(axes[1], ends[1], y)) for _, x, y in points]
    taken: list[Box] = [(across - POINT, up - POINT, across + POINT, up + POINT) for across, up in places]
    drawn = [(share(axes[0], ends[0], x), share(axes[1], ends[1], y)) for x, y in beside]
    texts = []
    for index, (name, x, y) in enumerate(points):
        others = [box for other, box in enumerate(taken) if other != index]
        for side, box in _boxes(name, *places[index], letter=LETTER / width):
            is_free = not any(_overlap(box, other) for other in others)
            if is_free and _is_inside(box) and not any(_holds(box, place) for place in drawn):
                texts.append(Text(name, *at(x, y), side))
                taken.append(box)
                break
    return tuple(texts)


def _boxes(name: str, across: float, up: float, *, letter: float) -> tuple[tuple[Side, Box], ...]:
    """Return the box that a name takes on each side of its point, the most readable side first."""
    width, half = letter * len(name), HEIGHT / 2
    right = (across + GAP, up - half, across + GAP + width, up + half)
    left = (across - GAP - width, up - half, across - GAP, up + half)
    above = (across - width / 2, up + GAP, across + width / 2, up + GAP + HEIGHT)
    below = (across - width / 2, up - GAP - HEIGHT, across + width / 2, up - GAP)
    return ("right", right), ("left", left), ("above", above), ("below", below)


def _is_inside(box: Box) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= 1 and box[3] <= 1


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _holds(box: Box, place: tuple[float, float]) -> bool:
    return box[0] < place[0] < box[2] and box[1] < place[1] < box[3]
