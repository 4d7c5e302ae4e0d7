"""Means over seeds, their intervals and tests, against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from genzoo.comparison.statistics import Estimate, corrected, difference, estimated, t_quantile, two_sided


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 30, 31, 32, 33, 50, 61, 100, 200])
def test_the_interval_is_students(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    low, high = scipy.stats.t.interval(0.95, n - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    estimate = Estimate(tuple(values))
    assert estimate.interval == pytest.approx((high - low) / 2, rel=1e-10)
    assert estimate.mean == pytest.approx(values.mean())


def test_one_seed_has_no_interval() -> None:
    assert Estimate((1.0,)).interval is None
    assert Estimate((1.0,)).test_interval is None
    assert Estimate((1.0,), 0.5).test_interval == pytest.approx(0.5 * scipy.stats.norm.ppf(0.975))


@pytest.mark.parametrize("freedom", [0.4, 1, 1.5, 2, 2.71828, 4, 17.3, 29, 30, 31, 100.5, 999, 9999, 1e6])
@pytest.mark.parametrize("p", [0.5, 0.6, 0.9, 0.975, 0.995, 1 - 0.025 / 435, 1 - 1e-7])
def test_quantiles_for_any_degrees_of_freedom(freedom: float, p: float) -> None:
    expected = scipy.stats.t.ppf(p, freedom)
    assert t_quantile(p, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-12)
    assert two_sided(expected, freedom) == pytest.approx(2 * scipy.stats.t.sf(expected, freedom), rel=1e-7)


def test_the_tails_of_the_distribution() -> None:
    assert two_sided(0.0, 3.0) == 1.0
    assert two_sided(1e200, 3.0) == 0.0
    assert two_sided(-2.0, 5.5) == two_sided(2.0, 5.5)


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 5), (10, 2), (40, 40)])
def test_a_difference_over_seeds_is_welchs(n: int, m: int) -> None:
    generator = np.random.default_rng(n)
    one, other = generator.normal(1, 1, n), generator.normal(0, 3, m)
    found = difference(Estimate(tuple(one)), Estimate(tuple(other)))
    expected = scipy.stats.ttest_ind(one, other, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.freedom == pytest.approx(expected.df)
    assert found.mean == pytest.approx((low + high) / 2)
    assert found.interval(0.05) == pytest.approx((high - low) / 2)
    for level in (0.05, 0.05 / 45, found.p * 0.999, found.p * 1.001):
        assert (found.p < level) == (abs(found.mean) > found.interval(level))


def test_examples_alone_are_a_paired_test_where_seeds_make_no_difference() -> None:
    values = np.random.default_rng(0).normal(0.1, 1, 500)
    one = Estimate((values.mean(),) * 3)
    found = difference(one, Estimate((0.0,) * 3), (values.var(ddof=1), len(values)))
    assert found.p == pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue, rel=1e-9)


def test_without_any_spread_nothing_is_settled() -> None:
    found = difference(Estimate((1.0, 1.0)), Estimate((0.0, 0.0)))
    assert (found.p, found.interval(0.05)) == (1.0, 0.0)


def test_the_level_is_shared_among_the_tests() -> None:
    assert corrected(0) == corrected(1) == 0.05
    assert corrected(45) == 0.05 / 45


def test_one_missing_value_is_the_reason() -> None:
    assert estimated([1.0, "nan", "no prior p(z)"]) == "nan"
    found = estimated([1, 2])
    assert isinstance(found, Estimate)
    assert math.isclose(found.mean, 1.5)
