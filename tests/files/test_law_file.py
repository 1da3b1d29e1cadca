"""A law file gives back the law that was written, and what is no law is refused with the reason."""

import gzip
import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.errors import InputError, LawError, OutputError, ScalingError
from scaling_cli.files.law_file import SCHEMA, read_law, write_law
from scaling_cli.findings import Finding
from scaling_cli.laws.additive import ChinchillaLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.published import PUBLISHED

LAW = {"E": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.34, "beta": 0.36}
MINIMAL: dict[str, object] = {"schema": SCHEMA, "form": "chinchilla", "parameters": LAW}
FITTED = LawCard(
    name="runs.csv",
    law=ChinchillaLaw(E=1.8172181, A=477.825868, B=2143.41736, alpha=0.347310499, beta=1 / 3),
    source="fitted to runs.csv",
    params_definition="non-embedding",
    dataset="C4 – « propre »",
    confidence="fitted",
    caveat="one seed: \u2028 a caveat # with everything",
    findings=(
        Finding("edge-vertex", "warning", "say: {what}", ("run 1", "line 7")),
        Finding("x", "info", ""),
    ),
    fitted_range={"params": (4.4e7, 1.6183e10), "tokens": (5e9, 4e11), "flops": (6e18, 3e21)},
    provenance={
        "sha256": "0" * 64,
        "filters": ["flops < 1e21"],
        "objective": {"name": "log-huber", "delta": 1e-3, "value": 1.018274017801e-7},
        "runs": {"read": 245, "used": 240},
        "version": "0.1.0",
        "date": "2024-05-01",
        "flags": [True, None, 1e22, -0.5, "1e18", "1:30", "no", ""],
    },
)


def refusal(folder: Path, name: str, text: str) -> ScalingError:
    """The error that reading ``text`` from a file called ``name`` raises, the folder taken out."""
    path = folder / name
    path.write_text(text)
    with pytest.raises((InputError, LawError)) as caught:
        read_law(str(path))
    return type(caught.value)(caught.value.message.replace(f"{folder}{os.sep}", ""), hint=caught.value.hint)


@pytest.mark.parametrize("name", ["law.json", "law.yaml", "law.yml", "LAW.YAML", "law"])
def test_a_law_that_was_written_is_read_back_whole(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    write_law(path, FITTED)
    assert read_law(path) == replace(FITTED, name=path)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize("card", PUBLISHED.values(), ids=PUBLISHED)
def test_every_published_law_survives_a_file(tmp_path: Path, card: LawCard, suffix: str) -> None:
    path = str(tmp_path / f"law.{suffix}")
    write_law(path, card)
    assert read_law(path) == replace(card, name=path)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    E=st.floats(0, 10),
    A=st.floats(1e-3, 1e12),
    B=st.floats(1e-3, 1e12),
    alpha=st.floats(0.05, 2),
    beta=st.floats(0.05, 2),
)
def test_constants_keep_every_digit(
    tmp_path_factory: pytest.TempPathFactory,
    suffix: str,
    E: float,
    A: float,
    B: float,
    alpha: float,
    beta: float,
) -> None:
    path = str(tmp_path_factory.getbasetemp() / f"digits.{suffix}")
    law = ChinchillaLaw(E=E, A=A, B=B, alpha=alpha, beta=beta)
    write_law(path, LawCard(name="x", law=law, source="here"))
    assert read_law(path).law == law


def test_the_json_names_its_schema_first_and_ends_with_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "law.json"
    write_law(str(path), FITTED)
    text = path.read_text()
    assert text.startswith('{\n  "schema": "scaling.law/1",\n  "name": "runs.csv",\n  "form": "chinchilla"')
    assert text.endswith("}\n")


def test_schema_form_and_parameters_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(MINIMAL))
    card = read_law(str(path))
    assert card == LawCard(name=str(path), law=ChinchillaLaw(**LAW), source="typed by hand")


