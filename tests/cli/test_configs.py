"""Every file in configs/ does what its header says, and published figures come out where they should."""

import csv
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares

from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.published import published_law
from tests.cli.conftest import ROOT, Ended

Shell = Callable[..., Ended]
Scaling = Callable[..., Ended]

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
NOT_THERE = "digitised.csv"
"""Runs that a header speaks of and the repository does not hold."""


def header_of(config: Path) -> list[str]:
    """The lines of the comment that a file begins with, without their mark."""
    lines = config.read_text().splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return [line.removeprefix("#").removeprefix(" ") for line in lines[:end]]


def commands_of(config: Path) -> list[str]:
    """The commands of a header: lines that are set in, else the one in a sentence, "for COMMAND: ..."."""
    lines = header_of(config)
    set_in = [line.strip() for line in lines if line.startswith("  scaling ")]
    return set_in or re.findall(r"\bfor (scaling [^:]+):", " ".join(lines))


COMMANDS = [(config.name, command) for config in CONFIGS for command in commands_of(config)]
RUN = [(name, command) for name, command in COMMANDS if NOT_THERE not in command]


@pytest.fixture
def answer(scaling: Scaling) -> Callable[..., Any]:
    """Run a command in this process, and return its JSON."""

    def run(*words: str | Path) -> Any:
        ended = scaling(*words, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


@pytest.mark.parametrize("config", CONFIGS, ids=[config.name for config in CONFIGS])
def test_a_header_names_a_command_that_reads_its_file(config: Path) -> None:
    commands = commands_of(config)
    assert commands
    assert all(f"configs/{config.name}" in shlex.split(command) for command in commands)


@pytest.mark.parametrize(("name", "command"), RUN, ids=[command for _, command in RUN])
def test_a_config_runs_as_its_header_says(shell: Shell, name: str, command: str) -> None:
    ended = shell(f"cd {shlex.quote(str(ROOT))} && {command}")
    keys = "fit.form, fit.objective, fit.delta, fit.starts"
    unused = f"note: configs/{name}: {keys} say nothing to scaling isoflop\n"
    assert ended.returncode == 0
    assert ended.stderr in ("", unused)
    assert len(ended.stdout.splitlines()) > 5


# ------------------------------------------------------------------------------- cerebras_gpt.yaml

CEREBRAS = ROOT / "configs" / "cerebras_gpt.yaml"


@pytest.mark.parametrize(
    ("column", "options", "said"),
    [
        ("flops_printed", (), (0.459, 0.0713)),
        ("flops", ("--column", "tokens=tokens"), (0.386, 0.0649)),  # 6 N D
    ],
)
def test_a_free_fit_to_cerebras_gpt_is_that_of_scipy_and_what_its_header_says(
    answer: Callable[..., Any], column: str, options: tuple[str, ...], said: tuple[float, float]
) -> None:
    rows = list(csv.DictReader((ROOT / "sample_runs" / "cerebras_gpt.csv").read_text().splitlines()))
    log_C = np.log([float(row[column]) / 1e20 for row in rows])
    log_L = np.log([float(row["loss"]) for row in rows])

    def residuals(x: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Any:
        return np.log(x[0] + np.exp(x[1] - x[2] * log_C)) - log_L

    floor, _, alpha = least_squares(residuals, [0.5, 0.4, 0.07], xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    fitted = answer("fit", "--config", CEREBRAS, *options, "--bootstrap", "0")["law"]["parameters"]
    assert (fitted["E"], fitted["alpha"]) == pytest.approx((floor, alpha), rel=1e-5)
    header = " ".join(CEREBRAS.read_text().split())
    assert floor == pytest.approx(said[0], abs=5e-4)
    assert alpha == pytest.approx(said[1], abs=5e-5)
    assert f"E {said[0]}" in header
    assert str(said[1]) in header


def test_a_fit_shows_no_tokens_and_no_delta_that_it_did_not_use(scaling: Scaling) -> None:
    shown = scaling("fit", "--config", CEREBRAS, "--bootstrap", "0").stdout
    assert re.search(r"^  tokens +not read$", shown, re.MULTILINE)
    assert re.search(r"^  FLOPs +2\.6e18 to 2\.3e22 \(flops_printed\)$", shown, re.MULTILINE)
    assert re.search(r"^  objective +log-mse, sum ", shown, re.MULTILINE)
    counted = scaling("fit", "--config", CEREBRAS, "--column", "tokens=tokens", "--bootstrap", "0").stdout
    assert re.search(r"^  tokens +2\.22B to 257B$", counted, re.MULTILINE)
    assert "(6 N D)" in counted


def test_a_table_speaks_of_sizes_below_each_plan_only_where_the_law_has_sizes(scaling: Scaling) -> None:
    shown = scaling("fit", "--config", CEREBRAS, "--bootstrap", "20").stdout
    assert "\nBelow each plan its 90 % intervals.\n" in shown


def test_an_experiment_can_be_typed_with_the_column_that_is_not_read(answer: Callable[..., Any]) -> None:
    options = ("--form", "frontier", "--objective", "log-mse", "--flops", "1e23", "--bootstrap", "0")
    columns = ("--column", "flops=flops_printed", "--column", "tokens=")
    typed = answer("fit", ROOT / "sample_runs" / "cerebras_gpt.csv", *columns, *options)
    assert typed == answer("fit", "--config", CEREBRAS, "--bootstrap", "0")


def test_the_published_frontier_of_cerebras_gpt_is_within_what_its_runs_leave_open(
    answer: Callable[..., Any],
) -> None:
    law = published_law("cerebras2023").law
    assert isinstance(law, FrontierLaw)
    assert (law.E, law.alpha) == (0.5066, 0.0737)
    free = answer("fit", "--config", CEREBRAS)
    for name, value in law.parameters.items():
        low, high = free["intervals"]["parameters"][name]
        assert low < value < high
    fixed = answer("fit", "--config", CEREBRAS, "--fix", "E=0.5066", "--bootstrap", "0")
    assert fixed["law"]["parameters"]["alpha"] == pytest.approx(law.alpha, rel=0.0025)
    for document in (free, fixed):
        (plan,) = document["optima"]
        assert plan["loss"] == pytest.approx(law.frontier_loss(plan["flops"]), rel=0.0015)
        assert (plan["params"], plan["tokens"]) == (None, None)


# -------------------------------------------------------------------------------- hoffmann2022.yaml

HOFFMANN = ROOT / "configs" / "hoffmann2022.yaml"
BUDGETS = [6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21]
"""Hoffmann et al. 2022, Fig. 3."""


def test_the_procedure_of_hoffmann_finds_the_law_its_runs_were_simulated_from(
    answer: Callable[..., Any],
) -> None:
    truth = published_law("besiroglu2024").law
    document = answer("fit", "--config", HOFFMANN, "--bootstrap", "200")
    assert document["starts"]["tried"] == 5 * 5 * 5 * 6 * 6  # App. D.2
    assert (document["objective"]["name"], document["objective"]["delta"]) == ("log-huber", 1e-3)
    for name, value in truth.parameters.items():
        low, high = document["intervals"]["parameters"][name]
        assert low < value < high
    assert document["optima"][0]["flops"] == 5.76e23


def test_the_isoflop_profiles_of_hoffmann_are_at_the_papers_budgets(answer: Callable[..., Any]) -> None:
    truth = published_law("besiroglu2024").law.parameters
    document = answer("isoflop", "--config", HOFFMANN)
    assert [profile["budget"] for profile in document["budgets"]] == BUDGETS
    low, high = document["frontier"]["intervals"]["corrected"]["params"]["exponent"]
    assert low < truth["beta"] / (truth["alpha"] + truth["beta"]) < high


def test_the_procedure_of_hoffmann_on_his_digitised_runs_is_the_known_optimum(
    answer: Callable[..., Any], digitised_runs: Path
) -> None:
    (command,) = (command for _, command in COMMANDS if NOT_THERE in command)
    words = shlex.split(command.replace(NOT_THERE, shlex.quote(str(digitised_runs))))[1:]
    words[words.index(f"configs/{HOFFMANN.name}")] = str(HOFFMANN)
    # other starts for speed: tests/fitting/test_published_grid.py has the grid end at the same minimum
    document = answer(*words, "--bootstrap", "0", "--starts", "projection")
    assert document["runs"] == {"read": 245, "used": 240}
    # the global minimum of Eq. 3 on these 240 runs; it pins A and B to 2e-3, all else to 1e-4
    assert document["objective"]["value"] == pytest.approx(1.018274017801e-3, rel=1e-6)
    found = document["law"]["parameters"]
    assert (found["E"], found["alpha"], found["beta"]) == pytest.approx(
        (1.8172181, 0.347310499, 0.367172433), rel=1e-4
    )
    assert (found["A"], found["B"]) == pytest.approx((477.825868, 2143.41736), rel=2e-3)


# ------------------------------------------------------------------------------- plan_64xh100.yaml

PLAN = ROOT / "configs" / "plan_64xh100.yaml"


def test_64_h100s_for_30_days_train_what_fits_the_card_that_serves_it(answer: Callable[..., Any]) -> None:
    (plan,) = answer("optimal", "--config", PLAN)["results"]
    C = 64 * 30 * 86400 * 0.40 * 989e12  # the dense bf16 peak of an H100-SXM
    N = (48e9 - 32_000 * 48 * 2 * 8 * 128 * 2) / 2  # what its cache leaves of the card, at two bytes each
    D = C / (6 * N)
    loss = 1.8172 + 482.01 * N**-0.3478 + 2085.43 * D**-0.3658  # Besiroglu et al. 2024, Table 1
    found = (plan["flops"], plan["params"], plan["tokens"], plan["loss"])
    assert found == pytest.approx((C, N, D, loss), rel=1e-6)


# --------------------------------------------------------- published runs that hold no law in N and D


@pytest.mark.parametrize(
    ("table", "found", "experiment"),
    [
        (
            "cerebras_gpt.csv",
            "single-ray-design: all 7 runs have about 20 tokens per param",
            "add runs off the line: the same sizes on a quarter and on four times the tokens",
        ),
        (
            "pythia.csv",
            "one-token-count: all 8 runs have 299.9B tokens",
            "add runs of the same sizes at two or more other token counts",
        ),
    ],
)
@pytest.mark.parametrize("form", ["chinchilla", "tied", "kaplan"])
def test_published_runs_on_a_line_are_refused_with_the_experiment_they_lack(
    scaling: Scaling, table: str, found: str, experiment: str, form: str
) -> None:
    ended = scaling("fit", ROOT / "sample_runs" / table, "--form", form)
    error, hint = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert found in error
    assert experiment in hint


def test_runs_of_one_token_count_are_no_frontier_either(scaling: Scaling) -> None:
    for form in ("frontier", "all"):
        ended = scaling("fit", ROOT / "sample_runs" / "pythia.csv", "--form", form)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "one-token-count" in ended.stderr
