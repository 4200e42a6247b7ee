"""The samplers: what is drawn, from where, and that a key alone decides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcjax import slices
from rcjax.regions import slice_draws


def points_with_identity(count: int) -> np.ndarray:
    """Points whose first feature is their own index."""
    return np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.float32)


def drawn_indices(anchors) -> np.ndarray:
    return np.asarray(anchors)[..., 0].astype(int)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    class_sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    dim=st.integers(1, 5),
    classes=st.sampled_from(["any", "same", "different"]),
)
def test_anchors_are_distinct_points_of_the_wanted_classes(seed, class_sizes, dim, classes):
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    labels = np.random.default_rng(seed).permutation(labels)
    images = points_with_identity(len(labels))
    possible = {
        "any": len(labels) > dim,
        "same": max(class_sizes) > dim,
        "different": len(class_sizes) > dim,
    }[classes]
    key = jax.random.key(seed)
    if not possible:
        with pytest.raises(ValueError, match="pass"):
            slices.between_points(key, images, 20, dim, labels=labels, classes=classes)
        return
    chosen = drawn_indices(
        slices.between_points(key, images, 20, dim, labels=labels, classes=classes)
    )
    assert chosen.shape == (20, dim + 1)
    for row in chosen:
        assert len(set(row)) == dim + 1
        if classes == "same":
            assert len(set(labels[row])) == 1
        if classes == "different":
            assert len(set(labels[row])) == dim + 1


@pytest.mark.parametrize("classes", ["any", "same", "different"])
def test_every_allowed_tuple_is_equally_likely(classes):
    labels = np.array([0, 0, 0, 1, 1, 1])
    chosen = drawn_indices(
        slices.between_points(
            jax.random.key(3), points_with_identity(6), 36_000, 1, labels=labels, classes=classes
        )
    )
    table = np.zeros((6, 6))
    np.add.at(table, (chosen[:, 0], chosen[:, 1]), 1)
    same = labels[:, None] == labels[None]
    allowed = {
        "any": ~np.eye(6, dtype=bool),
        "same": same & ~np.eye(6, dtype=bool),
        "different": ~same,
    }[classes]
    assert (table[~allowed] == 0).all()
    expected = 36_000 / allowed.sum()
    # Chi-square with at most 29 degrees of freedom: 60 is beyond the 99.9 % quantile.
    assert ((table[allowed] - expected) ** 2 / expected).sum() < 60


def test_the_key_alone_decides_and_lazy_anchors_are_the_same():
    images = np.random.default_rng(0).normal(size=(30, 4, 4, 1)).astype(np.float32)
    key = jax.random.key(1)
    eager = np.asarray(slices.between_points(key, images, 7, 2))
    lazy = slices.between_points(key, images, 7, 2, lazy=True)
    assert lazy.shape == eager.shape == (7, 3, 4, 4, 1)
    np.testing.assert_array_equal(np.concatenate([lazy[:3], lazy[3:]]), eager)
    on_device = slices.between_points(key, jax.numpy.asarray(images), 7, 2)
    np.testing.assert_array_equal(np.asarray(on_device), eager)
    other = np.asarray(slices.between_points(jax.random.key(2), images, 7, 2))
    assert not np.array_equal(other, eager)


def test_subset_is_respected():
    wanted = [3, 5, 8]
    images = points_with_identity(10)
    mask = np.isin(np.arange(10), wanted)
    for subset in (wanted, mask):
        anchors = slices.between_points(jax.random.key(0), images, 50, 1, subset=subset)
        assert set(drawn_indices(anchors).ravel()) == set(wanted)
    start = slices.random_directions(jax.random.key(0), images, 50, 0.1, subset=wanted)[:, 0]
    assert set(drawn_indices(start)) == set(wanted)


def test_random_directions_have_the_stated_length():
    images = np.zeros((5, 400), np.float32)
    anchors = np.asarray(slices.random_directions(jax.random.key(0), images, 60, 0.5, dim=2))
    assert anchors.shape == (60, 3, 400)
    directions = anchors[:, 1:] - anchors[:, :1]
    assert abs(directions.std() - 0.5) < 0.01
    assert abs(np.corrcoef(directions[:, 0].ravel(), directions[:, 1].ravel())[0, 1]) < 0.03


def test_a_length_that_rounding_loses_is_refused():
    for images, length in ((np.ones((5, 3), np.float32), 1e-30), (np.full((5, 3), 1e9), 1e-20)):
        with pytest.raises(ValueError, match=rf"length = {length} is lost when float"):
            slices.random_directions(jax.random.key(0), images, 6, length)


def test_convex_pairs_lie_on_the_segment_of_two_points():
    images = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    anchors = np.asarray(slices.random_convex_pairs(jax.random.key(0), images, 40))
    direction = images[1] - images[0]
    position = (anchors - images[0]) @ direction / (direction @ direction)
    assert position.min() >= 0
    assert position.max() <= 1
    assert position.std() > 0.2
    off_line = anchors - images[0] - position[..., None] * direction
    assert np.abs(off_line).max() < 1e-5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count must be at least 1, got 0"),
        ({"dim": 6}, "dim must be 1 to 5"),
        ({"classes": "other"}, "got 'other'"),
        ({"classes": "same"}, "needs the labels"),
        ({"classes": "same", "labels": [0, 1]}, r"shape \(4,\)"),
        ({"subset": [0, 9]}, "from 0 to 9"),
        ({"subset": [0.5]}, "integer indices"),
        ({"dim": 4}, "needs 5 distinct points, got 4"),
    ],
)
def test_bad_requests_say_what_to_do(options, message):
    with pytest.raises(ValueError, match=message):
        slices.between_points(jax.random.key(0), points_with_identity(4), **options)


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("kind", ["threefry2x32", "rbg"])
def test_draws_are_those_of_jax(kind, partitionable):
    key = jax.random.key(5, impl=kind)
    with jax.threefry_partitionable(partitionable):
        words = slice_draws.random_words(key, draws=3, count=50)
        for one, some in zip(jax.random.split(key, 3), words, strict=True):
            for below in (7, 2**31 - 1, np.arange(1, 51, dtype=np.int32)):
                expected = jax.random.randint(
                    one, (50,), 0, jnp.asarray(below, jnp.int32), jnp.int32
                )
                np.testing.assert_array_equal(slice_draws.uniform_integers(some, below), expected)
