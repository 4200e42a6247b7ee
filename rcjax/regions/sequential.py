"""Counts slices until the interval of their mean is as narrow as asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Unpack

import jax
import numpy as np

from rcjax.array_types import Int
from rcjax.regions.counting import count_regions
from rcjax.regions.intervals import check_level, mean_interval
from rcjax.regions.types import AnchorsLike, CountOptions, Predict


@dataclasses.dataclass(frozen=True)
class CountUntil:
    """The result of `count_until`.

    Attributes:
        counts: int32 [slices], of all slices drawn.
        mean: of the counts.
        interval: of the mean, at the level asked for over all looks together.
        reached: whether the interval is as narrow as asked; False where `most` ended the work.
        evaluations: points evaluated.
    """

    counts: Int[np.ndarray, " slices"]
    mean: float
    interval: tuple[float, float]
    reached: bool
    evaluations: int


def count_until(
    predict: Predict,
    sampler: Callable[[jax.Array, int], AnchorsLike],
    *,
    half_width: float,
    level: float = 0.95,
    key: jax.Array | None = None,
    first: int = 50,
    most: int = 100_000,
    **options: Unpack[CountOptions],
) -> CountUntil:
    """Draws slices until the interval of the mean count reaches no further than `half_width`.

    Looking at an interval again and again until it is narrow makes it miss more often than its
    level says. Look k (after `first`, 2 `first`, 4 `first`, ... slices) therefore may miss with
    probability (1 - level) / (k (k + 1)), which adds up to 1 - level over all looks.

    Args:
        predict: as in `count_regions`.
        sampler: `sampler(key, count)` returns anchors of that many new slices.
        half_width: of the interval, in regions.
        level: probability that the final interval covers the mean.
        key: a jax.random key; `jax.random.key(0)` when None.
        first: slices before the first look, at least 2.
        most: slices at which the work ends, wide interval or not.
        options: passed to `count_regions`.

    Example:
        >>> import jax.numpy as jnp
        >>> from rcjax import count_until
        >>> draw = lambda key, count: 3 * jax.random.normal(key, (count, 2, 1))
        >>> waves = lambda x: jnp.sin(x + jnp.array([[0.0, 2.0]]))
        >>> found = count_until(waves, draw, half_width=0.5, points=100)
        >>> found.reached
        True
    """
    check_level(level)
    if not half_width > 0:
        raise ValueError(f"half_width must be positive, got {half_width}")
    if not 2 <= first <= most:
        raise ValueError(f"first must lie between 2 and most ({most}), got {first}")
    key = jax.random.key(0) if key is None else key
    counts, evaluations, look = np.zeros(0, np.int32), 0, 0
    while True:
        look += 1
        wanted = min(first * 2 ** (look - 1), most) - len(counts)
        found = count_regions(predict, sampler(jax.random.fold_in(key, look), wanted), **options)
        counts = np.concatenate([counts, found.counts])
        evaluations += found.evaluations
        interval = mean_interval(counts, 1 - (1 - level) / (look * (look + 1)), smallest=1)
        mean = float(counts.mean())
        reached = max(mean - interval[0], interval[1] - mean) <= half_width
        if reached or len(counts) >= most:
            return CountUntil(counts, mean, interval, reached, evaluations)
