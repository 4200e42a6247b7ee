"""Evaluates a network at positions on segments: scores, slopes, pattern, next breakpoints."""

import dataclasses
import functools
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr

from rcjax.array_types import ArrayLike, Shaped, UInt32
from rcjax.regions.classifier import Trace, values_per_point, walk
from rcjax.regions.exact.kinds import Kind, NotPiecewiseLinear, Value, constant
from rcjax.regions.exact.patterns import summarize
from rcjax.regions.exact.rules import PiecewiseLinearRule
from rcjax.regions.types import Arrays, Block

# Relative size below which a comparison along the whole segment is rounding (see `summarize`).
_ROUNDING = {"float64": 1e-12, "float32": 2e-6}
# Values held at once; the derivative and the switches take about three times as many bytes.
_VALUES_AT_ONCE = 1 << 24
# Stands for the score -inf of a class that is masked out.
MASKED = -1e30
SEEDS = np.array([0x243F6A88, 0xB7E15162], np.uint32)

# evaluate_point(jaxpr, precision, arrays, anchors of a slice, seeds, position) -> what is found.
EvaluatePoint: TypeAlias = Callable[
    [Jaxpr, str, Arrays, jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]
]


@dataclasses.dataclass
class SegmentPoints:
    """Evaluated points, in no particular order.

    Attributes:
        slices: int64 [n], the segment of each point.
        positions: float64 [n], in [0, 1].
        fingerprints: uint64 [n], the hash of the activation pattern.
        left, right: float64 [n], where the linear piece of the point begins and ends.
        scores: float64 [n, classes].
        slopes: float64 [n, classes], derivative of the scores by the position.
    """

    slices: np.ndarray
    positions: np.ndarray
    fingerprints: np.ndarray
    left: np.ndarray
    right: np.ndarray
    scores: np.ndarray
    slopes: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, which: np.ndarray) -> "SegmentPoints":
        """The points at some indices (or under a mask)."""
        return SegmentPoints(*(getattr(self, f.name)[which] for f in dataclasses.fields(self)))

    def join(self, other: "SegmentPoints") -> "SegmentPoints":
        """These points followed by others."""
        return SegmentPoints(
            *(
                np.concatenate([getattr(self, f.name), getattr(other, f.name)])
                for f in dataclasses.fields(self)
            )
        )


