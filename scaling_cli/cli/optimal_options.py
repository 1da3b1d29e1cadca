"""The options of ``scaling optimal``."""

from functools import partial
from typing import Annotated

import typer

from scaling_cli.cli.options import complete_budget, complete_gpu, complete_law

DEFAULT_LAWS = "chinchilla"

Known = partial(typer.Option, rich_help_panel="What is known (one asks for the optimum, two are a what-if)")
Hardware = partial(
    typer.Option, rich_help_panel="Hardware and money (budgets where they make one; all are caps)"
)
Limits = partial(typer.Option, rich_help_panel="Inference, data and size")
Shapes = partial(typer.Option, rich_help_panel="A model that can be built")
Laws = partial(typer.Option, rich_help_panel="Laws")

FlopsOption = Annotated[
    list[str] | None,
    Known("--flops", metavar="C", help="A budget, 5.76e23; repeat it, or sweep 1e20:1e26:7."),
]
PfDaysOption = Annotated[
    list[str] | None, Known("--pf-days", metavar="C", help="A budget in petaFLOP/s-days.")
]
BudgetOption = Annotated[
    list[str] | None,
    Known(
        "--budget",
        metavar="HARDWARE",
        help='A budget as "64xH100:30d@40%": count x accelerator : duration @ MFU.',
        autocompletion=complete_budget,
    ),
]
ParamsOption = Annotated[list[str] | None, Known("--params", metavar="N", help="A model size, 70B.")]
TokensOption = Annotated[list[str] | None, Known("--tokens", metavar="D", help="Training tokens, 1.4T.")]
RatioOption = Annotated[list[str] | None, Known("--tokens-per-param", metavar="D/N", help="Their ratio, 20.")]
LossOption = Annotated[list[str] | None, Known("--loss", metavar="L", help="A loss in nats per token, 2.0.")]
LawOption = Annotated[
    list[str] | None,
    Laws(
        "--law",
        metavar="NAME|FILE",
        help="A published law, a law file, all, or chinchilla (four of them); repeat it.",
        show_default=DEFAULT_LAWS,
        autocompletion=complete_law,
    ),
]
ListLawsOption = Annotated[bool, Laws("--list-laws", help="List the published laws, and stop.")]
ShowLawOption = Annotated[
    str | None,
    Laws(
        "--show-law",
        metavar="NAME|FILE",
        help="Show one law whole, and stop.",
        autocompletion=complete_law,
    ),
]
GpusOption = Annotated[str | None, Hardware("--gpus", metavar="COUNT", help="Accelerators, 64.")]
GpuOption = Annotated[
    str | None,
    Hardware(
        "--gpu", metavar="CHIP", help="Which accelerator, H100 or TPU-v5p.", autocompletion=complete_gpu
    ),
]
DaysOption = Annotated[
    str | None, Hardware("--days", metavar="TIME", help="For how long, 30 or 12h; fixes --gpus without them.")
]
MfuOption = Annotated[
    str | None, Hardware("--mfu", metavar="SHARE", help="The share of the peak that training reaches, 40%.")
]
UsdOption = Annotated[
    str | None, Hardware("--usd", metavar="DOLLARS", help="What all may cost, 2M; needs a price.")
]
PriceOption = Annotated[
    str | None, Hardware("--gpu-hour-price", metavar="DOLLARS", help="What an accelerator-hour costs, 2.50.")
]
InferenceOption = Annotated[
    str | None,
    Limits("--inference-tokens", metavar="D", help="Tokens to be served in the model's life, 2T."),
]
UniqueOption = Annotated[
    str | None, Limits("--unique-tokens", metavar="D", help="What data there are, 1T: more is repeated.")
]
MaxParamsOption = Annotated[str | None, Limits("--max-params", metavar="N", help="No larger than this, 30B.")]
MaxTokensOption = Annotated[str | None, Limits("--max-tokens", metavar="D", help="No longer than this, 1T.")]
LadderOption = Annotated[
    bool, Limits("--ladder", help="Other sizes at the optimum's loss, and the demand that pays for them.")
]
ShapeOption = Annotated[
    bool, Shapes("--shape", help="Propose models of that size, in the style of the plan file's model block.")
]
BatchOption = Annotated[
    str | None, Shapes("--batch-tokens", metavar="B", help="A batch of one's own, 4M tokens, for its steps.")
]
SaveModelOption = Annotated[
    str | None, Shapes("--save", metavar="FILE", help="Save the model, for scaling optimal --config FILE.")
]
ConfigOption = Annotated[
    str | None,
    Limits("--config", metavar="FILE", help="A YAML plan with these and rarer limits; options win over it."),
]
