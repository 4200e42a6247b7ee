"""The region count of a very fine grid on segments from a few dozen evaluations each.

The number of regions of a segment is one more than the number of label changes along it (section 1
of the paper). The published estimator evaluates 200 points everywhere; this one looks where a
change can be. It starts from a coarse grid and then, round by round and on all segments together,
adds a point to every interval that may hide a change of label:

- both ends have the same label, but the interpolated margin over some other class, less `safety`
  times its error scale, could become negative inside;
- the ends have different labels, and a third class could come out on top between them, or the
  margin of the two could cross zero more than once.

An interval with exactly one possible change of label counts as one and is left alone: to count, one
need not know where the change is. Points are always points of the fine grid, so in the limit of a
large `safety` the result is that grid's count, whatever the function.

What is certain: a count is never above the fine grid's, because every change it counts lies between
two evaluated points with different labels. What is not: it can be too low, by 2 where it misses an
island of another class and by 1 where it misses a third class between two regions. Doubling
`safety` tells how likely that is for the networks at hand.

What it cannot see: regions narrower than the initial spacing that leave no trace in the scores of
the surrounding points. Scores that are piecewise constant (trees, nearest neighbours) leave none;
give those a larger `initial_intervals`, or use the grid. Small rounding noise in the scores, as of
mixed precision, costs evaluations but no agreement as long as the labels are right.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rcjax.regions.adaptive.points import PointEvaluator, coarse_grid
from rcjax.regions.adaptive.refinement import by_labels, by_scores
from rcjax.regions.adaptive.result import AdaptiveResult, concatenate, summarize
from rcjax.regions.types import Evaluate

__all__ = ["AdaptiveResult", "count_adaptive"]

INITIAL_INTERVALS_WITH_SCORES = 10
INITIAL_INTERVALS_LABELS_ONLY = 64
# Scores held at a time (float32): more segments are counted in groups, one after the other.
SCORES_IN_A_GROUP = 4_000_000
# The first group, before the number of classes is known.
SLICES_IN_FIRST_GROUP = 2_000


def count_adaptive(
    evaluate: Evaluate[np.ndarray, np.ndarray],
    num_slices: int,
    *,
    points: int = 8193,
    has_scores: bool,
    locate_boundaries: bool = False,
    initial_intervals: int | None = None,
    safety: float = 5.0,
    on_round: Callable[[int, int], None] | None = None,
) -> AdaptiveResult:
    """Counts the regions of segments as a grid of `points` points would, with few evaluations.

    Args:
        evaluate: `evaluate(slice_index, coordinates)` with int32 [P] and float64 [P, 1], the
            positions in [0, 1] on the segments, returns float scores [P, classes], or integer
            labels [P] when `has_scores` is False. The label of scores is their first maximum.
            Logits are best; scores that are probabilities are interpolated as their logarithms.
            It is called once a round with the points of all segments together.
        num_slices: number of segments; `slice_index` runs from 0 to `num_slices - 1`.
        points: points of the fine grid that the count refers to, ends included, at least 2. Only
            points of `numpy.linspace(0, 1, points)` are evaluated, none of them twice.
        has_scores: whether `evaluate` returns scores. Labels alone allow plain bisection only: of
            an interval of the initial grid whose ends agree, nothing is seen, and of one whose
            ends differ, one change on each path of the bisection. The count is then a lower bound
            of the fine grid's, and equal to it when no interval hides two changes.
        locate_boundaries: continue until every boundary lies between neighbours of the fine grid.
            Without it boundaries are interpolated. Labels alone always locate them. The extra
            points can also reveal further regions.
        initial_intervals: intervals of the coarse grid, at least 1; 10 with scores, 64 without.
        safety: factor on the estimated interpolation error, above 0; more is safer and dearer.
        on_round: called after every round with the number of segments finished in earlier groups
            and the number of points evaluated in the round, for progress reports.

    Returns:
        An `AdaptiveResult`. What is found for a segment does not depend on which other segments
        are counted with it.

    Raises:
        ValueError: an argument out of range, scores that are NaN, or an output of the wrong shape.

    Example:
        >>> import numpy as np
        >>> def three_bands(slice_index, coordinates):
        ...     x = coordinates[:, 0]
        ...     return np.stack([0.3 - x, 0 * x, x - 0.7], axis=1)
        >>> result = count_adaptive(three_bands, 1, has_scores=True)
        >>> result.counts
        array([3], dtype=int32)
        >>> np.round(result.boundaries[0], 3)
        array([0.3, 0.7])
    """
    _check(num_slices, points, initial_intervals, safety)
    if initial_intervals is None:
        initial_intervals = (
            INITIAL_INTERVALS_WITH_SCORES if has_scores else INITIAL_INTERVALS_LABELS_ONLY
        )
    evaluator = PointEvaluator(evaluate, num_slices, points, has_scores)
    coarse = coarse_grid(points, initial_intervals)
    parts: list[AdaptiveResult] = []
    done, group = 0, SLICES_IN_FIRST_GROUP
    while done < num_slices:
        slices = np.arange(done, min(done + group, num_slices))
        known, fresh = evaluator.first(slices, coarse), 1
        while fresh < known.used:
            if on_round is not None:
                on_round(done, known.used - fresh)
            left, position = (
                by_scores(known, fresh, safety, locate_boundaries)
                if has_scores
                else by_labels(known, fresh)
            )
            fresh = known.used
            if len(left):
                evaluator.more(known, left, position)
        parts.append(summarize(known, slices, len(coarse), evaluator.grid))
        done += len(slices)
        group = max(64, SCORES_IN_A_GROUP // (len(coarse) * max(len(known.scores), 1)))
    return concatenate(parts)


def _check(num_slices: int, points: int, initial_intervals: int | None, safety: float) -> None:
    if num_slices < 0:
        raise ValueError(f"num_slices must not be negative, got {num_slices}")
    if points < 2:
        raise ValueError(f"a segment needs at least 2 points (its ends), got points={points}")
    if initial_intervals is not None and initial_intervals < 1:
        raise ValueError(f"initial_intervals must be at least 1, got {initial_intervals}")
    if not (safety > 0 and math.isfinite(safety)):
        raise ValueError(f"safety must be a positive number (5 is usual), got {safety}")
