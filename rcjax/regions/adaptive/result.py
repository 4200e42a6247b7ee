"""What a segment count returns, read off its evaluated points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rcjax.regions.adaptive.interpolation import crossing
from rcjax.regions.adaptive.points import EvaluatedPoints, label_changes
from rcjax.regions.adaptive.pool import AFTER, LABEL, POSITION, SEGMENT
from rcjax.regions.adaptive.refinement import gather
from rcjax.regions.adaptive.rounds import Found


class AdaptiveResult(NamedTuple):
    """The regions of every segment. Lists have one entry per segment; c is its count.

    counts: int32 [slices], regions per segment, at least 1.
    boundaries: float64 [c - 1] each, ascending positions in [0, 1] where the label changes. They
        are interpolated, unless the boundaries were located on the grid.
    brackets: float64 [c - 1, 2] each, evaluated positions on either side of every boundary with
        different labels: a change of label between the two is certain.
    labels: int32 [c] each, the labels of the regions from 0 to 1.
    evaluations: int32 [slices], distinct points evaluated.
    """

    counts: np.ndarray
    boundaries: list[np.ndarray]
    brackets: list[np.ndarray]
    labels: list[np.ndarray]
    evaluations: np.ndarray


def summarize(points: EvaluatedPoints, slices: np.ndarray, grid: np.ndarray) -> AdaptiveResult:
    """The result for `slices` (consecutive, ascending), whose points these are."""
    at = label_changes(points)
    low, high = points.position[at], points.position[at + 1]
    if points.scores.shape[1]:
        u = crossing(gather(points, at), points.labels[at + 1])
    else:
        u = np.full(len(at), 0.5)
    boundaries = grid[low] + u * (grid[high] - grid[low])
    brackets = np.stack([grid[low], grid[high]], axis=1)
    changes = np.bincount(points.slice_index[at] - slices[0], minlength=len(slices))
    counts = changes + 1
    starts = np.searchsorted(points.slice_index, slices)
    # A region's label is that of the point after the change; the first region's, of the first.
    piece_labels = points.labels[np.sort(np.concatenate([starts, at + 1]))].astype(np.int32)
    splits = np.cumsum(changes)[:-1]
    return AdaptiveResult(
        counts.astype(np.int32),
        np.split(boundaries, splits),
        np.split(brackets, splits),
        np.split(piece_labels, np.cumsum(counts)[:-1]),
        np.bincount(points.slice_index - slices[0], minlength=len(slices)).astype(np.int32),
    )


def from_links(found: Found, slices: int, coarse: int, grid: np.ndarray) -> AdaptiveResult:
    """The result for `slices` segments whose first `coarse` points each lie in order in front."""
    used = int(found.used)
    points = found.pool.points[:used]
    slice_index, position, label, after = (
        points[:, column] for column in (SEGMENT, POSITION, LABEL, AFTER)
    )
    inside = np.flatnonzero(after < used)
    at = inside[label[inside] != label[after[inside]]]
    at = at[np.lexsort((position[at], slice_index[at]))]
    low, high = grid[position[at]], grid[position[after[at]]]
    changes = np.bincount(slice_index[at], minlength=slices)
    ends = np.cumsum(changes)
    # A region's label is that of the point after the change; the first region's, of the first.
    labels = np.empty(len(at) + slices, np.int32)
    first = np.concatenate([[0], ends[:-1]]) + np.arange(slices)
    labels[first] = label[np.arange(slices) * coarse]
    is_later = np.ones(len(labels), bool)
    is_later[first] = False
    labels[is_later] = label[after[at]]
    return AdaptiveResult(
        (changes + 1).astype(np.int32),
        _split(low + found.pool.crossing[at].astype(np.float64) * (high - low), ends),
        _split(np.stack([low, high], axis=1), ends),
        _split(labels, ends + np.arange(1, slices + 1)),
        np.bincount(slice_index, minlength=slices).astype(np.int32),
    )


def _split(values: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
    """values[:ends[0]], values[ends[0]:ends[1]], ..."""
    stops = ends.tolist()
    return [values[start:stop] for start, stop in zip([0, *stops[:-1]], stops, strict=True)]


def concatenate(parts: list[AdaptiveResult]) -> AdaptiveResult:
    """The results of consecutive groups of segments as one."""
    none = np.zeros(0, np.int32)
    return AdaptiveResult(
        np.concatenate([none, *(part.counts for part in parts)]),
        [entry for part in parts for entry in part.boundaries],
        [entry for part in parts for entry in part.brackets],
        [entry for part in parts for entry in part.labels],
        np.concatenate([none, *(part.evaluations for part in parts)]),
    )
