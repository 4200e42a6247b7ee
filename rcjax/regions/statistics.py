"""Means, intervals and comparisons of region counts over slices."""

import dataclasses
import statistics as standard_statistics
from typing import Any

import numpy as np


def standard_deviation(counts: np.ndarray) -> float:
    """Standard deviation with n - 1; NaN for fewer than two counts."""
    return float(np.std(counts, ddof=1)) if len(counts) > 1 else float("nan")


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, *, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of [n] values.

    Counts take few distinct values, so a resample is a multinomial draw over these: the cost does
    not grow with the number of slices.
    """
    _check_level(level)
    distinct, times = np.unique(np.asarray(values), return_counts=True)
    random = np.random.default_rng(seed)
    total = int(times.sum())
    means = np.concatenate(
        [
            random.multinomial(total, times / total, size=min(1_000, resamples - start))
            @ distinct
            / total
            for start in range(0, resamples, 1_000)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def slices_needed(counts: np.ndarray, half_width: float, level: float = 0.95) -> int:
    """Smallest n with z * standard deviation / sqrt(n) <= half_width."""
    _check_level(level)
    if not half_width > 0:
        raise ValueError(f"half_width must be positive, got {half_width}")
    spread = standard_deviation(counts)
    if np.isnan(spread):
        raise ValueError("one slice tells nothing about the spread; count at least 2")
    quantile = standard_statistics.NormalDist().inv_cdf((1 + level) / 2)
    return max(2, int(np.ceil((quantile * spread / half_width) ** 2)))


@dataclasses.dataclass(frozen=True)
class PairedComparison:
    """Difference of two classifiers' counts on the same slices, first minus second.

    Attributes:
        mean_difference: mean over slices.
        standard_error: of that mean.
        interval: bootstrap interval of the mean difference.
        p_value: of the sign-flip permutation test that the difference is symmetric about 0.
        slices: number of slices.
    """

    mean_difference: float
    standard_error: float
    interval: tuple[float, float]
    p_value: float
    slices: int


def compare(
    first: Any, second: Any, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> PairedComparison:
    """Compares two classifiers slice by slice: far sharper than comparing the two means.

    Args:
        first, second: what `count_regions` returned on the *same* anchors with the same options.
        level: of the interval.
        resamples: of the bootstrap and of the permutation test.
        seed: of both.

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
    difference = first.counts.astype(np.int64) - second.counts
    mean = float(difference.mean())
    return PairedComparison(
        mean_difference=mean,
        standard_error=standard_deviation(difference) / float(np.sqrt(len(difference))),
        interval=bootstrap_interval(difference, level, resamples=resamples, seed=seed),
        p_value=_sign_flip_p_value(difference, resamples, seed),
        slices=len(difference),
    )


def _sign_flip_p_value(difference: np.ndarray, resamples: int, seed: int) -> float:
    """Two-sided; flips of equal sizes are drawn together as one binomial."""
    sizes, times = np.unique(np.abs(difference[difference != 0]), return_counts=True)
    if len(sizes) == 0:
        return 1.0
    random = np.random.default_rng(seed)
    kept = random.binomial(times, 0.5, size=(resamples, len(sizes)))
    totals = np.abs((2 * kept - times) @ sizes)
    extreme = int((totals >= abs(int(difference.sum()))).sum())
    return (extreme + 1) / (resamples + 1)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
