"""Which losses compare: units, tokenizers and evaluation sets."""

import math
from typing import Any

import pytest

from scaling_cli.errors import InputError
from scaling_cli.planning.loss_measure import BITS_PER_BYTE, PERPLEXITY, LossMeasure, common_unit

NATS = "nats per token"


def measures(*stated: dict[str, Any]) -> list[LossMeasure]:
    return [LossMeasure(f"{name}.csv", **one) for name, one in zip("abcdef", stated, strict=False)]


def test_nats_of_one_tokenizer_and_set_compare_as_they_are() -> None:
    same = {"tokenizer": "gpt2", "eval_set": "c4"}
    found = common_unit(measures(same, same, same))
    assert (found.unit, found.factors, found.findings) == (NATS, (1, 1, 1), ())


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (({}, {}), "no recipe states its tokenizer and eval_set"),
        (({"tokenizer": "gpt2"}, {}), "b.csv does not state its tokenizer, no recipe states its eval_set"),
        (
            ({"tokenizer": "gpt2", "eval_set": "c4"}, {"tokenizer": "gpt2"}),
            "b.csv does not state its eval_set",
        ),
        (({"tokenizer": "gpt2"}, {"tokenizer": "gpt2"}), "no recipe states its eval_set"),
        (({"unit": BITS_PER_BYTE}, {"unit": BITS_PER_BYTE}), "no recipe states its eval_set"),
    ],
)
def test_what_nobody_states_is_taken_to_agree_with_a_warning(
    stated: tuple[dict[str, Any], ...], message: str
) -> None:
    (finding,) = common_unit(measures(*stated)).findings
    assert (finding.id, finding.severity) == ("assumed-same-evaluation", "warning")
    assert finding.message.startswith(message)


def test_different_tokenizers_compare_in_bits_per_byte_where_the_bytes_are_stated() -> None:
    found = common_unit(
        measures(
            {"tokenizer": "gpt2", "eval_set": "c4", "bytes_per_token": 4.0},
            {"tokenizer": "llama", "eval_set": "c4", "bytes_per_token": 4.4},
        )
    )
    assert found.unit == BITS_PER_BYTE
    assert found.factors == pytest.approx((1 / (4.0 * math.log(2)), 1 / (4.4 * math.log(2))))
    assert [finding.id for finding in found.findings] == ["converted-loss"]


def test_nats_compare_with_bits_per_byte_where_the_bytes_are_stated() -> None:
    found = common_unit(
        measures({"unit": BITS_PER_BYTE, "eval_set": "c4"}, {"eval_set": "c4", "bytes_per_token": 4.0})
    )
    assert (found.unit, found.factors[0]) == (BITS_PER_BYTE, 1.0)


@pytest.mark.parametrize(
    ("stated", "error", "cure"),
    [
        (
            ({"eval_set": "c4"}, {"eval_set": "pile"}),
            "different-eval-sets: .*a.csv c4, b.csv pile",
            "same text",
        ),
        (
            ({"tokenizer": "gpt2"}, {"tokenizer": "llama"}),
            "different-tokenizers: .*a.csv gpt2, b.csv llama",
            "bytes_per_token",
        ),
        (
            ({"tokenizer": "gpt2", "bytes_per_token": 4}, {"tokenizer": "llama"}),
            "different-tokenizers",
            "bytes_per_token",
        ),
        (
            ({}, {"unit": BITS_PER_BYTE}),
            "mixed-loss-units: .*a.csv in nats per token, b.csv in bits per byte",
            "bytes_per_token",
        ),
        (({}, {"unit": PERPLEXITY}), "mixed-loss-units", "natural logarithm"),
        (
            ({"unit": PERPLEXITY, "tokenizer": "gpt2"}, {"unit": PERPLEXITY, "tokenizer": "llama"}),
            "different-tokenizers",
            "bytes_per_token",
        ),
        (
            (
                {"eval_set": "c4", "unit": BITS_PER_BYTE},
                {"eval_set": "pile", "unit": BITS_PER_BYTE},
            ),
            "different-eval-sets",
            "same text",
        ),
    ],
)
def test_losses_that_do_not_compare_are_refused_with_a_cure(
    stated: tuple[dict[str, Any], ...], error: str, cure: str
) -> None:
    with pytest.raises(InputError, match=error) as refusal:
        common_unit(measures(*stated))
    assert cure in (refusal.value.hint or "")
