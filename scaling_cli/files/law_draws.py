"""The draws and residuals in a law file: what makes its answers carry intervals."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from scaling_cli.errors import LawError
from scaling_cli.laws.forms import law_from_dict
from scaling_cli.laws.law import Law

Refuse = Callable[..., NoReturn]
"""Raises at a key of the file: what is wrong, the key, and ``hint=`` the way out."""

HINT = "save the law again, or delete the key: the law then answers without intervals"


def read_draws(data: Mapping[str, Any], law: Law, refuse: Refuse) -> tuple[Law, ...]:
    """Return the laws whose constants ``draws`` lists, one list of equal length for each constant."""
    draws = data.get("draws")
    if draws is None:
        return ()
    names = list(law.parameters)
    if not isinstance(draws, dict) or sorted(draws) != sorted(names):
        refuse(f"draws must hold a list for each of {', '.join(names)}", "draws", hint=HINT)
    columns = [draws[name] for name in names]
    if not all(_is_numbers(column) and len(column) == len(columns[0]) for column in columns):
        refuse("draws must be lists of numbers of the same length", "draws", hint=HINT)
    try:
        return tuple(
            law_from_dict(law.form, dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)
        )
    except LawError as error:
        refuse(f"draws: {error.message.removeprefix('parameters: ')}", "draws", hint=HINT)


def read_residuals(data: Mapping[str, Any], refuse: Refuse) -> tuple[float, ...]:
    """Return the residuals of the fit, log L_predicted - log L."""
    residuals = data.get("residuals")
    if residuals is None:
        return ()
    if not _is_numbers(residuals):
        refuse("residuals must be a list of numbers", "residuals", hint=HINT)
    return tuple(float(value) for value in residuals)


def compact_json(document: Mapping[str, object]) -> str:
    """Return a law file's JSON, a key a line; draws and residuals come last, on one line each."""
    numbers = {key: document[key] for key in ("draws", "residuals") if key in document}
    about = {key: value for key, value in document.items() if key not in numbers}
    text = json.dumps(about, indent=2, allow_nan=False, ensure_ascii=False).removesuffix("\n}")
    lines = [
        f"  {json.dumps(key)}: {json.dumps(value, separators=(',', ':'), allow_nan=False)}"
        for key, value in numbers.items()
    ]
    return ",\n".join([text, *lines]) + "\n}\n"


def _is_numbers(values: object) -> bool:
    return isinstance(values, list) and all(_is_number(value) for value in values)


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer past the largest float
        return False
