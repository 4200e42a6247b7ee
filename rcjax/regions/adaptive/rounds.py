"""The adaptive count of a block of segments as one compiled program.

Round by round and on all segments together: evaluates the requested points in batches of one size,
then examines the intervals near the new points, which requests the points of the next round. Every
stage runs over a list that is as long as there is work, in chunks of fixed size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp

from rcjax.array_types import ArrayLike
from rcjax.regions.adaptive.doubts import (
    between_equal_labels,
    between_two_labels,
    towards_crossing,
)
from rcjax.regions.adaptive.interpolation import Intervals, intervals_of
from rcjax.regions.adaptive.points import LARGEST_SCORE
from rcjax.regions.adaptive.pool import (
    AFTER,
    BEFORE,
    FIRST,
    LABEL,
    POSITION,
    SEGMENT,
    List,
    Pool,
    append,
    empty_pool,
    first_requests,
    insert,
    movements,
    take,
    touched_intervals,
)
from rcjax.regions.adaptive.score_kind import in_steps
from rcjax.regions.classifier import OVERFLOWING_LABEL, interpolate, labels_of
from rcjax.regions.types import Arrays, Evaluate

# At segments int32 [batch] and positions int32 [batch]: labels, scores, whether they are valid.
EvaluateBatch: TypeAlias = Evaluate[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]
Carried = TypeVar("Carried")


class Sizes(NamedTuple):
    """Sizes of the arrays of a program.

    batch: points evaluated at a time; points: largest number of points of a block; classes: scores
    of a point, 0 where only labels are known; chunk: intervals examined at a time.
    """

    batch: int
    points: int
    classes: int
    chunk: int

    @property
    def capacity(self) -> int:
        """Rows of a pool or a list: batches and chunks may end behind the last point."""
        return self.points + max(self.batch, self.chunk) + 1


class Refining(NamedTuple):
    """Options of the refinement as traced values, so that other values need no other program.

    safety: factor on the estimated interpolation error; logarithms: whether scores are
    probabilities, of which logarithms are interpolated; rounds: largest number of rounds.
    """

    safety: jax.Array
    logarithms: jax.Array
    rounds: jax.Array


class OnDevices(NamedTuple):
    """A block of segments for the compiled program, spread over devices.

    arrays: of the classifier; anchors: [devices * slices, 2, *features]; shares: int32 [devices],
    how many segments of each device there are; weights: float32 [points, 2], of the fine grid's
    points; coarse: int32, positions evaluated first; options: see `Refining`.
    """

    arrays: Arrays
    anchors: ArrayLike
    shares: ArrayLike
    weights: ArrayLike
    coarse: ArrayLike
    options: Refining


class Found(NamedTuple):
    """A block when the refinement has ended: see `Pool`.

    used: points in the pool; valid: no point had NaN among its scores; unfinished: requests that
    found no room; in_steps: segments whose scores stand still, see `in_steps`.
    """

    pool: Pool
    used: jax.Array
    valid: jax.Array
    unfinished: jax.Array
    in_steps: jax.Array


class _State(NamedTuple):
    pool: Pool
    used: jax.Array
    requests: List
    valid: jax.Array
    rounds: jax.Array


def evaluate_by(classify: Callable[[jax.Array], jax.Array], block: OnDevices) -> EvaluateBatch:
    """A classifier at points of the segments of one device."""
    anchors, weights = jnp.asarray(block.anchors), jnp.asarray(block.weights)

    def evaluate(segment: jax.Array, position: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        output = classify(interpolate(anchors, segment, weights[position]))
        label = labels_of(output)
        scores = output if output.ndim == 2 else jnp.zeros((len(label), 0), jnp.float32)
        return label, scores, label > OVERFLOWING_LABEL

    return evaluate


def count_block(
    evaluate: EvaluateBatch,
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
        evaluate: the classifier at points of the block.
        coarse: int32, positions evaluated first.
        slices: int32, how many segments there are; at_most: the largest number of them.
        options: see `Refining`.
        sizes: of the arrays.
        locate: whether to close in on every change of label.
    """

    def start() -> _State:
        return _State(
            pool=empty_pool(sizes.capacity, sizes.classes),
            used=jnp.int32(0),
            requests=first_requests(sizes.capacity, jnp.asarray(coarse), jnp.asarray(slices)),
            valid=jnp.asarray(True),
            rounds=options.rounds,
        )

    def goes_on(state: _State) -> jax.Array:
        fits = state.used + state.requests.length <= sizes.points
        return (state.requests.length > 0) & fits & state.valid & (state.rounds > 0)

    def one_round(state: _State) -> _State:
        fresh = state.used
        state = _evaluate_requests(evaluate, state, options, sizes)
        pool, requests = _examine(state, fresh, options, sizes, locate)
        return state._replace(pool=pool, requests=requests, rounds=state.rounds - 1)

    # How strictly JAX is told to promote is about the code of the caller.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        end = jax.lax.while_loop(goes_on, one_round, start())
        standing = in_steps(*movements(end.pool, end.used, at_most))
    return Found(end.pool, end.used, end.valid, end.requests.length, standing)


