"""`count_regions` with `parameters`: hands chunks of networks and blocks of slices to a method."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from rcjax.array_types import Int
from rcjax.regions.adaptive import (
    PROBED_SLICES,
    CompiledCounter,
    ScoreKind,
    count_networks,
    warn_of_kind,
)
from rcjax.regions.anchors import read_block
from rcjax.regions.classifier import Evaluator, warn_of_precision
from rcjax.regions.grid import GridCounter
from rcjax.regions.methods import count_by_method
from rcjax.regions.network_slices import NetworkBlock, NetworkSlices, filled_up, sizes_of
from rcjax.regions.networks import (
    GridOfNetworks,
    NetworkCounts,
    Networks,
    chunks_of,
    nature_of_networks,
    padded,
)
from rcjax.regions.progress import Progress
from rcjax.regions.request import Request
from rcjax.regions.result import RegionCounts

# Networks per call of the compiled program: progress is reported after each.
_NETWORKS_PER_CALL = 32
_LABELS_PER_BLOCK = 2**22


class _Counted:
    """Counts [networks, slices] that fill up block by block; reports progress in slices."""

    def __init__(self, request: Request, networks: int):
        self._request = request
        self.counts = np.zeros((networks, request.slices), np.int32)
        self.evaluations = np.zeros(networks, np.int64)
        self._done = 0
        self._sizes = np.zeros(self.counts.shape)

    def measure(self, block: NetworkBlock, networks: slice, slices: slice) -> None:
        """Keeps the sizes of slices, by which `compare` knows that anchors are the same."""
        self._sizes[networks, slices] = sizes_of(block, self._request.extent)

    def put(
        self,
        networks: slice,
        slices: slice,
        counts: Int[np.ndarray, "networks slices"],
        evaluations: int | Int[np.ndarray, " networks"],
    ) -> None:
        """Keeps the counts of some networks on some slices."""
        self.counts[networks, slices] = counts
        self.evaluations[networks] += evaluations
        self._done += counts.size
        self._request.progress.report(self._done // len(self.counts))

    def result(self) -> NetworkCounts:
        """The counts of all networks, with the options that they have in common."""
        shared = self._request.result(self.counts[0], int(self.evaluations[0]))
        nothing_again = np.zeros(len(self.counts))
        return NetworkCounts(self.counts, self.evaluations, shared, self._sizes, nothing_again)


def count_many(
    request: Request, parameters: object, own: np.ndarray | None = None
) -> NetworkCounts:
    """Counts every network of `parameters`, a pytree of arrays [networks, ...], on all slices.

    Args:
        request: its anchors are those of all networks, or of the first.
        parameters: of the networks.
        own: anchors [networks, slices, dim + 1, *features], where each network has its own.
    """
    for name, given in (
        ("method='exact'", request.method == "exact"),
        ("regions=True", request.regions),
        ("boundaries=True", request.boundaries),
    ):
        if given:
            raise ValueError(f"{name} is not for many networks at once; leave parameters out")
    networks = Networks(request.predict, parameters)
    evaluator = request.evaluator(networks.one(0))
    evaluator.prove(read_block(request.anchors, 0, 1))
    slices = NetworkSlices(request, networks.count, own)
    is_refined_by_host = request.method == "adaptive" and request.dim > 1
    if is_refined_by_host or request.precision == "mixed":
        return _one_by_one(request, networks, slices)
    by_method = _on_grids if request.method == "grid" else _adaptively
    result = by_method(request, networks, slices, evaluator)
    warn_of_precision(evaluator.low_precision)
    shared = dataclasses.replace(result.shared, low_precision=evaluator.low_precision or None)
    return dataclasses.replace(result, shared=shared)


def _one_by_one(request: Request, networks: Networks, slices: NetworkSlices) -> NetworkCounts:
    """Each network alone, by the programs that were compiled for the first.

    So are planes counted that the host refines, and networks in mixed precision: what is evaluated
    again follows from the errors of one network.
    """
    results: list[RegionCounts] = []
    for network in range(networks.count):
        progress = Progress(_reporting(request.progress, network, networks.count), request.slices)
        alone = dataclasses.replace(
            slices.request_of(network), predict=networks.one(network), progress=progress
        )
        try:
            found = count_by_method(alone)
        except ValueError as error:
            raise type(error)(f"network {network}: {error}") from error
        results.append(dataclasses.replace(found, boundaries=None, region_labels=None))
    uncertain = [result.uncertain for result in results if result.uncertain is not None]
    return NetworkCounts(
        np.stack([result.counts for result in results]),
        np.array([result.evaluations for result in results]),
        dataclasses.replace(results[0], score_kind=_common_kind(results)),
        np.stack([np.asarray(r.lengths if request.dim == 1 else r.sizes) for r in results]),
        np.array([result.reevaluated_share for result in results]),
        np.stack(uncertain) if uncertain else None,
    )


def _common_kind(results: list[RegionCounts]) -> ScoreKind | None:
    """The kind of all, by the one of which the least is seen, as `_adaptively` reports it."""
    kinds = [result.score_kind for result in results]
    return "steps" if "steps" in kinds else kinds[0]


def _reporting(progress: Progress, network: int, networks: int) -> Callable[[int, int], None]:
    """Reports the slices of one network as a share of those of all."""
    return lambda done, total: progress.report((network * total + done) // networks)


def _on_grids(
    request: Request, networks: Networks, slices: NetworkSlices, evaluator: Evaluator
) -> NetworkCounts:
    grid = GridCounter(request.points, request.dim, request.extent, request.connectivity)
    labels = GridOfNetworks(networks, evaluator)
    counted = _Counted(request, networks.count)
    width = labels.chunks[0][2]
    size = max(_LABELS_PER_BLOCK // (grid.points_per_slice * width), 1)
    for part in slices.ranges(min(size, slices.at_most(width))):
        for start, stop, width in labels.chunks:
            here = slice(start, stop), slice(part.first, part.stop)
            block = part.block(start, stop)
            counted.measure(block, *here)
            counts, _ = grid.count_labels(labels.labels(here[0], width, block, grid.weights))
            length = part.stop - part.first
            counted.put(*here, counts.reshape(-1, length), length * grid.points_per_slice)
    return counted.result()


def _adaptively(
    request: Request, networks: Networks, slices: NetworkSlices, evaluator: Evaluator
) -> NetworkCounts:
    options = request.adaptive_options()
    automatic = request.batch_size is None
    chunks = chunks_of(networks.count, _NETWORKS_PER_CALL, len(evaluator.devices))
    at_most = 1 << (slices.at_most(chunks[0][2]) - 1).bit_length()
    counter = CompiledCounter(evaluator, options, automatic_batch=automatic, at_most=at_most)
    if counter.start is None:
        some = next(slices.ranges(PROBED_SLICES)).block(0, min(networks.count, PROBED_SLICES))
        counter.take(nature_of_networks(networks, some, request.extent, len(counter.coarse)))
    counted = _Counted(request, networks.count)
    program, arrays = networks.program(evaluator, counter.sizes.batch)
    for part in slices.ranges(counter.slices_per_device):
        for start, stop, width in chunks:
            block = part.block(start, stop)
            here = slice(start, stop), slice(part.first, part.stop)
            counted.measure(block, *here)
            leaves = padded(networks.some(start, stop), width)
            filled = filled_up(block, width)
            counts, used, hold = count_networks(counter, program, arrays, leaves, filled)
            counts, used = counts[: stop - start].copy(), used[: stop - start].copy()
            for i in np.flatnonzero(~hold[: stop - start]):
                # Alone it gets as much room as it needs, and is asked for the kind of its scores.
                one = request.evaluator(networks.one(start + int(i)))
                alone = CompiledCounter(one, options, automatic_batch=automatic)
                counts[i] = alone.count(block[i % len(block)]).counts
                used[i] = one.evaluations
                if alone.kind == "steps":
                    counter.kind = "steps"
            counted.put(*here, counts, used)
    warn_of_kind(counter.kind, options)
    result = counted.result()
    return dataclasses.replace(
        result, shared=dataclasses.replace(result.shared, score_kind=counter.kind)
    )
