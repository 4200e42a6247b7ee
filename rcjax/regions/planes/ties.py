"""Finds classes that lead where the labels at the two ends of an edge tie.

Scores are interpolated linearly. `doubt` asks this of the edges that it may bisect, `passages` of
all edges of the mesh as it was left.
"""

from __future__ import annotations

import numpy as np


def third_on_top(
    values: np.ndarray, far: np.ndarray, label: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Whether a class other than the two labels leads where these tie, for every edge and class.

    An edge between equal labels is taken to tie in its middle.

    Args:
        values: float32 [edges, classes], scores at the first end.
        far: float32 [edges, classes], scores at the second end.
        label: int64 [edges], of the first end.
        other: int64 [edges], of the second end.

    Returns:
        bool [edges, classes].
    """
    row = np.arange(len(label))
    lead = values[row, label] - values[row, other]
    rise = lead + far[row, other] - far[row, label]
    share = np.where(rise > 0, lead / np.where(rise > 0, rise, 1), 0.5)[:, None]
    tie = (1 - share) * values + share * far
    top = np.maximum(tie[row, label], tie[row, other])
    tie[row, label] = tie[row, other] = -np.inf
    return np.asarray(tie > top[:, None])
