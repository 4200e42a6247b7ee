"""How a measure and an outcome go together among runs that differ in nothing but the seed."""

import numpy as np

from rcjax.array_types import Bool, Float
from rcjax.statistics.bootstrap import percentile_interval
from rcjax.statistics.chance import chance
from rcjax.statistics.correlation import correlate_within_cells, pearson
from rcjax.statistics.estimates import Estimate, Undefined, holding

_CHUNK = 4_000_000  # numbers held at once

_Runs = Float[np.ndarray, "settings runs"]


def correlation_over_seeds(
    x: _Runs,
    y: _Runs,
    known: Bool[np.ndarray, "settings runs"],
    *,
    samples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Pearson's r of the differences from the mean of all runs of the same setting.

    One setting is enough. The interval draws pairs of differences with replacement, as many as
    there are degrees of freedom: each setting's mean takes one, so that all runs would make it too
    narrow. Chance exchanges the values of x within settings.

    Args:
        x, y: of single runs, NaN where unknown.
        known: where both are known.
        samples: of the bootstrap.
        confidence: of the interval and of chance, 0 to 1.
        seed: of the draws.

    Returns:
        The estimate; undefined where no setting has two runs that differ in both.

    Example:
        >>> x, y = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[2.0, 1.0, 4.0, 3.0]])
        >>> found = correlation_over_seeds(
        ...     x, y, np.ones((1, 4), bool), samples=99, confidence=0.95, seed=0
        ... )
        >>> round(found.value, 2)
        0.6

    Source: Davison and Hinkley, "Bootstrap methods and their application", 1997, section 5.3.
    """
    if not known.any():
        return Estimate(undefined=Undefined.NOTHING_OVER_SEEDS)
    setting = np.broadcast_to(np.arange(len(x))[:, None], x.shape)[known]
    of_runs_x, of_runs_y = x[known], y[known]
    value = float(correlate_within_cells(of_runs_x, of_runs_y, setting))
    if not np.isfinite(value):
        return Estimate(undefined=Undefined.NOTHING_OVER_SEEDS)
    drawn = _drawn(_differences(x, known), _differences(y, known), known, samples, seed)
    return Estimate(
        value,
        holding(value, percentile_interval(drawn, confidence)),
        chance=chance(
            of_runs_x,
            setting,
            lambda z: correlate_within_cells(z, of_runs_y, setting),
            confidence=confidence,
            seed=seed,
        ),
    )


def _differences(
    values: _Runs, known: Bool[np.ndarray, "settings runs"]
) -> Float[np.ndarray, " differences"]:
    """Differences from the settings' means, of runs that have another run of their setting."""
    numbers = known.sum(axis=1)
    means = np.where(known, values, 0.0).sum(axis=1) / np.maximum(numbers, 1)
    own = known & (numbers > 1)[:, None]
    differences: Float[np.ndarray, " differences"] = (values - means[:, None])[own]
    return differences


def _drawn(
    x: Float[np.ndarray, " differences"],
    y: Float[np.ndarray, " differences"],
    known: Bool[np.ndarray, "settings runs"],
    samples: int,
    seed: int,
) -> Float[np.ndarray, " samples"]:
    freedom = len(x) - int((known.sum(axis=1) > 1).sum())
    generator = np.random.default_rng([seed, 6])
    found = []
    for first in range(0, samples, step := max(1, _CHUNK // freedom)):
        places = generator.integers(len(x), size=(min(step, samples - first), freedom))
        found.append(pearson(x[places], y[places]))
    return np.concatenate(found)
