"""Estimates that figures show: the regression line, and correlations by epoch."""

import numpy as np
import pytest
from scipy import stats

from rcjax.statistics.bootstrap import Resamples
from rcjax.statistics.one_measure import Options
from rcjax.statistics.over_training import correlation_interval
from rcjax.statistics.regression import regression_line


def test_regression_line_is_least_squares():
    random = np.random.default_rng(0)
    x = np.arange(8.0)[:, None] + random.normal(0, 0.1, size=(8, 3))
    y = 2 * x + random.normal(0, 0.5, size=(8, 3))
    line = regression_line(x, y, Resamples(500, 0), Options())
    slope, intercept = np.polyfit(x.mean(axis=1), y.mean(axis=1), 1)
    np.testing.assert_allclose(line.y, intercept + slope * line.x)
    assert (line.low < line.y).all()
    assert (line.y < line.high).all()


def test_interval_of_a_correlation_covers_it_as_often_as_it_says():
    """Against the known correlation 0.8 of normal variables."""
    random = np.random.default_rng(1)
    covered = 0
    for repetition in range(100):
        points = random.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=40)
        columns = points.T[..., None]
        resamples = Resamples(300, repetition)
        value, (low, high) = correlation_interval(*columns, resamples, Options())
        assert value == pytest.approx(stats.pearsonr(*points.T).statistic)
        covered += low <= 0.8 <= high
    assert 85 <= covered <= 100


def test_where_no_line_or_correlation_exists():
    few, constant = np.arange(2.0)[:, None], np.ones((5, 1))
    for values in (few, constant):
        assert regression_line(values, values, Resamples(20, 0), Options()) is None
        assert correlation_interval(values, values, Resamples(20, 0), Options()) is None
