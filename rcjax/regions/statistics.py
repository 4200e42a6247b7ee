"""Compares the counts of two classifiers slice by slice."""

import dataclasses

import numpy as np

from rcjax.array_types import Int
from rcjax.regions.intervals import (
    mean_interval,
    standard_deviation,
    t_probability,
    with_one_unseen,
)
from rcjax.regions.result import RegionCounts


@dataclasses.dataclass(frozen=True)
class PairedComparison:
    """Difference of two classifiers' counts on the same slices, first minus second.

    Attributes:
        mean_difference: mean over slices.
        standard_error: of that mean.
        interval: of the mean difference, see `mean_interval`.
        p_value: the larger of two: of the sign-flip permutation test, which holds its level where
            the difference is symmetric about 0, and of the rule of the interval, which holds it
            for few skewed differences of mean 0, too.
        slices: number of slices.
    """

    mean_difference: float
    standard_error: float
    interval: tuple[float, float]
    p_value: float
    slices: int


def compare(
    first: RegionCounts,
    second: RegionCounts,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedComparison:
    """Compares two classifiers slice by slice: far sharper than comparing the two means.

    Args:
        first, second: what `count_regions` returned on the *same* anchors with the same options.
        level: of the interval.
        resamples: of the permutation test.
        seed: of the permutation test.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from rcjax import compare, count_regions, slices
        >>> points = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
        >>> segments = slices.between_points(jax.random.key(0), points, count=30)
        >>> stripes = lambda width: lambda x: jnp.floor(x[:, 0] / width).astype(jnp.int32)
        >>> coarse, fine = (count_regions(stripes(w), segments) for w in (1.0, 0.25))
        >>> compare(fine, coarse).mean_difference > 0
        True
    """
    for name in ("method", "dim", "points", "extent", "connectivity"):
        if getattr(first, name) != getattr(second, name):
            raise ValueError(
                f"the two counts differ in {name}: {getattr(first, name)!r} and "
                f"{getattr(second, name)!r}; count both with the same options"
            )
    if len(first.counts) != len(second.counts):
        raise ValueError(
            f"the two counts are of {len(first.counts)} and {len(second.counts)} slices; "
            "a paired comparison needs the same slices"
        )
    if first.lengths is not None and second.lengths is not None:
        same = np.isclose(first.lengths, second.lengths, rtol=1e-4, atol=0)
        if not same.all():
            i = int(np.argmin(same))
            raise ValueError(
                f"the two counts are of different anchors: slice {i} has the lengths "
                f"{first.lengths[i]:.6g} and {second.lengths[i]:.6g}; "
                "count both on the same anchors"
            )
    if first.sizes is not None and second.sizes is not None:
        sizes = np.maximum(first.sizes, second.sizes)
        same = np.abs(first.sizes - second.sizes) <= 1e-4 * sizes + 1e-6 * sizes.max()
        if not same.all():
            i = int(np.argmin(same))
            raise ValueError(
                f"the two counts are of different anchors: slice {i} has the sizes "
                f"{first.sizes[i]:.6g} and {second.sizes[i]:.6g}; count both on the same anchors"
            )
    difference = first.counts.astype(np.int64) - second.counts
    mean = float(difference.mean())
    return PairedComparison(
        mean_difference=mean,
        standard_error=standard_deviation(difference) / float(np.sqrt(len(difference))),
        interval=mean_interval(difference, level),
        p_value=max(_sign_flip_p_value(difference, resamples, seed), _t_p_value(difference)),
        slices=len(difference),
    )


def _sign_flip_p_value(difference: Int[np.ndarray, " slices"], resamples: int, seed: int) -> float:
    """Two-sided; flips of equal sizes are drawn together as one binomial."""
    sizes, times = np.unique(np.abs(difference[difference != 0]), return_counts=True)
    if len(sizes) == 0:
        return 1.0
    random = np.random.default_rng(seed)
    kept = random.binomial(times, 0.5, size=(resamples, len(sizes)))
    totals = np.abs((2 * kept - times) @ sizes)
    extreme = int((totals >= abs(int(difference.sum()))).sum())
    return (extreme + 1) / (resamples + 1)


def _t_p_value(difference: Int[np.ndarray, " slices"]) -> float:
    """1 less the level of the `mean_interval` that just touches 0; 1 for a single difference."""
    if len(difference) < 2:
        return 1.0
    sign = 1 if difference.mean() >= 0 else -1
    mean, error = with_one_unseen(difference.astype(np.float64), -sign)
    return t_probability(sign * mean / error, len(difference) - 1) if sign * mean > 0 else 1.0
