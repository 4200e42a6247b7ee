"""The geometry of a slice: grid positions, the exact simplex mask, barycentric weights."""

import functools
import math

import numpy as np

from rcjax.array_types import Float, Int, Num


@functools.lru_cache(maxsize=16)
def grid_cells(points: int, dim: int, inside_simplex: bool) -> Int[np.ndarray, "cells dim"]:
    """Integer grid positions of a slice, in C order.

    Args:
        points: grid points per axis, at least 2.
        dim: number of axes.
        inside_simplex: keep only positions whose indices sum to at most `points - 1`, the
            simplex spanned by the anchors. Integer arithmetic decides, so the cells on the far
            face are always inside; sums of rounded coordinates would lose some of them.

    Returns:
        int32 [cells, dim], read-only.
    """
    cells = np.indices((points,) * dim, dtype=np.int32).reshape(dim, -1).T
    if inside_simplex:
        cells = cells[cells.sum(axis=1) <= points - 1]
    cells = np.ascontiguousarray(cells)
    cells.setflags(write=False)
    return cells


def is_simplex(extent: tuple[float, float], dim: int) -> bool:
    """Whether the slice is the simplex of its anchors rather than a parallelepiped."""
    return dim > 1 and tuple(extent) == (0.0, 1.0)


def volumes(
    anchors: Num[np.ndarray, "slices anchors *features"], extent: tuple[float, float]
) -> Float[np.ndarray, " slices"]:
    """Length, area, volume ... of slices in units of input space, float64."""
    dim = anchors.shape[1] - 1
    spans = anchors.astype(np.float64).reshape(len(anchors), dim + 1, -1)
    spans = spans[:, 1:] - spans[:, :1]
    gram = np.linalg.det(spans @ spans.transpose(0, 2, 1))
    share = 1 / math.factorial(dim) if is_simplex(extent, dim) else (extent[1] - extent[0]) ** dim
    return np.asarray(np.sqrt(np.maximum(gram, 0)) * share)


def coordinates_of(
    cells: Num[np.ndarray, " *cells"], points: int, extent: tuple[float, float]
) -> Float[np.ndarray, " *cells"]:
    """Coordinates float64 [cells, dim] of integer grid positions; the ends are met exactly."""
    low, high = extent
    share = cells / (points - 1)
    return (1 - share) * low + share * high


def barycentric_weights(
    coordinates: Num[np.ndarray, "n dim"], dtype: type = np.float32
) -> Float[np.ndarray, "n anchors"]:
    """Weights `dtype` [n, dim + 1] of the anchors: (1 - sum t, t_1, ..., t_dim).

    The first weight is formed in float64, so that it is exactly 0 on the far face of the simplex
    up to one rounding, not up to `dim` of them.
    """
    coordinates = np.asarray(coordinates, np.float64)
    first = 1 - coordinates.sum(axis=1, keepdims=True)
    return np.concatenate([first, coordinates], axis=1).astype(dtype)
