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
give them a larger `initial_intervals`, or use the grid. Small rounding noise in the scores, as of
mixed precision, costs evaluations but no agreement as long as the labels are right.
"""

from __future__ import annotations

import numpy as np

from rcjax.regions.adaptive.options import AdaptiveOptions
from rcjax.regions.adaptive.points import PointEvaluator, coarse_grid
from rcjax.regions.adaptive.refinement import by_labels, by_scores
from rcjax.regions.adaptive.result import AdaptiveResult, concatenate, summarize
from rcjax.regions.adaptive.score_kind import ScoreKind
from rcjax.regions.types import Evaluate

__all__ = ["AdaptiveResult", "count_adaptive"]

# Scores of the coarse grid held at a time (float32): more segments are counted in groups.
SCORES_IN_A_GROUP = 4_000_000


def count_adaptive(
    evaluate: Evaluate[np.ndarray, np.ndarray],
    num_slices: int,
    options: AdaptiveOptions,
    kind: ScoreKind,
    classes: int = 1,
) -> AdaptiveResult:
    """Counts the regions of segments as the fine grid would, with few evaluations.

    Args:
        evaluate: `evaluate(slice_index, coordinates)` with int32 [P] and float64 [P, 1], the
            positions in [0, 1] on the segments, returns float scores [P, classes], or integer
            labels [P] where `kind` is "labels". Logits are best; scores that are probabilities are
            interpolated as their logarithms. It is called once a round with the points of all
            segments together, never twice with one point.
        num_slices: number of segments; `slice_index` runs from 0 to `num_slices - 1`.
        options: how to count; its extent is not looked at.
        kind: of the scores. Labels alone allow plain bisection only: of an interval of the coarse
            grid whose ends agree, nothing is seen, and of one whose ends differ, one change on each
            path of the bisection. The count is then a lower bound of the fine grid's, and its
            boundaries are always located.
        classes: number of scores of a point, which decides how many segments are held at a time.

    Returns:
        An `AdaptiveResult`. What is found for a segment does not depend on which other segments
        are counted with it.

    Raises:
        ValueError: scores that are NaN, or an output of the wrong shape.

    Example:
        >>> import numpy as np
        >>> def three_bands(slice_index, coordinates):
        ...     x = coordinates[:, 0]
        ...     return np.stack([0.3 - x, 0 * x, x - 0.7], axis=1)
        >>> result = count_adaptive(three_bands, 1, AdaptiveOptions(points=8193), "continuous")
        >>> result.counts
        array([3], dtype=int32)
        >>> np.round(result.boundaries[0], 3)
        array([0.3, 0.7])
    """
    has_scores = kind != "labels"
    evaluator = PointEvaluator(evaluate, num_slices, options.points, has_scores)
    coarse = coarse_grid(options.points, options.intervals(kind))
    parts: list[AdaptiveResult] = []
    group = max(1, SCORES_IN_A_GROUP // (len(coarse) * classes))
    for start in range(0, num_slices, group):
        slices = np.arange(start, min(start + group, num_slices))
        known, fresh = evaluator.first(slices, coarse), 1
        while fresh < known.used:
            left, position = (
                by_scores(known, fresh, options.safety, options.locate)
                if has_scores
                else by_labels(known, fresh)
            )
            fresh = known.used
            if len(left):
                evaluator.more(known, left, position)
        parts.append(summarize(known, slices, len(coarse), evaluator.grid))
    return concatenate(parts)
