"""Samples the anchor points of slices: segments, triangles and simplices in input space.

Every sampler returns anchors of shape [slices, dim + 1, *features]. The sample depends on the key
and on the number (and labels) of the points alone, so every network meets the same slices.

Example:
    >>> import jax, numpy as np
    >>> from rcjax import slices
    >>> images = np.random.default_rng(0).normal(size=(50, 8, 8, 1)).astype("float32")
    >>> slices.between_points(jax.random.key(0), images, count=10, dim=2).shape
    (10, 3, 8, 8, 1)

Source: section 4 of the paper (anchor sources) and its ablation on the generation of points.
"""

from collections.abc import Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.array_types import ArrayLike, Int, Num
from rcjax.regions.anchors import (
    IndexedAnchors,
    LazyPoints,
    as_array,
    check_real,
    refuse_masked,
)
from rcjax.regions.classifier import LabelNumbering, is_missing, own_surroundings
from rcjax.regions.slice_draws import draw_indices, random_words, uniform_integers
from rcjax.regions.types import AnchorBlock, Points

__all__ = [
    "MAXIMAL_DIM",
    "LazyPoints",
    "between_points",
    "convex_combinations",
    "random_convex_pairs",
    "random_directions",
]


def __dir__() -> list[str]:
    return __all__


MAXIMAL_DIM = 5
_MOST_VALUES = 2**33  # 32 GiB of float32
_MOST_SLICES = 2**31 - 1
_LARGEST_LENGTH = 1e30  # float32 still holds the points


# Points [n, *features]: an array, lists of numbers, or what makes them once they are drawn.
Images: TypeAlias = Points | Sequence[Sequence[object]] | LazyPoints
Classes: TypeAlias = Num[ArrayLike, " n"] | Sequence[int] | None
Subset: TypeAlias = Int[ArrayLike, " m"] | Sequence[int] | None


def between_points(
    key: jax.Array,
    images: Images,
    count: int = 100,
    dim: int = 1,
    *,
    labels: Classes = None,
    classes: str = "any",
    subset: Subset = None,
    lazy: bool = False,
) -> AnchorBlock | IndexedAnchors:
    """Slices spanned by `dim + 1` distinct points drawn from `images`.

    Args:
        key: a jax.random key; the only source of randomness.
        images: points, [n, *features], in the space in which `predict` takes them (normalised).
        count: number of slices.
        dim: dimension of a slice, 1 (segments) to 5.
        labels: integer classes [n] of the points; needed for `classes` other than "any".
        classes: "any", "same" (all anchors of a slice from one class) or "different" (no two
            anchors of a slice from one class).
        subset: indices of the points that may be drawn (for instance the misclassified ones);
            all of them when None.
        lazy: return an array-like that gathers the anchors block by block while regions are
            counted. Use it when [count, dim + 1, *features] does not fit into memory.

    Returns:
        Anchors [count, dim + 1, *features]: float64 where NumPy points need it (float64, integers
        beyond 16 bits), float32 otherwise.

    Raises:
        ValueError: too few points (of a class), an unknown value of `classes`, bad sizes, labels
            that are missing.
    """
    _check_key(key)
    _check_sizes(count, dim)
    points = _as_points(images)
    eligible = _eligible_points(subset, points.shape[0])
    if not lazy:
        _check_fits(count, dim, points)
    if classes == "any":
        if len(eligible) < dim + 1:
            raise ValueError(
                f"a slice of dimension {dim} needs {dim + 1} distinct points, got {len(eligible)}; "
                "pass more points or a smaller dim"
            )
        group = np.zeros(len(eligible), np.int64)
        draws = draw_indices(key, group, count, dim + 1, same_class=True)
    elif classes in ("same", "different"):
        group = _eligible_labels(labels, eligible, points.shape[0], classes)
        draws = draw_indices(key, group, count, dim + 1, same_class=classes == "same")
    else:
        raise ValueError(f"classes must be 'any', 'same' or 'different', got {classes!r}")
    anchors = IndexedAnchors(points, eligible[draws].astype(np.int32))
    return anchors if lazy else anchors[:]


