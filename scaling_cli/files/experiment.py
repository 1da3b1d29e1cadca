"""The experiment: which runs, which columns and filters, which fit, which budgets to plan for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scaling_cli.conditions import Condition


@dataclass(frozen=True, slots=True)
class Experiment:
    """A study as its YAML file describes it.

    ``runs`` is the path of the run table, relative to where the program runs, and ``runs_place`` the line
    of the file that names it (``exp.yaml:1``), for a table that is not there. ``columns`` maps a quantity
    to its column and ``units`` a quantity to what one of it counts; ``flops`` are target budgets in
    FLOPs and ``delta`` is in log loss. ``weights`` names a column, ``fixed`` and ``bounds`` constants of
    the form; ``approach`` is 1, 2, 3 or all and ``smooth`` the window over curves. ``budgets`` in FLOPs,
    their ``budget_tolerance`` (a share) and the ``curve`` are of IsoFLOP profiles. ``tokenizer``,
    ``eval_set`` and ``bytes_per_token`` say what the losses are of. What the file does not say is ``None``
    or empty: the command line wins over the file, and the defaults come last.
    """

    name: str
    runs: str
    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, float] = field(default_factory=dict)
    where: tuple[Condition, ...] = ()
    drop_highest_losses: int | None = None
    all_steps: bool | None = None
    include_unfinished: bool | None = None
    approach: str | None = None
    smooth: int | None = None
    form: str | None = None
    objective: str | None = None
    delta: float | None = None
    overestimate_penalty: float | None = None
    weights: str | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    starts: str | None = None
    budgets: tuple[float, ...] = ()
    budget_tolerance: float | None = None
    curve: str | None = None
    flops: tuple[float, ...] = ()
    waste: float | None = None
    tokenizer: str = ""
    eval_set: str = ""
    bytes_per_token: float | None = None
    runs_place: str = field(default="", compare=False)
