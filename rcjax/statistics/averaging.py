"""Averages over the runs of a setting."""

import numpy as np

from rcjax.array_types import Float

# Averages keep this many binary digits (about 11 decimal ones), so that rounding errors of equal
# averages, summed in another order, do not break ties: ranks and signs would see them.
_KEPT_BITS = 36


def average(values: Float[np.ndarray, "*settings runs"]) -> Float[np.ndarray, "*settings"]:
    """Mean over the last axis, NaN left out; NaN where nothing is left. Rounded to 36 bits.

    >>> average(np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [1.0, np.nan, np.nan]]))
    array([0.2, 0.2, 1. ])
    """
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    fraction, exponent = np.frexp(mean)
    kept = np.round(np.ldexp(fraction, _KEPT_BITS))
    return np.asarray(np.ldexp(kept, exponent - _KEPT_BITS))
