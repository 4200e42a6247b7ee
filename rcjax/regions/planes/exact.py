"""Exact regions of piecewise linear networks on planes: count, area, perimeter, neighbours.

What is certified: the polygons cover the plane, and on each the activation pattern is constant, up
to rounding of float64. Lines that leave less than 1e-10 of the coordinates on one side of a polygon
do not cut it, so thinner slivers are not seen. Regions that touch in a single point are two.

Cost: about one evaluation with two derivatives, in float64, a linear piece, and some 0.5 ms of work
on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rcjax.regions.exact import MASKED, PlaneEvaluator, trace_scores
from rcjax.regions.planes.joined import components
from rcjax.regions.planes.parts import plane_regions
from rcjax.regions.planes.polygons import shared_edges
from rcjax.regions.planes.subdivision import Cell, LabelledPolygon, by_label, subdivide
from rcjax.regions.slice_regions import PlaneRegions
from rcjax.regions.types import Anchors, Predict

# Neighbouring pieces whose scores and slopes differ by less, relatively, are one linear piece.
_SAME_PLANE = 1e-9


class ExactPlanes(NamedTuple):
    """Exact regions of planes.

    regions: one `PlaneRegions` a plane. linear_regions and activation_regions int32 [planes], as
    on segments. evaluations int32 [planes]. complete: bool [planes], False where the budget ended
    the subdivision; what it left has the scores of the nearest piece, so nothing there is certain.
    """

    regions: list[PlaneRegions]
    linear_regions: np.ndarray
    activation_regions: np.ndarray
    evaluations: np.ndarray
    complete: np.ndarray


def count_exact_planes(
    predict: Predict,
    anchors: Anchors,
    rim: np.ndarray,
    *,
    budget: int,
    batch_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ExactPlanes:
    """Finds the regions of a piecewise linear network on planes.

    Args:
        predict: JAX function, points [n, *features] -> scores [n, classes].
        anchors: float32 [planes, 3, *features].
        rim: float64 [k, 2], corners of the part of every plane that is looked at, in coordinates
            of the plane, counter-clockwise and convex.
        budget: largest number of evaluations a plane.
        batch_size: points per device step; None chooses.
        progress: called with (planes done, planes in all).

    Raises:
        ValueError: as `count_exact` on segments.
    """
    anchors = np.asarray(anchors, np.float32)
    evaluator = PlaneEvaluator(trace_scores(predict, anchors.shape[2:]), anchors, batch_size)
    regions, linear, active, spent, complete = [], [], [], [], []
    for plane in range(len(anchors)):
        found = subdivide(evaluator, plane, rim, budget)
        regions.append(_regions(by_label(found.cells), anchors[plane]))
        linear.append(_linear_regions(found.cells))
        active.append(len({cell.fingerprint for cell in found.cells}))
        spent.append(found.evaluations)
        complete.append(found.complete)
        if progress is not None:
            progress(plane + 1, len(anchors))
    return ExactPlanes(
        regions,
        np.array(linear, np.int32),
        np.array(active, np.int32),
        np.array(spent, np.int32),
        np.array(complete),
    )


def _linear_regions(cells: list[Cell]) -> int:
    pairs, begins, ends = shared_edges([cell.polygon for cell in cells])
    inner = pairs[:, 1] >= 0
    alike = [
        _same(cells[i], cells[j], place)
        for (i, j), place in zip(pairs[inner], (begins[inner] + ends[inner]) / 2, strict=True)
    ]
    links = pairs[inner][np.array(alike, bool)]
    return len(np.unique(components(len(cells), links)))


def _same(one: Cell, other: Cell, place: np.ndarray) -> bool:
    """Whether two affine functions are equal: gradients, and values where the cells meet."""
    first, second = (
        np.column_stack([cell.slopes, cell.scores + cell.slopes @ (place - cell.place)])[
            cell.scores > MASKED
        ]
        for cell in (one, other)
    )
    if first.shape != second.shape:
        return False
    return bool(np.abs(first - second).max() <= _SAME_PLANE * np.abs(first).max(initial=0))


def _regions(parts: list[LabelledPolygon], anchors: np.ndarray) -> PlaneRegions:
    label = np.array([part.label for part in parts])
    pairs, begins, ends = shared_edges([part.polygon for part in parts])
    inner = pairs[:, 1] >= 0
    same = inner & (label[pairs[:, 0]] == label[pairs[:, 1]])
    roots, region = np.unique(components(len(parts), pairs[same]), return_inverse=True)

    outer = ~same
    owners = np.where(pairs[outer] >= 0, region[pairs[outer]], -1)
    return plane_regions(
        label[roots],
        [part.polygon.vertices for part in parts],
        region,
        np.array([part.polygon.area for part in parts]),
        owners,
        np.stack([begins[outer], ends[outer]], axis=1),
        anchors,
    )
