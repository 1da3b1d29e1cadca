"""Theoretical IsoFLOP profiles as a report: for each law and budget, sizes around the optimum."""

from collections.abc import Sequence

from scaling_cli.findings import Finding
from scaling_cli.planning.profile import LawProfile, ProfilePoint
from scaling_cli.reports.report import Note, Report, Table
from scaling_cli.units import format_count, format_flops, format_number, format_share


def profile_report(profiles: Sequence[LawProfile], findings: Sequence[Finding] = ()) -> Report:
    """Return the report of ``scaling isoflop`` without runs."""
    notes = {finding: profile.card.name for profile in profiles for finding in profile.findings}
    several = len({profile.card.name for profile in profiles}) > 1
    return Report(
        schema="scaling.profile/1",
        data={
            "profiles": [_profile_dict(profile) for profile in profiles],
            "findings": [finding.as_dict() for finding in findings],
        },
        sections=tuple(_table(profile) for profile in profiles),
        rows=[
            {"law": profile.card.name, "flops": profile.flops, **_point_dict(point)}
            for profile in profiles
            for point in profile.points
        ],
        notes=(
            *(Note(finding, law if several else "") for finding, law in notes.items()),
            *(Note(finding) for finding in findings),
        ),
    )


def _profile_dict(profile: LawProfile) -> dict[str, object]:
    """Return one entry of ``profiles``: FLOPs, counts, nats per token, shares of the compute."""
    optimum = _point_dict(profile.optimum)
    del optimum["waste"]
    return {
        "law": profile.card.name,
        "flops": profile.flops,
        "optimum": optimum,
        "points": [_point_dict(point) for point in profile.points],
        "findings": [finding.as_dict() for finding in profile.findings],
    }


def _point_dict(point: ProfilePoint) -> dict[str, float]:
    return {"params": point.params, "tokens": point.tokens, "loss": point.loss, "waste": point.waste}


def _table(profile: LawProfile) -> Table:
    """Return a row for each size; the optimum is the one that wastes nothing."""
    rows = tuple(
        (
            format_count(point.params),
            format_count(point.tokens),
            format_number(point.tokens / point.params, 4),
            f"{point.loss:.4f}",
            format_share(point.waste),
        )
        for point in profile.points
    )
    budget = f"{profile.card.name} at {format_flops(profile.flops)} FLOPs"
    return Table(
        headings=("params", "tokens", "tokens per param", "loss", "waste"),
        rows=rows,
        is_text=frozenset(),
        caption=f"{budget}, from a tenth of N_opt to ten times it.",
    )
