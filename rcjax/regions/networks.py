"""Many networks of one architecture counted in one call, on the same slices or each on its own."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.array_types import Array, Bool, Float, Int
from rcjax.regions import simplex, statistics
from rcjax.regions.adaptive import PROBED_SLICES, Nature, nature_of, places
from rcjax.regions.classifier import (
    Evaluator,
    Handle,
    OnHost,
    Program,
    compiled,
    float32_products,
    interpolate,
    labels_of,
    remember,
    telling_overflow,
)
from rcjax.regions.network_slices import NetworkBlock, filled_up
from rcjax.regions.result import RegionCounts
from rcjax.regions.types import Arrays, Predict, Weights


@dataclasses.dataclass(frozen=True, repr=False)
class NetworkCounts:
    """Region counts of many networks, on the same slices or each on its own.

    Attributes:
        counts: int32 [networks, slices].
        evaluations: int64 [networks], points at which each network was evaluated.
        shared: a `RegionCounts` of the first network: method, points, extent and all else that the
            networks have in common.
        sizes: float64 [networks, slices], lengths of segments, areas of planes and so on.
        reevaluated_share: float64 [networks], share of each network's points that mixed precision
            evaluated again in float32.
        uncertain: bool [networks, slices] of adaptive planes, see `RegionCounts`; else None.
    """

    counts: Int[np.ndarray, "networks slices"]
    evaluations: Int[np.ndarray, " networks"]
    shared: RegionCounts
    sizes: Float[np.ndarray, "networks slices"]
    reevaluated_share: Float[np.ndarray, " networks"]
    uncertain: Bool[np.ndarray, "networks slices"] | None = None

    @property
    def mean(self) -> Float[np.ndarray, " networks"]:
        """Mean count over the slices."""
        return np.asarray(self.counts.mean(axis=1))

    @property
    def standard_error(self) -> Float[np.ndarray, " networks"]:
        """Standard error of the mean over slices; NaN for a single slice."""
        return np.asarray([self[i].standard_error for i in range(len(self))])

    def interval(self, level: float = 0.95) -> Float[np.ndarray, "networks 2"]:
        """Intervals of the means; see `RegionCounts.interval`."""
        return np.asarray([self[i].interval(level) for i in range(len(self))])

    def compare(
        self,
        first: int,
        second: int,
        *,
        level: float = 0.95,
        resamples: int = 10_000,
        seed: int = 0,
    ) -> statistics.PairedComparison:
        """Two of the networks slice by slice; see `rcjax.compare`."""
        return statistics.compare(
            self[first], self[second], level=level, resamples=resamples, seed=seed
        )

    def __getitem__(self, network: int) -> RegionCounts:
        """The counts of one network."""
        sizes = self.sizes[network]
        is_segment = self.shared.dim == 1
        return dataclasses.replace(
            self.shared,
            counts=self.counts[network],
            evaluations=int(self.evaluations[network]),
            reevaluated_share=float(self.reevaluated_share[network]),
            uncertain=None if self.uncertain is None else self.uncertain[network],
            lengths=sizes if is_segment else None,
            sizes=None if is_segment else sizes,
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
        parameters: a pytree of arrays [networks, ...].
    """

    def __init__(self, predict: Callable[..., object], parameters: object):
        if isinstance(predict, OnHost):
            raise ValueError(
                "parameters is for JAX functions predict(parameters, points); a classifier on the "
                "host is counted one at a time: leave parameters out"
            )
        self.predict = predict
        self.leaves, self._tree = jax.tree.flatten(parameters)
        self.count = _number_of_networks(parameters)

    def one(self, network: int) -> Predict:
        """predict(points) of one network."""
        # NumPy's scalars would be constants of a program that is compiled for this network alone.
        with telling_overflow():
            leaves = [jnp.asarray(leaf[network]) for leaf in self.leaves]
        return functools.partial(self.predict, jax.tree.unflatten(self._tree, leaves))

    def some(self, start: int, stop: int) -> list[jax.Array]:
        """The leaves of the networks from `start` to `stop`."""
        with telling_overflow():
            return [jnp.asarray(leaf[start:stop]) for leaf in self.leaves]

    def program(self, evaluator: Evaluator, batch: int) -> tuple[Program, Arrays]:
        """`program(arrays, leaves of one network, points [batch, *features])`, and the arrays."""

        def predict(leaves: list[jax.Array], points: jax.Array) -> object:
            return self.predict(jax.tree.unflatten(self._tree, leaves), points)

        kinds = [
            jax.ShapeDtypeStruct(np.shape(leaf)[1:], jax.dtypes.canonicalize_dtype(leaf.dtype))
            for leaf in self.leaves
        ]
        points = jax.ShapeDtypeStruct((batch, *evaluator.feature_shape), jnp.float32)
        with telling_overflow(), float32_products():
            closed = jax.make_jaxpr(predict)(kinds, points)
        program = Program(closed, batch)
        remember(program)
        return program, tuple(closed.consts)


