"""The ``model`` block of a plan file, written so that ``scaling optimal --config`` reads it back."""

from dataclasses import asdict

from scaling_cli.files.source import write_atomically
from scaling_cli.laws.architecture import Architecture

_OF_EXPERTS = ("experts", "active_experts", "shared_experts", "expert_ffn", "dense_layers")


def write_model(path: str, shape: Architecture, comment: str = "") -> None:
    """Write a plan file with the block of one model, every key spelled out.

    Raises ``OutputError`` where the file cannot be written.
    """
    import yaml

    known = {
        key: value
        for key, value in asdict(shape).items()
        # a zero says what a key says that is left out; false is an answer
        if (value or isinstance(value, bool)) and (shape.is_moe or key not in _OF_EXPERTS)
    }
    text = yaml.safe_dump({"model": known}, sort_keys=False)
    above = "".join(f"# {line}\n" for line in comment.splitlines())
    # the name of a law file, in the comment, may hold bytes that are no UTF-8
    write_atomically(path, f"{above}{text}".encode(errors="replace"))
