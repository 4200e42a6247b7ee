"""Counts adaptively with a loop of the host: for classifiers on the host and mixed precision."""

from __future__ import annotations

import numpy as np

from rcjax.array_types import Float
from rcjax.regions import simplex
from rcjax.regions.adaptive.counting import count_adaptive
from rcjax.regions.adaptive.options import AdaptiveOptions
from rcjax.regions.adaptive.points import coarse_grid
from rcjax.regions.adaptive.result import AdaptiveResult
from rcjax.regions.adaptive.score_kind import PROBED_SLICES, ScoreKind, nature_of, places
from rcjax.regions.classifier import Evaluator, labels_of, refuse_invalid
from rcjax.regions.types import Block, Outputs, SliceIndex

# Segments of a block; the more, the less the rounds that ask for few points weigh.
SLICES_PER_BATCH = 8
FEWEST_PER_BLOCK = 256
# Bytes: what has once freed a block of this size keeps all smaller ones for reuse (in glibc), where
# memory would be given back and taken anew in every round.
_KEPT = 2**24


class HostCounter:
    """Counts blocks of segments; the host decides which points are evaluated next.

    Args:
        evaluator: of the classifier.
        options: how to count.
    """

    def __init__(self, evaluator: Evaluator, options: AdaptiveOptions):
        self.evaluator, self.options = evaluator, options
        self.kind: ScoreKind | None = None
        np.empty(_KEPT, np.uint8)  # freed at once
        self.slices_per_block = max(SLICES_PER_BATCH * evaluator.batch_size, FEWEST_PER_BLOCK)

    def count(self, block: Block) -> AdaptiveResult:
        """Counts the segments [slices, 2, *features] of a block."""
        self.evaluator.load(block)
        if self.kind is None:
            has_scores = self.evaluator.classes is not None
            self.kind = self._probe(len(block)) if has_scores else "labels"
        return count_adaptive(self._evaluate, len(block), self.options, self.kind)

    def _probe(self, slices: int) -> ScoreKind:
        intervals = self.options.intervals("continuous")
        positions = places(len(coarse_grid(self.options.points, intervals)))
        slices = min(slices, PROBED_SLICES)
        slice_index = np.repeat(np.arange(slices, dtype=np.int32), len(positions))
        scores = self._evaluate(slice_index, np.tile(positions, slices)[:, None])
        refuse_invalid(labels_of(scores))
        return nature_of(scores.reshape(slices, len(positions), -1)).kind

    def _evaluate(
        self, slice_index: SliceIndex, coordinates: Float[np.ndarray, "points 1"]
    ) -> Outputs:
        low, high = self.options.extent
        inside = (1 - coordinates) * low + coordinates * high
        return self.evaluator.scores(slice_index, simplex.barycentric_weights(inside, np.float64))
