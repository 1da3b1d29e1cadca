"""The name that was most likely meant."""

import pytest

from scaling_cli.names import nearest


@pytest.mark.parametrize(
    ("typed", "meant"), [("besirglu2024", "besiroglu2024"), ("LLAMA3", "llama3"), ("zzz", None)]
)
def test_a_misspelt_name_finds_its_like_and_nonsense_none(typed: str, meant: str | None) -> None:
    assert nearest(typed, ["besiroglu2024", "llama3", "kaplan2020"]) == meant
