"""Small studies to draw, one of each kind; each is made once."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from scaling_cli.files.run_table import read_runs
from scaling_cli.fitting.bootstrap import bootstrap_law
from scaling_cli.fitting.envelope import fit_envelope
from scaling_cli.fitting.envelope_bootstrap import bootstrap_envelope
from scaling_cli.fitting.fit import FormName
from scaling_cli.fitting.isoflop import fit_isoflop
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.fitting.trace import EnvelopeSettings
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.published import published_law
from scaling_cli.planning.allocation import answer
from scaling_cli.planning.envelope_plan import EnvelopePlan
from scaling_cli.planning.fitted_plan import FittedPlan, plan_fit
from scaling_cli.planning.isoflop_plan import Answer, IsoflopOptimum, IsoflopPlan
from scaling_cli.planning.question import Question
from scaling_cli.planning.uncertainty import percentile_interval
from scaling_cli.runs import Runs
from tests.fitting.learning_curves import matched_schedules, simulate

SAMPLE = Path(__file__).parents[3] / "sample_runs" / "simulated_isoflop.csv"
TARGET = 5.76e23
REPLICATES = 40


def besiroglu() -> ChinchillaLaw:
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    return law


@cache
def fitted_plan(form: FormName = "chinchilla") -> FittedPlan:
    """The 63 simulated runs, fitted; of the frontier form runs on the optimum."""
    table = read_runs(str(SAMPLE))
    runs, findings = table.runs, table.findings
    if form == "frontier":
        C = np.geomspace(1e18, 1e21, 12)
        N, D = besiroglu().optimum(C)
        noise = 1 + 0.003 * np.cos(7 * np.arange(12))
        names = tuple(f"run {i}" for i in range(12))
        runs = Runs(N, D, C, besiroglu().frontier_loss(C) * noise, names)
    fit = fit_law(runs, form=form)
    return plan_fit(
        fit,
        LawCard("runs.csv", fit.law, findings=findings),
        runs_read=len(runs),
        bootstrap=bootstrap_law(fit, replicates=REPLICATES),
        flops=(TARGET,),
    )


def isoflop_runs() -> tuple[Runs, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Budgets of three valleys, a vertex at the edge, three sizes and a hill; and what each run costs."""
    law, sizes, losses, budgets = besiroglu(), [], [], []
    for C, centre, count in (
        (1e19, 1.0, 7),
        (3e19, 1.0, 7),
        (1e20, 1.0, 7),
        (3e20, 4.0, 7),
        (1e21, 1.0, 3),
        (3e21, 1.0, 7),
    ):
        N = law.optimum(C)[0] * centre * np.geomspace(0.25, 4, count)
        L = law.loss(N, C / (6 * N))
        if C == 3e21:
            L = 2 * L.max() - L
        sizes.append(N)
        losses.append(L * (1 + 0.001 * np.cos(5 * np.arange(count))))
        budgets.append(np.full(count, C))
    N, L, C_all = np.concatenate(sizes), np.concatenate(losses), np.concatenate(budgets)
    names = tuple(f"run {i}" for i in range(len(N)))
    return Runs(N, C_all / (6 * N), C_all, L, names), C_all


@cache
def isoflop_plan(*, only_left_out: bool = False) -> IsoflopPlan:
    """A study with valleys of four kinds, or of those that are not ok alone."""
    runs, budgets = isoflop_runs()
    if only_left_out:
        kept = budgets > 2e20
        runs, budgets = runs.select(kept), budgets[kept]
    study = fit_isoflop(runs, budgets, replicates=REPLICATES)
    frontier, optima = study.frontier, []
    if frontier and study.raw:
        ends = {
            name: percentile_interval(law.draws.at(TARGET), 0.9)
            for name, law in frontier.laws.items()
            if law.draws
        }
        best = Answer(frontier.params.at(TARGET), frontier.tokens.at(TARGET), None, ends)
        raw = Answer(study.raw.params.at(TARGET), study.raw.tokens.at(TARGET), None)
        optima.append(IsoflopOptimum(TARGET, best, raw, None, TARGET / 1e20))
    return IsoflopPlan(study, "runs.csv", None, tuple(optima), runs_read=len(runs), interval=0.9, findings=())


@cache
def envelope_plan(*, has_frontier: bool = True) -> EnvelopePlan:
    """Twenty-four sizes of twelve lengths each; or two sizes, which give no frontier."""
    sizes = np.geomspace(70e6, 10e9, 24 if has_frontier else 2)
    N, S = matched_schedules(sizes, 12)
    settings = EnvelopeSettings(budgets=300)
    fit = fit_envelope(simulate(N, S, rows=60), settings)
    if fit.law is None:
        return EnvelopePlan(fit, "curves.csv", None, (), 60 * len(N), 0.9, None, fit.findings)
    drawn = bootstrap_envelope(fit, replicates=REPLICATES)
    bootstrap: Any = drawn  # a picture asks for nothing but its draws
    card = LawCard("curves.csv", fit.law, draws=drawn.draws, fitted_range=fit.fitted_range)
    optima = (answer(card, Question(flops=TARGET)),)
    return EnvelopePlan(fit, "curves.csv", card, optima, 60 * len(N), 0.9, bootstrap, fit.findings)
