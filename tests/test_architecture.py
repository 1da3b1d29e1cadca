"""The layers import one way, and each dependency has one door; a short walk over the syntax holds it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "scaling_cli"
TOP = "scaling_cli"
BOTTOM = ("runs", "curves", "conditions", "units", "names", "findings", "errors")
# what each layer may import besides itself
BELOW: dict[str, frozenset[str]] = {name: frozenset(BOTTOM) for name in BOTTOM}
BELOW["laws"] = frozenset(BOTTOM)
BELOW["fitting"] = BELOW["laws"] | {"laws"}
BELOW["planning"] = BELOW["fitting"] | {"fitting"}
BELOW["files"] = BELOW["reports"] = BELOW["planning"] | {"planning"}
BELOW["cli"] = BELOW["planning"] | {"planning", "files", "reports"}
BELOW["__main__"] = frozenset({"cli"})

DOORS = {
    "typer": {"cli"},
    "rich": {"reports"},
    "yaml": {"files"},
    "pydantic": {"files"},
    "pydantic_core": {"files"},
    "scipy": {"fitting", "planning"},
    "matplotlib": {"reports"},
    "polars": {"files"},
    "click": set[str](),
}
LATE = ("numpy", "scipy", "matplotlib", "polars")
"""Imported inside the functions that need them: a plan for a published law must not wait for them."""

TYPING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")

LONGEST = 400


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, dotted; ``is_late`` inside a function, ``is_typing`` under TYPE_CHECKING."""

    module: str
    line: int
    is_late: bool
    is_typing: bool


