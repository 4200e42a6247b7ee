"""What `count_regions` reads its anchors from: an array, or anything that is gathered in blocks."""

from typing import Any

import jax
import numpy as np


class IndexedAnchors:
    """Anchors given by indices into a set of points, gathered block by block.

    Behaves like an array of shape [slices, dim + 1, *features] that supports `len`, `shape`,
    `dtype` and indexing by a slice object, but holds the points once and only integers beside them.

    Args:
        points: [n, *features], numpy or JAX.
        indices: int32 [slices, dim + 1].
    """

    def __init__(self, points: Any, indices: np.ndarray):
        self.points = points
        self.indices = indices
        self.shape = (*indices.shape, *points.shape[1:])
        self.dtype = np.dtype(np.float32)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, block: slice) -> Any:
        """The anchors of a block of slices: float32 [block, dim + 1, *features]."""
        if not isinstance(block, slice):
            raise TypeError(f"index lazy anchors by a slice object such as [0:100], got {block!r}")
        return self.points[self.indices[block]].astype(np.float32)


def check_anchors(anchors: Any) -> Any:
    """Refuses anchors of a wrong kind or shape; returns them (lists become arrays)."""
    if not isinstance(anchors, jax.Array | np.ndarray | IndexedAnchors):
        lazy = hasattr(anchors, "shape") and isinstance(getattr(anchors, "dtype", None), np.dtype)
        anchors = anchors if lazy else np.asarray(anchors)
    shape = tuple(anchors.shape)
    if len(shape) < 3:
        raise ValueError(
            "anchors must have shape [slices, dim + 1, *features], "
            f"got {shape}; sample them with rcjax.slices, or add the missing axis"
        )
    if not 2 <= shape[1] <= 6:
        raise ValueError(
            f"a slice needs 2 to 6 anchors (dimension 1 to 5), got {shape[1]} from anchors of "
            f"shape {shape}; they must be [slices, dim + 1, *features]"
        )
    if shape[0] == 0 or 0 in shape[2:]:
        raise ValueError(f"anchors are empty: their shape is {shape}")
    if np.dtype(anchors.dtype).kind not in "fiu" and not jax.numpy.issubdtype(
        anchors.dtype, jax.numpy.floating
    ):
        raise ValueError(f"anchors must be real numbers, got dtype {anchors.dtype}")
    return anchors


def read_block(anchors: Any, start: int, stop: int) -> Any:
    """One block of anchors as float32, checked to be finite."""
    block = anchors[start:stop]
    if not isinstance(block, jax.Array):
        block = np.asarray(block, np.float32)
    elif block.dtype != np.float32:
        block = block.astype(np.float32)
    finite = jax.numpy.isfinite(block) if isinstance(block, jax.Array) else np.isfinite(block)
    if not bool(finite.all()):
        bad = start + int(np.flatnonzero(~np.asarray(finite).reshape(len(block), -1).all(1))[0])
        raise ValueError(f"anchors must be finite: slice {bad} holds NaN or infinity")
    return block
