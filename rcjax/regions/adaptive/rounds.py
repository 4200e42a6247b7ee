"""The adaptive count of a block of segments as one compiled program.

Round by round and on all segments together: evaluates the requested points in batches of one size,
then examines the intervals near the new points, which requests the points of the next round. Every
stage runs over a list that is as long as there is work, in chunks of fixed size.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rcjax.array_types import ArrayLike
from rcjax.regions.adaptive.doubts import (
    between_equal_labels,
    between_two_labels,
    towards_crossing,
)
from rcjax.regions.adaptive.evaluating import (
    Evaluated,
    Evaluations,
    Refining,
    Sizes,
    evaluate_requests,
    in_chunks,
    no_doubts,
)
from rcjax.regions.adaptive.interpolation import Intervals, intervals_of
from rcjax.regions.adaptive.pool import (
    AFTER,
    BEFORE,
    LABEL,
    POSITION,
    SEGMENT,
    List,
    Pool,
    append,
    empty_pool,
    first_requests,
    movements,
    take,
    touched_intervals,
)
from rcjax.regions.adaptive.score_kind import in_steps


class Found(NamedTuple):
    """A block when the refinement has ended: see `Pool`.

    used: points in the pool; valid: no point had NaN among its scores; unfinished: requests that
    found no room; in_steps: segments whose scores stand still, see `in_steps`; error, again: the
    largest error that mixed precision measured, and how many points it evaluated again.
    """

    pool: Pool
    used: jax.Array
    valid: jax.Array
    unfinished: jax.Array
    in_steps: jax.Array
    error: jax.Array
    again: jax.Array


class _State(NamedTuple):
    known: Evaluated
    requests: List
    rounds: jax.Array


def count_block(
    evaluations: Evaluations,
    coarse: ArrayLike,
    slices: ArrayLike,
    options: Refining,
    *,
    at_most: int,
    sizes: Sizes,
    locate: bool,
) -> Found:
    """Refines until nothing is in doubt; to be traced.

    Args:
        evaluations: of the classifier at points of the block.
        coarse: int32, positions evaluated first.
        slices: int32, how many segments there are; at_most: the largest number of them.
        options: see `Refining`.
        sizes: of the arrays.
        locate: whether to close in on every change of label.
    """

    def start() -> _State:
        known = Evaluated(
            empty_pool(sizes.capacity, sizes.classes),
            jnp.int32(0),
            jnp.asarray(True),
            no_doubts(evaluations, sizes),
        )
        requests = first_requests(sizes.capacity, jnp.asarray(coarse), jnp.asarray(slices))
        return _State(known, requests, options.rounds)

    def goes_on(state: _State) -> jax.Array:
        fits = state.known.used + state.requests.length <= sizes.points
        return (state.requests.length > 0) & fits & state.known.valid & (state.rounds > 0)

    def one_round(state: _State) -> _State:
        fresh = state.known.used
        known = evaluate_requests(evaluations, state.known, state.requests, options, sizes)
        pool, requests = _examine(known, fresh, options, sizes, locate)
        return _State(known._replace(pool=pool), requests, state.rounds - 1)

    # How strictly JAX is told to promote is about the code of the caller.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        end = jax.lax.while_loop(goes_on, one_round, start())
        pool, used, valid, doubts = end.known
        standing = in_steps(*movements(pool, used, at_most))
    return Found(pool, used, valid, end.requests.length, standing, doubts.error, doubts.again)


def _examine(
    known: Evaluated, fresh: jax.Array, options: Refining, sizes: Sizes, locate: bool
) -> tuple[Pool, List]:
    """The requests of the next round, and the pool with the places of the crossings."""
    nothing = List(jnp.zeros((sizes.capacity, 3), jnp.int32), jnp.int32(0))
    near = _near_fresh(known, fresh, sizes)
    requests, differing = _examine_near(known.pool, near, nothing, options, sizes)
    if not sizes.classes:
        return known.pool, requests
    return _examine_differing(known.pool, differing, requests, options, sizes, locate)


def _near_fresh(known: Evaluated, fresh: jax.Array, sizes: Sizes) -> List:
    """Left ends of the intervals near the points from `fresh` on."""
    pool = known.pool

    def chunk(start: jax.Array, near: List) -> List:
        points = fresh + start + jnp.arange(sizes.chunk, dtype=jnp.int32)
        points = jnp.where(points < known.used, points, pool.none)
        left = touched_intervals(pool, points, fresh).reshape(-1)
        real = (left != pool.none) & (take(pool.points[:, AFTER], left) != pool.none)
        return append(near, left, real)

    nothing = List(jnp.zeros(sizes.capacity, jnp.int32), jnp.int32(0))
    return in_chunks(known.used - fresh, sizes.chunk, chunk, nothing)


def _examine_near(
    pool: Pool, near: List, requests: List, options: Refining, sizes: Sizes
) -> tuple[List, List]:
    """Adds requests between equal labels; lists the intervals between different ones."""

    def chunk(start: jax.Array, lists: tuple[List, List]) -> tuple[List, List]:
        requests, differing = lists
        left, there = _chunk_of(near, start, sizes.chunk, pool.none)
        around = _Surroundings(pool, left)
        if not sizes.classes:
            middle = jax.lax.div(around.width, jnp.int32(2))
            return around.request(requests, middle, there & around.differ), differing
        place = between_equal_labels(around.intervals(pool), options.safety)
        requests = around.request(
            requests, place * around.width, there & ~around.differ & ~jnp.isnan(place)
        )
        return requests, append(differing, left, there & around.differ)

    nothing = List(jnp.zeros(sizes.capacity, jnp.int32), jnp.int32(0))
    return in_chunks(near.length, sizes.chunk, chunk, (requests, nothing))


def _examine_differing(
    pool: Pool, differing: List, requests: List, options: Refining, sizes: Sizes, locate: bool
) -> tuple[Pool, List]:
    """Adds requests between different labels, and notes where the labels change."""
    size = max(sizes.chunk // 4, 1)  # several places of each are looked at

    def chunk(start: jax.Array, carried: tuple[List, jax.Array]) -> tuple[List, jax.Array]:
        requests, crossings = carried
        left, there = _chunk_of(differing, start, size, pool.none)
        around = _Surroundings(pool, left)
        intervals = around.intervals(pool)
        place, meeting = between_two_labels(
            intervals, around.label, around.next_label, options.safety
        )
        inside, wanted = place * around.width, there & ~jnp.isnan(place)
        if locate:
            nearer = towards_crossing(
                intervals, around.next_label, meeting, around.width, options.safety
            )
            inside, wanted = jnp.where(wanted, inside, nearer), there
        target = jnp.where(there, left, len(crossings))
        crossings = crossings.at[target].set(meeting, mode="drop")
        return around.request(requests, inside, wanted), crossings

    requests, crossings = in_chunks(differing.length, size, chunk, (requests, pool.crossing))
    return pool._replace(crossing=crossings), requests


def _chunk_of(listed: List, start: jax.Array, size: int, none: int) -> tuple[jax.Array, jax.Array]:
    there = start + jnp.arange(size, dtype=jnp.int32) < listed.length
    left = jax.lax.dynamic_slice(listed.rows, (start,), (size,))
    return jnp.where(there, left, none), there


class _Surroundings:
    """The six points around intervals, which begin at the rows `left` of the pool."""

    def __init__(self, pool: Pool, left: jax.Array):
        right = take(pool.points[:, AFTER], left)
        before = take(pool.points[:, BEFORE], left)
        after = take(pool.points[:, AFTER], right)
        first = take(pool.points[:, BEFORE], before)
        last = take(pool.points[:, AFTER], after)
        self.rows = jnp.stack([first, before, left, right, after, last])
        points = jnp.moveaxis(take(pool.points, self.rows), -1, 0)
        self.left, self.segment, self.position = left, points[SEGMENT, 2], points[POSITION]
        self.width = self.position[3] - self.position[2]
        self.label, self.next_label = points[LABEL, 2], points[LABEL, 3]
        self.differ = self.label != self.next_label

    def intervals(self, pool: Pool) -> Intervals[jax.Array]:
        """Their interpolation, as margins of the label at the left end."""
        scores = jnp.moveaxis(take(pool.scores, self.rows), -1, 0)
        return intervals_of(self.position, scores, self.rows != pool.none, self.label)

    def request(self, requests: List, inside: jax.Array, wanted: jax.Array) -> List:
        """Requests the points `inside` steps from the left ends, of the wanted ones with room."""
        wanted &= self.width > 1
        steps = jnp.where(wanted, inside, 1)
        steps = jnp.clip(jnp.rint(steps).astype(jnp.int32), 1, self.width - 1)
        rows = jnp.stack([self.segment, self.position[2] + steps, self.left], axis=1)
        return append(requests, rows, wanted)