def test_a_law_typed_as_yaml_may_write_its_numbers_as_people_do(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "# from the meeting\nschema: scaling.law/1\nform: allocation\n"
        "parameters: {params_coefficient: 9e-2, params_exponent: '0.5'}\n"
        "fitted_range: {params: [70M, 16B], flops: [6e18, 3e21]}\n"
    )
    card = read_law(str(path))
    assert card.law.parameters == {"params_coefficient": 0.09, "params_exponent": 0.5}
    assert card.fitted_range == {"params": (7e7, 1.6e10), "flops": (6e18, 3e21)}


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("law.json.gz", lambda path, text: path.write_bytes(gzip.compress(text.encode()))),
        ("law.json", lambda path, text: path.write_bytes(text.encode("utf-16"))),
        ("law.json", lambda path, text: path.write_bytes(b"\xef\xbb\xbf" + text.encode())),
        ("law.yaml", lambda path, text: path.write_text(text)),  # JSON is YAML
        ("law.txt", lambda path, text: path.write_text(text.replace("\n", "\r\n"))),
    ],
    ids=["gzip", "utf-16", "byte order mark", "json called yaml", "crlf"],
)
def test_a_law_is_read_however_it_is_wrapped(
    tmp_path: Path, name: str, write: Callable[[Path, str], object]
) -> None:
    write(tmp_path / name, json.dumps(MINIMAL, indent=1))
    assert read_law(str(tmp_path / name)).law == ChinchillaLaw(**LAW)


def changed(**changes: object) -> str:
    """The minimal law as JSON of a line per key, with keys changed, or left out where they are ``...``."""
    data = {**MINIMAL, **changes}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in data.items() if value is not ...]
    return "{\n" + ",\n".join(lines) + "\n}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "law.json: the file is empty"),
        ("[1]", "law.json: a law must be a mapping of keys, got a list"),
        ("null", "law.json: a law must be a mapping of keys, got nothing"),
        ('{"schema": "scaling.law/1",\n"form": ', "law.json:2: damaged JSON (Expecting value, column 9)"),
        ('{"schema": 1, "schema": 2}', "law.json: the key 'schema' is given twice"),
        ('{"schema": NaN}', "law.json: NaN is not a finite number"),
        ('{"schema": -Infinity}', "law.json: -Infinity is not a finite number"),
        ('{"schema": 1e999}', "law.json: 1e999 is not a finite number"),
        ("[" * 100_000, "law.json: damaged JSON"),
        (changed(schema=...), "law.json: no schema"),
        (
            changed(schema="scaling.law/9"),
            "law.json:2: schema is 'scaling.law/9', this version reads scaling.law/1",
        ),
        (
            changed(schema="scaling.fit/1"),
            "law.json:2: schema is 'scaling.fit/1', this version reads scaling.law/1",
        ),
        (changed(form=...), "law.json: no form"),
        (changed(parameters=...), "law.json: no parameters"),
        (changed(form=3), "law.json:3: form must be text, got 3"),
        (changed(form="chinchila"), "law.json:3: form: 'chinchila' is not known"),
        (changed(parameters=[1, 2]), "law.json:4: parameters must be a mapping of keys, got a list"),
        (changed(sorce="here"), "law.json:5: unknown key 'sorce'"),
        (changed(source=7), "law.json:5: source must be text, got 7"),
        (
            changed(loss_unit="bits"),
            "law.json:5: loss_unit must be one of nats per token, bits per byte, perplexity, got 'bits'",
        ),
        (changed(name=["x"]), "law.json:5: name must be text, got a list"),
        (
            changed(parameters={**LAW, "alpha": -1}),
            "law.json:4: parameters: alpha must be positive, got -1.0",
        ),
        (changed(parameters={**LAW, "E": "low"}), "law.json:4: parameters: E: 'low' is not a number"),
        (
            changed(parameters={**LAW, "gamma": 1}),
            "law.json:4: parameters: 'gamma' is no constant of the chinchilla form "
            "(it has E, A, B, alpha, beta)",
        ),
        (
            changed(parameters={"E": 1}),
            "law.json:4: parameters: no A (the chinchilla form has E, A, B, alpha, beta)",
        ),
        (changed(findings={}), "law.json:5: findings must be a list, got a mapping"),
        (changed(findings=["odd"]), "law.json:5: a finding must be a mapping of keys, got 'odd'"),
        (changed(findings=[{"id": "x"}]), "law.json:5: a finding's severity must be text, got nothing"),
        (
            changed(findings=[{"id": "x", "severity": "grave", "message": ""}]),
            "law.json:5: a finding's severity must be one of info, warning, refusal, got 'grave'",
        ),
        (
            changed(findings=[{"id": "x", "severity": "info", "message": "", "runs": "a"}]),
            "law.json:5: a finding's runs must be a list of text",
        ),
        (
            changed(findings=[{"id": "x", "severity": "info", "message": "", "text": "a"}]),
            "law.json:5: a finding has no key 'text'",
        ),
        (changed(fitted_range=[1, 2]), "law.json:5: fitted_range must be a mapping of keys, got a list"),
        (
            changed(fitted_range={"size": [1, 2]}),
            "law.json:5: fitted_range: no quantity is called 'size'",
        ),
        *(
            (
                changed(fitted_range={"flops": ends}),
                "law.json:5: fitted_range: flops must be [least, largest], two positive numbers",
            )
            for ends in (3, [1], [1, 2, 3], [2, 1], [0, 1], ["a", "b"], [None, 1])
        ),
        (changed(provenance="me"), "law.json:5: provenance must be a mapping of keys, got 'me'"),
    ],
)
def test_what_is_no_law_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    error = refusal(tmp_path, "law.json", text)
    assert error.message == message
    assert error.hint


