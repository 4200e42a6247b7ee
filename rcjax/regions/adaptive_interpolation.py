"""Cubic interpolation of scores between two neighbouring points, with an error scale.

On an interval of width h, with u in [0, 1] the place inside it, a score is
    (1 - u) left + u right - u (1 - u) ((1 - u) bend_left + u bend_right)
where bend = h**2 times the second divided difference at that end. A function with one kink of
strength k (the jump of its slope) inside the interval stays within u (1 - u) k h of the chord, and
a bend sees that kink, so the error of a margin is taken as u (1 - u) times its roughness times a
safety factor.

Bends measured over neighbours much further away than h are rescaled as if the slope did a random
walk (a network has many small kinks): its change over a length h is then proportional to sqrt(h).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rcjax.regions.adaptive_points import Points


class Intervals(NamedTuple):
    """Intervals and what their neighbourhood says about the scores inside.

    start and width are int64 [intervals] in grid steps; left, right, bend_left, bend_right are
    float32 [intervals, classes]; scale_left and scale_right, float32 [intervals, 1], turn bends
    into roughness; has_neighbour is bool [intervals]: without one, nothing is known about bends.
    """

    start: np.ndarray
    width: np.ndarray
    left: np.ndarray
    right: np.ndarray
    bend_left: np.ndarray
    bend_right: np.ndarray
    scale_left: np.ndarray
    scale_right: np.ndarray
    has_neighbour: np.ndarray


def gather(points: Points, at: np.ndarray) -> Intervals:
    """The intervals that begin at the points `at` and end at the next ones."""
    last = len(points.position) - 1
    before, after = np.maximum(at - 1, 0), np.minimum(at + 2, last)
    has_before = (at > 0) & (points.slice_index[before] == points.slice_index[at])
    has_after = (at + 2 <= last) & (points.slice_index[after] == points.slice_index[at])
    left, right = points.scores[at], points.scores[at + 1]
    start = points.position[at]
    width = points.position[at + 1] - start

    def step(number: np.ndarray, known: np.ndarray) -> np.ndarray:
        return np.where(known, number, 1).astype(np.float32)[:, None]

    width_before = step(start - points.position[before], has_before)
    width_after = step(points.position[after] - start - width, has_after)
    h = width.astype(np.float32)[:, None]
    slope = (right - left) / h
    slope_before = (left - points.scores[before]) / width_before
    slope_after = (points.scores[after] - right) / width_after
    bend_left = h * h * (slope - slope_before) / (width_before + h)
    bend_right = h * h * (slope_after - slope) / (h + width_after)
    scale_left = np.sqrt((width_before + h) / (2 * h))
    scale_right = np.sqrt((h + width_after) / (2 * h))

    def other(value: np.ndarray, known: np.ndarray, substitute: np.ndarray) -> np.ndarray:
        return np.where(known[:, None], value, substitute)

    nothing = np.zeros_like(bend_left)
    from_right = other(bend_right, has_after, nothing)
    from_left = other(bend_left, has_before, nothing)
    return Intervals(
        start,
        width,
        left,
        right,
        other(bend_left, has_before, from_right),
        other(bend_right, has_after, from_left),
        other(scale_left, has_before, scale_right),
        other(scale_right, has_after, scale_left),
        has_before | has_after,
    )


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
    bend_left = pick(intervals.bend_left, top) - intervals.bend_left
    bend_right = pick(intervals.bend_right, top) - intervals.bend_right
    from_left = intervals.scale_left * np.abs(bend_left)
    return from_left + intervals.scale_right * np.abs(bend_right)


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
