"""How roles look on paper: colours that the colour-blind can tell, and shapes for those who print in grey."""

from dataclasses import dataclass

from scaling_cli.reports.pictures.picture import Role

# Okabe and Ito 2008, "Color Universal Design": told apart under every common colour blindness
BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#6E6E6E"
"""Runs, and whatever is context: half-way to black, so that it stays in print."""

Dashes = tuple[float, tuple[float, ...]]
SOLID: Dashes = (0, ())


@dataclass(frozen=True, slots=True)
class Look:
    """A colour, a width in points, dashes (in widths), and a marker with its size in points."""

    color: str
    width: float = 1.5
    dashes: Dashes = SOLID
    marker: str = "o"
    size: float = 4.0
    is_filled: bool = False
    order: float = 2.0
    """What is higher lies on top."""


ROLES: dict[Role, Look] = {
    "interval": Look(BLUE, order=1.0, width=0.9),
    "level": Look(GREY, width=0.6, order=1.2),
    "published": Look(ORANGE, width=1.2, order=1.6),
    "flat": Look(BLUE, width=4.5, order=1.8),
    "fitted": Look(BLUE, size=3.0, is_filled=True, order=2.3),
    "beyond": Look(BLUE, dashes=(0, (4, 2)), order=2.3),
    "raw": Look(BLACK, width=1.0, dashes=(0, (2, 1.5)), order=2.1),
    "runs": Look(GREY, width=1.0, size=3.2, order=2.2),
    "rejected": Look(GREY, width=0.9, dashes=(0, (1, 2)), marker="x", size=4.5, order=2.4),
    "optimum": Look(BLUE, marker="D", size=4.5, is_filled=True, order=3.0),
    "target": Look(VERMILLION, marker="*", size=9.0, is_filled=True, order=3.2),
}

GROUPS: tuple[tuple[str, Dashes, str], ...] = (
    (BLUE, SOLID, "D"),
    (VERMILLION, (0, (5, 2)), "s"),
    (GREEN, (0, (5, 1.5, 1, 1.5)), "^"),
    (PURPLE, (0, (1, 1.2)), "v"),
    (ORANGE, (0, (7, 1.5, 1, 1.5, 1, 1.5)), "P"),
    (SKY, (0, (2.5, 1.2)), "X"),
    (BLACK, (0, (8, 2)), "o"),
)
"""Groups, in the order they are drawn: colour, dashes and marker all differ."""

PUBLISHED = tuple(one for one in GROUPS if one[0] not in (BLUE, VERMILLION))
"""What lies beside a law of one's own keeps clear of its colour and of the target's."""

SHADES = "viridis"
"""A map whose lightness rises evenly, so that an order is one in grey too (van der Walt, Smith 2015)."""

LIGHTEST = 0.82
"""Beyond this share of the map its yellow is lost on white paper."""
