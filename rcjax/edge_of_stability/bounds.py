"""The bound of Mulayoff, Michaeli and Soudry on the slope's variation, and what it says of counts.

"The Implicit Bias of Minima Stability: A View from Function Space", NeurIPS 2021. For one input
dimension, the loss 1/(2 n) sum (f(x_i) - y_i)^2, a two-layer ReLU network with output bias, all
parameters trained. docs/edge_of_stability.md has the proofs. All in float64.
"""

import itertools
import math
from typing import Any

import numpy as np


def weight(x: Any, points: Any) -> np.ndarray:
    """Returns the weight g(x) = min(g-(x), g+(x)) that the data give to the slope's variation at x.

    With X uniform on the points, g-(x) = P(X < x)^2 * E[x - X | X < x] * sqrt(1 + E[X | X < x]^2),
    and g+ is the same for -x and -X. Zero outside the range of the points.

    Args:
        x: [...].
        points: [n].

    Returns:
        float64 [...].

    Example:
        >>> weight([0.0, 5.0], [-1.0, 1.0]).round(4).tolist()  # 1/4 * 1 * sqrt(2) at the middle
        [0.3536, 0.0]
    """
    x, points = np.asarray(x, np.float64), np.asarray(points, np.float64).ravel()
    return np.minimum(_left_weight(x, points), _left_weight(-x, -points)) + 0.0  # no -0.0


def _left_weight(x: np.ndarray, points: np.ndarray) -> np.ndarray:
    below = points < x[..., None]
    share = below.mean(axis=-1)
    mean = np.where(below, points, 0).sum(axis=-1) / np.maximum(below.sum(axis=-1), 1)
    return share**2 * (x - mean) * np.sqrt(1 + mean**2)


def least_weight(start: float, end: float, points: Any) -> float:
    """Returns the infimum of the weight over an interval; exact.

    Between neighbouring points g- rises and g+ falls, both linearly, and at the points they jump:
    so the infimum is taken at the ends of the pieces, approached from within.
    """
    points = np.sort(np.asarray(points, np.float64).ravel())
    inner = points[(points > start) & (points < end)]
    ends = np.concatenate([[start], inner, [end]])
    # The infima of a rising and a falling function on each open piece.
    left = _left_weight(np.nextafter(ends[:-1], math.inf), points)
    right = _left_weight(np.nextafter(-ends[1:], math.inf), -points)
    return float(np.minimum(left, right).min())


def slope_variation(hidden_weights, hidden_biases, output_weights, points) -> np.ndarray:
    """The weighted total variation of the slope: the sum over units of |a_k w_k| g(-b_k / w_k).

    Equals the integral of g |f''| unless two units switch at the same place, where it is an upper
    bound of it (for which the same theorem holds).

    Args:
        hidden_weights, hidden_biases, output_weights: [..., width].
        points: [n].

    Returns:
        float64 [...].
    """
    w, b, a = (
        np.asarray(array, np.float64) for array in (hidden_weights, hidden_biases, output_weights)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        breaks = np.where(w != 0, -b / w, math.inf)
    inside = np.isfinite(breaks)
    weights = np.where(inside, weight(np.where(inside, breaks, 0.0), points), 0.0)
    return np.sum(np.abs(a * w) * weights, axis=-1)


def stability_budget(learning_rate: Any) -> np.ndarray:
    """1 / learning_rate - 1/2: the most variation at a linearly stable interpolating minimum."""
    return 1 / np.asarray(learning_rate, np.float64) - 0.5


def residual_curvature(
    hidden_weights, hidden_biases, output_weights, output_biases, points, labels
) -> np.ndarray:
    """Spectral norm of the part of the Hessian that vanishes at interpolation.

    The Hessian is a Gauss-Newton matrix plus the mean over points of residual times second
    derivative of the output. The latter has one block for each unit, and its norm is the largest
    over units of |mean of residual * (x, 1) over the points on which the unit is active|. For every
    parameter vector, stable or not, 1 + 2 * slope_variation <= sharpness + this.

    Args:
        hidden_weights, hidden_biases, output_weights: [..., width].
        output_biases: [...].
        points, labels: [n].

    Returns:
        float64 [...].
    """
    w, b, a, c = (
        np.asarray(array, np.float64)
        for array in (hidden_weights, hidden_biases, output_weights, output_biases)
    )
    x, y = np.asarray(points, np.float64).ravel(), np.asarray(labels, np.float64)
    units = w[..., None] * x + b[..., None]  # [..., width, n]
    residuals = np.einsum("...kn,...k->...n", np.maximum(units, 0), a) + c[..., None] - y
    active = np.where(units > 0, residuals[..., None, :], 0.0)
    return np.hypot((active * x).mean(-1), active.mean(-1)).max(axis=-1)


def center(points: Any, share: float) -> tuple[float, float]:
    """Returns the central interval that takes `share` of the range of the points."""
    low, high = float(np.min(points)), float(np.max(points))
    margin = (1 - share) / 2 * (high - low)
    return low + margin, high - margin


def count_bound(
    learning_rates: Any, points: Any, start: float, end: float, margin: float
) -> np.ndarray:
    """Largest count with margin on [start, end] at a linearly stable interpolating minimum.

    2 + sqrt((end - start) * (1 / learning_rate - 1/2) / (4 * margin * least weight)), rounded down;
    infinite where the weight vanishes. Nothing bounds the count without a margin, because tiny
    oscillations around zero cost next to nothing.

    Args:
        learning_rates: [...].
        points: [n].
        start, end: of the interval.
        margin: that the output must reach in every region that is counted.

    Returns:
        float64 [...]; NaN where the learning rate is above 2 and no minimum is stable.
    """
    budget = stability_budget(learning_rates)
    least = least_weight(start, end, points)
    if least <= 0:
        return np.where(budget < 0, math.nan, math.inf)
    with np.errstate(invalid="ignore"):
        return np.floor(2 + np.sqrt((end - start) * budget / (4 * margin * least)))


def interpolation_cost(points: Any, labels: Any) -> float:
    """A lower bound on the weighted variation of the slope of every function through the data.

    Within each gap between neighbours the slope of such a function is somewhere at least, and
    somewhere at most, that of the chord. Between two successive extremes of the chords' slopes it
    therefore varies by their difference, weighed with no less than the least weight from the
    beginning of the first gap to the end of the second.
    """
    order = np.argsort(np.asarray(points, np.float64).ravel())
    x = np.asarray(points, np.float64).ravel()[order]
    slopes = np.diff(np.asarray(labels, np.float64)[order]) / np.diff(x)
    changes = np.diff(slopes)
    turns = [
        index
        for index in range(1, len(slopes) - 1)
        if changes[index - 1] * changes[index] < 0
        or (changes[index - 1] != 0 and changes[index] == 0)
    ]
    extremes = [0, *turns, len(slopes) - 1]
    return sum(
        abs(slopes[second] - slopes[first]) * least_weight(x[first], x[second + 1], x)
        for first, second in itertools.pairwise(extremes)
        if second > first
    )


def largest_fitting_rate(points: Any, labels: Any) -> float:
    """Above this learning rate no interpolating minimum is linearly stable."""
    return 1 / (0.5 + interpolation_cost(points, labels))
