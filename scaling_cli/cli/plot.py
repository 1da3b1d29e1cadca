"""``--plot``: what it may be, checked before any work; and the picture that goes there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_cli.errors import UsageError

if TYPE_CHECKING:
    from scaling_cli.reports.pictures.picture import Picture

TERMINAL = "-"


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture to come, and the file it goes to; ``-`` draws it as text on stdout."""

    path: str
    picture: "Callable[[], Picture | None]"

    @property
    def is_text(self) -> bool:
        """Whether it is drawn in the terminal."""
        return self.path == TERMINAL

    def image(self) -> bytes | None:
        """Return the bytes of its file; ``None`` where there is nothing to draw."""
        from scaling_cli.reports.pictures.matplotlib_renderer import to_image

        picture = self.picture()
        return None if picture is None else to_image(picture, _suffix(self.path))

    def text(self, *, width: int | None, color: bool, encoding: str) -> str:
        """Return it as text, ASCII where ``encoding`` has no more; empty where nothing can be drawn."""
        from scaling_cli.reports.pictures.text_renderer import LETTERS_USED, to_text

        try:
            LETTERS_USED.encode(encoding)
        except (UnicodeEncodeError, LookupError):
            unicode = False
        else:
            unicode = True
        picture = self.picture()
        return to_text(picture, width=width, color=color, unicode=unicode) if picture else ""


def check_files(
    plot: str | None, *, is_table: bool, output: str | None = None, save: str | None = None
) -> None:
    """Refuse, before any work, files that could not all be written.

    Raises ``UsageError`` for two options that would write one file, for a ``--plot`` that is no png, svg or
    pdf and for text between JSON or CSV, and ``OutputError`` where matplotlib is not installed.
    """
    _refuse_same_file({"--save": save, "--output": output, "--plot": plot})
    _check_plot(plot, is_table=is_table, output=output)


def _check_plot(plot: str | None, *, is_table: bool, output: str | None) -> None:
    if plot is None:
        return
    if plot == TERMINAL:
        if not is_table and output in (None, TERMINAL):
            raise UsageError(
                "--plot - and the result would share stdout",
                hint="write the result to a file with --output FILE, or the picture with --plot FILE.svg",
            )
        return
    from scaling_cli.reports.pictures.matplotlib_renderer import FORMATS, require_matplotlib

    if _suffix(plot) not in FORMATS:
        endings = ", ".join(f".{name}" for name in FORMATS)
        raise UsageError(
            f"--plot: {plot or repr(plot)} ends in none of {endings}",
            hint="name it like frontier.svg; --plot - draws in the terminal",
        )
    require_matplotlib(plot)


def _refuse_same_file(files: Mapping[str, str | None]) -> None:
    """``files`` are by option; None and ``-`` are none."""
    seen: dict[Path, str] = {}
    for option, file in files.items():
        if not file or file == TERMINAL:
            continue
        first = seen.setdefault(Path(file).absolute(), option)
        if first != option:
            raise UsageError(f"{first} and {option} are the same file, {file}", hint="give each its own")


def _suffix(path: str) -> str:
    return Path(path).suffix.removeprefix(".").lower()
