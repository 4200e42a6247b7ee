"""Links between neighbouring cells, and sweeps that carry the smallest id along them.

All arrays here are [n_1 + 2, ..., n_dim + 2, batch]: one cell of padding on either side of every
grid axis spares the border a special case, and with the batch as the last axis every step of a
sweep works on long contiguous vectors.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from rcjax.array_types import Array, Bool, Integer, Shaped

Offset = tuple[int, ...]

_LINKS_PER_WORD = 8


def backward_offsets(dim: int, connectivity: str) -> list[Offset]:
    """One offset for each pair of opposite neighbours: its first non-zero entry is -1."""
    offsets = []
    for offset in itertools.product((-1, 0, 1), repeat=dim):
        non_zero = [entry for entry in offset if entry]
        if non_zero and non_zero[0] == -1 and (connectivity == "full" or len(non_zero) == 1):
            offsets.append(offset)
    return offsets


def link_words(
    labels: Integer[Array, " batch *grid"],
    mask: Bool[Array, " batch *grid"] | None,
    offsets: list[Offset],
) -> list[Integer[Array, "*padded batch"]]:
    """Which backward neighbours a cell is linked to: bits of uint8 words, one for each offset.

    Args:
        labels: integers [batch, n_1, ..., n_dim].
        mask: booleans of the same shape, or None.
        offsets: the backward neighbours; offset k is bit k % 8 of word k // 8.

    Returns:
        uint8 arrays [n_1 + 2, ..., n_dim + 2, batch], without a link in the padding. One byte a
        cell is all that the sweeps read, however wide the labels are.
    """
    inside = jnp.ones(labels.shape, bool) if mask is None else mask
    word_count = -(-len(offsets) // _LINKS_PER_WORD)
    words = [jnp.zeros(labels.shape, jnp.uint8) for _ in range(word_count)]
    for number, offset in enumerate(offsets):
        linked = inside & _neighbours(inside, offset) & (labels == _neighbours(labels, offset))
        bit = linked.astype(jnp.uint8) << (number % _LINKS_PER_WORD)
        word = number // _LINKS_PER_WORD
        words[word] = words[word] | bit
    return [pad_grid(_batch_last(word)) for word in words]


def linked_to(words: list[Integer[Array, "*shape"]], number: int) -> Bool[Array, "*shape"]:
    """Booleans: is the cell linked to its backward neighbour of this number?"""
    bit = jnp.uint8(1 << (number % _LINKS_PER_WORD))
    linked: jax.Array = (words[number // _LINKS_PER_WORD] & bit) != 0
    return linked


def pad_grid(array: Shaped[Array, "*grid batch"]) -> Shaped[Array, "*padded batch"]:
    """Adds one cell of zeros on either side of every grid axis."""
    return jnp.pad(array, [(1, 1)] * (array.ndim - 1) + [(0, 0)])


def sweep(
    ids: Integer[Array, "*padded batch"],
    words: list[Integer[Array, "*padded batch"]],
    offsets: list[Offset],
    axis: int,
    backwards: bool,
) -> Integer[Array, "*padded batch"]:
    """Carries the smallest id along the links, hyperplane after hyperplane of one axis.

    The links followed are those whose offset has its first non-zero entry at `axis`: they all lead
    to the hyperplane before, and over the axes every link has its turn.
    """
    shape = ids.shape
    length = shape[axis] - 2
    numbers = [
        k for k, offset in enumerate(offsets) if offset.index(-1) == axis and not any(offset[:axis])
    ]

    def slab(array: jax.Array, position: jax.Array, shift: Offset) -> jax.Array:
        first = [(position if i == axis else 1) + entry for i, entry in enumerate(shift)]
        sizes = [size - 2 for size in shape[:-1]] + [shape[-1]]
        sizes[axis] = 1
        return lax.dynamic_slice(array, [*first, 0], sizes)

    def step(k: jax.Array, ids: jax.Array) -> jax.Array:
        position = length - k if backwards else k + 1
        here = (0,) * len(offsets[0])
        smallest = slab(ids, position, here)
        unlinked = jnp.array(np.iinfo(ids.dtype).max, ids.dtype)
        for number in numbers:
            offset = offsets[number]
            towards = tuple(-entry for entry in offset) if backwards else offset
            # A link is stored at the later of its two cells.
            word = words[number // _LINKS_PER_WORD]
            linked = linked_to([slab(word, position, towards if backwards else here)], number % 8)
            neighbour = slab(ids, position, towards)
            smallest = jnp.minimum(smallest, jnp.where(linked, neighbour, unlinked))
        start = [position if i == axis else 1 for i in range(ids.ndim - 1)] + [0]
        return lax.dynamic_update_slice(ids, smallest, start)

    swept: jax.Array = lax.fori_loop(1, length, step, ids)
    return swept


def _neighbours(
    array: Shaped[Array, " batch *grid"], offset: Offset
) -> Shaped[Array, " batch *grid"]:
    """The array's value (0 beyond the border) at every cell's neighbour."""
    padding = [(0, 0, 0)] + [(-entry, entry, 0) for entry in offset]
    return lax.pad(array, jnp.zeros((), array.dtype), padding)


def _batch_last(array: Shaped[Array, " batch *grid"]) -> Shaped[Array, "*grid batch"]:
    """[batch, n_1, ..., n_dim] -> [n_1, ..., n_dim, batch].

    In two steps, the first of which moves whole rows: on a CPU several times faster than one.
    """
    *rows, row_length = array.shape[1:]
    by_row = lax.optimization_barrier(jnp.moveaxis(array, 0, -2))
    by_row = by_row.reshape(-1, array.shape[0], row_length)
    turned: jax.Array = lax.map(jnp.transpose, by_row)
    return turned.reshape(*rows, row_length, array.shape[0])