def _number_of_networks(parameters: object) -> int:
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
    (count,) = sizes
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


def padded(leaves: list[jax.Array], size: int) -> list[jax.Array]:
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

    def labels(
        self, chunk: slice, width: int, anchors: NetworkBlock, weights: Weights
    ) -> Int[Array, "networks_and_slices points"]:
        """Labels of a chunk of networks on a block of slices, network by network.

        Args:
            chunk: numbers of the networks.
            width: networks that the program counts, the last one again and again.
            anchors: of these networks, or of all.
            weights: of the points of a slice.
        """
        leaves = padded(self.networks.some(chunk.start, chunk.stop), width)
        slices, points = anchors.shape[1], len(weights)
        total = slices * points
        place = np.arange(-(-total // self._batch) * self._batch).reshape(-1, self._batch)
        place = np.minimum(place, total - 1)
        labels: jax.Array = _labels(
            [self.evaluator.spread(leaf) for leaf in leaves], self._arrays,
            jnp.asarray(filled_up(anchors, width)),
            jnp.asarray(place // points, jnp.int32), jnp.asarray(weights[place % points]),
            program=self._program.handle,
        )  # fmt: skip
        return labels[: chunk.stop - chunk.start, :total].reshape(-1, points)


@compiled("program")
def _labels(
    leaves: list[jax.Array],
    arrays: Arrays,
    anchors: jax.Array,
    slice_index: jax.Array,
    weights: jax.Array,
    *,
    program: Handle,
) -> jax.Array:
    def batch(points_of_batch: tuple[jax.Array, jax.Array]) -> jax.Array:
        def labels(anchors: jax.Array, *one: jax.Array) -> jax.Array:
            return labels_of(program(arrays, *one, interpolate(anchors, *points_of_batch)))

        if len(anchors) > 1:
            return jax.vmap(labels)(anchors, *leaves)
        return jax.vmap(functools.partial(labels, anchors[0]))(*leaves)

    labels = jax.lax.map(batch, (slice_index, weights))  # [batches, networks, batch]
    return jnp.swapaxes(labels, 0, 1).reshape(len(leaves[0]), -1)


def nature_of_networks(
    networks: Networks, anchors: NetworkBlock, extent: tuple[float, float], count: int
) -> Nature:
    """Judges the scores of the first networks at a few points of the first slices."""
    inside = (1 - places(count)) * extent[0] + places(count) * extent[1]
    slices = min(anchors.shape[1], PROBED_SLICES)
    slice_index = np.repeat(np.arange(slices, dtype=np.int32), count)
    weights = np.tile(simplex.barycentric_weights(inside[:, None]), (slices, 1))
    points = [jnp.asarray(interpolate(own, slice_index, weights)) for own in anchors]
    with float32_products():
        parts = [
            np.asarray(networks.one(i)(points[i % len(points)])).reshape(slices, count, -1)
            for i in range(min(networks.count, PROBED_SLICES))
        ]
    return nature_of(np.concatenate(parts))
