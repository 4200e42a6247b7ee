"""The level of random predictors, beside which every statistic is to be read."""

from math import comb
from typing import Any

import numpy as np

from rcjax.statistics.bootstrap import percentile_interval
from rcjax.statistics.conditional_information import conditional_mutual_information
from rcjax.statistics.design_matrix import Grid
from rcjax.statistics.one_measure import (
    FEWEST_SETTINGS,
    Options,
    coefficients,
    information_undefined,
    undefined,
)

PREDICTORS = 1000
# The conditional information looks at all pairs of settings: on large grids of fewer predictors.
_MOST_PAIRS = 50_000_000


def null_statistics(y: np.ndarray, grid: Grid, options: Options) -> dict[str, Any]:
    """Statistics of predictors that know nothing: independent normal numbers, one per setting.

    Args:
        y: float64 [settings], averages of the outcome.

    Returns:
        By the names of `measure_statistics` the means over 1000 predictors (fewer for the
        conditional mutual information of large grids), and as NAME_interval the central part of
        them, 95 % at confidence 0.95; of the granulated coefficient for its mean over axes.
    """
    counted = {"settings": len(y), "predictors": PREDICTORS}
    if len(y) < FEWEST_SETTINGS or np.ptp(y) == 0:
        return {**counted, **undefined(grid)}
    generator = np.random.default_rng([options.seed, 1])
    x = generator.standard_normal((PREDICTORS, len(y)))
    result: dict[str, Any] = undefined(grid) | counted
    values = coefficients(x, y, grid)
    psi = values.pop("granulated_kendall")
    result["granulated_kendall"] = {axis: _mean(part) for axis, part in psi.items()}
    result["granulated_kendall_interval"] = percentile_interval(psi["mean"], options.confidence)
    if not information_undefined(grid):
        pairs = len(y) ** 2 * comb(len(grid.codes), 2)
        fewer = x[: max(100, _MOST_PAIRS // pairs)]
        values["conditional_mutual_information"] = conditional_mutual_information(
            fewer, y, grid.codes
        )
    for name, drawn in values.items():
        result[name] = _mean(drawn)
        result[f"{name}_interval"] = percentile_interval(drawn, options.confidence)
    return result


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
