"""Mixup and CutMix: every image of a batch is mixed with another one, and so are their labels."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rcjax.data.augmentation.boxes import inside


class MixedLabels(NamedTuple):
    """Two labels for each image of a batch.

    Attributes:
        first, second: int32 `[images]`, of the image itself and of the one mixed into it.
        share: float scalar, 0 to 1: of the first in every image of the batch.
    """

    first: jax.Array
    second: jax.Array
    share: jax.Array


def mixup(
    key: jax.Array, images: jax.Array, labels: jax.Array, alpha: jax.Array | float
) -> tuple[jax.Array, MixedLabels]:
    """Returns weighted means of each image and another one of the batch.

    The weight of the images themselves, one for the batch, is drawn from Beta(alpha, alpha); the
    others are the batch in a random order, so that an image may meet itself.

    Args:
        key: a key of `jax.random.key`.
        images: normalised images, float `[images, height, width, channels]`.
        labels: int32 `[images]`.
        alpha: positive; 1 draws the weight uniformly. May be traced.

    Returns:
        The mixed images, in their dtype, and their labels. Works inside `jax.jit`.

    Example:
        >>> images, labels = jnp.ones((4, 8, 8, 1)), jnp.arange(4)
        >>> mixed, both = mixup(jax.random.key(0), images, labels, 1.0)
        >>> bool(jnp.allclose(mixed, 1)), sorted(both.second.tolist())
        (True, [0, 1, 2, 3])

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization".
    """
    images, labels = jnp.asarray(images), jnp.asarray(labels)
    share_key, order_key = jax.random.split(key)
    share = jax.random.beta(share_key, alpha, alpha)
    order = jax.random.permutation(order_key, len(images))
    weight = share.astype(images.dtype)
    mixed = weight * images + (1 - weight) * images[order]
    return mixed, MixedLabels(labels, labels[order], share)


def cutmix(
    key: jax.Array, images: jax.Array, labels: jax.Array, alpha: jax.Array | float
) -> tuple[jax.Array, MixedLabels]:
    """Replaces a box of each image by the same box of another one of the batch.

    One box for the batch: its sides are those of the image times the root of a share drawn from
    Beta(alpha, alpha), rounded down; its centre is uniform over the pixels, and what stands out of
    the image is cut off. The labels' share is that of the pixels that stayed.

    Args:
        key, images, labels, alpha: as in `mixup`.

    Returns:
        As `mixup`.

    Example:
        >>> labels = jnp.arange(4)
        >>> images = labels.reshape(4, 1, 1, 1) * jnp.ones((4, 8, 8, 1))
        >>> mixed, both = cutmix(jax.random.key(3), images, labels, 1.0)
        >>> means = both.share * both.first + (1 - both.share) * both.second
        >>> bool(jnp.allclose(mixed.mean((1, 2, 3)), means))
        True

    Source: Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers".
    """
    images, labels = jnp.asarray(images), jnp.asarray(labels)
    box_key, order_key = jax.random.split(key)
    _, height, width, _ = images.shape
    top, bottom, left, right = draw_box(box_key, height, width, alpha)
    order = jax.random.permutation(order_key, len(images))
    mixed = jnp.where(inside(top, bottom, left, right, height, width), images[order], images)
    share = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, MixedLabels(labels, labels[order], share)


def draw_box(
    key: jax.Array, height: int, width: int, alpha: jax.Array | float
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Draws the box of `cutmix`: top, bottom, left, right, int32 scalars, the ends exclusive."""
    share_key, row_key, column_key = jax.random.split(key, 3)
    side = jnp.sqrt(1 - jax.random.beta(share_key, alpha, alpha))
    edges = []
    for place_key, length in ((row_key, height), (column_key, width)):
        size = (length * side).astype(jnp.int32)
        start = jax.random.randint(place_key, (), 0, length) - size // 2
        edges += [jnp.maximum(start, 0), jnp.minimum(start + size, length)]
    top, bottom, left, right = edges
    return top, bottom, left, right
