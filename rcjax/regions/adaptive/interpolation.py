"""Cubic interpolation of margins between two neighbouring points, with an error scale.

The margin of a class is the score of the class on top less its own. On an interval of width h,
with u in [0, 1] the place inside it, a margin is taken as
    (1 - u) left + u right - u (1 - u) ((1 - u) bend_left + u bend_right)
where bend = h**2 times the second divided difference at that end: the cubic through four points.

The error scale of a margin is u (1 - u) times its roughness, which averages the jumps of the slope
at the four points around: h jump / 2 at each, so equal to a bend where points are evenly spaced.
One kink of strength k (the jump of its slope) in an interval shows in the jumps around it, which
add up to k, and takes the function at most u (1 - u) k h away from the chord: with even spacing,
that is 4 times the error scale. Jumps measured over lengths other than h are rescaled as if the
slope did a random walk, as it does when there are many small kinks: its change over a length h is
proportional to sqrt(h).

Every function takes numpy arrays or JAX arrays, traced ones included, and returns the same kind.
"""

from __future__ import annotations

from types import ModuleType
from typing import Generic, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.regions.types import Values

# Steps of Newton's method that locate a crossing in an eighth of an interval.
STEPS = 2
# Places inside an interval at which margins are looked at.
PLACES = np.arange(1, 8, dtype=np.float32) / 8


class Intervals(NamedTuple, Generic[Values]):
    """The margins of one class over all classes on intervals, and what their surroundings say.

    left, right: float32 [classes, intervals]. jumps: float32 [classes, 4, intervals], of the slope
    at the four points around, of no meaning where a segment ends. weights: float32 [4, intervals],
    of the absolute jumps in the roughness, 0 where a segment ends. pulls: float32
    [2, 2, intervals], of the jumps at the two ends in the bends at both. jumps_known: integers
    [intervals], how many there are; without any, nothing is known about the inside. Intervals come
    last because compiled loops run along them.
    """

    left: Values
    right: Values
    jumps: Values
    weights: Values
    pulls: Values
    jumps_known: Values


def namespace(array: object) -> ModuleType:
    """The module, numpy or jax.numpy, whose functions suit an array."""
    return jnp if isinstance(array, jax.Array) else np


def intervals_of(
    position: Values, scores: Values, exists: Values, top: Values
) -> Intervals[Values]:
    """The intervals between the third and the fourth of six neighbouring points.

    Args:
        position: integers [6, intervals], ascending from 0 at the begin of a segment; 0 where there
            is no point.
        scores: float32 [classes, 6, intervals].
        exists: bool [6, intervals]: beyond the ends of a segment there is nothing; the third and
            the fourth point must exist.
        top: integers [intervals], the class whose margins are meant.
    """
    return intervals_with(of_class(scores, top) - scores, position, exists)


def intervals_with(margins: Values, position: Values, exists: Values) -> Intervals[Values]:
    """The intervals of some margins, float32 [classes, 6, intervals]: see `intervals_of`."""
    xp = namespace(margins)
    # Where one of the two points is missing, positions do not grow, and the length is 1.
    lengths = xp.maximum(position[1:] - position[:-1], 1).astype(np.float32)
    slopes = (margins[:, 1:] - margins[:, :-1]) * (1 / lengths)
    # Of each jump of the slope the farthest of its three points; the middle two always exist.
    known = xp.concatenate([exists[:2], exists[4:]])
    count = known.sum(axis=0, dtype=np.int32)
    span, h = lengths[1:] + lengths[:-1], lengths[2]
    scales = h * xp.sqrt(h / (2 * span)) * (2 / xp.maximum(count, 1).astype(np.float32))
    # At the end of a segment the parabola through the last three points replaces the cubic.
    first, second = known[1], known[2]
    pulling = stacked([first, second > first, first > second, second]).reshape(2, 2, -1)
    return Intervals(
        margins[:, 2],
        margins[:, 3],
        slopes[:, 1:] - slopes[:, :-1],
        xp.where(known, scales, 0),
        xp.where(pulling, h * h / span[1:3], 0),
        count,
    )


def stacked(rows: list[Values]) -> Values:
    """Arrays of one shape as the rows of one array; `np.stack` takes several times as long."""
    xp = namespace(rows[0])
    together: Values = xp.array(rows) if xp is np else xp.stack(rows)
    return together


def of_class(values: Values, label: Values) -> Values:
    """values[label[i], ..., i]: one class of values [classes, ..., intervals]."""
    if namespace(values) is np:
        of_one = values[0]
        index = label * of_one.size + np.arange(of_one.size).reshape(of_one.shape)
        chosen: Values = values.reshape(-1).take(index)
        return chosen
    # A sum over the one class: a gather takes longer to compile and no less to run.
    classes = np.arange(len(values), dtype=np.int32).reshape(-1, *[1] * (values.ndim - 1))
    chosen = namespace(values).where(classes == label, values, 0).sum(axis=0)
    return chosen


def total(weights: Values, values: Values) -> Values:
    """Sums [classes, intervals] of values [classes, n, intervals] by weights [n, intervals]."""
    if namespace(values) is np:
        sums: Values = np.einsum("kn,ckn->cn", weights, values)
    else:
        sums = (weights * values).sum(axis=1)
    return sums


def mixed(matrix: Values, values: Values) -> Values:
    """Sums [classes, m, intervals] of values [classes, n, intervals] by a matrix [m, n]."""
    exactly = {} if namespace(values) is np else {"precision": "highest"}
    sums: Values = namespace(values).matmul(matrix, values, **exactly)
    return sums


def bends(intervals: Intervals[Values]) -> tuple[Values, Values]:
    """The bends at the left ends and at the right ends, [classes, intervals] both."""
    left, right = (total(pulls, intervals.jumps[:, 1:3]) for pulls in intervals.pulls)
    return left, right


def cubic(u: Values, left: Values, right: Values, bend_left: Values, bend_right: Values) -> Values:
    """The interpolation at the places u."""
    bend = (1 - u) * bend_left + u * bend_right
    margins: Values = (1 - u) * left + u * right - u * (1 - u) * bend
    return margins


def roughness(intervals: Intervals[Values], top: Values | None = None) -> Values:
    """Error scale [classes, intervals] of the margins; with `top`, of another class's margins."""
    xp = namespace(intervals.jumps)
    jumps: Values = intervals.jumps
    if top is not None:
        jumps = jumps - of_class(jumps, top)
    sizes: Values = xp.abs(jumps)
    return total(intervals.weights, sizes)


def crossing(left: Values, right: Values, bend_left: Values, bend_right: Values) -> Values:
    """Places, [intervals], where interpolated margins are 0.

    A margin must not be negative at the left end and not be positive at the right one; of several
    zeros, one is found.
    """
    xp = namespace(left)
    places = xp.asarray(PLACES[:, None])
    end = xp.where(cubic(places, left, right, bend_left, bend_right) > 0, 1, places).min(axis=0)
    start = end - np.float32(1 / (len(PLACES) + 1))
    u: Values = (start + end) / 2
    rise, turn = right - left, bend_right - bend_left
    for _ in range(STEPS):
        bend, outside = bend_left + u * turn, u * (1 - u)
        value = left + u * rise - outside * bend
        slope = rise - (1 - 2 * u) * bend - outside * turn
        # Downhill through zero; what is flat stays in the middle.
        u = u - value / xp.where(slope < 0, slope, -np.inf)
        u = xp.minimum(xp.maximum(u, start), end)
    return u
