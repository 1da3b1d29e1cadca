"""Laws of non-embedding params beside others: ``compare recipes`` and ``compare laws`` convert them alike."""

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.published import PUBLISHED
from tests.cli.golden_files import EXTENSIONS, hold_to_80_columns, hold_to_format

Scaling = Callable[..., subprocess.CompletedProcess[str]]
Document = Callable[..., dict[str, Any]]

OMEGA = 47491.0
"""N_total = N + omega N^(1/3): Pearce & Song 2024, arXiv 2406.12907."""

KAPLAN_SIZES = (768.0, 1.5e9)
"""Non-embedding params, Kaplan et al. 2020, Sec. 3."""

PRINTED = (0.74, 0.78)
"""The local exponent of N in that range, Pearce & Song 2024."""

TRUTH = PUBLISHED["besiroglu2024"].law
CONSTANTS = "{E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658}"
CONVERTED = (
    "non-embedding params are converted to total ones, N + 47491 N^(1/3) (Pearce & Song 2024), and "
    "the budget with them"
)
AS_JSON = ("--format", "json")
GOLDEN = {"compare-recipes-converted": "{total} {nonemb} --bootstrap 200 --flops 3e21"}


def with_embeddings(N: float) -> float:
    return float(N + OMEGA * N ** (1 / 3))


def law_file(path: Path, constants: str, definition: str = "non-embedding", form: str = "chinchilla") -> Path:
    path.write_text(
        f"schema: scaling.law/1\nform: {form}\nparams_definition: {definition}\nparameters: {constants}\n"
    )
    return path


def tangent(path: Path, N: float) -> tuple[Path, float]:
    """Write the truth as someone sees it who counts N without the embeddings, exact about one size.

    A N_total^-alpha has at N the value and the slope of A' N^-alpha' with alpha' = alpha/s, s percent of N
    being one percent of N_total. Returned is also the budget, in total params, that N is right for.
    """
    assert isinstance(TRUTH, ChinchillaLaw)
    u = OMEGA * N ** (-2 / 3)
    alpha = TRUTH.alpha * (1 + u / 3) / (1 + u)
    A = TRUTH.A * with_embeddings(N) ** -TRUTH.alpha * N**alpha
    constants = {"E": TRUTH.E, "A": A, "B": TRUTH.B, "alpha": alpha, "beta": TRUTH.beta}
    return law_file(path, json.dumps(constants)), TRUTH.flops_for_params(with_embeddings(N))


@pytest.fixture
def document(scaling: Scaling) -> Document:
    """Run a comparison with ``--format json`` and return what it wrote."""

    def run(*args: str | Path | float) -> dict[str, Any]:
        ended = scaling("compare", *map(str, args), "--format", "json")
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout, parse_constant=pytest.fail)
        return found

    return run


