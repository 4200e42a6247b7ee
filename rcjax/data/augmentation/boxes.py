"""Boxes of pixels as masks."""

import jax
import jax.numpy as jnp


def inside(
    top: jax.Array, bottom: jax.Array, left: jax.Array, right: jax.Array, height: int, width: int
) -> jax.Array:
    """Returns the pixels of a box as a mask.

    Args:
        top, bottom: int32 `[...]`, first row of the box and the first one after it.
        left, right: the same of columns.
        height, width: of the image.

    Returns:
        bool `[..., height, width, 1]`, for images of any number of channels.

    Example:
        >>> inside(*jnp.array([1, 3, 0, 2]), 3, 3)[..., 0].astype(int).tolist()
        [[0, 0, 0], [1, 1, 0], [1, 1, 0]]
    """
    top, bottom, left, right = (edge[..., None, None] for edge in (top, bottom, left, right))
    axes = tuple(range(top.ndim - 2))
    rows = jnp.expand_dims(jnp.arange(height)[:, None], axes)
    columns = jnp.expand_dims(jnp.arange(width)[None], axes)
    mask = (top <= rows) & (rows < bottom) & (left <= columns) & (columns < right)
    return mask[..., None]
