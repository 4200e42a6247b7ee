"""The evaluated points of many segments in one pool of fixed size, linked to their neighbours.

The compiled counterpart of the sorted list of `points.py`. A point stays where it was put; its
neighbours on the segment are found by links, so that a new point costs a few writes, whatever the
number of points and of segments. The points of a round lie behind all earlier ones.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Columns of `Pool.points`; `List.rows` of requests has the first three.
SEGMENT, POSITION, BEFORE, AFTER, LABEL = range(5)
FIRST = np.int32(0)  # beside other int32, whatever integers JAX makes of a plain 0
_TOTALS = 64


class Pool(NamedTuple):
    """Points, in order of evaluation; the last row stands for "none" and holds no point.

    points: int32 [capacity, 5]: the segment, the position on the fine grid, the rows of the
        neighbours on the segment (the last row where there is none), and the label.
    scores: float32 [capacity, classes], no classes where only labels are known.
    crossing: float32 [capacity], where in the interval from a point to the next one the label
        changes, if it does.
    """

    points: jax.Array
    scores: jax.Array
    crossing: jax.Array

    @property
    def none(self) -> int:
        """The row that stands for "none"."""
        return self.points.shape[0] - 1


class List(NamedTuple):
    """The first `length` rows of an array that has room for more."""

    rows: jax.Array
    length: jax.Array


def empty_pool(capacity: int, classes: int) -> Pool:
    """A pool without points."""
    none = capacity - 1
    return Pool(
        points=jnp.tile(jnp.asarray([[-1, 0, none, none, 0]], jnp.int32), (capacity, 1)),
        scores=jnp.zeros((capacity, classes), jnp.float32),
        crossing=jnp.full(capacity, 0.5, jnp.float32),
    )


def first_requests(capacity: int, coarse: jax.Array, slices: jax.Array) -> List:
    """The coarse grid on the first `slices` segments, one segment after the other."""
    place = jnp.arange(capacity, dtype=jnp.int32)
    segment = jax.lax.div(place, jnp.int32(len(coarse)))
    on_segment = place - segment * len(coarse)
    left = jnp.where(on_segment == 0, capacity - 1, place - 1)
    rows = jnp.stack([segment, take(coarse, on_segment), left], axis=1)
    return List(rows, slices * len(coarse))


def take(rows: jax.Array, index: jax.Array) -> jax.Array:
    """rows[index] for indices that are never negative or too large."""
    return rows.at[index].get(mode="promise_in_bounds")


def insert(
    pool: Pool, at: jax.Array, requests: jax.Array, count: jax.Array, label: jax.Array
) -> Pool:
    """Puts requested points, int32 [batch, 3], into the rows from `at` on; `count` of them count.

    What the others write lies behind the last point, where later points overwrite it.
    """
    entry = at + jnp.arange(len(requests), dtype=jnp.int32)
    left = requests[:, BEFORE]
    right = take(pool.points, left)[:, AFTER]
    rows = jnp.concatenate([requests, right[:, None], label[:, None]], axis=1)
    points = jax.lax.dynamic_update_slice(pool.points, rows, (at, FIRST))
    counts = entry - at < count
    for neighbour, column in ((left, AFTER), (right, BEFORE)):
        # Writes outside of the array are left out.
        there = jnp.where(counts & (neighbour != pool.none), neighbour, len(points))
        points = points.at[there, column].set(entry, mode="drop")
    return pool._replace(points=points)


def append(listed: List, rows: jax.Array, wanted: jax.Array) -> List:
    """Adds the wanted ones of some rows.

    Running totals are two small matrix products: a scan compiles and runs several times longer.
    """
    blocks = jnp.pad(wanted, (0, -len(wanted) % _TOTALS)).astype(jnp.float32)
    blocks = blocks.reshape(-1, _TOTALS)
    in_block = blocks @ np.triu(np.ones((_TOTALS, _TOTALS), np.float32))
    totals = in_block[:, -1]
    before = totals @ np.triu(np.ones((len(blocks), len(blocks)), np.float32), 1)
    running = (in_block + before[:, None]).reshape(-1)[: len(wanted)].astype(jnp.int32)
    there = jnp.where(wanted, listed.length + running - 1, len(listed.rows))
    count = listed.length + totals.sum().astype(jnp.int32)
    return List(listed.rows.at[there].set(rows, mode="drop"), count)


def touched_intervals(pool: Pool, fresh: jax.Array, oldest_fresh: jax.Array) -> jax.Array:
    """Left ends [points, 6] of the intervals whose surroundings changed with the fresh points.

    The six points around an interval decide on it; it is named by the first of them that is fresh
    (from `oldest_fresh` on), so every interval comes up once a round. Elsewhere stands "none".
    """
    left = [fresh]
    for _ in range(5):
        left.append(take(pool.points[:, BEFORE], left[-1]))
    right = [fresh, take(pool.points[:, AFTER], fresh)]
    right.append(take(pool.points[:, AFTER], right[-1]))
    old_so_far = jnp.ones(fresh.shape, bool)
    named = [right[2]]
    for start, next_left in zip([right[1], fresh, *left[1:4]], left[1:], strict=True):
        old_so_far &= (next_left < oldest_fresh) | (next_left == pool.none)
        named.append(jnp.where(old_so_far, start, pool.none))
    return jnp.stack(named, axis=1)


def movements(pool: Pool, used: jax.Array, segments: int) -> tuple[jax.Array, jax.Array]:
    """Of every segment: between how many neighbours each score differs, and how many there are."""
    after = pool.points[:, AFTER]
    real = (jnp.arange(len(after)) < used) & (after != pool.none)
    segment = jnp.where(real, pool.points[:, SEGMENT], segments)
    moved = (pool.scores != take(pool.scores, after)).astype(jnp.int32)
    counts = jnp.zeros((segments, moved.shape[1]), jnp.int32).at[segment].add(moved, mode="drop")
    return counts, jnp.zeros(segments, jnp.int32).at[segment].add(1, mode="drop")
