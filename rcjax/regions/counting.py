"""`count_regions`: checks what it is given, and hands it to a method."""

from collections.abc import Callable, Sequence
from typing import Unpack, overload

import jax

from rcjax.regions.anchors import check_anchors
from rcjax.regions.arguments import (
    check_budget,
    check_connectivity,
    check_devices,
    check_extent,
    check_method,
    check_points,
    check_positive,
    check_precision,
    check_safety,
)
<<<<<<< HEAD
from rcjax.regions.classifier import (
    Evaluator,
    MixedEvaluator,
    own_surroundings,
    points_dtype,
    warn_of_precision,
)
=======
>>>>>>> a074043 (The request of a count is typed; its methods have their own file)
from rcjax.regions.counting_networks import count_many
from rcjax.regions.methods import count_by_method
from rcjax.regions.networks import NetworkCounts
from rcjax.regions.planes import PLANE_SAFETY
from rcjax.regions.progress import Progress
from rcjax.regions.request import Request
from rcjax.regions.result import RegionCounts
from rcjax.regions.types import AnchorsLike, CountOptions, Predict


@overload
def count_regions(
    predict: Predict,
    anchors: AnchorsLike,
    *,
    parameters: None = None,
    **options: Unpack[CountOptions],
) -> RegionCounts: ...


@overload
def count_regions(
    predict: Predict, anchors: AnchorsLike, *, parameters: object, **options: Unpack[CountOptions]
) -> NetworkCounts: ...


