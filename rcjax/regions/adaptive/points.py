"""The points that the host's loop has evaluated so far, linked to their neighbours."""

from __future__ import annotations

import numpy as np

from rcjax.regions.adaptive.score_kind import PROBABILITY_TOLERANCE
from rcjax.regions.classifier import labels_of, refuse_invalid
from rcjax.regions.types import Evaluate

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


class Points:
    """Evaluated points of many segments.

    A point stays in the row where it was put, behind all earlier points; links lead to its
    neighbours, so that a new point costs a few writes, whatever the number of points. Row 0 stands
    for "none": what lies before the first point of a segment and after the last.

    Args:
        classes: scores of a point, 0 where only labels are known.
        capacity: rows to begin with.

    Attributes:
        used: rows in use, row 0 included.
        segment, position, before, after, label: int64 [rows].
        scores: float32 [classes, rows].
    """

    def __init__(self, classes: int, capacity: int):
        self.used = 1
        self._columns = np.zeros((5, capacity + 1), np.int64)
        self.scores = np.zeros((classes, capacity + 1), np.float32)
        self._name_columns()

    def _name_columns(self) -> None:
        self.segment, self.position, self.before, self.after, self.label = self._columns

    def insert(
        self,
        segment: np.ndarray,
        position: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
        label: np.ndarray,
        scores: np.ndarray,
    ) -> None:
        """Adds points [new], with scores [new, classes], between existing ones or new ones."""
        rows = self._rows_for(len(segment))
        self._columns[:, rows] = segment, position, before, after, label
        self.scores[:, rows] = scores.T
        new = np.arange(rows.start, rows.stop)
        self.after[before] = new
        self.before[after] = new
        self.after[0] = self.before[0] = 0

    def _rows_for(self, count: int) -> slice:
        rows = slice(self.used, self.used + count)
        missing = rows.stop - len(self.position)
        if missing > 0:
            more = max(missing, len(self.position))
            self._columns = np.pad(self._columns, ((0, 0), (0, more)))
            self.scores = np.pad(self.scores, ((0, 0), (0, more)))
            self._name_columns()
        self.used = rows.stop
        return rows

    def touched(self, fresh: int) -> np.ndarray:
        """Left ends of the intervals with room inside and a point from row `fresh` on around them.

        The six points around an interval decide on it.
        """
        new = np.arange(fresh, self.used)
        near = np.zeros(self.used, bool)
        near[new] = True
        for links, steps in ((self.before, 3), (self.after, 2)):
            there = new
            for _ in range(steps):
                there = links[there]
                near[there] = True
        left = np.flatnonzero(near)
        # Nothing comes after row 0 and after the last point of a segment: their width is not > 1.
        return left[self.position[self.after[left]] - self.position[left] > 1]

    def changes(self) -> np.ndarray:
        """Left ends of the intervals whose ends differ in label, in order along the segments."""
        after = self.after[: self.used]
        left = np.flatnonzero((self.label[: self.used] != self.label[after]) & (after > 0))
        return left[np.lexsort((self.position[left], self.segment[left]))]


class PointEvaluator:
    """Turns grid positions into checked points; knows the grid and which scores are probabilities.

    Probabilities saturate: interpolating them says little, whereas their logarithms are logits up
    to a shift that no margin sees. Whether a segment yields probabilities is decided from its own
    first points, so no segment depends on the others it is counted with.
    """

    def __init__(
        self,
        evaluate: Evaluate[np.ndarray, np.ndarray],
        num_slices: int,
        points: int,
        has_scores: bool,
    ):
        self.evaluate = evaluate
        self.grid = np.linspace(0.0, 1.0, points)
        self.has_scores = has_scores
        self.is_probability = np.zeros(num_slices, bool)

    def first(self, slices: np.ndarray, positions: np.ndarray) -> Points:
        """The same positions on every one of the given segments, one segment after the other."""
        segment = np.repeat(slices, len(positions))
        position = np.tile(positions, len(slices))
        labels, scores = self._call(segment, position)
        if self.has_scores:
            near_one = np.abs(scores.sum(axis=1) - 1) < PROBABILITY_TOLERANCE
            if near_one.any():
                row_ok = near_one & (scores >= 0).all(axis=1) & (scores <= 1).all(axis=1)
                self.is_probability[slices] = row_ok.reshape(len(slices), -1).all(axis=1)
        points = Points(scores.shape[1], 3 * len(segment))
        row = np.arange(1, len(segment) + 1).reshape(len(slices), -1)
        before, after = row - 1, row + 1
        before[:, 0] = after[:, -1] = 0
        points.insert(
            segment, position, before.reshape(-1), after.reshape(-1), labels,
            self._interpolable(segment, scores),
        )  # fmt: skip
        return points

    def more(self, points: Points, left: np.ndarray, position: np.ndarray) -> None:
        """Adds a point to each of the intervals that begin at the rows `left`."""
        segment = points.segment[left]
        labels, scores = self._call(segment, position)
        scores = self._interpolable(segment, scores)
        points.insert(segment, position, left, points.after[left], labels, scores)

    def _interpolable(self, segment: np.ndarray, scores: np.ndarray) -> np.ndarray:
        saturating = self.is_probability[segment]
        if not saturating.any():
            return scores
        logarithms = np.log(np.maximum(scores, np.finfo(np.float32).tiny))
        return np.where(saturating[:, None], logarithms, scores)

    def _call(self, segment: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        coordinates = self.grid[position][:, None]
        values = np.asarray(self.evaluate(segment.astype(np.int32), coordinates))
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
        labels = labels_of(values)
        refuse_invalid(labels)
        # Infinite scores keep their order; differences of the clipped ones stay finite.
        clipped = np.clip(values, -LARGEST_SCORE, LARGEST_SCORE)
        return labels, clipped.astype(np.float32, copy=False)
