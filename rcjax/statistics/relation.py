"""How a measure and an outcome go together over settings: Pearson and Spearman with intervals."""

from dataclasses import dataclass

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import Resamples, percentile_interval
from rcjax.statistics.correlation import pearson, spearman
from rcjax.statistics.estimates import Estimate, Undefined, holding
from rcjax.statistics.one_measure import FEWEST_SETTINGS, Options


@dataclass(frozen=True)
class Relation:
    """Two quantities over settings averaged over runs; the runs in which both are known."""

    settings: int
    runs: int
    pearson: Estimate
    spearman: Estimate


def relation(
    x: Float[np.ndarray, "settings runs"],
    y: Float[np.ndarray, "settings runs"],
    resamples: Resamples,
    options: Options,
) -> Relation:
    """Pearson and Spearman with bootstrap intervals.

    Args:
        x, y: NaN where unknown; runs that lack one of the two are left out.
        resamples: of the settings and runs.
        options: of the intervals.
    """
    known = np.isfinite(x) & np.isfinite(y)
    kept = known.any(axis=1)
    x, y, known = x[kept], y[kept], known[kept]
    x, y = np.where(known, x, np.nan), np.where(known, y, np.nan)
    if len(x) < FEWEST_SETTINGS:
        nothing = Estimate(undefined=Undefined.FEW_SETTINGS)
        return Relation(len(x), int(known.sum()), nothing, nothing)
    means_x, means_y = average(x), average(y)
    if np.ptp(means_x) == 0 or np.ptp(means_y) == 0:
        constant = np.ptp(means_x) == 0
        why = Undefined.CONSTANT_MEASURE if constant else Undefined.CONSTANT_OUTCOME
        nothing = Estimate(undefined=why)
        return Relation(len(x), int(known.sum()), nothing, nothing)
    resampling = resamples.of(known)
    drawn = {
        pearson: pearson(resampling.averages(x), resampling.averages(y)),
        spearman: pearson(resampling.ranks(x), resampling.ranks(y)),
    }
    estimates = []
    for function, coefficients in drawn.items():
        value = float(function(means_x, means_y))
        interval = percentile_interval(coefficients, options.confidence)
        estimates.append(Estimate(value, holding(value, interval)))
    return Relation(len(x), int(known.sum()), *estimates)
