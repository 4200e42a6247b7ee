"""Regions of a plane from polygons that cover it, each with the region it belongs to."""

from collections.abc import Sequence

import numpy as np

from rcjax.array_types import Float, Int, Shaped
from rcjax.regions.slice_regions import PlaneRegions, unique_pairs


def plane_regions(
    labels: Shaped[np.ndarray, " regions"],
    parts: Sequence[Float[np.ndarray, "_ 2"]],
    region: Int[np.ndarray, " parts"],
    areas: Float[np.ndarray, " parts"],
    pairs: Int[np.ndarray, "edges 2"],
    edges: Float[np.ndarray, "edges 2 2"],
    anchors: Float[np.ndarray, " anchors *features"],
) -> PlaneRegions:
    """Sizes, perimeters and neighbours of regions.

    Args:
        labels: of the regions.
        parts: polygons in coordinates of the plane.
        region: the region of each part.
        areas: of the parts, in units of the coordinates.
        pairs: the regions on both sides of the edges, -1 beyond the rim of the plane.
        edges: the edges between different regions and on the rim.
        anchors: of the plane.
    """
    spans = (anchors[1:] - anchors[0]).reshape(2, -1).astype(np.float64)
    gram = spans @ spans.T
    scale = np.sqrt(max(float(np.linalg.det(gram)), 0.0))
    total = np.bincount(region, areas, len(labels))
    steps = edges[:, 1] - edges[:, 0]
    lengths = np.sqrt(np.maximum(np.einsum("ei,ij,ej->e", steps, gram, steps), 0))
    between = pairs[:, 1] >= 0
    perimeters = np.bincount(pairs[:, 0], lengths, len(labels))
    perimeters += np.bincount(pairs[between, 1], lengths[between], len(labels))
    polygons: list[list[np.ndarray]] = [[] for _ in labels]
    for index, part in zip(region, parts, strict=True):
        polygons[index].append(part)
    return PlaneRegions(
        labels=labels,
        sizes=total * scale,
        shares=total / total.sum(),
        neighbours=unique_pairs(pairs[between]),
        perimeters=perimeters,
        boundaries=edges[between],
        polygons=polygons,
    )