@own_surroundings()
def random_directions(
    key: jax.Array,
    images: Images,
    count: int = 100,
    length: float = 0.1,
    dim: int = 1,
    *,
    subset: Subset = None,
) -> AnchorBlock:
    """Slices that start at a point x and run to x + length * N(0, I), once for every dimension.

    Args:
        key: a jax.random key.
        images: points, [n, *features].
        count: number of slices.
        length: standard deviation of every coordinate of the direction, in units of `images`;
            the published experiments use 0.1 and 0.5.
        dim: number of independent directions, 1 to 5.
        subset: indices of the points that may be drawn; all of them when None.

    Returns:
        Anchors [count, dim + 1, *features], float64 or float32 as from `between_points`.
    """
    _check_key(key)
    _check_sizes(count, dim)
    number = isinstance(length, int | float | np.number) and not isinstance(length, bool)
    if not number or not 0 < length <= _LARGEST_LENGTH:
        raise ValueError(f"length must be a positive number up to 1e30, got {length!r}")
    points = _as_points(images)
    _check_fits(count, dim, points)
    eligible = _eligible_points(subset, points.shape[0])
    if len(eligible) == 0:
        raise ValueError("random directions need at least 1 point, got 0; pass more points")
    key_points, key_directions = jax.random.split(key)
    words = random_words(key_points, draws=1, count=count)
    chosen = eligible[uniform_integers(words[0], len(eligible))]
    shape = (count, dim, *points.shape[1:])
    directions = jax.random.normal(key_directions, shape, jnp.float32)
    anchors: AnchorBlock
    if IndexedAnchors(points, chosen[:, None]).dtype == np.float64:
        start = np.asarray(points, np.float64)[chosen][:, None]
        ends = start + length * np.asarray(directions, np.float64)
        anchors = np.concatenate([start, ends], axis=1)
    else:
        start = jnp.asarray(points[chosen], jnp.float32)[:, None]
        anchors = jnp.concatenate([start, start + jnp.float32(length) * directions], axis=1)
    if (anchors[:, 1:] == anchors[:, :1]).all():
        raise ValueError(
            f"length = {length} is lost when {anchors.dtype} rounds it beside the points; raise it"
        )
    return anchors


def random_convex_pairs(
    key: jax.Array,
    images: Images,
    count: int = 100,
    *,
    labels: Classes = None,
    classes: str = "any",
    subset: Subset = None,
) -> AnchorBlock:
    """Segments between two random convex combinations of a pair of points.

    `key` splits into two: `between_points` draws the pairs with the first key and
    `convex_combinations` combines them with the second. The arguments are as in `between_points`.

    Returns:
        Anchors [count, 2, *features], float64 or float32 as from `between_points`.
    """
    _check_key(key)
    key_pairs, key_positions = jax.random.split(key)
    pairs = between_points(
        key_pairs, images, count, labels=labels, classes=classes, subset=subset, lazy=True
    )
    return convex_combinations(key_positions, pairs[:])


@own_surroundings()
def convex_combinations(key: jax.Array, pairs: Num[ArrayLike, "count 2 *features"]) -> AnchorBlock:
    """Two points of the segment of each pair, at positions drawn uniformly from [0, 1].

    Args:
        key: a jax.random key.
        pairs: [count, 2, *features].

    Returns:
        Anchors [count, 2, *features], float64 where the pairs are NumPy's float64, else float32.
    """
    _check_key(key)
    wide = isinstance(pairs, np.ndarray) and pairs.dtype == np.float64
    xp = np if wide else jnp
    shape = (len(pairs), 2) + (1,) * (np.ndim(pairs) - 2)
    position = xp.asarray(jax.random.uniform(key, shape, jnp.float32))
    pairs = xp.asarray(pairs, np.float64 if wide else np.float32)
    first, second = pairs[:, :1], pairs[:, 1:]
    between = (1 - position) * first + position * second
    # What both points of a pair agree on is not rounded.
    anchors: AnchorBlock = xp.where(first == second, first, between)
    return anchors


