"""Statistics of counts against scipy and hand-made cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from rcjax import compare, convergence, count_regions, slices
from rcjax.regions import statistics
from rcjax.regions.result import RegionCounts


def result(counts, **changes) -> RegionCounts:
    fields = {
        "method": "grid", "dim": 1, "points": 200, "extent": (0.0, 1.0),
        "connectivity": "full", "evaluations": 200 * len(counts),
    }  # fmt: skip
    return RegionCounts(counts=np.asarray(counts, np.int32), **{**fields, **changes})


def test_mean_error_and_interval_agree_with_scipy():
    counts = np.random.default_rng(0).poisson(3, size=100) + 1
    found = result(counts)
    assert found.mean == counts.mean()
    assert found.standard_error == pytest.approx(scipy.stats.sem(counts), rel=1e-12)
    oracle = scipy.stats.bootstrap(
        (counts,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.interval(0.95) == pytest.approx((oracle.low, oracle.high), abs=0.03)
    assert found.interval(0.5)[0] > found.interval(0.99)[0]
    assert sum(found.histogram().values()) == 100
    assert found.median == np.median(counts)


def test_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        low, high = statistics.bootstrap_interval(
            random.poisson(2, 80), 0.9, resamples=1_000, seed=trial
        )
        covered += low <= 2 <= high
    assert 0.84 < covered / 300 < 0.95


def test_slices_needed_gives_the_wanted_width():
    counts = np.random.default_rng(0).integers(1, 8, size=400)
    needed = result(counts).slices_needed(0.1)
    width = scipy.stats.norm.ppf(0.975) * counts.std(ddof=1) / np.sqrt(needed)
    assert width <= 0.1 < width * np.sqrt(needed / (needed - 1))


def test_one_slice_has_no_error():
    assert np.isnan(result([3]).standard_error)
    with pytest.raises(ValueError, match="at least 2"):
        result([3]).slices_needed(0.1)


def test_paired_comparison_is_scipys_permutation_test():
    random = np.random.default_rng(0)
    first = random.poisson(3, 40) + 1
    second = np.maximum(first - random.integers(-1, 3, 40), 1)
    found = compare(result(first), result(second))
    oracle = scipy.stats.permutation_test(
        (first, second), lambda x, y: np.mean(x - y), permutation_type="samples",
        n_resamples=20_000, rng=np.random.default_rng(2),
    )  # fmt: skip
    assert found.mean_difference == pytest.approx((first - second).mean())
    assert found.p_value == pytest.approx(oracle.pvalue, abs=0.01)
    assert found.interval[0] < found.mean_difference < found.interval[1]
    assert compare(result(first), result(first)).p_value == 1.0


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (result([1, 2, 3]), "2 and 3 slices"),
        (result([1, 2], points=50), "differ in points: 200 and 50"),
        (result([1, 2], method="exact"), "differ in method"),
    ],
)
def test_comparisons_that_mean_nothing_are_refused(second, message):
    with pytest.raises(ValueError, match=message):
        compare(result([1, 2]), second)


def test_bad_levels_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1, got 95"):
        result([1, 2]).interval(95)
    with pytest.raises(ValueError, match="positive, got 0"):
        result([1, 2]).slices_needed(0)
    with pytest.raises(ValueError, match="boundaries=True"):
        _ = result([1, 2]).first_boundary


def test_counts_converge_to_the_true_number_of_stripes():
    points = np.random.default_rng(0).normal(size=(50, 1)).astype(np.float32)
    segments = slices.between_points(jax.random.key(0), points, count=20)
    width = 0.04

    def stripes(x):
        return jnp.stack([jnp.cos(np.pi * x[:, 0] / width), jnp.zeros(len(x))], axis=1)

    ends = np.sort(np.asarray(segments)[:, :, 0], axis=1)
    # A boundary at every odd multiple of width / 2.
    truth = 1 + np.diff(np.floor(ends / width + 0.5), axis=1)[:, 0]
    report = convergence(stripes, segments, points=(10, 800, 100))
    np.testing.assert_array_equal(report.limit.counts, truth)
    assert [r.points for r in report.results] == [10, 100, 800]
    assert report.share_wrong()[0] > report.share_wrong()[-1]
    assert abs(report.bias()[-1]) <= abs(report.bias()[0])
    assert len(str(report).splitlines()) == 5


def test_convergence_beyond_segments_takes_the_finest_grid():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    planes = slices.between_points(jax.random.key(0), points, count=3, dim=2)
    report = convergence(lambda x: jnp.sin(5 * x), planes, points=(5, 20))
    assert report.limit is report.results[-1]
    np.testing.assert_array_equal(
        report.limit.counts, count_regions(lambda x: jnp.sin(5 * x), planes, points=20).counts
    )
