"""Accelerators and their dense peaks: hardware for a time becomes FLOPs."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from scaling_cli.errors import UsageError
from scaling_cli.findings import Finding
from scaling_cli.names import nearest
from scaling_cli.units import HardwareTime, format_number

Precision = Literal["bf16", "fp8"]
"""The number format of the matrix products, which picks the peak."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One chip: dense peaks in TFLOP/s without sparsity; ``None`` where the chip has no such unit."""

    name: str
    bf16_tflops: float | None
    fp16_tflops: float | None = None
    note: str = ""
    fp8_tflops: float | None = None

    @property
    def peak_flops_per_second(self) -> float:
        """The dense BF16 peak in FLOP/s, or the FP16 peak of a chip without BF16."""
        tflops = self.bf16_tflops or self.fp16_tflops
        assert tflops is not None
        return tflops * 1e12

    def peak(self, precision: Precision = "bf16") -> float | None:
        """Return the dense peak in FLOP/s; FP16 stands in for BF16, ``None`` where no figure is known."""
        tflops = self.fp8_tflops if precision == "fp8" else self.bf16_tflops or self.fp16_tflops
        return None if tflops is None else tflops * 1e12


# Dense peaks, without sparsity: A100 to L40S from ml-engineering "compute/accelerator" (its figures link the
# vendors' pages), with torchtitan's get_peak_flops; H100-NVL from torchtitan; MI300X and MI325X from
# nanochat's common.py (AMD's data sheet); V100 from llm-analysis gpu_configs; TPUs from the Google Cloud
# TPU pages.
ACCELERATORS = (
    Accelerator("V100-SXM2", None, 125),
    Accelerator("V100-PCIe", None, 112),
    Accelerator("A100-SXM", 312, 312),
    Accelerator("A100-PCIe", 312, 312),
    Accelerator("H100-SXM", 989, 989, fp8_tflops=1979),
    Accelerator("H100-PCIe", 756, 756, fp8_tflops=1513),
    Accelerator("H100-NVL", 835, 835),
    Accelerator("H200-SXM", 989, 989, fp8_tflops=1979),
    Accelerator("B200-SXM", 2250, 2250, fp8_tflops=4500),
    Accelerator("GB200", 2500, 2500, "the peak is per GPU, and a superchip has two", 5000),
    Accelerator("B300-SXM", 2250, 2250, fp8_tflops=4500),
    Accelerator("MI250X", 383, 383, "the peak is per card, which shows as two devices of 191.5 TFLOP/s"),
    Accelerator("MI300X", 1307.4, 1307.4, fp8_tflops=2614.9),
    Accelerator("MI325X", 1307.4, 1307.4, fp8_tflops=2610),
    Accelerator("L40S", 362, 362, fp8_tflops=733),
    Accelerator("TPU-v3", 123, None, "the peak is per chip of two cores; one source prints 140"),
    Accelerator("TPU-v4", 275),
    Accelerator("TPU-v5e", 197),
    Accelerator("TPU-v5p", 459),
    Accelerator("TPU-v6e", 918, 918, fp8_tflops=918),
    Accelerator("TPU-v7", 2307, 2307, fp8_tflops=4614),
)

# chips that published models were trained on, and of which no dense peak was found
WITHOUT_PEAK = (
    Accelerator("H800", None, note="DeepSeek-V3 was trained on it"),
    Accelerator("CS-2", None, note="Cerebras-GPT was trained on it"),
)


_MAKERS = ("nvidia", "tesla", "amd", "instinct", "google")
_MEMORY = re.compile(r"\b(\d+ ?gb|hbm\d*e?)\b")
_SOCKET = re.compile(r"sxm\d")


def _key(name: str) -> str:
    """Return a name without case, spaces and separators, and without its maker, memory and kind of socket.

    What a driver calls ``NVIDIA H100 80GB HBM3`` or ``Tesla V100-SXM2-32GB`` is H100 and V100-SXM.
    """
    spaced = _MEMORY.sub(" ", re.sub(r"[\W_]+", " ", name.lower()))
    return _SOCKET.sub("sxm", "".join(word for word in spaced.split() if word not in _MAKERS))


_BY_KEY = {_key(chip.name): chip for chip in ACCELERATORS}
_BY_KEY |= {_key(chip.name).removeprefix("tpu"): chip for chip in ACCELERATORS if chip.name.startswith("TPU")}
# the bare family name means the SXM part
_BY_KEY |= {_key(chip.name.split("-SXM")[0]): chip for chip in ACCELERATORS if "-SXM" in chip.name}
# what Google calls two of its own
_BY_KEY |= {
    f"{tpu}{name}": _BY_KEY[version]
    for name, version in (("trillium", "v6e"), ("ironwood", "v7"))
    for tpu in ("", "tpu")
}
_PEAKLESS_BY_KEY = {_key(chip.name): chip for chip in WITHOUT_PEAK}


def find_chip(name: str) -> Accelerator:
    """Return the accelerator called ``name`` as ``find_accelerator`` does, those without a peak too."""
    return _PEAKLESS_BY_KEY.get(_key(name)) or find_accelerator(name)


def find_accelerator(name: str) -> Accelerator:
    """Return the accelerator called ``name``, ignoring case, spaces and hyphens; ``H100`` is H100-SXM."""
    chip = _BY_KEY.get(_key(name))
    if chip is not None:
        return chip
    if _key(name) in _PEAKLESS_BY_KEY:
        raise UsageError(
            f"no dense peak of {_PEAKLESS_BY_KEY[_key(name)].name} is known",
            hint="give its peak_tflops in a plan file, --config plan.yaml",
        )
    near = nearest(_key(name), _BY_KEY)
    hint = f"did you mean {_BY_KEY[near].name}? " if near else ""
    raise UsageError(
        f"unknown accelerator {name!r}",
        hint=f"{hint}known: {', '.join(chip.name for chip in ACCELERATORS)}; another needs its dense peak, "
        "peak_tflops: 500 in a plan file, --config plan.yaml",
    )


def hardware_flops(hardware: HardwareTime) -> tuple[float, tuple[Finding, ...]]:
    """Return C = count x peak x seconds x MFU in FLOPs, and findings where the peak wants a word."""
    chip = find_accelerator(hardware.accelerator)
    flops = hardware.count * chip.peak_flops_per_second * hardware.seconds * hardware.mfu
    return flops, peak_findings(chip)


def peak_findings(chip: Accelerator, precision: Precision = "bf16") -> tuple[Finding, ...]:
    """Say what the peak of a chip is, where that is easily misread."""
    flops = chip.peak(precision)
    if flops is None:
        return ()
    findings: tuple[Finding, ...] = ()
    peak = f"{format_number(flops / 1e12)} TFLOP/s"
    if chip.bf16_tflops is None and precision == "bf16":
        message = f"{chip.name} has no BF16: its dense FP16 peak of {peak} is used"
        findings = (Finding("fp16-peak", "info", message),)
    if chip.note:
        findings = (*findings, Finding("accelerator-peak", "info", f"{chip.name} at {peak}: {chip.note}"))
    return findings
