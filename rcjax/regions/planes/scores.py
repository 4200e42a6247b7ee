"""Scores at grid positions of planes, checked and fit for interpolation."""

from __future__ import annotations

import numpy as np

from rcjax.array_types import Int
from rcjax.regions import simplex
from rcjax.regions.classifier import Evaluator
from rcjax.regions.types import Scores, SliceIndex

NEEDS_SCORES = (
    "method='adaptive' on planes needs scores [n, classes], and predict returns labels; "
    "return the scores, or use method='grid'"
)
_LARGEST_SCORE = 1e20
# Rows of scores that lie in [0, 1] and sum to 1 this closely are taken for probabilities.
_PROBABILITY_TOLERANCE = 1e-3


class PlaneScores:
    """Evaluates grid positions of the planes that are loaded in an evaluator.

    Probabilities saturate, so interpolating them says little; their logarithms are logits up to a
    shift. A plane's first points decide whether it has probabilities, so that no plane depends on
    the others it is counted with.

    Args:
        evaluator: an evaluator of scores, with a block of planes loaded.
        slices: number of planes.
        steps: grid steps per axis.
        extent: smallest and largest value of both coordinates.
    """

    def __init__(self, evaluator: Evaluator, slices: int, steps: int, extent: tuple[float, float]):
        self._evaluator, self._steps, self._extent = evaluator, steps, extent
        self._logarithmic = np.zeros(slices, bool)
        self._first = True

    def __call__(self, slice_index: SliceIndex, cells: Int[np.ndarray, "points 2"]) -> Scores:
        """float32, at positions of planes."""
        coordinates = simplex.coordinates_of(cells, self._steps + 1, self._extent)
        weights = simplex.barycentric_weights(coordinates)
        scores = self._evaluator.scores(slice_index.astype(np.int32), weights)
        if np.isnan(scores).any():
            bad = len(np.unique(slice_index[np.isnan(scores).any(axis=1)]))
            raise ValueError(
                f"predict returned NaN on {bad} of {len(self._logarithmic)} slices; a network that "
                "has diverged has no regions to count"
            )
        if self._first:
            near_one = np.abs(scores.sum(axis=1) - 1) < _PROBABILITY_TOLERANCE
            odd = ~(near_one & (scores >= 0).all(axis=1))
            self._logarithmic[:] = True
            self._logarithmic[slice_index[odd]] = False
            self._first = False
        logarithmic = self._logarithmic[slice_index]
        if logarithmic.any():
            smallest = np.finfo(np.float32).tiny
            scores = np.array(scores)
            scores[logarithmic] = np.log(np.maximum(scores[logarithmic], smallest))
        # Infinite scores keep their order; differences of the clipped ones stay finite.
        return np.asarray(np.clip(scores, -_LARGEST_SCORE, _LARGEST_SCORE), np.float32)
