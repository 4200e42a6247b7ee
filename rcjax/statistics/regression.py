"""The regression line of the gap on the count, with its bootstrap interval."""

from dataclasses import dataclass

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import Resamples
from rcjax.statistics.one_measure import Options

_POINTS = 60


@dataclass(frozen=True)
class RegressionLine:
    """A line with its interval at every point, x rising."""

    x: Float[np.ndarray, " points"]
    y: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]


def regression_line(
    x: Float[np.ndarray, "settings runs"],
    y: Float[np.ndarray, "settings runs"],
    resamples: Resamples,
    options: Options,
) -> RegressionLine | None:
    """The least-squares line through the settings, with a bootstrap interval.

    Both settings and the runs within them are drawn with replacement; samples in which all
    settings share one x have no line and are left out.

    Args:
        x, y: NaN in both where a setting has fewer runs.
        resamples: of the settings and runs.
        options: of the interval.

    Returns:
        The line, or None for fewer than 3 settings or when x is constant.

    Example:
        >>> x = np.array([[1.0], [2.0], [3.0]])
        >>> regression_line(x, 2 * x, Resamples(500, 0), Options()).y[[0, -1]]
        array([2., 6.])
    """
    mean_x, mean_y = average(x), average(y)
    if len(mean_x) < 3 or np.ptp(mean_x) == 0:
        return None
    points = np.linspace(mean_x.min(), mean_x.max(), _POINTS)
    resampling = resamples.of(np.isfinite(x))
    slope, intercept = _lines(resampling.averages(x), resampling.averages(y))
    exists = np.isfinite(slope)
    lines = intercept[exists, None] + slope[exists, None] * points
    tail = (1 - options.confidence) / 2
    low, high = np.quantile(lines, [tail, 1 - tail], axis=0)
    slope, intercept = _lines(mean_x, mean_y)
    return RegressionLine(points, intercept + slope * points, low, high)


def _lines(
    x: Float[np.ndarray, "*batch settings"], y: Float[np.ndarray, "*batch settings"]
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """Slopes and intercepts; NaN where x is constant."""
    centred = x - x.mean(axis=-1, keepdims=True)
    square = (centred**2).sum(axis=-1)
    slope = (centred * y).sum(axis=-1) / np.where(square > 0, square, np.nan)
    return np.asarray(slope), np.asarray(y.mean(axis=-1) - slope * x.mean(axis=-1))
