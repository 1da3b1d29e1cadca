"""Published utilisation: what share of their peak accelerators reached, while training and all in all."""

from dataclasses import dataclass

from scaling_cli.planning.hardware import Precision, find_accelerator
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN, format_share


@dataclass(frozen=True, slots=True)
class PublishedMfu:
    """The model FLOPs utilisation that its authors print for a model, ``low`` to ``high``."""

    chip: str
    model: str
    low: float
    high: float
    source: str


_PALM = "Chowdhery et al. 2022, arXiv 2204.02311, Table 3"
_LLAMA_31 = "Grattafiori et al. 2024, arXiv 2407.21783"

PUBLISHED_MFU = (
    PublishedMfu("V100-SXM2", "GPT-3 175B", 0.213, 0.213, _PALM),
    PublishedMfu("TPU-v3", "Gopher", 0.325, 0.325, _PALM),
    PublishedMfu("TPU-v3", "LaMDA 137B", 0.565, 0.565, "Thoppilan et al. 2022, arXiv 2201.08239, Sec. 10"),
    PublishedMfu("TPU-v4", "PaLM 540B", 0.457, 0.462, _PALM),  # without and with attention
    PublishedMfu("A100-SXM", "MT-NLG 530B", 0.297, 0.302, _PALM),
    PublishedMfu("H100-SXM", "Llama 3.1 405B", 0.38, 0.43, _LLAMA_31),
)


@dataclass(frozen=True, slots=True)
class AllIn:
    """A model whose accelerator-hours are published: 6 N D over what those hours could do at the peak.

    ``mfu`` is what its authors print while it trains, where they do: the hours that it explains are fewer.
    """

    chip: str
    model: str
    params: float
    tokens: float
    hours: float
    source: str
    mfu: float | None = None

    def hours_at(self, mfu: float) -> float:
        """Return 6 N D/(3600 x peak x MFU), the accelerator-hours at a utilisation."""
        peak = find_accelerator(self.chip).peak_flops_per_second
        return FLOPS_PER_PARAM_TOKEN * self.params * self.tokens / (3600 * peak * mfu)

    @property
    def utilisation(self) -> float:
        """The share of the peak over all hours."""
        return self.hours_at(1.0) / self.hours

    @property
    def share_explained(self) -> float | None:
        """The share of the published hours that the published MFU explains."""
        return None if self.mfu is None else self.hours_at(self.mfu) / self.hours


_LLAMA_1 = "Touvron et al. 2023, arXiv 2302.13971, Table 15"
_LLAMA_2 = "Touvron et al. 2023, arXiv 2307.09288, Table 2"

ALL_IN = (
    AllIn("H100-SXM", "Llama 3.1 405B", 405_853_388_800, 1.56e13, 30.84e6, f"{_LLAMA_31}; model card", 0.41),
    AllIn("H100-SXM", "Llama 3 70B", 70_553_706_496, 1.5e13, 6.4e6, "Llama 3 model card"),
    AllIn("H100-SXM", "Llama 3 8B", 8_030_261_248, 1.5e13, 1.3e6, "Llama 3 model card"),
    AllIn("A100-SXM", "LLaMA 1 13B", 1.3e10, 1e12, 135_168, _LLAMA_1),
    AllIn("A100-SXM", "LLaMA 1 65B", 6.52e10, 1.4e12, 1_022_362, _LLAMA_1),
    AllIn("A100-SXM", "Llama 2 34B", 3.4e10, 2e12, 1_038_336, _LLAMA_2),
    AllIn("A100-SXM", "Llama 2 70B", 68_976_653_312, 2e12, 1_720_320, _LLAMA_2),
    AllIn("TPU-v3", "Gopher", 2.8e11, 3e11, 3_768_320, "Rae et al. 2021: 4096 chips for 920 hours", 0.325),
    AllIn("TPU-v4", "PaLM 540B", 5.4035e11, 7.8e11, 8_404_992, f"{_PALM} and Appendix B", 0.457),
)

MATMUL = {
    ("A100-SXM", "bf16"): 0.869,
    ("A100-PCIe", "bf16"): 0.811,
    ("H100-SXM", "bf16"): 0.803,
    ("B300-SXM", "bf16"): 0.786,
    ("B200-SXM", "bf16"): 0.776,
    ("GB200", "bf16"): 0.729,
    ("MI325X", "bf16"): 0.604,
    ("MI300X", "bf16"): 0.514,
    ("B200-SXM", "fp8"): 0.763,
    ("B300-SXM", "fp8"): 0.745,
    ("H200-SXM", "fp8"): 0.734,
    ("GB200", "fp8"): 0.723,
    ("H100-SXM", "fp8"): 0.709,
}
"""The best share of the dense peak that a single matrix product reached, by chip and precision
(ml-engineering, "Maximum Achievable Matmul FLOPS"): a model's MFU lies below it."""


def most_matmul(chip: str, precision: Precision) -> float | None:
    """Return the share of the peak that one matrix product reached at best, where it was measured."""
    return MATMUL.get((chip, precision))


def describe_published(chip: str, precision: Precision = "bf16") -> str:
    """Say which utilisation is published for a chip, or how high it could be at most."""
    said = _published(chip, precision)
    if said:
        return f"published on {chip}: {'; '.join(said)}"
    return f"none is published on {chip}; on H100-SXM: {'; '.join(_published('H100-SXM', 'bf16'))}"


def _published(chip: str, precision: Precision) -> list[str]:
    said = [f"{_between(one.low, one.high)} MFU ({one.model})" for one in PUBLISHED_MFU if one.chip == chip]
    hours = [one.utilisation for one in ALL_IN if one.chip == chip]
    if hours:
        said.append(f"{_between(min(hours), max(hours))} of the peak over all published hours")
    ceiling = most_matmul(chip, precision)
    if not said and ceiling is not None:
        said.append(f"no MFU, but single matrix products reach {format_share(ceiling)} at best")
    return said


def closest_all_in(chip: str) -> AllIn:
    """Return a model with a published MFU and published hours: on this chip, or else on H100."""
    told = [one for one in ALL_IN if one.mfu is not None]
    return next((one for one in told if one.chip == chip), told[0])


def _between(low: float, high: float) -> str:
    """Write ``38 % to 43 %``, or the one share that both are."""
    ends = [format_share(low), format_share(high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
