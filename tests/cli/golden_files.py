"""What the program prints is held against the files in tests/golden.

After a change that is meant, write them anew and read the difference before it is committed:

    UPDATE_GOLDEN=1 python -m pytest tests/cli/test_*golden.py && git diff tests/golden
"""

import math
import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"
EXTENSIONS = {"table": "txt", "json": "json", "csv": "csv", "markdown": "md"}

LAST_DIGITS = 1e-6
"""The last digits of a fit, a root or a difference quotient depend on the machine's linear algebra."""

_ROUNDING = 1e-12
"""A difference that is zero on one machine is the rounding of its terms on another."""

_REACHED = re.compile(r'\d+(?= of \d+ descents)|(?<="reached": )\d+')
"""So does whether one descent among dozens stalls before the minimum."""

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")


def hold_to_golden(text: str, name: str, *, tolerance: float = 0.0) -> None:
    """Compare a text with its golden file, or write the file where UPDATE_GOLDEN is set."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    text, golden = (_REACHED.sub("#", content) for content in (text, path.read_text()))
    if not tolerance:
        assert text == golden
        return
    assert _NUMBER.sub("#", text) == _NUMBER.sub("#", golden)
    for ours, theirs in zip(_NUMBER.findall(text), _NUMBER.findall(golden), strict=True):
        same = math.isclose(float(ours), float(theirs), rel_tol=tolerance, abs_tol=_ROUNDING)
        assert same, f"{ours} is not {theirs}"


def hold_to_format(text: str, name: str, output_format: str, *, last_digits: float = LAST_DIGITS) -> None:
    """Compare one format of an answer; JSON and CSV hold numbers to their last digits."""
    tolerance = last_digits if output_format in ("json", "csv") else 0.0
    hold_to_golden(text, f"{name}.{EXTENSIONS[output_format]}", tolerance=tolerance)


def hold_to_80_columns(text: str, name: str) -> None:
    """Compare what a terminal of 80 columns gets, no line of which is longer."""
    assert max(map(len, text.splitlines())) <= 80
    hold_to_golden(text, f"{name}-80-columns.txt")