@pytest.fixture(scope="session")
def tables(sample_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The two sample recipes; of the second the params are said to leave the embeddings out."""
    nonemb = tmp_path_factory.mktemp("nonemb") / "nonemb.csv"
    text = (sample_runs.parent / "simulated_recipe.csv").read_text()
    nonemb.write_text(text.replace(",params,", ",non_embedding_params,", 1))
    return {"total": sample_runs, "nonemb": nonemb}


def ids(one: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in one["findings"]]


@pytest.fixture
def kaplans_study(tmp_path: Path) -> Path:
    """IsoFLOP sweeps of the truth over Kaplan's sizes, N and C = 6 N D without the embeddings."""
    assert isinstance(TRUTH, ChinchillaLaw)

    def loss(log_N: float, log_C: float) -> float:
        N = math.exp(log_N)
        return float(TRUTH.loss(with_embeddings(N), math.exp(log_C - log_N) / 6))

    def optimum(log_C: float) -> float:
        solved = minimize_scalar(loss, args=(log_C,), bounds=(1, 40), method="bounded")
        return float(solved.x)

    low, high = (brentq(lambda x, N=N: optimum(x) - math.log(N), 20, 60) for N in KAPLAN_SIZES)
    rows = ["non_embedding_params,tokens,loss,simulated"]
    for log_C in np.linspace(low, high, 12).tolist():
        for log_N in (optimum(log_C) + np.linspace(-1.4, 1.4, 7)).tolist():
            D = math.exp(log_C - log_N) / 6
            rows.append(f"{math.exp(log_N)!r},{D!r},{loss(log_N, log_C)!r},1")
    study = tmp_path / "kaplan.csv"
    study.write_text("\n".join(rows) + "\n")
    return study


def test_kaplans_study_has_the_exponent_of_pearce_and_song_and_its_law_is_converted(
    scaling: Scaling, document: Document, kaplans_study: Path, tmp_path: Path
) -> None:
    law = tmp_path / "kaplan.json"
    ended = scaling("isoflop", kaplans_study, "--bootstrap", "0", *AS_JSON, "--save", law)
    assert ended.returncode == 0, ended.stderr
    exponent = json.loads(law.read_text())["parameters"]["params_exponent"]
    assert PRINTED[0] <= round(exponent, 2) <= PRINTED[1]
    # as published it grows by that; in total params, at budgets that count the embeddings, by less
    own = document("laws", law, "--flops", "1e15", "--as-published")["multipliers"][0]
    assert own["params"] == pytest.approx(10**exponent, rel=1e-9)
    found = document("laws", law, "--flops", "1e15")
    assert found["multipliers"][0]["params"] < 10**0.55
    assert "converted-params" in ids(found["allocations"][0])
    # and as it divides budgets alone there is no loss to compare recipes by
    refused = scaling("compare", "recipes", law, "besiroglu2024")
    assert refused.returncode == 1
    assert "kaplan.json: this law divides a budget and says nothing of the loss" in refused.stderr


@pytest.mark.parametrize("N", [KAPLAN_SIZES[0], 1e5, 4.5e6, 1e8, KAPLAN_SIZES[1]])
def test_over_kaplans_range_both_commands_give_the_law_in_all_params_back(
    scaling: Scaling, document: Document, tmp_path: Path, N: float
) -> None:
    law, C = tangent(tmp_path / "tangent.yaml", N)
    laws = document("laws", law, "besiroglu2024", "--flops", repr(C))
    mine, truth = laws["allocations"]
    for quantity in ("params", "tokens", "loss"):
        assert mine[quantity] == pytest.approx(truth[quantity], rel=1e-9)
    assert mine["params"] == pytest.approx(with_embeddings(N), rel=1e-9)
    recipes = document("recipes", law, "besiroglu2024", "--flops", repr(C))
    (multiplier,) = recipes["multipliers"]
    assert multiplier["value"] == pytest.approx(1, rel=1e-8)
    assert multiplier["loss"] == pytest.approx(mine["loss"], rel=1e-12)
    first, second = recipes["recipes"]
    assert first["frontier_exponent"] == pytest.approx(second["frontier_exponent"], rel=1e-9)
    # unconverted the same budget is another one: the smaller the model, the further, and in the end so far
    # that the losses pass for those of another unit
    own = scaling("compare", "recipes", law, "besiroglu2024", "--flops", repr(C), "--as-published", *AS_JSON)
    if N < 1e4:
        assert own.stderr.startswith("error: mixed-loss-units: ")
        return
    value = json.loads(own.stdout)["multipliers"][0]["value"]
    assert value < 1 - 0.5 * (1 - N / with_embeddings(N))


def test_both_commands_say_in_the_same_words_what_was_converted(document: Document, tmp_path: Path) -> None:
    law = law_file(tmp_path / "mine.yaml", CONSTANTS)
    (plan, _) = document("laws", law, "besiroglu2024")["allocations"]
    found = document("recipes", law, "besiroglu2024")
    said = {"id": "converted-params", "severity": "info", "message": CONVERTED, "runs": []}
    assert said in plan["findings"]
    assert said in found["recipes"][0]["findings"]
    assert found["recipes"][0]["params_definition"] == "total, converted from non-embedding"
    assert found["recipes"][0]["law"]["form"] == "total-loss"
    assert "mixed-params" not in ids(found)
    for command in ("laws", "recipes"):
        own = document(command, law, "besiroglu2024", "--as-published")
        entry = own["allocations"][0] if command == "laws" else own["recipes"][0]
        assert "mixed-params" in ids(entry)
        assert "converted-params" not in ids(entry)


def test_a_table_says_of_one_converted_law_and_of_two_where_their_exponents_hold(
    scaling: Scaling, tmp_path: Path
) -> None:
    one = law_file(tmp_path / "one.yaml", CONSTANTS)
    two = law_file(tmp_path / "two.yaml", CONSTANTS.replace("482", "500"))

    def said(other: str | Path) -> str:
        ended = scaling("compare", "recipes", one, other)
        assert ended.returncode == 0, ended.stderr
        return " ".join(ended.stdout.split())

    assert "The exponent of one.yaml is that at the target: its embeddings bend" in said("besiroglu2024")
    assert "The exponents of one.yaml and two.yaml are those at the target: their embeddings" in said(two)


def test_exponents_of_other_params_are_not_compared(document: Document, tmp_path: Path) -> None:
    law = law_file(tmp_path / "mine.yaml", CONSTANTS)
    found = document("recipes", law, "besiroglu2024")
    assert list(found["shared_exponents"]["differences"]) == ["beta", "frontier"]
    other = law_file(tmp_path / "other.yaml", CONSTANTS.replace("482", "500"))
    found = document("recipes", law, other)
    assert list(found["shared_exponents"]["differences"]) == ["alpha", "beta", "frontier"]


def test_a_table_of_non_embedding_params_is_its_own_law_file(
    scaling: Scaling, document: Document, tables: dict[str, Path], tmp_path: Path
) -> None:
    law = tmp_path / "law.json"
    assert scaling("fit", tables["nonemb"], "--bootstrap", "60", "--save", law).returncode == 0
    asked = ("besiroglu2024", "--flops", "1e19", "--bootstrap", "60")
    table, file = (document("recipes", one, *asked) for one in (tables["nonemb"], law))
    plans = document("laws", law, "besiroglu2024", "--flops", "1e19")["allocations"]
    for found in (table, file):
        one = found["multipliers"][0]
        assert one["loss"] == pytest.approx(plans[0]["loss"], rel=1e-6)
        assert one["value"] == pytest.approx(table["multipliers"][0]["value"], rel=1e-5)
        low, high = one["interval"]
        assert low < one["value"] < high
        assert 0 <= one["p_better"] <= 1
        assert "converted-params" in ids(found["recipes"][0])
        assert "non-embedding-params" not in ids(found["recipes"][0])
    # embeddings and all, the smallest of the runs was a larger model on a larger budget
    fitted = table["recipes"][0]["fitted_range"]
    assert fitted["params"][0] == pytest.approx(with_embeddings(50443000), rel=1e-9)
    assert fitted["flops"][0] > 1.05 * 6e18
    assert fitted["flops"] == pytest.approx(file["recipes"][0]["fitted_range"]["flops"], rel=0.1)


def test_runs_that_count_other_params_are_not_taken_for_the_same(
    document: Document, tables: dict[str, Path], tmp_path: Path
) -> None:
    found = document("recipes", tables["total"], tables["nonemb"], "--bootstrap", "20", "--flops", "3e21")
    assert found["pairing"] == "independent"
    assert found["common_runs"] == {"matched": 0, "of": 63}
    copy = tmp_path / "copy.csv"
    copy.write_text(tables["nonemb"].read_text())
    both = document("recipes", tables["nonemb"], copy, "--bootstrap", "20", "--flops", "3e21")
    assert both["pairing"] == "paired"
    assert both["multipliers"][0]["p_better"] == 0.5
    assert "identical-tables" in ids(both)


def test_a_frontier_through_runs_of_non_embedding_params_has_total_budgets(
    document: Document, tmp_path: Path
) -> None:
    assert isinstance(TRUTH, ChinchillaLaw)
    rows = ["non_embedding_params,tokens,loss"]
    for N in np.geomspace(1e5, 1e9, 12).tolist():
        N_total = with_embeddings(N)
        D = TRUTH.flops_for_params(N_total) / (6 * N_total)
        rows.append(f"{N!r},{D!r},{float(TRUTH.loss(N_total, D))!r}")
    best = tmp_path / "best.csv"
    best.write_text("\n".join(rows) + "\n")
    asked = ("recipes", best, "besiroglu2024", "--form", "frontier", "--bootstrap", "0", "--flops", "1e17")
    found = document(*asked)
    assert found["multipliers"][0]["value"] == pytest.approx(1, rel=1e-4)
    assert "converted-params" in ids(found["recipes"][0])
    assert document(*asked, "--as-published")["multipliers"][0]["value"] < 0.8


@pytest.mark.parametrize(
    ("definition", "form", "constants", "said"),
    [
        (
            "M/6, a sixth of the non-embedding FLOPs per token",
            "chinchilla",
            CONSTANTS,
            "no count of params follows without a model's shape, so it is not comparable with the others",
        ),
        (
            "non-embedding",
            "frontier",
            "{E: 1.7, A: 26.5, alpha: 0.08}",
            "a frontier has no N to convert them with, so it is not comparable with the others",
        ),
    ],
)
def test_what_cannot_be_converted_is_marked_by_one_command_and_refused_by_the_other_in_its_words(
    scaling: Scaling,
    document: Document,
    tmp_path: Path,
    definition: str,
    form: str,
    constants: str,
    said: str,
) -> None:
    law = law_file(tmp_path / "mine.yaml", constants, definition, form)
    (marked,) = [
        finding
        for finding in document("laws", law, "besiroglu2024")["allocations"][0]["findings"]
        if finding["id"] == "not-comparable-params"
    ]
    assert said in marked["message"]
    ended = scaling("compare", "recipes", "besiroglu2024", law)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines() == [
        f"error: mine.yaml: {marked['message']}",
        "hint: --as-published compares laws with the params and budgets that each has",
    ]
    own = document("recipes", "besiroglu2024", law, "--as-published")
    assert "mixed-params" in ids(own["recipes"][1])


def test_an_exponent_of_n_is_not_shared_by_tables_that_count_other_params(
    scaling: Scaling, document: Document, tables: dict[str, Path]
) -> None:
    ended = scaling("compare", "recipes", tables["total"], tables["nonemb"], "--share", "alpha")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(
        "error: --share: alpha is of N, and the recipes count total and non-embedding params\nhint: share E"
    )
    shared = document(
        *("recipes", tables["total"], tables["nonemb"], "--share", "E"),
        *("--bootstrap", "0", "--flops", "3e21"),
    )
    first, second = (one["law"]["parameters"]["E"] for one in shared["recipes"])
    assert first == second
    assert "converted-params" in ids(shared["recipes"][1])


@pytest.mark.parametrize("output_format", list(EXTENSIONS))
@pytest.mark.parametrize("name", list(GOLDEN))
def test_what_a_converted_comparison_prints_is_its_golden_file(
    scaling: Scaling, tables: dict[str, Path], name: str, output_format: str
) -> None:
    asked = [part.format(**tables) for part in GOLDEN[name].split()]
    ended = scaling("compare", "recipes", *asked, "--format", output_format)
    assert ended.returncode == 0, ended.stderr
    hold_to_format(ended.stdout, name, output_format)


@pytest.mark.parametrize("name", list(GOLDEN))
def test_what_a_terminal_of_80_columns_gets_is_its_golden_file(
    scaling: Scaling, tables: dict[str, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = scaling("compare", "recipes", *(part.format(**tables) for part in GOLDEN[name].split()))
    hold_to_80_columns(ended.stdout, name)