def count_regions(
    predict: Predict,
    anchors: AnchorsLike,
    *,
    points: int | None = None,
    extent: tuple[float, float] = (0.0, 1.0),
    method: str = "grid",
    connectivity: str | None = None,
    batch_size: int | None = None,
    precision: str = "float32",
    boundaries: bool = False,
    budget: int | None = None,
    initial_intervals: int | None = None,
    safety: float | None = None,
    devices: Sequence[jax.Device] | None = None,
    progress: bool | Callable[[int, int], None] = False,
    parameters: object = None,
) -> RegionCounts | NetworkCounts:
    """Counts the connected regions of equal predicted label on every slice.

    A region of a classifier f on a slice S is a maximal connected subset of S on which f is
    constant. Slice s is the set of points `sum_i t_i * anchors[s, i]`: a segment for 2 anchors, a
    triangle for 3, and so on.

    Args:
        predict: maps points [n, *features] to labels [n] or scores [n, classes] (the largest
            score wins). A JAX function or module is compiled; wrap anything else in `on_host`.
            A network must be in evaluation mode.
        anchors: [slices, dim + 1, *features], 2 to 6 anchors a slice, in the space in which
            `predict` takes its input; see `rcjax.slices`. Read block by block.
        points: grid points per axis; by default 200 in 1-D, 10 in 2-D, 5 beyond, and for the
            adaptive method 8,193 on segments and 513 on planes. "exact" has no grid and ignores it.
        extent: smallest and largest value of every coordinate. With (0, 1) the slice is the
            simplex of its anchors; with any other extent in 2-D and beyond a parallelepiped.
        method: "grid" evaluates every grid point. "adaptive" (segments, planes) finds the count of
            the fine grid from a few dozen evaluations. "exact" (segments, planes; piecewise linear
            JAX networks) finds every linear piece and so the true count.
        connectivity: "full" (default) links diagonal neighbours too, and converges as the grid is
            refined. "face" links only those along the axes; it is the paper's choice beyond planes,
            where its counts grow without end on ever finer grids.
        batch_size: points per device step, which bounds the memory; chosen when None, halved
            with a warning when memory runs out.
        precision: "float32", or "mixed": bfloat16 first, and float32 wherever the margin is
            within the measured error, so that the counts stay those of float32.
        boundaries: keep the coordinates of all label changes on segments. The adaptive method
            then locates each to the fine grid (more evaluations) instead of interpolating it.
        budget: largest number of evaluations per slice for "exact" (20,000 by default), and for
            "adaptive" on planes (5,000), where the last round may pass it.
        initial_intervals: intervals in which "adaptive" starts on segments; 10 where scores move
            with the point, 1,024 where they move in steps (trees, forests, nearest neighbours,
            quantised networks, low precision) and where there are labels alone. More see narrower
            regions.
        safety: factor of "adaptive" on its estimate of what lies between two points, by default 5
            on segments and 2 on planes; more is safer and dearer.
        devices: devices to share the points among; all local ones when None.
        progress: True prints progress to standard error; a function is called with
            (done, total) slices.
        parameters: counts many networks of one architecture at once: a pytree of arrays whose
            first axis is that of the networks; `predict` is then predict(parameters, points) with
            the parameters of one network. For "grid" and "adaptive".

    Returns:
        RegionCounts: `counts` int32 [slices], `mean`, `standard_error`, `interval(0.95)`,
        `evaluations` and more. With `parameters` NetworkCounts: `counts` int32
        [networks, slices], `mean` and `standard_error` [networks], `compare(i, j)`, and the
        RegionCounts of network i at [i].

    Raises:
        ValueError: anchors of a wrong shape or not finite, NaN scores, an output that is neither
            labels nor scores, unknown options, a function that "exact" cannot treat.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from rcjax import count_regions, slices
        >>> points = np.random.default_rng(0).normal(size=(100, 2)).astype("float32")
        >>> segments = slices.between_points(jax.random.key(0), points, count=20)
        >>> half_plane = lambda x: (x[:, 0] > 0).astype(jnp.int32)
        >>> sorted(count_regions(half_plane, segments).histogram())
        [1, 2]

    Source: definition in section 3, algorithm 1 and appendix of the paper (arXiv 2505.11370).
    """
    checked = check_anchors(anchors)
    dim = checked.shape[1] - 1
    request = Request(
        predict=predict,
        anchors=checked,
        points=check_points(points, dim, method),
        dim=dim,
        extent=check_extent(extent),
        method=check_method(method, dim, predict),
        connectivity=check_connectivity(connectivity, dim, method),
        batch_size=check_positive("batch_size", batch_size),
        precision=check_precision(precision, predict, method),
        boundaries=bool(boundaries) and dim == 1,
        budget=check_budget(budget, dim, method),
        initial_intervals=check_positive("initial_intervals", initial_intervals),
        safety=check_safety(PLANE_SAFETY if safety is None and dim == 2 else safety),
        devices=check_devices(devices, predict, method),
        progress=Progress(progress, checked.shape[0]),
    )
    if boundaries and dim != 1:
        raise ValueError(f"boundaries=True needs segments (2 anchors), got {dim + 1} anchors")
    if initial_intervals is not None and dim == 2:
        raise ValueError(
            "initial_intervals is for segments (2 anchors), got 3 anchors; leave it out"
        )
    for name, value in (("initial_intervals", initial_intervals), ("safety", safety)):
        if value is not None and method != "adaptive":
            raise ValueError(
                f"{name} is for method='adaptive', got method={method!r}; leave it out"
            )
<<<<<<< HEAD
    with own_surroundings():
        return _by_method(request) if parameters is None else count_many(request, parameters)


def _by_method(request: _Request) -> RegionCounts:
    if request.method == "grid":
        return _by_grid(request)
    if request.dim == 2:
        return _by_mesh(request) if request.method == "adaptive" else _by_polygons(request)
    return _by_adaptive(request) if request.method == "adaptive" else _by_exact(request)


