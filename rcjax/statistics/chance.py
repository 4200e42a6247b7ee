"""What a measure reaches by chance: the same values, in another order.

Measures differ in how heavy the tails of their values are, and heavy tails reach strong
correlations by chance. So every measure has a null of its own.
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from rcjax.array_types import Float, Int
from rcjax.statistics.correlation import pearson, standardised
from rcjax.statistics.estimates import Chance, Interval

PERMUTATIONS = 2000
_MOST = 20_000_000  # numbers exchanged: of large studies fewer permutations
_CHUNK = 2_000_000  # numbers held at once

Statistic = Callable[[Float[np.ndarray, "orders places"]], Float[np.ndarray, " orders"]]


def chance(
    x: Float[np.ndarray, " places"],
    cell: Int[np.ndarray, " places"],
    statistic: Statistic,
    *,
    confidence: float,
    seed: int,
) -> Chance | None:
    """The range of a statistic when the values of x are exchanged within cells, and its p value.

    Args:
        x: values of the measure.
        cell: the number of every value's cell, from 0; one cell exchanges all values.
        statistic: of many orders of x at once; NaN where undefined.
        confidence: share of the permutations inside the range.
        seed: of the permutations.

    Returns:
        The range, and the share of permutations whose statistic is at least as far from 0, the
        observed order counted as one of them; None where the statistic is undefined.

    Example:
        >>> x = np.arange(8.0)
        >>> found = chance(x, np.zeros(8, int), lambda z: z @ (x - 3.5), confidence=0.95, seed=0)
        >>> found.p < 0.01
        True

    Source: Phipson and Smyth, "Permutation p-values should never be zero", 2010.
    """
    observed = float(statistic(x[None])[0])
    if not np.isfinite(observed):
        return None
    drawn = np.concatenate([statistic(orders) for orders in _orders(x, cell, seed)])
    return _chance(observed, drawn, confidence)


def swapped(
    x: Float[np.ndarray, " settings"],
    rival: Float[np.ndarray, " settings"],
    y: Float[np.ndarray, " settings"],
    *,
    confidence: float,
    seed: int,
) -> Chance | None:
    """The lead of x over a rival in correlation with y, against that of pairs swapped at random.

    If neither predicts y better, it is by chance which of the two has which value in a setting.
    Both are standardised, with the sign of their correlation, and swapped in a random half of the
    settings: the paired counterpart of a permutation test.

    Returns:
        The range of |r of x| - |r of the rival|, and its p value as in `chance`; None where one of
        the two is constant.
    """
    pair = np.stack([x, rival])
    correlation = pearson(pair, y)
    if not np.isfinite(correlation).all():
        return None
    pair = standardised(pair) * np.where(correlation < 0, -1.0, 1.0)[:, None]
    generator = np.random.default_rng([seed, 6])
    swap = generator.random((_permutations(x.size), x.size)) < 0.5
    leads = [np.abs(pearson(np.where(s, *pair), y)) for s in (swap, ~swap)]
    observed = np.abs(correlation)
    return _chance(float(observed[0] - observed[1]), leads[1] - leads[0], confidence)


def _chance(
    observed: float, drawn: Float[np.ndarray, " orders"], confidence: float
) -> Chance | None:
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(observed) or not known.size:
        return None
    # Equal but for rounding counts as equal.
    as_far = int((np.abs(known) >= abs(observed) - 1e-9).sum())
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return Chance(Interval(float(low), float(high)), (1 + as_far) / (1 + known.size))


def _permutations(places: int) -> int:
    return min(PERMUTATIONS, max(200, _MOST // places))


def _orders(
    x: Float[np.ndarray, " places"], cell: Int[np.ndarray, " places"], seed: int
) -> Iterator[Float[np.ndarray, "orders places"]]:
    number = _permutations(x.size)
    step = max(1, _CHUNK // x.size)
    if number <= step:
        yield x[_shared_places(cell.tobytes(), number, seed)]
        return
    generator = np.random.default_rng([seed, 3])
    for start in range(0, number, step):
        yield x[_places(cell, min(step, number - start), generator)]


@functools.lru_cache(maxsize=8)  # the measures of a study exchange their values alike
def _shared_places(cell: bytes, number: int, seed: int) -> Int[np.ndarray, "orders places"]:
    return _places(np.frombuffer(cell, int), number, np.random.default_rng([seed, 3]))


def _places(
    cell: Int[np.ndarray, " places"], number: int, generator: np.random.Generator
) -> Int[np.ndarray, "orders places"]:
    """Where every place gets its value from: another place of the same cell."""
    by_cell = np.argsort(cell, kind="stable")
    places = np.empty((number, cell.size), np.int32)
    places[:, by_cell] = np.argsort(cell + generator.random((number, cell.size)), axis=1)
    return places
