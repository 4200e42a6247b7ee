"""Which points the next round of the host's loop evaluates."""

from __future__ import annotations

import numpy as np

from rcjax.regions.adaptive.doubts import (
    between_equal_labels,
    between_two_labels,
    towards_crossing,
)
from rcjax.regions.adaptive.interpolation import Intervals, crossing, intervals_of
from rcjax.regions.adaptive.points import EvaluatedPoints, label_changes, open_intervals


def by_scores(
    points: EvaluatedPoints, safety: float, locate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Segments and positions, int64 [new points], of the points that the scores ask for."""
    at = open_intervals(points)
    first, second = points.labels[at], points.labels[at + 1]
    same, differ = at[first == second], at[first != second]
    place = np.full(len(at), np.nan)
    place[first == second] = between_equal_labels(gather(points, same), safety)
    place[first != second], _ = between_two_labels(
        gather(points, differ), points.labels[differ], points.labels[differ + 1], safety
    )
    wanted = ~np.isnan(place)
    at, place = at[wanted], place[wanted]
    start, width = points.position[at], points.position[at + 1] - points.position[at]
    position = start + np.clip(np.rint(place * width).astype(np.int64), 1, width - 1)
    slice_index = points.slice_index[at]
    if not locate:
        return slice_index, position
    settled = np.setdiff1d(label_changes(points), at)
    located_slice, located = _locate(points, settled, safety)
    return np.concatenate([slice_index, located_slice]), np.concatenate([position, located])


def by_labels(points: EvaluatedPoints) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the intervals whose ends have different labels."""
    at = label_changes(points)
    width = points.position[at + 1] - points.position[at]
    at, width = at[width > 1], width[width > 1]
    return points.slice_index[at], points.position[at] + width // 2


def gather(points: EvaluatedPoints, at: np.ndarray) -> Intervals:
    """The intervals that begin at the points `at` and end at the next ones.

    Their margins are those of the label at the left end.
    """
    around = at + np.arange(-2, 4)[:, None]
    inside = np.clip(around, 0, max(len(points.position) - 1, 0))
    exists = (around == inside) & (points.slice_index[inside] == points.slice_index[at])
    scores = np.moveaxis(points.scores[inside], -1, 1)
    return intervals_of(points.position[inside], scores, exists, points.labels[at])


def _locate(
    points: EvaluatedPoints, at: np.ndarray, safety: float
) -> tuple[np.ndarray, np.ndarray]:
    """Segments and positions that close in on the changes of label in the intervals `at`."""
    width = points.position[at + 1] - points.position[at]
    at, width = at[width > 1], width[width > 1]
    intervals, second = gather(points, at), points.labels[at + 1]
    meeting = crossing(intervals, second)
    inside = towards_crossing(intervals, second, meeting, width, safety)
    inside = np.clip(inside, 1, width - 1).astype(np.int64)
    return points.slice_index[at], points.position[at] + inside
