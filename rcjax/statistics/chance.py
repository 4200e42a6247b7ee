"""What a measure reaches by chance: the same values, in another order.

Measures differ in how heavy the tails of their values are, and heavy tails reach strong
correlations by chance. So every measure has a null of its own.
"""

from collections.abc import Callable, Iterator

import numpy as np

from rcjax.array_types import Float, Int
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
    drawn = np.concatenate([statistic(orders) for orders in _orders(x, cell, seed)])
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(observed) or not known.size:
        return None
    # Equal but for rounding counts as equal.
    as_far = int((np.abs(known) >= abs(observed) - 1e-9).sum())
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return Chance(Interval(float(low), float(high)), (1 + as_far) / (1 + known.size))


def _orders(
    x: Float[np.ndarray, " places"], cell: Int[np.ndarray, " places"], seed: int
) -> Iterator[Float[np.ndarray, "orders places"]]:
    generator = np.random.default_rng([seed, 3])
    by_cell = np.argsort(cell, kind="stable")
    left = min(PERMUTATIONS, max(200, _MOST // x.size))
    while left:
        number = min(left, max(1, _CHUNK // x.size))
        drawn = np.argsort(cell + generator.random((number, x.size)), axis=1)
        orders = np.empty((number, x.size))
        orders[:, by_cell] = x[drawn]
        yield orders
        left -= number
