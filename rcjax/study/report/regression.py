"""What the figures estimate themselves: regression lines and correlations along training."""

from collections.abc import Sequence

import numpy as np

from rcjax.plotting.study import Band

_POINTS = 60


def regression_band(
    x: Sequence[np.ndarray],
    y: Sequence[np.ndarray],
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Band | None:
    """The least-squares line through the settings, with a bootstrap interval.

    Both settings and the seeds within them are drawn with replacement; samples in which all
    settings share one x have no line and are left out.

    Args:
        x, y: for each setting, float `[its runs]`.
        samples: of the bootstrap.
        confidence: of the interval at each point.
        seed: of the bootstrap.

    Returns:
        The line, or None for fewer than 3 settings or when x is constant.

    Example:
        >>> x = [np.array([1.0]), np.array([2.0]), np.array([3.0])]
        >>> regression_band(x, x).y[[0, -1]]
        array([1., 3.])
    """
    mean_x, mean_y = _means(x), _means(y)
    if len(mean_x) < 3 or np.ptp(mean_x) == 0:
        return None
    grid = np.linspace(mean_x.min(), mean_x.max(), _POINTS)
    drawn_x, drawn_y = _resample(x, y, samples, np.random.default_rng(seed))
    slope, intercept = _lines(drawn_x, drawn_y)
    fine = np.isfinite(slope)
    lines = intercept[fine, None] + slope[fine, None] * grid
    tail = (1 - confidence) / 2
    low, high = np.quantile(lines, [tail, 1 - tail], axis=0)
    slope, intercept = _lines(mean_x[None], mean_y[None])
    return Band(grid, intercept[0] + slope[0] * grid, low, high)


def correlation_interval(
    x: Sequence[np.ndarray],
    y: Sequence[np.ndarray],
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Pearson correlation of settings averaged over seeds, with the ends of its interval.

    Not a number for fewer than 3 settings or a constant column.
    """
    value = float(_correlations(_means(x)[None], _means(y)[None])[0]) if len(x) > 2 else np.nan
    if not np.isfinite(value):
        return np.nan, np.nan, np.nan
    drawn = _correlations(*_resample(x, y, samples, np.random.default_rng(seed)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn[np.isfinite(drawn)], [tail, 1 - tail])
    return value, float(low), float(high)


def _means(values: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([np.mean(group) for group in values], float)


def _resample(
    x: Sequence[np.ndarray], y: Sequence[np.ndarray], samples: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Means of resampled seeds of resampled settings: float `[samples, settings]` twice."""
    chosen = random.integers(len(x), size=(samples, len(x)))
    drawn_x, drawn_y = np.empty(chosen.shape), np.empty(chosen.shape)
    for setting, (runs_x, runs_y) in enumerate(zip(x, y, strict=True)):
        here = np.nonzero(chosen == setting)
        seeds = random.integers(len(runs_x), size=(len(here[0]), len(runs_x)))
        drawn_x[here] = runs_x[seeds].mean(axis=1)
        drawn_y[here] = runs_y[seeds].mean(axis=1)
    return drawn_x, drawn_y


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(axis=1, keepdims=True)


def _lines(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centred = _centred(x)
    square = (centred**2).sum(axis=1)
    slope = (centred * y).sum(axis=1) / np.where(square > 0, square, np.nan)
    return slope, y.mean(axis=1) - slope * x.mean(axis=1)


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    left, right = _centred(x), _centred(y)
    scale = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    return (left * right).sum(axis=1) / np.where(scale > 1e-12, scale, np.nan)
