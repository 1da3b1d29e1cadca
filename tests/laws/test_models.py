"""Known models: figures that agree with each other, and names as people write them."""

import pytest

from scaling_cli.errors import UsageError
from scaling_cli.laws.models import MODELS, SHOWN, Model, families, find_models

# Hoffmann et al. 2022, Table 1: params and tokens; the 175B of GPT-3 are rounded
TABLE_1 = {
    "LaMDA": (137e9, 168e9),
    "GPT-3": (175e9, 300e9),
    "Jurassic": (178e9, 300e9),
    "Gopher": (280e9, 300e9),
    "MT-NLG 530B": (530e9, 270e9),
    "Chinchilla": (70e9, 1.4e12),
}


@pytest.mark.parametrize("name", TABLE_1)
def test_hoffmanns_table_1_is_here_and_shown(name: str) -> None:
    (model,) = find_models(name)
    assert (model.params, model.tokens) == pytest.approx(TABLE_1[name], rel=0.003)
    assert model.name in SHOWN


@pytest.mark.parametrize("name", families()["GPT-3 family"])
def test_the_flops_of_gpt_3_are_six_times_params_times_tokens_to_the_printed_digits(name: str) -> None:
    model = MODELS[name]
    assert model.flops_published == pytest.approx(model.flops, rel=2e-3)


def test_every_model_has_a_source_and_says_how_sure_it_is() -> None:
    for model in MODELS.values():
        assert model.source, model.name
        assert model.confidence in ("primary", "secondary"), model.name
        assert 1e7 < model.params < 1e12
        assert 1e9 < model.tokens < 1e14
        assert model.compute_params <= model.params


def test_published_flops_are_of_the_order_of_6nd() -> None:
    for model in MODELS.values():
        if model.flops_published:
            assert 0.9 < model.flops_published / model.flops < 1.8, model.name


def test_a_mixture_of_experts_costs_what_its_active_params_cost() -> None:
    model = MODELS["DeepSeek-V3"]
    assert (model.params, model.compute_params) == (671e9, 37e9)
    assert model.flops == 6 * 37e9 * 14.8e12


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Gopher", "Gopher"),
        ("gpt3", "GPT-3 175B"),
        ("gpt-3 175b", "GPT-3 175B"),
        ("llama-2-7b", "Llama 2 7B"),
        ("LLAMA_2_70B", "Llama 2 70B"),
        ("llama3.1 405b", "Llama 3.1 405B"),
        ("llama 3 405b", "Llama 3.1 405B"),
        ("llama 65b", "LLaMA 1 65B"),
        ("mt nlg", "MT-NLG 530B"),
        ("palm", "PaLM 540B"),
        ("Chinchilla 70B", "Chinchilla"),
        ("deepseek v3", "DeepSeek-V3"),
        ("falcon", "Falcon-180B"),
    ],
)
def test_names_are_matched_however_they_are_written(asked: str, found: str) -> None:
    assert [model.name for model in find_models(asked)] == [found]


@pytest.mark.parametrize("name", MODELS)
def test_every_name_finds_its_own_model(name: str) -> None:
    assert find_models(name) == (MODELS[name],)
    assert find_models(name.lower().replace(" ", "").replace("-", "_")) == (MODELS[name],)


def test_a_family_is_all_of_its_members() -> None:
    assert [model.name for model in find_models("llama-3")] == ["Llama 3 8B", "Llama 3 70B"]
    assert len(find_models("pythia")) == 8
    assert [model.name for model in find_models("all")] == list(MODELS)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("llama 7b", "'llama 7b' may be LLaMA 1 7B or Llama 2 7B"),
        ("7b", "'7b' may be LLaMA 1 7B, Llama 2 7B, MPT-7B or OLMo 2 7B"),
        ("gpt 13b", "'gpt 13b' may be GPT-3 13B or Cerebras-GPT 13B"),
    ],
)
def test_a_name_that_fits_several_lists_them(asked: str, error: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_models(asked)
    assert caught.value.message == error
    assert "write one of them whole" in str(caught.value.hint)


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(UsageError) as caught:
        find_models("chincilla")
    assert caught.value.message == "unknown model 'chincilla'"
    assert str(caught.value.hint).startswith("did you mean Chinchilla? ")
    for nonsense in ("", "-", "zzzzzz"):
        with pytest.raises(UsageError) as caught:
            find_models(nonsense)
        assert "did you mean" not in str(caught.value.hint)


def test_ones_own_model_comes_before_a_known_one_of_the_same_name() -> None:
    own = Model("chinchilla", 1e9, 2e10)
    assert find_models("Chinchilla", [own]) == (own,)
    assert find_models("gopher", [own]) == (MODELS["Gopher"],)
