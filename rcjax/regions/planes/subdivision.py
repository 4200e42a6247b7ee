"""Subdivides planes into the linear pieces of a network, and the pieces by label.

Inside a polygon on which no switch of the earlier layers flips, the switches of the next layer are
affine, so the lines at which they flip are known from one evaluation and valid on all of it. A
polygon is cut by the lines of its first layer with any; the part around the evaluated point goes on
with the later layers of the same evaluation, every other part is evaluated anew. What no line
crosses is one linear piece. Pieces cover the plane without gaps or overlaps by construction.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from rcjax.regions.exact import Piece, PlaneEvaluator
from rcjax.regions.planes.polygons import NARROWEST, Polygon, crossed, cut


class Cell(NamedTuple):
    """A polygon on which the scores are affine: at `place`, `scores` with gradient `slopes`."""

    polygon: Polygon
    place: np.ndarray
    scores: np.ndarray
    slopes: np.ndarray
    fingerprint: int


class Subdivision(NamedTuple):
    """The cells of one plane; whether they are all of the network's; evaluations spent."""

    cells: list[Cell]
    complete: bool
    evaluations: int


class LabelledPolygon(NamedTuple):
    """A part of a cell on which one label wins."""

    polygon: Polygon
    label: int
    cell: int


def subdivide(evaluator: PlaneEvaluator, plane: int, rim: np.ndarray, budget: int) -> Subdivision:
    """The cells of one plane, whose rim is the convex polygon float64 [k, 2]."""
    number = itertools.count(1)  # 0 is the rim of the plane
    waiting = deque([Polygon(rim, (0,) * len(rim))])
    cells: list[Cell] = []
    spent, complete = 0, True
    while waiting:
        size = min(len(waiting), evaluator.batch_size, budget - spent)
        if size <= 0:
            complete = False
            break
        batch = [waiting.popleft() for _ in range(size)]
        places = np.array([polygon.centre for polygon in batch])
        spent += size
        for polygon, place, piece in zip(
            batch, places, evaluator(np.full(size, plane), places), strict=True
        ):
            own, others = _cut_by_layers(polygon, place, piece, number)
            cells.append(Cell(own, place, piece.scores, piece.slopes, piece.fingerprint))
            waiting.extend(others)
    cells += _unfinished(waiting, cells)
    return Subdivision(cells, complete, spent)


def _unfinished(waiting: Iterable[Polygon], cells: list[Cell]) -> list[Cell]:
    """The polygons that the budget left, with the scores of the cell whose point is nearest."""
    x, y = np.array([cell.place for cell in cells]).T
    found = []
    for polygon in waiting:
        centre = polygon.centre
        near = int(((x - centre[0]) ** 2 + (y - centre[1]) ** 2).argmin())
        found.append(cells[near]._replace(polygon=polygon))
    return found


def _cut_by_layers(
    polygon: Polygon, place: np.ndarray, piece: Piece, number: Iterator[int]
) -> tuple[Polygon, list[Polygon]]:
    """The polygon's part in the linear piece of `place`, and the other parts."""
    others: list[Polygon] = []
    lines = np.arange(len(piece.distances))
    while True:
        lines = lines[_crossing(polygon, place, piece, lines)]
        if not len(lines):
            return polygon, others
        first = lines[piece.layers[lines] == piece.layers[lines[0]]]
        parts = [(polygon, first, True)]
        while parts:
            part, own, around = parts.pop()
            own = own[_crossing(part, place, piece, own)]
            if not len(own):
                if around:
                    polygon = part
                else:
                    others.append(part)
                continue
            values = _values(part, place, piece, own)
            even = int(np.abs(values.max(axis=1) + values.min(axis=1)).argmin())
            if around:  # keep the sides of the point apart first
                even = 0
            least = NARROWEST * float(np.hypot(*piece.rates[own[even]]))
            inner, outer = cut(part, values[even], least, next(number))
            rest = np.delete(own, even)
            parts += [(inner, rest, around), (outer, rest, False)]
        lines = np.flatnonzero(piece.layers > piece.layers[first[0]])


def _values(polygon: Polygon, place: np.ndarray, piece: Piece, lines: np.ndarray) -> np.ndarray:
    steps = polygon.vertices - place
    return np.asarray(piece.distances[lines, None] + piece.rates[lines] @ steps.T)


def _crossing(polygon: Polygon, place: np.ndarray, piece: Piece, lines: np.ndarray) -> np.ndarray:
    return crossed(_values(polygon, place, piece, lines), piece.rates[lines])


def by_label(cells: list[Cell]) -> list[LabelledPolygon]:
    """Cuts every cell where two classes tie for the largest score."""
    used = max(abs(edge) for cell in cells for edge in cell.polygon.edges)
    number = itertools.count(used + 1)
    found = []
    for index, cell in enumerate(cells):
        parts = [cell.polygon]
        while parts:
            part = parts.pop()
            scores = cell.scores + (part.vertices - cell.place) @ cell.slopes.T
            centre = part.centre
            winner = int((cell.scores + cell.slopes @ (centre - cell.place)).argmax())
            leads = (scores[:, winner : winner + 1] - scores).T
            slopes = cell.slopes[winner] - cell.slopes
            rivals = np.flatnonzero(crossed(leads, slopes))
            if not len(rivals):
                found.append(LabelledPolygon(part, winner, index))
                continue
            rival = rivals[leads[rivals].min(axis=1).argmin()]
            least = NARROWEST * float(np.hypot(*slopes[rival]))
            parts += cut(part, leads[rival], least, next(number))
    return found
