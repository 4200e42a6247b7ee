"""Random crop and horizontal flip of whole batches."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

PADDING = 4  # pixels of zeros on every side before the crop


class Offsets(NamedTuple):
    """The crop and the mirroring of each image of a batch.

    Attributes:
        rows: int32 `[images]`, first row of the crop in the padded image, 0 .. 2 * PADDING.
        columns: int32 `[images]`, first column, in the same range.
        flipped: bool `[images]`, whether the crop is then mirrored left to right.
    """

    rows: jax.Array
    columns: jax.Array
    flipped: jax.Array


def augment(
    key: jax.Array, images: jax.Array, *, random_crop: bool, random_flip: bool
) -> jax.Array:
    """Crops and mirrors every image of a batch at random, each image on its own.

    The crop has the size of the image and a uniformly random place in the image padded with 4
    zeros on every side: black in bytes, which are normalised after this, the mean in floating-point
    images, which are normalised before. The mirroring is left to right, with probability 1/2.

    Args:
        key: a key of `jax.random.key`; the same key gives the same result.
        images: `[images, height, width, channels]`, bytes or normalised floating-point numbers.
        random_crop: whether to crop; a Python bool, fixed when the step is compiled.
        random_flip: whether to mirror; likewise. With both off the images are returned untouched.

    Returns:
        The type and shape of `images`. Works inside `jax.jit`.

    Example:
        >>> import jax
        >>> from rcjax.data import augment, load
        >>> images = load("digits").train_images[:100]
        >>> augment(jax.random.key(0), images, random_crop=True, random_flip=False).shape
        (100, 8, 8, 1)
    """
    if not random_crop and not random_flip:
        return jnp.asarray(images)
    offsets = draw_offsets(key, len(images), random_crop=random_crop, random_flip=random_flip)
    return crop_and_flip(images, offsets)


def draw_offsets(key: jax.Array, count: int, *, random_crop: bool, random_flip: bool) -> Offsets:
    """Draws where to crop and whether to mirror, for `count` images.

    A switch that is off gives the centre (the image itself) or no mirroring, and does not change
    what the other one draws.
    """
    row_key, column_key, flip_key = jax.random.split(key, 3)
    centre = jnp.full((count,), PADDING, jnp.int32)
    rows = columns = centre
    if random_crop:
        rows = jax.random.randint(row_key, (count,), 0, 2 * PADDING + 1)
        columns = jax.random.randint(column_key, (count,), 0, 2 * PADDING + 1)
    flipped = jnp.zeros((count,), bool)
    if random_flip:
        flipped = jax.random.bernoulli(flip_key, 0.5, (count,))
    return Offsets(rows, columns, flipped)


def crop_and_flip(images: jax.Array, offsets: Offsets) -> jax.Array:
    """Takes the crops that `offsets` name out of the padded images, mirrored where it says so.

    Each image is gathered by its own row and column numbers: on the CPU `dynamic_slice` under
    `vmap` is more than ten times slower inside `lax.scan`, and products with one-hot matrices are
    three times slower. The images are mapped over, not indexed, so that a batch split over devices
    is augmented where it lies.
    """
    images = jnp.asarray(images)
    _, height, width, _ = images.shape
    sides = (PADDING, PADDING)
    padded = jnp.pad(images, ((0, 0), sides, sides, (0, 0)))
    columns = jnp.arange(width)[None]
    columns = jnp.where(offsets.flipped[:, None], width - 1 - columns, columns)
    columns = columns + offsets.columns[:, None]
    rows = jnp.arange(height)[None] + offsets.rows[:, None]
    return jax.vmap(_take)(padded, rows, columns)


def _take(image: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    # Every number is in range by construction; saying so spares the compiler the clamping.
    return image.at[rows[:, None], columns].get(mode="promise_in_bounds")
