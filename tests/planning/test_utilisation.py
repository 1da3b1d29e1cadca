"""Published utilisation is that of the papers, and follows from the hours they print."""

import pytest

from scaling_cli.planning.hardware import find_accelerator
from scaling_cli.planning.utilisation import (
    ALL_IN,
    MATMUL,
    PUBLISHED_MFU,
    closest_all_in,
    describe_published,
)

# 6 N D over hours x 3600 x the dense peak, as computed apart
ALL_IN_SHARES = {
    "Llama 3.1 405B": 0.346,
    "Llama 3 70B": 0.2787,
    "Llama 3 8B": 0.1561,
    "LLaMA 1 13B": 0.5138,
    "LLaMA 1 65B": 0.4769,
    "Llama 2 34B": 0.3498,
    "Llama 2 70B": 0.4284,
    "Gopher": 0.302,
    "PaLM 540B": 0.3039,
}


@pytest.mark.parametrize("one", ALL_IN, ids=lambda one: str(one.model))
def test_utilisation_over_all_hours_is_the_one_computed_apart(one: object) -> None:
    assert one.utilisation == pytest.approx(ALL_IN_SHARES[one.model], abs=5e-4)  # type: ignore[attr-defined]


def test_every_chip_that_is_spoken_of_is_known_and_no_share_is_above_one() -> None:
    for published in PUBLISHED_MFU:
        assert find_accelerator(published.chip).name == published.chip
        assert 0 < published.low <= published.high < 1
    for (chip, precision), share in MATMUL.items():
        assert find_accelerator(chip).peak(precision) is not None  # type: ignore[arg-type]
        assert 0 < share < 1


def test_llama_would_have_taken_26_million_hours_at_its_mfu_of_the_31_million_published() -> None:
    llama = closest_all_in("H100-SXM")
    assert llama.model == "Llama 3.1 405B"
    assert llama.hours_at(0.41) == pytest.approx(26.02e6, rel=1e-3)
    assert llama.share_explained == pytest.approx(26.02 / 30.84, rel=1e-3)


@pytest.mark.parametrize(
    ("chip", "model"), [("TPU-v4", "PaLM 540B"), ("TPU-v3", "Gopher"), ("L40S", "Llama 3.1 405B")]
)
def test_the_example_is_of_the_same_chip_where_there_is_one(chip: str, model: str) -> None:
    assert closest_all_in(chip).model == model


@pytest.mark.parametrize(
    ("chip", "said"),
    [
        (
            "H100-SXM",
            "published on H100-SXM: 38 % to 43 % MFU (Llama 3.1 405B); 15.6 % to 34.6 % of the peak",
        ),
        ("V100-SXM2", "published on V100-SXM2: 21.3 % MFU (GPT-3 175B)"),
        ("B200-SXM", "published on B200-SXM: no MFU, but single matrix products reach 77.6 % at best"),
        ("L40S", "none is published on L40S; on H100-SXM: 38 % to 43 % MFU"),
    ],
)
def test_what_is_published_is_said_for_each_chip(chip: str, said: str) -> None:
    assert describe_published(chip).startswith(said)
