"""Many networks of one architecture counted on the same slices in one call."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.regions import simplex, statistics
from rcjax.regions.adaptive import PROBED_SLICES, Nature, nature_of, places
from rcjax.regions.classifier import (
    Evaluator,
    OnHost,
    ParameterProgram,
    interpolate,
    labels_of,
    telling_overflow,
)
from rcjax.regions.result import RegionCounts


@dataclasses.dataclass(frozen=True, repr=False)
class NetworkCounts:
    """Region counts of many networks on the same slices.

    Attributes:
        counts: int32 [networks, slices].
        evaluations: int64 [networks], points at which each network was evaluated.
        shared: a `RegionCounts` of the first network: method, points, extent and all else that the
            networks have in common.
    """

    counts: np.ndarray
    evaluations: np.ndarray
    shared: RegionCounts

    @property
    def mean(self) -> np.ndarray:
        """Mean count over the slices, [networks]."""
        return self.counts.mean(axis=1)

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of the mean over slices, [networks]; NaN for a single slice."""
        slices = self.counts.shape[1]
        if slices < 2:
            return np.full(len(self.counts), np.nan)
        return self.counts.std(axis=1, ddof=1) / np.sqrt(slices)

    def interval(self, level: float = 0.95, **options: Any) -> np.ndarray:
        """Intervals of the means, [networks, 2]; see `RegionCounts.interval`."""
        return np.asarray([self[i].interval(level, **options) for i in range(len(self))])

    def compare(self, first: int, second: int, **options: Any) -> statistics.PairedComparison:
        """Two of the networks slice by slice; see `rcjax.compare`."""
        return statistics.compare(self[first], self[second], **options)

    def __getitem__(self, network: int) -> RegionCounts:
        """The counts of one network."""
        return dataclasses.replace(
            self.shared,
            counts=self.counts[network],
            evaluations=int(self.evaluations[network]),
        )

    def __len__(self) -> int:
        return len(self.counts)

    def __repr__(self) -> str:
        networks, slices = self.counts.shape
        return (
            f"NetworkCounts(networks={networks}, slices={slices}, "
            f"mean={self.mean.min():.4g} to {self.mean.max():.4g}, method={self.shared.method!r})"
        )


class Networks:
    """Networks that differ in their parameters alone.

    Args:
        predict: predict(parameters, points [n, *features]) -> labels [n] or scores [n, classes].
        parameters: a pytree of arrays whose first axis is that of the networks.
    """

    def __init__(self, predict: Any, parameters: Any):
        if isinstance(predict, OnHost):
            raise ValueError(
                "parameters is for JAX functions predict(parameters, points); a classifier on the "
                "host is counted one at a time: leave parameters out"
            )
        self.predict = predict
        self.leaves, self._tree = jax.tree.flatten(parameters)
        self.count = _number_of_networks(parameters)

    def one(self, network: int) -> Callable[[Any], Any]:
        """predict(points) of one network."""
        parameters = jax.tree.unflatten(self._tree, [leaf[network] for leaf in self.leaves])
        return functools.partial(self.predict, parameters)

    def some(self, start: int, stop: int) -> list[Any]:
        """The leaves of the networks from `start` to `stop`."""
        with telling_overflow():
            return [jnp.asarray(leaf[start:stop]) for leaf in self.leaves]

    def program(self, evaluator: Evaluator, batch: int) -> tuple[ParameterProgram, tuple[Any, ...]]:
        """`program(arrays, leaves of one network, points [batch, *features])`, and the arrays."""

        def predict(leaves: list[Any], points: Any) -> Any:
            return self.predict(jax.tree.unflatten(self._tree, leaves), points)

        kinds = [jax.ShapeDtypeStruct(np.shape(v)[1:], v.dtype) for v in self.leaves]
        points = jax.ShapeDtypeStruct((batch, *evaluator.feature_shape), jnp.float32)
        with telling_overflow():
            closed = jax.make_jaxpr(predict)(kinds, points)
        return ParameterProgram(closed, batch), tuple(closed.consts)


