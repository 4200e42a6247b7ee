"""Checks of the arguments of `count_regions`: each refuses in one line that says how to mend it."""

from collections.abc import Sequence

import jax
import numpy as np

from rcjax.regions.classifier import OnHost
from rcjax.regions.types import Predict

METHODS = ("grid", "adaptive", "exact")
CONNECTIVITIES = ("full", "face")
PRECISIONS = ("float32", "mixed")
ADAPTIVE_POINTS = {1: 8_193, 2: 513}
GRID_POINTS = {1: 200, 2: 10}
GRID_POINTS_BEYOND = 5
DEFAULT_SAFETY = 5.0
_MOST_POINTS = 2**25  # of a slice
_LARGEST_EXTENT = 1e30


def check_points(points: int | None, dim: int, method: str) -> int:
    """Grid points per axis; the default where None."""
    if points is None:
        if method == "adaptive":
            return ADAPTIVE_POINTS.get(dim, 0)
        return 0 if method == "exact" else GRID_POINTS.get(dim, GRID_POINTS_BEYOND)
    if not isinstance(points, int | np.integer) or isinstance(points, bool):
        raise ValueError(f"points must be an integer, got {points!r}")
    if points < 2:
        raise ValueError(f"points must be at least 2 per axis, got {points}")
    if method == "adaptive" and dim == 2 and (points < 9 or (points - 1) & (points - 2)):
        raise ValueError(
            "the adaptive mesh of a plane halves its triangles: points must be a power of two plus "
            f"1, at least 9 (513 by default), got {points}"
        )
    if method != "exact" and int(points) ** dim > _MOST_POINTS:
        raise ValueError(
            f"points = {points} per axis are {int(points) ** dim:.3g} on a slice of dimension "
            f"{dim}, of which at most {_MOST_POINTS:,} are held; take at most "
            f"{int(_MOST_POINTS ** (1 / dim) + 1e-9)} per axis"
        )
    return 0 if method == "exact" else int(points)


def check_extent(extent: Sequence[float]) -> tuple[float, float]:
    """The extent as two floats, low < high."""
    try:
        if not isinstance(extent, Sequence | np.ndarray) or isinstance(extent, str | bytes):
            raise TypeError
        low, high = (float(value) for value in extent)
    except (TypeError, ValueError):
        raise ValueError(f"extent must be a pair (low, high), got {extent!r}") from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"extent must be finite with low < high, got ({low}, {high})")
    if max(-low, high) > _LARGEST_EXTENT:
        raise ValueError(
            f"extent must lie within +-{_LARGEST_EXTENT:g}, where float32 still holds the points, "
            f"got ({low}, {high})"
        )
    return low, high


def check_method(method: str, dim: int, predict: Predict) -> str:
    """The method, if it can count these slices of this classifier."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    most = {"grid": 5, "adaptive": 2, "exact": 2}[method]
    if dim > most:
        raise ValueError(
            f"method={method!r} counts on segments and planes (2 or 3 anchors a slice), got "
            f"{dim + 1} anchors; use method='grid'"
        )
    if method == "exact" and isinstance(predict, OnHost):
        raise ValueError(
            "method='exact' reads the traced JAX function, which on_host hides; use "
            "method='adaptive', or move a PyTorch network to JAX by load_torch_state_dict"
        )
    return method


def check_connectivity(connectivity: str | None, dim: int, method: str = "grid") -> str:
    """The connectivity; "full" where None.

    Counts with "face" do not converge beyond planes: thin sheets of a region fall apart into ever
    more pieces as the grid is refined. The paper counts with "face" beyond planes.
    """
    if connectivity == "face" and dim == 2 and method != "grid":
        raise ValueError(
            f"method={method!r} on planes counts the regions that a fine grid with "
            "connectivity='full' has; leave connectivity out, or use method='grid'"
        )
    if connectivity is None:
        return "full"
    if connectivity not in CONNECTIVITIES:
        raise ValueError(
            f"connectivity must be one of {', '.join(CONNECTIVITIES)}; got {connectivity!r}"
        )
    return connectivity


def check_precision(precision: str, predict: Predict, method: str) -> str:
    """The precision, if the classifier and the method allow it."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}")
    if precision == "mixed" and (isinstance(predict, OnHost) or method == "exact"):
        what = "method='exact'" if method == "exact" else "a classifier on the host"
        raise ValueError(f"precision='mixed' is not for {what}; use precision='float32'")
    return precision


def check_budget(budget: int | None, dim: int, method: str) -> int | None:
    """The budget, where the method has one."""
    budget = check_positive("budget", budget)
    if budget is not None and method != "exact" and not (method == "adaptive" and dim == 2):
        raise ValueError(
            "budget is for method='exact', and for method='adaptive' on planes; "
            f"got method={method!r} on slices of {dim + 1} anchors; leave it out"
        )
    return budget


def check_positive(name: str, value: int | None) -> int | None:
    """None, or a positive integer."""
    if value is None:
        return None
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer or None, got {value!r}")
    return int(value)


def check_flag(name: str, value: bool) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_ | int):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_safety(safety: float | None) -> float:
    """The safety factor of the adaptive method; the default where None."""
    if safety is None:
        return DEFAULT_SAFETY
    number = isinstance(safety, int | float | np.number) and not isinstance(safety, bool)
    if not number or not np.isfinite(safety) or safety <= 0:
        raise ValueError(f"safety must be a positive number (5 is usual), got {safety!r}")
    return float(safety)


def check_devices(
    devices: Sequence[jax.Device] | None, predict: Predict, method: str
) -> list[jax.Device] | None:
    """None, or at least one device, where they are used."""
    if devices is None:
        return None
    if not isinstance(devices, Sequence) or not all(isinstance(d, jax.Device) for d in devices):
        raise ValueError(f"devices must be a list such as jax.local_devices(), got {devices!r}")
    if not devices:
        raise ValueError("devices is empty; leave it out to use all local ones")
    if len(set(devices)) < len(devices):
        raise ValueError(f"devices names a device twice; name each once, got {list(devices)}")
    if isinstance(predict, OnHost) or method == "exact":
        what = "method='exact'" if method == "exact" else "a classifier on the host"
        raise ValueError(f"devices is not for {what}; leave it out")
    return list(devices)
