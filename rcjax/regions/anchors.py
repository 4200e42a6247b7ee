"""Anchors of `count_regions`: checks them, and reads them block by block."""

from collections.abc import Callable
from typing import cast

import jax
import numpy as np
from numpy.typing import DTypeLike

from rcjax.array_types import Float, Int, Num
from rcjax.regions.types import AnchorBlock, Anchors, AnchorsLike, Block, Points


class LazyPoints:
    """Points that are made once they are drawn; the samplers take them in place of an array.

    Args:
        shape: (n, *features), of all points.
        gather: int [m], distinct and rising, -> the points with these numbers, [m, *features].

    Example:
        >>> import jax
        >>> from rcjax import slices
        >>> squares = slices.LazyPoints((9, 1), lambda numbers: numbers[:, None] ** 2.0)
        >>> slices.between_points(jax.random.key(0), squares, count=4).shape
        (4, 2, 1)
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        gather: Callable[[Int[np.ndarray, " m"]], Num[np.ndarray, " m *features"]],
    ):
        self.shape = shape
        self.ndim = len(shape)
        self._gather = gather

    def __getitem__(self, numbers: Int[np.ndarray, "..."]) -> Num[np.ndarray, "..."]:
        """The points with some numbers, of any shape: [*numbers.shape, *features]."""
        needed, places = np.unique(numbers, return_inverse=True)
        return self._gather(needed)[places.reshape(numbers.shape)]


INSIDE_JIT = (
    "regions are counted outside of jax.jit, jax.vmap and jax.grad, since their number decides "
    "what is evaluated; call count_regions on all slices at once"
)


class IndexedAnchors:
    """Anchors given by indices into a set of points, gathered block by block.

    Behaves like an array of shape [slices, dim + 1, *features] that supports `len`, `shape`,
    `dtype` and indexing by a slice object, but holds the points once and only integers beside them.

    Args:
        points: [n, *features], numpy, JAX or lazy.
        indices: int32 [slices, dim + 1].
    """

    def __init__(self, points: Points | LazyPoints, indices: Int[np.ndarray, "slices anchors"]):
        self.points = points
        self.indices = indices
        self.shape: tuple[int, ...] = (*indices.shape, *points.shape[1:])
        wide = isinstance(points, np.ndarray) and is_wide(points.dtype)
        self.dtype = np.dtype(np.float64 if wide else np.float32)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, block: slice, /) -> AnchorBlock:
        """The anchors of a block of slices, in `dtype`: [block, dim + 1, *features]."""
        if not isinstance(block, slice):
            raise TypeError(f"index lazy anchors by a slice object such as [0:100], got {block!r}")
        return self.points[self.indices[block]].astype(self.dtype)


def is_wide(dtype: DTypeLike) -> bool:
    """Whether float32 may lose some of the values of a dtype."""
    dtype = np.dtype(dtype)
    return bool(dtype.itemsize > {"f": 4, "i": 2, "u": 2}.get(dtype.kind, dtype.itemsize))


def check_anchors(anchors: AnchorsLike) -> Anchors:
    """Refuses anchors of a wrong kind or shape; returns them (lists become arrays)."""
    if isinstance(anchors, jax.core.Tracer):
        raise ValueError(INSIDE_JIT)
    in_blocks = isinstance(anchors, jax.Array) or (
        hasattr(anchors, "shape") and isinstance(getattr(anchors, "dtype", None), np.dtype)
    )
    anchors = cast(Anchors, anchors) if in_blocks else as_array("anchors", anchors)
    refuse_masked("anchors", anchors)
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
    check_real("anchors", anchors.dtype, "fiu")
    return anchors


def check_real(name: str, dtype: np.dtype, kinds: str) -> None:
    """Refuses values that are no real numbers: of none of the kinds, nor a float of JAX."""
    kind = getattr(dtype, "kind", "?")  # a dtype of keys has none
    if kind not in kinds and not jax.numpy.issubdtype(dtype, jax.numpy.floating):
        remedy = "; if they are numbers, convert them: .astype('float32')" if kind == "O" else ""
        raise ValueError(f"{name} must be real numbers, got dtype {dtype}{remedy}")


def as_array(name: str, values: object) -> np.ndarray:
    """One NumPy array of values of any kind."""
    reason = ""
    try:
        array = np.asarray(values)
    except Exception as error:  # of any library, such as a tensor that is part of a gradient
        array = np.asarray(None)
        reason = f", which NumPy cannot read ({' '.join(str(error).split())[:200]})"
    if array.ndim == 0 and array.dtype.kind == "O":
        reason = reason or ("; call its toarray()" if hasattr(values, "toarray") else "")
        raise ValueError(f"{name} must be one array, got a {type(values).__name__}{reason}")
    return array


def refuse_masked(name: str, values: object) -> None:
    """Refuses arrays of which some values are masked: what lies below a mask means nothing."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        masked = int(np.ma.getmaskarray(values).sum())
        raise ValueError(f"{name} hold {masked} masked values; leave out the points that have them")


def segment_lengths(block: Block) -> Float[np.ndarray, " slices"]:
    """Distance between the two anchors of every segment, in float64."""
    ends = np.asarray(block, np.float64).reshape(len(block), 2, -1)
    return np.asarray(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))


def read_block(anchors: Anchors, start: int, stop: int, dtype: DTypeLike = np.float32) -> Block:
    """One block of anchors in a floating dtype, checked to be finite."""
    with np.errstate(over="ignore"):  # infinity is refused below
        block = np.asarray(anchors[start:stop]).astype(dtype, copy=False)
    finite = np.isfinite(block)
    if not finite.all():
        bad = start + int(np.flatnonzero(~finite.reshape(len(block), -1).all(axis=1))[0])
        raise ValueError(
            f"anchors must be finite: slice {bad} holds NaN or infinity, or values beyond "
            f"{np.dtype(dtype).name}"
        )
    return block
