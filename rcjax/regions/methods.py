"""The ways to count the slices of a request: the grid, and two more on segments and on planes."""

import dataclasses

import numpy as np

from rcjax.array_types import Int
from rcjax.regions import simplex
from rcjax.regions.adaptive import CompiledCounter, HostCounter, concatenate, warn_of_kind
from rcjax.regions.anchors import read_block, segment_lengths
from rcjax.regions.classifier import Evaluator, warn_of_precision
from rcjax.regions.exact import DEFAULT_BUDGET, count_exact
from rcjax.regions.grid import GridCounter
from rcjax.regions.planes import (
    NEEDS_SCORES,
    PLANE_BUDGET,
    Located,
    PlaneScores,
    count_exact_planes,
    count_planes,
)
from rcjax.regions.request import Request
from rcjax.regions.result import RegionCounts
from rcjax.regions.slice_regions import PlaneRegions, SliceRegions, segment_regions

_POINTS_PER_BLOCK = 2**21
_SLICES_PER_BATCH = 4
_SEGMENTS_PER_BLOCK = 256
_PLANES_PER_BLOCK = 128
# Scores that the meshes of a block may come to hold, should every plane meet its budget: 3 GB.
_SCORES_PER_BLOCK = 2**27
_SLICES_MEASURED_AT_ONCE = 1_024


def count_by_method(request: Request) -> RegionCounts:
    """Counts by the method of the request."""
    result = _by_method(request)
    if request.dim == 1:
        return result
    starts = range(0, request.slices, _SLICES_MEASURED_AT_ONCE)
    blocks = (
        read_block(request.anchors, start, min(start + _SLICES_MEASURED_AT_ONCE, request.slices))
        for start in starts
    )
    sizes = np.concatenate([simplex.volumes(block, request.extent) for block in blocks])
    return dataclasses.replace(result, sizes=sizes)


def _by_method(request: Request) -> RegionCounts:
    if request.method == "grid":
        return _with_segment_regions(request, _by_grid(request))
    if request.dim == 2:
        return _by_mesh(request) if request.method == "adaptive" else _by_polygons(request)
    by_method = _by_adaptive if request.method == "adaptive" else _by_exact
    return _with_segment_regions(request, by_method(request))


def _with_segment_regions(request: Request, result: RegionCounts) -> RegionCounts:
    where, labels, lengths = result.boundaries, result.region_labels, result.lengths
    if not request.regions or where is None or labels is None or lengths is None:
        return result
    regions = segment_regions(where, labels, lengths, result.extent)
    return dataclasses.replace(result, regions=regions)


