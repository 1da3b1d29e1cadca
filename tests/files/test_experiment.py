"""An experiment's YAML gives what it says, and is refused as a whole, line by line."""

import os
from pathlib import Path

import pytest

from scaling_cli.conditions import Condition
from scaling_cli.errors import InputError
from scaling_cli.files.experiment import Experiment
from scaling_cli.files.experiment_file import read_experiment

ROOT = Path(__file__).parents[2]

WHOLE = """\
runs: data/runs.csv
columns: {params: N, tokens: steps x batch, loss: val/loss}
units:
  params: 1M
  tokens: 1e9
where:
  - flops < 1e21
  - schedule == cosine
drop_highest_losses: 5
all_steps: true
include_unfinished: false
fit:
  form: chinchilla
  objective: log-huber
  delta: 1e-3
flops:
  - 1e18
  - 5.76e23
  - 1e20:1e22:3
waste: 5%
"""


def write(folder: Path, text: str) -> str:
    path = folder / "exp.yaml"
    path.write_text(text)
    return str(path)


def refusal(folder: Path, text: str) -> InputError:
    """The error that reading ``text`` raises, with the folder taken out of its message."""
    with pytest.raises(InputError) as caught:
        read_experiment(write(folder, text))
    return InputError(caught.value.message.replace(f"{folder}{os.sep}", ""), hint=caught.value.hint)


def test_every_key_of_an_experiment_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    assert read_experiment(path) == Experiment(
        name=path,
        runs=str(tmp_path / "data" / "runs.csv"),
        columns={"params": "N", "tokens": "steps x batch", "loss": "val/loss"},
        units={"params": 1e6, "tokens": 1e9},
        where=(Condition("flops", "<", 1e21), Condition("schedule", "==", "cosine")),
        drop_highest_losses=5,
        all_steps=True,
        include_unfinished=False,
        form="chinchilla",
        objective="log-huber",
        delta=1e-3,
        flops=(1e18, 5.76e23, 1e20, 1e21, 1e22),
        waste=0.05,
    )


def test_what_is_not_given_is_none_or_empty_so_that_options_and_defaults_can_follow(tmp_path: Path) -> None:
    path = write(tmp_path, "runs: runs.csv\nwhere:\nfit:\nflops: []\n")
    assert read_experiment(path) == Experiment(name=path, runs=str(tmp_path / "runs.csv"))


def test_runs_lie_relative_to_the_experiment_and_not_to_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "configs" / "exp.yaml").write_text("runs: ../data/runs.csv\n")
    monkeypatch.chdir(tmp_path)
    assert read_experiment("configs/exp.yaml").runs == os.path.join("data", "runs.csv")  # noqa: PTH118
    monkeypatch.chdir(tmp_path / "data")
    assert Path(read_experiment("../configs/exp.yaml").runs).resolve() == tmp_path / "data" / "runs.csv"


def test_the_way_up_out_of_a_linked_folder_is_the_one_the_system_would_go(tmp_path: Path) -> None:
    (tmp_path / "far" / "configs").mkdir(parents=True)
    (tmp_path / "far" / "runs.csv").write_text("loss\n1\n")
    (tmp_path / "configs").symlink_to(tmp_path / "far" / "configs")
    (tmp_path / "configs" / "exp.yaml").write_text("runs: ../runs.csv\n")
    assert Path(read_experiment(str(tmp_path / "configs" / "exp.yaml")).runs).is_file()


def test_absolute_runs_and_standard_input_stay_what_they_are(tmp_path: Path) -> None:
    assert read_experiment(write(tmp_path, "runs: /data/runs.csv\n")).runs == "/data/runs.csv"
    assert read_experiment(write(tmp_path, "runs: '-'\n")).runs == "-"


def test_quantities_are_read_as_on_the_command_line(tmp_path: Path) -> None:
    text = "runs: r.csv\nflops: 1e18\nwhere: params < 70B\nwaste: 0.02\ndrop_highest_losses: '3'\n"
    experiment = read_experiment(write(tmp_path, text))
    assert experiment.flops == (1e18,)
    assert experiment.where == (Condition("params", "<", 70e9),)
    assert (experiment.waste, experiment.drop_highest_losses) == (0.02, 3)


