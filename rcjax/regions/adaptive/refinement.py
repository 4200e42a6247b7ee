"""Which points the next round of the host's loop evaluates."""

from __future__ import annotations

import numpy as np

from rcjax.regions.adaptive.doubts import (
    between_equal_labels,
    between_two_labels,
    towards_crossing,
)
from rcjax.regions.adaptive.interpolation import Intervals, intervals_of
from rcjax.regions.adaptive.points import Points

# Scores of the intervals looked at together: what the caches of a processor hold.
SCORES_AT_ONCE = 65_536


def by_scores(
    points: Points, fresh: int, safety: float, locate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The points that scores ask for once rows from `fresh` on are known: see `by_labels`."""
    near = points.touched(fresh)
    parts = [_steps(points, left, safety, locate) for left in in_chunks(points, near)]
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
    right, before = points.after[left], points.before[left]
    next_right = points.after[right]
    rows = np.stack(
        [points.before[before], before, left, right, next_right, points.after[next_right]]
    )
    scores = np.empty((len(rows), len(points.scores), len(left)), np.float32)
    for around, of_row in zip(rows, scores, strict=True):
        np.take(points.scores, around, axis=1, out=of_row, mode="clip")  # "raise" would copy
    return intervals_of(points.position[rows], scores, rows > 0, points.label[left])


def _steps(points: Points, left: np.ndarray, safety: float, locate: bool) -> np.ndarray:
    """Steps from the left ends to where the next points belong, NaN where none do."""
    intervals, right = gather(points, left), points.after[left]
    width = points.position[right] - points.position[left]
    first, second = points.label[left], points.label[right]
    differ = first != second
    place = np.empty(len(left), np.float32)
    place[~differ] = between_equal_labels(_some(intervals, ~differ), safety)
    if not differ.any():
        return np.asarray(place * width)
    intervals, first, second = _some(intervals, differ), first[differ], second[differ]
    place[differ], meeting = between_two_labels(intervals, first, second, safety)
    inside = np.asarray(place * width)
    if locate:
        nearer = towards_crossing(intervals, second, meeting, width[differ], safety)
        inside[differ] = np.where(np.isnan(inside[differ]), nearer, inside[differ])
    return inside


def _some(intervals: Intervals[np.ndarray], chosen: np.ndarray) -> Intervals[np.ndarray]:
    """The intervals under the mask `chosen`, bool [intervals]."""
    return Intervals(*(values.compress(chosen, axis=-1) for values in intervals))
