"""Finds what the scores show between the vertices of a mesh: classes that lead at no corner.

Where the labels at the two ends of an edge tie, linear interpolation may put a third class on top:
the tip of a region, or a wedge thinner than the triangles. A passage consists of all triangles that
one class crosses through such edges, and it ends in the corners of its label that they have. Where
these belong to one region, the passage is part of that region and changes no count. A passage
without an end is a region that no vertex has; one with ends in several regions joins them.
"""

from __future__ import annotations

import numpy as np

from rcjax.regions.planes.joined import components
from rcjax.regions.planes.mesh import Mesh
from rcjax.regions.planes.ties import third_on_top

_EDGES = ((0, 1), (1, 2), (0, 2))
_SCORES_AT_ONCE = 1_000_000  # scores at ties that are compared together


def open_passages(mesh: Mesh, component: np.ndarray) -> np.ndarray:
    """The triangles of passages that change the count: with ends in no region, or in several.

    Args:
        mesh: as it was refined.
        component: int64 [vertices], the component of every vertex.

    Returns:
        int64 [n], ascending.
    """
    labels = mesh.labels[mesh.corners]
    mixed = np.flatnonzero((labels != labels[:, :1]).any(axis=1))
    # In order, so that both triangles of an edge find the same tie.
    ends = np.sort(mesh.corners[mixed][:, _EDGES], axis=2).reshape(-1, 2)
    edge, label = _third_on_top(mesh, ends)

    size, classes = len(mesh.keys), mesh.values.shape[1]
    crossed = np.repeat(mixed, len(_EDGES))[edge] * classes + label
    crossed, part = np.unique(crossed, return_inverse=True)
    gate = np.unique(ends[edge] @ [size, 1] * classes + label, return_inverse=True)[1]
    links = np.stack([part, len(crossed) + gate], axis=1)
    passage = components(len(crossed) + len(edge), links)[: len(crossed)]

    triangle, label = crossed // classes, crossed % classes
    corners = mesh.corners[triangle]
    part, corner = np.nonzero(mesh.labels[corners] == label[:, None])
    region = component[corners[part, corner]]
    reached = np.unique(passage[part] * size + region) // size
    regions = np.bincount(reached, minlength=len(crossed) + len(edge))
    return np.unique(triangle[regions[passage] != 1])


def _third_on_top(mesh: Mesh, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges (rows of `ends` int64 [edges, 2]) and the classes that lead where their labels tie."""
    size = max(1, _SCORES_AT_ONCE // mesh.values.shape[1])
    differ = np.flatnonzero(mesh.labels[ends[:, 0]] != mesh.labels[ends[:, 1]])
    edges, classes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(differ), size):
        some = differ[start : start + size]
        first, second = ends[some].T
        labels, others = mesh.labels[first], mesh.labels[second]
        found, third = np.nonzero(
            third_on_top(mesh.values[first], mesh.values[second], labels, others)
        )
        edges.append(some[found])
        classes.append(third)
    return np.concatenate(edges), np.concatenate(classes)
