"""The corpus of the tiny study: the Python sources of three wheels, as bytes.

The ``.py`` files of sympy, networkx and torch, in sorted order, each followed by a zero byte; a file whose
content has been seen is left out, so that no file stands in both splits. A file goes to the validation split
where the SHA-256 of its path is divisible by ``VALIDATION_SHARE``, else to the training split. Both splits
are hashed, and the hashes checked: another version of a wheel is another corpus.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import numpy as np

WHEELS = {"networkx": "3.6.1", "sympy": "1.14.0", "torch": "2.13.0"}
"""PyTorch itself pulls in the other two. All are under the 3-clause BSD, parts of torch under others."""

VALIDATION_SHARE = 32
"""One file in this many is kept for validation."""

BUILD_FILES = ("torch/version.py",)
"""Files that name the build of a wheel rather than its version."""

TRAINING_SHA256 = "799cd065318e037214c5c390f88647aad3a88feac1b7ecf84596b2e783438972"
VALIDATION_SHA256 = "53dc7bc095f0b5eb4b57d3f1d3f8dfa35cfc65120ce942cff79acded9458e8ae"


@dataclass(frozen=True, slots=True)
class Corpus:
    """The two splits as arrays of bytes; ``unique_tokens`` of every run is the size of the first."""

    training: Any
    validation: Any


def read_corpus() -> Corpus:
    """Return the corpus from the installed wheels, after checking it; ``SystemExit`` says what is amiss."""
    splits: tuple[list[bytes], list[bytes]] = ([], [])
    seen = set()
    for wheel, version in WHEELS.items():
        for name, content in _sources(wheel, version):
            digest = hashlib.sha256(content).digest()
            if digest in seen:
                continue
            seen.add(digest)
            held = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") % VALIDATION_SHARE == 0
            splits[held].append(content + b"\0")
    training, validation = (b"".join(parts) for parts in splits)
    for what, data, recorded in (
        ("training", training, TRAINING_SHA256),
        ("validation", validation, VALIDATION_SHA256),
    ):
        found = hashlib.sha256(data).hexdigest()
        if found != recorded:
            raise SystemExit(
                f"error: the {what} split has SHA-256 {found}, not {recorded}: "
                "install the wheels of sample_runs/requirements.txt"
            )
    return Corpus(np.frombuffer(training, np.uint8), np.frombuffer(validation, np.uint8))


def _sources(wheel: str, version: str) -> list[tuple[str, bytes]]:
    """Return the path and content of every ``.py`` file of an installed wheel, sorted by path."""
    try:
        found = distribution(wheel)
    except PackageNotFoundError:
        raise SystemExit(f"error: {wheel} is not installed: pip install {wheel}=={version}") from None
    if found.version.split("+")[0] != version:
        raise SystemExit(f"error: {wheel} is {found.version}: pip install {wheel}=={version}")
    names = sorted(str(file) for file in found.files or () if str(file).startswith(f"{wheel}/"))
    return [
        (name, found.locate_file(name).read_bytes())  # type: ignore[attr-defined]
        for name in names
        if name.endswith(".py") and name not in BUILD_FILES
    ]
