"""Which points the next round of the host's loop evaluates."""

from __future__ import annotations

import numpy as np

from rcjax.regions.adaptive.doubts import (
    between_equal_labels,
    between_two_labels,
    towards_crossing,
)
from rcjax.regions.adaptive.interpolation import Intervals, intervals_of, intervals_with
from rcjax.regions.adaptive.points import Points

# Scores of the intervals looked at together: what the caches of a processor hold.
SCORES_AT_ONCE = 65_536


def by_scores(
    points: Points, fresh: int, safety: float, locate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The points that scores ask for once rows from `fresh` on are known: see `by_labels`."""
    near = points.touched(fresh)
    differ = points.label[near] != points.label[points.after[near]]
    # Intervals of one kind lie together, so that no array is sorted by kind later.
    near, equal = np.concatenate([near[~differ], near[differ]]), len(near) - differ.sum()
    parts, start = [], 0
    for left in in_chunks(points, near):
        parts.append(_steps(points, left, max(equal - start, 0), safety, locate))
        start += len(left)
    inside = np.concatenate(parts)
    wanted = ~np.isnan(inside)
    left, inside = near[wanted], inside[wanted]
    start = points.position[left]
    width = points.position[points.after[left]] - start
    return left, start + np.clip(np.rint(inside).astype(np.int64), 1, width - 1)


def by_labels(points: Points, fresh: int) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the intervals whose ends have different labels.

    Returns:
        rows of the points at their left ends, and the positions, int64 [requests] both.
    """
    left = points.touched(fresh)
    right = points.after[left]
    left = left[points.label[left] != points.label[right]]
    start, end = points.position[left], points.position[points.after[left]]
    return left, start + (end - start) // 2


def in_chunks(points: Points, left: np.ndarray) -> list[np.ndarray]:
    """Intervals in groups that are looked at together, at least one group."""
    size = max(SCORES_AT_ONCE // max(len(points.scores), 1), 16)
    return [left[start : start + size] for start in range(0, max(len(left), 1), size)]


def gather(points: Points, left: np.ndarray) -> Intervals[np.ndarray]:
    """The intervals that begin at the rows `left` and end at the next points.

    Their margins are those of the label at the left end.
    """
    rows = _around(points, left)
    scores = points.scores.take(rows, axis=1, mode="wrap")  # the quickest, all are in range
    return intervals_of(points.position[rows], scores, rows > 0, points.label[left])


def gather_margins(points: Points, left: np.ndarray) -> Intervals[np.ndarray]:
    """The same with one margin alone, that over the label at the right end."""
    rows = _around(points, left)
    first, second = points.label[left], points.label[points.after[left]]
    margins = points.scores[first, rows] - points.scores[second, rows]
    return intervals_with(margins[None], points.position[rows], rows > 0)


def _around(points: Points, left: np.ndarray) -> np.ndarray:
    """Rows [6, intervals] of the points around the intervals that begin at the rows `left`."""
    right, before = points.after[left], points.before[left]
    next_right = points.after[right]
    return np.array(
        [points.before[before], before, left, right, next_right, points.after[next_right]]
    )


def _steps(points: Points, left: np.ndarray, equal: int, safety: float, locate: bool) -> np.ndarray:
    """Steps from the left ends to where the next points belong, NaN where none do.

    The first `equal` intervals have equal labels at both ends.
    """
    intervals, right = gather(points, left), points.after[left]
    width = points.position[right] - points.position[left]
    place = np.empty(len(left), np.float32)
    place[:equal] = between_equal_labels(_some(intervals, slice(equal)), safety)
    if equal >= len(left):
        return np.asarray(place * width)
    differing = slice(equal, None)
    intervals = _some(intervals, differing)
    first, second = points.label[left[differing]], points.label[right[differing]]
    place[differing], meeting = between_two_labels(intervals, first, second, safety)
    inside = np.asarray(place * width)
    if locate:
        nearer = towards_crossing(intervals, second, meeting, width[differing], safety)
        found = inside[differing]
        inside[differing] = np.where(np.isnan(found), nearer, found)
    return inside


def _some(intervals: Intervals[np.ndarray], chosen: slice) -> Intervals[np.ndarray]:
    """Some of the intervals, without a copy."""
    return Intervals(*(values[..., chosen] for values in intervals))
