"""What the figures estimate themselves: regression lines and correlations along training."""

from collections.abc import Sequence

import numpy as np

from rcjax.report.drawing import Band
from rcjax.statistics import Resampling, average, pearson, percentile_interval

_POINTS = 60


def regression_band(
    x: np.ndarray,
    y: np.ndarray,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Band | None:
    """The least-squares line through the settings, with a bootstrap interval.

    Both settings and the runs within them are drawn with replacement; samples in which all
    settings share one x have no line and are left out.

    Args:
        x, y: float `[settings, runs]`; NaN in both where a setting has fewer runs.
        samples: of the bootstrap.
        confidence: of the interval at each point.
        seed: of the bootstrap.

    Returns:
        The line, or None for fewer than 3 settings or when x is constant.

    Example:
        >>> x = np.array([[1.0], [2.0], [3.0]])
        >>> regression_band(x, 2 * x).y[[0, -1]]
        array([2., 6.])
    """
    mean_x, mean_y = average(x), average(y)
    if len(mean_x) < 3 or np.ptp(mean_x) == 0:
        return None
    grid = np.linspace(mean_x.min(), mean_x.max(), _POINTS)
    resampling = Resampling(np.isfinite(x), samples, seed)
    slope, intercept = _lines(resampling.averages(x), resampling.averages(y))
    exists = np.isfinite(slope)
    lines = intercept[exists, None] + slope[exists, None] * grid
    tail = (1 - confidence) / 2
    low, high = np.quantile(lines, [tail, 1 - tail], axis=0)
    slope, intercept = _lines(mean_x, mean_y)
    return Band(grid, intercept + slope * grid, low, high)


def correlation_interval(
    x: np.ndarray,
    y: np.ndarray,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Pearson correlation of settings averaged over seeds, with the ends of its interval.

    Args: as of `regression_band`.

    Returns:
        Value, low, high; NaN for fewer than 3 settings or a constant column.
    """
    value = float(pearson(average(x), average(y))) if len(x) > 2 else np.nan
    if not np.isfinite(value):
        return np.nan, np.nan, np.nan
    resampling = Resampling(np.isfinite(x), samples, seed)
    drawn = pearson(resampling.averages(x), resampling.averages(y))
    low, high = percentile_interval(drawn, confidence) or (np.nan, np.nan)
    return value, low, high


def table_of(groups: Sequence[Sequence[float]]) -> np.ndarray:
    """Runs by setting as float `[settings, runs]`, NaN where a setting has fewer.

    >>> table_of([[1, 2], [3]])
    array([[ 1.,  2.],
           [ 3., nan]])
    """
    table = np.full((len(groups), max(map(len, groups), default=0)), np.nan)
    for place, group in enumerate(groups):
        table[place, : len(group)] = group
    return table


def _lines(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and intercepts over the last axis; NaN where x is constant."""
    centred = x - x.mean(axis=-1, keepdims=True)
    square = (centred**2).sum(axis=-1)
    slope = (centred * y).sum(axis=-1) / np.where(square > 0, square, np.nan)
    return slope, y.mean(axis=-1) - slope * x.mean(axis=-1)
