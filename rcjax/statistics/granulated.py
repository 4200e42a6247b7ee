"""The granulated Kendall coefficient: agreement along one hyperparameter at a time."""

import functools
from collections.abc import Mapping
from math import comb, lcm

import numpy as np

from rcjax.array_types import Float, Int, Num

_PAIRS = 5000  # of settings, looked at together


def granulated_kendall(
    x: Num[np.ndarray, "*#batch settings"],
    y: Num[np.ndarray, "*#batch settings"],
    codes: Mapping[str, Int[np.ndarray, " settings"]],
) -> dict[str, Float[np.ndarray, "*batch"]]:
    """Sign agreement of x and y along every axis of a grid, and the mean over axes.

    With all hyperparameters but the i-th held fixed, the settings that differ in the i-th form a
    group; over its ordered pairs of different settings

        tau = mean of sign(x_a - x_b) * sign(y_a - y_b),        psi_i = mean of tau over groups,

    and the coefficient is the mean of psi_i over the hyperparameters. A tie, in x or in y, has
    sign 0: it counts as half agreement and half disagreement, and stays in the number of pairs.
    Groups of one setting, as incomplete grids have them, say nothing and are left out.

    Args:
        x, y: float64 [..., settings], broadcastable.
        codes: of `Design`.

    Returns:
        name of the axis -> [...], -1 to 1 (NaN if it has no group of two), and "mean" -> [...],
        the mean over the axes that have a value (NaN if none has).

    Example:
        >>> codes = {"a": np.array([0, 0, 1, 1]), "b": np.array([0, 1, 0, 1])}
        >>> psi = granulated_kendall(np.array([1.0, 2, 3, 4]), np.array([1.0, 0, 3, 4]), codes)
        >>> {axis: float(value) for axis, value in psi.items()}
        {'a': 1.0, 'b': 0.0, 'mean': 0.5}

    Source: Jiang et al., "Fantastic generalization measures and where to find them", ICLR 2020,
    equations 4 to 6.
    """
    shape = np.broadcast_shapes(x.shape, y.shape)[:-1]
    result = {}
    table = np.stack(list(codes.values())) if codes else np.zeros((0, 0), int)
    for place, axis in enumerate(codes):
        first, second, weights = _weighted_pairs(place, table.tobytes(), table.shape)
        agreement = np.zeros(shape)
        for start in range(0, len(first), _PAIRS):
            a, b = first[start : start + _PAIRS], second[start : start + _PAIRS]
            signs = np.sign(x[..., a] - x[..., b]) * np.sign(y[..., a] - y[..., b])
            # Whole weights: their sums are exact.
            agreement += (signs * weights[start : start + _PAIRS]).sum(axis=-1)
        total = weights.sum()
        result[axis] = np.asarray(agreement / total) if total else np.full(shape, np.nan)
    known = [psi for psi in result.values() if not np.isnan(psi).any()]
    result["mean"] = np.asarray(np.mean(known, axis=0)) if known else np.full(shape, np.nan)
    return result


@functools.lru_cache(maxsize=16)  # measures, and networks of one grid, share them
def _weighted_pairs(
    axis: int, codes: bytes, shape: tuple[int, ...]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Pairs of settings that differ in one axis only, with weights that are equal for every group.

    Unordered pairs: the product of signs is the same for both orders.
    """
    others = np.delete(np.frombuffer(codes, int).reshape(shape), axis, axis=0)
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, values in enumerate(others.T.tolist()):
        groups.setdefault(tuple(values), []).append(place)
    first, second, weights = [], [], []
    several = [np.array(members) for members in groups.values() if len(members) > 1]
    common = lcm(*(comb(len(members), 2) for members in several))
    for members in several:
        left, right = np.triu_indices(len(members), k=1)
        first.append(members[left])
        second.append(members[right])
        weights.append(np.full(len(left), common // len(left)))
    nothing = np.zeros(0, int)
    return (
        np.concatenate([nothing, *first]),
        np.concatenate([nothing, *second]),
        np.concatenate([nothing, *weights]),
    )
