"""Cubic interpolation of scores between two neighbouring points, with an error scale.

On an interval of width h, with u in [0, 1] the place inside it, a score is taken as
    (1 - u) left + u right - u (1 - u) ((1 - u) bend_left + u bend_right)
where bend = h**2 times the second divided difference at that end: the cubic through four points.

The error scale of a margin is u (1 - u) times its roughness, which averages the jumps of the slope
at the four points around: h jump / 2 at each, so equal to a bend where points are evenly spaced.
One kink of strength k (the jump of its slope) in an interval shows in the jumps around it, which
add up to k, and takes the function at most u (1 - u) k h away from the chord: with even spacing,
that is 4 times the error scale. Jumps measured over lengths other than h are rescaled as if the
slope did a random walk, as it does when there are many small kinks: its change over a length h is
proportional to sqrt(h).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rcjax.regions.adaptive.points import Points


class Intervals(NamedTuple):
    """Intervals and what their neighbourhood says about the scores inside.

    start and width are int64 [intervals] in grid steps; left, right, bend_left, bend_right are
    float32 [intervals, classes]; jumps, float32 [intervals, 4, classes], are h times half the
    rescaled jumps of the slope at the four points around, 0 where a segment ends; jumps_known,
    int64 [intervals], is how many there are. Without any, nothing is known about the inside.
    """

    start: np.ndarray
    width: np.ndarray
    left: np.ndarray
    right: np.ndarray
    bend_left: np.ndarray
    bend_right: np.ndarray
    jumps: np.ndarray
    jumps_known: np.ndarray


def gather(points: Points, at: np.ndarray) -> Intervals:
    """The intervals that begin at the points `at` and end at the next ones."""
    start = points.position[at]
    width = points.position[at + 1] - start
    h = width.astype(np.float32)[:, None]
    around = [_slope_jump(points, at, offset) for offset in (-1, 0, 1, 2)]
    jumps = np.stack([h * np.sqrt(h / (2 * span)) * jump for jump, span, _ in around], axis=1)
    bends = [h * h * jump / span for jump, span, _ in around[1:3]]
    known = np.stack([known for _, _, known in around], axis=1)
    # At the end of a segment the parabola through the last three points replaces the cubic.
    bend_left = np.where(known[:, 1, None], bends[0], bends[1])
    bend_right = np.where(known[:, 2, None], bends[1], bends[0])
    left, right = points.scores[at], points.scores[at + 1]
    return Intervals(start, width, left, right, bend_left, bend_right, jumps, known.sum(axis=1))


def _slope_jump(
    points: Points, at: np.ndarray, offset: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slope after minus slope before the points at + offset: 0 and unknown at segment ends.

    Returns the jumps [intervals, classes], the lengths [intervals, 1] from the point before to the
    point after, and whether the jump is known [intervals].
    """
    last = len(points.position) - 1
    middle = np.clip(at + offset, 0, last)
    before, after = np.maximum(middle - 1, 0), np.minimum(middle + 1, last)
    segment = points.slice_index[at]
    known = (at + offset > 0) & (at + offset < last)
    known &= points.slice_index[before] == segment
    known &= points.slice_index[after] == segment

    def length(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        steps = np.where(known, points.position[second] - points.position[first], 1)
        return steps.astype(np.float32)[:, None]

    length_before, length_after = length(before, middle), length(middle, after)
    slope_before = (points.scores[middle] - points.scores[before]) / length_before
    slope_after = (points.scores[after] - points.scores[middle]) / length_after
    jump = np.where(known[:, None], slope_after - slope_before, 0)
    return jump, length_before + length_after, known


def select(intervals: Intervals, chosen: np.ndarray) -> Intervals:
    """Some of the intervals: `chosen` is an index array or a mask."""
    return Intervals(*(column[chosen] for column in intervals))


def pick(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """values[i, classes[i]] as a column [intervals, 1]."""
    return np.take_along_axis(values, classes[:, None], axis=1)


def interpolate(intervals: Intervals, u: np.ndarray | float) -> np.ndarray:
    """Scores [intervals, classes] at the places u (one number, or [intervals])."""
    u = np.asarray(u, np.float32).reshape(-1, 1)
    bend = (1 - u) * intervals.bend_left + u * intervals.bend_right
    return (1 - u) * intervals.left + u * intervals.right - u * (1 - u) * bend


def roughness(intervals: Intervals, top: np.ndarray) -> np.ndarray:
    """Error scale [intervals, classes] of the margins of class `top` over every class."""
    of_top = np.take_along_axis(intervals.jumps, top[:, None, None], axis=2)
    total = np.abs(of_top - intervals.jumps).sum(axis=1)
    return 2 * total / np.maximum(intervals.jumps_known, 1)[:, None].astype(np.float32)


def crossing(intervals: Intervals, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where in each interval, float64 [intervals], the interpolated margin of two classes is 0.

    The margin of `first` over `second` must not be negative at the left end and not be positive
    at the right one; of several zeros, one is found.
    """
    pair = np.stack([first, second], axis=1)

    def margin(values: np.ndarray) -> np.ndarray:
        chosen = np.take_along_axis(values.astype(np.float64), pair, axis=1)
        return chosen[:, 0] - chosen[:, 1]

    left, right = margin(intervals.left), margin(intervals.right)
    bend_left, bend_right = margin(intervals.bend_left), margin(intervals.bend_right)
    low, high = np.zeros(len(left)), np.ones(len(left))
    for _ in range(40):  # halvings: far below any grid step
        u = (low + high) / 2
        bend = (1 - u) * bend_left + u * bend_right
        positive = (1 - u) * left + u * right - u * (1 - u) * bend > 0
        low, high = np.where(positive, u, low), np.where(positive, high, u)
    return (low + high) / 2
