"""Decides which triangles may hide a region, or join or part regions, and so need more vertices.

Inside a triangle a score is taken as linear, with an error of at most `safety` times a bump (a
parabola that is 0 at the ends of an edge, 1 in its middle) times the roughness: the largest bulge
seen at the vertices around, rescaled to the size of the triangle. A triangle is settled when all of
this holds under that error:

- no class other than those at its corners comes out on top inside;
- on each edge, no class other than the labels of its two ends comes out on top, the label of the
  third corner included: an edge between equal labels joins them (tested at the quarters of the
  edge, and without an error where the two labels tie);
- on each edge between different labels, the margin of the two changes its sign once.

Then the regions inside are those of the labels of the corners, and their connections are the edges
between equal labels.
"""

from __future__ import annotations

import numpy as np

from rcjax.regions.planes.mesh import Mesh
from rcjax.regions.planes.ties import third_on_top

# A bulge of an edge of length l becomes (h / l)**EXPONENT of it on length h: 2 for smooth scores,
# 1 for one kink, 1.5 for many small kinks.
_EXPONENT = 1.5
# Where labels meet, a third class needs only a small error to come out on top.
_MEETING_CAUTION = 2.0
# A margin that changes its sign is taken to do so once when it changes by more than this.
_SINGLE_CROSSING_CAUTION = 0.5
_EDGES = ((0, 1), (1, 2), (0, 2))
_QUARTERS = (0.25, 0.5, 0.75)


def _inner_points(parts: int) -> np.ndarray:
    """Barycentric coordinates [points, 3] of a triangular lattice without the three corners."""
    lattice = [(i, j, parts - i - j) for i in range(parts + 1) for j in range(parts + 1 - i)]
    points = np.array(lattice, np.float32) / parts
    return np.compress(points.max(axis=1) < 1, points, axis=0)


_PLACES = _inner_points(4)
_BUMPS = 4 * (_PLACES * np.roll(_PLACES, 1, axis=1)).sum(axis=1)


def doubtful(mesh: Mesh, triangles: np.ndarray, safety: float) -> np.ndarray:
    """bool [n]: whether more may happen in these triangles (indices) than their corners tell."""
    corners = mesh.corners[triangles]
    labels, values = mesh.labels[corners], mesh.values[corners]
    bulges = _rescaled_bulges(mesh, triangles)
    rough = [safety * _roughness(bulges, labels[:, i]) for i in range(3)]
    # One class at all corners: neither edges nor their crossings can be in doubt but the inside.
    doubt = _another_class_inside(labels, values, rough)
    mixed = np.flatnonzero((labels != labels[:, :1]).any(axis=1))
    doubt[mixed] |= _edges_in_doubt(labels[mixed], values[mixed], [r[mixed] for r in rough])
    return doubt


def _rescaled_bulges(mesh: Mesh, triangles: np.ndarray) -> np.ndarray:
    """float32 [n, 4, classes], of the corners and of the vertex made by the last bisection."""
    around = np.concatenate([mesh.corners[triangles], mesh.parent[triangles, None]], axis=1)
    reach = mesh.reach[around]
    size = 2.0 ** (-mesh.level[triangles, None] / 2)
    ratio = np.where(reach > 0, size / np.where(reach > 0, reach, 1), 0) ** _EXPONENT
    return np.asarray(mesh.bulge[around] * ratio.astype(np.float32)[:, :, None])


def _roughness(bulges: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Error scale [n, classes] of the margins of the class `top` [n] over every class."""
    of_top = np.take_along_axis(bulges, top[:, None, None], axis=2)
    return np.asarray(np.abs(of_top - bulges).max(axis=1))


def _another_class_inside(
    labels: np.ndarray, values: np.ndarray, rough: list[np.ndarray]
) -> np.ndarray:
    alike = (labels == labels[:, :1]).all(axis=1)[:, None]
    caution = np.where(alike, 1, _MEETING_CAUTION).astype(np.float32)
    least = np.full(values[:, 0].shape, np.inf, np.float32)
    for place, bump in zip(_PLACES, _BUMPS, strict=True):
        inside = np.einsum("k,nkc->nc", place, values)
        lead = np.full_like(least, -np.inf)
        for i in range(3):
            margin = _pick(inside, labels[:, i]) - inside - bump * caution * rough[i]
            lead = np.maximum(lead, margin)
        least = np.minimum(least, lead)
    np.put_along_axis(least, labels, np.inf, axis=1)
    return np.asarray(least.min(axis=1) < 0)


def _edges_in_doubt(labels: np.ndarray, values: np.ndarray, rough: list[np.ndarray]) -> np.ndarray:
    doubt = np.zeros(len(labels), bool)
    for i, j in _EDGES:
        first, second = labels[:, i], labels[:, j]
        differ = first != second
        caution = np.where(differ, _MEETING_CAUTION, 1).astype(np.float32)[:, None]
        for share in _QUARTERS:
            inside = (1 - share) * values[:, i] + share * values[:, j]
            bump = 4 * share * (1 - share) * caution
            lead = np.maximum(
                _pick(inside, first) - inside - bump * rough[i],
                _pick(inside, second) - inside - bump * rough[j],
            )
            np.put_along_axis(lead, labels[:, [i, j]], np.inf, axis=1)
            doubt |= lead.min(axis=1) < 0
        # Interpolated, a third class leads somewhere on the edge exactly if it leads at this tie,
        # however narrow it is; between quarters it may pass unseen.
        doubt |= differ & third_on_top(values[:, i], values[:, j], first, second).any(axis=1)
        rise = values[:, j] - values[:, i]
        change = (_pick(rise, second) - _pick(rise, first))[:, 0]
        error = _SINGLE_CROSSING_CAUTION * _pick(rough[i], second)[:, 0]
        doubt |= differ & (error > change)
    return doubt


def _pick(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """values[i, classes[i]] as a column."""
    return np.take_along_axis(values, classes[:, None], axis=1)
