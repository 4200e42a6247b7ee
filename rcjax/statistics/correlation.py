"""Pearson, Spearman, Kendall and partial correlation of many resamples in one call.

Every function takes arrays [..., settings] of equal shape (or broadcastable) and returns [...];
NaN where the coefficient is undefined, that is where one side is constant.
"""

import numpy as np
from scipy.stats import rankdata

from rcjax.array_types import Float, Int, Num

_Floats = Num[np.ndarray, "..."]

# Of the length of a vector: what regression leaves below this is rounding, not signal.
_LEFT_BY_ROUNDING = 1e-9


def pearson(
    x: Num[np.ndarray, "*#batch settings"], y: Num[np.ndarray, "*#batch settings"]
) -> Float[np.ndarray, "*batch"]:
    """Pearson's r: sum (x - mean x)(y - mean y) / (|x - mean x| |y - mean y|).

    >>> pearson(np.array([1.0, 2.0, 3.0]), np.array([[2.0, 4.0, 6.0], [1.0, 1.0, 1.0]]))
    array([ 1., nan])
    """
    return _cosine(_centred(x), _centred(y))


def spearman(
    x: Num[np.ndarray, "*#batch settings"], y: Num[np.ndarray, "*#batch settings"]
) -> Float[np.ndarray, "*batch"]:
    """Spearman's rho: Pearson's r of the ranks; equal values share their average rank.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 1000.0]))
    array(1.)
    """
    return pearson(ranks(x), ranks(y))


def ranks(x: Num[np.ndarray, "*batch settings"]) -> Float[np.ndarray, "*batch settings"]:
    """Ranks 1 to n along the last axis; equal values share their average rank."""
    return np.asarray(rankdata(x, axis=-1))


def kendall(
    x: Num[np.ndarray, "*#batch settings"], y: Num[np.ndarray, "*#batch settings"]
) -> Float[np.ndarray, "*batch"]:
    """Kendall's tau-b: (concordant - discordant) / sqrt(pairs untied in x * pairs untied in y).

    Example:
        >>> round(float(kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))), 3)
        0.333

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945.
    """
    x, y = np.broadcast_arrays(x, y)
    shape, settings = x.shape[:-1], x.shape[-1]
    x, y = (rankdata(v.reshape(-1, settings), "dense", axis=-1).astype(np.int64) for v in (x, y))
    # In the order of x, and of y where x is equal, a discordant pair is a fall of y.
    both = x * (settings + 1) + y
    by_x = np.take_along_axis(y, np.argsort(both, axis=-1, kind="stable"), axis=-1)
    discordant = _falls(by_x)
    pairs = settings * (settings - 1) // 2
    tied_x, tied_y, tied_both = _tied_pairs(x), _tied_pairs(y), _tied_pairs(both)
    agreement = pairs - tied_x - tied_y + tied_both - 2 * discordant
    untied = np.sqrt((pairs - tied_x).astype(float) * (pairs - tied_y))
    return _ratio(agreement, untied).reshape(shape)


def _falls(ranks: Int[np.ndarray, "batch settings"]) -> Int[np.ndarray, " batch"]:
    """The pairs of places of which the later holds the smaller rank.

    Ranks are compared bit by bit from the highest on: two fall at the first bit in which they
    differ, where the earlier one has a 1. Those that agree in all higher bits lie together.
    """
    falls = np.zeros(len(ranks), np.int64)
    places = np.arange(ranks.shape[1])
    for bit in range(int(ranks.max(initial=0)).bit_length() - 1, -1, -1):
        higher, ones = ranks >> (bit + 1), ranks >> bit & 1
        before = np.cumsum(ones, axis=1) - ones
        begins = np.diff(higher, prepend=-1, axis=1) != 0
        start = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
        in_group = before - np.take_along_axis(before, start, axis=1)
        falls += (in_group * (1 - ones)).sum(axis=1)
        if bit:
            order = np.argsort(ranks >> bit, axis=1, kind="stable")
            ranks = np.take_along_axis(ranks, order, axis=1)
    return falls


def _tied_pairs(x: Int[np.ndarray, "batch settings"]) -> Int[np.ndarray, " batch"]:
    x = np.sort(x, axis=-1)
    places = np.arange(x.shape[-1])
    begins = np.diff(x, prepend=-1, axis=-1) != 0
    start = np.maximum.accumulate(np.where(begins, places, 0), axis=-1)
    return np.asarray((places - start).sum(axis=-1))


def partial_correlation(
    x: Num[np.ndarray, "*#batch settings"],
    y: Num[np.ndarray, "*#batch settings"],
    controls: Num[np.ndarray, "*#batch settings controls"],
) -> Float[np.ndarray, "*batch"]:
    """Pearson's r of what linear regression on the controls leaves of x and of y.

    Args:
        x, y: [..., settings].
        controls: float64 [..., settings, controls]; a constant is added to them.

    Returns:
        [...]. NaN where the controls explain x or y completely, and where fewer than two degrees
        of freedom are left, which would make every r equal to 1 or -1.

    Example:
        >>> x, y = np.array([1.0, 2.0, 3.0, 5.0, 4.0]), np.array([2.0, 1.0, 3.0, 5.0, 4.0])
        >>> round(float(partial_correlation(x, y, np.arange(5.0)[:, None])), 3)
        0.688

    Source: Fisher, "The distribution of the partial correlation coefficient", Metron 3, 1924.
    """
    return correlate_residuals(x, y, control_basis(controls))


