"""Erasing, mixup and CutMix: against NumPy, and the distributions of what they draw."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rcjax.data.augmentation import cutmix, erase, mixup
from rcjax.data.augmentation.erasing import Boxes, draw_boxes
from rcjax.data.augmentation.mixing import draw_box

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(7)
IMAGES = np.random.default_rng(0).normal(size=(9, 8, 6, 3)).astype(np.float32)
LABELS = np.arange(9, dtype=np.int32)


def test_mixup_is_the_weighted_mean_of_images_and_of_their_partners():
    mixed, labels = jax.jit(mixup)(KEY, IMAGES, LABELS, 0.4)
    assert sorted(labels.second.tolist()) == LABELS.tolist()
    np.testing.assert_array_equal(labels.first, LABELS)
    share = float(labels.share)
    expected = share * IMAGES + (1 - share) * IMAGES[np.asarray(labels.second)]
    np.testing.assert_allclose(mixed, expected, rtol=1e-5, atol=1e-6)
    assert mixed.dtype == np.float32
    np.testing.assert_array_equal(jax.jit(mixup)(KEY, IMAGES, LABELS, 0.4)[0], mixed)
    assert (mixup(jax.random.key(8), IMAGES, LABELS, 0.4)[0] != mixed).any()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_of_mixup_follow_the_beta_distribution(alpha):
    keys = jax.random.split(KEY, 4000)
    draw = jax.jit(jax.vmap(lambda key: mixup(key, IMAGES[:1, :1, :1], LABELS[:1], alpha)[1].share))
    assert stats.kstest(draw(keys), stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_cutmix_replaces_one_box_and_the_labels_share_is_that_of_the_pixels():
    sizes = set()
    for key in jax.random.split(KEY, 20):
        mixed, labels = jax.jit(cutmix)(key, IMAGES, LABELS, 1.0)
        other = IMAGES[np.asarray(labels.second)]
        replaced = (np.asarray(mixed) != IMAGES).any(axis=(0, 3))
        np.testing.assert_array_equal(mixed, np.where(replaced[..., None], other, IMAGES))
        rows, columns = np.flatnonzero(replaced.any(axis=1)), np.flatnonzero(replaced.any(axis=0))
        assert replaced.sum() == len(rows) * len(columns)  # a box
        if len(rows):
            assert np.ptp(rows) == len(rows) - 1
            assert np.ptp(columns) == len(columns) - 1
        assert float(labels.share) == pytest.approx(1 - replaced.mean())
        sizes.add((len(rows), len(columns)))
    assert len(sizes) > 5


def test_boxes_of_cutmix_are_numpys():
    """Sizes and places of many boxes, by the rule of the paper with NumPy's random numbers."""
    height, width, count = 32, 24, 4000
    drawn = jax.jit(jax.vmap(lambda key: jnp.stack(draw_box(key, height, width, 1.0))))
    boxes = np.asarray(drawn(jax.random.split(KEY, count)))
    random = np.random.default_rng(0)
    side = np.sqrt(1 - random.beta(1.0, 1.0, count))
    expected = []
    for length in (height, width):
        size = np.floor(length * side).astype(int)
        start = random.integers(0, length, count) - size // 2
        expected += [np.maximum(start, 0), np.minimum(start + size, length)]
    for ours, theirs in zip(boxes.T, expected, strict=True):
        assert stats.ks_2samp(ours, theirs).pvalue > 0.01
    areas = [(b - t) * (r - left) for t, b, left, r in (boxes.T, expected)]
    assert stats.ks_2samp(*areas).pvalue > 0.01


def test_erased_are_the_drawn_boxes_and_nothing_else():
    boxes = draw_boxes(KEY, len(IMAGES), 8, 6, 0.5)
    expected = IMAGES.copy()
    for image, top, bottom, left, right in zip(expected, *map(np.asarray, boxes), strict=True):
        image[top:bottom, left:right] = 0
    erased = np.asarray(jax.jit(erase)(KEY, IMAGES, 0.5))
    np.testing.assert_array_equal(erased, expected)
    assert (erased != IMAGES).any()
    np.testing.assert_array_equal(erase(KEY, IMAGES, 0.0), IMAGES)


def test_erased_boxes_have_the_areas_ratios_and_places_of_the_rule():
    size, count = 200, 4000
    boxes = Boxes(*map(np.asarray, draw_boxes(KEY, count, size, size, 0.7)))
    heights, widths = boxes.bottom - boxes.top, boxes.right - boxes.left
    empty = heights == 0
    assert stats.binomtest(int(empty.sum()), count, 0.3).pvalue > 0.01
    heights, widths = heights[~empty], widths[~empty]
    assert (boxes.top >= 0).all()
    assert (boxes.bottom <= size).all()
    assert (boxes.right <= size).all()
    # On an image as large as this, next to every box fits, and rounding hides nothing.
    areas, ratios = heights * widths / size**2, np.log(heights / widths)
    assert stats.kstest(areas, stats.uniform(0.02, 0.31).cdf).pvalue > 0.01
    lowest, highest = np.log(0.3), np.log(3.3)
    assert stats.kstest(ratios, stats.uniform(lowest, highest - lowest).cdf).pvalue > 0.01
    places = boxes.top[~empty] / (size - heights)
    assert stats.kstest(places, "uniform").pvalue > 0.01
