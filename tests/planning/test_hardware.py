"""Accelerators for a time become FLOPs by their dense peaks, whatever people call them."""

import pytest

from scaling_cli.errors import UsageError
from scaling_cli.planning.hardware import ACCELERATORS, find_accelerator, find_chip, hardware_flops
from scaling_cli.units import parse_hardware_time

# name as a reference lists it: dense peak in TFLOP/s, BF16 or (V100) FP16
PEAKS = {
    "V100-SXM2": 125, "V100-PCIe": 112, "A100-SXM": 312, "A100-PCIe": 312, "H100-SXM": 989,
    "H100-PCIe": 756, "H100-NVL": 835, "H200-SXM": 989, "B200-SXM": 2250, "GB200": 2500,
    "B300-SXM": 2250, "MI250X": 383, "MI300X": 1307.4, "MI325X": 1307.4, "L40S": 362, "TPU v3": 123,
    "TPU v4": 275, "TPU v5e": 197, "TPU v5p": 459, "TPU v6e": 918, "TPU v7": 2307,
}  # fmt: skip


@pytest.mark.parametrize("name", PEAKS)
def test_peaks_are_dense_and_those_of_the_reference(name: str) -> None:
    assert find_accelerator(name).peak_flops_per_second == PEAKS[name] * 1e12


def test_no_accelerator_is_without_a_reference() -> None:
    assert len(ACCELERATORS) == len(PEAKS)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("h100", "H100-SXM"),
        ("H100", "H100-SXM"),
        ("H100 SXM", "H100-SXM"),
        ("h100_sxm", "H100-SXM"),
        ("h100-pcie", "H100-PCIe"),
        ("A100", "A100-SXM"),
        ("H200", "H200-SXM"),
        ("b200", "B200-SXM"),
        ("b300", "B300-SXM"),
        ("V100", "V100-SXM2"),
        ("tpu v5p", "TPU-v5p"),
        ("TPUv5p", "TPU-v5p"),
        ("v5p", "TPU-v5p"),
        ("v4", "TPU-v4"),
        ("mi300x", "MI300X"),
        ("gb200", "GB200"),
        ("h100 sxm5", "H100-SXM"),
        ("NVIDIA H100 80GB HBM3", "H100-SXM"),
        ("NVIDIA A100-SXM4-80GB", "A100-SXM"),
        ("NVIDIA A100 80GB PCIe", "A100-PCIe"),
        ("NVIDIA H200", "H200-SXM"),
        ("Tesla V100-SXM2-32GB", "V100-SXM2"),
        ("AMD Instinct MI300X", "MI300X"),
        ("trillium", "TPU-v6e"),
        ("TPU Ironwood", "TPU-v7"),
    ],
)
def test_accelerators_are_found_by_what_people_call_them(typed: str, name: str) -> None:
    assert find_accelerator(typed).name == name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("H1000", "H100"), ("A100-SMX", "A100-SXM"), ("mi300", "MI300X"), ("tpu-v5", "TPU-v5")],
)
def test_an_unknown_accelerator_is_refused_with_the_nearest_and_the_list(typed: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_accelerator(typed)
    assert caught.value.message == f"unknown accelerator {typed!r}"
    assert caught.value.hint is not None
    assert f"did you mean {meant}" in caught.value.hint
    assert all(chip.name in caught.value.hint for chip in ACCELERATORS)


@pytest.mark.parametrize("typed", ["abacus", "", "-", "NVIDIA 80GB"])
def test_an_accelerator_like_no_other_gets_the_list_alone(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_accelerator(typed)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("known: V100-SXM2")


def test_an_unknown_accelerator_is_told_how_to_give_its_peak() -> None:
    with pytest.raises(UsageError) as caught:
        find_accelerator("Gaudi3")
    assert caught.value.hint is not None
    assert caught.value.hint.endswith(
        "another needs its dense peak, peak_tflops: 500 in a plan file, --config plan.yaml"
    )


@pytest.mark.parametrize(
    ("budget", "flops"),
    [
        # 64 x 989e12 FLOP/s x 30 x 86400 s x 0.4
        ("64xH100:30d@40%", 6.5625e22),
        ("1 x A100 : 1h @ 0.5", 312e12 * 3600 * 0.5),
        ("2,048xTPU v5p:2w@50%", 2048 * 459e12 * 14 * 86400 * 0.5),
        ("1k x h100-pcie:12h@100%", 1000 * 756e12 * 12 * 3600),
    ],
)
def test_hardware_for_a_time_is_count_times_peak_times_seconds_times_mfu(budget: str, flops: float) -> None:
    C, findings = hardware_flops(parse_hardware_time(budget))
    assert pytest.approx(flops, rel=1e-5) == C
    assert findings == ()


def test_a_chip_without_bf16_uses_its_fp16_peak_and_says_so() -> None:
    C, findings = hardware_flops(parse_hardware_time("8xV100:1d@30%"))
    assert pytest.approx(8 * 125e12 * 86400 * 0.3) == C
    (finding,) = findings
    assert (finding.id, finding.severity) == ("fp16-peak", "info")
    assert finding.message == "V100-SXM2 has no BF16: its dense FP16 peak of 125 TFLOP/s is used"


def test_a_chip_whose_peak_is_easily_misread_says_how_it_is_meant() -> None:
    _, findings = hardware_flops(parse_hardware_time("8xMI250X:1d@40%"))
    assert [finding.id for finding in findings] == ["accelerator-peak"]
    assert "two devices" in findings[0].message


@pytest.mark.parametrize(
    ("name", "fp8"), [("H100", 1979), ("H100-PCIe", 1513), ("B200", 4500), ("MI300X", 2614.9), ("v6e", 918)]
)
def test_the_precision_picks_the_peak(name: str, fp8: float) -> None:
    chip = find_accelerator(name)
    assert chip.peak("fp8") == fp8 * 1e12
    assert chip.peak() == chip.peak("bf16") == chip.peak_flops_per_second


@pytest.mark.parametrize("name", ["V100", "A100", "H100-NVL", "MI250X", "TPU-v5p"])
def test_a_chip_without_an_fp8_figure_has_no_fp8_peak(name: str) -> None:
    assert find_accelerator(name).peak("fp8") is None


@pytest.mark.parametrize(("typed", "name"), [("h800", "H800"), ("cs2", "CS-2"), ("A100-80GB", "A100-SXM")])
def test_chips_of_model_cards_are_known_by_name(typed: str, name: str) -> None:
    assert find_chip(typed).name == name


def test_a_chip_whose_peak_nobody_knows_makes_no_budget() -> None:
    with pytest.raises(UsageError, match="no dense peak of H800 is known"):
        hardware_flops(parse_hardware_time("8xH800:1d@40%"))
