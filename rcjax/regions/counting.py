"""`count_regions`: checks what it is given, and hands it to a method."""

from collections.abc import Callable, Sequence
from typing import Unpack, overload

import jax
import numpy as np

from rcjax.regions.anchors import check_anchors
from rcjax.regions.arguments import (
    check_budget,
    check_connectivity,
    check_devices,
    check_extent,
    check_flag,
    check_method,
    check_points,
    check_positive,
    check_precision,
    check_safety,
)
from rcjax.regions.classifier import own_surroundings
from rcjax.regions.counting_networks import count_many
from rcjax.regions.methods import count_by_method
from rcjax.regions.network_slices import check_own_slices
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
    predict: Predict,
    anchors: AnchorsLike,
    *,
    parameters: object,
    own_slices: bool = False,
    **options: Unpack[CountOptions],
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
    regions: bool = False,
    budget: int | None = None,
    initial_intervals: int | None = None,
    safety: float | None = None,
    devices: Sequence[jax.Device] | None = None,
    progress: bool | Callable[[int, int], None] = False,
    parameters: object = None,
    own_slices: bool = False,
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
            within the measured error, so that the labels stay those of float32.
        boundaries: keep the coordinates of all label changes on segments. The adaptive method
            then locates each to the fine grid (more evaluations) instead of interpolating it.
        regions: keep label, size, share and neighbours of every region (`result.regions`); on
            segments the boundaries, too. The adaptive method then follows boundaries on planes
            down to a 32nd of the plane (more evaluations).
        budget: largest number of evaluations per slice for "exact" (20,000 by default), and for
            "adaptive" on planes (10,000), where the last round may pass it.
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
            the parameters of one network. For "grid" and "adaptive" (adaptive planes, and all in
            mixed precision, network by network).
        own_slices: with `parameters`: every network has slices of its own, and anchors are
            [networks, slices, dim + 1, *features], an array.

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
    own = _own_slices(anchors, parameters, own_slices)
    checked = check_anchors(anchors if own is None else own[0])
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
        boundaries=check_flag("boundaries", boundaries) | check_flag("regions", regions)
        and dim == 1,
        regions=bool(regions),
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
    with own_surroundings():
        if parameters is None:
            return count_by_method(request)
        return count_many(request, parameters, own)


def _own_slices(anchors: object, parameters: object, own_slices: bool) -> np.ndarray | None:
    if not check_flag("own_slices", own_slices):
        return None
    if parameters is None:
        raise ValueError("own_slices=True is for many networks; give parameters too")
    return check_own_slices(anchors)
