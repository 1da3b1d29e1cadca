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

    given = asdict(shape).items()
    # a zero is what a key says that is left out
    known = {key: value for key, value in given if value != 0 and (shape.is_moe or key not in _OF_EXPERTS)}
    text = yaml.safe_dump({"model": known}, sort_keys=False)
    above = "".join(f"# {line}\n" for line in comment.splitlines())
    write_atomically(path, f"{above}{text}".encode())
