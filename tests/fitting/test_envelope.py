"""The envelope: the truth behind simulated curves, with schedules that match the runs or with one for all."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_cli.curves import Curves
from scaling_cli.fitting.envelope import EnvelopeFit, fit_envelope
from scaling_cli.fitting.trace import EnvelopeSettings
from scaling_cli.laws.law import PredictsLoss
from scaling_cli.laws.published import PUBLISHED
from tests.fitting.learning_curves import TABLE_A9_SIZES, besiroglu, matched_schedules, simulate

if TYPE_CHECKING:
    from scaling_cli.runs import FloatArray

SIZES = np.geomspace(70e6, 10e9, 80)
ROWS = 100
KAPLAN = EnvelopeSettings(include_unfinished=True)


def law_named(name: str) -> PredictsLoss:
    law = PUBLISHED[name].law
    assert isinstance(law, PredictsLoss)
    return law


def exponent_error(fit: EnvelopeFit, law: PredictsLoss) -> float:
    assert fit.law is not None
    return fit.law.exponents[0] - law.exponents[0]


def variant_error(fit: EnvelopeFit, rule: str, law: PredictsLoss) -> float:
    found = next(variant.law for variant in fit.variants if variant.rule == rule)
    assert found is not None
    return found.exponents[0] - law.exponents[0]


def ids(fit: EnvelopeFit) -> dict[str, str]:
    return {finding.id: finding.severity for finding in fit.findings}


@pytest.mark.parametrize("name", ["besiroglu2024", "hoffmann2022-a3", "hoffmann2022-a3-rounded"])
@pytest.mark.parametrize("smooth", [0, 10])
def test_matched_schedules_give_the_exponent_back(name: str, smooth: int) -> None:
    law = law_named(name)
    curves = simulate(*matched_schedules(SIZES, 20, law), rows=ROWS, law=law)
    fit = fit_envelope(curves, EnvelopeSettings(smooth=smooth))
    assert abs(exponent_error(fit, law)) < 0.005
    assert fit.law is not None
    assert fit.law.optimum(1e21)[0] == pytest.approx(law.optimum(1e21)[0], rel=0.03)
    # the budgets that the smallest and the largest size win pull the exponent down
    without_rule = variant_error(fit, "with-edges", law)
    print(f"{name}: error {exponent_error(fit, law):+.4f}, without the edge rule {without_rule:+.4f}")
    assert without_rule < -0.02


def test_noise_widens_the_scatter_and_hardly_moves_the_exponent() -> None:
    law = besiroglu()
    curves = simulate(*matched_schedules(SIZES, 20), rows=ROWS, noise=0.01, seed=1)
    assert abs(exponent_error(fit_envelope(curves), law)) < 0.01


@pytest.mark.parametrize("sizes", [SIZES, TABLE_A9_SIZES], ids=["80 sizes", "Table A9"])
def test_one_schedule_read_along_the_way_is_kaplans_mistake(sizes: "FloatArray") -> None:
    law = law_named("hoffmann2022-a3")
    fit = fit_envelope(simulate(sizes, np.full(len(sizes), 130e9), rows=400, law=law), KAPLAN)
    print(f"one schedule of 130B tokens: error {exponent_error(fit, law):+.4f}")
    assert exponent_error(fit, law) > 0.08
    assert ids(fit)["unfinished-schedule"] == "warning"
    assert "Kaplan" in next(f.message for f in fit.findings if f.id == "unfinished-schedule")


def test_the_final_parts_of_one_schedule_are_one_token_count_and_refused() -> None:
    fit = fit_envelope(simulate(SIZES, np.full(80, 130e9), rows=ROWS))
    assert fit.law is None
    assert fit.refusal is not None
    assert fit.refusal.id == "one-token-count"
    assert "130B" in fit.refusal.message
    assert "Hoffmann" in fit.hint
    # and the report can still say what reading along the way would have given
    assert [variant.law is not None for variant in fit.variants] == [False, True]


def test_the_sizes_of_table_a9_with_four_lengths_are_told_as_they_come() -> None:
    for name in ("besiroglu2024", "hoffmann2022-a3"):
        law = law_named(name)
        fit = fit_envelope(simulate(*matched_schedules(TABLE_A9_SIZES, 4, law), rows=400, law=law))
        print(f"Table A9 x 4, {name}: error {exponent_error(fit, law):+.4f}")
        # not a promise of the method: what it does with four lengths
        assert abs(exponent_error(fit, law)) < 0.015
        assert variant_error(fit, "with-edges", law) < -0.03


def test_a_matched_fit_says_what_reading_along_the_way_does() -> None:
    fit = fit_envelope(simulate(*matched_schedules(SIZES[::4], 8), rows=ROWS))
    assert {variant.rule for variant in fit.variants} == {"with-edges", "all-points"}
    other = fit_envelope(fit.curves, KAPLAN)
    assert {variant.rule for variant in other.variants} == {"with-edges", "final-points"}
    assert next(v.law for v in fit.variants if v.rule == "all-points") == other.law
    assert next(v.law for v in other.variants if v.rule == "final-points") == fit.law
    assert ids(other)["unfinished-schedule"] == "warning"


def test_the_two_sides_spend_the_budget() -> None:
    fit = fit_envelope(simulate(*matched_schedules(SIZES[::4], 8), rows=ROWS))
    assert fit.law is not None
    k = fit.law.parameters
    for C in (1e18, 1e24):
        N = k["params_coefficient"] * C ** k["params_exponent"]
        D = k["tokens_coefficient"] * C ** k["tokens_exponent"]
        assert pytest.approx(C, rel=1e-12) == 6 * N * D
    e = fit.envelope
    won = e.is_won
    assert 6 * e.params[won] * e.tokens[won] == pytest.approx(e.flops[won], rel=1e-12)


def test_the_envelope_is_the_least_of_the_runs_that_are_read() -> None:
    curves = simulate(*matched_schedules(SIZES[::8], 6), rows=ROWS)
    envelope = fit_envelope(curves, EnvelopeSettings(smooth=0)).envelope
    least = np.full(len(envelope.flops), np.inf)
    for run in range(len(curves)):
        D = envelope.flops / (6 * curves.params[run])
        read = (0.85 * curves.schedule[run] <= D) & (curves.last_tokens[run] * (1 + 1e-12) >= D)
        losses = np.interp(
            np.log(D), np.log(curves.tokens[curves.points(run)]), curves.loss[curves.points(run)]
        )
        least[read] = np.minimum(least[read], losses[read])
    assert (np.isfinite(least) == envelope.is_won).all()
    np.testing.assert_allclose(envelope.loss[envelope.is_won], least[envelope.is_won], rtol=1e-12)


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_runs_changes_nothing(seed: int) -> None:
    sizes, schedules = matched_schedules(SIZES[::8], 10)
    order = np.random.default_rng(seed).permutation(len(sizes))
    there = fit_envelope(simulate(sizes, schedules, rows=40), EnvelopeSettings(smooth=0))
    back = fit_envelope(simulate(sizes[order], schedules[order], rows=40), EnvelopeSettings(smooth=0))
    assert there.law is not None
    assert back.law is not None
    assert back.law.exponents == pytest.approx(there.law.exponents, rel=1e-9)


def test_counting_params_in_another_unit_changes_the_coefficients_alone() -> None:
    curves = simulate(*matched_schedules(SIZES[::4], 8), rows=ROWS)
    doubled = replace(curves, params=2 * curves.params)
    one, two = fit_envelope(curves).law, fit_envelope(doubled).law
    assert one is not None
    assert two is not None
    assert two.exponents == pytest.approx(one.exponents, rel=1e-9)
    assert two.optimum(2e21)[0] == pytest.approx(2 * one.optimum(1e21)[0], rel=1e-9)


def test_runs_short_of_their_schedule_are_left_out_and_named() -> None:
    curves = simulate(*matched_schedules(SIZES[::4], 8), rows=ROWS)
    longer = curves.schedule_tokens.copy()
    longer[::3] *= 2
    fit = fit_envelope(replace(curves, schedule_tokens=longer))
    finding = next(f for f in fit.findings if f.id == "unfinished-schedule")
    assert finding.severity == "warning"
    assert finding.runs == curves.names[::3]
    assert not np.isin(fit.envelope.run, np.arange(len(curves))[::3]).any()


def test_where_no_run_gets_to_the_end_of_its_schedule_the_fit_is_refused() -> None:
    curves = simulate(*matched_schedules(SIZES[::8], 4), rows=ROWS)
    fit = fit_envelope(replace(curves, schedule_tokens=2 * curves.schedule_tokens))
    assert fit.refusal is not None
    assert fit.refusal.id == "unfinished-schedule"
    assert not fit.envelope.is_won.any()


def test_a_schedule_that_is_not_known_ends_with_the_run_and_is_said_to() -> None:
    curves = simulate(*matched_schedules(SIZES[::4], 8), rows=ROWS)
    unknown = curves.schedule_tokens.copy()
    unknown[0] = np.nan
    known, assumed = fit_envelope(curves), fit_envelope(replace(curves, schedule_tokens=unknown))
    assert "assumed-schedule" not in ids(known)
    finding = next(f for f in assumed.findings if f.id == "assumed-schedule")
    assert (finding.severity, finding.runs) == ("info", curves.names[:1])
    assert assumed.law == known.law


def make_one_each(*sizes: float) -> Curves:
    return simulate(sizes, [20 * N for N in sizes], rows=ROWS)


@pytest.mark.parametrize(
    ("curves", "finding"),
    [
        (make_one_each(1e8), "one-size"),
        (make_one_each(1e8, 1.001e8), "one-size"),
        (make_one_each(1e8, 1e9), "too-few-sizes"),
        (make_one_each(1e8, 3e8, 1e9, 3e9), "too-few-sizes"),
    ],
)
def test_curves_without_a_contest_are_refused(curves: Curves, finding: str) -> None:
    fit = fit_envelope(curves)
    assert fit.law is None
    assert fit.refusal is not None
    assert fit.refusal.id == finding
    assert fit.hint


def test_a_curve_of_one_point_is_read_where_it_lies_or_nowhere() -> None:
    curves = simulate(*matched_schedules(SIZES[::4], 8), rows=ROWS)
    point = Curves(
        params=np.append(curves.params, 5e8),
        schedule_tokens=np.append(curves.schedule_tokens, np.nan),
        names=(*curves.names, "one point"),
        offsets=np.append(curves.offsets, curves.offsets[-1] + 1),
        tokens=np.append(curves.tokens, 1e10),
        loss=np.append(curves.loss, 0.5),
    )
    there, here = fit_envelope(curves), fit_envelope(point)
    assert here.law == there.law


def test_of_few_points_the_window_shrinks_and_that_is_said() -> None:
    curves = simulate(*matched_schedules(SIZES[::4], 8), rows=40)
    fit = fit_envelope(curves)
    # of 40 points 7 lie in the last 15 %, and a third of those is 2
    assert fit.windows.tolist() == [2] * len(curves)
    finding = next(f for f in fit.findings if f.id == "coarse-curves")
    assert finding.severity == "info"
    assert "theirs is 2" in finding.message
    unsmoothed = fit_envelope(curves, EnvelopeSettings(smooth=0))
    assert "coarse-curves" not in ids(unsmoothed)
    dense = fit_envelope(simulate(*matched_schedules(SIZES[::8], 6), rows=400))
    assert set(dense.windows.tolist()) == {10}
    assert "coarse-curves" not in ids(dense)


def test_smoothing_by_default_costs_thinned_curves_none_of_the_exponent() -> None:
    law = besiroglu()
    curves = simulate(*matched_schedules(SIZES[::4], 20), rows=40)
    default = abs(exponent_error(fit_envelope(curves), law))
    assert default <= abs(exponent_error(fit_envelope(curves, EnvelopeSettings(smooth=0)), law))
    assert default < 0.005


def test_a_study_that_compares_too_few_sizes_says_how_many_and_what_helps() -> None:
    curves = simulate(*matched_schedules(np.geomspace(3e7, 3e9, 10), 8), rows=60)
    fit = fit_envelope(curves)
    assert fit.refusal is not None
    assert int(np.median(fit.sizes_compared)) < 3
    low, high = fit.sizes_compared.min(), fit.sizes_compared.max()
    assert f"({low} to {high} sizes at a budget" in fit.refusal.message
    assert "--approach 3" in fit.hint
    assert "more token counts" in fit.hint
    assert fit.runs_read == len(curves)


def test_sizes_are_counted_at_every_budget_that_is_read() -> None:
    curves = simulate(*matched_schedules(SIZES[::8], 6), rows=ROWS)
    fit = fit_envelope(curves, EnvelopeSettings(smooth=0))
    C = fit.envelope.flops[fit.envelope.is_won]
    count = np.zeros(len(C), dtype=int)
    for N in np.unique(curves.params):
        schedules = curves.schedule[curves.params == N]
        D = C / (6 * N)
        there = (0.85 * schedules[:, None] <= D * (1 + 1e-9)) & (schedules[:, None] >= D * (1 - 1e-9))
        count += there.any(axis=0)
    np.testing.assert_array_equal(fit.sizes_compared, count)
