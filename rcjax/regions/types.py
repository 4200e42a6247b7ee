"""The functions and arrays that the counter passes around: one name for each, with its shape.

The sizes: `slices`, `anchors` (dim + 1), `points` (of all slices together), `classes`, and any
number of axes `*features` of one point.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypedDict, TypeVar, runtime_checkable

import jax
import numpy as np

from rcjax.array_types import ArrayLike, Float, Int, Num

# A JAX function, a callable pytree, or what `on_host` returns: points [n, *features] to labels [n]
# or scores [n, classes]. The object is the user's own, so nothing more is known of it.
Predict: TypeAlias = Callable[[Any], Any]

# One block of slices: anchor i of slice s is [s, i].
AnchorBlock: TypeAlias = Float[ArrayLike, "slices anchors *features"]
Block: TypeAlias = Float[np.ndarray, "slices anchors *features"]
Points: TypeAlias = Num[ArrayLike, " points *features"]
Labels: TypeAlias = Int[np.ndarray, " points"]
Scores: TypeAlias = Float[np.ndarray, "points classes"]
# What a classifier returns: labels, or scores whose largest wins.
Outputs: TypeAlias = Labels | Scores

# A point of a slice: the number of the slice in its block, and barycentric weights of its anchors.
SliceIndex: TypeAlias = Int[np.ndarray, " points"]
Weights: TypeAlias = Float[np.ndarray, "points anchors"]

Values = TypeVar("Values", jax.Array, np.ndarray)  # a function of either returns the same kind
Found = TypeVar("Found")
# evaluate(slice of each point, place of each point on its slice) -> what is found there.
Evaluate: TypeAlias = Callable[[Values, Values], Found]

# The arrays that a classifier holds, as arguments of its compiled program.
Arrays: TypeAlias = tuple[ArrayLike, ...]


@runtime_checkable
class Anchors(Protocol):
    """Anchors [slices, dim + 1, *features]: an array, or what gathers its blocks when asked."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[slices, dim + 1, *features]."""

    @property
    def dtype(self) -> np.dtype:
        """A dtype of real numbers."""

    def __getitem__(self, block: slice, /) -> AnchorBlock:
        """The anchors of a block of consecutive slices: an array."""


# What the public functions take: anchors, or nested lists of numbers, which become an array.
AnchorsLike: TypeAlias = Anchors | Sequence[object]


class SharedOptions(TypedDict, total=False):
    """The options of `count_regions` that suit every method and resolution."""

    extent: tuple[float, float]
    connectivity: str | None
    batch_size: int | None
    precision: str
    boundaries: bool
    regions: bool
    budget: int | None
    initial_intervals: int | None
    safety: float | None
    devices: Sequence[jax.Device] | None
    progress: bool | Callable[[int, int], None]


class CountOptions(SharedOptions, total=False):
    """The options of `count_regions`."""

    points: int | None
    method: str
