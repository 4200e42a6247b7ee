"""The regions of a refined mesh: its triangles are parted where interpolated scores tie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rcjax.array_types import Float, Int
from rcjax.regions import simplex
from rcjax.regions.planes.mesh import Mesh
from rcjax.regions.planes.parts import plane_regions
from rcjax.regions.slice_regions import PlaneRegions

_EDGES = ((0, 1), (1, 2), (0, 2))


class Located(NamedTuple):
    """Where planes lie: anchors [slices, 3, *features], and the extent of their coordinates."""

    anchors: Float[np.ndarray, "slices 3 *features"]
    extent: tuple[float, float]


class _Triangles(NamedTuple):
    """Triangles of one plane: positions of their corners in coordinates, labels and regions."""

    places: Float[np.ndarray, "triangles 3 2"]
    labels: Int[np.ndarray, "triangles 3"]
    regions: Int[np.ndarray, "triangles 3"]

    def some(self, chosen: np.ndarray) -> _Triangles:
        return _Triangles(*(values[chosen] for values in self))


def mesh_regions(
    mesh: Mesh, component: Int[np.ndarray, " vertices"], located: Located
) -> list[PlaneRegions]:
    """The regions of every plane of a mesh.

    A triangle whose corners agree belongs to their region. Any other is parted among its corners:
    at the points of its edges where the linearly interpolated scores of two labels tie, and, where
    three labels meet, at the point where all three do.

    Args:
        mesh: as it was refined.
        component: the component of every vertex.
        located: geometry of the planes.
    """
    order = np.argsort(mesh.slice_of_triangle, kind="stable")
    slices = len(located.anchors)
    ends = np.searchsorted(mesh.slice_of_triangle[order], np.arange(slices + 1))
    low, high = located.extent
    found = []

    def on_rim(cells: np.ndarray) -> np.ndarray:
        return _on_rim(cells, mesh.steps, simplex.is_simplex(located.extent, 2))

    for plane in range(slices):
        corners = mesh.corners[order[ends[plane] : ends[plane + 1]]]
        vertices, index = np.unique(corners, return_inverse=True)
        index = index.reshape(corners.shape)
        roots, region = np.unique(component[vertices], return_inverse=True)
        cells = mesh.cells(vertices)
        shares = cells / mesh.steps
        places = (1 - shares) * low + shares * high
        triangles = _Triangles(places[index], mesh.labels[corners], region[index])
        mixed = (triangles.labels != triangles.labels[:, :1]).any(axis=1)
        plain, parted = triangles.some(~mixed), triangles.some(mixed)
        crossings, middle = _ties(parted, mesh.values[corners[mixed]].astype(np.float64))
        parts, owners = _parts(parted, crossings, middle)
        inner = [_between(parted, crossings, middle, edge) for edge in range(3)]
        halves = np.stack([plain.places[:, [i, j]].mean(axis=1) for i, j in _EDGES], axis=1)
        rim = [
            *_rim(parted, crossings, on_rim(cells[index[mixed]])),
            *_rim(plain, halves, on_rim(cells[index[~mixed]])),
        ]
        pairs, edges = zip(*inner, *rim, strict=True)
        found.append(
            plane_regions(
                mesh.labels[roots],
                [*plain.places, *parts],
                np.concatenate([plain.regions[:, 0], owners]),
                np.concatenate([_areas(plain.places), _areas(parts)]),
                np.concatenate(pairs),
                np.concatenate(edges),
                located.anchors[plane],
            )
        )
    return found


def _ties(triangles: _Triangles, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where labels change along the edges [n, 3, 2], and where the parts of all corners meet.

    Parts of corners with one label may meet anywhere: halfway.
    """
    labels, places = triangles.labels, triangles.places
    crossings = np.empty_like(places)
    for edge, (i, j) in enumerate(_EDGES):
        lead = _lead(values[:, i], labels[:, i], labels[:, j])
        lag = _lead(values[:, j], labels[:, j], labels[:, i])
        known = lead + lag > 0
        share = np.where(known, lead / np.where(known, lead + lag, 1), 0.5)[:, None]
        crossings[:, edge] = (1 - share) * places[:, i] + share * places[:, j]
    change = np.stack([labels[:, i] != labels[:, j] for i, j in _EDGES], axis=1)
    middle = (crossings * change[:, :, None]).sum(axis=1) / change.sum(axis=1, keepdims=True)
    first, second = (
        np.stack([_lead(values[:, k], labels[:, 0], labels[:, other]) for k in range(3)], axis=1)
        for other in (1, 2)
    )
    weight = np.cross(first, second)
    weight *= np.where(weight.sum(axis=1, keepdims=True) < 0, -1, 1)
    meet = change.all(axis=1) & (weight > 0).all(axis=1)
    weight = weight[meet] / weight[meet].sum(axis=1, keepdims=True)
    middle[meet] = np.einsum("nk,nkx->nx", weight, places[meet])
    return crossings, middle


def _lead(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """By how much the score of one class exceeds that of another."""
    row = np.arange(len(values))
    return np.asarray(values[row, first] - values[row, second])


def _parts(
    triangles: _Triangles, crossings: np.ndarray, middle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The part of every corner as a quadrilateral [parts, 4, 2], and its region."""
    quads = [
        np.stack([triangles.places[:, i], crossings[:, a], middle, crossings[:, b]], axis=1)
        for i, (a, b) in enumerate(((0, 2), (1, 0), (2, 1)))
    ]
    return np.concatenate(quads), triangles.regions.T.ravel()


def _between(
    triangles: _Triangles, crossings: np.ndarray, middle: np.ndarray, edge: int
) -> tuple[np.ndarray, np.ndarray]:
    """The boundaries that begin on one edge of the triangles: pairs of regions, and their ends."""
    pairs = triangles.regions[:, _EDGES[edge]]
    differ = pairs[:, 0] != pairs[:, 1]
    return pairs[differ], np.stack([crossings[differ, edge], middle[differ]], axis=1)


def _rim(
    triangles: _Triangles, crossings: np.ndarray, on_rim: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The edges on the rim of the plane, each in two parts, with -1 for what lies beyond."""
    found = []
    for edge, (i, j) in enumerate(_EDGES):
        on = on_rim[:, edge]
        for end in (i, j):
            pairs = np.stack([triangles.regions[on, end], np.full(int(on.sum()), -1)], axis=1)
            sides = np.stack([triangles.places[on, end], crossings[on, edge]], axis=1)
            found.append((pairs, sides))
    return found


def _on_rim(cells: np.ndarray, steps: int, simplex_only: bool) -> np.ndarray:
    """bool [n, 3]: which edges of triangles with corners at grid positions [n, 3, 2] are rim."""
    found = np.zeros(cells.shape[:2], bool)
    for edge, (i, j) in enumerate(_EDGES):
        first, second = cells[:, i], cells[:, j]
        found[:, edge] = ((first == second) & ((first == 0) | (first == steps))).any(axis=1)
        if simplex_only:
            found[:, edge] |= (first.sum(axis=1) == steps) & (second.sum(axis=1) == steps)
    return found


def _areas(polygons: np.ndarray) -> np.ndarray:
    """Of polygons [n, k, 2]."""
    x, y = np.moveaxis(polygons, 2, 0)
    twice = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)
    return np.asarray(np.abs(twice) / 2)
