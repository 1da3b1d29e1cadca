"""The registry names every law that is promised, each with its source, and finds it by name."""

import pytest

from scaling_cli.errors import UsageError
from scaling_cli.laws.allocation import AllocationLaw, RatioLaw
from scaling_cli.laws.card import LawCard
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.law import Allocates
from scaling_cli.laws.published import GROUPS, PUBLISHED, published_law, published_laws

CARDS = pytest.mark.parametrize("card", PUBLISHED.values(), ids=PUBLISHED)


def test_the_registry_holds_the_promised_laws_the_recommended_one_first() -> None:
    assert list(PUBLISHED) == [
        "besiroglu2024",
        "hoffmann2022-a1",
        "hoffmann2022-a2",
        "hoffmann2022-a3",
        "hoffmann2022-a3-rounded",
        "kaplan2020",
        "porian2024",
        "porian2024-owt2",
        "deepseek2024",
        "llama3",
        "muennighoff2023",
        "gadre2024-c4",
        "gadre2024-rpj",
        "gadre2024-rw",
        "minicpm2024",
        "cerebras2023",
    ]


@CARDS
def test_every_entry_says_where_it_comes_from_and_how_far_to_trust_it(card: LawCard) -> None:
    assert any(year in card.source for year in ("2020", "2022", "2023", "2024"))
    assert "arXiv" in card.source
    assert card.dataset
    assert card.params_definition
    assert card.confidence in ("primary", "secondary", "derived")
    assert card.caveat


@CARDS
def test_every_entrys_law_and_text_stand_in_its_dict(card: LawCard) -> None:
    data = card.as_dict()
    assert data["name"] == card.name
    assert data["form"] == card.law.form
    assert data["parameters"] == card.law.parameters
    assert data["source"] == card.source
    assert ("findings" in data) == bool(card.findings)


def test_entries_that_were_derived_say_so() -> None:
    for name in ("hoffmann2022-a1", "hoffmann2022-a2"):
        assert "derived" in published_law(name).source
        assert published_law(name).confidence == "derived"
    for name in ("gadre2024-c4", "gadre2024-rpj", "gadre2024-rw"):
        assert published_law(name).confidence == "derived"


@pytest.mark.parametrize(
    ("name", "finding", "severity"),
    [
        ("hoffmann2022-a3-rounded", "rounded-constants", "warning"),
        ("kaplan2020", "non-embedding-params", "info"),
        ("deepseek2024", "params-from-flops-per-token", "info"),
    ],
)
def test_answers_that_need_a_word_carry_a_finding(name: str, finding: str, severity: str) -> None:
    assert [(f.id, f.severity) for f in published_law(name).findings] == [(finding, severity)]


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("hoffmann2022-a1", "params"),
        ("hoffmann2022-a2", "params"),
        ("kaplan2020", "params"),
        ("porian2024", "params"),
        ("porian2024-owt2", "params"),
        ("deepseek2024", "params"),
        ("llama3", "tokens"),
    ],
)
def test_an_allocation_law_solves_the_side_it_should(name: str, side: str) -> None:
    law = published_law(name).law
    assert isinstance(law, AllocationLaw)
    assert law.solved_side == side


def test_minicpm_is_only_its_ratio_and_cerebras_only_its_frontier() -> None:
    assert isinstance(published_law("minicpm2024").law, RatioLaw)
    cerebras = published_law("cerebras2023").law
    assert isinstance(cerebras, FrontierLaw)
    assert not isinstance(cerebras, Allocates)


def test_chinchilla_stands_for_four_laws_and_all_for_all() -> None:
    chinchilla = ["besiroglu2024", "hoffmann2022-a1", "hoffmann2022-a2", "hoffmann2022-a3"]
    assert [card.name for card in published_laws("chinchilla")] == chinchilla
    assert published_laws("all") == tuple(PUBLISHED.values())
    assert published_laws("llama3") == (PUBLISHED["llama3"],)


def test_no_group_hides_a_law_of_the_same_name() -> None:
    assert not set(GROUPS) & set(PUBLISHED)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("besiroglu", "besiroglu2024"),
        ("Besiroglu2024", "besiroglu2024"),
        ("kaplan", "kaplan2020"),
        ("chinchila", "chinchilla"),
    ],
)
def test_an_unknown_law_is_refused_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        published_laws(typed)
    assert caught.value.message == f"unknown law {typed!r}"
    assert caught.value.hint is not None
    assert f"did you mean {meant}?" in caught.value.hint
    assert "--list-laws" in caught.value.hint


def test_a_law_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(UsageError) as caught:
        published_law("zzz")
    assert caught.value.hint is not None
    assert "did you mean" not in caught.value.hint
