"""Tokenizer, evaluation set and bytes per token: from columns, from YAML, and with a saved law."""

from pathlib import Path
from typing import Any

import pytest

from scaling_cli.errors import InputError
from scaling_cli.files.experiment_file import is_experiment, read_experiment
from scaling_cli.files.loss_measure import describe_evaluation, measure_of_law, read_loss_measure
from scaling_cli.files.table import parse_table
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.planning.loss_measure import LossMeasure

LAW = ChinchillaLaw(E=1.8, A=480, B=2000, alpha=0.35, beta=0.36)


def measured(text: str, **stated: Any) -> LossMeasure:
    table = parse_table(text, "runs.csv")
    return read_loss_measure(table, range(len(table.rows)), name="runs", unit="nats per token", **stated)


def test_columns_state_what_the_losses_are_of() -> None:
    found = measured("Tokenizer,eval_set,bytes-per-token\ngpt2,c4,4.2\n,,\ngpt2,c4,4.2\n")
    assert (found.tokenizer, found.eval_set, found.bytes_per_token) == ("gpt2", "c4", 4.2)


def test_a_table_without_them_states_nothing() -> None:
    assert measured("loss\n3\n") == LossMeasure("runs")


def test_yaml_stands_before_the_columns() -> None:
    found = measured("tokenizer,bytes_per_token\ngpt2,4.2\n", tokenizer="llama", bytes_per_token=4.4)
    assert (found.tokenizer, found.bytes_per_token) == ("llama", 4.4)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("tokenizer\ngpt2\nllama\n", r"the runs state 2 different values of tokenizer: gpt2, llama"),
        ("bytes_per_token\n4.2\n4.4\n", r"2 different values of bytes_per_token: 4\.2, 4\.4"),
        ("bytes_per_token\nfour\n", r"runs.csv:2: bytes_per_token 'four' is not a number"),
        ("bytes_per_token\n-4\n", r"runs.csv:2: bytes_per_token must be positive, got -4"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, error: str) -> None:
    with pytest.raises(InputError, match=error):
        measured(text)


def test_a_law_keeps_what_its_runs_stated() -> None:
    table = parse_table("tokenizer,bytes_per_token\ngpt2,4.2\n", "runs.csv")
    provenance = {"evaluation": describe_evaluation(table, [0], tokenizer="", eval_set="c4")}
    assert provenance["evaluation"] == {"tokenizer": "gpt2", "eval_set": "c4", "bytes_per_token": 4.2}
    found = measure_of_law(LawCard(name="x", law=LAW, provenance=provenance), "law")
    assert (found.name, found.tokenizer, found.eval_set, found.bytes_per_token) == (
        "law",
        "gpt2",
        "c4",
        4.2,
    )
    assert describe_evaluation(parse_table("tokenizer\na\nb\n", "runs.csv"), [0, 1]) == {}


@pytest.mark.parametrize("stated", [None, "gpt2", {"bytes_per_token": "4"}, {"bytes_per_token": True}])
def test_a_law_file_that_states_nothing_usable_states_nothing(stated: object) -> None:
    card = LawCard(name="x", law=LAW, provenance={"evaluation": stated})
    assert measure_of_law(card, "law") == LossMeasure("law")


def test_an_experiment_may_state_them(tmp_path: Path) -> None:
    path = tmp_path / "exp.yaml"
    path.write_text("runs: r.csv\ntokenizer: gpt2\neval_set: c4\nbytes_per_token: 4.2\n")
    found = read_experiment(str(path))
    assert (found.tokenizer, found.eval_set, found.bytes_per_token) == ("gpt2", "c4", 4.2)
    path.write_text("runs: r.csv\nbytes_per_token: -4\n")
    with pytest.raises(InputError, match=r"exp.yaml:2: bytes_per_token: must be positive, got -4"):
        read_experiment(str(path))


def test_an_experiment_is_told_from_a_law(tmp_path: Path) -> None:
    experiment, law = tmp_path / "exp.yaml", tmp_path / "law.yaml"
    experiment.write_text("runs: r.csv\n")
    law.write_text("schema: scaling.law/1\nform: chinchilla\n")
    assert (is_experiment(str(experiment)), is_experiment(str(law))) == (True, False)