class SegmentEvaluator:
    """Evaluates one network on one block of segments, in batches of two fixed sizes.

    Args:
        trace: the network.
        ends: float32 [slices, 2, *features].
        precision: "float64" or "float32".
        batch_size: points per device step; None chooses by the memory a point needs.
    """

    def __init__(self, trace: Trace, ends: Block, precision: str, batch_size: int | None):
        self._trace = trace
        self._precision = precision
        self._ends = jnp.asarray(ends, jnp.float32)
        self._batch_size = batch_size or _automatic_batch_size(trace)
        self._small = max(1, self._batch_size // 8)

    def __call__(self, slices: np.ndarray, positions: np.ndarray) -> SegmentPoints:
        """Evaluates points; any number of them.

        Raises:
            ValueError: a score is not finite, or the network is not piecewise linear.
        """
        start, pieces = 0, []
        while start < len(positions):
            left = len(positions) - start
            size = self._batch_size if left > 3 * self._small else self._small
            chunk = slice(start, min(start + size, len(positions)))
            pieces.append(self._step(slices[chunk], positions[chunk], size))
            start += size
        found = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
        scores, slopes, words, left_by, right_by = found
        scores, slopes = lower_masked(scores, slopes)
        bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
        if len(bad):
            raise ValueError(
                f"predict returned a score that is not finite on slice {slices[bad[0]]} at "
                f"position {positions[bad[0]]:.6g}: {scores[bad[0]]}; check its parameters"
            )
        return SegmentPoints(
            slices=slices,
            positions=positions,
            fingerprints=fingerprints_of(words),
            left=positions - left_by,
            right=positions + right_by,
            scores=scores.astype(np.float64),
            slopes=slopes.astype(np.float64),
        )

    def _step(self, slices: np.ndarray, positions: np.ndarray, size: int) -> list[np.ndarray]:
        count = len(positions)
        padding = (0, size - count)
        slices = np.pad(slices.astype(np.int32), padding, mode="edge")
        positions = np.pad(positions, padding, mode="edge").astype(self._precision)
        with jax.enable_x64(self._precision == "float64"):
            results = compiled(_evaluate_point, self._trace.jaxpr, self._precision)(
                self._trace.arrays, self._ends, SEEDS, slices, positions
            )
            return [np.asarray(result)[:count] for result in results]


def lower_masked(scores: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores [n, classes] and slopes [n, classes, ...] with -inf as a constant that never wins."""
    masked = np.isneginf(scores) & ~np.isneginf(scores).all(axis=1, keepdims=True)
    if not masked.any():
        return scores, slopes
    scores, slopes = np.where(masked, MASKED, scores), np.array(slopes)
    slopes[masked] = 0
    return scores, slopes


def _automatic_batch_size(trace: Trace) -> int:
    points = _VALUES_AT_ONCE // max(1, values_per_point(trace.jaxpr))
    return 1 << int(np.clip(points, 8, 4096)).bit_length() - 1


@functools.lru_cache(maxsize=32)
def compiled(
    evaluate_point: EvaluatePoint, jaxpr: Jaxpr, precision: str
) -> Callable[..., tuple[jax.Array, ...]]:
    """Evaluates points of a block: (arrays, anchors, seeds, slices, positions) -> what is found."""

    def evaluate(
        arrays: Arrays,
        anchors: jax.Array,
        seeds: jax.Array,
        slices: jax.Array,
        positions: jax.Array,
    ) -> tuple[jax.Array, ...]:
        def one(index: jax.Array, position: jax.Array) -> tuple[jax.Array, ...]:
            return evaluate_point(jaxpr, precision, arrays, anchors[index], seeds, position)

        found: tuple[jax.Array, ...] = jax.vmap(one)(slices, positions)
        return found

    return jax.jit(evaluate)


def fingerprints_of(words: UInt32[np.ndarray, "points 2"]) -> Shaped[np.ndarray, " points"]:
    """Two words of 32 bits as one of 64."""
    high, low = words.astype(np.uint64).T
    return np.asarray((high << np.uint64(32)) | low)


def _evaluate_point(
    jaxpr: Jaxpr,
    precision: str,
    arrays: Arrays,
    ends: jax.Array,
    seeds: jax.Array,
    position: jax.Array,
) -> tuple[jax.Array, ...]:
    """Scores, slopes, fingerprint, and distances to the ends of the linear piece."""
    ends = ends.astype(precision)
    direction = ends[1] - ends[0]

    def along(position: jax.Array) -> tuple[object, object]:
        rule = PiecewiseLinearRule(precision)
        # A feature that is equal at both ends is computed without rounding at every position.
        point = Value((ends[0] + position * direction)[None], Kind.LINEAR)
        arguments = [*map(constant, arrays), point]
        scores = rule.promote(walk(jaxpr, [], arguments, rule, constant)[0].array)[0]
        switches = rule.switches
        sides = ([s.bit for s in switches], [s.scale for s in switches])
        return (scores, [s.distance for s in switches]), sides

    (scores, distances), (slopes, rates), (bits, scales) = jax.jvp(
        along, (position,), (jnp.ones_like(position),), has_aux=True
    )
    pattern = summarize(distances, rates, bits, scales, _ROUNDING[precision], seeds)
    return scores, slopes, *pattern


def check_piecewise_linear(trace: Trace, features: tuple[int, ...]) -> None:
    """Walks the trace without computing anything.

    Raises:
        ValueError: an operation is not piecewise linear; the text names it.
    """
    shapes = [jax.ShapeDtypeStruct(np.shape(a), a.dtype) for a in trace.arrays]
    point = jax.ShapeDtypeStruct((1, *features), jnp.float32)

    def run(arrays: list[jax.Array], point: jax.Array) -> ArrayLike:
        arguments = [*map(constant, arrays), Value(point, Kind.LINEAR)]
        return walk(trace.jaxpr, [], arguments, PiecewiseLinearRule("float32"), constant)[0].array

    try:
        jax.eval_shape(run, shapes, point)
    except NotPiecewiseLinear as error:
        # Raised afresh outside of JAX's tracing, which appends remarks of its own to the text.
        raise ValueError(error.args[0]) from None
