"""Counts adaptively with a loop of the host: on a CPU, and for classifiers on the host."""

from __future__ import annotations

import numpy as np

from rcjax.array_types import Float
from rcjax.regions import simplex
from rcjax.regions.adaptive.counting import count_adaptive
from rcjax.regions.adaptive.options import AdaptiveOptions
from rcjax.regions.adaptive.points import coarse_grid
from rcjax.regions.adaptive.result import AdaptiveResult, replace
from rcjax.regions.adaptive.score_kind import ScoreKind, moving, nature_of, places, probed
from rcjax.regions.classifier import Evaluator, labels_of, refuse_invalid
from rcjax.regions.types import Block, Weights

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

    Attributes:
        start: the kind of scores by which segments are begun, once known.
        kind: "steps" also where some segments showed this in the end, and were counted anew.
    """

    def __init__(
        self, evaluator: Evaluator, options: AdaptiveOptions, start: ScoreKind | None = None
    ):
        self.evaluator, self.options = evaluator, options
        self.start = self.kind = start
        np.empty(_KEPT, np.uint8)  # freed at once
        self.slices_per_block = max(SLICES_PER_BATCH * evaluator.batch_size, FEWEST_PER_BLOCK)

    def count(self, block: Block) -> AdaptiveResult:
        """Counts the segments [slices, 2, *features] of a block."""
        self.evaluator.load(block)
        if self.start is None:
            has_scores = self.evaluator.classes is not None
            self.start = self.kind = self._probe(block) if has_scores else "labels"
        everything = np.arange(len(block), dtype=np.int32)
        result = self._count(everything, self.start)
        if self.start == "continuous":
            blind = result.in_steps & moving(block)
            if blind.any():
                self.kind = "steps"
            if blind.any() and self.options.initial_intervals is None:
                result = replace(result, blind, self._count(everything[blind], "steps"))
        return result

    def _count(self, chosen: np.ndarray, kind: ScoreKind) -> AdaptiveResult:
        return count_adaptive(
            lambda segment, coordinates: self.evaluator.scores(
                chosen[segment], self._weights(coordinates)
            ),
            len(chosen),
            self.options,
            kind,
            self.evaluator.classes or 1,
        )

    def _probe(self, block: Block) -> ScoreKind:
        intervals = self.options.intervals("continuous")
        positions = places(len(coarse_grid(self.options.points, intervals)))
        slices = probed(block)
        coordinates = np.tile(positions, len(slices))[:, None]
        scores = self.evaluator.exact_scores(
            np.repeat(slices, len(positions)), self._weights(coordinates)
        )
        refuse_invalid(labels_of(scores))
        return nature_of(scores.reshape(len(slices), len(positions), -1)).kind

    def _weights(self, coordinates: Float[np.ndarray, "points 1"]) -> Weights:
        low, high = self.options.extent
        inside = (1 - coordinates) * low + coordinates * high
        return simplex.barycentric_weights(inside, np.float64)
