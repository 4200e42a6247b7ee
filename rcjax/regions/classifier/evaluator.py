"""Evaluates a classifier at points of slices: in batches of one size, on every local device.

A point of a slice is given by the index of the slice and barycentric weights over its anchors.
Interpolation, forward pass and argmax are one compiled step.
"""

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import TypedDict

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from rcjax.array_types import ArrayLike
from rcjax.regions.classifier import programs
from rcjax.regions.classifier.batches import Batches
from rcjax.regions.classifier.host import OnHost
from rcjax.regions.classifier.low_precision import precision_of_scores, precision_of_trace
from rcjax.regions.classifier.outputs import is_out_of_memory, labels_of, margins_of
from rcjax.regions.classifier.probe import POINTS, check_is_function, mixes_points
from rcjax.regions.types import (
    Arrays,
    Block,
    Found,
    Labels,
    Outputs,
    Predict,
    SliceIndex,
    Values,
    Weights,
)

_HOST_BATCH_SIZE = 1_024
_BATCHES_IN_FLIGHT = 4


class EvaluatorOptions(TypedDict, total=False):
    """The options of an `Evaluator`."""

    batch_size: int | None
    in_rounds: bool
    largest_round: int | None
    devices: Sequence[jax.Device] | None


class Evaluator:
    """Evaluates one classifier at points of one block of slices at a time.

    Args:
        predict: a JAX function, a callable pytree, or what `on_host` returns.
        feature_shape: shape of one point.
        batch_size: points per device step; chosen from the memory of a point when None.
        in_rounds: for methods that ask for ever fewer points, round by round: the automatic batch
            is smaller.
        largest_round: points of the largest of these rounds, where known: of few points, the
            automatic batch is small.
        devices: devices to use; all local ones when None.

    Attributes:
        classes: number of scores per point, or None where `predict` returns labels.
        evaluations: points evaluated so far, without the padding of batches.
        low_precision: what the classifier computes in if that has fewer bits than float32, or "".
        batch_size: points per step; halved for good after running out of memory.
    """

    def __init__(
        self,
        predict: Predict,
        feature_shape: tuple[int, ...],
        *,
        batch_size: int | None = None,
        in_rounds: bool = False,
        largest_round: int | None = None,
        devices: Sequence[jax.Device] | None = None,
    ):
        self.predict = predict
        self.feature_shape = tuple(feature_shape)
        self.on_host = isinstance(predict, OnHost)
        self.evaluations = 0
        self._callback: Callable[[int], None] | None = None
        self._is_proven = False
        self.low_precision = ""
        self._unit = 1  # batches are multiples of it
        if isinstance(predict, OnHost):
            self.batch_size = batch_size or predict.batch_size or _HOST_BATCH_SIZE
            self.classes: int | None = None
            self._classes_known = False
            return
        self._classes_known = True
        self.devices = list(jax.local_devices() if devices is None else devices)
        self._unit = len(self.devices)
        self.mesh = Mesh(np.asarray(self.devices), ("points",))
        self._split = NamedSharding(self.mesh, PartitionSpec("points"))
        self._everywhere = NamedSharding(self.mesh, PartitionSpec())
        self._traces: dict[int, tuple[programs.Program, Arrays]] = {}
        self._programs: dict[int, tuple[programs.Handle, Arrays]] = {}
        of_device = None if largest_round is None else -(-largest_round // self._unit)
        batches = Batches(
            math.prod(self.feature_shape), self.devices[0].platform, in_rounds, of_device
        )
        first = self._unit * batches.first
        program, _ = self.traced(first)
        self.classes = program.classes
        self._is_proven = not mixes_points(program.jaxpr, first)
        self.low_precision = precision_of_trace(program.jaxpr, self.devices[0].platform)
        chosen = batch_size or self._unit * batches.best(program.bytes_per_point)
        self.batch_size = _round_up(chosen, self._unit)

    @property
    def reevaluated_share(self) -> float:
        """Share of the points evaluated a second time; none here, see `MixedEvaluator`."""
        return 0.0

    def follow(self, callback: Callable[[int], None]) -> None:
        """Has `callback(points)` called after every batch."""
        self._callback = callback

    def balance(self, count: int) -> None:
        """Lowers the batch size so that `count` points fill whole batches evenly."""
        batches = -(-count // self.batch_size)
        self.batch_size = _round_up(-(-count // batches), self._unit)

    def load(self, block: Block) -> None:
        """Makes a block of anchors [slices, dim + 1, *features] the one that is evaluated."""
        self._hold(block)
        if self.on_host and not self._classes_known:  # one point tells labels from scores
            output = self.predict(block[:1, 0])
            self.classes = output.shape[1] if output.ndim == 2 else None
            self._classes_known = True
        self.prove(block)

    def _hold(self, block: Block) -> None:
        if self.on_host:
            self._host_anchors = block
        else:
            # Compiled programs hold for one number of slices: a few sizes serve for all.
            rows = 1 << (len(block) - 1).bit_length()
            padding = [(0, rows - len(block))] + [(0, 0)] * (block.ndim - 1)
            self._anchors = self._place(np.pad(block, padding), everywhere=True)

    def prove(self, block: Block) -> None:
        """Has the classifier prove that it is a function, at a few points of a block.

        Asked once, and only where something in the classifier may join points.
        """
        if not self._is_proven:
            self._hold(block)
            self._prove(block)
            self._is_proven = True

    def _prove(self, block: np.ndarray) -> None:
        count = min(POINTS, self.batch_size)
        index = np.arange(count, dtype=np.int32) % len(block)
        weights = np.random.default_rng(0).dirichlet(np.ones(block.shape[1]), count)
        if self.on_host:
            points = interpolate(block, index, weights.astype(block.dtype))
            answers = check_is_function(self.predict, points)
            if answers.ndim == 2:
                self.low_precision = precision_of_scores(answers)
            return
        size = _round_up(POINTS, self._unit)

        def predict(rows: np.ndarray) -> np.ndarray:
            # Whatever fills the batch up is another point for every call.
            order = np.concatenate([rows, np.resize(rows[::-1], size - len(rows))])
            return self._scores_of_batch(index[order], weights[order])[: len(rows)]

        check_is_function(predict, np.arange(count))

    def _scores_of_batch(self, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
        program, arrays = self.program_for(len(index))
        placed = [self._place(each, everywhere=False) for each in (index, weights)]
        output = _step(arrays, self._anchors, *placed, program=program, want="scores")
        return np.asarray(output[0])

    def _place(self, value: ArrayLike, *, everywhere: bool) -> jax.Array:
        if np.dtype(value.dtype) == np.float64:
            value = value.astype(np.float32)
        placed: jax.Array = jax.device_put(value, self._everywhere if everywhere else self._split)
        return placed

    def spread(self, values: ArrayLike) -> jax.Array:
        """Shares rows out evenly among the devices."""
        return self._place(jnp.asarray(values), everywhere=False)

    def labels(self, slice_index: SliceIndex, weights: Weights) -> Labels:
        """int32 labels, on the host."""
        return self._evaluate("labels", slice_index, weights)[0]

    def scores(self, slice_index: SliceIndex, weights: Weights) -> Outputs:
        """Scores, or labels where there are no scores, on the host."""
        return self._evaluate("scores", slice_index, weights)[0]

    def exact_scores(self, slice_index: SliceIndex, weights: Weights) -> Outputs:
        """Scores in float32 at every point, whatever the precision of the count."""
        return self.scores(slice_index, weights)

    def labels_and_margins(
        self, slice_index: SliceIndex, weights: Weights
    ) -> tuple[Labels, np.ndarray]:
        """int32 labels and the margins [points] between the two largest scores."""
        labels, margins = self._evaluate("margins", slice_index, weights)
        return labels, margins

    def _evaluate(
        self, want: str, slice_index: SliceIndex, weights: Weights
    ) -> tuple[np.ndarray, ...]:
        run = self._evaluate_on_host if self.on_host else self._evaluate_on_device
        outputs = self.halving(functools.partial(run, want, slice_index, weights))
        self.evaluations += len(slice_index)
        return outputs

    def halving(self, run: Callable[[], Found]) -> Found:
        """Returns what `run` returns; halves the batch whenever memory runs out."""
        while True:
            try:
                return run()
            except (MemoryError, RuntimeError) as error:
                self._halve(error)

    def _report(self, points: int) -> None:
        if self._callback:
            self._callback(points)

    def _halve(self, error: Exception) -> None:
        if not is_out_of_memory(error) or self.batch_size <= self._unit:
            raise error
        self.batch_size = _round_up(self.batch_size // 2, self._unit)
        warnings.warn(
            f"out of memory; counting goes on with batch_size={self.batch_size}", stacklevel=2
        )

    def _evaluate_on_host(
        self, want: str, slice_index: SliceIndex, weights: Weights
    ) -> tuple[np.ndarray, ...]:
        parts = []
        for start in range(0, len(slice_index), self.batch_size):
            batch = slice(start, start + self.batch_size)
            weight = weights[batch].astype(self._host_anchors.dtype)
            points = interpolate(self._host_anchors, slice_index[batch], weight)
            parts.append(_wanted(want, self.predict(points)))
            self._report(len(points))
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def traced(self, size: int) -> tuple[programs.Program, Arrays]:
        """The classifier traced at batches of one size, and the arrays that it holds."""
        if size not in self._traces:
            self._traces[size] = programs.split(self.predict, self.feature_shape, size)
        return self._traces[size]

    def _evaluate_on_device(
        self, want: str, slice_index: SliceIndex, weights: Weights
    ) -> tuple[np.ndarray, ...]:
        count, size = len(slice_index), self.batch_size
        program, arrays = self.program_for(size)
        index = _pad(slice_index, size)
        weight = _pad(weights.astype(np.float32, copy=False), size)
        parts: list[tuple[jax.Array, ...]] = []
        for start in range(0, count, size):
            batch = slice(start, start + size)
            some = [self._share(values[batch]) for values in (index, weight)]
            parts.append(_step(arrays, self._anchors, *some, program=program, want=want))
            if len(parts) > _BATCHES_IN_FLIGHT:
                jax.block_until_ready(parts[-1 - _BATCHES_IN_FLIGHT])
            self._report(min(size, count - start))
        return tuple(np.concatenate(part)[:count] for part in zip(*parts, strict=True))

    def _share(self, values: np.ndarray) -> ArrayLike:
        """Rows shared out among the devices; one device takes them from the host as they are."""
        return values if len(self.devices) == 1 else self._place(values, everywhere=False)

    def program_for(self, size: int) -> tuple[programs.Handle, Arrays]:
        """The classifier at batches of one size, and the arrays it needs, on every device."""
        if size not in self._programs:
            program, arrays = self.traced(size)
            self._programs[size] = program.handle, jax.device_put(arrays, self._everywhere)
        return self._programs[size]


def _pad(values: np.ndarray, multiple: int) -> np.ndarray:
    """Repeats the last row up to a multiple of rows."""
    count = len(values)
    padded = np.empty((-(-count // multiple) * multiple, *values.shape[1:]), values.dtype)
    padded[:count], padded[count:] = values, values[-1]
    return padded


@programs.compiled("program", "want")
def _step(
    arrays: Arrays,
    anchors: ArrayLike,
    slice_index: ArrayLike,
    weights: ArrayLike,
    *,
    program: programs.Handle,
    want: str,
) -> tuple[jax.Array, ...]:
    points = interpolate(*map(jnp.asarray, (anchors, slice_index, weights)))
    return _wanted(want, program(arrays, points))


def _wanted(want: str, output: Values) -> tuple[Values, ...]:
    if output.ndim == 2:
        promote = jnp.promote_types if isinstance(output, jax.Array) else np.promote_types
        output = output.astype(promote(output.dtype, np.float32))
    if want == "scores":
        return (output,)
    if want == "labels":
        return (labels_of(output),)
    return labels_of(output), margins_of(output)


def interpolate(anchors: Values, slice_index: Values, weights: Values) -> Values:
    """Points [n, *features]: an elementwise sum, since a matrix product may round to less.

    A feature that is equal at all anchors of a slice is equal at all its points: rounding must not
    move what does not vary, such as the code of a category.
    """
    xp = jnp if isinstance(weights, jax.Array) else np
    chosen = anchors[slice_index]
    shape = (-1,) + (1,) * (chosen.ndim - 2)
    first = chosen[:, 0]
    points = weights[:, 0].reshape(shape) * first
    constant = chosen[:, 1] == first
    for i in range(1, chosen.shape[1]):
        points = points + weights[:, i].reshape(shape) * chosen[:, i]
        constant = constant & (chosen[:, i] == first)
    result: Values = xp.where(constant, first, points)
    return result


def _round_up(value: int, unit: int) -> int:
    return -(-max(value, 1) // unit) * unit
