"""Connected components of label grids of any dimension, on the device.

Two neighbouring cells are linked when their labels are equal; a component is a largest set of
cells joined by links. The number of components of a grid of predicted labels is the region count
(section 3 of the paper). Every label is ordinary, class 0 and negative ones included.

The algorithm, for a whole batch of grids at once:

1. Every cell starts with its own flat index as its id.
2. Sweeps: hyperplane after hyperplane, forwards and backwards along every axis, a cell takes the
   smallest id of the neighbours it is linked to. This is all that most cells need.
3. Where linked cells still disagree, as in spirals, their ids are united as in a union-find
   forest: all edges in parallel, the larger root hooks onto the smaller one, paths are halved.

Step 3 runs until no disagreement is left, so the result is exact for every grid. A cell's id only
ever falls, to the index of another cell of its component; at the end the one cell of a component
that keeps its own index is the smallest one.

Example:
    >>> import jax.numpy as jnp
    >>> from rcjax.regions.components.labelling import count_components, label_components
    >>> labels = jnp.array([[0, 0, 1], [1, 1, 0], [1, 1, 0]])
    >>> int(count_components(labels, dim=2, connectivity="full"))
    2
    >>> int(count_components(labels, dim=2, connectivity="face"))
    4
    >>> label_components(labels, dim=2, connectivity="face").tolist()
    [[0, 0, 2], [3, 3, 5], [3, 3, 5]]
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rcjax.array_types import Array, ArrayLike, Bool, Int, Integer, Shaped
from rcjax.regions.components.forest import component_forest, find_roots


def count_components(
    labels: Shaped[ArrayLike, "..."],
    mask: Shaped[ArrayLike, "..."] | None = None,
    *,
    dim: int,
    connectivity: str,
) -> Int[Array, "..."]:
    """Number of connected components of every label grid.

    Args:
        labels: integers or booleans [..., n_1, ..., n_dim]; the last `dim` axes are a grid, the
            others a batch.
        mask: booleans that broadcast to the shape of `labels`; cells with False are outside: they
            join nothing and are not counted. None: all cells are inside.
        dim: number of axes of a grid, at least 1.
        connectivity: "full" (neighbours share at least a corner: 3^dim - 1 of them) or "face"
            (2 dim of them).

    Returns:
        int32 [...]: number of components, 0 where no cell is inside.

    Raises:
        ValueError: labels not integer or of too few axes, mask not boolean or not broadcastable,
            dim below 1, unknown connectivity, or more than 2^31 - 1 cells in one call.
    """
    labels, mask = _checked(labels, mask, dim, connectivity)
    batch, grid = _split_shape(labels.shape, dim)
    if labels.size == 0:
        return jnp.zeros(batch, jnp.int32)
    if dim == 1:
        return jnp.sum(_run_starts(labels, mask), axis=-1, dtype=jnp.int32)
    parents = component_forest(labels, mask, dim, connectivity)
    own_index = jnp.arange(math.prod(grid), dtype=parents.dtype).reshape(*grid, 1)
    count = jnp.sum(parents == own_index, axis=tuple(range(dim)), dtype=jnp.int32).reshape(batch)
    if mask is None:
        return count
    # Cells outside link to nothing, so each was counted as a component of its own.
    return count - jnp.sum(~mask, axis=tuple(range(-dim, 0)), dtype=jnp.int32)


def label_components(
    labels: Shaped[ArrayLike, "*shape"],
    mask: Shaped[ArrayLike, "..."] | None = None,
    *,
    dim: int,
    connectivity: str,
) -> Int[Array, "*shape"]:
    """Component of every cell, named by the smallest flat index of its cells.

    Args:
        labels, mask, dim, connectivity: as for `count_components`.

    Returns:
        int32 of the shape of `labels`: flat index, within the grid, of the first cell (in row-major
        order) of the component; -1 outside the mask.

    Raises:
        ValueError: as `count_components`.
    """
    labels, mask = _checked(labels, mask, dim, connectivity)
    _, grid = _split_shape(labels.shape, dim)
    if labels.size == 0:
        return jnp.zeros(labels.shape, jnp.int32)
    if dim == 1:
        index = jnp.arange(grid[0], dtype=jnp.int32)
        starts = jnp.where(_run_starts(labels, mask), index, 0)
        ids = lax.cummax(starts, axis=labels.ndim - 1)
    else:
        parents = component_forest(labels, mask, dim, connectivity)
        roots = find_roots(parents.reshape(math.prod(grid), -1))
        ids = roots.T.astype(jnp.int32).reshape(labels.shape)
    return ids if mask is None else jnp.where(mask, ids, -1)


def _checked(
    labels: Shaped[ArrayLike, "*shape"],
    mask: Shaped[ArrayLike, "..."] | None,
    dim: int,
    connectivity: str,
) -> tuple[Integer[Array, "*shape"], Bool[Array, "*shape"] | None]:
    """Labels and mask (broadcast to the labels' shape) as arrays, after all static checks."""
    if connectivity not in ("full", "face"):
        raise ValueError(
            f"unknown connectivity {connectivity!r}; use 'full' (diagonal neighbours too) or 'face'"
        )
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or dim < 1:
        raise ValueError(
            f"dim must be an integer of at least 1, got {dim!r}; it is the number of "
            "trailing axes that form a grid"
        )
    labels = _small_labels(labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(
            f"labels must be integers, got {labels.dtype}; pass class indices, for example "
            "scores.argmax(-1)"
        )
    if labels.ndim < dim:
        raise ValueError(
            f"labels of shape {labels.shape} have fewer than dim={dim} axes; pass "
            "[..., n_1, ..., n_dim] or a smaller dim"
        )
    if labels.size > np.iinfo(np.int32).max:
        raise ValueError(
            f"labels of shape {labels.shape} have {labels.size} cells, the most in one call is "
            "2^31 - 1; split the batch"
        )
    return labels, _checked_mask(mask, labels.shape)


def _small_labels(labels: Shaped[ArrayLike, "*shape"]) -> Shaped[Array, "*shape"]:
    """Labels as a JAX array. Host labels that 32 bits cannot hold are renamed, not cut off."""
    if not isinstance(labels, jax.Array):
        labels = np.asarray(labels)
        limits = np.iinfo(np.int32)
        wide = labels.dtype.kind in "iu" and labels.dtype.itemsize > 4 and labels.size
        if wide and not (limits.min <= labels.min() and labels.max() <= limits.max):
            labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
        if wide:
            labels = labels.astype(np.int32)
    labels = jnp.asarray(labels)
    return labels.astype(jnp.int8) if labels.dtype == jnp.bool_ else labels


def _checked_mask(
    mask: Shaped[ArrayLike, "..."] | None, shape: tuple[int, ...]
) -> Bool[Array, "..."] | None:
    if mask is None:
        return None
    mask = jnp.asarray(mask)
    if mask.dtype != jnp.bool_:
        raise ValueError(f"mask must be boolean, got {mask.dtype}; pass for example mask != 0")
    try:
        return jnp.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(
            f"mask of shape {mask.shape} does not broadcast to labels of shape {shape}; "
            "pass one mask for each grid, or one for all of them"
        ) from None


def _split_shape(shape: tuple[int, ...], dim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Batch shape and grid shape."""
    return shape[: len(shape) - dim], shape[len(shape) - dim :]


def _run_starts(
    labels: Integer[Array, "*shape"], mask: Bool[Array, "*shape"] | None
) -> Bool[Array, "*shape"]:
    """Cells of 1-D grids that start a component: inside, and not linked to the cell before."""
    linked = labels[..., 1:] == labels[..., :-1]
    inside = jnp.ones(labels.shape, bool) if mask is None else mask
    linked = linked & inside[..., :-1]
    return inside & jnp.concatenate([inside[..., :1], ~linked], axis=-1)
