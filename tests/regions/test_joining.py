"""Paths off the line: found where a class is connected, never where it is not."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions, slices
from rcjax.regions import join_intervals


def two_classes(f):
    return lambda x: jnp.stack([-f(x), f(x)], axis=1)


WAVE = two_classes(lambda x: x[:, 1] - 2 * jnp.cos(3 * x[:, 0]))  # both classes are connected
STRIPES = two_classes(lambda x: jnp.cos(3 * x[:, 0]) + 0 * x[:, 1])  # no two stripes are
ISLANDS = two_classes(lambda x: 0.3 - jnp.square(jnp.abs(x) - 1).sum(axis=1))  # 1 is four discs
LINES = np.array([[[-2.0, 1.0], [2.0, 1.0]], [[-2.0, -1.0], [2.0, -1.0]]], np.float32)


@pytest.mark.parametrize(
    ("predict", "connected"),
    [(WAVE, {0: True, 1: True}), (STRIPES, {0: False, 1: False}), (ISLANDS, {0: True, 1: False})],
    ids=["wave", "stripes", "islands"],
)
def test_intervals_are_joined_exactly_where_their_class_is_connected(predict, connected):
    result = count_regions(predict, LINES, boundaries=True)
    found = join_intervals(predict, LINES, result)
    assert set(found.slices) == {0, 1}
    assert set(found.labels) == {0, 1}
    expected = [connected[label] for label in found.labels.tolist()]
    assert found.joined.tolist() == expected
    assert found.share == np.mean(expected)
    compiled = jax.jit(predict)
    # A path that is said to hold is of one label on a finer grid, and was bent.
    for path, label, joined in zip(found.paths, found.labels, found.joined, strict=True):
        if joined:
            t = np.linspace(0, 1, 999, endpoint=False)[:, None]
            legs = itertools.pairwise(path)
            points = np.concatenate([(1 - t) * a + t * b for a, b in legs])
            assert (np.asarray(compiled(points)).argmax(axis=1) == label).all()
    assert (found.detours[found.joined] > 1).all()


def test_a_segment_without_repeated_labels_has_no_pairs():
    half = two_classes(lambda x: x[:, 0])
    found = join_intervals(half, LINES, count_regions(half, LINES, boundaries=True))
    assert found.paths.shape == (0, 9, 2)
    assert np.isnan(found.share)


def test_a_count_without_boundaries_is_refused():
    with pytest.raises(ValueError, match="boundaries=True"):
        join_intervals(WAVE, LINES, count_regions(WAVE, LINES))
    more = slices.between_points(jax.random.key(0), LINES.reshape(4, 2), count=3)
    with pytest.raises(ValueError, match="boundaries of these segments"):
        join_intervals(WAVE, more, count_regions(WAVE, LINES, boundaries=True))
