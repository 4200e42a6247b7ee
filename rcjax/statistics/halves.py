"""What other slices and other test examples would change: reliability by split halves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import percentile_interval
from rcjax.statistics.estimates import Estimate, Undefined, holding
from rcjax.statistics.names import COUNT
from rcjax.statistics.noise import resampled
from rcjax.statistics.one_measure import FEWEST_SETTINGS, Options
from rcjax.statistics.study_rows import Setting, table_of

_Terms = Float[np.ndarray, "4 *batch settings"]


@dataclass(frozen=True)
class SplitHalves:
    """The count by halves of its slices, and an outcome by halves of the test examples.

    Attributes:
        count, outcome: reliability: the share of the variance over settings that other slices, or
            other test examples, would show again. Undefined where runs have no halves.
        corrected: Pearson's r that endlessly many slices and test examples would show.
    """

    count: Estimate
    outcome: Estimate
    corrected: Estimate


def split_halves(settings: Sequence[Setting], outcome: str, options: Options) -> SplitHalves | None:
    """Reliability and the correlation corrected for it.

    With the averages a and b of a setting by halves, cov(a, b) is the variance without the noise
    of halves, and cov(a, b) / var((a + b) / 2) the reliability of both halves together (that of
    Spearman and Brown for halves of equal variance). Then, x for the count and y for the outcome,

        r = cov(x, y) / sqrt(cov(x_a, x_b) cov(y_a, y_b)).

    All runs of a seed share slices, and all runs test examples, so halves are of the same slices
    and examples in every setting: what these move everywhere alike counts as no noise.

    Args:
        settings: with their runs.
        outcome: its name.
        options: of the intervals, which resample settings.

    Returns:
        None where neither has halves in three settings.

    Source: Spearman, "Correlation calculated from faulty data", 1910; Brown, "Some experimental
    results in the correlation of mental abilities", 1910.
    """
    found = [
        [
            _means([[row.halves_of(name)[half] for row in s.rows] for s in settings])
            for half in (0, 1)
        ]
        for name in (COUNT, outcome)
    ]
    whole = [_means([s.values(name) for s in settings]) for name in (COUNT, outcome)]
    known = [bool(np.isfinite(halves).all(axis=0).sum() >= FEWEST_SETTINGS) for halves in found]
    if not any(known):
        return None
    # Without halves a side is taken for free of noise.
    terms = np.stack(
        [h for k, hs, w in zip(known, found, whole, strict=True) for h in (hs if k else (w, w))]
    )
    terms = terms[:, np.isfinite(terms).all(axis=0)]
    if terms.shape[1] < FEWEST_SETTINGS:
        return None
    nothing = Estimate(undefined=Undefined.NO_HALVES)
    return SplitHalves(
        _estimate(lambda t: _reliability(t[:2]), terms, options) if known[0] else nothing,
        _estimate(lambda t: _reliability(t[2:]), terms, options) if known[1] else nothing,
        _estimate(_corrected, terms, options),
    )


def _means(values: Sequence[Sequence[float]]) -> Float[np.ndarray, " settings"]:
    table = table_of(values)
    return average(table) if table.size else np.zeros(0)


def _estimate(
    statistic: Callable[[_Terms], Float[np.ndarray, "*batch"]], terms: _Terms, options: Options
) -> Estimate:
    value = float(statistic(terms))
    if not np.isfinite(value):
        return Estimate(undefined=Undefined.NOISE)
    drawn = resampled(statistic, terms, samples=options.bootstrap_samples, seed=options.seed)
    return Estimate(value, holding(value, percentile_interval(drawn, options.confidence)))


def _reliability(halves: Float[np.ndarray, "2 *batch settings"]) -> Float[np.ndarray, "*batch"]:
    whole = (halves[0] + halves[1]) / 2
    variance = _covariance(whole, whole)
    return np.asarray(_covariance(*halves) / np.where(variance > 0, variance, np.nan))


def _corrected(terms: _Terms) -> Float[np.ndarray, "*batch"]:
    x, y = (terms[0] + terms[1]) / 2, (terms[2] + terms[3]) / 2
    without = [_covariance(*terms[:2]), _covariance(*terms[2:])]
    positive = (without[0] > 0) & (without[1] > 0)
    scale = np.sqrt(np.where(positive, without[0] * without[1], np.nan))
    return np.asarray(np.clip(_covariance(x, y) / scale, -1.0, 1.0))


def _covariance(
    x: Float[np.ndarray, "*batch settings"], y: Float[np.ndarray, "*batch settings"]
) -> Float[np.ndarray, "*batch"]:
    centred = (x - x.mean(axis=-1, keepdims=True)) * (y - y.mean(axis=-1, keepdims=True))
    return np.asarray(centred.sum(axis=-1))