def _in_chunks(
    count: jax.Array, size: int, body: Callable[[jax.Array, Carried], Carried], value: Carried
) -> Carried:
    """value = body(start, value) for start = 0, size, 2 size, ... below `count`."""
    chunks = jax.lax.div(count + (size - 1), jnp.int32(size))
    end: Carried = jax.lax.fori_loop(0, chunks, lambda i, value: body(i * size, value), value)
    return end


def _evaluate_requests(
    evaluate: EvaluateBatch, state: _State, options: Refining, sizes: Sizes
) -> _State:
    requests, used = state.requests, state.used

    def batch(start: jax.Array, carried: tuple[Pool, jax.Array]) -> tuple[Pool, jax.Array]:
        pool, valid = carried
        rows = jax.lax.dynamic_slice(requests.rows, (start, FIRST), (sizes.batch, 3))
        counts = jnp.arange(sizes.batch) < requests.length - start
        # What lies behind the requests may be anything: the first point is evaluated instead.
        points = jnp.where(counts[:, None], rows, 0)
        label, scores, is_valid = evaluate(points[:, SEGMENT], points[:, POSITION])
        pool = insert(pool, used + start, rows, requests.length - start, label)
        if sizes.classes:
            # Infinite scores keep their order; differences of the clipped ones stay finite.
            scores = jnp.clip(scores, -LARGEST_SCORE, LARGEST_SCORE).astype(jnp.float32)
            scores = jax.lax.cond(options.logarithms, _logarithm, lambda value: value, scores)
            scores = jax.lax.dynamic_update_slice(pool.scores, scores, (used + start, FIRST))
            pool = pool._replace(scores=scores)
        return pool, valid & (is_valid | ~counts).all()

    pool, valid = _in_chunks(requests.length, sizes.batch, batch, (state.pool, state.valid))
    return state._replace(pool=pool, used=used + requests.length, valid=valid)


def _logarithm(scores: jax.Array) -> jax.Array:
    return jnp.log(jnp.maximum(scores, jnp.finfo(jnp.float32).tiny))


def _examine(
    state: _State, fresh: jax.Array, options: Refining, sizes: Sizes, locate: bool
) -> tuple[Pool, List]:
    """The requests of the next round, and the pool with the places of the crossings."""
    nothing = List(jnp.zeros((sizes.capacity, 3), jnp.int32), jnp.int32(0))
    near = _near_fresh(state, fresh, sizes)
    requests, differing = _examine_near(state.pool, near, nothing, options, sizes)
    if not sizes.classes:
        return state.pool, requests
    return _examine_differing(state.pool, differing, requests, options, sizes, locate)


def _near_fresh(state: _State, fresh: jax.Array, sizes: Sizes) -> List:
    """Left ends of the intervals near the points from `fresh` on."""
    pool = state.pool

    def chunk(start: jax.Array, near: List) -> List:
        points = fresh + start + jnp.arange(sizes.chunk, dtype=jnp.int32)
        points = jnp.where(points < state.used, points, pool.none)
        left = touched_intervals(pool, points, fresh).reshape(-1)
        real = (left != pool.none) & (take(pool.points[:, AFTER], left) != pool.none)
        return append(near, left, real)

    nothing = List(jnp.zeros(sizes.capacity, jnp.int32), jnp.int32(0))
    return _in_chunks(state.used - fresh, sizes.chunk, chunk, nothing)


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
    return _in_chunks(near.length, sizes.chunk, chunk, (requests, nothing))


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

    requests, crossings = _in_chunks(differing.length, size, chunk, (requests, pool.crossing))
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
        scores = jnp.swapaxes(take(pool.scores, self.rows), 1, 2)
        return intervals_of(self.position, scores, self.rows != pool.none, self.label)

    def request(self, requests: List, inside: jax.Array, wanted: jax.Array) -> List:
        """Requests the points `inside` steps from the left ends, of the wanted ones with room."""
        wanted &= self.width > 1
        steps = jnp.where(wanted, inside, 1)
        steps = jnp.clip(jnp.rint(steps).astype(jnp.int32), 1, self.width - 1)
        rows = jnp.stack([self.segment, self.position[2] + steps, self.left], axis=1)
        return append(requests, rows, wanted)
