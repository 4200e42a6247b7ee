"""Each statistic against scipy or plain Python, and what must not change it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import Resampling, percentile_interval
from rcjax.statistics.conditional_information import break_ties, conditional_mutual_information
from rcjax.statistics.correlation import (
    kendall,
    partial_correlation,
    pearson,
    spearman,
    standardised,
)
from rcjax.statistics.granulated import granulated_kendall

from .slow_statistics import granulated, information_score

COEFFICIENTS = {
    pearson: lambda x, y: stats.pearsonr(x, y).statistic,
    spearman: lambda x, y: stats.spearmanr(x, y).statistic,
    kendall: lambda x, y: stats.kendalltau(x, y).statistic,
}
# Few different whole numbers, so that ties are common, and not all equal.
VALUES = st.lists(st.integers(-4, 4), min_size=3, max_size=12).filter(lambda v: len(set(v)) > 1)
PAIRS = st.tuples(VALUES, VALUES).map(
    lambda pair: [np.array(v[: min(map(len, pair))], float) for v in pair]
)
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def grid_codes(*sizes):
    places = np.indices(sizes).reshape(len(sizes), -1)
    return {f"axis_{number}": place for number, place in enumerate(places)}


def as_settings(codes):
    return [
        dict(zip(codes, map(int, place), strict=True))
        for place in zip(*codes.values(), strict=True)
    ]


@QUICK
@given(PAIRS)
def test_coefficients_agree_with_scipy(pair):
    x, y = pair
    for function, oracle in COEFFICIENTS.items():
        value = function(x, y)
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(oracle(x, y), abs=1e-12)


def exact_pearson(x, y):
    x, y = ([Fraction(float(value)) for value in values] for values in (x, y))
    x, y = ([value - sum(values) / len(values) for value in values] for values in (x, y))
    product, squares = (sum(a * b for a, b in zip(*pair, strict=True)) for pair in ((x, y), (x, x)))
    return float(product) / math.sqrt(squares * sum(b * b for b in y))


@pytest.mark.parametrize("offset", [1e8, -1e12, 1e15, 2.0**53])
def test_values_that_differ_in_their_last_digits_alone(offset):
    generator = np.random.default_rng(0)
    y = generator.normal(size=40)
    x = offset + 8 * np.spacing(abs(offset)) * (y + generator.normal(size=40))
    assert pearson(x, y) == pytest.approx(exact_pearson(x, y), abs=1e-14)
    np.testing.assert_allclose(standardised(x).std(), 1)


@QUICK
@given(PAIRS, st.randoms(use_true_random=False))
def test_order_of_settings_scale_and_sign(pair, random):
    x, y = pair
    order = random.sample(range(len(x)), len(x))
    for function in COEFFICIENTS:
        value = function(x, y)
        close = {"rel": 1e-9, "abs": 1e-12, "nan_ok": True}
        assert function(x[order], y[order]) == pytest.approx(value, **close)
        assert function(y, x) == pytest.approx(value, **close)
        assert function(-x, y) == pytest.approx(-value, **close)
        assert function(1e150 * x + 1e151, 1e-150 * y) == pytest.approx(value, **close)


@QUICK
@given(PAIRS)
def test_rank_statistics_see_the_order_only(pair):
    x, y = pair
    codes = {"half": np.arange(len(x)) % 2, "place": np.arange(len(x)) // 2}
    for function in (spearman, kendall):
        np.testing.assert_array_equal(function(np.exp(x), y**3), function(x, y))
    psi, mapped = granulated_kendall(x, y, codes), granulated_kendall(np.exp(x), y**3, codes)
    for axis, value in psi.items():
        np.testing.assert_array_equal(mapped[axis], value)


def test_many_at_once_are_the_same_as_one_by_one():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 6, (2, 50, 9)).astype(float)
    for function in COEFFICIENTS:
        single = [function(a, b) for a, b in zip(x, y, strict=True)]
        np.testing.assert_allclose(function(x, y), single, rtol=1e-12)


@pytest.mark.parametrize("controls", [1, 2])
def test_partial_correlation_is_that_of_residuals(controls):
    random = np.random.default_rng(controls)
    known = random.standard_normal((12, controls))
    x, y = random.standard_normal((2, 12)) + known.sum(axis=1)
    with_constant = np.column_stack([np.ones(12), known])
    left = [v - with_constant @ np.linalg.lstsq(with_constant, v, rcond=None)[0] for v in (x, y)]
    expected = stats.pearsonr(*left).statistic
    assert partial_correlation(x, y, known) == pytest.approx(expected)
    # Controls that say nothing new change nothing.
    repeated = np.column_stack([known, 3 * known[:, 0] + 1])
    assert partial_correlation(x, y, repeated) == pytest.approx(expected)


def test_partial_correlation_where_nothing_is_left():
    random = np.random.default_rng(0)
    known = random.standard_normal((5, 2))
    explained, other = known @ [2.0, -1.0] + 3, random.standard_normal(5)
    assert np.isnan(partial_correlation(explained, other, known))
    x, y = random.standard_normal((2, 4))
    assert np.isnan(partial_correlation(x, y, known[:4]))  # one degree of freedom: always +-1
    assert not np.isnan(partial_correlation(x, y, known[:4, :1]))


@pytest.mark.parametrize("sizes", [(3, 3, 3), (2, 3, 2, 2), (3, 4), (2, 2, 5)])
def test_grid_statistics_agree_with_plain_python(sizes):
    codes = grid_codes(*sizes)
    random = np.random.default_rng(len(sizes))
    x = random.permutation(np.prod(sizes)).astype(float)
    y = random.integers(0, 9, np.prod(sizes)) + 0.2 * x  # with equal values
    y = np.round(y)
    psi = {axis: float(value) for axis, value in granulated_kendall(x, y, codes).items()}
    assert psi == pytest.approx(granulated(as_settings(codes), x, y))
    score = conditional_mutual_information(x, y, codes)
    given_axes = min(2, len(sizes) - 1)
    expected = information_score(as_settings(codes), x, y, given_axes)
    assert score == pytest.approx(expected)


def test_granulated_kendall_of_an_incomplete_grid_with_equal_values():
    codes = {axis: values[[0, 1, 3, 4, 5, 7, 8]] for axis, values in grid_codes(3, 3).items()}
    x, y = np.random.default_rng(4).integers(0, 3, (2, 7)).astype(float)
    psi = {axis: float(value) for axis, value in granulated_kendall(x, y, codes).items()}
    assert psi == pytest.approx(granulated(as_settings(codes), x, y))


def test_granulated_kendall_without_comparable_settings():
    codes = {"rate": np.arange(3), "size": np.arange(3)}  # they never differ in one axis only
    psi = granulated_kendall(np.arange(3.0), np.arange(3.0), codes)
    assert all(np.isnan(value) for value in psi.values())


def test_information_of_a_function_of_two_hyperparameters_is_zero():
    codes = grid_codes(3, 3, 3)
    y = np.random.default_rng(0).standard_normal(27)
    x = 10.0 * codes["axis_0"] + codes["axis_1"]
    assert conditional_mutual_information(x, y, codes) == 0
    assert conditional_mutual_information(np.exp(y), y, codes) == pytest.approx(100)
    # A setting beside itself is greater in neither: the opposite order agrees there only.
    opposite = conditional_mutual_information(-y, y, codes)
    assert opposite == pytest.approx(information_score(as_settings(codes), -y, y))
    assert 80 < opposite < 100
    assert np.isnan(conditional_mutual_information(x, np.ones(27), codes))
    assert np.isnan(conditional_mutual_information(x[:3], y[:3], {"axis": np.arange(3)}))
    # Two hyperparameters that tell all settings apart leave nothing to compare.
    assert np.isnan(conditional_mutual_information(x, y, {**codes, "name": np.arange(27)}))


@pytest.mark.parametrize("left_out", [1, 7, 13])
def test_information_of_incomplete_grids_agrees_with_plain_python(left_out):
    random = np.random.default_rng(left_out)
    kept = random.permutation(27)[left_out:]
    codes = {axis: values[kept] for axis, values in grid_codes(3, 3, 3).items()}
    x, y = random.permutation(kept).astype(float), np.round(kept / 2)
    score = conditional_mutual_information(x, y, codes)
    assert score == pytest.approx(information_score(as_settings(codes), x, y))


def test_level_of_random_predictors_on_27_settings():
    """13.4 percent, as computed with another program."""
    random = np.random.default_rng(0)
    codes = grid_codes(3, 3, 3)
    levels = [
        conditional_mutual_information(
            random.standard_normal((50, 27)), random.standard_normal(27), codes
        ).mean()
        for _ in range(20)
    ]
    assert np.mean(levels) == pytest.approx(13.4, abs=0.4)


def test_ties_are_broken_in_every_order_alike():
    x = np.array([2.0, 1.0, 2.0, 2.0, 0.0])
    orders = break_ties(x, 6000, np.random.default_rng(0))
    assert (orders[:, 4] == 0).all()
    assert (orders[:, 1] == 1).all()
    kinds, number = np.unique(orders[:, [0, 2, 3]], axis=0, return_counts=True)
    assert sorted(kinds[0]) == [2, 3, 4]
    assert len(kinds) == 6
    assert stats.chisquare(number).pvalue > 1e-3


def test_averages_of_equal_numbers_are_equal_in_any_order():
    random = np.random.default_rng(0)
    values = random.standard_normal(5) * 10.0 ** random.integers(-20, 20, 5)
    rows = np.stack([random.permutation(values) for _ in range(100)])
    assert len(np.unique(average(rows))) == 1
    np.testing.assert_allclose(average(rows)[0], values.mean(), rtol=1e-10)


def test_resamples_draw_known_runs_of_one_setting():
    known = np.array([[True, False, True], [False, True, False], [True, True, True]])
    values = np.where(known, [[1.0, 0, 3.0], [0, 10.0, 0], [100.0, 200.0, 300.0]], np.nan)
    resampling = Resampling(known, 3000, seed=0)
    drawn = resampling.averages(values)
    one, two, three = (drawn[resampling.settings == place] for place in range(3))
    assert set(one) == {1.0, 2.0, 3.0}
    assert set(two) == {10.0}
    # The mean of three draws from a setting: its mean, and a third of its variance.
    assert three.mean() == pytest.approx(200, abs=4)
    assert three.var() == pytest.approx(np.var([100, 200, 300]) / 3, rel=0.05)
    share = np.bincount(resampling.settings.ravel()) / resampling.settings.size
    np.testing.assert_allclose(share, 1 / 3, atol=0.02)


def test_draws_depend_on_the_seed_alone():
    known = np.ones((5, 2), bool)
    values = np.random.default_rng(0).standard_normal((5, 2))
    same = [Resampling(known, 20, seed).averages(values) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


def test_interval_of_a_large_normal_sample_is_that_of_fisher():
    random = np.random.default_rng(0)
    x = random.standard_normal(600)
    y = x + random.standard_normal(600)
    resampling = Resampling(np.ones((600, 1), bool), 1000, seed=0)
    drawn = pearson(resampling.averages(x[:, None]), resampling.averages(y[:, None]))
    expected = stats.pearsonr(x, y).confidence_interval(0.9)
    np.testing.assert_allclose(percentile_interval(drawn, 0.9), expected, atol=0.01)


def test_interval_without_coefficients():
    assert percentile_interval(np.array([np.nan, np.nan, 0.5]), 0.95) is None
    assert percentile_interval(np.array([np.nan, 0.5, 0.5]), 0.95) == (0.5, 0.5)