def modules() -> dict[str, Path]:
    """Every module of the package, dotted, and its file."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imports_of(source: str) -> list[Import]:
    return list(_walk(ast.parse(source), is_late=False, is_typing=False))


def _walk(node: ast.AST, *, is_late: bool, is_typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, is_late, is_typing)
        elif isinstance(child, ast.ImportFrom):
            origin = "." * child.level + (child.module or "")
            for alias in child.names:
                whole = f"{origin}.{alias.name}"
                yield Import(whole if whole in MODULES else origin, child.lineno, is_late, is_typing)
        elif isinstance(child, ast.If) and ast.unparse(child.test) in TYPING:
            yield from _walk(ast.Module(child.body, []), is_late=is_late, is_typing=True)
            yield from _walk(ast.Module(child.orelse, []), is_late=is_late, is_typing=is_typing)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, is_late=is_late or is_function, is_typing=is_typing)


def layer_of(module: str) -> str:
    """``scaling_cli.cli.fit`` lies in ``cli``; the package itself in none."""
    return module.split(".")[1] if "." in module else ""


def layer_faults(module: str, source: str) -> list[str]:
    """Imports that go up, or across from reports to files; the top ``__init__`` may name what it exports."""
    layer = layer_of(module)
    faults = []
    for one in imports_of(source):
        if one.module.startswith("."):
            faults.append(f"{module}:{one.line} imports {one.module}: relative")
        if one.module.split(".")[0] != TOP:
            continue
        target = layer_of(one.module)
        is_below = not target or target == layer or target in BELOW.get(layer, ())
        if not (is_below or (not layer and one.is_typing)):
            faults.append(f"{module}:{one.line} imports {one.module}")
    return faults


def door_faults(module: str, source: str) -> list[str]:
    """Dependencies that come in by another door than theirs, or too early."""
    faults = []
    for one in imports_of(source):
        package = one.module.split(".")[0]
        if package in DOORS and layer_of(module) not in DOORS[package]:
            faults.append(f"{module}:{one.line} imports {package}")
        if package in LATE and not (one.is_late or one.is_typing):
            faults.append(f"{module}:{one.line} imports {package} at module level")
    return faults


def init_faults(module: str, source: str) -> list[str]:
    """What an ``__init__`` below the top holds besides its docstring, or the docstring it lacks."""
    tree = ast.parse(source)
    if ast.get_docstring(tree) is None:
        return [f"{module} has no docstring"]
    return [f"{module}:{node.lineno} holds more than a docstring" for node in tree.body[1:]]


def cycle_in(imports: dict[str, set[str]]) -> list[str]:
    """One cycle of modules that import each other, or nothing."""
    done: set[str] = set()

    def search(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        done.add(module)
        for target in sorted(imports.get(module, ())):
            if cycle := search(target, [*way, module]):
                return cycle
        return []

    return next((cycle for module in sorted(imports) if (cycle := search(module, []))), [])


@pytest.mark.parametrize("module", list(MODULES))
def test_a_module_keeps_the_rules_of_its_layer(module: str) -> None:
    source = MODULES[module].read_text()
    assert layer_faults(module, source) == []
    assert door_faults(module, source) == []
    assert len(source.splitlines()) <= LONGEST


def test_every_module_lies_in_a_known_layer() -> None:
    assert {layer_of(module) for module in MODULES} - {""} == set(BELOW)


def test_package_inits_below_the_top_hold_a_docstring_and_nothing_else() -> None:
    inits = {module: path for module, path in MODULES.items() if path.name == "__init__.py" and module != TOP}
    assert {layer_of(module) for module in inits} == set(BELOW) - set(BOTTOM) - {"__main__"}
    assert [fault for module, path in inits.items() for fault in init_faults(module, path.read_text())] == []


def test_no_module_imports_itself_by_a_detour() -> None:
    imports = {
        module: {one.module for one in imports_of(path.read_text()) if one.module in MODULES}
        for module, path in MODULES.items()
        if module != TOP
    }
    assert cycle_in({module: targets - {TOP} for module, targets in imports.items()}) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("scaling_cli.units", "from scaling_cli.laws.law import Law"),
        ("scaling_cli.laws.law", "from scaling_cli.planning import regret"),
        ("scaling_cli.laws.law", "def f():\n    import scaling_cli.files.source"),
        (
            "scaling_cli.fitting.fit",
            "if TYPE_CHECKING:\n    from scaling_cli.reports.report import Report",
        ),
        ("scaling_cli.planning.allocation", "from scaling_cli.reports.report import Report"),
        ("scaling_cli.reports.plan", "from scaling_cli.files.source import read_source"),
        ("scaling_cli.files.law_file", "from scaling_cli.reports.report import Report"),
        ("scaling_cli.files.law_file", "from scaling_cli.cli import app"),
        ("scaling_cli.files.law_file", "from .source import read_source"),
        ("scaling_cli", "from scaling_cli.laws.law import Law"),
    ],
)
def test_an_import_that_goes_up_or_across_is_seen(module: str, source: str) -> None:
    assert len(layer_faults(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("scaling_cli.reports.plan", "import typer"),
        ("scaling_cli.cli.app", "import click"),
        ("scaling_cli.cli.app", "def f():\n    from rich.table import Table"),
        ("scaling_cli.cli.app", "from yaml import safe_load"),
        ("scaling_cli.laws.law", "def f():\n    import pydantic"),
        ("scaling_cli.planning.roots", "from pydantic_core import ErrorDetails"),
        ("scaling_cli.files.table", "def f():\n    from scipy.optimize import brentq"),
        ("scaling_cli.planning.roots", "from scipy.optimize import brentq"),
        ("scaling_cli.cli.fit", "def f():\n    import matplotlib.pyplot"),
        ("scaling_cli.runs", "try:\n    import numpy as np\nexcept ImportError:\n    pass"),
        ("scaling_cli.runs", "class Runs:\n    import numpy as np"),
        ("scaling_cli.runs", "if TYPE_CHECKING:\n    pass\nelse:\n    import numpy as np"),
        ("scaling_cli.runs", "if not TYPE_CHECKING:\n    import numpy as np"),
    ],
)
def test_a_dependency_by_another_door_or_too_early_is_seen(module: str, source: str) -> None:
    assert len(door_faults(module, source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "if TYPE_CHECKING:\n    import numpy as np",
        "def f():\n    import numpy as np",
        "from scaling_cli.units import parse_quantity\nfrom scaling_cli import __version__",
    ],
)
def test_what_the_rules_allow_is_let_through(source: str) -> None:
    assert layer_faults("scaling_cli.fitting.fit", source) == []
    assert door_faults("scaling_cli.fitting.fit", source) == []


@pytest.mark.parametrize("source", ["", "import os", '"""Laws."""\nfrom scaling_cli.laws.law import Law'])
def test_an_init_with_code_or_without_a_docstring_is_seen(source: str) -> None:
    assert len(init_faults("scaling_cli.laws", source)) == 1


def test_a_cycle_is_seen_and_a_diamond_is_none() -> None:
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle_in({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}) == []
