"""A picture as the bytes of a png, svg or pdf file, by matplotlib; the same picture gives the same bytes."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from scaling_cli.errors import OutputError
from scaling_cli.reports.pictures.look import GROUPS, LIGHTEST, PUBLISHED, ROLES, SHADES, Look
from scaling_cli.reports.pictures.picture import (
    SHARED,
    Band,
    Line,
    Mark,
    Panel,
    Picture,
    Rule,
    Series,
    Text,
    groups,
    legend,
)
from scaling_cli.reports.pictures.scale import frame, ticks

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")

WIDTH = {1: 5.0, 2: 7.2}
"""Inches, by the panels of the widest row: a paper's column and a half, and its whole text."""
MANY_TEXTS = 9
"""With more words than that a single panel is as wide as two."""
ROW_HEIGHT = {1: 3.5, 2: 2.9}
"""Inches, by the panels of the row."""
DPI = 200

TITLE = 0.3
LEGEND_ROW = 0.17
LEGEND_GAP = 0.06
NOTE_ROW = 0.14
"""Inches that the title, a row of the legend, the gap below it and a note take."""
LEGEND_SPECIMEN = 0.5
LETTER, NOTE_LETTER, TITLE_LETTER = 0.06, 0.054, 0.085
"""Inches that a specimen of the legend takes with the gaps around it, and a letter of each size."""

MOST_TICKS = 7
NOTE_SIZE = 7.0
NOTE_COLOR = "#444444"

SETTINGS: Mapping[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same letters on every machine
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "text.parse_math": False,  # a run or a file may be named $x$
    "svg.fonttype": "none",  # words stay words, to be found and edited
    "svg.hashsalt": "scaling",  # ids that are the same every time
    "pdf.fonttype": 42,  # TrueType, which journals ask for
}

