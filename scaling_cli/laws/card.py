"""A law with its name and what is known of it: where it comes from, what it counts, how far to trust it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scaling_cli.findings import Finding
from scaling_cli.laws.law import Law

Range = tuple[float, float]

NATS = "nats per token"
"""What a loss is counted in, unless a law says otherwise."""

NOT_STATED = "not stated"
"""What the params of a law count, where its source does not say."""


@dataclass(frozen=True, slots=True)
class LawCard:
    """A law as the registry, a fit or a law file holds it.

    ``params_definition`` says which parameters N counts, ``loss_unit`` what L is in. ``confidence`` is
    ``primary`` (read in the paper or the authors' own repository), ``secondary`` (read in somebody
    else's text or code) or ``derived`` (computed from primary numbers); ``fitted`` for a law of one's
    own. ``findings`` go with every answer the law gives. ``fitted_range`` holds the least and the
    largest params, tokens and flops of the runs behind it, where they are known, and ``provenance`` how
    a fitted law came about. ``draws`` are laws of the same form refitted to resampled runs, and
    ``residuals`` log L_predicted - log L of the runs: together they say how sure an answer is.
    """

    name: str
    law: Law
    source: str = ""
    params_definition: str = NOT_STATED
    loss_unit: str = NATS
    dataset: str = ""
    confidence: str = ""
    caveat: str = ""
    findings: tuple[Finding, ...] = ()
    fitted_range: Mapping[str, Range] = field(default_factory=dict)
    draws: tuple[Law, ...] = ()
    residuals: tuple[float, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)

    def _compact_draws(self) -> dict[str, list[float]]:
        """Return the draws as one list for each constant."""
        if not self.draws:
            return {}
        constants = [draw.parameters for draw in self.draws]
        return {name: [draw[name] for draw in constants] for name in constants[0]}

    def as_dict(self) -> dict[str, object]:
        """Return what a law file holds after its schema; what is empty is left out."""
        about = {
            "source": self.source,
            "params_definition": self.params_definition,
            "loss_unit": "" if self.loss_unit == NATS else self.loss_unit,
            "dataset": self.dataset,
            "confidence": self.confidence,
            "caveat": self.caveat,
            "findings": [finding.as_dict() for finding in self.findings],
            "fitted_range": {name: list(ends) for name, ends in self.fitted_range.items()},
            "provenance": dict(self.provenance),
            "draws": self._compact_draws(),
            "residuals": list(self.residuals),
        }
        return {
            "name": self.name,
            **self.law.as_dict(),
            **{key: value for key, value in about.items() if value},
        }
