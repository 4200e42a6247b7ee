"""All networks together: one cloud of settings, whatever the network."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import Resamples, percentile_interval
from rcjax.statistics.correlation import pearson, spearman
from rcjax.statistics.estimates import Estimate, Undefined
from rcjax.statistics.names import GAP, OUTCOMES
from rcjax.statistics.one_measure import FEWEST_SETTINGS, Options, same_outcome
from rcjax.statistics.study_rows import StudyRows, values_of


@dataclass(frozen=True)
class PooledStatistics:
    """A measure and an outcome over the settings of all networks."""

    settings: int
    runs: int
    pearson: Estimate
    spearman: Estimate


def pooled_statistics(
    study: StudyRows, resamples: Resamples, options: Options
) -> Mapping[str, Mapping[str, PooledStatistics]] | None:
    """Pearson and Spearman over the settings of all networks.

    Returns:
        By outcome and measure; None where fewer than two networks have completed runs.
    """
    networks = [network for network in study.networks if network.completed]
    if len(networks) < 2:
        return None
    settings = [setting for network in networks for setting in network.settings]
    measures = dict.fromkeys(measure for network in networks for measure in network.measures)
    values = {name: values_of(settings, name) for name in (*measures, *OUTCOMES)}
    found: dict[str, dict[str, PooledStatistics]] = {}
    for outcome in OUTCOMES:
        same = outcome != GAP and same_outcome(values[outcome], values[GAP])
        found[outcome] = (
            found[GAP]
            if same
            else {
                measure: _statistics(values[measure], values[outcome], resamples, options)
                for measure in measures
            }
        )
    return found


def _statistics(
    x: Float[np.ndarray, "settings runs"],
    y: Float[np.ndarray, "settings runs"],
    resamples: Resamples,
    options: Options,
) -> PooledStatistics:
    known = np.isfinite(x) & np.isfinite(y)
    kept = known.any(axis=1)
    x, y, known = x[kept], y[kept], known[kept]
    x, y = np.where(known, x, np.nan), np.where(known, y, np.nan)
    if len(x) < FEWEST_SETTINGS:
        nothing = Estimate(undefined=Undefined.FEW_SETTINGS)
        return PooledStatistics(len(x), int(known.sum()), nothing, nothing)
    resampling = resamples.of(known)
    drawn = {
        pearson: pearson(resampling.averages(x), resampling.averages(y)),
        spearman: pearson(resampling.ranks(x), resampling.ranks(y)),
    }
    means_x, means_y = average(x), average(y)
    why = Undefined.CONSTANT_MEASURE if np.ptp(means_x) == 0 else Undefined.CONSTANT_OUTCOME
    estimates = []
    for function, coefficients in drawn.items():
        value = float(function(means_x, means_y))
        interval = percentile_interval(coefficients, options.confidence)
        known_value = np.isfinite(value)
        estimates.append(Estimate(value, interval) if known_value else Estimate(undefined=why))
    return PooledStatistics(len(x), int(known.sum()), *estimates)
