"""Tables of frontier points: what tells them from runs, and what is wrong with them."""

from pathlib import Path

import pytest

from scaling_cli.conditions import parse_condition
from scaling_cli.errors import InputError
from scaling_cli.files.frontier_points import FrontierPoints, read_frontier_points


def write(folder: Path, text: str) -> str:
    path = folder / "points.csv"
    path.write_text(text)
    return str(path)


def read(folder: Path, text: str, **options: object) -> FrontierPoints:
    found = read_frontier_points(write(folder, text), **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_budgets_and_losses_are_points(tmp_path: Path) -> None:
    points = read(tmp_path, "compute,val_loss,simulated\n1e18,3.5,1\n1e19,3.1,1\n,2.9,1\n1e20,,1\n")
    assert points.flops.tolist() == [1e18, 1e19]
    assert points.loss.tolist() == [3.5, 3.1]
    assert points.names == ("line 2", "line 3")
    assert points.read == 4
    assert points.loss_unit == "nats per token"
    assert [finding.id for finding in points.findings] == ["simulated-runs"]


@pytest.mark.parametrize("column", ["params", "tokens", "N", "D", "non_embedding_params"])
def test_a_table_that_knows_params_or_tokens_holds_runs(tmp_path: Path, column: str) -> None:
    path = write(tmp_path, f"{column},flops,loss\n1e8,1e18,3.5\n")
    assert read_frontier_points(path) is None


def test_a_table_without_a_loss_is_left_to_the_reader_of_runs(tmp_path: Path) -> None:
    assert read_frontier_points(write(tmp_path, "flops,speed\n1e18,3.5\n")) is None


def test_columns_units_and_conditions_are_those_of_runs(tmp_path: Path) -> None:
    text = "EFLOPs,macro,kind\n1,3.5,x\n10,3.1,x\n100,2.8,y\n"
    points = read(
        tmp_path,
        text,
        columns={"flops": "EFLOPs", "loss": "macro"},
        units={"flops": 1e18},
        where=(parse_condition("kind == x"),),
    )
    assert points.flops.tolist() == [1e18, 1e19]
    assert [finding.id for finding in points.findings] == ["filtered"]


def test_bits_per_byte_are_known_by_their_name(tmp_path: Path) -> None:
    points = read(tmp_path, "flops,loss_bpb\n1e18,1.2\n", columns={"loss": "loss_bpb"})
    assert points.loss_unit == "bits per byte"


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ("1e18,-3\n", r"points.csv:2: loss must be positive, got -3"),
        ("many,3\n", r"points.csv:2: flops 'many' is not a number"),
        ("1e18,\n", r"points.csv: no points left of 1 row"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_with_their_line(
    tmp_path: Path, rows: str, error: str
) -> None:
    with pytest.raises(InputError, match=error):
        read_frontier_points(write(tmp_path, f"flops,loss\n{rows}"))
