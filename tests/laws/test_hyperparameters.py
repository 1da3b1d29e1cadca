"""The laws of batch and learning rate give the runs they are known by, and say where they were fitted."""

import pytest

from scaling_cli.laws.hyperparameters import (
    HYPERPARAMETER_LAWS,
    TrainingScale,
    suggest_hyperparameters,
)


def scale(N: float, D: float, per_token: float | None = None) -> TrainingScale:
    return TrainingScale(params=N, tokens=D, flops_per_token=per_token or 6 * N)


def test_deepseek_7b_was_trained_as_its_law_says() -> None:
    # M = 4.23e10 FLOPs per token, 2T tokens; Table 2 prints 2304 sequences of 4096 tokens and 4.2e-4
    suggested = HYPERPARAMETER_LAWS["deepseek2024"].suggest(scale(7e9, 2e12, 4.23e10))
    assert suggested.counted["flops"] == pytest.approx(8.46e22)
    assert suggested.batch_tokens == pytest.approx(2304 * 4096, rel=0.03)
    assert suggested.learning_rate == pytest.approx(4.2e-4, rel=0.02)
    assert suggested.in_range is False


@pytest.mark.parametrize(
    ("N", "D", "sequences", "rate"),
    [(399e6, 8.92e9, 96, 9.503e-4), (1.5e9, 38.91e9, 256, 8.305e-4)],  # Table 2, 8192 tokens a sequence
)
def test_the_first_and_last_run_of_moonlight_are_near_its_law(
    N: float, D: float, sequences: int, rate: float
) -> None:
    # the law was read off a grid with rounded exponents, and Table 2 counts no attention: no closer
    suggested = HYPERPARAMETER_LAWS["moonlight2025"].suggest(scale(N, D))
    assert suggested.in_range is True
    assert suggested.batch_tokens == pytest.approx(sequences * 8192, rel=0.2)
    assert suggested.learning_rate == pytest.approx(rate, rel=0.06)


def test_step_law_takes_params_and_tokens_and_no_flops() -> None:
    suggested = HYPERPARAMETER_LAWS["steplaw2025"].suggest(scale(1e9, 1e11, 1e30))
    assert suggested.learning_rate == pytest.approx(1.79 * 1e9**-0.713 * 1e11**0.307)
    assert suggested.batch_tokens == pytest.approx(0.58 * 1e11**0.571)
    assert suggested.in_range is True
    assert HYPERPARAMETER_LAWS["steplaw2025"].suggest(scale(2e9, 1e11)).in_range is False


def test_only_the_law_with_attention_counts_it() -> None:
    plain = suggest_hyperparameters(scale(1e9, 1e11))
    dear = suggest_hyperparameters(scale(1e9, 1e11, 9e9))
    changed = [one.law.name for one, two in zip(plain, dear, strict=True) if one.counted != two.counted]
    assert changed == ["deepseek2024"]


@pytest.mark.parametrize("name", HYPERPARAMETER_LAWS)
def test_every_entry_says_where_it_comes_from_and_where_it_was_fitted(name: str) -> None:
    law = HYPERPARAMETER_LAWS[name]
    assert "arXiv" in law.source
    assert law.confidence in ("primary", "secondary")
    assert law.counts
    assert law.fitted_range
    assert law.range_source
    assert all(low < high for low, high in law.fitted_range.values())
