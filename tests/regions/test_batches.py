"""The automatic batch: one trace of the classifier serves a whole adaptive count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions
from rcjax.regions.classifier import Evaluator
from rcjax.regions.classifier.batches import Batches

RANDOM = np.random.default_rng(0)
KERNEL = RANDOM.normal(size=(3, 3, 3, 4)).astype(np.float32)
CELLS = RANDOM.normal(size=(16, 3)).astype(np.float32)


def dense(x):
    return jnp.maximum(x.reshape(len(x), -1)[:, :16], 0) @ CELLS


def convolution(x):
    x = jax.lax.conv_general_dilated(
        x, KERNEL, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return dense(x)


@pytest.mark.parametrize(
    ("function", "features", "segments"),
    [(dense, (16,), 3), (dense, (16,), 60), (convolution, (32, 32, 3), 3)],
)
def test_a_classifier_is_traced_once(function, features, segments):
    traced = []

    def predict(x):
        traced.append(len(x))
        return function(x)

    anchors = RANDOM.normal(size=(segments, 2, *features)).astype(np.float32)
    found = count_regions(predict, anchors, method="adaptive", points=200)
    assert len(traced) == 1
    given = count_regions(function, anchors, method="adaptive", points=200, batch_size=9)
    np.testing.assert_array_equal(found.counts, given.counts)


def test_a_point_that_takes_much_memory_makes_the_batch_small():
    wide = lambda x: jnp.tile(x, (1, 2**18)).reshape(len(x), -1, 2).sum(axis=1)  # noqa: E731
    size = Evaluator(wide, (2,), in_rounds=True).batch_size
    assert size < Evaluator(dense, (16,), in_rounds=True).batch_size / 4


@pytest.mark.parametrize("platform", ["gpu", "tpu"])
@pytest.mark.parametrize("segments", [1, 20, 100, 1_000, 100_000])
def test_rounds_on_an_accelerator_fill_their_batches(platform, segments):
    points = 11 * segments
    batches = Batches(32 * 32 * 3, platform, True, points)
    size = batches.best(bytes_per_point=4 * 64 * 32 * 32)  # of the largest layer of a ResNet18
    assert size == batches.first  # one trace serves
    empty = 10 * size / 2
    assert size == 31 or empty <= 0.16 * points
    assert size >= min(points // 64, 992)
