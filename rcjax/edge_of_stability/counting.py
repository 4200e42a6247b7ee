"""Exact region counts of two-layer ReLU networks on segments and on the whole line.

Along a line the network is linear between the points where one of its units switches. So the sign
at these points, and at the ends, decides the count. All in float64; a point where the output is
exactly 0 has the label -1, as `argmax` gives it for the scores (0, output).
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Curves:
    """Piecewise linear functions of one variable, many at once.

    Attributes:
        positions: float64 [..., width + 2], rising: the ends and between them the breakpoints;
            breakpoints outside lie on the nearer end.
        values: float64 [..., width + 2].
    """

    positions: np.ndarray
    values: np.ndarray


def curves(
    slopes: np.ndarray,
    offsets: np.ndarray,
    output_weights: np.ndarray,
    output_biases: np.ndarray,
    start: float,
    end: float,
) -> Curves:
    """Returns the functions output_bias + sum_k output_weight[k] * relu(slope[k] * t + offset[k]).

    Args:
        slopes, offsets: [..., width], of each unit's input along the line.
        output_weights: [..., width], broadcast against them.
        output_biases: [...].
        start, end: of the interval of t.
    """
    slopes, offsets, weights = np.broadcast_arrays(
        np.asarray(slopes, np.float64),
        np.asarray(offsets, np.float64),
        np.asarray(output_weights, np.float64),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        breaks = np.where(slopes != 0, -offsets / slopes, end)
    breaks = np.clip(breaks, start, end)
    order = np.argsort(breaks, axis=-1)
    breaks = np.take_along_axis(breaks, order, axis=-1)
    # Passing its breakpoint from the left, a unit adds this much to the slope of the output. One
    # whose breakpoint was moved to an end adds it where it has no effect.
    jumps = np.take_along_axis(weights * np.abs(slopes), order, axis=-1)

    ends = np.broadcast_to([start], (*breaks.shape[:-1], 1)), np.full((*breaks.shape[:-1], 1), end)
    positions = np.concatenate([ends[0], breaks, ends[1]], axis=-1)
    at_start = slopes * start + offsets
    first = np.sum(weights * np.maximum(at_start, 0), axis=-1) + np.asarray(
        output_biases, np.float64
    )
    # Units that are on just after the start; breakpoints moved to the start are among them.
    on = (at_start > 0) | ((at_start == 0) & (slopes > 0))
    slope_at_start = np.sum(np.where(on, weights * slopes, 0), axis=-1)
    at_first = breaks == start
    jumps_inside = np.where(at_first, 0.0, jumps)
    running = slope_at_start[..., None] + np.concatenate(
        [np.zeros_like(jumps[..., :1]), np.cumsum(jumps_inside, axis=-1)], axis=-1
    )
    steps = np.cumsum(running * np.diff(positions, axis=-1), axis=-1)
    values = np.concatenate([first[..., None], first[..., None] + steps], axis=-1)
    return Curves(positions, values)


def count_signs(values: np.ndarray) -> np.ndarray:
    """1 + the number of changes between positive and not positive along the last axis; int64."""
    labels = values > 0
    return 1 + np.sum(labels[..., 1:] != labels[..., :-1], axis=-1)


def count_with_margin(values: np.ndarray, margin: float) -> np.ndarray:
    """Regions whose output reaches `margin` in absolute value, runs of equal sign counted once.

    Args:
        values: float64 [..., points] of piecewise linear functions at their breakpoints and ends.
        margin: 0 or more.

    Returns:
        int64 [...]: length of the longest sequence of places at which the output is in turn at
        least margin and at most -margin; 0 if it is nowhere.
    """
    flat = values.reshape(-1, values.shape[-1])
    counts = np.zeros(len(flat), np.int64)
    for index, row in enumerate(flat):
        signs = np.sign(row[np.abs(row) >= margin])
        counts[index] = np.sum(signs[1:] != signs[:-1]) + 1 if len(signs) else 0
    return counts.reshape(values.shape[:-1])


def count_on_segments(
    at_starts: np.ndarray,
    at_ends: np.ndarray,
    output_weights: np.ndarray,
    output_biases: np.ndarray,
) -> np.ndarray:
    """Counts regions on segments, given the units' inputs at both ends of each.

    Args:
        at_starts, at_ends: [..., segments, width], inputs of the hidden ReLUs.
        output_weights: [..., width].
        output_biases: [...].

    Returns:
        int64 [..., segments].
    """
    along = curves(
        at_ends - at_starts,
        at_starts,
        output_weights[..., None, :],
        output_biases[..., None],
        0.0,
        1.0,
    )
    return count_signs(along.values)


def count_on_line(
    weights: np.ndarray, biases: np.ndarray, output_weights: np.ndarray, output_biases: np.ndarray
) -> np.ndarray:
    """Counts regions on the whole real line, for one input dimension.

    Args:
        weights, biases, output_weights: [..., width].
        output_biases: [...].

    Returns:
        int64 [...].
    """
    weights, biases, outputs, constants = (
        np.asarray(array, np.float64) for array in (weights, biases, output_weights, output_biases)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        breaks = np.sort(np.where(weights != 0, -biases / weights, 0.0), axis=-1)
    # Evaluated one by one: sums along a line that reaches very far would lose digits.
    units = np.maximum(breaks[..., :, None] * weights[..., None, :] + biases[..., None, :], 0)
    values = np.einsum("...bk,...k->...b", units, outputs) + constants[..., None]
    # Beyond the outermost breakpoints the output is linear: its slope decides the sign far out.
    first_slope = np.sum(np.where(weights < 0, weights * outputs, 0), axis=-1)
    last_slope = np.sum(np.where(weights > 0, weights * outputs, 0), axis=-1)
    left = np.where(first_slope != 0, -first_slope, values[..., 0])
    right = np.where(last_slope != 0, last_slope, values[..., -1])
    return count_signs(np.concatenate([left[..., None], values, right[..., None]], axis=-1))
