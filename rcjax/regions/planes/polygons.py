"""Convex polygons in the coordinates of a plane, cut by lines.

Every cut has a number; both polygons that it makes get an edge with that number and their side, and
keep them however they are cut further. So which polygons share an edge is known without comparing
coordinates of vertices.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

# Polygons narrower than this, in coordinates of the plane, are not cut off.
NARROWEST = 1e-10

Span: TypeAlias = tuple[float, float, int]  # low, high, polygon


class Polygon(NamedTuple):
    """A convex polygon.

    vertices: float64 [k, 2], counter-clockwise.
    edges: the cut number of the edge that begins at each vertex, positive on one side of the cut
        and negative on the other; 0 on the rim of the plane.
    """

    vertices: np.ndarray
    edges: tuple[int, ...]

    @property
    def area(self) -> float:
        """Area in units of the coordinates."""
        x, y = (self.vertices - self.vertices[0]).T
        return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)

    @property
    def centre(self) -> np.ndarray:
        """The centroid, float64 [2]; well inside even where a polygon is thin."""
        first = self.vertices[0]
        a, b = self.vertices[1:-1] - first, self.vertices[2:] - first
        weight = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        if not weight.sum() > 0:
            return np.asarray(self.vertices.mean(axis=0))
        return np.asarray(first + weight @ (a + b) / (3 * weight.sum()))


def crossed(values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """bool [lines]: whether a line has more than `NARROWEST` of a polygon on either side.

    Args:
        values: [lines, vertices], an affine function of each line at the vertices.
        slopes: [lines, 2], its gradient.
    """
    least = NARROWEST * np.hypot(slopes[:, 0], slopes[:, 1])
    return np.asarray((values.min(axis=1) < -least) & (values.max(axis=1) > least))


def cut(polygon: Polygon, values: np.ndarray, least: float, number: int) -> tuple[Polygon, Polygon]:
    """The parts of a polygon where an affine function is positive and where it is negative.

    Args:
        polygon: what the line crosses.
        values: [vertices], the function at the vertices.
        least: values no larger than this count as 0.
        number: of the cut.
    """
    sides = np.where(values > least, 1, np.where(values < -least, -1, 0))
    parts: dict[int, tuple[list[np.ndarray], list[int]]] = {1: ([], []), -1: ([], [])}
    count = len(values)
    for i in range(count):
        after = (i + 1) % count
        here, there, edge = sides[i], sides[after], polygon.edges[i]
        crossing = here * there < 0
        for side, (vertices, edges) in parts.items():
            if here == side or here == 0:
                vertices.append(polygon.vertices[i])
                leaves = here == 0 and there == -side
                edges.append(side * number if leaves else edge)
            if crossing:
                share = values[i] / (values[i] - values[after])
                place = polygon.vertices[i] + share * (
                    polygon.vertices[after] - polygon.vertices[i]
                )
                vertices.append(place)
                edges.append(side * number if here == side else edge)
    first, second = (Polygon(np.array(v), tuple(e)) for v, e in (parts[1], parts[-1]))
    return first, second


def shared_edges(polygons: list[Polygon]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which polygons share an edge, and which part of it.

    Returns:
        pairs int64 [edges, 2] of polygons, with -1 as the second where the edge is on the rim of
        the plane, and float64 [edges, 2] the beginnings and ends.
    """
    by_cut: dict[int, list[tuple[bool, np.ndarray, np.ndarray, int]]] = {}
    pairs, begins, ends = [], [], []
    for index, polygon in enumerate(polygons):
        following = np.roll(polygon.vertices, -1, axis=0)
        for edge, begin, end in zip(polygon.edges, polygon.vertices, following, strict=True):
            if edge == 0:
                pairs.append((index, -1))
                begins.append(begin)
                ends.append(end)
            else:
                by_cut.setdefault(abs(edge), []).append((edge > 0, begin, end, index))
    for edges in by_cut.values():
        origin, far = edges[0][1], edges[0][2]
        for _, begin, end, _ in edges:
            far = max((far, begin, end), key=lambda p: float(((p - origin) ** 2).sum()))
        along = (far - origin) / max(float(np.hypot(*(far - origin))), 1e-300)
        sides: tuple[list[Span], list[Span]] = ([], [])
        for side, begin, end, index in edges:
            low, high = sorted((float((begin - origin) @ along), float((end - origin) @ along)))
            sides[side].append((low, high, index))
        for low, high, one, other in _overlaps(sorted(sides[0]), sorted(sides[1])):
            pairs.append((one, other))
            begins.append(origin + low * along)
            ends.append(origin + high * along)
    return np.array(pairs).reshape(-1, 2), np.array(begins), np.array(ends)


def _overlaps(first: list[Span], second: list[Span]) -> list[tuple[float, float, int, int]]:
    """Common parts, longer than `NARROWEST`, of two ascending lists of (low, high, polygon)."""
    found, i, j = [], 0, 0
    while i < len(first) and j < len(second):
        low, high = max(first[i][0], second[j][0]), min(first[i][1], second[j][1])
        if high - low > NARROWEST:
            found.append((low, high, first[i][2], second[j][2]))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return found
