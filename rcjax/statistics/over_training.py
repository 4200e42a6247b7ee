"""Counts over training, and how early they tell the gap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import Resamples, percentile_interval
from rcjax.statistics.correlation import pearson
from rcjax.statistics.estimates import Interval
from rcjax.statistics.names import COUNT, GAP
from rcjax.statistics.one_measure import FEWEST_SETTINGS, Options
from rcjax.statistics.rows import Row
from rcjax.statistics.study_rows import NetworkRows, Setting, table_of


@dataclass(frozen=True)
class EpochCorrelation:
    """Pearson's r of the count at an epoch with a gap; settings averaged over runs."""

    epoch: int
    value: float
    interval: Interval | None


@dataclass(frozen=True)
class OverTraining:
    """What the histories of a network's runs tell.

    Attributes:
        settings: with the runs whose count is known at several epochs.
        with_final_gap: correlations with the gap after the last epoch.
        with_gap_then: correlations with the gap at the same epoch.
    """

    settings: tuple[Setting, ...]
    with_final_gap: tuple[EpochCorrelation, ...]
    with_gap_then: tuple[EpochCorrelation, ...]


def over_training(network: NetworkRows, resamples: Resamples, options: Options) -> OverTraining:
    """Correlations by epoch of the runs whose count, gap and history are known."""
    histories = {
        row.name: counts
        for setting in network.with_numbers
        for row in setting.rows
        if len(counts := counts_by_epoch(row)) > 1
    }
    settings = tuple(
        Setting(setting.network, setting.settings, rows)
        for setting in network.with_numbers
        if (rows := tuple(row for row in setting.rows if row.name in histories))
    )
    epochs = sorted({epoch for counts in histories.values() for epoch in counts})
    gaps_then = {row.name: _gaps_by_epoch(row) for setting in settings for row in setting.rows}

    def correlations(gap: Callable[[Row, int], float]) -> tuple[EpochCorrelation, ...]:
        found = (
            _correlation(epoch, settings, histories, gap, resamples, options) for epoch in epochs
        )
        return tuple(one for one in found if one is not None)

    return OverTraining(
        settings,
        correlations(lambda row, epoch: row.gap),
        correlations(lambda row, epoch: gaps_then[row.name].get(epoch, np.nan)),
    )


def counts_by_epoch(row: Row) -> dict[int, float]:
    """Epoch -> mean count, where it is known."""
    means = {int(entry["epoch"]): (entry.get(COUNT) or {}).get("mean") for entry in row.history}
    return {epoch: mean for epoch, mean in means.items() if mean is not None and isfinite(mean)}


def _gaps_by_epoch(row: Row) -> dict[int, float]:
    gaps = {int(entry["epoch"]): entry.get(GAP) for entry in row.history}
    return {epoch: gap for epoch, gap in gaps.items() if gap is not None and isfinite(gap)}


def _correlation(
    epoch: int,
    settings: Sequence[Setting],
    counts: Mapping[str, Mapping[int, float]],
    gap: Callable[[Row, int], float],
    resamples: Resamples,
    options: Options,
) -> EpochCorrelation | None:
    pairs = [
        [
            (counts[row.name][epoch], gap(row, epoch))
            for row in setting.rows
            if epoch in counts[row.name] and isfinite(gap(row, epoch))
        ]
        for setting in settings
    ]
    pairs = [own for own in pairs if own]
    x, y = (
        table_of([[c for c, _ in own] for own in pairs]),
        table_of([[g for _, g in p] for p in pairs]),
    )
    found = correlation_interval(x, y, resamples, options)
    return None if found is None else EpochCorrelation(epoch, *found)


def correlation_interval(
    x: Float[np.ndarray, "settings runs"],
    y: Float[np.ndarray, "settings runs"],
    resamples: Resamples,
    options: Options,
) -> tuple[float, Interval | None] | None:
    """Pearson correlation of settings averaged over runs, with its interval.

    Args:
        x, y: NaN in both where a setting has fewer runs.
        resamples: of the settings and runs.
        options: of the interval.

    Returns:
        None for fewer than 3 settings or a constant column.
    """
    if len(x) < FEWEST_SETTINGS:
        return None
    value = float(pearson(average(x), average(y)))
    if not isfinite(value):
        return None
    resampling = resamples.of(np.isfinite(x))
    drawn = pearson(resampling.averages(x), resampling.averages(y))
    return value, percentile_interval(drawn, options.confidence)
