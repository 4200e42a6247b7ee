"""Averages over the runs of a setting."""

import numpy as np

from rcjax.array_types import Bool, Float

# Averages of several runs keep this many binary digits of their spread (about 11 decimal ones), so
# that rounding errors of equal averages, summed in another order, do not break ties: ranks and
# signs would see them.
_KEPT_BITS = 36


def average(values: Float[np.ndarray, "*settings runs"]) -> Float[np.ndarray, "*settings"]:
    """Mean over the last axis, NaN left out; NaN where nothing is left.

    Means of several runs are rounded, in relation to the spread of all; single runs are not.

    >>> average(np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [1.0, np.nan, np.nan]]))
    array([0.2, 0.2, 1. ])
    >>> average(np.array([[1e15], [1e15 + 1]]))[1] - 1e15
    np.float64(1.0)
    """
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return rounded(mean, number > 1)


def rounded(
    mean: Float[np.ndarray, "*settings"], several: Bool[np.ndarray, "*settings"]
) -> Float[np.ndarray, "*settings"]:
    """Means as `average` gives them: those of several runs without their last digits."""
    known = mean[np.isfinite(mean)]
    if not known.size or not several.any():
        return mean
    spread, largest = float(np.ptp(known)), float(np.abs(known).max())
    digit = max(spread * 2.0**-_KEPT_BITS, 8 * np.finfo(float).eps * largest)
    if digit == 0 or not np.isfinite(digit):
        return mean
    digit = 2.0 ** np.ceil(np.log2(digit))
    return np.where(several, np.round(mean / digit) * digit, mean)
