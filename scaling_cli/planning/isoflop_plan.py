"""What an isoflop study says, and how surely, at the budgets it was made for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scaling_cli.errors import LawError
from scaling_cli.findings import Finding
from scaling_cli.fitting.diagnostics import diagnose
from scaling_cli.fitting.isoflop import Bias, Isoflop
from scaling_cli.fitting.power_law import Frontier, PowerLaw
from scaling_cli.laws.allocation import AllocationLaw
from scaling_cli.laws.card import NATS, NOT_STATED, LawCard, Range
from scaling_cli.planning.allocation import extrapolation_findings
from scaling_cli.planning.fitted_plan import DEFAULT_TARGETS, doubt_draws, stays_with_law
from scaling_cli.planning.isoflop_findings import find_selection, judge_study
from scaling_cli.planning.regret import wasted_share
from scaling_cli.planning.uncertainty import percentile_interval

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray, Runs


@dataclass(frozen=True, slots=True, eq=False)
class RunsRead:
    """The runs of a table called ``name``, ``read`` rows long, and what the table says of them besides.

    ``columns`` are its other quantities by name, ``clusters`` say which runs belong together, and
    ``provenance`` is what a saved frontier tells of its data.
    """

    runs: "Runs"
    name: str
    read: int
    params_definition: str = NOT_STATED
    loss_unit: str = NATS
    findings: tuple[Finding, ...] = ()
    columns: "Mapping[str, FloatArray]" = field(default_factory=dict)
    clusters: Sequence[str] | None = None
    provenance: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """N = ``params`` on D = ``tokens`` reach ``loss`` (nats per token); [low, high] of each by name."""

    params: float
    tokens: float
    loss: float | None
    intervals: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IsoflopOptimum:
    """The optimum at ``flops``: the ``best`` answer, corrected where the bias could be removed, and ``raw``.

    ``waste`` is the share of the compute that following the raw one would waste, ``extrapolation`` C over
    the largest C of the ok budgets.
    """

    flops: float
    best: Answer
    raw: Answer
    waste: float | None
    extrapolation: float
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class IsoflopPlan:
    """An isoflop study with its optima; ``card`` holds the frontier as an allocation law, where there is one.

    ``interval`` is the level of every interval, ``runs_read`` how many rows the table had.
    """

    study: Isoflop
    name: str
    card: LawCard | None
    optima: tuple[IsoflopOptimum, ...]
    runs_read: int
    interval: float
    findings: tuple[Finding, ...]


def plan_isoflop(study: Isoflop, table: RunsRead, flops: Sequence[float] = ()) -> IsoflopPlan:
    """Read a study's frontier at each budget of ``flops`` (FLOPs), with its draws.

    ``table`` is where its runs come from. Without targets they are 1, 10 and 100 times the largest ok budget.
    """
    level, frontier = study.settings.level, study.frontier
    findings = (*table.findings, *judge_study(study))
    nothing = IsoflopPlan(study, table.name, None, (), table.read, level, findings)
    if frontier is None:
        return nothing
    span = _fitted_range(study)
    largest = span["flops"][1]
    targets = tuple(flops) or tuple(factor * largest for factor in DEFAULT_TARGETS)
    findings += study.bias.surface.findings if study.bias else ()
    findings += _doctor(study, table, max(targets))
    findings += doubt_draws(study.drawn, study.replicates, level) if study.replicates else ()
    selection = find_selection(study, max(targets))
    findings += (selection,) if selection else ()
    try:
        law, draws = _allocation_laws(frontier)
    except LawError as error:
        refusal = Finding("no-allocation-law", "refusal", f"the frontier is no law: {error.message}")
        return replace(nothing, findings=(*findings, refusal))
    card = LawCard(
        name=table.name,
        law=law,
        source=f"drawn through the IsoFLOP minima of {len(study.ok)} budgets of {table.name}",
        params_definition=table.params_definition,
        loss_unit=table.loss_unit,
        dataset=table.name,
        confidence="fitted",
        findings=tuple(finding for finding in findings if stays_with_law(finding)),
        fitted_range=span,
        draws=draws,
        provenance={**table.provenance, **provenance(study)},
    )
    optima = tuple(_optimum(study, card, C) for C in targets)
    return replace(nothing, card=card, optima=optima, findings=findings)


def provenance(study: Isoflop) -> dict[str, object]:
    """Say how a frontier came about: its settings and budgets, the raw one, and the bias taken out."""
    settings = study.settings
    told: dict[str, object] = {
        "approach": 2,
        "curve": settings.curve,
        "level": settings.level,
        "budget_tolerance": settings.tolerance,
        "picked_budgets": list(settings.picked),
        "budgets": [
            {
                "budget": valley.budget,
                "flops": valley.flops,
                "runs": len(valley.runs),
                "status": valley.status,
            }
            for valley in study.valleys
        ],
        "bootstrap": {"replicates": study.replicates, "seed": study.seed},
        "raw": frontier_dict(study.raw),
    }
    if study.bias is None:
        return told
    return {**told, "bias": bias_dict(study.bias)}


def bias_dict(bias: Bias) -> dict[str, object]:
    """Return the surface that was replayed on, what came out, and what the edges of the sizes select."""
    selection = bias.selection
    return {
        "replay": frontier_dict(bias.replay),
        "selection": {"coefficient": selection.coefficient, "exponent": selection.exponent},
        "surface": bias.law.as_dict(),
    }


def frontier_dict(frontier: Frontier | None) -> dict[str, object] | None:
    """Return ``{"params": {"coefficient", "exponent"}, "tokens": ...}``."""
    if frontier is None:
        return None
    return {
        name: {"coefficient": law.coefficient, "exponent": law.exponent}
        for name, law in frontier.laws.items()
    }


def _fitted_range(study: Isoflop) -> dict[str, Range]:
    """Return the least and the largest params, tokens and 6 N D of the runs of the ok budgets."""
    import numpy as np

    runs = [valley.runs for valley in study.ok]
    sides = {"params": [part.params for part in runs], "tokens": [part.tokens for part in runs]}
    span = {name: np.concatenate(parts) for name, parts in sides.items()}
    budgets = [valley.flops for valley in study.ok]
    ends = {name: (float(values.min()), float(values.max())) for name, values in span.items()}
    return {**ends, "flops": (min(budgets), max(budgets))}


def _doctor(study: Isoflop, table: RunsRead, target: float) -> tuple[Finding, ...]:
    """Return what the data doctor says of the runs of the budgets, and of the surface fitted to them.

    That approach 3 alone could hardly tell params from tokens is no doubt of approach 2: the surface is
    asked for the shape of the valleys only, and the corrected intervals hold what it leaves open.
    """
    import numpy as np

    index = np.array(study.index, dtype=np.intp)
    runs, columns = table.runs.select(index), {name: values[index] for name, values in table.columns.items()}
    of_table = diagnose(runs, columns=columns, loss_unit=table.loss_unit)
    if study.bias is None:
        return of_table
    clusters = table.clusters
    found = diagnose(
        runs,
        study.bias.surface,
        columns=columns,
        target=target,
        loss_unit=table.loss_unit,
        clusters=[clusters[i] for i in study.index] if clusters is not None else None,
    )
    about_surface = [finding for finding in found if finding not in of_table]
    return of_table + tuple(
        replace(finding, message=f"approach 3 on these runs: {finding.message}")
        for finding in about_surface
        if finding.id != "near-collinear-design"
    )


def _allocation_laws(frontier: Frontier) -> tuple[AllocationLaw, tuple[AllocationLaw, ...]]:
    """Return a frontier and its draws as allocation laws; a draw that makes no law is left out."""
    params, tokens = frontier.params, frontier.tokens
    law = AllocationLaw(params.coefficient, params.exponent, tokens.coefficient, tokens.exponent)
    if params.draws is None or tokens.draws is None:
        return law, ()
    import numpy as np

    sides = (params.draws, tokens.draws)
    columns = [column for side in sides for column in (np.exp(side.log_coefficient), side.exponent)]
    draws = []
    for constants in zip(*(column.tolist() for column in columns), strict=True):
        try:
            draws.append(AllocationLaw(*constants))
        except LawError:
            continue
    return law, tuple(draws)


def _optimum(study: Isoflop, card: LawCard, C: float) -> IsoflopOptimum:
    """Read the frontier at C FLOPs."""
    assert study.raw is not None
    level, bias = study.settings.level, study.bias
    raw = _answer(study.raw, C, level)
    best, waste = raw, None
    if study.corrected is not None and bias is not None:
        best = _answer(study.corrected, C, level, bias)
        # with the optimum where the corrected frontier has it, on the surface's shape of the valley
        N, D = bias.law.optimum(C)
        away = raw.params / best.params
        waste = wasted_share(bias.law, N * away, D / away)
    ahead = C / card.fitted_range["flops"][1]
    return IsoflopOptimum(C, best, raw, waste, ahead, extrapolation_findings(card, C))


def _answer(frontier: Frontier, C: float, level: float, bias: Bias | None = None) -> Answer:
    """Read one frontier at C FLOPs; the loss is the power law's, with ``bias`` times truth over replay."""
    assert frontier.loss is not None
    N, D, loss = frontier.params.at(C), frontier.tokens.at(C), frontier.loss.at(C)
    if bias is not None:
        loss /= bias.factors(C)["loss"]
    drawn = {name: law.draws.at(C) for name, law in frontier.laws.items() if law.draws is not None}
    if not drawn:
        return Answer(N, D, loss)
    if bias is not None:
        drawn["loss"] = drawn["loss"] * _loss_factors(bias, C)
    drawn["tokens_per_param"] = drawn["tokens"] / drawn["params"]
    return Answer(N, D, loss, {name: percentile_interval(values, level) for name, values in drawn.items()})


def _loss_factors(bias: Bias, C: float) -> "FloatArray":
    """Return truth over replay of the loss at C FLOPs under every draw, (R,)."""
    import numpy as np

    replay: PowerLaw | None = bias.replay.loss
    assert replay is not None
    assert replay.draws is not None
    assert bias.optima_draws is not None
    factors: FloatArray = np.exp(bias.optima_draws.log_loss(float(np.log(C)))) / replay.draws.at(C)
    return factors
