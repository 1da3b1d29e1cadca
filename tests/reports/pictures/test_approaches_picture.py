"""Approaches in a picture: each frontier with its interval, over the budgets of the runs and the targets."""

from scaling_cli.laws.published import published_law
from scaling_cli.planning.allocation import allocate_all
from scaling_cli.planning.question import Question
from scaling_cli.reports.pictures.approaches import approaches_picture
from scaling_cli.reports.pictures.picture import Band, Line, Mark, Points
from tests.reports.pictures.pictures import approaches_compared
from tests.reports.pictures.studies import TARGET, fitted_plan


def test_every_approach_has_its_frontier_interval_and_targets_beside_kaplans() -> None:
    picture = approaches_compared()
    assert picture.title == "Approaches compared on runs.csv"
    assert picture.notes == ("The runs are simulated, not trained.",)
    for panel in picture.panels:
        lines = [line for line in panel.drawn if isinstance(line, Line)]
        assert [line.label for line in lines] == ["kaplan2020 (non-embedding)", "approach 1", "approach 3"]
        bands = [band.group for band in panel.drawn if isinstance(band, Band)]
        assert bands == ["approach 1", "approach 3"]
        marks = [(mark.group, mark.x[0]) for mark in panel.drawn if isinstance(mark, Mark)]
        assert marks == [(name, C) for C in (1e22, TARGET) for name in ("approach 1", "approach 3")]
        (points,) = [points for points in panel.drawn if isinstance(points, Points)]
        assert len(points.x) == len(fitted_plan().fit.runs)
        # the frontier reaches from the least budget that was run to beyond the target
        assert lines[1].x[0] < min(points.x)
        assert lines[1].x[-1] > TARGET


def test_without_any_frontier_there_is_no_picture() -> None:
    cerebras = published_law("cerebras2023")
    asked = [Question(flops=1e22), Question(flops=1e23)]
    assert approaches_picture("runs.csv", allocate_all([cerebras, cerebras], asked)) is None