def _number_of_networks(parameters: Any) -> int:
    sizes: dict[int, str] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(parameters)[0]:
        name = f"parameters{jax.tree_util.keystr(path)}"
        if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
            raise ValueError(
                f"{name} is a {type(leaf).__name__}, no array; every leaf of parameters needs a "
                "first axis of networks, as from jax.tree.map(lambda *x: jnp.stack(x), *networks)"
            )
        if len(leaf.shape) == 0:
            raise ValueError(
                f"{name} is a scalar; every leaf of parameters needs a first axis of networks"
            )
        sizes.setdefault(leaf.shape[0], name)
    if not sizes:
        raise ValueError("parameters holds no arrays; leave it out to count one network")
    if len(sizes) > 1:
        (one, first), (other, second) = list(sizes.items())[:2]
        raise ValueError(
            f"the leaves of parameters differ in the number of networks: {first} has {one}, "
            f"{second} has {other} along the first axis"
        )
    count = next(iter(sizes))
    if count == 0:
        raise ValueError("parameters is empty: its leaves have 0 networks along the first axis")
    return count


# Points that one batch of the grid method takes of every network, at least.
_POINTS_PER_NETWORK = 64
_NETWORKS_AT_A_TIME = 64


def chunks_of(networks: int, largest: int, multiple: int) -> list[tuple[int, int, int]]:
    """(start, stop, size with padding) of chunks of about equal size, a multiple of something."""
    chunks = -(-networks // max(largest, 1))
    size = -(-networks // chunks)
    size = -(-size // multiple) * multiple
    return [(i, min(i + size, networks), size) for i in range(0, networks, size)]


def padded(leaves: list[Any], size: int) -> list[Any]:
    """The leaves [networks, ...] with the last network repeated up to `size` networks."""
    missing = size - len(leaves[0])
    if not missing:
        return leaves
    return [jnp.concatenate([leaf, jnp.repeat(leaf[-1:], missing, axis=0)]) for leaf in leaves]


class GridOfNetworks:
    """Labels of many networks at the same points, several networks at a time.

    Args:
        networks: to count.
        evaluator: of the first of them.
    """

    def __init__(self, networks: Networks, evaluator: Evaluator):
        self.networks, self.evaluator = networks, evaluator
        at_a_time = evaluator.batch_size // _POINTS_PER_NETWORK
        self.chunks = chunks_of(
            networks.count, min(max(at_a_time, 1), _NETWORKS_AT_A_TIME), len(evaluator.devices)
        )
        self._batch = max(evaluator.batch_size // self.chunks[0][2], 1)
        self._program, self._arrays = networks.program(evaluator, self._batch)

    def labels(self, chunk: tuple[int, int, int], anchors: Any, weights: np.ndarray) -> Any:
        """int32 labels [networks * slices, points] of a chunk of networks on a block of slices."""
        start, stop, size = chunk
        leaves = padded(self.networks.some(start, stop), size)
        slices, points = len(anchors), len(weights)
        total = slices * points
        place = np.arange(-(-total // self._batch) * self._batch).reshape(-1, self._batch)
        place = np.minimum(place, total - 1)
        labels = _labels(
            [self.evaluator.spread(leaf) for leaf in leaves], self._arrays, jnp.asarray(anchors),
            (place // points).astype(np.int32), weights[place % points], program=self._program,
        )  # fmt: skip
        return labels[: stop - start, :total].reshape(-1, points)


@functools.partial(jax.jit, static_argnames=("program",))
def _labels(
    leaves: list[Any], arrays: Any, anchors: Any, slice_index: Any, weights: Any, *, program: Any
) -> Any:
    def batch(points_of_batch: tuple[Any, Any]) -> Any:
        points = interpolate(anchors, *points_of_batch)
        return jax.vmap(lambda *one: labels_of(program(arrays, *one, points)))(*leaves)

    labels = jax.lax.map(batch, (slice_index, weights))  # [batches, networks, batch]
    return jnp.swapaxes(labels, 0, 1).reshape(len(leaves[0]), -1)


def nature_of_networks(
    networks: Networks, anchors: Any, extent: tuple[float, float], count: int
) -> Nature:
    """What the scores of the first networks are, from a few points of the first slices."""
    inside = (1 - places(count)) * extent[0] + places(count) * extent[1]
    slices = min(len(anchors), PROBED_SLICES)
    slice_index = np.repeat(np.arange(slices, dtype=np.int32), count)
    weights = np.tile(simplex.barycentric_weights(inside[:, None]), (slices, 1))
    points = interpolate(jnp.asarray(anchors), slice_index, weights)
    parts = [
        np.asarray(networks.one(i)(points)).reshape(slices, count, -1)
        for i in range(min(networks.count, PROBED_SLICES))
    ]
    return nature_of(np.concatenate(parts))
