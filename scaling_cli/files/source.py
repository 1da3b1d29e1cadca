"""The bytes of a file: read whole from path, gzip or standard input; written so that no reader sees half."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from scaling_cli.errors import InputError, OutputError
from scaling_cli.names import nearest

STDIN_NAME = "<stdin>"

_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NOT_TEXT = {
    b"PK\x03\x04": ("an Excel workbook or a zip archive", "export the sheet as CSV (UTF-8)"),
    b"PAR1": ("a Parquet file", "export it as CSV or JSON lines"),
    b"%PDF": ("a PDF", "export the table as CSV"),
    b"\x28\xb5\x2f\xfd": ("zstandard-compressed", "decompress it first: zstd -d"),
    b"BZh": ("bzip2-compressed", "decompress it first: bunzip2"),
    b"\xfd7zXZ": ("xz-compressed", "decompress it first: unxz"),
}
_SAVE_AS_UTF8 = "save it as UTF-8"


@dataclass(frozen=True, slots=True)
class Source:
    """A text file as read: ``name`` as the user typed it, ``sha256`` of its decompressed bytes."""

    name: str
    text: str
    sha256: str


def read_source(path: str) -> Source:
    """Read a text file whole; ``-`` is standard input, gzip is recognised by its content.

    UTF-8 (with or without byte order mark) and UTF-16 with one are text; anything else, a missing
    file, a folder or one that may not be read raise ``InputError``.
    """
    import hashlib

    name = STDIN_NAME if path == "-" else path or '""'
    content = _decompress(_read_stdin() if path == "-" else _read_bytes(path, name), name)
    return Source(name=name, text=_decode(content, name), sha256=hashlib.sha256(content).hexdigest())


def write_atomically(path: str, content: bytes) -> None:
    """Write a file so that it is either the old one or the whole new one.

    The temporary file lies in the same folder, so that the last step is a rename. Links are followed
    and the permissions of a file that is replaced are kept. Devices, pipes and ``/dev/stdout`` cannot
    be replaced and are written to directly.
    """
    try:
        if _is_stream(path):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as stream:
                stream.write(content)
        else:
            _replace(os.path.realpath(path), content)
    except (OSError, ValueError) as problem:
        raise _output_error(path, problem) from problem


def _read_stdin() -> bytes:
    import sys

    if sys.stdin is None:
        raise InputError(f"{STDIN_NAME}: standard input is closed", hint="name a file instead of -")
    return sys.stdin.buffer.read()


def _read_bytes(path: str, name: str) -> bytes:
    try:
        return Path(path).read_bytes() if path else _refuse_empty_path()
    except FileNotFoundError:
        raise InputError(f"{name}: no such file", hint=_nearest_file(path)) from None
    except (IsADirectoryError, NotADirectoryError) as problem:
        what = "is a folder, not a file" if isinstance(problem, IsADirectoryError) else "no such file"
        raise InputError(f"{name}: {what}", hint="name the file itself") from None
    except PermissionError:
        hint = f"see who may read it: ls -l {path}"
        raise InputError(f"{name}: permission to read it is denied", hint=hint) from None
    except (OSError, ValueError) as problem:
        raise InputError(f"{name}: cannot be read: {_reason(problem)}", hint="check the path") from None


def _refuse_empty_path() -> bytes:
    """Refuse the path that an unset shell variable gives, which ``Path`` would take for this folder."""
    raise FileNotFoundError


def _nearest_file(path: str) -> str:
    folder = Path(path).parent
    try:
        near = nearest(Path(path).name, (entry.name for entry in folder.iterdir() if entry.is_file()))
    except FileNotFoundError:
        return f"there is no folder {folder}"
    except OSError:
        near = None
    return f"did you mean {folder / near}?" if near else "check the path; - reads standard input"


def _decompress(content: bytes, name: str) -> bytes:
    if not content.startswith(_GZIP_MAGIC):
        return content
    import gzip
    import zlib

    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as problem:
        hint = "copy it again, or decompress it with gunzip to see what is left"
        raise InputError(f"{name}: damaged gzip file ({_reason(problem)})", hint=hint) from None


def _decode(content: bytes, name: str) -> str:
    for magic, (kind, hint) in _NOT_TEXT.items():
        if content.startswith(magic):
            raise InputError(f"{name}: not UTF-8 text (it looks like {kind})", hint=hint)
    encoding = "utf-16" if content.startswith(_UTF16_MARKS) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in content:
        # in UTF-16 one byte of each Latin letter or digit is NUL, so one of the first two is
        is_utf16 = (content[:1] == b"\0") != (content[1:2] == b"\0")
        what = "it looks like UTF-16 without a byte order mark" if is_utf16 else "it holds NUL bytes"
        raise InputError(f"{name}: not UTF-8 text ({what})", hint=_SAVE_AS_UTF8)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        what = f"byte 0x{content[problem.start]:02x} on line {line}"
        raise InputError(f"{name}: not UTF-8 text ({what})", hint=_SAVE_AS_UTF8) from None


def _is_stream(path: str) -> bool:
    """Say whether ``path`` is written to in place.

    A redirected ``/dev/stdout`` is a regular file, but one the shell holds open: it is appended to.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100  # Path.resolve would follow the link this asks about
    if absolute in ("/dev/stdout", "/dev/stderr") or absolute.startswith(("/dev/fd/", "/proc/")):
        return True
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replace(target: str, content: bytes) -> None:
    old = Path(target)
    if old.is_dir():
        raise IsADirectoryError
    mode = stat.S_IMODE(old.stat().st_mode) if old.exists() else None
    if mode is not None and not os.access(target, os.W_OK):
        # a rename would replace a read-only file without asking
        raise PermissionError
    temporary = old.parent / f".scaling-{os.urandom(6).hex()}.tmp"
    # made with 0o666 so that the user's umask decides, which tempfile's 0o600 would override
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _output_error(path: str, problem: Exception) -> OutputError:
    folder = Path(path).parent
    if Path(path).is_symlink() and isinstance(problem, FileNotFoundError):
        target = Path(os.path.realpath(path))
        what, hint = f"it is a link into {target.parent}, which is no folder", f"delete the link: rm {path}"
    elif isinstance(problem, IsADirectoryError) or not path:
        what, hint = "it is a folder", "name a file in it"
    elif isinstance(problem, FileNotFoundError):
        what, hint = f"no folder {folder}", f"make it first: mkdir -p {folder}"
    elif isinstance(problem, PermissionError):
        what, hint = "permission denied", "choose a file and folder that you may write to"
    else:
        what, hint = _reason(problem), "choose another place with --output"
    return OutputError(f"{path or repr(path)}: cannot be written: {what}", hint=hint)


def _reason(problem: Exception) -> str:
    """Return what the system says, without the errno and the path that the place already gives."""
    text = (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
    return text[:1].lower() + text[1:]
