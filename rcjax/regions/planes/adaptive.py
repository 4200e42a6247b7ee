"""The region count of a very fine grid on planes from some dozens of evaluations each.

The plane is meshed coarsely; every triangle that may hide more than its corners tell (`doubt`) is
bisected, round by round and on all planes together, until none is left or the mesh reaches the
grid. The count is the number of connected components of the graph whose nodes are the vertices and
whose links join vertices of equal label along the edges of triangles. Vertices that are neighbours
on the finest grid are joined along both diagonals, so that the count becomes that of the fine grid
with connectivity "full" where the whole mesh reaches it.

What it cannot see: a region between the vertices of the first mesh that leaves no trace in the
scores there. What it says: a plane is uncertain where the budget ended the work, where its count
depends on triangles of the finest size that are still in doubt (steps, slivers thinner than the
grid) or on whether diagonal neighbours of the finest grid are joined, and where the scores show a
region between the vertices, or a link between two, that is not counted (`passages`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rcjax.regions.planes.doubt import doubtful
from rcjax.regions.planes.joined import components
from rcjax.regions.planes.mesh import Mesh
from rcjax.regions.planes.mesh_regions import Located, mesh_regions
from rcjax.regions.planes.passages import open_passages
from rcjax.regions.slice_regions import PlaneRegions
from rcjax.regions.types import Evaluate

PLANE_BUDGET = 10_000
PLANE_SAFETY = 2.0
_FIRST_BISECTIONS = 5
_LOCATED_LEVEL = 10  # legs of a 32nd of the plane
_SCORES_AT_ONCE = 2_000_000  # scores of the corners of the triangles that are judged together
_EDGES = ((0, 1), (1, 2), (0, 2))


class PlaneCounts(NamedTuple):
    """Regions of planes.

    counts: int32 [slices].
    evaluations: int32 [slices].
    uncertain: bool [slices], where the count may differ from that of the fine grid for a reason
        that the method saw.
    regions: of every plane, where they were asked for.
    """

    counts: np.ndarray
    evaluations: np.ndarray
    uncertain: np.ndarray
    regions: list[PlaneRegions] | None = None


def count_planes(
    scores: Evaluate[np.ndarray, np.ndarray],
    slices: int,
    *,
    steps: int = 512,
    whole_square: bool = False,
    budget: int = PLANE_BUDGET,
    safety: float = PLANE_SAFETY,
    located: Located | None = None,
) -> PlaneCounts:
    """Counts the regions of planes as a grid of `steps + 1` points per axis would.

    Args:
        scores: `scores(slice_index, cells)` returns float32 scores [n, classes] at grid positions
            int64 [n, 2] of planes int64 [n].
        slices: number of planes.
        steps: grid steps per axis, a power of two, at least 8.
        whole_square: count on the square of the coordinates instead of the triangle below its
            diagonal.
        budget: evaluations of a plane after which its mesh is left as it is.
        safety: factor on the estimated interpolation error, above 0.
        located: geometry of the planes, where their regions are wanted; boundaries are then
            followed down to a 32nd of the plane.

    Returns:
        The counts. A plane's count does not depend on the planes it is counted with.

    Example:
        >>> import numpy as np
        >>> def disc(slice_index, cells):  # class 1 inside of a circle
        ...     x, y = cells.T / 512
        ...     inside = 0.01 - (x - 0.3) ** 2 - (y - 0.3) ** 2
        ...     return np.stack([0 * inside, inside], axis=1).astype(np.float32)
        >>> int(count_planes(disc, 1).counts[0])
        2
    """
    mesh = Mesh(scores, slices, steps, whole_square)
    ended = _refine(mesh, slices, budget, safety, located is not None)
    finest = np.flatnonzero(mesh.level == mesh.deepest)
    unsettled = np.zeros(len(mesh.corners), bool)
    unsettled[finest[_judge(mesh, finest, safety)]] = True
    links = _links(mesh.corners, mesh.labels)
    sure = _links(mesh.corners[~unsettled], mesh.labels)
    component = components(len(mesh.keys), np.concatenate([links, _diagonals(mesh)]))
    counts = _count(mesh, component, slices)
    uncertain = ended
    uncertain[mesh.slice_of_triangle[open_passages(mesh, component)]] = True
    for some in (links, sure):
        uncertain = uncertain | (_count(mesh, components(len(mesh.keys), some), slices) != counts)
    evaluations = np.bincount(mesh.slice_of_vertex, minlength=slices)
    regions = None if located is None else mesh_regions(mesh, component, located)
    return PlaneCounts(counts.astype(np.int32), evaluations.astype(np.int32), uncertain, regions)


def _refine(
    mesh: Mesh,
    slices: int,
    budget: int,
    safety: float,
    locate: bool,
) -> np.ndarray:
    """Refines the mesh; bool [slices], where the budget ended that."""
    for _ in range(min(_FIRST_BISECTIONS, mesh.deepest)):
        mesh.refine(np.ones(len(mesh.corners), bool))
    new = np.ones(len(mesh.corners), bool)
    ended = np.zeros(slices, bool)
    while True:
        spent = np.bincount(mesh.slice_of_vertex, minlength=slices) >= budget
        open_ = np.flatnonzero(new & (mesh.level < mesh.deepest))
        doubt = _judge(mesh, open_, safety)
        if locate:
            doubt |= (mesh.level[open_] < _LOCATED_LEVEL) & _mixed(mesh, open_)
        wanted = open_[doubt]
        stopped = spent[mesh.slice_of_triangle[wanted]]
        ended[mesh.slice_of_triangle[wanted[stopped]]] = True
        chosen = np.zeros(len(mesh.corners), bool)
        chosen[wanted[~stopped]] = True
        if not chosen.any():
            return ended
        new = mesh.refine(chosen)


def _mixed(mesh: Mesh, triangles: np.ndarray) -> np.ndarray:
    labels = mesh.labels[mesh.corners[triangles]]
    return np.asarray((labels != labels[:, :1]).any(axis=1))


def _judge(mesh: Mesh, triangles: np.ndarray, safety: float) -> np.ndarray:
    """`doubtful`, in chunks that bound the memory."""
    size = max(1, _SCORES_AT_ONCE // (8 * mesh.values.shape[1]))
    parts = [
        doubtful(mesh, triangles[start : start + size], safety)
        for start in range(0, len(triangles), size)
    ]
    return np.concatenate([np.zeros(0, bool), *parts])


def _links(corners: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Edges int64 [links, 2] of triangles between vertices of equal label."""
    edges = corners[:, _EDGES].reshape(-1, 2)
    return np.compress(labels[edges[:, 0]] == labels[edges[:, 1]], edges, axis=0)


def _diagonals(mesh: Mesh) -> np.ndarray:
    """Links int64 [links, 2] between diagonal neighbours of the finest grid with equal labels."""
    links = []
    for step in ((1, 1), (1, -1)):
        other = mesh.neighbour(step)
        here = np.flatnonzero(other >= 0)
        here = here[mesh.labels[here] == mesh.labels[other[here]]]
        links.append(np.stack([here, other[here]], axis=1))
    return np.concatenate(links)


def _count(mesh: Mesh, component: np.ndarray, slices: int) -> np.ndarray:
    return np.bincount(mesh.slice_of_vertex[np.unique(component)], minlength=slices)
