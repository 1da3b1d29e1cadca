"""Known models: params, tokens and published FLOPs with their source, and how their names are matched."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from scaling_cli.errors import UsageError
from scaling_cli.units import FLOPS_PER_PARAM_TOKEN

SHOWN_NEAREST = 3
"""An unknown name is answered with up to so many that are like it."""

LEAST_LIKENESS = 0.5
"""How alike (difflib's ratio of the names without blanks) a name must be to be offered."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was trained: N = ``params`` in total, on D = ``tokens``.

    ``active_params`` are those a token passes through, where that is not all of them. ``flops_published``
    is the training compute as its authors count it. ``confidence`` is ``primary`` (read in the paper, the
    card or the authors' repository) or ``secondary``; ``dataset`` what it was trained on, where a law's
    data is the same; ``caveat`` what to know of the figures. ``family`` is a name for several of them.
    """

    name: str
    params: float
    tokens: float
    source: str = ""
    confidence: str = ""
    active_params: float | None = None
    flops_published: float | None = None
    dataset: str = ""
    caveat: str = ""
    family: str = ""

    @property
    def compute_params(self) -> float:
        """The params that cost compute: the active ones of a mixture of experts, else all."""
        return self.params if self.active_params is None else self.active_params

    @property
    def flops(self) -> float:
        """C = 6 N D."""
        return FLOPS_PER_PARAM_TOKEN * self.compute_params * self.tokens


_LLAMA_1 = ("Touvron et al. 2023, arXiv 2302.13971, Table 2", "primary")
_LLAMA_2 = ("Touvron et al. 2023, arXiv 2307.09288, Table 2 and model card", "primary")
_LLAMA_3 = ("Llama 3 model card", "primary")
_LLAMA_31 = ("Llama 3.1 model card; Grattafiori et al. 2024, arXiv 2407.21783", "primary")
_GPT_3 = ("Brown et al. 2020, arXiv 2005.14165, Table D.1", "primary")
_HOFFMANN = "Hoffmann et al. 2022, arXiv 2203.15556, Table 1"
_PYTHIA = ("Biderman et al. 2023, arXiv 2304.01373; FLOPs from Dey et al. 2023, Table 8", "secondary")
_CEREBRAS = ("Dey et al. 2023, arXiv 2304.03208", "primary")
_AT_LEAST = 'the card says "15T+" tokens: at least so many'
_PYTHIA_TOKENS = 299_892_736_000


def _llama(name: str, params: float, tokens: float, source: tuple[str, str], caveat: str = "") -> Model:
    return Model(name, params, tokens, *source, caveat=caveat, family=name.rpartition(" ")[0])


def _gpt_3(size: str, params: float, flops: float) -> Model:
    return Model(f"GPT-3 {size}", params, 3e11, *_GPT_3, flops_published=flops, family="GPT-3 family")


def _pythia(size: str, params: float, flops: float) -> Model:
    return Model(f"Pythia {size}", params, _PYTHIA_TOKENS, *_PYTHIA, flops_published=flops, family="Pythia")


def _cerebras(size: str, params: float, tokens: float, flops: float) -> Model:
    name = "Cerebras-GPT"
    return Model(
        f"{name} {size}", params, tokens, *_CEREBRAS, flops_published=flops, dataset="The Pile", family=name
    )


_ENTRIES = (
    Model(
        "LaMDA 137B",
        1.37e11,
        1.68e11,
        f"{_HOFFMANN}; Thoppilan et al. 2022, arXiv 2201.08239",
        "secondary",
        caveat="the paper's 123 TFLOP/s on 1024 TPUv3 for 57.7 days come to 3.5e23 FLOPs, 2.6 times 6 N D: "
        "168B may not be the tokens it was trained on",
    ),
    _gpt_3("175B", 1.746e11, 3.14e23),
    Model("Jurassic-1", 1.78e11, 3e11, f"{_HOFFMANN}, after the AI21 white paper", "secondary"),
    Model(
        "Gopher",
        2.8e11,
        3e11,
        f"{_HOFFMANN}; budget from Rae et al. 2021",
        "secondary",
        flops_published=5.76e23,
        dataset="MassiveText",
    ),
    Model("MT-NLG 530B", 5.3e11, 2.7e11, f"{_HOFFMANN}; Smith et al. 2022, arXiv 2201.11990", "secondary"),
    Model(
        "PaLM 540B",
        5.4035e11,
        7.8e11,
        "Chowdhery et al. 2022, arXiv 2204.02311, Table 3; FLOPs secondary",
        "primary",
        flops_published=2.56e24,
    ),
    Model("Chinchilla", 7e10, 1.4e12, _HOFFMANN, "primary", flops_published=5.76e23, dataset="MassiveText"),
    _llama("LLaMA 1 7B", 6.7e9, 1e12, _LLAMA_1),
    _llama("LLaMA 1 13B", 1.3e10, 1e12, _LLAMA_1),
    _llama("LLaMA 1 33B", 3.25e10, 1.4e12, _LLAMA_1),
    _llama("LLaMA 1 65B", 6.52e10, 1.4e12, _LLAMA_1),
    _llama("Llama 2 7B", 6_738_417_664, 2e12, _LLAMA_2),
    _llama("Llama 2 13B", 13_015_866_880, 2e12, _LLAMA_2),
    _llama("Llama 2 34B", 3.4e10, 2e12, _LLAMA_2, "its size is the nominal one"),
    _llama("Llama 2 70B", 68_976_653_312, 2e12, _LLAMA_2),
    _llama("Llama 3 8B", 8_030_261_248, 1.5e13, _LLAMA_3, _AT_LEAST),
    _llama("Llama 3 70B", 70_553_706_496, 1.5e13, _LLAMA_3, _AT_LEAST),
    _llama("Llama 3.1 8B", 8_030_261_248, 1.5e13, _LLAMA_31, _AT_LEAST),
    _llama("Llama 3.1 70B", 70_553_706_496, 1.5e13, _LLAMA_31, _AT_LEAST),
    Model("Llama 3.1 405B", 405_853_388_800, 1.56e13, *_LLAMA_31, flops_published=3.8e25, family="Llama 3.1"),
    _gpt_3("Small", 1.25e8, 2.25e20),
    _gpt_3("Medium", 3.56e8, 6.41e20),
    _gpt_3("Large", 7.6e8, 1.37e21),
    _gpt_3("XL", 1.32e9, 2.38e21),
    _gpt_3("2.7B", 2.65e9, 4.77e21),
    _gpt_3("6.7B", 6.66e9, 1.2e22),
    _gpt_3("13B", 1.285e10, 2.31e22),
    Model("BLOOM-176B", 1.76247e11, 3.66e11, "BLOOM model card", "secondary"),
    Model("GLM-130B", 1.3e11, 4e11, "Zeng et al. 2022, arXiv 2210.02414", "secondary"),
    Model(
        "BloombergGPT",
        5.06e10,
        5.69e11,
        "Wu et al. 2023, arXiv 2303.17564",
        "secondary",
        flops_published=2.36e23,
    ),
    Model("MPT-7B", 6.7e9, 1e12, "MosaicML blog", "secondary"),
    Model(
        "Falcon-180B",
        179_522_565_120,
        3.5e12,
        "model card; Almazrouei et al. 2023, arXiv 2311.16867",
        "secondary",
    ),
    Model("StarCoderBase", 1.55e10, 1e12, "Li et al. 2023, arXiv 2305.06161", "secondary"),
    Model("OLMo 2 7B", 7_298_617_344, 4.05e12, "model card; arXiv 2501.00656", "secondary", family="OLMo 2"),
    Model("OLMo 2 13B", 13_716_198_400, 5.6e12, "model card; arXiv 2501.00656", "secondary", family="OLMo 2"),
    Model("SmolLM3 3B", 3_075_098_624, 1.12e13, "Hugging Face blog", "secondary"),
    Model(
        "DeepSeek-V3",
        6.71e11,
        1.48e13,
        "DeepSeek-AI 2024, arXiv 2412.19437",
        "secondary",
        active_params=3.7e10,
    ),
    _pythia("70M", 70_426_624, 1.6e20),
    _pythia("160M", 162_322_944, 4.1e20),
    _pythia("410M", 405_334_016, 1.1e21),
    _pythia("1B", 1_011_781_632, 2.2e21),
    _pythia("1.4B", 1_414_647_808, 3.2e21),
    _pythia("2.8B", 2_775_208_960, 6.1e21),
    _pythia("6.9B", 6_857_302_016, 1.4e22),
    _pythia("12B", 11_846_072_320, 2.4e22),
    _cerebras("111M", 1.11e8, 2.22e9, 2.6e18),
    _cerebras("256M", 2.56e8, 5.12e9, 1.3e19),
    _cerebras("590M", 5.9e8, 1.18e10, 6.1e19),
    _cerebras("1.3B", 1.316e9, 2.63e10, 2.8e20),
    _cerebras("2.7B", 2.652e9, 5.3e10, 1.1e21),
    _cerebras("6.7B", 6.658e9, 1.33e11, 6.3e21),
    _cerebras("13B", 1.3e10, 2.57e11, 2.3e22),
)
# OPT-175B is left out: its 180B tokens stand in no source that was read

MODELS = {model.name: model for model in _ENTRIES}
"""Every known model by name: those of Hoffmann's Table 1 and the Llamas first."""

ALL = "all"

SHOWN = tuple(MODELS)[: tuple(MODELS).index("GPT-3 Small")]
"""What is compared where no model is named: Hoffmann's Table 1, PaLM and the Llamas."""

_ALIASES = {
    "gpt3": "GPT-3 175B",
    "davinci": "GPT-3 175B",
    "chinchilla70b": "Chinchilla",
    "gopher280b": "Gopher",
}
"""Other names that people have for a model, without blanks."""


def families() -> dict[str, tuple[str, ...]]:
    """Return the names that stand for several models: ``Llama 2``, ``Pythia``, ..., and ``all``."""
    found: dict[str, tuple[str, ...]] = {}
    for model in _ENTRIES:
        if model.family:
            found[model.family] = (*found.get(model.family, ()), model.name)
    return {**found, ALL: tuple(MODELS)}


def find_models(name: str, own: Sequence[Model] = ()) -> tuple[Model, ...]:
    """Return the model called ``name``, or those of a family; ``own`` models come before known ones.

    Case, blanks, hyphens, dots and underscores do not matter. A name that is a part of a single model's
    (``llama 65b``) is that model's. Raises ``UsageError`` with the candidates where it fits several, and
    with the nearest names where it fits none.
    """
    key = _key(name)
    for pool in ({model.name: model for model in own}, MODELS):
        exact = [model for model in pool.values() if _key(model.name) == key]
        if exact:
            return (exact[0],)
    for family, members in families().items():
        if _key(family) == key:
            return tuple(MODELS[member] for member in members)
    if key in _ALIASES:
        return (MODELS[_ALIASES[key]],)
    pool = MODELS | {model.name: model for model in own}
    fitting = [model for model in pool.values() if _fits(name, model.name)]
    if len(fitting) == 1:
        return (fitting[0],)
    if fitting:
        raise UsageError(
            f"{name!r} may be {_either([model.name for model in fitting])}",
            hint=f"write one of them whole, {fitting[0].name!r}",
        )
    near = nearest_models(name, pool)
    hint = f"did you mean {_either(near)}? " if near else ""
    raise UsageError(
        f"unknown model {name!r}", hint=f"{hint}all compares every known model, --models FILE.yaml your own"
    )


def nearest_models(name: str, names: Iterable[str]) -> list[str]:
    """Return the few names most like ``name``, the most like it first."""
    by_key = {_key(known): known for known in names}
    return [by_key[key] for key in get_close_matches(_key(name), by_key, SHOWN_NEAREST, LEAST_LIKENESS)]


def _key(name: str) -> str:
    """Return a name without case and without what stands between its words; 1.3B is not 13B all the same."""
    sized = re.sub(r"(\d)\.(\d[bmt])(?![a-z])", r"\1point\2", name.lower())
    return re.sub(r"[^0-9a-z]", "", sized)


def _words(name: str) -> list[str]:
    """Return the sizes, and the runs of letters and of digits: ``llama7b`` and ``LLaMA 7B`` are llama, 7b."""
    return re.findall(r"\d+(?:\.\d+)?[bmt](?![a-z])|[a-z]+|\d+", name.lower())


def _fits(asked: str, name: str) -> bool:
    """Say whether the words of ``asked`` stand in ``name``, in order."""
    words = iter(_words(name))
    return bool(_words(asked)) and all(word in words for word in _words(asked))


def _either(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