def _check_key(key: object) -> None:
    if not isinstance(key, jax.Array):
        raise ValueError(f"key must be a jax.random key, such as jax.random.key(0), got {key!r}")
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if key.ndim != (0 if typed else 1) or not (typed or key.dtype == jnp.uint32):
        raise ValueError(
            "key must be one jax.random key, such as jax.random.key(0), got an array of shape "
            f"{key.shape} of {key.dtype}; of several keys hand over one, keys[0]"
        )


def _check_fits(count: int, dim: int, images: Points | LazyPoints) -> None:
    """Refuses anchors that no memory holds, before any is taken."""
    values = int(count) * (dim + 1) * int(np.prod(images.shape[1:], dtype=np.int64))
    if values > _MOST_VALUES:
        raise ValueError(
            f"count = {count} slices take {values * 4 / 2**30:.0f} GiB of anchors; draw fewer, or "
            "use between_points(..., lazy=True), which gathers them block by block"
        )


def _check_sizes(count: int, dim: int) -> None:
    for name, value in (("count", count), ("dim", dim)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            raise ValueError(f"{name} must be an integer, got {value!r}")
    if count > _MOST_SLICES:
        raise ValueError(f"count must be at most {_MOST_SLICES}, got {count}")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if not 1 <= dim <= MAXIMAL_DIM:
        raise ValueError(
            f"dim must be 1 to {MAXIMAL_DIM} (2 to {MAXIMAL_DIM + 1} anchors), got {dim}"
        )


def _as_points(images: Images) -> Points | LazyPoints:
    """Leaves host arrays on the host (they may be larger than the device)."""
    refuse_masked("images", images)
    if isinstance(images, LazyPoints):
        return images
    images = images if isinstance(images, jax.Array | np.ndarray) else as_array("images", images)
    check_real("images", images.dtype, "fiub")
    if images.ndim < 2:
        raise ValueError(
            f"images must be points of shape [n, *features], got shape {images.shape}; "
            "a single feature needs shape [n, 1]"
        )
    return images


def _eligible_points(subset: Subset, size: int) -> Int[np.ndarray, " m"]:
    if subset is None:
        return np.arange(size)
    chosen = np.asarray(subset)
    if chosen.dtype == bool and chosen.shape == (size,):
        return np.flatnonzero(chosen)
    if (
        size > 2
        and chosen.shape == (size,)
        and chosen.dtype.kind in "iu"
        and set(np.unique(chosen).tolist()) <= {0, 1}
    ):
        raise ValueError(
            f"subset holds 0 and 1 alone, for {size} points: as indices these are the first two "
            "points; for a mask pass subset.astype(bool)"
        )
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise ValueError(
            f"subset must be integer indices or a boolean mask over the {size} points, "
            f"got {chosen.dtype} of shape {chosen.shape}"
        )
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < size):
        raise ValueError(
            f"subset holds indices from {chosen.min()} to {chosen.max()}, "
            f"but there are {size} points (0 to {size - 1})"
        )
    return np.unique(chosen).astype(np.int64)


def _eligible_labels(
    labels: Classes, eligible: Int[np.ndarray, " m"], size: int, classes: str
) -> Int[np.ndarray, " m"]:
    if labels is None:
        raise ValueError(f"classes={classes!r} needs the labels of the points: pass labels=")
    refuse_masked("labels", labels)
    of_all = np.asarray(labels)
    if of_all.shape != (size,):
        raise ValueError(f"labels must have shape ({size},) like the points, got {of_all.shape}")
    found = of_all[eligible]
    missing = int(sum(map(is_missing, found.tolist())))
    if missing:
        raise ValueError(
            f"labels are missing for {missing} of {len(eligible)} points; leave them out by subset="
        )
    if found.dtype.kind in "fc" and (fractions := found != np.rint(found.real)).any():
        raise ValueError(
            f"labels must be whole numbers or names, got {found[fractions][0]} of {found.dtype}"
        )
    codes = LabelNumbering().codes(found)
    return np.unique(codes, return_inverse=True)[1]
