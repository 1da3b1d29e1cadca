"""YAML as plain data that knows the line of every key, and what a model has against it, line by line."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from scaling_cli.errors import InputError
from scaling_cli.files.keys import describe_unknown_key
from scaling_cli.names import nearest

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

KeyPath = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists, ``("fit", "delta")``."""

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_EXPECTED = {
    "string_type": ("text (a number or yes/no needs quotes)", "put it in quotes"),
    "bool_type": ("true or false", "write {key} true"),
    "list_type": ("a list", "write {key} [ONE, ANOTHER]"),
    "dict_type": ("a mapping of keys", "write {key} {{KEY: VALUE}}"),
    "model_type": ("a mapping of keys", "write {key} {{KEY: VALUE}}"),
}


@dataclass(frozen=True, slots=True)
class YamlText:
    """A YAML file as plain data: ``name`` as the user typed it, ``lines`` the line of every key and item."""

    name: str
    data: object
    lines: Mapping[KeyPath, int]

    def place(self, path: Sequence[str | int]) -> str:
        """Return ``exp.yaml:3``, the line of the value at ``path`` or of what it would stand in."""
        return f"{self.name}:{_line(self.lines, path)}" if path else self.name


def parse_yaml(text: str, name: str) -> YamlText:
    """Read one YAML document of mappings, lists and scalars; every key is text.

    Numbers that YAML writes in its own ways (``1:30``, ``0x10``, ``.inf``) stay text. Broken YAML, a key
    given twice, an alias and a tag raise ``InputError`` with the line.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        builder = _Builder(loader, name)
        data = None if node is None else builder.build(node, ())
    except RecursionError:
        raise InputError(f"{name}: not YAML that can be read: nested too deep") from None
    except yaml.reader.ReaderError as problem:
        # its position counts characters, as it is text that is read and not bytes
        line = text.count("\n", 0, problem.position) + 1
        what = f"the control character {text[problem.position]!r}"
        raise InputError(f"{name}:{line}: not YAML: {what}", hint="delete it") from None
    except yaml.MarkedYAMLError as problem:
        raise _syntax_error(problem, name) from None
    return YamlText(name=name, data=data, lines=builder.lines)


def find_lines(text: str) -> Mapping[KeyPath, int]:
    """Return the line of every key of a JSON text, which is YAML but for its oddest corners.

    Where it is not, there are no lines to tell: a place is then the file's name alone.
    """
    try:
        return parse_yaml(text, "").lines
    except InputError:
        return {}


def _quoted(expected: str) -> list[str]:
    """Return the words of ``'one', 'two' or 'three'``."""
    return str(expected).split("'")[1::2]


def explain(
    error: "ValidationError",
    text: YamlText,
    keys: Mapping[KeyPath, Sequence[str]],
    examples: Mapping[str, str] | None = None,
) -> InputError:
    """Return one error that lists everything a model refused, a line each, each with file and line.

    ``keys`` holds the keys that each mapping may have, from which an unknown key gets its nearest, and
    ``examples`` a value for each key that must be there (``FILE`` where there is none).
    """
    problems = sorted(error.errors(), key=lambda problem: _line(text.lines, problem["loc"]))
    described = [_describe(problem, text, keys, examples or {}) for problem in problems]
    if len(described) == 1:
        what, cure = described[0]
        return InputError(what, hint=cure)
    # one hint could not say which line it mends
    return InputError("\n".join(what if cure is None else f"{what} ({cure})" for what, cure in described))


class _Builder:
    """Makes plain data out of YAML nodes, noting the line of each."""

    def __init__(self, loader: yaml.SafeLoader, name: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._loader = loader
        self._name = name
        self._seen: set[int] = set()

    def build(self, node: yaml.Node, path: KeyPath) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._seen:
            # an alias may hold itself, or a billion laughs
            raise self._error(node, "an alias (*) cannot be used here", "write the value out")
        self._seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in _COLLECTIONS:
            raise self._error(node, f"the tag {node.tag!r} cannot be used here", "delete the tag")
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _mapping(self, node: yaml.Node, path: KeyPath) -> dict[str, object]:
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key must be text", "quote what contains [ or {")
            key = str(key_node.value)
            if key in data:
                first = self.lines[(*path, key)]
                what = f"the key {key!r} is given twice, first on line {first}"
                raise self._error(key_node, what, "delete one")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            data[key] = self.build(value_node, (*path, key))
        return data

    def _scalar(self, node: yaml.ScalarNode) -> object:
        if node.tag in _NUMBERS:
            return _number(str(node.value))
        if node.tag == "tag:yaml.org,2002:timestamp":
            return str(node.value)
        value: object = self._loader.construct_object(node)
        if isinstance(value, bytes):
            raise self._error(node, f"the tag {node.tag!r} cannot be used here", "delete the tag")
        return value

    def _error(self, node: yaml.Node, what: str, hint: str) -> InputError:
        return InputError(f"{self._name}:{node.start_mark.line + 1}: {what}", hint=hint)


def _number(text: str) -> int | float | str:
    """Return a number as Python reads it too, else the text: 1:30 is 90 to YAML, and a sweep to nobody."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _line(lines: Mapping[KeyPath, int], path: Sequence[str | int]) -> int:
    """Return the line of the longest part of ``path`` that stands in the file."""
    whole = tuple(path)
    return next((lines[whole[:end]] for end in range(len(whole), -1, -1) if whole[:end] in lines), 1)


