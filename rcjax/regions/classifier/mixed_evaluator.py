"""Evaluates in bfloat16, with the labels of float32.

Every point is evaluated with matrix products and convolutions in bfloat16. A sample is evaluated
in float32 too, which measures how far bfloat16 moves a margin; every point whose margin is within
that error (times a safety factor) is evaluated again in float32.

What is guaranteed: a label differs from the float32 label only at a point whose error is more than
`SAFETY` times the largest error measured until then, on the sample and on every point evaluated
again.
"""

from collections.abc import Callable
from typing import Unpack

import numpy as np

from rcjax.regions.classifier import programs
from rcjax.regions.classifier.evaluator import Evaluator, EvaluatorOptions
from rcjax.regions.classifier.outputs import labels_of, margin_errors, margins_of
from rcjax.regions.types import Arrays, Block, Labels, Outputs, Predict, SliceIndex, Weights

SAFETY = 2.0
SAMPLE_STRIDE = 64
SMALLEST_SAMPLE = 64


class _LowPrecisionEvaluator(Evaluator):
    """Evaluates in bfloat16 what another evaluator evaluates in float32."""

    def __init__(self, exact: Evaluator, **options: Unpack[EvaluatorOptions]):
        self._exact = exact
        super().__init__(exact.predict, exact.feature_shape, **options)

    def _prove(self, block: Block) -> None:
        """The classifier proves itself in float32."""

    def traced(self, size: int) -> tuple[programs.Program, Arrays]:
        if size not in self._traces:
            program, arrays = self._exact.traced(size)
            self._traces[size] = program.in_bfloat16(), arrays
        return self._traces[size]


class MixedEvaluator(Evaluator):
    """An `Evaluator` with the labels of float32, for a fraction of its work.

    Attributes:
        largest_error: of a margin in bfloat16, of those measured so far.
    """

    def __init__(
        self, predict: Predict, feature_shape: tuple[int, ...], **options: Unpack[EvaluatorOptions]
    ):
        # Float32 is asked for a few points at a time, whatever the method.
        in_rounds: EvaluatorOptions = {**options, "in_rounds": True}
        super().__init__(predict, feature_shape, **in_rounds)
        if self.classes is None:
            raise ValueError(
                "precision='mixed' needs scores [n, classes] to know the margins, but predict "
                "returns labels; return scores or use precision='float32'"
            )
        self._low = _LowPrecisionEvaluator(self, **options)
        self.largest_error = 0.0
        self._reevaluated = 0

    @property
    def reevaluated_share(self) -> float:
        """Share of the points that were evaluated in float32 too, the sample included."""
        return self._reevaluated / max(self.evaluations, 1)

    def measured(self, largest_error: float, reevaluated: int) -> None:
        """Takes in what a compiled program found while it evaluated points a second time."""
        self.largest_error = max(self.largest_error, largest_error)
        self._reevaluated += reevaluated

    def low_program_for(self, size: int) -> programs.Handle:
        """The program of `program_for` in bfloat16; it takes the same arrays."""
        return self._low.traced(size)[0].handle

    def load(self, block: Block) -> None:
        super().load(block)
        self._low.load(block)

    def balance(self, count: int) -> None:
        self._low.balance(count)

    def follow(self, callback: Callable[[int], None]) -> None:
        self._low.follow(callback)

    def labels(self, slice_index: SliceIndex, weights: Weights) -> Labels:
        labels, margins = self._low.labels_and_margins(slice_index, weights)
        labels, margins = np.array(labels), np.array(margins)

        def correct(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            new = super(MixedEvaluator, self).labels_and_margins(
                slice_index[chosen], weights[chosen]
            )
            return np.asarray(new[0]), np.asarray(new[1])

        def keep(chosen: np.ndarray, new_labels: np.ndarray) -> None:
            labels[chosen] = new_labels

        self._correct(labels.copy(), margins, _sample(len(labels)), correct, keep)
        return labels

    def scores(self, slice_index: SliceIndex, weights: Weights) -> Outputs:
        return self._scores(slice_index, weights, _sample(len(slice_index)))

    def exact_scores(self, slice_index: SliceIndex, weights: Weights) -> Outputs:
        return self._scores(slice_index, weights, np.arange(len(slice_index)))

    def _scores(self, slice_index: SliceIndex, weights: Weights, sample: np.ndarray) -> Outputs:
        scores = np.array(self._low.scores(slice_index, weights))
        corrected = scores.copy()

        def correct(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            corrected[chosen] = super(MixedEvaluator, self).scores(
                slice_index[chosen], weights[chosen]
            )
            return labels_of(corrected[chosen]), margins_of(corrected[chosen])

        low = labels_of(scores), margins_of(scores)
        self._correct(*low, sample, correct, lambda chosen, new: None)
        return corrected

    def _correct(
        self,
        low_labels: np.ndarray,
        low_margins: np.ndarray,
        sample: np.ndarray,
        correct: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        keep: Callable[[np.ndarray, np.ndarray], None],
    ) -> None:
        """Evaluates again until every margin left alone exceeds the largest error seen."""
        before = self.evaluations  # what is evaluated again is not counted again
        done = np.zeros(len(low_labels), bool)
        chosen = sample
        while len(chosen):
            labels, margins = correct(chosen)
            keep(chosen, labels)
            done[chosen] = True
            self._reevaluated += len(chosen)
            with np.errstate(invalid="ignore"):
                errors = margin_errors(low_margins[chosen], margins, labels == low_labels[chosen])
            self.largest_error = max(self.largest_error, float(errors.max()))
            # Not (margin > bound), so that NaN is evaluated again and reported.
            doubtful = ~(low_margins > SAFETY * self.largest_error)
            chosen = np.flatnonzero(doubtful & ~done)
        self.evaluations = before + len(low_labels)


def _sample(count: int) -> np.ndarray:
    """Which of some points are evaluated in float32 first."""
    return np.arange(0, count, max(1, min(SAMPLE_STRIDE, count // SMALLEST_SAMPLE)))