def _by_grid(request: _Request) -> RegionCounts:
    counter = GridCounter(
        request.points, request.dim, request.extent, request.connectivity, request.boundaries
    )
    evaluator = _evaluator(request, in_rounds=False)
    size = _block_size(request, evaluator, counter.points_per_slice)
    evaluator.balance(size * counter.points_per_slice)
    request.progress.watch(evaluator, counter.points_per_slice)
    counts, boundaries, lengths = [], [], []
    region_labels: list[np.ndarray] = []
    step = (request.extent[1] - request.extent[0]) / (request.points - 1)
    for _, block in _blocks(request, size):
        evaluator.load(block)
        block_counts, labels = counter.count(evaluator, len(block))
        counts.append(block_counts)
        if request.dim == 1:
            lengths.append(_lengths(block))
        for row in () if labels is None else labels:
            changes = np.flatnonzero(row[1:] != row[:-1])
            boundaries.append(request.extent[0] + step * (changes + 0.5))
            region_labels.append(row[np.concatenate([[0], changes + 1])])
    return _result(
        request,
        evaluator,
        counts=np.concatenate(counts),
        boundaries=tuple(boundaries) if request.boundaries else None,
        region_labels=tuple(region_labels) if request.boundaries else None,
        lengths=np.concatenate(lengths) if lengths else None,
    )


def _by_adaptive(request: _Request) -> RegionCounts:
    evaluator = _evaluator(request, in_rounds=True)
    options = AdaptiveOptions(
        points=request.points,
        extent=request.extent,
        initial_intervals=request.initial_intervals,
        safety=request.safety,
        locate=request.boundaries,
    )
    counter: CompiledCounter | HostCounter
    # On a CPU the host's loop reads what is evaluated where it is, and needs no compilation.
    on_cpu = evaluator.on_host or evaluator.devices[0].platform == "cpu"
    if on_cpu or request.precision == "mixed":
        counter = HostCounter(evaluator, options)
    else:
        automatic = request.batch_size is None
        counter = CompiledCounter(evaluator, options, automatic_batch=automatic)
    parts, lengths = [], []
    for start, block in _blocks(request, counter.slices_per_block):
        parts.append(counter.count(block))
        lengths.append(_lengths(block))
        request.progress.report(start + len(block))
    warn_of_kind(counter.kind, options)
    found = concatenate(parts).within(request.extent)
    return _result(
        request,
        evaluator,
        counts=found.counts,
        boundaries=tuple(found.boundaries),
        region_labels=tuple(found.labels),
        lengths=np.concatenate(lengths),
        score_kind=counter.kind,
    )


def _by_mesh(request: _Request) -> RegionCounts:
    evaluator = _evaluator(request, in_rounds=True)
    if evaluator.classes is None and not evaluator.on_host:
        raise ValueError(NEEDS_SCORES)
    results = []
    for start, block in _blocks(request, min(_PLANES_PER_BLOCK, request.anchors.shape[0])):
        evaluator.load(block)
        if evaluator.classes is None:
            raise ValueError(NEEDS_SCORES)
        steps = request.points - 1
        results.append(
            count_planes(
                PlaneScores(evaluator, len(block), steps, request.extent),
                len(block),
                steps=steps,
                whole_square=not simplex.is_simplex(request.extent, 2),
                budget=request.budget or PLANE_BUDGET,
                safety=request.safety,
            )
        )
        request.progress.report(start + len(block))
    return _result(
        request,
        evaluator,
        counts=np.concatenate([r.counts for r in results]),
        uncertain=np.concatenate([r.uncertain for r in results]),
    )


def _by_exact(request: _Request) -> RegionCounts:
    low, high = request.extent
    results, lengths, evaluations = [], [], 0
    size = max(1, min(request.anchors.shape[0], request.batch_size or 256))
    for start, block in _blocks(request, size):
        block = np.asarray(block)
        ends = np.stack(
            [(1 - t) * block[:, 0] + t * block[:, 1] for t in (low, high)], axis=1
        )  # fmt: skip
        result = count_exact(
            request.predict,
            ends.astype(np.float32),
            budget=request.budget or DEFAULT_BUDGET,
            batch_size=request.batch_size,
            progress=request.progress.after(start),
        )
        results.append(result)
        lengths.append(_lengths(block))
        evaluations += int(result.evaluations.sum())
        request.progress.report(start + len(block))
    return RegionCounts(
        counts=np.concatenate([r.counts for r in results]).astype(np.int32),
        method=request.method,
        dim=1,
        points=0,
        extent=request.extent,
        connectivity=request.connectivity,
        evaluations=evaluations,
        lengths=np.concatenate(lengths),
        boundaries=tuple(low + (high - low) * b for r in results for b in r.boundaries),
        region_labels=tuple(labels for r in results for labels in r.labels),
        linear_regions=np.concatenate([r.linear_regions for r in results]).astype(np.int32),
        activation_regions=np.concatenate([r.activation_regions for r in results]),
        complete=np.concatenate([r.complete for r in results]),
        crowded=np.concatenate([r.crowded for r in results]),
    )


