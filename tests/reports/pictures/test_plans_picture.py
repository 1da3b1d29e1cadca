"""The picture of plans compared shows what they cost and what the cheapest would."""

from collections.abc import Mapping

import pytest

from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.published import PUBLISHED
from scaling_cli.planning.compare_plans import RankedPlan, compare_plans
from scaling_cli.planning.constrained.plan import plan_of
from scaling_cli.reports.pictures.picture import Line, Points
from scaling_cli.reports.pictures.plans import plans_picture
from tests.reports.pictures.pictures import picture_of


def compared(*known: Mapping[str, object], law: str = "besiroglu2024") -> tuple[RankedPlan, ...]:
    return compare_plans(PUBLISHED[law], [plan_of({"name": str(i), **one}) for i, one in enumerate(known)])


def test_plans_are_points_and_every_demand_has_its_line() -> None:
    (panel,) = picture_of("compare-plans").panels
    *lines, points = panel.series
    assert isinstance(points, Points)
    assert sorted(points.x)[0] == pytest.approx(6 * 6.7e9 * 1e12)
    assert {text.text for text in panel.texts} <= {
        *("like Gopher", "like Chinchilla", "like LLaMA 7B", "the same, served")
    }
    assert sorted(line.label for line in lines) == ["cheapest, 20T served", "cheapest, training alone"]
    alone = next(line for line in lines if line.label.endswith("alone"))
    assert isinstance(alone, Line)
    law = PUBLISHED["besiroglu2024"].law
    assert isinstance(law, PredictsLoss)
    for flops, loss in zip(alone.x, alone.y, strict=True):
        assert flops == pytest.approx(law.flops_for_loss(loss))


def test_what_all_have_a_price_for_is_drawn_in_dollars() -> None:
    priced = {"params": 7e9, "tokens": 1e12, "gpu": "h100", "mfu": 0.4, "gpu_hour_price": 2.5}
    found = compared(priced, {**priced, "params": 13e9})
    picture = plans_picture(found)
    assert picture is not None
    (panel,) = picture.panels
    assert panel.x.label == "dollars of training"
    assert panel.series[-1].x == tuple(one.total_usd for one in found)
    mixed = plans_picture(compared(priced, {"params": 13e9, "tokens": 1e12}))
    assert mixed is not None
    assert mixed.panels[0].x.label == "FLOPs of training (6 N D)"


def test_no_plan_lies_below_its_line() -> None:
    sizes = [{"params": N, "tokens": 1e12, "inference_tokens": 1e13} for N in (1e9, 5e9, 2e10, 1e11)]
    picture = plans_picture(compared(*sizes))
    assert picture is not None
    line, points = picture.panels[0].series
    for cost, loss in zip(points.x, points.y, strict=True):
        least = min(x for x, y in zip(line.x, line.y, strict=True) if y <= loss)
        assert cost >= 0.98 * least


def test_what_has_no_loss_is_not_drawn() -> None:
    assert plans_picture(compared({"flops": 1e22}, law="kaplan2020")) is None
    picture = plans_picture(compared({"flops": 1e22}, {"params": 7e9, "loss": 1.9}))
    assert picture is not None
    assert picture.notes == ("Not drawn: 1.",)