def test_a_column_may_be_called_by_any_text_yaml_has(tmp_path: Path) -> None:
    text = "runs: 2024-01-01\ncolumns: {params: N, loss: 'no', run_id: 2024-01-01}\n"
    experiment = read_experiment(write(tmp_path, text))
    assert experiment.columns == {"params": "N", "loss": "no", "run_id": "2024-01-01"}
    assert Path(experiment.runs).name == "2024-01-01"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fit: {delt: 1}", "2: unknown key 'delt'"),
        ("zzz: 5", "2: unknown key 'zzz'"),
        (
            "fit: {form: cubic}",
            "2: fit.form must be 'chinchilla', 'tied', 'overtraining', "
            "'kaplan', 'data-constrained', 'frontier' or 'all', got 'cubic'",
        ),
        (
            "fit: {objective: l1}",
            "2: fit.objective must be 'log-huber', 'huber', 'log-mse' or 'mse', got 'l1'",
        ),
        ("fit: {delta: 0}", "2: fit.delta: must be positive, got 0"),
        ("fit: 3", "2: fit must be a mapping of keys, got 3"),
        ("columns: tokens=steps", "2: columns must be a mapping of keys, got 'tokens=steps'"),
        ("columns: {tokns: D}", "2: columns: no quantity is called 'tokns'"),
        ("columns: {loss: no}", "2: columns.loss must be text (a number or yes/no needs quotes), got false"),
        ("units: {params: -1}", "2: units.params: must be positive, got -1"),
        ("units: {params: [1]}", "2: units.params: must be one value, got a list"),
        ("units: {run_id: 1}", "2: units: no quantity is called 'run_id'"),
        ("where: [flops ~ 1]", "2: where: 'flops ~ 1' is not a condition"),
        ("drop_highest_losses: 2.5", "2: drop_highest_losses: must be a whole number, 0 or more, got 2.5"),
        ("drop_highest_losses: true", "2: drop_highest_losses: must be one value, got true"),
        ("all_steps: 1", "2: all_steps must be true or false, got 1"),
        ("flops: seven", "2: flops: 'seven' is not a number"),
        ("flops: 0", "2: flops: must be positive, got 0"),
        ("flops: .nan", "2: flops: '.nan' is not a number"),
        ("flops: 1:30", "2: flops: '1:30' is not a sweep low:high:count"),
        ("waste: 1", "2: waste: must be less than 100 %, got 1"),
        ("waste: lots", "2: waste: 'lots' is not a number"),
        ("runs: other.csv", "2: the key 'runs' is given twice, first on line 1"),
        ("waste: *a", "2: not YAML: found undefined alias 'a'"),
        (
            "waste: !!python/name:os.system 1",
            "2: not YAML: no meaning for the tag 'tag:yaml.org,2002:python/name:os.system'",
        ),
        ("columns: !!set {a}", "2: the tag 'tag:yaml.org,2002:set' cannot be used here"),
        ("flops: [1e18, 1e19", "3: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("\twaste: 1%", "2: not YAML: found character '\\t' that cannot start any token"),
        ("where: a: b", "2: not YAML: mapping values are not allowed here"),
        ("waste: \x01", "2: not YAML: the control character '\\x01'"),
        ("---\nruns: b.csv", "2: not YAML: found another document"),
        ("? [a]\n: 1", "2: a key must be text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, f"runs: runs.csv\n{line}\n").message == f"exp.yaml:{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", " the file is empty"),
        ("# nothing yet\n", " the file is empty"),
        ("- a\n- b\n", "1: an experiment is a mapping of keys, got a list"),
        ("runs.csv\n", "1: an experiment is a mapping of keys, got 'runs.csv'"),
        ("waste: 1%\n", " no key 'runs'"),
        ("runs:\n", "1: runs: must be a path, got nothing"),
        ("runs: ''\n", "1: runs: must be a path, got ''"),
        ("a: &a [*a]\n", "1: an alias (*) cannot be used here"),
        ("[" * 5000, " not YAML that can be read: nested too deep"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text).message == f"exp.yaml:{message}"


def test_a_missing_experiment_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nope\.yaml: no such file"):
        read_experiment(str(tmp_path / "nope.yaml"))


def test_all_errors_are_named_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = "runs: runs.csv\nflops: [1e18,\n  many]\nfit:\n  delt: 1\n  delta: small\nwheer: []\n"
    error = refusal(tmp_path, text)
    assert error.message.splitlines() == [
        "exp.yaml:3: flops: 'many' is not a number (write it like 70B, 1.4T, 12M or 5.76e23)",
        "exp.yaml:5: unknown key 'delt' (did you mean delta?)",
        "exp.yaml:6: fit.delta: 'small' is not a number (write it like 70B, 1.4T, 12M or 5.76e23)",
        "exp.yaml:7: unknown key 'wheer' (did you mean where?)",
    ]
    assert error.hint is None


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("runs: r.csv\nfit: {delt: 1}\n", "did you mean delta?"),
        ("runs: r.csv\ndrop_highest_loss: 5\n", "did you mean drop_highest_losses?"),
        (
            "runs: r.csv\nzzz: 5\n",
            "the keys are runs, columns, units, where, drop_highest_losses, all_steps, include_unfinished, "
            "fit, isoflop, flops, waste, tokenizer, eval_set, bytes_per_token",
        ),
        ("runs: r.csv\ncolumns: {tokns: D}\n", "did you mean tokens?"),
        (
            "runs: r.csv\nunits: {run_id: 1}\n",
            "one of params, tokens, flops, loss, budget, schedule_tokens, unique_tokens",
        ),
        ("runs: r.csv\nfit: {form: cubic}\n", "write form: chinchilla"),
        ("runs: r.csv\nfit: {form: kaplna}\n", "write form: kaplan"),
        ("runs: r.csv\nall_steps: 1\n", "write all_steps: true"),
        ("waste: 1%\n", "add a line runs: FILE"),
        ("runs: r.csv\nflops: many\n", "write it like 70B, 1.4T, 12M or 5.76e23"),
    ],
)
def test_one_error_comes_with_its_cure(tmp_path: Path, text: str, cure: str) -> None:
    assert refusal(tmp_path, text).hint == cure


def test_the_line_that_names_the_runs_is_known(tmp_path: Path) -> None:
    path = write(tmp_path, "# mine\nruns: r.csv\n")
    assert read_experiment(path).runs_place == f"{path}:2"


def test_the_experiment_in_the_repository_reads_the_simulated_runs_for_the_budget_of_gopher() -> None:
    experiment = read_experiment(str(ROOT / "configs" / "simulated.yaml"))
    assert Path(experiment.runs).resolve() == ROOT / "sample_runs" / "simulated_isoflop.csv"
    assert experiment.flops == (5.76e23,)
    assert (experiment.form, experiment.objective, experiment.delta) == ("chinchilla", "log-huber", 1e-3)
    assert experiment.waste == 0.01


def test_the_keys_that_the_repositorys_experiment_shows_in_comments_are_read_too(tmp_path: Path) -> None:
    text = (ROOT / "configs" / "simulated.yaml").read_text()
    shown = [line for line in text.splitlines() if not line.startswith(("# units", "#   ", "# where"))]
    hidden = [line[2:] for line in text.splitlines() if line.startswith(("# units", "#   ", "# where"))]
    hidden = [line for line in hidden if "scaling fit" not in line]
    experiment = read_experiment(write(tmp_path, "\n".join([*shown, *hidden])))
    assert experiment.units == {"params": 1e6, "tokens": 1e9}
    assert [str(condition) for condition in experiment.where] == ["params < 2e10", "flops >= 6e18"]


def test_a_fit_may_have_another_form_and_objective_fixed_constants_and_bounds(tmp_path: Path) -> None:
    fit = "{form: tied, objective: mse, weights: w, fix: {E: 1.69}, bound: {alpha: '0.1:0.6'}}"
    experiment = read_experiment(write(tmp_path, f"runs: r.csv\nfit: {fit}\n"))
    assert (experiment.form, experiment.objective, experiment.weights) == ("tied", "mse", "w")
    assert experiment.fixed == {"E": 1.69}
    assert experiment.bounds == {"alpha": (0.1, 0.6)}
