"""Statistics of counts against scipy and hand-made cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from rcjax import compare, convergence, count_regions, count_until, slices
from rcjax.regions import intervals
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
    low, high = (
        np.append(counts, end).astype(float) for end in (_unseen(counts, -1), _unseen(counts, 1))
    )
    t = scipy.stats.t.ppf(0.975, 99) / np.sqrt(100)
    oracle = (low.mean() - t * low.std(ddof=1), high.mean() + t * high.std(ddof=1))
    assert found.interval(0.95) == pytest.approx(oracle, rel=1e-9)
    assert found.interval(0.5)[0] > found.interval(0.99)[0]
    assert sum(found.histogram().values()) == 100
    assert found.median == np.median(counts)


def _unseen(counts, sign):
    step = max(2, np.ptp(counts) / 2)
    return counts.max() + step if sign > 0 else counts.min() - step


@pytest.mark.parametrize("slices_", [5, 20, 100])
@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        (lambda r, n: 1 + r.poisson(2, n), 3),
        (lambda r, n: r.geometric(0.3, n), 1 / 0.3),
        (lambda r, n: 2 + 2 * (r.random(n) < 0.02), 2.04),
        (lambda r, n: 1 + (r.random(n) < 0.99), 1.99),
    ],
)
def test_intervals_of_few_and_skewed_counts_cover_the_mean(draw, mean, slices_):
    random = np.random.default_rng(0)
    ends = np.array(
        [intervals.mean_interval(draw(random, slices_), smallest=1) for _ in range(400)]
    )
    assert ((ends[:, 0] <= mean) & (mean <= ends[:, 1])).mean() >= 0.93
    assert (ends[:, 0] >= 1).all()
    assert (ends[:, 1] > ends[:, 0]).all()


def test_t_is_scipys():
    for degrees in (1, 2, 3, 4, 9, 20, 199, 200, 201, 5_000):
        for probability in (0.6, 0.975, 0.9995):
            assert intervals.t_quantile(probability, degrees) == pytest.approx(
                scipy.stats.t.ppf(probability, degrees), rel=2e-4
            )


def test_few_skewed_differences_without_a_mean_are_seldom_significant():
    random = np.random.default_rng(0)
    rejected = 0
    for _ in range(300):
        first = np.full(20, 30)
        second = first + 2 - 10 * (random.random(20) < 0.2)
        rejected += compare(result(first), result(second), resamples=500).p_value < 0.05
    assert rejected / 300 <= 0.075


def test_slices_needed_gives_the_wanted_width():
    for counts in (np.random.default_rng(0).integers(1, 8, size=400), np.full(30, 2)):
        needed = result(counts).slices_needed(0.1)
        assert needed > 20
        low, high = result(np.resize(counts, needed)).interval()
        assert (high - low) / 2 == pytest.approx(0.1, rel=0.2)


def test_the_interval_for_new_images_covers_more_than_this_data_set():
    random, truth, covered = np.random.default_rng(0), 4.0, np.zeros(2)
    for seed in range(100):
        effect = random.poisson(1, 40)  # every image adds to all its segments
        images = np.array([random.choice(40, 2, replace=False) for _ in range(200)])
        found = result(2 + effect[images].sum(axis=1))
        spans = found.images_interval(images, resamples=200, seed=seed), found.interval()
        covered += [low <= truth <= high for low, high in spans]
    assert covered[0] >= 88
    assert covered[1] < 75
    with pytest.raises(ValueError, match="for 200 slices, got"):
        found.images_interval(images[:5])


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
    assert found.p_value == pytest.approx(oracle.pvalue, abs=0.03)
    assert found.p_value >= oracle.pvalue - 0.01
    assert found.interval[0] < found.mean_difference < found.interval[1]
    assert compare(result(first), result(first)).p_value == 1.0


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (result([1, 2, 3]), "2 and 3 slices"),
        (result([1, 2], points=50), "differ in points: 200 and 50"),
        (result([1, 2], method="exact"), "differ in method"),
        (result([1, 2], lengths=np.array([1.0, 3.0])), "different anchors: slice 1"),
    ],
)
def test_comparisons_that_mean_nothing_are_refused(second, message):
    with pytest.raises(ValueError, match=message):
        compare(result([1, 2], lengths=np.array([1.0, 2.0])), second)


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


def test_convergence_of_planes_takes_the_adaptive_count_and_of_labels_the_finest_grid():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    planes = slices.between_points(jax.random.key(0), points, count=3, dim=2)
    report = convergence(lambda x: jnp.sin(5 * x), planes, points=(5, 10))
    assert report.limit.method == "adaptive"

    def labels(x):
        return jnp.sin(5 * x).argmax(axis=-1)

    report = convergence(labels, planes, points=(5, 10))
    assert report.limit is report.results[-1]
    np.testing.assert_array_equal(
        report.limit.counts, count_regions(labels, planes, points=10).counts
    )


def test_counting_until_the_interval_is_narrow_keeps_its_coverage():
    def draw(key, count):  # a segment of length 1 that crosses 0 in 30 % of the draws
        start = jnp.where(jax.random.uniform(key, (count,)) < 0.3, -0.5, 1.0)
        return jnp.stack([start, start + 1], axis=1)[..., None]

    def predict(x):
        return jnp.concatenate([x, -x], axis=1)

    covered = []
    for seed in range(60):
        found = count_until(
            predict, draw, half_width=0.2, level=0.9, key=jax.random.key(seed), points=4
        )
        covered.append(found.interval[0] <= 1.3 <= found.interval[1])
        assert found.reached
        assert max(found.mean - found.interval[0], found.interval[1] - found.mean) <= 0.2
    assert np.mean(covered) >= 0.9
    short = count_until(predict, draw, half_width=0.01, first=10, most=30, points=4)
    assert (len(short.counts), short.reached, short.evaluations) == (30, False, 120)
    with pytest.raises(ValueError, match="positive, got 0"):
        count_until(predict, draw, half_width=0)
    with pytest.raises(ValueError, match="between 2 and most"):
        count_until(predict, draw, half_width=1, first=1)