def _by_grid(request: Request) -> RegionCounts:
    counter = GridCounter(
        request.points,
        request.dim,
        request.extent,
        request.connectivity,
        request.boundaries or request.regions,
    )
    evaluator = request.evaluator()
    # Anchors and labels of a block stay within what a batch needs anyway.
    size = max(_POINTS_PER_BLOCK // counter.points_per_slice, 1)
    size = min(request.slices, _SLICES_PER_BATCH * evaluator.batch_size, size)
    evaluator.balance(size * counter.points_per_slice)
    request.progress.watch(evaluator.follow, counter.points_per_slice)
    counts, lengths = [], []
    boundaries: list[np.ndarray] = []
    region_labels: list[np.ndarray] = []
    regions: list[SliceRegions] = []
    step = (request.extent[1] - request.extent[0]) / (request.points - 1)
    for _, block in request.blocks(size):
        evaluator.load(block)
        block_counts, labels = counter.count(evaluator, len(block))
        counts.append(block_counts)
        if request.dim == 1:
            lengths.append(segment_lengths(block))
        elif labels is not None:
            regions += counter.regions(labels, block)
            continue
        for row in () if labels is None else labels:
            changes = np.flatnonzero(row[1:] != row[:-1])
            boundaries.append(request.extent[0] + step * (changes + 0.5))
            region_labels.append(row[np.concatenate([[0], changes + 1])])
    return dataclasses.replace(
        _result(request, evaluator, np.concatenate(counts)),
        boundaries=tuple(boundaries) if request.boundaries else None,
        region_labels=tuple(region_labels) if request.boundaries else None,
        lengths=np.concatenate(lengths) if lengths else None,
        regions=tuple(regions) if regions else None,
    )


def _by_adaptive(request: Request) -> RegionCounts:
    evaluator, options = request.evaluator(), request.adaptive_options()
    counter: CompiledCounter | HostCounter
    # On a CPU the host's loop reads what is evaluated where it is, and needs no compilation.
    if evaluator.on_host or evaluator.devices[0].platform == "cpu":
        counter = HostCounter(evaluator, options)
    else:
        automatic = request.batch_size is None
        counter = CompiledCounter(evaluator, options, automatic_batch=automatic)
    parts, lengths = [], []
    for start, block in request.blocks(counter.slices_per_block):
        parts.append(counter.count(block))
        lengths.append(segment_lengths(block))
        request.progress.report(start + len(block))
    warn_of_kind(counter.kind, options)
    found = concatenate(parts).within(request.extent)
    return dataclasses.replace(
        _result(request, evaluator, found.counts),
        boundaries=tuple(found.boundaries),
        region_labels=tuple(found.labels),
        lengths=np.concatenate(lengths),
        score_kind=counter.kind,
    )


def _by_mesh(request: Request) -> RegionCounts:
    evaluator = request.evaluator()
    if evaluator.on_host:  # a first call tells how many scores there are
        evaluator.load(request.block(0, min(request.slices, _PLANES_PER_BLOCK)))
    if evaluator.classes is None:
        raise ValueError(NEEDS_SCORES)
    budget = request.budget or PLANE_BUDGET
    results, steps = [], request.points - 1
    regions: list[PlaneRegions] = []
    in_memory = max(_SCORES_PER_BLOCK // (budget * evaluator.classes), 1)
    for start, block in request.blocks(min(_PLANES_PER_BLOCK, in_memory)):
        evaluator.load(block)
        results.append(
            count_planes(
                PlaneScores(evaluator, len(block), steps, request.extent),
                len(block),
                steps=steps,
                whole_square=not simplex.is_simplex(request.extent, 2),
                budget=budget,
                safety=request.safety,
                located=Located(block, request.extent) if request.regions else None,
            )
        )
        regions += results[-1].regions or []
        request.progress.report(start + len(block))
    return dataclasses.replace(
        _result(request, evaluator, np.concatenate([r.counts for r in results])),
        uncertain=np.concatenate([r.uncertain for r in results]),
        regions=tuple(regions) if request.regions else None,
    )


def _by_exact(request: Request) -> RegionCounts:
    low, high = request.extent
    results, lengths = [], []
    for start, block in request.blocks(request.batch_size or _SEGMENTS_PER_BLOCK):
        first, second = np.moveaxis(block, 1, 0)
        ends = np.stack([(1 - t) * first + t * second for t in (low, high)], axis=1)
        results.append(
            count_exact(
                request.predict,
                ends.astype(np.float32),
                budget=request.budget or DEFAULT_BUDGET,
                batch_size=request.batch_size,
                progress=request.progress.after(start),
            )
        )
        lengths.append(segment_lengths(block))
    counts = np.concatenate([r.counts for r in results])
    return dataclasses.replace(
        request.result(counts, sum(int(r.evaluations.sum()) for r in results)),
        lengths=np.concatenate(lengths),
        boundaries=tuple(low + (high - low) * b for r in results for b in r.boundaries),
        region_labels=tuple(labels for r in results for labels in r.labels),
        linear_regions=np.concatenate([r.linear_regions for r in results]),
        activation_regions=np.concatenate([r.activation_regions for r in results]),
        complete=np.concatenate([r.complete for r in results]),
        crowded=np.concatenate([r.crowded for r in results]),
    )


def _by_polygons(request: Request) -> RegionCounts:
    low, high = request.extent
    rim = np.array([[low, low], [high, low], [high, high], [low, high]])
    if simplex.is_simplex(request.extent, 2):
        rim = rim[[0, 1, 3]]
    results = [
        count_exact_planes(
            request.predict,
            block,
            rim,
            budget=request.budget or DEFAULT_BUDGET,
            batch_size=request.batch_size,
            progress=request.progress.after(start),
        )
        for start, block in request.blocks(_PLANES_PER_BLOCK)
    ]
    regions = tuple(found for result in results for found in result.regions)
    counts = np.array([len(found.labels) for found in regions], np.int32)
    return dataclasses.replace(
        request.result(counts, sum(int(r.evaluations.sum()) for r in results)),
        regions=regions,
        linear_regions=np.concatenate([r.linear_regions for r in results]),
        activation_regions=np.concatenate([r.activation_regions for r in results]),
        complete=np.concatenate([r.complete for r in results]),
    )


def _result(
    request: Request, evaluator: Evaluator, counts: Int[np.ndarray, " slices"]
) -> RegionCounts:
    warn_of_precision(evaluator.low_precision)
    return dataclasses.replace(
        request.result(counts, evaluator.evaluations),
        low_precision=evaluator.low_precision or None,
        reevaluated_share=evaluator.reevaluated_share,
    )
