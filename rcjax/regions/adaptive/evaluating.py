"""Evaluates the points of one round inside the compiled program, in batches of one size.

In mixed precision every point is evaluated in bfloat16, a sample in float32 too, which measures how
far bfloat16 moves a margin; then all points whose margin is within that error (times a safety
factor) are gathered and evaluated again, until every margin left alone exceeds the largest error.
What this guarantees is said in `classifier/mixed_evaluator.py`, which does the same on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp

from rcjax.array_types import ArrayLike
from rcjax.regions.adaptive.points import LARGEST_SCORE
from rcjax.regions.adaptive.pool import (
    FIRST,
    LABEL,
    POSITION,
    SEGMENT,
    List,
    Pool,
    append,
    insert,
    take,
)
from rcjax.regions.classifier import (
    OVERFLOWING_LABEL,
    SAFETY,
    SAMPLE_STRIDE,
    SMALLEST_SAMPLE,
    interpolate,
    labels_of,
    margin_errors,
    margins_of,
)
from rcjax.regions.types import Arrays, Evaluate

# At segments int32 [batch] and positions int32 [batch]: labels, scores, whether they are valid.
EvaluateBatch: TypeAlias = Evaluate[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]
Carried = TypeVar("Carried")

# In place of the margin of a point that has been evaluated in float32; a margin is never negative.
_DONE = -1.0


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
    probabilities, of which logarithms are interpolated; rounds: largest number of rounds; error:
    the largest error of a margin that mixed precision has measured in earlier blocks.
    """

    safety: jax.Array
    logarithms: jax.Array
    rounds: jax.Array
    error: jax.Array


class OnDevices(NamedTuple):
    """A block of segments for the compiled program, spread over devices.

    arrays: of the classifier; anchors: [devices * slices, 2, *features], for many networks
    [networks or 1, slices, 2, *features]; shares: int32 [devices], how many segments of each
    device there are; weights: float32 [points, 2], of the fine grid's
    points; coarse: int32, positions evaluated first; options: see `Refining`.
    """

    arrays: Arrays
    anchors: ArrayLike
    shares: ArrayLike
    weights: ArrayLike
    coarse: ArrayLike
    options: Refining


class Evaluations(NamedTuple):
    """How points are evaluated: `first` all of them, `again` those in doubt after bfloat16.

    Without `again` nothing is evaluated twice, and `first` is float32.
    """

    first: EvaluateBatch
    again: EvaluateBatch | None = None


class Doubts(NamedTuple):
    """What mixed precision knows; arrays without rows in float32.

    margins: float32 [capacity], of the points of the pool in bfloat16, negative where a point has
    been evaluated again; error: the largest error measured in this block; again: points evaluated
    again.
    """

    margins: jax.Array
    error: jax.Array
    again: jax.Array


class Evaluated(NamedTuple):
    """The points so far: see `Pool` and `Doubts`.

    used: points in the pool; valid: no point had NaN among its scores.
    """

    pool: Pool
    used: jax.Array
    valid: jax.Array
    doubts: Doubts


def no_doubts(evaluations: Evaluations, sizes: Sizes) -> Doubts:
    """What is known before the first point."""
    rows = sizes.capacity if evaluations.again else 0
    return Doubts(jnp.zeros(rows, jnp.float32), jnp.float32(0), jnp.int32(0))


