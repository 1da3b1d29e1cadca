"""A compute-budget planner for neural networks.

The layers, from the terminal down; imports go one way only:

- ``cli``       one file per command: read, call one function, show
- ``reports``   a result becomes a Report, a Report becomes text
- ``files``     every path the program opens, to read or to write
- ``planning``  a law and a budget become a decision
- ``fitting``   runs become a law
- ``laws``      what a scaling law is, and the published ones
- ``runs``, ``curves``, ``conditions``, ``units``, ``names``, ``findings``, ``errors``   what all speak in
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scaling_cli.files.law_file import read_law
    from scaling_cli.files.run_table import read_runs
    from scaling_cli.fitting.parametric import fit_law
    from scaling_cli.laws.published import published_law
    from scaling_cli.planning.allocation import allocate

__version__ = "0.1.0"
__all__ = ["__version__", "allocate", "fit_law", "published_law", "read_law", "read_runs"]

_HOME = {
    "allocate": "scaling_cli.planning.allocation",
    "fit_law": "scaling_cli.fitting.parametric",
    "published_law": "scaling_cli.laws.published",
    "read_law": "scaling_cli.files.law_file",
    "read_runs": "scaling_cli.files.run_table",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
