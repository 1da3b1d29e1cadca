"""Law files: a law, with what is known of it, as JSON or YAML of the schema ``scaling.law/1``."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, get_args

from scaling_cli.errors import InputError, LawError, QuantityError
from scaling_cli.files.columns import LOSS_UNITS
from scaling_cli.files.keys import describe_unknown_key, suggest
from scaling_cli.files.law_draws import compact_json, read_draws, read_residuals
from scaling_cli.files.source import Source, read_source, write_atomically
from scaling_cli.findings import Finding, Severity
from scaling_cli.laws.card import NOT_STATED, LawCard, Range
from scaling_cli.laws.forms import law_from_dict
from scaling_cli.planning.question import QUANTITIES
from scaling_cli.units import parse_positive

SCHEMA = "scaling.law/1"
"""What ``schema`` says in the law files that this version reads and writes."""

_ABOUT = ("source", "params_definition", "loss_unit", "dataset", "confidence", "caveat")
_KEYS = (
    "schema",
    "name",
    "form",
    "parameters",
    *_ABOUT,
    "findings",
    "fitted_range",
    "provenance",
    "draws",
    "residuals",
)
_YAML_SUFFIXES = (".yaml", ".yml")
_MEND = "correct the constants, or save the law again: scaling fit RUNS.csv --save law.json"
_OTHER_SCHEMA = (
    "use the version of scaling that wrote it, or save the law again: scaling fit RUNS.csv --save FILE"
)
_LEAST = '{"schema": "scaling.law/1", "form": "chinchilla", "parameters": {"E": 1.8, "A": 480, ...}}'


def read_law(path: str) -> LawCard:
    """Read a law file, JSON or YAML; ``-`` is standard input. Its name is the path as typed.

    Only schema, form and parameters must be there. Raises ``InputError`` for a file that is damaged, of
    another schema or of the wrong shape, and ``LawError`` for constants that make no law.
    """
    source = read_source(path)
    file = _parse(source)
    data = file.data
    if not isinstance(data, dict):
        file.refuse_value(data, "a law must be a mapping of keys", hint=_least())
    _check_schema(file, data)
    for key in data:
        if key not in _KEYS:
            what, cure = describe_unknown_key(key, _KEYS)
            file.refuse(what, key, hint=cure)
    for key in ("form", "parameters"):
        if data.get(key) is None:
            raise InputError(f"{source.name}: no {key}", hint=_least())
    form, parameters = _read_text(file, "form"), _read_mapping(file, "parameters")
    try:
        law = law_from_dict(form, parameters)
    except LawError as error:
        place = file.place("form" if error.message.startswith("form") else "parameters")
        raise LawError(f"{place}: {error.message}", hint=error.hint or _MEND) from None
    _read_text(file, "name")
    return LawCard(
        name=source.name,
        law=law,
        source=_read_text(file, "source") or "typed by hand",
        params_definition=_read_text(file, "params_definition") or NOT_STATED,
        loss_unit=_read_loss_unit(file),
        dataset=_read_text(file, "dataset"),
        confidence=_read_text(file, "confidence"),
        caveat=_read_text(file, "caveat"),
        findings=_read_findings(file),
        fitted_range=_read_ranges(file),
        provenance=_read_mapping(file, "provenance"),
        draws=read_draws(data, law, file.refuse),
        residuals=read_residuals(data, file.refuse),
    )


def write_law(path: str, card: LawCard) -> None:
    """Write a law file, YAML where the path ends in .yaml or .yml, else JSON; ``read_law`` gives it back.

    Numbers keep every digit. Raises ``OutputError`` where the file cannot be written.
    """
    document = {"schema": SCHEMA, **card.as_dict()}
    # through JSON either way: what is not a number of JSON (NaN, infinities) is nothing a law may hold
    text = compact_json(document)
    if path.lower().endswith(_YAML_SUFFIXES):
        import yaml

        text = yaml.safe_dump(
            json.loads(text), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
        )
    # the name of a file may hold bytes that are no UTF-8
    write_atomically(path, text.encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class _LawFile:
    """A law file as plain data, with its text, so that what is refused is refused with its line."""

    source: Source
    data: Any

    def place(self, *path: str | int) -> str:
        """Return ``law.json:3``, or ``law.json`` where the line cannot be told."""
        from scaling_cli.files.yaml_text import find_lines

        lines = find_lines(self.source.text)
        ends = range(len(path), 0, -1)
        line = next((lines[path[:end]] for end in ends if path[:end] in lines), None)
        return self.source.name if line is None else f"{self.source.name}:{line}"

    def refuse(self, what: str, *path: str | int, hint: str | None = None) -> NoReturn:
        """Raise ``InputError`` at the value that lies at ``path``."""
        raise InputError(f"{self.place(*path)}: {what}", hint=hint)

    def refuse_value(self, value: object, what: str, *path: str | int, hint: str | None = None) -> NoReturn:
        """Raise ``InputError`` at the value that lies at ``path``, showing it."""
        from scaling_cli.files.yaml_text import show_value

        self.refuse(f"{what}, got {show_value(value)}", *path, hint=hint)


def _least() -> str:
    return f"a law needs at least {_LEAST}"


def _parse(source: Source) -> _LawFile:
    """Read JSON or YAML: by the file's suffix, and without one by whether it begins with a brace."""
    name = source.name.lower().removesuffix(".gz")
    if not source.text.strip():
        raise InputError(f"{source.name}: the file is empty", hint=_least())
    is_json = name.endswith(".json") or source.text.lstrip().startswith("{")
    if is_json and not name.endswith(_YAML_SUFFIXES):
        return _LawFile(source, _parse_json(source))
    from scaling_cli.files.yaml_text import parse_yaml

    return _LawFile(source, parse_yaml(source.text, source.name).data)