def test_the_cure_of_an_unknown_key_or_of_another_schema_can_be_followed(tmp_path: Path) -> None:
    assert refusal(tmp_path, "law.json", changed(sorce="here")).hint == "did you mean source?"
    assert "the version of scaling that wrote it" in str(
        refusal(tmp_path, "law.json", changed(schema="scaling.law/9")).hint
    )


@pytest.mark.parametrize("unit", ["nats per token", "bits per byte", "perplexity"])
def test_what_the_loss_is_in_survives_a_file(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "law.json"
    write_law(str(path), replace(FITTED, loss_unit=unit))
    assert read_law(str(path)).loss_unit == unit
    assert ("loss_unit" in path.read_text()) == (unit != "nats per token")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "law.yaml: a law must be a mapping of keys, got 'a,b 1,2'"),
        ("# only a comment\n", "law.yaml: a law must be a mapping of keys, got nothing"),
        ("schema: scaling.law/1\n form: x\n", "law.yaml:2: not YAML: mapping values are not allowed here"),
        (
            "schema: scaling.law/1\nform: frontier\nparameters:\n  E: .nan\n  A: 1\n  alpha: 1\n",
            "law.yaml:3: parameters: E: '.nan' is not a number",
        ),
        (
            "schema: scaling.law/1\nform: ratio\nparameters: {tokens_per_param: 20}\n"
            "findings:\n- {id: x, severity: info, message: y}\n- id: x\n  severity: grave\n  message: y\n",
            "law.yaml:7: a finding's severity must be one of info, warning, refusal, got 'grave'",
        ),
    ],
)
def test_what_is_no_law_in_yaml_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, "law.yaml", text).message == message


def test_a_report_taken_for_a_law_is_told_how_to_save_one(tmp_path: Path) -> None:
    hint = refusal(tmp_path, "fit.json", changed(schema="scaling.fit/1")).hint
    assert hint is not None
    assert "--save law.json" in hint


def test_impossible_constants_are_an_error_of_the_law_and_not_of_the_file(tmp_path: Path) -> None:
    error = refusal(tmp_path, "law.json", changed(parameters={**LAW, "B": 0}))
    assert isinstance(error, LawError)
    assert error.exit_code == 1


def test_a_law_with_a_number_that_is_none_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "law.json"
    with pytest.raises(ValueError, match="JSON"):
        write_law(str(path), replace(FITTED, provenance={"value": math.nan}))
    assert not path.exists()


def test_a_law_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: no folder"):
        write_law(str(tmp_path / "nowhere" / "law.json"), FITTED)


def test_reading_a_law_in_json_imports_neither_yaml_nor_pydantic_nor_numpy(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "law.json"
    write_law(str(path), FITTED)
    code = (
        "import sys; from scaling_cli.files.law_file import read_law; read_law(sys.argv[1]); "
        "print(sorted({'yaml', 'pydantic', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
