"""The correlation that a study without noise between seeds would have."""

from collections.abc import Callable

import numpy as np

from rcjax.array_types import Bool, Float
from rcjax.statistics.bootstrap import percentile_interval
from rcjax.statistics.estimates import Estimate, Undefined, holding

_CHUNK = 2_000_000  # numbers held at once


def noise_corrected(
    x: Float[np.ndarray, "settings runs"],
    y: Float[np.ndarray, "settings runs"],
    known: Bool[np.ndarray, "settings runs"],
    *,
    samples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Pearson's r of the settings' true means, from averages over few seeds.

    Averages over n seeds keep 1/n of the noise of a seed, which draws r towards 0. The variances
    and the covariance of the averages are lessened by that of the noise, pooled over settings:

        r = (cov - noise cov) / sqrt((var x - noise var x) (var y - noise var y)).

    Args:
        x, y: NaN where unknown.
        known: which runs are; at least one in every setting.
        samples: resamples of the settings for the interval.
        confidence: of the interval.
        seed: of the resamples.

    Returns:
        Undefined without a setting of two runs, and where the noise is as large as what differs
        between settings.

    Source: Spearman, "The proof and measurement of association between two things", 1904; with
    variance components in place of reliabilities, since the noise of both may be correlated.
    """
    runs = known.sum(axis=1)
    if not (runs > 1).any():
        return Estimate(undefined=Undefined.NOTHING_OVER_SEEDS)
    mean_x, mean_y = np.nanmean(x, axis=1), np.nanmean(y, axis=1)
    within = np.stack(
        [
            np.nansum(a * b, axis=1)
            for a, b in _pairs(x - mean_x[:, None], y - mean_y[:, None])
        ]
    )  # fmt: skip
    terms = np.concatenate([within, [runs - 1.0, 1.0 / runs, mean_x, mean_y]])
    value = float(_corrected(terms)[()])
    if not np.isfinite(value):
        return Estimate(undefined=Undefined.NOISE)
    drawn = resampled(_corrected, terms, samples=samples, seed=seed)
    interval = percentile_interval(drawn, confidence)
    if interval is None:  # in most resamples the noise is as large as what differs
        return Estimate(undefined=Undefined.NOISE)
    return Estimate(value, holding(value, interval))


def resampled(
    statistic: Callable[[Float[np.ndarray, "terms *batch settings"]], Float[np.ndarray, "*batch"]],
    terms: Float[np.ndarray, "terms settings"],
    *,
    samples: int,
    seed: int,
) -> Float[np.ndarray, " resamples"]:
    """A statistic of settings drawn with replacement, each with all that is known of it."""
    generator = np.random.default_rng([seed, 4])
    settings = terms.shape[-1]
    drawn: list[Float[np.ndarray, " resamples"]] = []
    while sum(map(len, drawn)) < samples:
        number = min(samples - sum(map(len, drawn)), max(1, _CHUNK // settings))
        places = generator.integers(settings, size=(number, settings))
        drawn.append(statistic(terms[:, places]))
    return np.concatenate(drawn)


def _pairs(a: np.ndarray, b: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(a, a), (b, b), (a, b)]


def _corrected(terms: Float[np.ndarray, "7 *batch settings"]) -> Float[np.ndarray, "*batch"]:
    *within, freedom, share, mean_x, mean_y = terms
    centred = [m - m.mean(axis=-1, keepdims=True) for m in (mean_x, mean_y)]
    between = []
    for (a, b), squares in zip(_pairs(*centred), within, strict=True):
        noise = squares.sum(axis=-1) / np.maximum(freedom.sum(axis=-1), 1.0)
        covariance = (a * b).sum(axis=-1) / (a.shape[-1] - 1)
        between.append(covariance - noise * share.mean(axis=-1))
    product = np.where((between[0] > 0) & (between[1] > 0), between[0] * between[1], np.nan)
    return np.asarray(np.clip(between[2] / np.sqrt(product), -1.0, 1.0))
