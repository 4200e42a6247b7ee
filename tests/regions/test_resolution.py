"""Points keep the precision of the data; what float32 cannot tell apart is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from rcjax import count_regions, on_host, slices

pytestmark = pytest.mark.filterwarnings("ignore:predict returns labels alone")


def offset_data(offset, spread, seed=0):
    random = np.random.default_rng(seed)
    points = np.stack([offset + spread * random.normal(size=80), random.normal(size=80)], axis=1)
    standard = (points - [offset, 0]) / [spread, 1]
    return points, (standard @ [1.0, 0.7] > 0).astype(int)


OFFSETS = [(1.7e9, 3600), (5e6, 100), (20_240_000, 400), (1e12, 1.0), (0.0, 1.0)]


@pytest.mark.parametrize(("offset", "spread"), OFFSETS)
@pytest.mark.parametrize("method", ["grid", "adaptive"])
def test_a_linear_classifier_has_one_or_two_regions(offset, spread, method):
    points, labels = offset_data(offset, spread)
    fitted = make_pipeline(StandardScaler(), SVC(kernel="linear")).fit(points, labels)
    anchors = slices.between_points(jax.random.key(1), points, count=40)
    counts = count_regions(on_host(fitted), anchors, method=method).counts
    ends = fitted.predict(anchors[:, 0]) != fitted.predict(anchors[:, 1])
    np.testing.assert_array_equal(counts, 1 + ends)


@pytest.mark.parametrize(("offset", "spread"), OFFSETS[:2])
def test_the_same_on_the_device_is_refused(offset, spread):
    points, _ = offset_data(offset, spread)
    anchors = slices.between_points(jax.random.key(1), points, count=20)
    with pytest.raises(ValueError, match=r"float32 cannot resolve slice .*on_host"):
        count_regions(lambda x: (x - jnp.float32(offset)) / spread, anchors)
    # Centred in float64, it is an ordinary data set.
    centred = anchors - [offset, 0]
    assert count_regions(lambda x: x / spread, centred).counts.max() <= 2


def test_nearest_neighbours_of_seconds_are_those_of_centred_seconds():
    random = np.random.default_rng(0)
    seconds, labels = 60 * random.normal(size=(40, 1)), random.integers(0, 3, 40)
    fitted = KNeighborsClassifier(1).fit(seconds + 1.7e9, labels)
    anchors = slices.between_points(jax.random.key(0), seconds + 1.7e9, count=20)
    expected = KNeighborsClassifier(1).fit(seconds, labels)
    np.testing.assert_array_equal(
        count_regions(on_host(fitted), anchors, points=1_000).counts,
        count_regions(on_host(expected), anchors - 1.7e9, points=1_000).counts,
    )


def test_images_and_short_slices_are_resolved():
    images = np.random.default_rng(0).uniform(size=(30, 8, 8, 1)).astype(np.float32)
    images[:, 0] = 1.0  # a border of one value
    for length in (0.5, 1e-2):
        anchors = slices.random_directions(jax.random.key(0), images, 5, length)
        count_regions(lambda x: x.reshape(x.shape[0], -1)[:, 9:12], anchors, method="adaptive")


def test_a_slice_that_is_short_by_chance_is_counted():
    points = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    anchors = np.array(slices.between_points(jax.random.key(0), points, count=9))
    anchors[4, 1] = np.nextafter(anchors[4, 0], np.float32(np.inf))
    assert count_regions(lambda x: x, anchors).counts[4] == 1
    anchors[4, 1] = anchors[4, 0] + 1e-5
    assert count_regions(lambda x: x, anchors).counts[4] <= 2
    with pytest.raises(ValueError, match=r"float32 cannot resolve slice 0"):
        count_regions(lambda x: x, anchors[4:5])


@settings(max_examples=12, deadline=None)
@given(
    value=st.floats(-1e6, 1e6, width=32),
    dim=st.integers(1, 3),
    host=st.booleans(),
)
def test_what_is_equal_at_all_anchors_is_equal_between_them(value, dim, host):
    """A category cast to an integer is constant on the slice, whatever the other features do."""
    random = np.random.default_rng(dim)
    anchors = random.normal(size=(4, dim + 1, 2)).astype(np.float32)
    anchors[:, :, 1] = np.float32(value)

    def steps(x):
        return (x[:, 1] > np.float32(value)).astype("int32") + 2 * (
            x[:, 1] < np.float32(value)
        ).astype("int32")

    predict = on_host(steps) if host else steps
    assert count_regions(predict, anchors, points=7).counts.tolist() == [1, 1, 1, 1]


def test_coinciding_anchors_are_one_region():
    point = np.random.default_rng(0).normal(size=(1, 1, 5)).astype(np.float32)
    anchors = np.repeat(point, 2, axis=1)
    on_boundary = lambda x: (x.sum(axis=1) > point.sum()).astype("int32")  # noqa: E731
    for method in ("grid", "adaptive"):
        assert count_regions(on_boundary, anchors, method=method).counts.tolist() == [1]
    result = count_regions(on_boundary, anchors, boundaries=True)
    assert "1 of 1 of length zero" in repr(result)
    assert result.first_boundary.tolist() == [np.inf]


def test_data_that_float32_makes_one_point_are_refused():
    seconds = 1.7e9 + 30 * np.random.default_rng(0).normal(size=(30, 1))
    anchors = slices.between_points(jax.random.key(0), seconds, count=5)
    with pytest.raises(ValueError, match=r"float32 cannot resolve"):
        count_regions(lambda x: jnp.concatenate([x, -x], axis=1), anchors)


def test_pixels_that_differ_by_rounding_alone_are_constant():
    images = np.random.default_rng(0).uniform(size=(30, 20)).astype(np.float32)
    images[:, 5:] = np.float32(0.7)
    pairs = slices.random_convex_pairs(jax.random.key(0), images, count=4)
    assert (np.asarray(pairs)[..., 5:] == np.float32(0.7)).all()
    wobbling = np.array(pairs)
    wobbling[0, 0, 7] = np.nextafter(np.float32(0.7), np.float32(1))
    for anchors in (pairs, wobbling):
        count_regions(lambda x: x[:, :3], anchors)
