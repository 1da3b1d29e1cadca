"""What is said of a name that nobody knows: a key, a quantity, a column."""

from collections.abc import Sequence

from scaling_cli.names import nearest


def suggest(name: str, known: Sequence[str], *, others: str = "one of") -> str:
    """Return the way out for an unknown name: ``did you mean delta?``, else all that are known."""
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"{others} {', '.join(known)}"


def describe_unknown_key(key: str, known: Sequence[str]) -> tuple[str, str]:
    """Return what is wrong and the way out: ``unknown key 'delt'``, ``did you mean delta?``."""
    return f"unknown key {key!r}", suggest(key, known, others="the keys are")
