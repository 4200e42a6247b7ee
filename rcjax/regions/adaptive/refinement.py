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
SCORES_AT_ONCE = 16_384


def by_scores(
    points: Points, fresh: int, safety: float, locate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The points that the scores ask for, after those from row `fresh` on: see `by_labels`."""
    near = points.touched(fresh)
    differ = points.label[near] != points.label[points.after[near]]
    parts = [
        request(points, left, safety, locate)
        for intervals, request in ((near[~differ], _in_equal), (near[differ], _in_different))
        for left in in_chunks(points, intervals)
    ]
    left, inside = (np.concatenate(part) for part in zip(*parts, strict=True))
    wanted = ~np.isnan(inside)
    left, inside = left[wanted], inside[wanted]
    width = points.position[points.after[left]] - points.position[left]
    steps = np.clip(np.rint(inside).astype(np.int64), 1, width - 1)
    return left, points.position[left] + steps


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


def gather(points: Points, left: np.ndarray) -> Intervals:
    """The intervals that begin at the rows `left` and end at the next points.

    Their margins are those of the label at the left end.
    """
    right, before = points.after[left], points.before[left]
    next_right = points.after[right]
    rows = np.stack(
        [points.before[before], before, left, right, next_right, points.after[next_right]]
    )
    scores = np.moveaxis(points.scores[:, rows], 1, 0)
    return intervals_of(points.position[rows], scores, rows > 0, points.label[left])


def _in_equal(
    points: Points, left: np.ndarray, safety: float, locate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Steps from the left ends to where another class may come out on top, NaN where none can."""
    width = points.position[points.after[left]] - points.position[left]
    return left, between_equal_labels(gather(points, left), safety) * width


def _in_different(
    points: Points, left: np.ndarray, safety: float, locate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Steps from the left ends to where a further change of label may be, or the one is sought."""
    right = points.after[left]
    width = points.position[right] - points.position[left]
    intervals, second = gather(points, left), points.label[right]
    place, meeting = between_two_labels(intervals, points.label[left], second, safety)
    inside = place * width
    if locate:
        nearer = towards_crossing(intervals, second, meeting, width, safety)
        inside = np.where(np.isnan(inside), nearer, inside)
    return left, inside
