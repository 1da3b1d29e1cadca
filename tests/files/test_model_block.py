"""The ``model`` block of a plan file: what it holds, in part or whole, beside what the plan says."""

from pathlib import Path

import pytest

from scaling_cli.errors import InputError
from scaling_cli.files.plan_file import PlanFile, read_plan
from scaling_cli.laws.architecture import Architecture, architecture_of


def read(tmp_path: Path, text: str) -> PlanFile:
    path = tmp_path / "model.yaml"
    path.write_text(text)
    return read_plan(str(path))


def test_the_example_is_llama_3_8b() -> None:
    file = read_plan(str(Path(__file__).parents[2] / "configs" / "model.yaml"))
    assert file.model is not None
    assert architecture_of(file.model) == Architecture(
        layers=32,
        d_model=4096,
        heads=32,
        kv_heads=8,
        ffn=14336,
        swiglu=True,
        vocabulary=128256,
        context=8192,
    )


def test_a_block_may_say_a_style_alone_and_blank_keys_say_nothing(tmp_path: Path) -> None:
    file = read(tmp_path, "flops: 1e21\nmodel:\n  swiglu: true\n  positions: Rotary\n  experts:\n")
    assert file.model == {"swiglu": True, "positions": "rotary"}
    assert file.model_place.endswith("model.yaml:2")
    assert file.known == {"flops": 1e21}


def test_a_file_without_a_block_has_no_model(tmp_path: Path) -> None:
    assert read(tmp_path, "flops: 1e21\n").model is None


def test_counts_are_whole_numbers_as_people_write_them(tmp_path: Path) -> None:
    assert read(tmp_path, "model: {vocabulary: 32k, context: 2_048}\n").model == {
        "vocabulary": 32_000,
        "context": 2048,
    }


@pytest.mark.parametrize("value", ["[1]", "true", "-2", "1.5", "1e400"])
def test_a_count_that_is_none_is_refused_with_its_line(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match=r"model\.yaml:2: model\.layers: "):
        read(tmp_path, f"model:\n  layers: {value}\n")
