"""Draws distinct points without ever rejecting a draw; the same draws on every machine."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.array_types import Array, Int, UInt32


def draw_indices(
    key: jax.Array, group: Int[np.ndarray, " n"], count: int, anchors: int, *, same_class: bool
) -> Int[np.ndarray, "count anchors"]:
    """Indices of distinct points.

    The first is uniform among the points that the rule allows, each further one among the points
    that are then left.

    The points are laid out class after class. Points (or classes) that a slice may not use again
    are ranges of that layout; a draw from what is left is moved past them in ascending order, so
    no draw is ever rejected.
    """
    layout = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    if same_class:
        if sizes.max() < anchors:
            raise ValueError(
                f"no class has {anchors} points (the largest has {sizes.max()}); "
                "pass more points or a smaller dim"
            )
        allowed = np.flatnonzero(sizes >= anchors)
    else:
        if len(sizes) < anchors:
            raise ValueError(
                f"{anchors} anchors of different classes need {anchors} classes, "
                f"got {len(sizes)}; pass a smaller dim"
            )
        allowed = np.arange(len(sizes))
    words = random_words(key, draws=anchors, count=count)

    pool = np.concatenate([starts[c] + np.arange(sizes[c]) for c in allowed])
    first = pool[uniform_integers(words[0], len(pool))]
    chosen = [first]
    for some in words[1:]:
        used_class = [group[layout[c]] for c in chosen]
        if same_class:
            low, left = starts[used_class[0]], sizes[used_class[0]] - len(chosen)
            blocked = [(c, np.ones_like(c)) for c in chosen]
        else:
            low, left = np.zeros(count, np.int64), len(group) - sum(sizes[c] for c in used_class)
            blocked = [(starts[c], sizes[c]) for c in used_class]
        chosen.append(_skip(low + uniform_integers(some, left), blocked))
    drawn: np.ndarray = layout[np.stack(chosen, axis=1)]
    return drawn


def random_words(key: jax.Array, *, draws: int, count: int) -> UInt32[np.ndarray, "draws 2 count"]:
    """Random bits; one draw uses up the key.

    The first bits of JAX's usual keys are the same however many follow, so one program serves all
    counts up to the next power of two.
    """
    partitionable = bool(jax.threefry_partitionable.value)
    extendable = partitionable and jax.random.key_impl(key) == "threefry2x32"
    size = 1 << (count - 1).bit_length() if extendable else count
    return np.asarray(_random_words(key, draws=draws, count=size))[..., :count]


@functools.partial(jax.jit, static_argnames=("draws", "count"))
def _random_words(key: jax.Array, *, draws: int, count: int) -> UInt32[Array, "draws 2 count"]:
    """Random bits, all in one small program."""
    keys = jax.random.split(key, draws) if draws > 1 else key[None]
    keys = jax.lax.map(jax.random.split, keys)
    keys = keys.reshape(2 * draws, *keys.shape[2:])
    bits = jax.lax.map(lambda one: jax.random.bits(one, (count,), jnp.uint32), keys)
    return jnp.reshape(bits, (draws, 2, count))


def uniform_integers(
    words: UInt32[np.ndarray, "2 count"], below: int | Int[np.ndarray, " count"]
) -> Int[np.ndarray, " count"]:
    """int64, uniform from 0 to `below` - 1, from random bits.

    The numbers are those of `jax.random.randint`, whose program takes far longer to compile than
    to run.
    """
    high, low = words
    span = np.broadcast_to(np.asarray(below, np.uint32), high.shape)
    factor = np.uint32(2**16) % span
    factor = factor * factor % span
    return np.asarray((high % span * factor + low % span) % span, np.int64)


def _skip(drawn: np.ndarray, blocked: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Moves every draw past the blocked ranges (start, size) of its slice, in ascending order."""
    begin = np.stack([b for b, _ in blocked])
    size = np.stack([s for _, s in blocked])
    order = np.argsort(begin, axis=0)
    for b, s in zip(
        np.take_along_axis(begin, order, 0), np.take_along_axis(size, order, 0), strict=True
    ):
        drawn = np.where(drawn >= b, drawn + s, drawn)
    return drawn
