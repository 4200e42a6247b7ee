"""Triangulations of many planes at once, refined by newest-vertex bisection.

Vertices are points of a grid of `steps + 1` points per axis, `steps` a power of two. A triangle is
right-angled and isosceles in the coordinates of its plane; it is bisected at the middle of its
hypotenuse, so two bisections halve all its edges and no triangle ever becomes thin. No vertex lies
inside an edge of another triangle after `Mesh.refine`.
"""

from __future__ import annotations

import numpy as np

from rcjax.regions.types import Evaluate

_EDGES = ((0, 1), (1, 2), (0, 2))


class Mesh:
    """The triangles of a block of planes and the scores at their vertices.

    Args:
        scores: `scores(slice_index, cells)` with int64 [n] and int64 [n, 2] returns float32
            scores [n, classes] at grid points.
        slices: number of planes.
        steps: grid steps per axis, a power of two.
        whole_square: mesh the square of the coordinates, not only its half below the diagonal.

    Attributes:
        keys: int64 [vertices], plane and grid position as one number.
        values: float32 [vertices, classes].
        labels: int64 [vertices], the first largest score.
        bulge: float32 [vertices, classes], the scores less the mean of the two ends of the edge
            that the vertex halved; 0 for the first vertices.
        reach: float32 [vertices], length of that edge as a share of the first hypotenuse, or 0.
        corners: int64 [triangles, 3], vertices; the hypotenuse joins the first two.
        level: int64 [triangles], number of bisections that led to a triangle.
        parent: int64 [triangles], the vertex that the last of them made, -1 for none.
        middles: int64 [triangles, 3], keys of the points that halve the edges; -1 where the grid
            has none, and for triangles of the deepest level.
        deepest: the level at which hypotenuses join diagonal neighbours of the grid.
    """

    def __init__(
        self, scores: Evaluate[np.ndarray, np.ndarray], slices: int, steps: int, whole_square: bool
    ):
        self._scores, self.steps, self._side = scores, steps, steps + 1
        self.deepest = 2 * (steps.bit_length() - 1)
        places = np.array([[steps, 0], [0, steps], [0, 0], [steps, steps]][: 3 + whole_square])
        number = len(places)
        keys = np.arange(slices)[:, None] * self._side**2 + places @ [self._side, 1]
        self.keys = keys.ravel()
        self.values, self.labels = self._evaluate(self.keys)
        self._sort()
        self.bulge = np.zeros_like(self.values)
        self.reach = np.zeros(len(self.keys), np.float32)
        shape = np.array([[0, 1, 2], [0, 1, 3]][: 1 + whole_square])
        self.corners = (np.arange(slices)[:, None, None] * number + shape).reshape(-1, 3)
        self.level = np.zeros(len(self.corners), np.int64)
        self.parent = np.full(len(self.corners), -1)
        self.middles = self._middles(self.corners, self.level)

    @property
    def slice_of_vertex(self) -> np.ndarray:
        """int64 [vertices]."""
        return np.asarray(self.keys // self._side**2)

    @property
    def slice_of_triangle(self) -> np.ndarray:
        """int64 [triangles]."""
        return np.asarray(self.slice_of_vertex[self.corners[:, 0]])

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The vertices with these keys, -1 where there is none."""
        place = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        return np.where(self._sorted[place] == keys, self._order[place], -1)

    def cells(self, vertices: np.ndarray) -> np.ndarray:
        """Grid positions int64 [n, 2]."""
        within = self.keys[vertices] % self._side**2
        return np.stack([within // self._side, within % self._side], axis=1)

    def neighbour(self, step: tuple[int, int]) -> np.ndarray:
        """For every vertex the vertex one grid step further in both coordinates, or -1."""
        cells = self.cells(np.arange(len(self.keys))) + step
        inside = ((cells >= 0) & (cells < self._side)).all(axis=1)
        return np.where(inside, self.find(self.keys + step[0] * self._side + step[1]), -1)

    def refine(self, chosen: np.ndarray) -> np.ndarray:
        """Bisects the triangles under a mask, and others until no vertex lies inside an edge.

        Returns:
            bool [triangles], the triangles that are new.
        """
        new = np.zeros(len(self.corners), bool)
        while chosen.any():
            new = np.concatenate([new[~chosen], np.ones(2 * int(chosen.sum()), bool)])
            made = self._bisect(chosen)
            chosen = self._broken(2 * int(chosen.sum()), made)
        return new

    def _bisect(self, chosen: np.ndarray) -> np.ndarray:
        """Puts the halves of some triangles last; returns the keys of new vertices, ascending."""
        first, second, apex = self.corners[chosen].T
        level = self.level[chosen]
        middle = (self.keys[first] + self.keys[second]) // 2
        missing = np.flatnonzero(self.find(middle) < 0)
        new, index = np.unique(middle[missing], return_index=True)
        parents = missing[index]
        if len(new):
            chord = (self.values[first[parents]] + self.values[second[parents]]) / 2
            self._add(new, chord, 2.0 ** (-level[parents] / 2))
        vertex = self.find(middle)
        halves = [np.stack([first, apex, vertex], axis=1), np.stack([apex, second, vertex], axis=1)]
        children, levels = np.concatenate(halves), np.concatenate([level + 1, level + 1])
        self.corners = np.concatenate([self.corners[~chosen], children])
        self.level = np.concatenate([self.level[~chosen], levels])
        self.parent = np.concatenate([self.parent[~chosen], vertex, vertex])
        middles = self._middles(children, levels)
        self.middles = np.concatenate([self.middles[~chosen], middles])
        return np.asarray(new)

    def _broken(self, children: int, made: np.ndarray) -> np.ndarray:
        """bool [triangles]: some edge has a vertex in its middle.

        All triangles but the last `children` were whole before the vertices with the keys `made`.
        """
        broken = np.zeros(len(self.corners), bool)
        whole = len(broken) - children
        if len(made):
            place = np.minimum(np.searchsorted(made, self.middles[:whole]), len(made) - 1)
            broken[:whole] = (made[place] == self.middles[:whole]).any(axis=1)
        broken[whole:] = (self.find(self.middles[whole:]) >= 0).any(axis=1)
        return broken

    def _middles(self, corners: np.ndarray, level: np.ndarray) -> np.ndarray:
        """int64 [n, 3], as the attribute `middles`."""
        found = np.empty(corners.shape, np.int64)
        for edge, (i, j) in enumerate(_EDGES):
            first, second = corners[:, i], corners[:, j]
            even = ((self.cells(first) + self.cells(second)) % 2 == 0).all(axis=1)
            middle = (self.keys[first] + self.keys[second]) // 2
            found[:, edge] = np.where(even & (level < self.deepest), middle, -1)
        return found

    def _add(self, keys: np.ndarray, chord: np.ndarray, reach: np.ndarray) -> None:
        values, labels = self._evaluate(keys)
        self.keys = np.concatenate([self.keys, keys])
        self.values = np.concatenate([self.values, values])
        self.labels = np.concatenate([self.labels, labels])
        self.bulge = np.concatenate([self.bulge, values - chord])
        self.reach = np.concatenate([self.reach, reach.astype(np.float32)])
        self._sort()

    def _evaluate(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores and labels at grid points."""
        within = keys % self._side**2
        cells = np.stack([within // self._side, within % self._side], axis=1)
        values = self._scores(keys // self._side**2, cells)
        return values, values.argmax(axis=1)

    def _sort(self) -> None:
        self._order = np.argsort(self.keys, kind="stable")
        self._sorted = self.keys[self._order]
