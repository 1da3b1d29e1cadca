"""The published runs in sample_runs/ are what their papers print, as far as arithmetic can tell."""

import csv
from pathlib import Path

import pytest

from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.published import published_law

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_runs"
FACTS = ROOT.parent / "shared" / "facts"

Rows = list[dict[str, str]]


def rows_of(name: str, folder: Path = SAMPLES) -> Rows:
    with (folder / name).open() as file:
        return list(csv.DictReader(file))


CEREBRAS, PYTHIA = rows_of("cerebras_gpt.csv"), rows_of("pythia.csv")


def shape_params(layers: int, d_model: int) -> int:
    """The params of GPT-2's design, one embedding of 50,257 words and 2,048 learned positions."""
    blocks = layers * (12 * d_model**2 + 13 * d_model) + 2 * d_model
    return blocks + (50257 + 2048) * d_model


@pytest.mark.parametrize("row", [*CEREBRAS, *PYTHIA], ids=[row["run_id"] for row in [*CEREBRAS, *PYTHIA]])
def test_flops_are_6ND(row: dict[str, str]) -> None:
    assert float(row["flops"]) == pytest.approx(6 * int(row["params"]) * int(row["tokens"]), rel=1e-12)


@pytest.mark.parametrize("row", CEREBRAS, ids=[row["run_id"] for row in CEREBRAS])
def test_cerebras_gpt_has_the_params_of_its_shape_and_20_tokens_for_each(row: dict[str, str]) -> None:
    params, tokens = int(row["params"]), int(row["tokens"])
    # 13B is a nominal size: its shape has 12.85B
    off = 0.012 if row["run_id"].endswith("13B") else 0.0015
    assert params == pytest.approx(shape_params(int(row["layers"]), int(row["d_model"])), rel=off)
    assert tokens / params == pytest.approx(20, rel=off)


@pytest.mark.parametrize("row", CEREBRAS, ids=[row["run_id"] for row in CEREBRAS])
def test_cerebras_gpt_saw_the_tokens_of_its_steps(row: dict[str, str]) -> None:
    batch = int(row["batch_sequences"].split()[0])  # of 13B the first one gives the tokens printed
    seen = int(row["steps"]) * batch * 2048
    assert int(row["tokens"]) == pytest.approx(seen, rel=0.0015)  # printed to three digits


def test_the_printed_flops_of_cerebras_gpt_exceed_6ND_most_where_models_are_small() -> None:
    ratios = [float(row["flops_printed"]) / float(row["flops"]) for row in CEREBRAS]
    assert ratios == sorted(ratios, reverse=True)
    assert (ratios[0], ratios[-1]) == pytest.approx((1.76, 1.15), abs=0.005)


def test_the_papers_own_losses_lie_on_the_published_frontier_and_the_cards_do_not() -> None:
    law = published_law("cerebras2023").law
    assert isinstance(law, FrontierLaw)

    def worst(column: str) -> float:
        return max(
            abs(law.frontier_loss(float(row["flops_printed"])) / float(row[column]) - 1) for row in CEREBRAS
        )

    assert worst("loss") < 0.013 < 0.025 < worst("loss_model_card")


@pytest.mark.parametrize("row", PYTHIA, ids=[row["run_id"] for row in PYTHIA])
def test_pythia_has_two_embeddings_of_a_padded_vocabulary(row: dict[str, str]) -> None:
    embeddings = int(row["params"]) - int(row["params_non_embedding"])
    vocabulary = [embeddings / (2 * width) for width in (512, 768, 1024, 2048, 2560, 4096, 5120)]
    assert any(size % 128 == 0 and 50257 <= size < 51200 for size in vocabulary)


def test_pythia_has_one_token_count_that_of_its_steps() -> None:
    assert {int(row["tokens"]) for row in PYTHIA} == {143_000 * 1024 * 2048}


def test_of_pythias_losses_one_does_not_fall_with_size_as_printed() -> None:
    def rises(column: str) -> list[str]:
        losses = [float(row[column]) for row in PYTHIA]
        return [
            row["run_id"]
            for row, before, L in zip(PYTHIA[1:], losses, losses[1:], strict=False)
            if before < L
        ]

    assert rises("loss") == []
    assert rises("loss_deduped") == ["Pythia-1.4B"]


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        (
            "cerebras_gpt.csv",
            {
                "layers": "n_layers",
                "d_model": "d_model",
                "heads": "n_heads",
                "steps": "steps",
                "tokens": "tokens",
                "flops_printed": "flops",
                "loss": "pile_test_xent_paper_sp",
                "loss_model_card": "pile_test_xent_hf_card",
                "loss_mup": "pile_test_xent_muP",
            },
        ),
        (
            "pythia.csv",
            {
                "params": "params_total",
                "params_non_embedding": "params_non_embedding",
                "tokens": "tokens",
                "flops_printed": "flops_cerebras_tab8",
                "loss": "pile_test_xent_cerebras_tab8",
                "loss_deduped": "pile_test_xent_deduped_cerebras_tab8",
            },
        ),
    ],
)
def test_the_runs_are_the_collected_facts(name: str, columns: dict[str, str]) -> None:
    if not (FACTS / name).exists():
        pytest.skip(f"{FACTS / name} is not there: the collected facts are not part of the repository")
    for ours, theirs in zip(rows_of(name), rows_of(name, FACTS), strict=True):
        assert ours["run_id"] == theirs["model"].replace(" ", "-")
        for column, fact in columns.items():
            assert [float(x) for x in ours[column].split()] == [float(x) for x in theirs[fact].split()]
