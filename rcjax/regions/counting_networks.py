"""`count_regions` with `parameters`: hands chunks of networks and blocks of slices to a method."""

from __future__ import annotations

from typing import Any

import numpy as np

from rcjax.regions.adaptive import (
    AdaptiveOptions,
    CompiledCounter,
    count_networks,
    warn_of_kind,
)
from rcjax.regions.anchors import read_block
from rcjax.regions.classifier import Evaluator
from rcjax.regions.grid import GridCounter
from rcjax.regions.networks import (
    GridOfNetworks,
    NetworkCounts,
    Networks,
    chunks_of,
    nature_of_networks,
    padded,
)
from rcjax.regions.result import RegionCounts

# Networks per call of the compiled program: progress is reported after each.
_NETWORKS_PER_CALL = 32
_LABELS_PER_BLOCK = 2**22


class Counted:
    """Counts [networks, slices] that fill up block by block; reports progress in slices.

    Args:
        request: the checked arguments of the call.
        networks: how many there are.
    """

    def __init__(self, request: Any, networks: int):
        self._request = request
        self.counts = np.zeros((networks, request.anchors.shape[0]), np.int32)
        self.evaluations = np.zeros(networks, np.int64)
        self._done = 0
        self._lengths: list[np.ndarray] = []

    def measure(self, block: Any) -> None:
        """Keeps the lengths of segments, by which `compare` knows that anchors are the same."""
        if self._request.dim == 1:
            ends = np.asarray(block, np.float64).reshape(len(block), 2, -1)
            self._lengths.append(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))

    def put(self, networks: slice, slices: slice, counts: np.ndarray, evaluations: Any) -> None:
        """Keeps the counts of some networks on some slices."""
        self.counts[networks, slices] = counts
        self.evaluations[networks] += evaluations
        self._done += counts.size
        self._request.progress.report(self._done // len(self.counts))

    def result(self, **found: Any) -> NetworkCounts:
        """All of them, with what the networks have in common."""
        request = self._request
        shared = RegionCounts(
            counts=self.counts[0],
            method=request.method,
            dim=request.dim,
            points=request.points,
            extent=request.extent,
            connectivity=request.connectivity,
            evaluations=int(self.evaluations[0]),
            lengths=np.concatenate(self._lengths) if self._lengths else None,
            **found,
        )
        return NetworkCounts(self.counts, self.evaluations, shared)


def count_many(request: Any, parameters: Any) -> NetworkCounts:
    """Counts every network of `parameters` on all slices."""
    for name, given in (
        ("method='exact'", request.method == "exact"),
        ("precision='mixed'", request.precision == "mixed"),
        ("boundaries=True", request.boundaries),
        ("method='adaptive' beyond segments", request.method == "adaptive" and request.dim > 1),
    ):
        if given:
            raise ValueError(f"{name} is not for many networks at once; leave parameters out")
    networks = Networks(request.predict, parameters)
    evaluator = Evaluator(
        networks.one(0),
        tuple(request.anchors.shape[2:]),
        batch_size=request.batch_size,
        in_rounds=request.method == "adaptive",
        devices=request.devices,
    )
    by_method = _on_grids if request.method == "grid" else _adaptively
    return by_method(request, networks, evaluator)


def _on_grids(request: Any, networks: Networks, evaluator: Evaluator) -> NetworkCounts:
    grid = GridCounter(request.points, request.dim, request.extent, request.connectivity)
    labels = GridOfNetworks(networks, evaluator)
    counted = Counted(request, networks.count)
    total = request.anchors.shape[0]
    size = max(_LABELS_PER_BLOCK // (grid.points_per_slice * labels.chunks[0][2]), 1)
    for first in range(0, total, size):
        last = min(first + size, total)
        block = read_block(request.anchors, first, last)
        counted.measure(block)
        for chunk in labels.chunks:
            counts, _ = grid.count_labels(labels.labels(chunk, block, grid.weights))
            counted.put(
                slice(*chunk[:2]), slice(first, last), counts.reshape(-1, len(block)),
                len(block) * grid.points_per_slice,
            )  # fmt: skip
    return counted.result()


def _adaptively(request: Any, networks: Networks, evaluator: Evaluator) -> NetworkCounts:
    options = AdaptiveOptions(
        points=request.points,
        extent=request.extent,
        initial_intervals=request.initial_intervals,
        safety=request.safety,
    )
    total = request.anchors.shape[0]
    automatic = request.batch_size is None
    counter = CompiledCounter(
        evaluator, options, automatic_batch=automatic, at_most=1 << (total - 1).bit_length()
    )
    if counter.kind is None:
        some = read_block(request.anchors, 0, min(total, 8))
        counter.take(nature_of_networks(networks, some, request.extent, len(counter.coarse)))
    counted = Counted(request, networks.count)
    program, arrays = networks.program(evaluator, counter.sizes.batch)
    chunks = chunks_of(networks.count, _NETWORKS_PER_CALL, len(evaluator.devices))
    size = counter.slices_per_device
    for first in range(0, total, size):
        last = min(first + size, total)
        block = read_block(request.anchors, first, last)
        counted.measure(block)
        for start, stop, width in chunks:
            leaves = padded(networks.some(start, stop), width)
            counts, used, fits = count_networks(counter, program, arrays, leaves, block)
            counts, used = counts[: stop - start].copy(), used[: stop - start].copy()
            for i in np.flatnonzero(~fits[: stop - start]):
                counts[i], used[i] = _alone(request, networks.one(start + int(i)), options, block)
            counted.put(slice(start, stop), slice(first, last), counts, used)
    warn_of_kind(counter.kind, options)
    return counted.result(score_kind=counter.kind)


def _alone(
    request: Any, predict: Any, options: AdaptiveOptions, block: Any
) -> tuple[np.ndarray, int]:
    """A network whose points found no room, with as much as it needs."""
    evaluator = Evaluator(
        predict,
        tuple(request.anchors.shape[2:]),
        batch_size=request.batch_size,
        in_rounds=True,
        devices=request.devices,
    )
    counter = CompiledCounter(evaluator, options, automatic_batch=request.batch_size is None)
    return counter.count(block).counts, evaluator.evaluations