def evaluate_by(classify: Callable[[jax.Array], jax.Array], block: OnDevices) -> EvaluateBatch:
    """A classifier at points of the segments of one device."""
    anchors, weights = jnp.asarray(block.anchors), jnp.asarray(block.weights)

    def evaluate(segment: jax.Array, position: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        output = classify(interpolate(anchors, segment, weights[position]))
        label = labels_of(output)
        scores = output if output.ndim == 2 else jnp.zeros((len(label), 0), jnp.float32)
        return label, scores, label > OVERFLOWING_LABEL

    return evaluate


def in_chunks(
    count: jax.Array, size: int, body: Callable[[jax.Array, Carried], Carried], value: Carried
) -> Carried:
    """value = body(start, value) for start = 0, size, 2 size, ... below `count`."""
    chunks = jax.lax.div(count + (size - 1), jnp.int32(size))
    end: Carried = jax.lax.fori_loop(0, chunks, lambda i, value: body(i * size, value), value)
    return end


def evaluate_requests(
    evaluations: Evaluations, known: Evaluated, requests: List, options: Refining, sizes: Sizes
) -> Evaluated:
    """Adds the requested points."""
    fresh = known.used

    def batch(start: jax.Array, known: Evaluated) -> Evaluated:
        rows = jax.lax.dynamic_slice(requests.rows, (start, FIRST), (sizes.batch, 3))
        counts = jnp.arange(sizes.batch) < requests.length - start
        # What lies behind the requests may be anything: the first point is evaluated instead.
        points = jnp.where(counts[:, None], rows, 0)
        label, scores, is_valid = evaluations.first(points[:, SEGMENT], points[:, POSITION])
        at = fresh + start
        pool = insert(known.pool, at, rows, requests.length - start, label)
        if sizes.classes:
            kept = jax.lax.dynamic_update_slice(
                pool.scores, _interpolable(scores, options), (at, FIRST)
            )
            pool = pool._replace(scores=kept)
        if evaluations.again:  # which judges whether a point is valid
            margins = jax.lax.dynamic_update_slice(known.doubts.margins, _margins(scores), (at,))
            return known._replace(pool=pool, doubts=known.doubts._replace(margins=margins))
        return known._replace(pool=pool, valid=known.valid & (is_valid | ~counts).all())

    known = in_chunks(requests.length, sizes.batch, batch, known)
    known = known._replace(used=fresh + requests.length)
    if evaluations.again:
        return _evaluate_until_sure(evaluations.again, known, fresh, options, sizes)
    return known


def _interpolable(scores: jax.Array, options: Refining) -> jax.Array:
    # Infinite scores keep their order; differences of the clipped ones stay finite.
    scores = jnp.clip(scores, -LARGEST_SCORE, LARGEST_SCORE).astype(jnp.float32)
    chosen: jax.Array = jax.lax.cond(options.logarithms, _logarithm, lambda value: value, scores)
    return chosen


def _logarithm(scores: jax.Array) -> jax.Array:
    return jnp.log(jnp.maximum(scores, jnp.finfo(jnp.float32).tiny))


def _margins(scores: jax.Array) -> jax.Array:
    return margins_of(scores.astype(jnp.promote_types(scores.dtype, jnp.float32))).astype(
        jnp.float32
    )


def _evaluate_until_sure(
    evaluate: EvaluateBatch, known: Evaluated, fresh: jax.Array, options: Refining, sizes: Sizes
) -> Evaluated:
    """Evaluates points from row `fresh` on again: a sample, then all in doubt, until none is."""

    def again(carried: tuple[Evaluated, List]) -> tuple[Evaluated, List]:
        known = _evaluate_again(evaluate, *carried, options, sizes)
        return known, _in_doubt(known, fresh, options, sizes)

    start = known, _sample(fresh, known.used, sizes)
    known, _ = jax.lax.while_loop(lambda carried: carried[1].length > 0, again, start)
    return known


def _sample(fresh: jax.Array, used: jax.Array, sizes: Sizes) -> List:
    count = used - fresh
    smallest = jnp.int32(SMALLEST_SAMPLE)
    stride = jnp.clip(jax.lax.div(count, smallest), 1, SAMPLE_STRIDE)
    rows = fresh + stride * jnp.arange(sizes.capacity, dtype=jnp.int32)
    return List(rows, jax.lax.div(count + stride - 1, stride))


def _evaluate_again(
    evaluate: EvaluateBatch, known: Evaluated, listed: List, options: Refining, sizes: Sizes
) -> Evaluated:
    """Puts labels and scores of float32 in place of those of the listed rows."""

    def batch(start: jax.Array, known: Evaluated) -> Evaluated:
        pool, doubts = known.pool, known.doubts
        there = start + jnp.arange(sizes.batch, dtype=jnp.int32) < listed.length
        rows = jax.lax.dynamic_slice(listed.rows, (start,), (sizes.batch,))
        rows = jnp.where(there, rows, listed.rows[0])
        points = take(pool.points, rows)
        label, scores, is_valid = evaluate(points[:, SEGMENT], points[:, POSITION])
        same = label == points[:, LABEL]
        errors = margin_errors(take(doubts.margins, rows), _margins(scores), same)
        rows = jnp.where(there, rows, sizes.capacity)  # writes outside of the array are left out
        pool = Pool(
            pool.points.at[rows, LABEL].set(label, mode="drop"),
            pool.scores.at[rows].set(_interpolable(scores, options), mode="drop"),
            pool.crossing,
        )
        doubts = Doubts(
            doubts.margins.at[rows].set(_DONE, mode="drop"),
            jnp.maximum(doubts.error, jnp.where(there, errors, 0).max()),
            doubts.again,
        )
        return Evaluated(pool, known.used, known.valid & (is_valid | ~there).all(), doubts)

    known = in_chunks(listed.length, sizes.batch, batch, known)
    more = known.doubts.again + listed.length
    return known._replace(doubts=known.doubts._replace(again=more))


def _in_doubt(known: Evaluated, fresh: jax.Array, options: Refining, sizes: Sizes) -> List:
    """The rows from `fresh` on that were not evaluated again and whose margins prove nothing."""
    size = max(sizes.batch, sizes.chunk)
    margins, bound = known.doubts.margins, SAFETY * jnp.maximum(options.error, known.doubts.error)

    def chunk(start: jax.Array, listed: List) -> List:
        rows = fresh + start + jnp.arange(size, dtype=jnp.int32)
        margin = take(margins, jnp.minimum(rows, sizes.capacity - 1))
        # Not (margin > bound), so that NaN is evaluated again and reported.
        doubtful = ~(margin > bound) & (margin != _DONE)
        return append(listed, rows, doubtful & (rows < known.used))

    nothing = List(jnp.zeros(sizes.capacity, jnp.int32), jnp.int32(0))
    return in_chunks(known.used - fresh, size, chunk, nothing)
