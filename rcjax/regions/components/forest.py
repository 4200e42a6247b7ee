"""The forest of component ids: sweeps first, then a parallel union-find on what still disagrees."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from rcjax.array_types import Array, Bool, Int, Integer
from rcjax.regions.components.sweeps import (
    Offset,
    backward_offsets,
    link_words,
    linked_to,
    pad_grid,
    sweep,
)

# After three rounds of sweeps few cells of common label maps still disagree with a neighbour.
_SWEEP_ROUNDS = 3
# Beyond three axes everything is left to the union-find: grids have few points on each of so many
# axes, and sweeps along them take longer to compile (10 to 40 s) than they can save.
_MOST_AXES_TO_SWEEP = 3
# Disagreeing cells are united in portions of this share of all cells, at least 1,024.
_PORTION_DIVISOR = 256
_BLOCK = 64


@functools.partial(jax.jit, static_argnames=("dim", "connectivity"))
def component_forest(
    labels: Integer[Array, "*shape"],
    mask: Bool[Array, "*shape"] | None,
    dim: int,
    connectivity: str,
) -> Integer[Array, "*grid batch"]:
    """Parent of every cell: trees are components, and a root is the first cell of its component.

    Args:
        labels: integers [..., n_1, ..., n_dim], not empty.
        mask: booleans of the same shape, or None; cells outside are trees of their own.

    Returns:
        Unsigned integers [n_1, ..., n_dim, batch]: flat indices within the grid, at most the cell's
        own; a root's parent is itself.
    """
    grid = labels.shape[labels.ndim - dim :]
    labels = labels.reshape(-1, *grid)
    mask = None if mask is None else mask.reshape(-1, *grid)
    offsets = backward_offsets(dim, connectivity)
    words = link_words(labels, mask, offsets)
    dtype = jnp.uint16 if math.prod(grid) < 2**16 else jnp.uint32
    own_index = jnp.arange(math.prod(grid), dtype=dtype).reshape(*grid, 1)
    ids = pad_grid(jnp.broadcast_to(own_index, (*grid, labels.shape[0])))

    if dim > _MOST_AXES_TO_SWEEP:
        return _unite_disagreements(ids, words, offsets)

    def sweep_all_ways(_: jax.Array, ids: jax.Array) -> jax.Array:
        for axis, backwards in itertools.product(reversed(range(dim)), (False, True)):
            ids = sweep(ids, words, offsets, axis, backwards)
        return ids

    ids = lax.fori_loop(0, _SWEEP_ROUNDS, sweep_all_ways, ids)
    return _unite_disagreements(ids, words, offsets)


def find_roots(parents: Integer[Array, "cells batch"]) -> Integer[Array, "cells batch"]:
    """Root of every cell, for parents [cells, batch]."""

    def halve(parents: jax.Array) -> jax.Array:
        return jnp.take_along_axis(parents, parents.astype(jnp.int32), axis=0)

    def unfinished(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        return jnp.any(state[0] != state[1])

    state = (parents, halve(parents))
    return lax.while_loop(unfinished, lambda state: (state[1], halve(state[1])), state)[1]


def _unite_disagreements(
    ids: Integer[Array, "*padded batch"],
    words: list[Integer[Array, "*padded batch"]],
    offsets: list[Offset],
) -> Integer[Array, "*grid batch"]:
    """Unites the trees of all linked cells whose ids differ, if there are any."""
    inside = [_interior(array) for array in (ids, *words)]
    disagrees = _disagreements(ids, words, offsets)
    # Sweeps leave nothing to do for most batches of common label maps.
    parents: jax.Array = lax.cond(
        jnp.any(disagrees),
        lambda disagrees, ids, *words: _unite_flagged(disagrees, ids, list(words), offsets),
        lambda disagrees, ids, *words: ids,
        disagrees,
        *inside,
    )
    return parents


def _unite_flagged(
    disagrees: Bool[Array, "*grid batch"],
    ids: Integer[Array, "*grid batch"],
    words: list[Integer[Array, "*grid batch"]],
    offsets: list[Offset],
) -> Integer[Array, "*grid batch"]:
    """Unites the trees of flagged cells and their linked neighbours, a portion at a time."""
    *grid, batch = shape = ids.shape
    size = math.prod(shape)
    disagrees, parents, *words = (array.reshape(-1) for array in (disagrees, ids, *words))
    portion = min(size, max(1024, size // _PORTION_DIVISOR))
    strides = [math.prod(grid[axis + 1 :]) for axis in range(len(grid))]
    steps = [sum(e * s for e, s in zip(offset, strides, strict=True)) for offset in offsets]

    def unite_portion(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        disagrees, parents = state
        cells = _some_true(disagrees, portion)
        neighbours = [
            jnp.where(
                linked_to([word[cells] for word in words], number), cells + step * batch, cells
            )
            for number, step in enumerate(steps)
        ]
        parents = _unite(parents, jnp.stack([cells, *neighbours]), batch)
        return disagrees.at[cells].set(False), parents

    state = (disagrees, parents)
    _, parents = lax.while_loop(lambda state: jnp.any(state[0]), unite_portion, state)
    return parents.reshape(shape)


def _some_true(flags: Bool[Array, " flags"], count: int) -> Int[Array, " {count}"]:
    """Indices of `count` true flags, at least one if any is true; 0 fills up the rest.

    Looks for blocks with a true flag first, since `nonzero` on all flags would take longer than
    everything else.
    """
    blocks = jnp.pad(flags, (0, -flags.size % _BLOCK)).reshape(-1, _BLOCK)
    block_count = min(blocks.shape[0], max(64, count // 4))
    (chosen,) = jnp.nonzero(blocks.any(axis=1), size=block_count, fill_value=blocks.shape[0])
    candidates = blocks.at[chosen].get(mode="fill", fill_value=False)
    (places,) = jnp.nonzero(candidates.reshape(-1), size=count, fill_value=candidates.size)
    indices = chosen.at[places // _BLOCK].get(mode="fill", fill_value=0) * _BLOCK + places % _BLOCK
    return jnp.where(places < candidates.size, indices, 0)


def _disagreements(
    ids: Integer[Array, "*padded batch"],
    words: list[Integer[Array, "*padded batch"]],
    offsets: list[Offset],
) -> Bool[Array, "*grid batch"]:
    """Cells linked to a backward neighbour of another id."""
    words = [_interior(word) for word in words]
    here = _interior(ids)
    result = jnp.zeros(here.shape, bool)
    for number, offset in enumerate(offsets):
        places = zip(offset, here.shape[:-1], strict=True)
        neighbour = ids[tuple(slice(1 + entry, 1 + entry + size) for entry, size in places)]
        result |= linked_to(words, number) & (here != neighbour)
    return result


def _unite(
    parents: Integer[Array, " all_cells"], cells: Int[Array, "together columns"], batch: int
) -> Integer[Array, " all_cells"]:
    """Makes the cells of each column of `cells` [together, columns] members of one tree.

    Each round the root of every cell hooks onto the smallest root of its column. A root that
    several columns hook keeps one of them; the others still disagree and hook in the next round.
    """

    def disagree(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        return jnp.any(state[1] != state[1][:1])

    def hook(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        parents, roots = state
        smallest = jnp.broadcast_to(jnp.min(roots, axis=0) // batch, roots.shape)
        parents = parents.at[roots].min(smallest.astype(parents.dtype))
        return _find(parents, roots, batch)

    return lax.while_loop(disagree, hook, _find(parents, cells, batch))[0]


def _find(
    parents: Integer[Array, " all_cells"], nodes: Int[Array, "together columns"], batch: int
) -> tuple[Integer[Array, " all_cells"], Int[Array, "together columns"]]:
    """Roots of nodes (indices into the flat parents), pointing each node at its root on the way."""
    grid_number = nodes % batch

    def follow(nodes: jax.Array, parents: jax.Array) -> jax.Array:
        return parents[nodes].astype(jnp.int32) * batch + grid_number

    def unfinished(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        parents, above = state
        return jnp.any(follow(above, parents) != above)

    def halve(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        parents, above = state
        above = follow(above, parents)
        parents = parents.at[nodes].set((above // batch).astype(parents.dtype))
        return parents, above

    return lax.while_loop(unfinished, halve, (parents, follow(nodes, parents)))


def _interior(array: jax.Array) -> jax.Array:
    return array[(slice(1, -1),) * (array.ndim - 1)]
