"""Whether a saved law is the one that its runs give again, and what is said where it is not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaling_cli.files.law_file import read_law, write_law
from scaling_cli.fitting.fit import Fit
from scaling_cli.fitting.parametric import fit_law
from scaling_cli.laws.additive import ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.published import published_law
from scaling_cli.planning.verify import TOLERANCE, Constant, verify
from scaling_cli.reports.formats import to_json
from scaling_cli.reports.terminal import to_terminal
from scaling_cli.reports.verify import verify_report
from scaling_cli.runs import Runs

HASH = "5f" * 32


def study(scale: float = 1.0) -> Runs:
    """A noisy IsoFLOP study of besiroglu2024, its losses multiplied by ``scale``."""
    law = published_law("besiroglu2024").law
    assert isinstance(law, ChinchillaLaw)
    C = np.repeat(np.geomspace(6e18, 3e21, 6), 7)
    N = law.optimum(C)[0] * np.tile(np.geomspace(0.25, 4, 7), 6)
    D = C / (6 * N)
    errors = scale * np.exp(0.003 * np.random.default_rng(0).standard_normal(len(C)))
    return Runs(N, D, C, law.loss(N, D) * errors, tuple(f"run {i}" for i in range(len(C))))


@pytest.fixture(scope="module")
def fitted() -> Fit:
    return fit_law(study())


@pytest.fixture(scope="module")
def card(fitted: Fit) -> LawCard:
    objective = fitted.objective
    provenance = {
        "data": {"name": "runs.csv", "sha256": HASH},
        "runs": {"read": 42, "used": 42},
        "objective": {"name": objective.name, "delta": objective.delta, "value": objective.value},
        "version": "scaling 0.1.0",
    }
    return LawCard(name="law.json", law=fitted.law, provenance=provenance)


def test_a_refit_of_the_same_runs_is_the_same_law(card: LawCard) -> None:
    found = verify(card, fit_law(study()), sha256=HASH, version="scaling 0.1.0")
    assert found.is_same
    assert found.is_same_data
    assert found.reasons == ()
    assert found.verdict.startswith("the same law")


def test_the_same_runs_in_another_order_are_the_same_law(card: LawCard) -> None:
    runs = study()
    found = verify(card, fit_law(runs.select(np.arange(len(runs))[::-1])), sha256=HASH)
    assert found.is_same


def test_rounding_passes_by_orders_of_magnitude(card: LawCard) -> None:
    found = verify(card, fit_law(study(scale=1 + 4e-16)), sha256=HASH)
    assert found.worst is not None
    assert (found.worst.relative_difference or 0) < 1e-3 * TOLERANCE


def test_a_law_file_gives_back_what_verification_needs(card: LawCard, fitted: Fit, tmp_path: Path) -> None:
    path = str(tmp_path / "law.json")
    write_law(path, card)
    found = verify(read_law(path), fitted, sha256=HASH, version="scaling 0.1.0")
    assert found.is_same
    assert found.worst is not None
    assert found.worst.relative_difference == 0
    assert found.reasons == ()


def test_losses_a_thousandth_higher_are_another_law(card: LawCard) -> None:
    found = verify(card, fit_law(study(scale=1.001)), sha256="0" * 64)
    assert not found.is_same
    assert found.is_same_data is False
    assert any("not the file it was fitted to" in reason for reason in found.reasons)
    assert "differs by" in found.verdict


def test_another_delta_and_fewer_runs_are_named(card: LawCard) -> None:
    runs = study().without_highest_losses(2)
    found = verify(card, fit_law(runs, delta=1e-2), sha256=HASH, version="scaling 9")
    assert not found.is_same
    said = "; ".join(found.reasons)
    assert "40 runs are fitted, then 42" in said
    assert "delta is 0.01, then 0.001" in said
    assert "scaling 0.1.0, this is scaling 9" in said


def test_a_law_that_stopped_early_is_told_by_its_sum(card: LawCard, fitted: Fit) -> None:
    assert isinstance(fitted.law, ChinchillaLaw)
    early = replace(fitted.law, alpha=fitted.law.alpha * 1.01)
    value = fitted.objective.value * 1.02
    objective = {"name": "log-huber", "delta": 1e-3, "value": value}
    stored = replace(card, law=early, provenance={**card.provenance, "objective": objective})
    found = verify(stored, fitted, sha256=HASH)
    assert found.worst is not None
    assert found.worst.name == "alpha"
    assert any("reach a lower sum" in reason for reason in found.reasons)


def test_a_law_of_another_form_is_another_law(fitted: Fit) -> None:
    stored = LawCard(name="other.json", law=OvertrainingLaw(E=1.5, a=141.0, b=189.0, eta=0.12))
    found = verify(stored, fitted, sha256=HASH)
    assert not found.is_same
    assert "overtraining" in found.verdict
    assert {constant.name for constant in found.constants} > {"eta", "alpha"}


def test_a_law_typed_by_hand_is_compared_by_its_constants(fitted: Fit) -> None:
    found = verify(LawCard(name="hand.yaml", law=fitted.law, provenance={"data": "my runs"}), fitted)
    assert found.is_same
    assert found.is_same_data is None
    assert found.reasons == ("the law does not say which data it was fitted to",)


@pytest.mark.parametrize(
    ("stored", "refitted", "difference"),
    [(1.0, 1.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.25, 0.2), (0.0, 1e-9, 1.0), (None, 1.0, None)],
)
def test_differences_are_relative_to_the_larger(
    stored: float | None, refitted: float | None, difference: float | None
) -> None:
    assert Constant("E", stored, refitted).relative_difference == pytest.approx(difference)


def test_the_report_says_the_verdict_in_every_format(card: LawCard, fitted: Fit) -> None:
    for runs_hash, fit in ((HASH, fitted), ("0" * 64, fit_law(study(scale=1.001)))):
        found = verify(card, fit, sha256=runs_hash)
        report = verify_report(found)
        text = to_terminal(report, width=80, color=False)
        assert max(map(len, text.splitlines())) <= 80
        assert found.verdict.split(":")[0] in text
        data = json.loads(to_json(report))
        assert data["schema"] == "scaling.verify/1"
        assert data["same"] is found.is_same
        assert [row["constant"] for row in data["constants"]] == ["E", "A", "B", "alpha", "beta"]
        assert bool(report.warnings) is not found.is_same
