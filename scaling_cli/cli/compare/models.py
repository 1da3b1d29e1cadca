"""``scaling compare models``: known models, and one's own, beside the optimum of their budgets."""

from typing import TYPE_CHECKING, Annotated

import typer

from scaling_cli.cli.options import (
    DEFAULT_INTERVAL,
    FormatOption,
    IntervalOption,
    OutputOption,
    PlotOption,
    StrictOption,
    complete_law,
    read_interval,
    read_laws,
)
from scaling_cli.cli.output import Format, show
from scaling_cli.cli.plot import Plot, check_files
from scaling_cli.errors import ScalingError

if TYPE_CHECKING:
    from scaling_cli.laws.models import Model
    from scaling_cli.planning.compare_models import ModelUnderLaw
    from scaling_cli.reports.pictures.picture import Picture

DEFAULT_LAW = "besiroglu2024"

EPILOG = """Examples:

$ scaling compare models gopher chinchilla "llama 3 8b"

$ scaling compare models --models mine.yaml --law law.json --format json"""


def complete_model(incomplete: str) -> list[str]:
    """Complete the name of a known model, or of a family of them, in one word: ``llama-2-7b``."""
    from scaling_cli.laws.models import MODELS, families

    words = dict.fromkeys(name.lower().replace(" ", "-") for name in (*families(), *MODELS))
    # what was typed stays as it was typed: a shell drops offers that do not begin with it
    start = incomplete.lower()
    return [incomplete + word[len(start) :] for word in words if word.startswith(start)]


ModelsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Known models, a family (llama 2, pythia) or all.",
        show_default="Hoffmann's Table 1, PaLM and the Llamas",
        autocompletion=complete_model,
    ),
]
FileOption = Annotated[
    str | None, typer.Option("--models", metavar="FILE", help="Your own models, from YAML; they come first.")
]
LawOption = Annotated[
    list[str] | None,
    typer.Option(
        "--law",
        metavar="NAME|FILE",
        help="A published law, a law file, all, or chinchilla (four of them); repeat it.",
        show_default=DEFAULT_LAW,
        autocompletion=complete_law,
    ),
]


def models(
    name: ModelsArgument = None,
    file: FileOption = None,
    law: LawOption = None,
    interval: IntervalOption = DEFAULT_INTERVAL,
    output_format: FormatOption = Format.table,
    output: OutputOption = None,
    plot: PlotOption = None,
    strict: StrictOption = False,
) -> None:
    """Compare models with the optimum of their budgets: over- or under-sized, what they waste, what for."""
    check_files(plot, is_table=output_format is Format.table, output=output)
    level = read_interval(interval)
    chosen = _choose(name or [], file)
    cards = read_laws(law or [DEFAULT_LAW])

    from scaling_cli.planning.compare_models import compare_models
    from scaling_cli.reports.compare_models import compare_models_report
    from scaling_cli.reports.progress import progress

    with progress("comparing the models", len(chosen) * len(cards)) as advance:
        found = compare_models(chosen, cards, level=level, progress=advance)
    if len(cards) == 1 and not any(one.could_answer for one in found):
        refusal = next(finding for finding in found[0].findings if finding.severity == "refusal")
        is_of_law = refusal.id == "law-has-no-allocation"
        raise ScalingError(
            f"{found[0].card.name}: {refusal.message}",
            hint=f"--law {DEFAULT_LAW} has both a loss and an allocation"
            if is_of_law
            else "name a model of more params and tokens, or another law",
        )
    drawing = Plot(plot, lambda: _picture(found)) if plot else None
    show(compare_models_report(found, level=level), output_format, output, strict=strict, plot=drawing)


def _picture(found: "tuple[ModelUnderLaw, ...]") -> "Picture":
    """Draw a comparison; here, so that one without a picture imports nothing for it."""
    from scaling_cli.reports.pictures.compare import models_picture

    return models_picture(found)


def _choose(names: list[str], file: str | None) -> "list[Model]":
    """Return the models of the file and those named, each once; the usual ones where nothing is said."""
    from scaling_cli.laws.models import MODELS, SHOWN, find_models

    own: tuple[Model, ...] = ()
    if file is not None:
        from scaling_cli.files.models_file import read_models

        own = read_models(file)
    named = [model for name in names for model in find_models(name, own)]
    if not (own or named):
        return [MODELS[name] for name in SHOWN]
    return list(dict.fromkeys([*own, *named]))