def _syntax_error(problem: yaml.MarkedYAMLError, name: str) -> InputError:
    mark = problem.problem_mark or problem.context_mark
    place = name if mark is None else f"{name}:{mark.line + 1}"
    what = " ".join((problem.problem or problem.context or "it cannot be read").split())
    hint = "indent with spaces, and put one between a key's colon and its value"
    if "another document" in what:
        what, hint = "found another document", "keep one: delete from --- on"
    elif "constructor" in what:
        what, hint = what.replace("could not determine a constructor for", "no meaning for"), "delete the tag"
    return InputError(f"{place}: not YAML: {what}", hint=hint)


def _describe(
    problem: "ErrorDetails",
    text: YamlText,
    keys: Mapping[KeyPath, Sequence[str]],
    examples: Mapping[str, str],
) -> tuple[str, str | None]:
    """Return what a model refused, with its line, and the way out."""
    path, kind = problem["loc"], problem["type"]
    place = text.place(path)
    label = _label(path)
    if kind == "missing":
        key = str(path[-1])
        return f"{text.place(path[:-1])}: no key {label!r}", f"add a line {key}: {examples.get(key, 'FILE')}"
    if kind == "extra_forbidden":
        what, cure = describe_unknown_key(str(path[-1]), keys.get(path[:-1], ()))
        return f"{place}: {what}", cure
    if kind == "literal_error":
        expected = problem["ctx"]["expected"]
        what = f"{place}: {label} must be {expected}, got {show_value(problem['input'])}"
        first = str(expected).split("'")[1]
        return what, f"write {path[-1]}: {nearest(str(problem['input']), _quoted(expected)) or first}"
    if kind in _EXPECTED:
        expected, cure = _EXPECTED[kind]
        what = f"{place}: {label} must be {expected}, got {show_value(problem['input'])}"
        # an item of a list has a number for its key
        key = f"{path[-1]}:" if isinstance(path[-1], str) else "-"
        return what, cure.format(key=key)
    what = f"{label}: {problem['msg']}" if label else problem["msg"]
    return f"{place}: {what}", problem.get("ctx", {}).get("hint")


def _label(path: Sequence[str | int]) -> str:
    """Return the keys on the way to a value, ``fit.delta``; the line tells which item of a list."""
    return ".".join(part for part in path if isinstance(part, str))


def show_value(value: Any) -> str:
    """Return a found value for a message, cut short."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
