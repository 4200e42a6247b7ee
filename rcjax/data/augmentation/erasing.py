"""Random erasing: a box of each image is blanked."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rcjax.data.augmentation.boxes import inside

_SHARES = (0.02, 0.33)  # of the image's area that a box may have
_RATIOS = (0.3, 3.3)  # of its height to its width
_ATTEMPTS = 10  # at a box that fits into the image


class Boxes(NamedTuple):
    """One box for each image of a batch; an empty one where nothing is erased.

    Attributes:
        top, bottom: int32 `[images]`, its first row and the first one after it.
        left, right: the same of columns.
    """

    top: jax.Array
    bottom: jax.Array
    left: jax.Array
    right: jax.Array


def erase(key: jax.Array, images: jax.Array, probability: jax.Array | float) -> jax.Array:
    """Sets a random box of each image to 0, the mean colour, with some probability.

    The box has 2 to 33 % of the image's area, drawn uniformly, and a ratio of height to width of
    0.3 to 3.3, drawn uniformly in its logarithm; its place is uniform among those inside the image.
    After ten boxes that do not fit the image is left alone.

    Args:
        key: a key of `jax.random.key`.
        images: normalised images, float `[images, height, width, channels]`.
        probability: of each image to be erased, 0 to 1; may be traced.

    Returns:
        The images, in their dtype. Works inside `jax.jit`.

    Example:
        >>> images = jnp.ones((100, 8, 8, 1))
        >>> 0 < int(jnp.sum(erase(jax.random.key(0), images, 0.5) == 0)) < 100 * 64 * 0.33
        True

    Source: Zhong et al. 2020, "Random Erasing Data Augmentation"; the rule for boxes and its
        numbers are those of torchvision.transforms.RandomErasing.
    """
    count, height, width, _ = images.shape
    boxes = draw_boxes(key, count, height, width, probability)
    return jnp.where(inside(*boxes, height, width), jnp.zeros((), images.dtype), images)


def draw_boxes(
    key: jax.Array, count: int, height: int, width: int, probability: jax.Array | float
) -> Boxes:
    """Draws the boxes that `erase` erases from `count` images of one size."""
    # All at once: every call of the generator costs half a second to compile.
    drawn = jax.random.uniform(key, (2 * _ATTEMPTS + 3, count))
    shares, ratios, (chance, row, column) = jnp.split(drawn, (_ATTEMPTS, 2 * _ATTEMPTS))
    lowest, highest = _SHARES
    areas = (lowest + (highest - lowest) * shares) * height * width
    lowest, highest = map(math.log, _RATIOS)
    ratios = jnp.exp(lowest + (highest - lowest) * ratios)
    heights = jnp.round(jnp.sqrt(areas * ratios)).astype(jnp.int32)
    widths = jnp.round(jnp.sqrt(areas / ratios)).astype(jnp.int32)
    fits = (heights < height) & (widths < width)
    first = jnp.argmax(fits, axis=0, keepdims=True)
    erased = (chance < probability) & fits.any(axis=0)
    heights, widths = (
        jnp.where(erased, jnp.take_along_axis(sizes, first, 0)[0], 0) for sizes in (heights, widths)
    )
    top, left = _place(row, height - heights), _place(column, width - widths)
    return Boxes(top, top + heights, left, left + widths)


def _place(uniform: jax.Array, largest: jax.Array) -> jax.Array:
    """Returns an integer 0 .. largest, each as probable, from a number in 0 .. 1."""
    # Rounding may take the product up to the integer above.
    return jnp.minimum((uniform * (largest + 1)).astype(jnp.int32), largest)
