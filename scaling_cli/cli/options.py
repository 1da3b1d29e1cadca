"""The options that commands share, how their values are read, and what a shell may complete."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from scaling_cli.cli.output import Format
from scaling_cli.errors import ScalingError, UsageError
from scaling_cli.laws.card import LawCard
from scaling_cli.units import parse_fraction

T = TypeVar("T")

DEFAULT_WASTE = "1%"
DEFAULT_INTERVAL = "90%"

_PAIRS = {"--unit": "params=1e6", "--fix": "E=1.69", "--bound": "alpha=0.1:0.6"}
"""What a pair of an option looks like, where it does not name a column."""


def complete_format(incomplete: str) -> list[str]:
    """Complete the name of an output format."""
    return [name for name in Format if name.startswith(incomplete)]


def complete_law(incomplete: str) -> list[tuple[str, str]]:
    """Complete the name of a published law or of a group of them."""
    from scaling_cli.laws.published import GROUPS, PUBLISHED

    names = {name: f"{len(members)} laws" for name, members in GROUPS.items()}
    names |= {name: card.dataset for name, card in PUBLISHED.items()}
    return [(name, help_) for name, help_ in names.items() if name.startswith(incomplete)]


def complete_budget(incomplete: str) -> list[str]:
    """Complete the accelerator in ``64xH100:30d@40%``."""
    from scaling_cli.planning.hardware import ACCELERATORS

    _, times, name = incomplete.partition("x")
    if not times or ":" in name:
        return []
    fitting = [chip.name for chip in ACCELERATORS if chip.name.lower().startswith(name.lower())]
    # what was typed stays as it was typed: a shell drops offers that do not begin with it
    return [f"{incomplete}{chip[len(name) :]}:" for chip in fitting]


def complete_gpu(incomplete: str) -> list[str]:
    """Complete the name of an accelerator."""
    from scaling_cli.planning.hardware import ACCELERATORS

    # what was typed stays as it was typed: a shell drops offers that do not begin with it
    return [
        incomplete + chip.name[len(incomplete) :]
        for chip in ACCELERATORS
        if chip.name.lower().startswith(incomplete.lower())
    ]


Answer = partial(typer.Option, rich_help_panel="The answer")

FormatOption = Annotated[
    Format, Answer("--format", help="How to write the result.", autocompletion=complete_format)
]
OutputOption = Annotated[
    str | None, Answer("--output", metavar="FILE", help="Write the result to a file instead of stdout.")
]
PlotOption = Annotated[
    str | None,
    Answer(
        "--plot", metavar="FILE", help="Draw it as FILE.png, .svg or .pdf as well; - draws in the terminal."
    ),
]
StrictOption = Annotated[bool, Answer("--strict", help="Exit with 1 where the answer carries a warning.")]
WasteOption = Annotated[
    str | None,
    Answer(
        "--waste",
        metavar="SHARE",
        help="What the flat range of params may waste of the compute.",
        show_default=DEFAULT_WASTE,
    ),
]
IntervalOption = Annotated[
    str, Answer("--interval", metavar="LEVEL", help="The level of the intervals of a law that has draws.")
]


def read_option(option: str, parse: Callable[[str], T], text: str) -> T:
    """Return the parsed value of an option; an error names the option."""
    try:
        return parse(text)
    except ScalingError as error:
        raise error.at(option) from None


def read_waste(text: str | None) -> float:
    """Return ``--waste`` as a share strictly between 0 and 1, the default where it was not given."""
    text = DEFAULT_WASTE if text is None else text
    share = read_option("--waste", parse_fraction, text)
    if share >= 1:
        raise UsageError(f"--waste: must lie below 100 %, got {text}", hint="write it like 1%")
    return share


def read_interval(text: str) -> float:
    """Return ``--interval`` as a share strictly between 0 and 1."""
    level = read_option("--interval", parse_fraction, text)
    if level >= 1:
        raise UsageError(f"--interval: must lie below 100 %, got {text}", hint="write it like 90%")
    return level


def read_pairs(option: str, texts: list[str], *, may_be_blank: bool = False) -> dict[str, str]:
    """Return the ``name=value`` pairs of a repeated option."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and (value.strip() or may_be_blank)):
            example = _PAIRS.get(option, "tokens=D")
            raise UsageError(
                f"{option}: {text!r} is not NAME=VALUE", hint=f"write it like {option} {example}"
            )
        if pairs.setdefault(name.strip(), value.strip()) != value.strip():
            raise UsageError(f"{option}: {name.strip()} is given twice", hint="leave one of the two out")
    return pairs


def read_laws(names: list[str], option: str = "--law") -> list[LawCard]:
    """Return the laws called so: published ones, groups of them, and law files; each once.

    An error names ``option``, where the names come from.
    """
    from scaling_cli.laws.published import GROUPS, PUBLISHED, published_laws

    cards: dict[str, LawCard] = {}
    for name in names:
        if name not in PUBLISHED and name not in GROUPS and _is_path(name):
            from scaling_cli.files.law_file import read_law

            cards.setdefault(name, read_law(name))
        else:
            cards |= {card.name: card for card in read_option(option, published_laws, name)}
    return list(cards.values())


def _is_path(name: str) -> bool:
    """Say whether a law's name is that of a file."""
    return "/" in name or name == "-" or name.endswith((".json", ".yaml", ".yml")) or Path(name).is_file()
