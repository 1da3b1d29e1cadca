"""What a config says that a command or an approach has no use for: said, and not silently ignored."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaling_cli.cli.output import say

if TYPE_CHECKING:
    from scaling_cli.files.experiment import Experiment

LOSS_KEYS = ("form", "objective", "delta", "overestimate_penalty", "weights", "fixed", "bounds", "starts")
"""The fields of an experiment that a parametric loss alone has a use for."""

_KEYS = {"fixed": "fix", "bounds": "bound"}
_OUTSIDE_FIT = ("waste", "drop_highest_losses", "all_steps")


def say_what_is_unused(study: "Experiment", who: str, fields: Sequence[str]) -> None:
    """Say which of ``fields`` the config of a study gives though ``who`` does not use them.

    The same on the command line is refused before it comes to this, so what is there is the file's.
    """
    found = [name for name in fields if getattr(study, name) not in (None, {}, ())]
    keys = [name if name in _OUTSIDE_FIT else f"fit.{_KEYS.get(name, name)}" for name in found]
    if keys:
        verb = "says" if len(keys) == 1 else "say"
        say(f"note: {study.name}: {', '.join(keys)} {verb} nothing to {who}")
