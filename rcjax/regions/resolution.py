"""Whether float32 can tell the points of a slice from each other.

Far from zero the numbers of float32 lie far apart: seconds since 1970 come in steps of 128. Where
a step along a slice is shorter than such a step, points move at random, and their count is noise.
"""

import numpy as np

# Share of a step of the grid that rounding may move a point by. Each feature is measured in units
# of its own spread, as most classifiers do.
_LARGEST_SHARE = 0.05
# The adaptive method looks at two points so close together only where its labels change.
_FINEST = 1_000
_ROUNDING = 16  # units in the last place


def check_resolved(block: np.ndarray, first: int, points: int, extent: tuple[float, float]) -> None:
    """Refuses slices that float32 cannot resolve.

    Args:
        block: anchors [slices, dim + 1, *features], float32 or, where they were given so, float64.
        first: number of the first slice, for the message.
        points: grid points per axis, 0 for a method without a grid.
        extent: smallest and largest value of every coordinate.

    Raises:
        ValueError: names a slice and the remedy.
    """
    anchors = np.asarray(block, np.float64).reshape(*block.shape[:2], -1)
    rows = anchors.reshape(-1, anchors.shape[-1])
    spread = rows.std(axis=0)
    moving = spread > 0
    if block.dtype == np.float32:
        # A feature that differs by rounding alone is constant.
        moving &= np.ptp(rows, axis=0) > _ROUNDING * np.spacing(
            np.abs(rows).max(axis=0).astype(np.float32)
        )
    if not moving.any():
        return
    anchors, spread = anchors[..., moving], spread[moving]
    reach = max(abs(extent[0]), abs(extent[1]), 1.0)
    rounding = np.spacing(np.abs(anchors).max(axis=1).astype(np.float32)) * reach
    # Where all anchors of a slice agree, nothing is rounded.
    rounding = np.where(np.ptp(anchors, axis=1) > 0, rounding, 0) / spread
    sides = (anchors[:, 1:] - anchors[:, :1]) / spread
    lengths = np.sqrt((sides**2).sum(axis=-1)).max(axis=1)
    if not lengths.any():
        return
    # A slice that is short by chance, as between two points of one pair, stays within one label;
    # a data set whose slices are all as short is another matter.
    lengths = np.maximum(lengths, np.median(lengths[lengths > 0]))
    step = lengths * (extent[1] - extent[0]) / (min(points or _FINEST, _FINEST) - 1)
    noise = np.sqrt((rounding.astype(np.float64) ** 2).sum(axis=-1))
    lost = np.flatnonzero(noise > _LARGEST_SHARE * step)
    if lost.size:
        largest = float(np.abs(anchors[lost[0]]).max())
        steps = noise[lost[0]] / max(step[lost[0]], 1e-300)
        raise ValueError(
            f"float32 cannot resolve slice {first + int(lost[0])}: next to features as large as "
            f"{largest:.6g} it rounds by {steps:.2g} steps of the grid; subtract the mean of each "
            "feature from the points and add it inside the classifier, or wrap the classifier in "
            "on_host and give float64 anchors"
        )