def control_basis(
    controls: Num[np.ndarray, "*batch settings controls"],
) -> Float[np.ndarray, "*batch settings columns"]:
    """Orthonormal basis [..., settings, controls + 1] of the controls and a constant.

    Columns that add nothing, as when one control determines another, are zero.
    """
    constant = np.ones((*controls.shape[:-1], 1))
    centred = controls - controls.mean(axis=-2, keepdims=True)
    scale = np.linalg.norm(centred, axis=-2, keepdims=True)
    columns = np.concatenate([constant, centred / np.where(scale > 0, scale, 1.0)], axis=-1)
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return left * (size > 1e-8 * size[..., :1])[..., None, :]


def correlate_residuals(
    x: Num[np.ndarray, "*#batch settings"],
    y: Num[np.ndarray, "*#batch settings"],
    basis: Float[np.ndarray, "*#batch settings columns"],
) -> Float[np.ndarray, "*batch"]:
    """`partial_correlation` with the basis of the controls at hand."""
    freedom = basis.shape[-2] - np.rint((basis**2).sum(axis=(-2, -1)))
    r = _cosine(_residual(x, basis), _residual(y, basis))
    return np.where(freedom >= 2, r, np.nan)


def correlate_within_cells(
    x: Num[np.ndarray, "*#batch settings"],
    y: Num[np.ndarray, "*#batch settings"],
    cell: Int[np.ndarray, " settings"],
) -> Float[np.ndarray, "*batch"]:
    """Pearson's r of the differences from the mean of all settings of the same cell.

    Args:
        x, y: [..., settings].
        cell: the number of every setting's cell, from 0.

    Returns:
        [...]. NaN where x or y is constant within all cells, and for fewer than two degrees of
        freedom.

    Example:
        >>> x, y = np.array([1.0, 2.0, 7.0, 9.0]), np.array([5.0, 6.0, 1.0, 2.0])
        >>> round(float(correlate_within_cells(x, y, np.array([0, 0, 1, 1]))), 3)
        0.949
    """
    freedom = cell.size - np.unique(cell).size
    r = _cosine(_within_cells(x, cell), _within_cells(y, cell))
    return r if freedom >= 2 else np.full(r.shape, np.nan)


def _within_cells(x: _Floats, cell: Int[np.ndarray, " settings"]) -> _Floats:
    centred = _centred(x)
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    sizes = np.diff(starts, append=cell.size)
    means = np.add.reduceat(centred[..., order], starts, axis=-1) / sizes
    rest = np.empty_like(centred)
    rest[..., order] = centred[..., order] - np.repeat(means, sizes, axis=-1)
    return _without_rounding(rest, centred)


def _residual(x: _Floats, basis: _Floats) -> _Floats:
    centred = _centred(x)
    if basis.ndim == 2:
        rest = centred - (centred @ basis) @ basis.T
    else:
        slopes = centred[..., None, :] @ basis
        rest = centred - (basis @ np.swapaxes(slopes, -1, -2))[..., 0]
    return _without_rounding(rest, centred)


def _without_rounding(rest: _Floats, centred: _Floats) -> _Floats:
    tiny = _LEFT_BY_ROUNDING**2 * _product(centred, centred)
    return np.where((_product(rest, rest) > tiny)[..., None], rest, 0.0)


def standardised(x: Num[np.ndarray, "*batch settings"]) -> Float[np.ndarray, "*batch settings"]:
    """Minus the mean, divided by the standard deviation; 0 where x is constant.

    Example:
        >>> standardised(np.array([[1e-310, 3e-310], [5.0, 5.0]])).tolist()
        [[-1.0, 1.0], [0.0, 0.0]]
    """
    centred = _centred(x)
    deviation = np.sqrt(_product(centred, centred) / x.shape[-1])[..., None]
    return centred / np.where(deviation > 0, deviation, 1.0)


def _centred(x: Num[np.ndarray, "*batch settings"]) -> _Floats:
    """Minus the mean, scaled to at most 1 (squares cannot overflow); exactly 0 if constant."""
    most, least = x.max(axis=-1, keepdims=True), x.min(axis=-1, keepdims=True)
    # By a power of two and from the least on: neither rounds values that differ in their last
    # digits alone, whose mean is rounded by more than they differ.
    _, exponent = np.frexp(np.maximum(np.abs(most), np.abs(least)))
    scale = np.ldexp(1.0, exponent - 1)
    above = x / scale - least / scale
    mean = above.mean(axis=-1, keepdims=True)
    centred = np.where(most == least, 0.0, above - mean)
    reach = np.maximum(most / scale - least / scale - mean, mean)
    return centred / np.where(reach > 0, reach, 1.0)


def _cosine(x: _Floats, y: _Floats) -> _Floats:
    return _ratio(_product(x, y), np.asarray(np.sqrt(_product(x, x) * _product(y, y))))


def _product(x: _Floats, y: _Floats) -> _Floats:
    """Inner products along the last axis."""
    return np.asarray(np.einsum("...i,...i->...", x, y))


def _ratio(numerator: _Floats, denominator: _Floats) -> _Floats:
    positive = denominator > 0
    ratio = numerator / np.where(positive, denominator, 1.0)
    return np.where(positive, np.clip(ratio, -1.0, 1.0), np.nan)
