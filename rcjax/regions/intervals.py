"""Intervals for means of few or skewed counts, and how many slices a wanted width takes.

The percentile bootstrap and Student's t know only values that were seen: of 50 slices without one
of the islands that 1 slice in 100 has, they make an interval of width zero. The rule here is
Student's t on the counts and one more that was not seen: for the upper end one above the largest,
for the lower end one below the smallest, further by half the range and at least by 2 (an island
adds 2 regions). `benchmarks/interval_coverage.py` measures its coverage; counts that are rare and
lie further out than that are missed by every rule that knows only the counts.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from rcjax.array_types import Int, Num, Shaped

_SMALLEST_STEP = 2.0
_MANY_DEGREES = 200


def standard_deviation(counts: Num[np.ndarray, " slices"]) -> float:
    """Standard deviation with n - 1; NaN for fewer than two counts."""
    return float(np.std(counts, ddof=1)) if len(counts) > 1 else float("nan")


def mean_interval(
    values: Num[np.ndarray, " n"], level: float = 0.95, *, smallest: float = -math.inf
) -> tuple[float, float]:
    """Interval of the mean from [n] independent draws; NaN for a single one.

    Args:
        values: counts, or differences of counts.
        level: probability that it covers, in (0, 1).
        smallest: what the mean cannot fall below: 1 for counts.
    """
    check_level(level)
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return math.nan, math.nan
    quantile = t_quantile((1 + level) / 2, len(values) - 1)
    ends = []
    for sign in (-1, 1):
        mean, error = with_one_unseen(values, sign)
        ends.append(mean + sign * quantile * error)
    return max(ends[0], min(smallest, float(values.mean()))), ends[1]


def with_one_unseen(values: Num[np.ndarray, " n"], sign: int) -> tuple[float, float]:
    """Mean of the values and an unseen one above (sign 1) or below (-1), and its standard error."""
    far = (values.max() if sign > 0 else values.min()) + sign * _unseen_step(values)
    padded = np.append(values, far)
    return float(padded.mean()), float(padded.std(ddof=1) / np.sqrt(len(values)))


def _unseen_step(values: Num[np.ndarray, " n"]) -> float:
    return max(_SMALLEST_STEP, float(values.max() - values.min()) / 2)


def ratio_interval(
    common: Num[np.ndarray, " n"], total: Num[np.ndarray, " n"], level: float = 0.95
) -> tuple[float, tuple[float, float]]:
    """A ratio of two sums over slices, and its interval; NaN where there is nothing to share.

    Student's t on the slices and one that was not seen, as large as the largest: of its total all
    (for the upper end) or nothing (for the lower end) is common. `benchmarks/agreement_coverage.py`
    measures its coverage; it is too low where a few slices hold most of the total.

    Args:
        common: [n], of each slice, what two networks share, from 0 to its total.
        total: [n], of each slice, at least 0.
        level: probability that the interval covers the ratio in all slices, in (0, 1).

    Returns:
        Sum of `common` over sum of `total`, and the ends of its interval, in [0, 1]; the ends are
        NaN for a single slice.

    Example:
        >>> ratio, (low, high) = ratio_interval(np.array([1, 0, 2, 1]), np.array([2, 1, 3, 2]))
        >>> ratio, low < ratio < high
        (0.5, True)
    """
    if not total.sum():
        return math.nan, (math.nan, math.nan)
    ratio = float(common.sum() / total.sum())
    if len(total) < 2:
        return ratio, (math.nan, math.nan)
    quantile = t_quantile((1 + level) / 2, len(total) - 1)
    ends = []
    for sign in (-1, 1):
        largest = total.max()
        shared = np.append(common, largest if sign > 0 else 0)
        whole = np.append(total, largest)
        padded = shared.sum() / whole.sum()
        error = np.std(shared - padded * whole, ddof=1) / math.sqrt(len(total)) / whole.mean()
        ends.append(float(padded + sign * quantile * error))
    return ratio, (max(0.0, ends[0]), min(1.0, ends[1]))


def slices_needed(counts: Int[np.ndarray, " n"], half_width: float, level: float = 0.95) -> int:
    """Smallest number of slices whose `mean_interval` reaches no further than `half_width`.

    Judged by the spread and range seen here; the interval of equal counts has a width, too.
    """
    check_level(level)
    if not half_width > 0:
        raise ValueError(f"half_width must be positive, got {half_width}")
    if len(counts) < 2:
        raise ValueError("one slice tells nothing about the spread; count at least 2")
    values = np.asarray(counts, np.float64)
    variance = float(values.var(ddof=1))
    distance = float(max(values.max() - values.mean(), values.mean() - values.min()))
    distance += _unseen_step(values)

    def reach(n: int) -> float:
        error = math.sqrt(((n - 1) * variance / n + distance**2 / (n + 1)) / n)
        return distance / (n + 1) + t_quantile((1 + level) / 2, n - 1) * error

    most = 2
    while reach(most) > half_width:
        most *= 2
    least = max(1, most // 2)
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if reach(middle) <= half_width else (middle, most)
    return max(2, most)


def images_interval(
    counts: Int[np.ndarray, " n"],
    images: Shaped[np.ndarray, "n anchors"],
    level: float = 0.95,
    *,
    resamples: int = 2_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of the mean over slices between *new* images, by a bootstrap over the images.

    Every resample draws as many images as there are, with replacement; a slice weighs as often as
    all its images were drawn, times. `interval` of a result is for the mean over the pairs of this
    data set alone, and narrower: slices that share an image are not independent.

    Args:
        counts: [slices].
        images: [slices, anchors], which image each anchor is, as
            `slices.between_points(..., lazy=True).indices`.
        level: of the interval.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    check_level(level)
    images = np.asarray(images)
    if images.ndim != 2 or len(images) != len(counts) or images.dtype.kind not in "iu":
        raise ValueError(
            f"images must be integers [slices, anchors] for {len(counts)} slices, got "
            f"{images.dtype} of shape {images.shape}"
        )
    number, index = np.unique(images, return_inverse=True)
    index = index.reshape(images.shape)
    random = np.random.default_rng(seed)
    means = np.full(resamples, np.nan)
    for i in range(resamples):
        drawn = np.bincount(random.integers(0, len(number), len(number)), minlength=len(number))
        weight = drawn[index].prod(axis=1)
        if weight.sum():
            means[i] = (weight @ counts) / weight.sum()
    low, high = np.nanquantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def t_probability(t: float, degrees: int) -> float:
    """Probability that Student's t exceeds t >= 0 in magnitude."""
    if degrees > _MANY_DEGREES:  # a normal deviate of equal probability, to a relative 1e-6
        normal = t * (1 - 1 / (4 * degrees)) / math.sqrt(1 + t * t / (2 * degrees))
        return 2 * NormalDist().cdf(-normal)
    angle = math.atan2(t, math.sqrt(degrees))
    cosine, odd = math.cos(angle), degrees % 2
    term, total = (cosine, cosine) if odd else (1.0, 1.0)
    for k in range(3 if odd else 2, degrees, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    if odd:
        inner = math.sin(angle) * total if degrees > 1 else 0.0
        return max(0.0, 1 - 2 / math.pi * (angle + inner))
    return max(0.0, 1 - math.sin(angle) * total)


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t above the median."""
    outside = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while t_probability(high, degrees) > outside:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, degrees) > outside else (low, middle)
    return (low + high) / 2


def check_level(level: float) -> None:
    """Refuses what is no probability."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
