"""The forms by name, and a law from its dict form."""

import inspect
from collections.abc import Mapping

from scaling_cli.errors import LawError, QuantityError
from scaling_cli.laws.additive import ChinchillaLaw, OvertrainingLaw
from scaling_cli.laws.allocation import AllocationLaw, RatioLaw
from scaling_cli.laws.data_constrained import DataConstrainedLaw
from scaling_cli.laws.frontier import FrontierLaw
from scaling_cli.laws.kaplan import KaplanLaw
from scaling_cli.laws.law import Law
from scaling_cli.units import parse_quantity

FORMS: Mapping[str, type[Law]] = {
    law.form: law
    for law in (
        ChinchillaLaw,
        OvertrainingLaw,
        KaplanLaw,
        DataConstrainedLaw,
        AllocationLaw,
        RatioLaw,
        FrontierLaw,
    )
}


def law_from_dict(form: str, parameters: Mapping[str, object]) -> Law:
    """Return the law that ``Law.as_dict`` wrote or a person typed.

    Raises ``LawError`` for an unknown form, a missing, unknown or unreadable constant, and for
    constants that make no law (a negative exponent, say).
    """
    if form not in FORMS:
        raise LawError(f"form: {form!r} is not known", hint=f"forms: {', '.join(FORMS)}")
    signature = inspect.signature(FORMS[form]).parameters
    known = ", ".join(signature)
    unknown = [name for name in parameters if name not in signature]
    if unknown:
        raise LawError(f"parameters: {unknown[0]!r} is no constant of the {form} form (it has {known})")
    missing = [
        n for n, p in signature.items() if p.default is inspect.Parameter.empty and n not in parameters
    ]
    if missing:
        raise LawError(f"parameters: no {missing[0]} (the {form} form has {known})")
    constants = {}
    for name, value in parameters.items():
        try:
            constants[name] = parse_quantity(value)
        except QuantityError as error:
            raise LawError(f"parameters: {name}: {error.message}", hint=error.hint) from None
    try:
        return FORMS[form](**constants)
    except LawError as error:
        raise error.at("parameters") from None
