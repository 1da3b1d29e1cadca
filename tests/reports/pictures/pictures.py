"""One picture of each kind, for the renderers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from scaling_cli.laws.models import MODELS, SHOWN
from scaling_cli.laws.published import published_laws
from scaling_cli.planning.allocation import allocate_all
from scaling_cli.planning.compare_curves import CurvesRead, compare_curves
from scaling_cli.planning.compare_laws import compare_laws
from scaling_cli.planning.compare_models import compare_models
from scaling_cli.planning.compare_plans import compare_plans
from scaling_cli.planning.constrained.plan import Plan
from scaling_cli.planning.question import Question
from scaling_cli.reports.pictures.approaches import approaches_picture
from scaling_cli.reports.pictures.compare import laws_picture, models_picture
from scaling_cli.reports.pictures.curves import curves_picture
from scaling_cli.reports.pictures.fit import fit_picture
from scaling_cli.reports.pictures.isoflop import isoflop_picture
from scaling_cli.reports.pictures.picture import Picture
from scaling_cli.reports.pictures.plan import plan_picture
from scaling_cli.reports.pictures.plans import plans_picture
from scaling_cli.reports.pictures.race import race_picture
from scaling_cli.reports.pictures.recipes import recipes_picture
from tests.planning.race_curves import crossing
from tests.planning.test_compare_recipes import BASELINE, BETTER, compared, study, table
from tests.reports.pictures.studies import TARGET, envelope_plan, fitted_plan, isoflop_plan


def plans(law: str, *questions: Question) -> Picture:
    picture = plan_picture(allocate_all(published_laws(law), questions))
    assert picture is not None
    return picture


def plans_with_draws() -> Picture:
    card = fitted_plan().card
    picture = plan_picture(allocate_all([card], [Question(flops=1e20), Question(flops=1e22)]))
    assert picture is not None
    return picture


def laws_compared() -> Picture:
    laws = [*published_laws("kaplan2020"), *published_laws("chinchilla")]
    picture = laws_picture(compare_laws(laws, [1e21, 1e23]))
    assert picture is not None
    return picture


def models_compared() -> Picture:
    return models_picture(compare_models([MODELS[name] for name in SHOWN], published_laws("besiroglu2024")))


def approaches_compared() -> Picture:
    fitted, envelope = fitted_plan(), envelope_plan()
    assert envelope.card is not None
    cards = [replace(envelope.card, name="approach 1"), replace(fitted.card, name="approach 3", findings=())]
    plans = allocate_all(cards, [Question(flops=1e22), Question(flops=TARGET)])
    picture = approaches_picture("runs.csv", plans, fitted.fit.runs, fitted.findings)
    assert picture is not None
    return picture


def curves_raced() -> Picture:
    curves = crossing(noise=0.003, schedules=(1e11, 2e11))
    return race_picture(
        compare_curves(curves, CurvesRead("curves.csv"), cards=published_laws("besiroglu2024"))
    )


def recipes_compared() -> Picture:
    runs = [study(BASELINE, 0.005, (0, 1)), study(BETTER, 0.005, (0, 2))]
    tables = [table(name, one) for name, one in zip(("a.csv", "b.csv"), runs, strict=True)]
    return recipes_picture(compared(*tables, replicates=60, flops=(1e20, 1e22)))


def plans_compared() -> Picture:
    plans = [
        Plan(params=280e9, tokens=300e9, name="like Gopher"),
        Plan(params=70e9, tokens=1.4e12, name="like Chinchilla"),
        Plan(params=6.7e9, tokens=1e12, name="like LLaMA 7B"),
        Plan(params=6.7e9, tokens=1e12, inference_tokens=2e13, name="the same, served"),
    ]
    picture = plans_picture(compare_plans(published_laws("besiroglu2024")[0], plans))
    assert picture is not None
    return picture


PICTURES: Mapping[str, Callable[[], Picture]] = {
    "fit": lambda: fit_picture(fitted_plan()),
    "fit-frontier": lambda: fit_picture(fitted_plan("frontier")),
    "race": curves_raced,
    "isoflop": lambda: isoflop_picture(isoflop_plan()),
    "isoflop-none-ok": lambda: isoflop_picture(isoflop_plan(only_left_out=True)),
    "curves": lambda: curves_picture(envelope_plan()),
    "curves-refused": lambda: curves_picture(envelope_plan(has_frontier=False)),
    "optimal": lambda: plans("besiroglu2024", Question(flops=5.76e23)),
    "optimal-what-if": lambda: plans("besiroglu2024", Question(params=280e9, tokens=300e9)),
    "optimal-sweep": lambda: plans("besiroglu2024", *(Question(flops=10.0**n) for n in range(19, 25))),
    "optimal-laws": lambda: plans("chinchilla", Question(flops=5.76e23)),
    "optimal-draws": plans_with_draws,
    "optimal-no-loss": lambda: plans("kaplan2020", Question(flops=1e22)),
    "approaches": approaches_compared,
    "compare-laws": laws_compared,
    "compare-models": models_compared,
    "compare-recipes": recipes_compared,
    "compare-plans": plans_compared,
}
"""By name; each is built when it is called for."""


@cache
def picture_of(name: str) -> Picture:
    """The picture of this name, built once."""
    return PICTURES[name]()
