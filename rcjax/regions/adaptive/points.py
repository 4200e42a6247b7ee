"""The points a segment count has evaluated so far, of all segments in one sorted list."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rcjax.regions.adaptive.score_kind import PROBABILITY_TOLERANCE

Evaluate = Callable[[np.ndarray, np.ndarray], np.ndarray]

LARGEST_SCORE = 1e20

# How far the points of the coarse grid are moved, as a share of their distance.
UNEVENNESS = 0.2
GOLDEN_RATIO = 0.6180339887498949


def coarse_grid(points: int, intervals: int) -> np.ndarray:
    """Positions on the fine grid at which every segment is evaluated first, int64, ascending.

    They are not quite evenly spaced: scores that oscillate faster than an even grid samples them
    can look smooth on it, with hardly any region, but not on an uneven one.
    """
    if intervals >= points - 1:
        return np.arange(points)
    inner = np.arange(1, intervals)
    moved = inner + 2 * UNEVENNESS * (inner * GOLDEN_RATIO % 1 - 0.5)
    share = np.concatenate([[0.0], moved / intervals, [1.0]])
    return np.unique(np.rint(share * (points - 1)).astype(np.int64))


class EvaluatedPoints(NamedTuple):
    """Evaluated points, sorted by segment and then by position.

    slice_index and position are int64 [points]; labels int64 [points]; scores float32
    [points, classes], or [points, 0] when only labels are known; fresh is bool [points], true
    for the points of the latest round.
    """

    slice_index: np.ndarray
    position: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    fresh: np.ndarray


class PointEvaluator:
    """Turns grid positions into checked points; knows the grid and which scores are probabilities.

    Probabilities saturate: interpolating them says little, whereas their logarithms are logits up
    to a shift that no margin sees. Whether a segment yields probabilities is decided from its own
    first points, so no segment depends on the others it is counted with.
    """

    def __init__(self, evaluate: Evaluate, num_slices: int, points: int, has_scores: bool):
        self.evaluate = evaluate
        self.grid = np.linspace(0.0, 1.0, points)
        self.has_scores = has_scores
        self.is_probability = np.zeros(num_slices, bool)

    def first(self, slices: np.ndarray, positions: np.ndarray) -> EvaluatedPoints:
        """The same positions on every one of the given segments."""
        slice_index = np.repeat(slices, len(positions))
        position = np.tile(positions, len(slices))
        labels, scores = self._call(slice_index, position)
        if self.has_scores:
            near_one = np.abs(scores.sum(axis=1) - 1) < PROBABILITY_TOLERANCE
            row_ok = near_one & (scores >= 0).all(axis=1) & (scores <= 1).all(axis=1)
            self.is_probability[slices] = row_ok.reshape(len(slices), -1).all(axis=1)
        return self._points(slice_index, position, labels, scores)

    def more(self, slice_index: np.ndarray, position: np.ndarray) -> EvaluatedPoints:
        """Further points, one for each pair of segment and position."""
        labels, scores = self._call(slice_index, position)
        return self._points(slice_index, position, labels, scores)

    def _points(
        self, slice_index: np.ndarray, position: np.ndarray, labels: np.ndarray, scores: np.ndarray
    ) -> EvaluatedPoints:
        saturating = self.is_probability[slice_index]
        if saturating.any():
            smallest = np.finfo(np.float32).tiny
            logarithms = np.log(np.maximum(scores, smallest))
            scores = np.where(saturating[:, None], logarithms, scores)
        return EvaluatedPoints(slice_index, position, labels, scores, np.ones(len(labels), bool))

    def _call(self, slice_index: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        coordinates = self.grid[position][:, None]
        values = np.asarray(self.evaluate(slice_index.astype(np.int32), coordinates))
        wanted = "[points, classes]" if self.has_scores else "[points]"
        if values.ndim != (2 if self.has_scores else 1) or len(values) != len(position):
            raise ValueError(
                f"evaluate must return {'scores' if self.has_scores else 'labels'} of shape "
                f"{wanted} for {len(position)} points, got shape {values.shape}"
            )
        if not self.has_scores:
            if values.dtype != np.bool_ and not np.issubdtype(values.dtype, np.integer):
                raise ValueError(
                    f"labels must be integers, got {values.dtype}: return argmax labels, "
                    "or scores with has_scores=True"
                )
            return values.astype(np.int64), np.zeros((len(values), 0), np.float32)
        if values.shape[1] == 0:
            raise ValueError("scores need at least one class, got shape " + str(values.shape))
        if np.isnan(values).any():
            raise ValueError(
                f"{np.count_nonzero(np.isnan(values).any(axis=1))} of {len(values)} points have "
                "scores that are NaN: check the parameters and the inputs"
            )
        # Infinite scores keep their order; differences of the clipped ones stay finite.
        clipped = np.clip(values, -LARGEST_SCORE, LARGEST_SCORE)
        return values.argmax(axis=1), clipped.astype(np.float32, copy=False)


def merge(points: EvaluatedPoints, new: EvaluatedPoints) -> EvaluatedPoints:
    """Both sets in order; only the points of `new` are fresh afterwards."""
    aged = points._replace(fresh=np.zeros(len(points.fresh), bool))
    joined = [np.concatenate(pair) for pair in zip(aged, new, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    return EvaluatedPoints(*(column[order] for column in joined))


def open_intervals(points: EvaluatedPoints) -> np.ndarray:
    """Left ends of the intervals with room inside and news within two points either side."""
    same_slice = points.slice_index[1:] == points.slice_index[:-1]
    roomy = points.position[1:] - points.position[:-1] > 1
    near_news = points.fresh.copy()
    for distance in (1, 2):
        near_news[distance:] |= points.fresh[:-distance]
        near_news[:-distance] |= points.fresh[distance:]
    return np.flatnonzero(same_slice & roomy & (near_news[1:] | near_news[:-1]))


def label_changes(points: EvaluatedPoints) -> np.ndarray:
    """Left ends of the intervals whose two ends have different labels."""
    same_slice = points.slice_index[1:] == points.slice_index[:-1]
    return np.flatnonzero(same_slice & (points.labels[1:] != points.labels[:-1]))
