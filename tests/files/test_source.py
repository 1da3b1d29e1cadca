"""Reading a file's text and writing a file whole."""

import gzip
import hashlib
import io
import os
import stat
import sys
from pathlib import Path

import pytest

from scaling_cli.errors import InputError, OutputError
from scaling_cli.files.source import read_source, write_atomically

TEXT = "params,tokens,loss\n1e9,2e10,2.9\n"


def test_a_file_is_read_with_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(TEXT.encode())
    source = read_source(str(path))
    assert (source.name, source.text) == (str(path), TEXT)
    assert source.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_with_a_byte_order_mark_reads_the_same(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes((TEXT + "α\n").encode(encoding))
    assert read_source(str(path)).text == TEXT + "α\n"


def test_gzip_is_recognised_by_content_and_hashed_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(gzip.compress(TEXT.encode()))
    source = read_source(str(path))
    assert source.text == TEXT
    assert source.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode() * 50)[:-12])
    with pytest.raises(InputError, match="damaged gzip file"):
        read_source(str(path))


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    source = read_source("-")
    assert (source.name, source.text) == ("<stdin>", TEXT)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("1e9,µ\n".encode("latin-1"), "byte 0xb5 on line 1"),
        ("µ,1\n".encode("utf-16-le"), "it looks like UTF-16 without a byte order mark"),
        (TEXT.encode("utf-16-le"), "it looks like UTF-16 without a byte order mark"),
        (b"PK\x03\x04rest", "it looks like an Excel workbook or a zip archive"),
        (b"\x7fELF\0\0", "it holds NUL bytes"),
        (b"PAR1rest", "it looks like a Parquet file"),
    ],
)
def test_what_is_not_text_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_source(str(path))
    assert caught.value.message == f"{path}: not UTF-8 text ({what})"
    assert caught.value.hint


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "my_runs.csv").write_text(TEXT)
    with pytest.raises(InputError) as caught:
        read_source(str(tmp_path / "my-runs.csv"))
    assert caught.value.message == f"{tmp_path / 'my-runs.csv'}: no such file"
    assert caught.value.hint == f"did you mean {tmp_path / 'my_runs.csv'}?"


def test_a_file_in_a_missing_folder_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        read_source(str(tmp_path / "nowhere" / "runs.csv"))
    assert caught.value.hint == f"there is no folder {tmp_path / 'nowhere'}"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, not a file"):
        read_source(str(tmp_path))


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_an_impossible_path_is_an_input_error(path: str) -> None:
    with pytest.raises(InputError):
        read_source(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(TEXT)
    path.chmod(0)
    with pytest.raises(InputError, match="permission to read it is denied"):
        read_source(str(path))


def test_a_written_file_holds_the_content_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    write_atomically(str(target), b"{}\n")
    assert target.read_bytes() == b"{}\n"
    assert list(tmp_path.iterdir()) == [target]


def test_a_new_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomically(str(tmp_path / "out.json"), b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out.json").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    target.chmod(0o600)
    write_atomically(str(target), b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "out.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(str(link), b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_devices_are_written_to_and_not_replaced() -> None:
    write_atomically(os.devnull, b"gone")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_pipe_is_written_to() -> None:
    reading, writing = os.pipe()
    write_atomically(f"/dev/fd/{writing}", b"through")
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert stream.read() == b"through"


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError) as caught:
        write_atomically(str(target), b"new")
    assert caught.value.message == f"{target}: cannot be written: no space left on device"
    assert caught.value.hint
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_named_with_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        write_atomically(str(tmp_path / "no" / "out.json"), b"")
    assert caught.value.hint == f"make it first: mkdir -p {tmp_path / 'no'}"


def test_a_folder_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: it is a folder"):
        write_atomically(str(tmp_path), b"")


def test_a_link_to_nowhere_is_named_as_one(tmp_path: Path) -> None:
    link = tmp_path / "out.json"
    link.symlink_to(tmp_path / "no" / "out.json")
    with pytest.raises(OutputError) as caught:
        write_atomically(str(link), b"")
    assert caught.value.message.endswith(f"it is a link into {tmp_path / 'no'}, which is no folder")
    assert caught.value.hint == f"delete the link: rm {link}"
