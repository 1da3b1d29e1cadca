"""Draws and residuals in a law file: they survive it, stand on a line each, and are refused where damaged."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaling_cli.errors import InputError
from scaling_cli.files.law_file import SCHEMA, read_law, write_law
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard

CONSTANTS = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


def card(count: int = 30) -> LawCard:
    """A law with draws and residuals of every digit."""
    random = np.random.default_rng(0)
    factors = np.exp(0.1 * random.standard_normal((count, 5)))
    draws = tuple(
        ChinchillaLaw(
            **{
                name: float(value * factor)
                for (name, value), factor in zip(CONSTANTS.items(), row, strict=True)
            }
        )
        for row in factors
    )
    residuals = tuple(float(r) for r in 0.005 * random.standard_normal(17))
    return LawCard("runs.csv", ChinchillaLaw(**CONSTANTS), source="here", draws=draws, residuals=residuals)


@pytest.mark.parametrize("name", ["law.json", "law.yaml", "law.yml", "law"])
def test_draws_and_residuals_survive_a_file(tmp_path: Path, name: str) -> None:
    written, path = card(), str(tmp_path / name)
    write_law(path, written)
    read = read_law(path)
    assert len(read.draws) == len(written.draws)
    for one, other in zip(read.draws, written.draws, strict=True):
        assert isinstance(one, ChinchillaLaw)
        assert one.parameters == pytest.approx(other.parameters, rel=1e-11)
    assert read.residuals == pytest.approx(written.residuals, rel=1e-11)
    assert replace(read, draws=(), residuals=()) == replace(written, name=path, draws=(), residuals=())


def test_a_file_read_and_written_again_is_the_same(tmp_path: Path) -> None:
    first, second = tmp_path / "law.json", tmp_path / "again.json"
    write_law(str(first), card())
    write_law(str(second), replace(read_law(str(first)), name="runs.csv"))
    assert second.read_text() == first.read_text()


def test_draws_and_residuals_take_a_line_of_json_each(tmp_path: Path) -> None:
    few, many = tmp_path / "few.json", tmp_path / "many.json"
    write_law(str(few), card(2))
    write_law(str(many), card(500))
    lines = many.read_text().splitlines()
    assert len(lines) == len(few.read_text().splitlines())
    assert [line.split(":")[0].strip() for line in lines[-3:]] == ['"draws"', '"residuals"', "}"]
    document = json.loads(many.read_text())
    assert list(document["draws"]) == list(CONSTANTS)
    assert {len(column) for column in document["draws"].values()} == {500}


def test_a_law_without_draws_has_neither_key(tmp_path: Path) -> None:
    path = tmp_path / "law.json"
    write_law(str(path), LawCard("mine", ChinchillaLaw(**CONSTANTS), source="here"))
    assert not {"draws", "residuals"} & set(json.loads(path.read_text()))
    assert (read_law(str(path)).draws, read_law(str(path)).residuals) == ((), ())


def test_a_name_that_looks_like_the_place_of_the_draws_stays_a_name(tmp_path: Path) -> None:
    path, odd = str(tmp_path / "law.json"), replace(card(), source="\x00draws\x00", caveat='"draws"')
    write_law(path, odd)
    read = read_law(path)
    assert (read.source, read.caveat) == (odd.source, odd.caveat)
    assert len(read.draws) == 30


COLUMNS: Mapping[str, list[Any]] = {name: [value, value] for name, value in CONSTANTS.items()}
NUMBERS = "draws must be lists of numbers of the same length"
EVERY = "draws must hold a list for each of E, A, B, alpha, beta"


def refusal(folder: Path, text: str, name: str = "law.json") -> str:
    """The message with which a file of ``text`` is refused; it has a hint, and is one line."""
    path = folder / name
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_law(str(path))
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value.message.replace(f"{folder}{os.sep}", "")


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({name: column for name, column in COLUMNS.items() if name != "B"}, EVERY),
        ({**COLUMNS, "gamma": [1, 1]}, EVERY),
        ([[1, 2], [3, 4]], EVERY),
        ("many", EVERY),
        ({}, EVERY),
        (0, EVERY),
        ({**COLUMNS, "alpha": [0.3]}, NUMBERS),
        ({**COLUMNS, "alpha": ["0.3", "a"]}, NUMBERS),
        ({**COLUMNS, "alpha": [0.3, None]}, NUMBERS),
        ({**COLUMNS, "alpha": [0.3, True]}, NUMBERS),
        ({**COLUMNS, "alpha": [[0.3], 0.3]}, NUMBERS),
        ({**COLUMNS, "alpha": 0.3}, NUMBERS),
        ({**COLUMNS, "A": [480, 10**400]}, NUMBERS),
        ({**COLUMNS, "alpha": [0.3, -0.3]}, "draws: alpha must be positive, got -0.3"),
        ({**COLUMNS, "E": [-1, 1]}, "draws: E must not be negative, got -1.0"),
    ],
    ids=[
        "a missing constant",
        "a constant of no form",
        "a list of laws",
        "text",
        "nothing",
        "zero",
        "unequal lengths",
        "text among numbers",
        "null among numbers",
        "true among numbers",
        "a list among numbers",
        "one number",
        "an integer past every float",
        "a negative exponent",
        "a negative E",
    ],
)
def test_damaged_draws_are_refused_with_the_reason(tmp_path: Path, draws: object, message: str) -> None:
    head = f'{{"schema": "{SCHEMA}",\n"form": "chinchilla",\n"parameters": {json.dumps(CONSTANTS)},\n'
    assert refusal(tmp_path, f'{head}"draws": {json.dumps(draws)}}}') == f"law.json:4: {message}"


@pytest.mark.parametrize(
    "residuals",
    [{"a": 1}, "0.1", 0, ["0.1"], [0.1, None], [False], [10**400]],
    ids=lambda value: str(value)[:20],
)
def test_damaged_residuals_are_refused_with_the_reason(tmp_path: Path, residuals: object) -> None:
    head = f'{{"schema": "{SCHEMA}",\n"form": "chinchilla",\n"parameters": {json.dumps(CONSTANTS)},\n'
    expected = "law.json:4: residuals must be a list of numbers"
    assert refusal(tmp_path, f'{head}"residuals": {json.dumps(residuals)}}}') == expected


@pytest.mark.parametrize("key", ["draws", "residuals"])
def test_what_is_no_number_is_refused_in_json_and_in_yaml(tmp_path: Path, key: str) -> None:
    values = {"draws": '{"E": [NaN], "A": [1], "B": [1], "alpha": [1], "beta": [1]}', "residuals": "[NaN]"}
    head = f'{{"schema": "{SCHEMA}",\n"form": "chinchilla",\n"parameters": {json.dumps(CONSTANTS)},\n'
    text = f'{head}"{key}": {values[key]}}}'
    assert refusal(tmp_path, text) == "law.json: NaN is not a finite number"
    message = refusal(tmp_path, text.replace("NaN", ".nan"), "law.yaml")
    assert message.startswith(f"law.yaml:4: {key} must be ")
