"""``scaling optimal`` under limits says what it takes for granted, and what a format has no room for."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Scaling = Callable[..., subprocess.CompletedProcess[str]]

MEMORY = "flops: 1e25\nmemory_gb: 80\n"
LLAMA_8B = (
    "model: {layers: 32, d_model: 4096, heads: 32, kv_heads: 8, ffn: 14336, swiglu: true, "
    "vocabulary: 128256, context: 8192}\n"
)
MIXTRAL = (
    "model: {layers: 32, d_model: 4096, heads: 32, kv_heads: 8, ffn: 14336, swiglu: true, "
    "vocabulary: 32k, context: 32768, experts: 8, active_experts: 2}\n"
)


@pytest.fixture
def planned(scaling: Scaling, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return the one result for a plan file."""

    def plan(text: str) -> dict[str, Any]:
        path = tmp_path / "plan.yaml"
        path.write_text(text)
        ended = scaling("optimal", "--config", path, "--format", "json")
        assert ended.returncode == 0, ended.stderr
        (found,) = json.loads(ended.stdout)["results"]
        return dict(found)

    return plan


Planned = Callable[[str], dict[str, Any]]


def said(result: dict[str, Any], name: str) -> list[str]:
    return [finding["message"] for finding in result["findings"] if finding["id"] == name]


def test_a_cache_that_was_not_told_is_said_in_bytes_and_its_key_named(planned: Planned) -> None:
    result = planned(f"{MEMORY}kv_tokens: 32768\n")
    (message,) = said(result, "assumed-kv-cache")
    per_token = (80e9 - 2 * result["params"]) / 32768
    assert f"keep {per_token / 1e6:.4g}M bytes a token" in message
    assert "kv_bytes_per_token" in message


@pytest.mark.parametrize("more", ["", "kv_tokens: 32768\nkv_bytes_per_token: 131072\n"])
def test_nothing_is_assumed_of_a_cache_that_is_told_or_not_asked_for(planned: Planned, more: str) -> None:
    assert said(planned(MEMORY + more), "assumed-kv-cache") == []


def test_the_cache_of_a_model_is_counted_from_its_shape(planned: Planned) -> None:
    result = planned(f"{MEMORY}kv_tokens: 32768\n{LLAMA_8B}")
    (message,) = said(result, "assumed-kv-cache")
    # 2 bytes x keys and values x 32 layers x 8 heads x 128
    assert "keep 131.1k bytes a token" in message
    own = planned(f"{MEMORY}kv_tokens: 32768\nkv_bytes_per_token: 131072\n{LLAMA_8B}")
    assert said(own, "assumed-kv-cache") == []
    assert own["constraints"] == result["constraints"]


def test_a_model_whose_experts_do_not_fit_the_memory_is_warned_of(planned: Planned) -> None:
    (message,) = said(planned(MEMORY + MIXTRAL), "memory-of-experts")
    # 46.7B params of two bytes
    assert "all 46.7B take 93.41 GB, more than its 80" in message
    assert said(planned(MEMORY.replace("80", "94") + MIXTRAL), "memory-of-experts") == []


def test_csv_says_where_the_ladder_is(scaling: Scaling) -> None:
    note = "note: the ladder is in the table, in JSON and in Markdown; CSV holds a row for each plan"
    asked = ("optimal", "--flops", "1e22")
    assert note in scaling(*asked, "--ladder", "--format", "csv").stderr.splitlines()
    assert "note:" not in scaling(*asked, "--ladder", "--format", "json").stderr
    assert "note:" not in scaling(*asked, "--max-params", "7B", "--format", "csv").stderr