_DATELESS: Mapping[str, Mapping[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

_OFFSETS = {
    "left": ((-4, 0), "right", "center"),
    "right": ((4, 0), "left", "center"),
    "above": ((0, 4), "center", "bottom"),
    "below": ((0, -4), "center", "top"),
}


def require_matplotlib(path: str) -> None:
    """Raise ``OutputError`` where matplotlib is not installed; takes no time."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise OutputError(
            f"{path}: cannot be drawn: matplotlib is not installed",
            hint="pip install 'scaling-cli[plots]'; --plot - draws in the terminal without it",
        )


def to_image(picture: Picture, suffix: str) -> bytes:
    """Return a picture as the bytes of a file; ``suffix`` is one of ``FORMATS``."""
    import warnings

    import matplotlib

    content = io.BytesIO()
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box, and that is all
        matplotlib.rcdefaults()  # not the user's: a picture looks the same everywhere
        matplotlib.rcParams.update(SETTINGS)
        figure = _figure(picture)
        figure.savefig(content, format=suffix, dpi=DPI, metadata=_DATELESS[suffix])
    return content.getvalue()


def _figure(picture: Picture) -> "Figure":
    """Lay the rows of panels out, the title above and the legend and the notes below them all."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    widest = max(len(row) for row in picture.rows)
    crowded = any(len(panel.texts) > MANY_TEXTS for panel in picture.panels)
    width = WIDTH[2] if crowded else WIDTH[widest]
    numbered, shown = groups(picture), legend(picture.panels)
    notes = [line for note in picture.notes for line in textwrap.wrap(note, int(width / NOTE_LETTER))]
    title = textwrap.fill(picture.title, int(width / TITLE_LETTER))
    above = TITLE * (1 + title.count("\n"))
    columns = legend_columns([one.label for one in shown], width)
    legend_height = LEGEND_ROW * -(-len(shown) // columns) + LEGEND_GAP
    below = legend_height + NOTE_ROW * len(notes)
    heights = [ROW_HEIGHT[len(row)] for row in picture.rows]
    height = above + sum(heights) + LEGEND_GAP + below
    figure = Figure(figsize=(width, height))
    rect = (0, (below + LEGEND_GAP) / height, 1, 1 - (below + LEGEND_GAP + above) / height)
    figure.set_layout_engine(ConstrainedLayoutEngine(h_pad=0.05, w_pad=0.05, rect=rect))
    grid = figure.add_gridspec(len(heights), widest, height_ratios=heights)
    for index, row in enumerate(picture.rows):
        span = widest // len(row)
        for column, panel in enumerate(row):
            axes = figure.add_subplot(grid[index, column * span : (column + 1) * span])
            _draw_panel(axes, panel, numbered, most=MOST_TICKS * span)
    left = 0.08 / width
    figure.text(left, 1 - 0.08 / height, title, va="top", fontsize=9.5, fontweight="bold")
    figure.legend(
        handles=[_handle(one, _look(one, numbered)) for one in shown],
        labels=[one.label for one in shown],
        loc="upper left",
        bbox_to_anchor=(left, below / height),
        borderaxespad=0,
        borderpad=0,
        ncols=columns,
    )
    for index, note in enumerate(notes):
        place = (0.05 + NOTE_ROW * (len(notes) - 1 - index)) / height
        figure.text(left, place, note, va="bottom", fontsize=NOTE_SIZE, color=NOTE_COLOR)
    return figure


def legend_columns(labels: Sequence[str], width: float) -> int:
    """Return into how many columns, at most four, labels fit side by side in ``width`` inches."""
    for columns in range(min(4, len(labels)), 1, -1):
        rows, longer = divmod(len(labels), columns)  # the first columns hold one label more
        ends = [rows * (index + 1) + min(index + 1, longer) for index in range(columns)]
        longest = [max(map(len, labels[start:end])) for start, end in pairwise([0, *ends])]
        if sum(LEGEND_SPECIMEN + LETTER * length for length in longest) <= width:
            return columns
    return 1


def _draw_panel(axes: "Axes", panel: Panel, numbered: Mapping[str, int], *, most: int) -> None:
    """Draw one panel into its axes, ticks and limits as every renderer has them."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    x_ends, y_ends = frame(panel)
    axes.set_title(panel.title)
    for axis, ends, drawn, count in (
        (panel.x, x_ends, axes.xaxis, most),
        (panel.y, y_ends, axes.yaxis, MOST_TICKS),
    ):
        if axis.is_log:
            (axes.set_xscale if drawn is axes.xaxis else axes.set_yscale)("log")
        placed = ticks(axis, ends, count)
        drawn.set_major_locator(FixedLocator([value for value, _ in placed]))
        drawn.set_major_formatter(FixedFormatter([text for _, text in placed]))
        drawn.set_minor_locator(NullLocator())
        drawn.set_label_text(axis.label)
    axes.grid(color="#E4E4E4", linewidth=0.5)
    axes.set_axisbelow(True)
    for series in panel.series:
        _draw(axes, series, _look(series, numbered))
    for text in panel.texts:
        _write(axes, text)
    axes.set_xlim(*x_ends)
    axes.set_ylim(*y_ends)


def _look(series: Series, numbered: Mapping[str, int]) -> Look:
    """Return how a series looks: as its role does, in the manner of its group or the shade of its place."""
    look = ROLES[series.role]
    if series.shade == SHARED:
        return replace(look, color=ROLES["runs"].color)
    if series.shade is not None:
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        return replace(look, color=to_hex(colormaps[SHADES](LIGHTEST * series.shade)))
    if series.group:
        palette = PUBLISHED if series.role == "published" else GROUPS
        color, dashes, marker = palette[numbered[series.group] % len(palette)]
        is_line = series.role in ("fitted", "published")
        return replace(
            look,
            color=color,
            dashes=dashes if is_line else look.dashes,
            marker=marker if series.role == "optimum" else look.marker,
        )
    return look


def _draw(axes: "Axes", series: Series, look: Look) -> None:
    """Draw one series."""
    order = look.order
    if isinstance(series, Band):
        axes.fill_between(
            series.x, series.low, series.high, color=look.color, alpha=0.2, linewidth=0, zorder=order
        )
    elif isinstance(series, Line):
        axes.plot(series.x, series.y, **_line(look, series), zorder=order)
    elif isinstance(series, Rule):
        axes.axvline(series.x[0], **_line(look, series), zorder=order)
    else:
        if isinstance(series, Mark):
            _draw_intervals(axes, series, look)
        axes.plot(series.x, series.y, linestyle="none", **_marker(look), zorder=order)


def _draw_intervals(axes: "Axes", mark: Mark, look: Look) -> None:
    """Draw the bars of a mark, with caps at the ends of its intervals."""
    style: dict[str, Any] = {
        "fmt": "none",
        "ecolor": look.color,
        "elinewidth": 1.1,
        "capsize": 2.5,
        "capthick": 1.1,
        "zorder": look.order - 0.1,
    }
    for name, ends, centre in (("xerr", mark.x_interval, mark.x[0]), ("yerr", mark.y_interval, mark.y[0])):
        if ends:
            # an interval of a skewed answer may end before the answer itself
            bars: dict[str, Any] = {name: [[max(0.0, centre - ends[0])], [max(0.0, ends[1] - centre)]]}
            axes.errorbar(mark.x, mark.y, **style, **bars)


def _line(look: Look, series: Series) -> dict[str, Any]:
    # what is wide lies behind a line of the same colour, and lets it through
    alpha = 0.35 if series.role == "flat" else 1.0
    return {
        "color": look.color,
        "linewidth": look.width,
        "linestyle": look.dashes,
        "alpha": alpha,
        "solid_capstyle": "butt",
    }


def _marker(look: Look) -> dict[str, Any]:
    is_stroke = look.marker in "x+"
    return {
        "marker": look.marker,
        "markersize": look.size,
        "markerfacecolor": look.color if look.is_filled else "none",
        "markeredgecolor": "black" if look.is_filled and not is_stroke else look.color,
        "markeredgewidth": 0.6 if look.is_filled else 0.8,
    }


def _handle(series: Series, look: Look) -> "Artist":
    """Return the legend's specimen of a series."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if isinstance(series, Band):
        return Patch(facecolor=look.color, alpha=0.2, linewidth=0)
    if isinstance(series, Line | Rule):
        return Line2D([], [], **_line(look, series))
    return Line2D([], [], linestyle="none", **_marker(look))


def _write(axes: "Axes", text: Text) -> None:
    """Write a few words beside their point, on a white ground that lets nothing through."""
    offset, horizontal, vertical = _OFFSETS[text.side]
    axes.annotate(
        text.text,
        (text.x[0], text.y[0]),
        xytext=offset,
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        fontsize=7,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.75, "linewidth": 0},
        zorder=4,
    )
