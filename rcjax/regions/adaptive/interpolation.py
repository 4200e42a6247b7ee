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

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Halvings that locate a crossing to the precision of float32.
HALVINGS = 24
# Parts into which numpy cuts an interval at a time, twice over: few calls for many intervals. The
# straight line through the ends of what is left is as good as the interpolation.
PARTS = 32


class Intervals(NamedTuple):
    """The margins of one class over all classes on intervals, and what their surroundings say.

    left, right, bend_left, bend_right: float32 [classes, intervals]; jumps: float32
    [4, classes, intervals], h times half the rescaled jumps of the slope at the four points around,
    0 where a segment ends; jumps_known: integers [intervals], how many there are. Without any,
    nothing is known about the inside. Intervals come last because compiled loops run along them.
    """

    left: Any
    right: Any
    bend_left: Any
    bend_right: Any
    jumps: Any
    jumps_known: Any


def namespace(array: Any) -> Any:
    """The module, numpy or jax.numpy, whose functions suit an array."""
    return jnp if isinstance(array, jax.Array) else np


def intervals_of(position: Any, scores: Any, exists: Any, top: Any) -> Intervals:
    """The intervals between the third and the fourth of six neighbouring points.

    Args:
        position: integers [6, intervals], ascending where the points exist.
        scores: float32 [6, classes, intervals].
        exists: bool [6, intervals]: beyond the ends of a segment there is nothing; the third and
            the fourth point must exist.
        top: integers [intervals], the class whose margins are meant.
    """
    xp = namespace(scores)
    margins = of_class(scores, top)[:, None] - scores
    both = exists[1:] & exists[:-1]
    lengths = xp.where(both, position[1:] - position[:-1], 1).astype(np.float32)
    slopes = (margins[1:] - margins[:-1]) * (1 / lengths)[:, None]
    known = both[1:] & both[:-1]
    jumps = xp.where(known[:, None], slopes[1:] - slopes[:-1], 0)
    span, h = lengths[1:] + lengths[:-1], lengths[2]
    bends = (h * h / span)[1:3, None] * jumps[1:3]
    # At the end of a segment the parabola through the last three points replaces the cubic.
    bend_left = xp.where(known[1], bends[0], bends[1])
    bend_right = xp.where(known[2], bends[1], bends[0])
    scaled = (h * xp.sqrt(h / (2 * span)))[:, None] * jumps
    count = known.astype(np.int32).sum(axis=0)
    return Intervals(margins[2], margins[3], bend_left, bend_right, scaled, count)


def of_class(values: Any, label: Any) -> Any:
    """values[..., label[i], i]: one class of values [..., classes, intervals]."""
    if namespace(values) is np:
        return values[..., label, np.arange(values.shape[-1])]
    # A sum over the one class: a gather takes longer to compile and no less to run.
    classes = np.arange(values.shape[-2], dtype=np.int32)[:, None]
    return jnp.where(classes == label, values, 0).sum(axis=-2)


def interpolate(intervals: Intervals, u: Any) -> Any:
    """Margins [places, classes, intervals] at the places u, float32 [places, intervals]."""
    return _cubic(u[:, None], *intervals[:4])


def roughness(intervals: Intervals, top: Any = None) -> Any:
    """Error scale [classes, intervals] of the margins; with `top`, of another class's margins."""
    xp = namespace(intervals.jumps)
    jumps = intervals.jumps
    if top is not None:
        jumps = jumps - of_class(jumps, top)[:, None]
    known = xp.maximum(intervals.jumps_known, 1).astype(np.float32)
    return xp.abs(jumps).sum(axis=0) * (2 / known)


def crossing(intervals: Intervals, second: Any) -> Any:
    """Where in each interval, [intervals], the interpolated margin over a second class is 0.

    The margin must not be negative at the left end and not be positive at the right one; of several
    zeros, one is found. Computed in float64 for numpy arrays.
    """
    if namespace(intervals.left) is np:
        return _crossing_by_parts(intervals, second)
    ends_and_bends = [of_class(values, second) for values in intervals[:4]]

    def halve(_: Any, bounds: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = bounds
        u = (low + high) / 2
        positive = _cubic(u, *ends_and_bends) > 0
        return jnp.where(positive, u, low), jnp.where(positive, high, u)

    bounds = jnp.zeros_like(ends_and_bends[0]), jnp.ones_like(ends_and_bends[0])
    bounds = jax.lax.fori_loop(0, HALVINGS, halve, bounds)
    return (bounds[0] + bounds[1]) / 2


def _crossing_by_parts(intervals: Intervals, second: Any) -> Any:
    ends_and_bends = [of_class(values, second).astype(np.float64) for values in intervals[:4]]
    low, width = np.zeros(len(ends_and_bends[0])), 1.0
    for _ in range(2):
        u = low + width * np.arange(1, PARTS)[:, None] / PARTS
        positive = _cubic(u, *ends_and_bends) > 0
        low = low + width * np.logical_and.accumulate(positive).sum(axis=0) / PARTS
        width = width / PARTS
    left, right = (_cubic(u, *ends_and_bends) for u in (low, low + width))
    fall = left - right
    share = np.divide(left, fall, out=np.full(len(low), 0.5), where=fall > 0)
    return low + width * np.clip(share, 0, 1)


def _cubic(u: Any, left: Any, right: Any, bend_left: Any, bend_right: Any) -> Any:
    bend = (1 - u) * bend_left + u * bend_right
    return (1 - u) * left + u * right - u * (1 - u) * bend