def _by_polygons(request: _Request) -> RegionCounts:
    low, high = request.extent
    square = np.array([[low, low], [high, low], [high, high], [low, high]])
    rim = square[[0, 1, 3]] if simplex.is_simplex(request.extent, 2) else square
    results = []
    for start, block in _blocks(request, min(request.anchors.shape[0], _PLANES_PER_BLOCK)):
        results.append(
            count_exact_planes(
                request.predict,
                block,
                rim,
                budget=request.budget or DEFAULT_BUDGET,
                batch_size=request.batch_size,
                progress=request.progress.after(start),
            )
        )
    regions = tuple(found for result in results for found in result.regions)
    return RegionCounts(
        counts=np.array([len(found.labels) for found in regions], np.int32),
        method=request.method,
        dim=2,
        points=0,
        extent=request.extent,
        connectivity=request.connectivity,
        evaluations=sum(int(r.evaluations.sum()) for r in results),
        plane_regions=regions,
        linear_regions=np.concatenate([r.linear_regions for r in results]),
        activation_regions=np.concatenate([r.activation_regions for r in results]),
        complete=np.concatenate([r.complete for r in results]),
    )


def _evaluator(request: _Request, *, in_rounds: bool) -> Evaluator:
    feature_shape = tuple(request.anchors.shape[2:])
    kind = MixedEvaluator if request.precision == "mixed" else Evaluator
    return kind(
        request.predict,
        feature_shape,
        batch_size=request.batch_size,
        in_rounds=in_rounds,
        devices=request.devices,
    )


def _block_size(request: _Request, evaluator: Evaluator, points_per_slice: int) -> int:
    """Slices held at a time: their anchors and labels stay within what a batch needs anyway."""
    by_anchors = _SLICES_PER_BATCH * evaluator.batch_size
    by_labels = _POINTS_PER_BLOCK // points_per_slice
    return max(1, min(request.anchors.shape[0], by_anchors, by_labels))


def _blocks(request: _Request, size: int) -> Any:
    total = request.anchors.shape[0]
    dtype = points_dtype(request.predict, request.anchors.dtype)
    for start in range(0, total, size):
        block = read_block(request.anchors, start, min(start + size, total), dtype)
        if dtype == np.float32:
            some = np.asarray(block[:_SLICES_LOOKED_AT])
            if is_wide(request.anchors.dtype):  # judged before their differences are rounded away
                some = read_block(request.anchors, start, start + len(some), np.float64)
            check_resolved(some, start, request.points, request.extent)
        yield start, block


def _lengths(block: Any) -> np.ndarray:
    block = np.asarray(block, np.float64)
    return np.linalg.norm((block[:, 1] - block[:, 0]).reshape(len(block), -1), axis=1)


def _result(request: _Request, evaluator: Evaluator, **found: Any) -> RegionCounts:
    warn_of_precision(evaluator.low_precision)
    return RegionCounts(
        low_precision=evaluator.low_precision or None,
        method=request.method,
        dim=request.dim,
        points=request.points,
        extent=request.extent,
        connectivity=request.connectivity,
        evaluations=evaluator.evaluations,
        precision=request.precision,
        reevaluated_share=evaluator.reevaluated_share,
        **found,
    )
=======
    # What a caller forbids in code of its own is not forbidden to the counter.
    with jax.transfer_guard("allow"), jax.disable_jit(False):
        return count_by_method(request) if parameters is None else count_many(request, parameters)
>>>>>>> a074043 (The request of a count is typed; its methods have their own file)
