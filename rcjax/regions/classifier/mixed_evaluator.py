"""Evaluates in bfloat16, with the labels of float32.

Every point is evaluated with matrix products and convolutions in bfloat16. A sample is evaluated
in float32 too, which measures how far bfloat16 moves a margin; every point whose margin is within
that error (times a safety factor) is evaluated again in float32.

What is guaranteed: a label differs from the float32 label only at a point whose error is more than
`SAFETY` times the largest error measured, on the sample and on every point evaluated again.
"""

from collections.abc import Callable
from typing import Unpack

import jax
import jax.extend.core as jex
import numpy as np

from rcjax.regions.classifier import programs
from rcjax.regions.classifier.evaluator import Evaluator, EvaluatorOptions
from rcjax.regions.classifier.mixed_precision import lower_precision
from rcjax.regions.classifier.outputs import labels_of, margins_of
from rcjax.regions.types import Arrays, Block, Labels, Outputs, Predict, SliceIndex, Weights

SAFETY = 2.0
_SAMPLE_STRIDE = 64
_SMALLEST_SAMPLE = 64


class _LowPrecisionProgram(programs.Program):
    def __init__(self, closed: jex.ClosedJaxpr, batch_size: int):
        super().__init__(closed, batch_size)
        self._evaluate = lower_precision(closed)

    def __call__(self, arrays: Arrays, *arguments: jax.Array) -> jax.Array:
        return self._evaluate(arrays, *arguments)[0]


class _LowPrecisionEvaluator(Evaluator):
    def _prove(self, block: Block) -> None:
        """The classifier proves itself in float32."""

    def _make_program(self, size: int) -> tuple[programs.Program, Arrays]:
        closed = programs.trace(self.predict, self.feature_shape, size)
        return _LowPrecisionProgram(closed, size), tuple(closed.consts)


class MixedEvaluator(Evaluator):
    """An `Evaluator` with the labels of float32, for a fraction of its work."""

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
        self._low = _LowPrecisionEvaluator(predict, feature_shape, **options)
        self._largest_error = 0.0
        self._reevaluated = 0

    @property
    def reevaluated_share(self) -> float:
        """Share of the points that were evaluated in float32 too, the sample included."""
        return self._reevaluated / max(self._low.evaluations, 1)

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

        self._correct(labels.copy(), margins, correct, keep)
        return labels

    def scores(self, slice_index: SliceIndex, weights: Weights) -> Outputs:
        scores = np.array(self._low.scores(slice_index, weights))
        corrected = scores.copy()

        def correct(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            corrected[chosen] = super(MixedEvaluator, self).scores(
                slice_index[chosen], weights[chosen]
            )
            return labels_of(corrected[chosen]), margins_of(corrected[chosen])

        self._correct(labels_of(scores), margins_of(scores), correct, lambda chosen, new: None)
        return corrected

    def _correct(
        self,
        low_labels: np.ndarray,
        low_margins: np.ndarray,
        correct: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        keep: Callable[[np.ndarray, np.ndarray], None],
    ) -> None:
        """Evaluates again until every margin left alone exceeds the largest error seen."""
        done = np.zeros(len(low_labels), bool)
        stride = max(1, min(_SAMPLE_STRIDE, len(done) // _SMALLEST_SAMPLE))
        chosen = np.arange(0, len(done), stride)
        while len(chosen):
            labels, margins = correct(chosen)
            keep(chosen, labels)
            done[chosen] = True
            self._reevaluated += len(chosen)
            same = labels == low_labels[chosen]
            sign = np.where(same, -1.0, 1.0)
            with np.errstate(invalid="ignore"):
                errors = np.abs(low_margins[chosen] + sign * margins)
            # Infinite scores have no difference: an error that cannot be measured is infinite.
            largest = float(np.max(np.where(np.isnan(errors), np.inf, errors)))
            self._largest_error = max(self._largest_error, largest)
            # Not (margin > bound), so that NaN is evaluated again and reported.
            doubtful = ~(low_margins > SAFETY * self._largest_error)
            chosen = np.flatnonzero(doubtful & ~done)
        self.evaluations = self._low.evaluations
