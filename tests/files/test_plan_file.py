"""Plan files: what they say is read as the command line reads it, and what is wrong comes with its line."""

from pathlib import Path

import pytest

from scaling_cli.errors import InputError
from scaling_cli.files.plan_file import PlanFile, read_plan
from scaling_cli.planning.constrained.plan import plan_of


def read(folder: Path, text: str) -> PlanFile:
    path = folder / "plan.yaml"
    path.write_text(text)
    return read_plan(str(path))


WHOLE = """
law: [besiroglu2024, mine.json]
loss: 2.0
usd: $2M
gpus: 64
gpu: h100
days: 2w
mfu: 40%
gpu_hour_price: 2.50
precision: FP8
inference_tokens: 10T
serving: {gpu: L40S, mfu: 0.1, gpu_hour_price: $0.80, precision: bf16}
unique_tokens: 1e12
epochs: 4
max_params: 30B
min_tokens_per_param: 20
memory_gb: 80
serve_dtype: int8
kv_tokens: 32k
ladder: true
waste: 5%
"""


def test_a_whole_plan_is_read_as_the_command_line_reads_it(tmp_path: Path) -> None:
    file = read(tmp_path, WHOLE)
    assert file.laws == ("besiroglu2024", "mine.json")
    assert file.known == {
        "loss": 2.0,
        "usd": 2e6,
        "gpus": 64,
        "gpu": "h100",
        "days": 14,
        "mfu": 0.4,
        "gpu_hour_price": 2.5,
        "precision": "fp8",
        "inference_tokens": 1e13,
        "serving": {"gpu": "L40S", "mfu": 0.1, "gpu_hour_price": 0.8, "precision": "bf16"},
        "unique_tokens": 1e12,
        "epochs": 4,
        "max_params": 3e10,
        "min_tokens_per_param": 20,
        "memory_gb": 80,
        "serve_dtype": "int8",
        "kv_tokens": 32e3,
        "ladder": True,
        "waste": 0.05,
    }
    plan = plan_of(file.known)
    assert (plan.serving.gpu, plan.sizes.serve_dtype, plan.training.precision) == ("L40S", "int8", "fp8")


def test_what_a_file_does_not_say_is_not_in_it(tmp_path: Path) -> None:
    assert read(tmp_path, "flops: 1e22\nmax_params:\n").known == {"flops": 1e22}
    assert read(tmp_path, "law: mine.json\nflops: 1e22\n").laws == ("mine.json",)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "plan.yaml: the file is empty", "it needs at least a budget, flops: 5.76e23"),
        (
            "- flops: 1e22",
            "plan.yaml:1: a plan is a mapping of keys, got a list",
            "begin with flops: 5.76e23",
        ),
        ("flps: 1e22", "plan.yaml:1: unknown key 'flps'", "did you mean flops?"),
        ("flops: 1e22\nserving: {mfuu: 40%}", "plan.yaml:2: unknown key 'mfuu'", "did you mean mfu?"),
        ("flops: -1", "plan.yaml:1: flops: must be positive, got -1", "give a number above zero"),
        ("flops: [1e22, 1e23]", "plan.yaml:1: flops: must be one value, got a list", None),
        ("gpus: 1.5", "plan.yaml:1: gpus: must be a whole number, got 1.5", "write it like 64"),
        (
            "mfu: 140",
            "plan.yaml:1: mfu: '140' is not a share between 0 and 100 %",
            "write it like 40% or 0.4",
        ),
        ("mfu: 40", "plan.yaml:1: mfu: '40' is not a share between 0 and 100 %", "did you mean 40%?"),
        (
            "precision: fp9",
            "plan.yaml:1: precision: must be one of bf16, fp8, got 'fp9'",
            "did you mean fp8?",
        ),
        (
            "days: soon",
            "plan.yaml:1: days: 'soon' is not a number",
            "write it like 70B, 1.4T, 12M or 5.76e23",
        ),
        (
            "law: [1]",
            "plan.yaml:1: law must be text (a number or yes/no needs quotes), got 1",
            "put it in quotes",
        ),
        ("ladder: 3", "plan.yaml:1: ladder must be true or false, got 3", "write ladder: true"),
        ("law: ' '\nflops: 1e22", "plan.yaml:1: law must not be blank", "write law: besiroglu2024"),
        ("waste: 100%", "plan.yaml:1: waste: must be less than 100 %, got 100%", "write it like 1% or 0.01"),
        (
            "serving: H100",
            "plan.yaml:1: serving must be a mapping of keys, got 'H100'",
            "write serving: {KEY: VALUE}",
        ),
        (
            "flops: 1e22\nflops: 1e23",
            "plan.yaml:2: the key 'flops' is given twice, first on line 1",
            "delete one",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.message.removeprefix(f"{tmp_path}/") == message
    assert caught.value.hint == hint


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "flps: 1\nloss: -2\nserving: {precision: fp9}\nmax_params: many\n")
    lines = [line.removeprefix(f"{tmp_path}/plan.yaml:") for line in caught.value.message.splitlines()]
    assert [line.split(":")[0] for line in lines] == ["1", "2", "3", "4"]


def test_the_plan_of_the_repository_can_be_read() -> None:
    file = read_plan(str(Path(__file__).parents[2] / "configs" / "plan.yaml"))
    assert plan_of(file.known).inference_tokens == 5e12
