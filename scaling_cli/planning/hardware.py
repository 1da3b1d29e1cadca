"""Accelerators and their dense peaks: hardware for a time becomes FLOPs."""

from dataclasses import dataclass

from scaling_cli.errors import UsageError
from scaling_cli.findings import Finding
from scaling_cli.names import nearest
from scaling_cli.units import HardwareTime, format_number


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One chip: dense peaks in TFLOP/s without sparsity; ``None`` where the chip has no such unit."""

    name: str
    bf16_tflops: float | None
    fp16_tflops: float | None = None
    note: str = ""

    @property
    def peak_flops_per_second(self) -> float:
        """The dense BF16 peak in FLOP/s, or the FP16 peak of a chip without BF16."""
        tflops = self.bf16_tflops or self.fp16_tflops
        assert tflops is not None
        return tflops * 1e12


# Dense peaks, without sparsity: A100 to L40S from ml-engineering "compute/accelerator" (its figures link the
# vendors' pages), with torchtitan's get_peak_flops; H100-NVL from torchtitan; MI300X and MI325X from
# nanochat's common.py (AMD's data sheet); V100 from llm-analysis gpu_configs; TPUs from the Google Cloud
# TPU pages.
ACCELERATORS = (
    Accelerator("V100-SXM2", None, 125),
    Accelerator("V100-PCIe", None, 112),
    Accelerator("A100-SXM", 312, 312),
    Accelerator("A100-PCIe", 312, 312),
    Accelerator("H100-SXM", 989, 989),
    Accelerator("H100-PCIe", 756, 756),
    Accelerator("H100-NVL", 835, 835),
    Accelerator("H200-SXM", 989, 989),
    Accelerator("B200-SXM", 2250, 2250),
    Accelerator("GB200", 2500, 2500, "the peak is per GPU, and a superchip has two"),
    Accelerator("B300-SXM", 2250, 2250),
    Accelerator("MI250X", 383, 383, "the peak is per card, which shows as two devices of 191.5 TFLOP/s"),
    Accelerator("MI300X", 1307.4, 1307.4),
    Accelerator("MI325X", 1307.4, 1307.4),
    Accelerator("L40S", 362, 362),
    Accelerator("TPU-v3", 123, None, "the peak is per chip of two cores; one source prints 140"),
    Accelerator("TPU-v4", 275),
    Accelerator("TPU-v5e", 197),
    Accelerator("TPU-v5p", 459),
    Accelerator("TPU-v6e", 918, 918),
    Accelerator("TPU-v7", 2307, 2307),
)


def _key(name: str) -> str:
    """Return a name without case, spaces and separators."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


_BY_KEY = {_key(chip.name): chip for chip in ACCELERATORS}
_BY_KEY |= {_key(chip.name).removeprefix("tpu"): chip for chip in ACCELERATORS if chip.name.startswith("TPU")}
# the bare family name means the SXM part
_BY_KEY |= {_key(chip.name.split("-SXM")[0]): chip for chip in ACCELERATORS if "-SXM" in chip.name}


def find_accelerator(name: str) -> Accelerator:
    """Return the accelerator called ``name``, ignoring case, spaces and hyphens; ``H100`` is H100-SXM."""
    chip = _BY_KEY.get(_key(name))
    if chip is not None:
        return chip
    near = nearest(_key(name), _BY_KEY)
    hint = f"did you mean {_BY_KEY[near].name}? " if near else ""
    raise UsageError(
        f"unknown accelerator {name!r}",
        hint=f"{hint}known: {', '.join(chip.name for chip in ACCELERATORS)}",
    )


def hardware_flops(hardware: HardwareTime) -> tuple[float, tuple[Finding, ...]]:
    """Return C = count x peak x seconds x MFU in FLOPs, and findings where the peak wants a word."""
    chip = find_accelerator(hardware.accelerator)
    findings: tuple[Finding, ...] = ()
    peak = f"{format_number(chip.peak_flops_per_second / 1e12)} TFLOP/s"
    if chip.bf16_tflops is None:
        message = f"{chip.name} has no BF16: its dense FP16 peak of {peak} is used"
        findings = (Finding("fp16-peak", "info", message),)
    if chip.note:
        findings = (*findings, Finding("accelerator-peak", "info", f"{chip.name} at {peak}: {chip.note}"))
    return hardware.count * chip.peak_flops_per_second * hardware.seconds * hardware.mfu, findings
