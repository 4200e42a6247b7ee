"""Reads the result of a segment count off its evaluated points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rcjax.regions.adaptive.interpolation import bends, crossing
from rcjax.regions.adaptive.points import Points
from rcjax.regions.adaptive.pool import AFTER, LABEL, POSITION, SEGMENT
from rcjax.regions.adaptive.refinement import gather_margins, in_chunks
from rcjax.regions.adaptive.rounds import Found
from rcjax.regions.adaptive.score_kind import in_steps


class AdaptiveResult(NamedTuple):
    """The regions of every segment, one segment after the other; c is the count of a segment.

    counts: int32 [slices], regions per segment, at least 1.
    all_boundaries: float64, ascending positions in [0, 1] where the label changes, c - 1 a segment.
        They are interpolated, unless the boundaries were located on the grid.
    all_brackets: float64 [..., 2], evaluated positions on either side of every boundary with
        different labels: a change of label between the two is certain.
    all_labels: int32, the labels of the regions from 0 to 1, c a segment.
    evaluations: int32 [slices], points evaluated.
    in_steps: bool [slices], whether most scores stayed the same between neighbouring points.
    """

    counts: np.ndarray
    all_boundaries: np.ndarray
    all_brackets: np.ndarray
    all_labels: np.ndarray
    evaluations: np.ndarray
    in_steps: np.ndarray

    def within(self, extent: tuple[float, float]) -> AdaptiveResult:
        """The same with positions in coordinates of a slice, in place of [0, 1]."""
        low, high = extent
        boundaries, brackets = (
            low + (high - low) * values for values in (self.all_boundaries, self.all_brackets)
        )
        return self._replace(all_boundaries=boundaries, all_brackets=brackets)

    @property
    def boundaries(self) -> list[np.ndarray]:
        """The boundaries of each segment, float64 [c - 1]."""
        return _split(self.all_boundaries, self.counts - 1)

    @property
    def brackets(self) -> list[np.ndarray]:
        """The brackets of each segment, float64 [c - 1, 2]."""
        return _split(self.all_brackets, self.counts - 1)

    @property
    def labels(self) -> list[np.ndarray]:
        """The labels of the regions of each segment, int32 [c]."""
        return _split(self.all_labels, self.counts)


def summarize(points: Points, slices: np.ndarray, coarse: int, grid: np.ndarray) -> AdaptiveResult:
    """The result for `slices` (consecutive, ascending) with `coarse` first points each."""
    at = points.changes()
    after = points.after[at]
    places = np.full(len(at), 0.5)
    if len(points.scores):
        places = np.concatenate([_crossings(points, some) for some in in_chunks(points, at)])
    return _of_changes(
        points.segment[at] - slices[0],
        grid[points.position[at]],
        grid[points.position[after]],
        places,
        points.label[after],
        points.label[1 : 1 + coarse * len(slices) : coarse],
        np.bincount(points.segment[1 : points.used] - slices[0], minlength=len(slices)),
        _in_steps(points, slices),
    )


def _in_steps(points: Points, slices: np.ndarray) -> np.ndarray:
    left = np.flatnonzero(points.after[: points.used])
    left = left[np.argsort(points.segment[left], kind="stable")]
    right = points.after[left]
    pairs = np.bincount(points.segment[left] - slices[0], minlength=len(slices))
    starts = np.cumsum(pairs) - pairs
    moved = np.zeros((len(slices), len(points.scores)), np.int64)
    for i, scores in enumerate(points.scores):
        moved[:, i] = np.add.reduceat(scores[left] != scores[right], starts, dtype=np.int64)
    return in_steps(moved, pairs)


def _crossings(points: Points, left: np.ndarray) -> np.ndarray:
    """Places in [0, 1] of the changes of label in the intervals that begin at the rows `left`."""
    margins = gather_margins(points, left)
    return crossing(margins.left[0], margins.right[0], *(bend[0] for bend in bends(margins)))


def from_links(found: Found, slices: int, coarse: int, grid: np.ndarray) -> AdaptiveResult:
    """The result for `slices` segments whose first `coarse` points each lie in order in front."""
    used = int(found.used)
    points, crossings = np.asarray(found.pool.points[:used]), np.asarray(found.pool.crossing)
    segment, position, label, after = (
        points[:, column] for column in (SEGMENT, POSITION, LABEL, AFTER)
    )
    inside = np.flatnonzero(after < used)
    at = inside[label[inside] != label[after[inside]]]
    at = at[np.lexsort((position[at], segment[at]))]
    return _of_changes(
        segment[at],
        grid[position[at]],
        grid[position[after[at]]],
        crossings[at].astype(np.float64),
        label[after[at]],
        label[: coarse * slices : coarse],
        np.bincount(segment, minlength=slices),
        np.asarray(found.in_steps)[:slices],
    )


def _of_changes(
    segment: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    places: np.ndarray,
    labels: np.ndarray,
    first_labels: np.ndarray,
    evaluations: np.ndarray,
    standing: np.ndarray,
) -> AdaptiveResult:
    """The result of changes of label, in order along the segments.

    Args:
        segment: of each change, from 0 on.
        low, high: evaluated positions before and after each change.
        places: in [0, 1], of the changes between the two.
        labels: after each change.
        first_labels: at the beginning of every segment.
        evaluations: of every segment.
        standing: whether scores stood still, of every segment.
    """
    counts = 1 + np.bincount(segment, minlength=len(first_labels))
    starts = np.cumsum(counts) - counts
    all_labels = np.empty(len(segment) + len(counts), np.int32)
    is_first = np.zeros(len(all_labels), bool)
    is_first[starts] = True
    all_labels[is_first], all_labels[~is_first] = first_labels, labels
    return AdaptiveResult(
        counts.astype(np.int32),
        low + places * (high - low),
        np.stack([low, high], axis=1),
        all_labels,
        evaluations.astype(np.int32),
        standing,
    )


def _split(values: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """The first counts[0] values, the next counts[1] values, ..."""
    stops = np.cumsum(counts).tolist()
    return [values[start:stop] for start, stop in zip([0, *stops], stops, strict=False)]


def concatenate(parts: list[AdaptiveResult]) -> AdaptiveResult:
    """The results of consecutive groups of segments as one."""
    none = np.zeros(0, np.int32)
    nothing = AdaptiveResult(none, np.zeros(0), np.zeros((0, 2)), none, none, none > 0)
    return AdaptiveResult(*(np.concatenate(values) for values in zip(nothing, *parts, strict=True)))


def replace(result: AdaptiveResult, chosen: np.ndarray, again: AdaptiveResult) -> AdaptiveResult:
    """The result with the segments that are chosen, bool [slices], counted again."""

    def merged(values: np.ndarray, new: np.ndarray, changes: int) -> np.ndarray:
        old_owner = np.repeat(np.arange(len(chosen)), result.counts + changes)
        new_owner = np.repeat(np.flatnonzero(chosen), again.counts + changes)
        keep = ~chosen[old_owner]
        order = np.argsort(np.concatenate([old_owner[keep], new_owner]), kind="stable")
        return np.concatenate([values[keep], new])[order]

    counts, evaluations = result.counts.copy(), result.evaluations.copy()
    counts[chosen] = again.counts
    evaluations[chosen] += again.evaluations
    return AdaptiveResult(
        counts,
        merged(result.all_boundaries, again.all_boundaries, -1),
        merged(result.all_brackets, again.all_brackets, -1),
        merged(result.all_labels, again.all_labels, 0),
        evaluations,
        result.in_steps,
    )
