"""Finds every linear piece of a network on segments.

Inside a linear piece every switch moves linearly, so a point predicts where its piece begins and
ends. The search evaluates the points just inside and just outside of predicted ends, on all
segments together, until neighbouring points either share their activation pattern (then there is
one linear piece between them) or enclose one predicted breakpoint narrowly.
"""

import dataclasses

import numpy as np

from rcjax.regions.exact.evaluation import SegmentPoints
from rcjax.regions.types import Evaluate

_STARTS = 5
_CANDIDATES = 5
# A gap this many pieces wide gets a point in its middle too, so that rounds grow as a logarithm.
_WIDE_GAP = 16


@dataclasses.dataclass(frozen=True)
class Resolution:
    """Widths on the segment, as fractions of its length.

    Attributes:
        bracket: distance from a predicted breakpoint at which both sides are evaluated.
        rounding: predictions closer than this agree; pieces narrower than this are not seen.
    """

    bracket: float
    rounding: float


RESOLUTIONS = {
    "float64": Resolution(bracket=1e-9, rounding=1e-11),
    "float32": Resolution(bracket=5e-6, rounding=1e-6),
}


@dataclasses.dataclass
class Search:
    """The findings of the search on one block of segments.

    Attributes:
        points: all evaluated points, by segment and position.
        evaluations: int64 [slices].
        complete: bool [slices], False where the budget ended the search.
        crowded: int64 [slices], intervals of the width of rounding in which neighbouring
            predictions did not agree on one breakpoint: there may be more than the one counted.
    """

    points: SegmentPoints
    evaluations: np.ndarray
    complete: np.ndarray
    crowded: np.ndarray


def search(
    evaluate: Evaluate[np.ndarray, SegmentPoints], slices: int, budget: int, resolution: Resolution
) -> Search:
    """Searches segments 0..slices-1 with at most `budget` evaluations each."""
    starts = min(_STARTS, budget)
    positions = np.tile(np.linspace(0, 1, starts), slices)
    points = evaluate(np.repeat(np.arange(slices), starts), positions)
    spent = np.full(slices, starts)
    complete = np.ones(slices, bool)
    crowded = np.zeros(slices, np.int64)
    first = np.arange(len(points)).reshape(slices, starts)[:, :-1].ravel()
    second = first + 1
    while True:
        open_, narrow = _classify(points, first, second, resolution)
        np.add.at(crowded, points.slices[first[narrow]], 1)
        first, second = first[open_], second[open_]
        candidates = _candidates(points, first, second, resolution)
        affordable = _affordable(points.slices[first], candidates, budget - spent)
        complete[points.slices[first[~affordable]]] = False
        first, second, candidates = first[affordable], second[affordable], candidates[affordable]
        if len(first) == 0:
            break
        used = np.isfinite(candidates)
        rows = np.nonzero(used)[0]
        new = evaluate(points.slices[first[rows]], candidates[used])
        np.add.at(spent, new.slices, 1)
        chain = np.full((len(first), _CANDIDATES + 2), -1)
        chain[:, 0], chain[:, -1] = first, second
        chain[:, 1:-1][used] = len(points) + np.arange(len(new))
        points = points.join(new)
        first, second = _links(chain)
    points = points.take(np.lexsort((points.positions, points.slices)))
    return Search(points, spent, complete, crowded)


def _predictions(
    points: SegmentPoints, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Both ends of every interval, where the piece of the first ends, that of the second begins."""
    a, b = points.positions[first], points.positions[second]
    end, begin = points.right[first], points.left[second]
    return a, b, end, begin


def _classify(
    points: SegmentPoints, first: np.ndarray, second: np.ndarray, resolution: Resolution
) -> tuple[np.ndarray, np.ndarray]:
    """Which intervals need more points, and which are given up as narrower than rounding."""
    a, b, end, begin = _predictions(points, first, second)
    differ = points.fingerprints[first] != points.fingerprints[second]
    meet = np.abs(begin - end) <= resolution.rounding
    certified = meet & (b - a <= 4 * resolution.bracket)
    tiny = b - a <= 4 * resolution.rounding
    return differ & ~certified & ~tiny, differ & ~certified & tiny


def _candidates(
    points: SegmentPoints, first: np.ndarray, second: np.ndarray, resolution: Resolution
) -> np.ndarray:
    """Positions to evaluate next in every interval: float64 [intervals, 5], ascending, NaN last."""
    a, b, end, begin = _predictions(points, first, second)
    bracket, rounding = resolution.bracket, resolution.rounding
    gap = begin - end
    sensible = (end <= b + rounding) & (begin >= a - rounding) & (gap >= -rounding)
    wide, narrow = sensible & (gap > 4 * bracket), b - a <= 4 * bracket
    meet = gap <= rounding
    piece = np.maximum(end - points.left[first], points.right[second] - begin)
    middle = wide & (gap > _WIDE_GAP * piece)
    nothing = np.full(len(a), np.nan)
    candidates = np.stack(
        [
            np.where(sensible & ~narrow, end - bracket, nothing),
            np.where(wide, end + bracket, nothing),
            np.where(middle | (sensible & ~wide & ~meet), (end + begin) / 2, nothing),
            np.where(wide, begin - bracket, nothing),
            np.where(sensible & ~narrow, begin + bracket, nothing),
        ],
        axis=1,
    )
    with np.errstate(invalid="ignore"):
        inside = (candidates > a[:, None] + rounding) & (candidates < b[:, None] - rounding)
    candidates[~inside] = np.nan
    stuck = ~np.isfinite(candidates).any(axis=1)
    candidates[stuck, 0] = (a[stuck] + b[stuck]) / 2  # halving ends whatever rounding does
    return np.sort(candidates, axis=1)


def _affordable(slices: np.ndarray, candidates: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Which intervals the budget of their segment still covers, in order of appearance."""
    wanted = np.isfinite(candidates).sum(axis=1)
    order = np.argsort(slices, kind="stable")
    total = np.cumsum(wanted[order])
    begins = np.flatnonzero(np.diff(slices[order], prepend=-1))
    before = np.repeat(total[begins] - wanted[order][begins], np.diff([*begins, len(order)]))
    affordable = np.empty(len(slices), bool)
    affordable[order] = total - before <= left[slices[order]]
    return affordable


def _links(chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours along rows of point indices, skipping the entries -1."""
    rows, columns = np.nonzero(chain >= 0)
    flat = chain[rows, columns]
    linked = rows[1:] == rows[:-1]
    return flat[:-1][linked], flat[1:][linked]