def _parse_json(source: Source) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        repeated = next((key for key in keys if keys.count(key) > 1), None)
        if repeated is not None:
            raise InputError(f"{source.name}: the key {repeated!r} is given twice", hint="delete one")
        return dict(pairs)

    def finite(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise InputError(f"{source.name}: {text} is not a finite number", hint="write a finite number")
        return number

    try:
        return json.loads(source.text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite)
    except json.JSONDecodeError as problem:
        place, what = f"{source.name}:{problem.lineno}", f"{problem.msg}, column {problem.colno}"
        raise InputError(f"{place}: damaged JSON ({what})", hint="save the law again, or mend it") from None
    except (RecursionError, ValueError):  # nested too deep, or an integer of thousands of digits
        raise InputError(f"{source.name}: damaged JSON", hint="save the law again, or mend it") from None


def _check_schema(file: _LawFile, data: Mapping[str, object]) -> None:
    schema = data.get("schema")
    if schema is None:
        raise InputError(f"{file.source.name}: no schema", hint=f'add "schema": "{SCHEMA}"')
    if schema != SCHEMA:
        is_report = str(schema).startswith("scaling.") and not str(schema).startswith("scaling.law/")
        hint = "that is a report: save a law with scaling fit --save law.json" if is_report else _OTHER_SCHEMA
        file.refuse(f"schema is {schema!r}, this version reads {SCHEMA}", "schema", hint=hint)


def _read_text(file: _LawFile, key: str) -> str:
    value = file.data.get(key)
    if value is not None and not isinstance(value, str):
        file.refuse_value(value, f"{key} must be text", key, hint=f'write "{key}": "..."')
    return value or ""


def _read_loss_unit(file: _LawFile) -> str:
    unit = _read_text(file, "loss_unit") or LOSS_UNITS[0]
    if unit not in LOSS_UNITS:
        what = f"loss_unit must be one of {', '.join(LOSS_UNITS)}, got {unit!r}"
        file.refuse(what, "loss_unit", hint=f'write "loss_unit": "{LOSS_UNITS[0]}", or leave it out')
    return unit


def _read_mapping(file: _LawFile, key: str) -> dict[str, object]:
    value = file.data.get(key)
    if value is not None and not isinstance(value, dict):
        file.refuse_value(
            value, f"{key} must be a mapping of keys", key, hint=f'write "{key}": {{"...": ...}}'
        )
    return value or {}


def _read_findings(file: _LawFile) -> tuple[Finding, ...]:
    entries = file.data.get("findings")
    if entries is not None and not isinstance(entries, list):
        file.refuse_value(entries, "findings must be a list", "findings", hint='write "findings": []')
    return tuple(_read_finding(file, index, entry) for index, entry in enumerate(entries or ()))


def _read_finding(file: _LawFile, index: int, entry: object) -> Finding:
    hint = 'a finding is {"id": "...", "severity": "info", "message": "...", "runs": []}'
    if not isinstance(entry, dict):
        file.refuse_value(entry, "a finding must be a mapping of keys", "findings", index, hint=hint)
    unknown = [key for key in entry if key not in ("id", "severity", "message", "runs")]
    if unknown:
        file.refuse(f"a finding has no key {unknown[0]!r}", "findings", index, unknown[0], hint=hint)
    for key in ("id", "severity", "message"):
        if not isinstance(entry.get(key), str):
            what = f"a finding's {key} must be text"
            file.refuse_value(entry.get(key), what, "findings", index, key, hint=hint)
    severities = get_args(Severity)
    if entry["severity"] not in severities:
        what = f"a finding's severity must be one of {', '.join(severities)}, got {entry['severity']!r}"
        file.refuse(what, "findings", index, "severity", hint=hint)
    runs = entry.get("runs", [])
    if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs):
        file.refuse("a finding's runs must be a list of text", "findings", index, "runs", hint=hint)
    return Finding(entry["id"], entry["severity"], entry["message"], tuple(runs))


def _read_ranges(file: _LawFile) -> dict[str, Range]:
    ranges = _read_mapping(file, "fitted_range")
    return {name: _read_range(file, name, ends) for name, ends in ranges.items()}


def _read_range(file: _LawFile, name: str, ends: object) -> Range:
    if name not in QUANTITIES:
        what = f"fitted_range: no quantity is called {name!r}"
        file.refuse(what, "fitted_range", name, hint=suggest(name, QUANTITIES))
    try:
        low, high = (parse_positive(end) for end in (ends if isinstance(ends, list) else ()))
    except (QuantityError, ValueError):  # not numbers, or not two of them
        low, high = math.inf, 0.0
    if low > high:
        what = f"fitted_range: {name} must be [least, largest], two positive numbers"
        file.refuse(what, "fitted_range", name, hint="write it like [6e18, 3e21]")
    return low, high
