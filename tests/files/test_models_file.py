"""The YAML of one's own models: what it holds, and what is said of one that is wrong, line by line."""

from pathlib import Path

import pytest

from scaling_cli.errors import InputError
from scaling_cli.files.models_file import read_models
from scaling_cli.laws.models import Model


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_models_are_read_with_their_counts_as_people_write_them(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "models:\n"
        "  - {name: ours 7B, params: 7B, tokens: 1.4T}\n"
        "  - name: moe\n"
        "    params: 100e9\n"
        "    active_params: 1_000_000_000\n"
        "    tokens: 5e12\n"
        "    flops: 3.1e22\n"
        "    dataset: MassiveText\n"
        "    source: our wiki\n"
        "    caveat: not finished\n",
    )
    first, second = read_models(path)
    assert first == Model("ours 7B", 7e9, 1.4e12, source=path, confidence="own")
    assert second == Model(
        "moe",
        1e11,
        5e12,
        source="our wiki",
        confidence="own",
        active_params=1e9,
        flops_published=3.1e22,
        dataset="MassiveText",
        caveat="not finished",
    )


MODEL = "name: a, params: 7B, tokens: 1T"


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("", ": the file is empty", "models: [{name: mine"),
        ("[1, 2]", ":1: models stand under a key, got a list", "begin with models:"),
        ("models: []", ":1: no models", "models: [{name: mine"),
        ("models: 3", ":1: models must be a list, got 3", "write models: [ONE, ANOTHER]"),
        ("models:\n - 3", ":2: models must be a mapping of keys, got 3", "write - {KEY: VALUE}"),
        (f"modles:\n - {{{MODEL}}}", ":1: unknown key 'modles'", "models"),
        (f"models:\n - {{{MODEL}, parms: 3}}", ":2: unknown key 'parms'", "did you mean params?"),
        ("models:\n - {name: a, params: 7B}", ":2: no key 'models.tokens'", "add a line tokens: 2T"),
        ("models:\n - {name: 7, params: 7B, tokens: 1T}", ":2: models.name must be text", "quotes"),
        (
            "models:\n - {name: ' ', params: 7B, tokens: 1T}",
            ":2: models.name: must not be blank",
            "name: mine",
        ),
        (
            "models:\n - name: a\n   params: lots\n   tokens: 1T",
            ":3: models.params: 'lots' is not a number",
            "70B",
        ),
        (
            "models:\n - {name: a, params: 7B, tokens: -1T}",
            ":2: models.tokens: must be positive",
            "above zero",
        ),
        ("models:\n - {name: a, params: [7], tokens: 1T}", ":2: models.params: must be one number", "70B"),
        (f"models:\n - {{{MODEL}}}\n - {{{MODEL}}}", ":3: the name 'a' is given twice", "rename one"),
        (
            f"models:\n - {{{MODEL}, active_params: 8B}}",
            ":2: active_params are more than params",
            "one token",
        ),
        ("models:\n - {name: a, params: 1e300, tokens: 1e30}", ":2: params times tokens", "70B and 1.4T"),
        ("models:\n\t- a", ":2: not YAML", "indent with spaces"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line_and_a_way_out(
    tmp_path: Path, text: str, error: str, hint: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_models(path)
    said = f"{caught.value.message} {caught.value.hint}"
    assert f"{path}{error}" in said
    assert hint in said


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path, "models:\n  - name: a\n    parms: 7B\n    tokens: x\n  - {name: b, params: 0, tokens: 1T}\n"
    )
    with pytest.raises(InputError) as caught:
        read_models(path)
    lines = caught.value.message.splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4", "5"]
    assert "no key 'models.params'" in lines[0]
    assert "must be positive, got 0" in lines[3]
