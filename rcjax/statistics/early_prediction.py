"""How early in training the count tells the final gap, beside what else is known by then."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import Resamples, percentile_interval
from rcjax.statistics.correlation import pearson, ranks
from rcjax.statistics.estimates import Estimate, holding
from rcjax.statistics.names import COUNT, GAP, TEST_ACCURACY, TRAIN_ACCURACY, TRAIN_LOSS
from rcjax.statistics.one_measure import Options
from rcjax.statistics.relation import Relation, relation
from rcjax.statistics.study_rows import NetworkRows, table_of

# What an evaluation tells; the last two need test data.
PREDICTORS = (COUNT, TRAIN_LOSS, TRAIN_ACCURACY, TEST_ACCURACY, GAP)


@dataclass(frozen=True)
class EarlyPredictor:
    """A number of an evaluation as a predictor of the gap after training.

    Attributes:
        epoch: of the evaluation.
        predictor: its name.
        with_gap: the correlations, over the runs of all epochs and predictors alike.
        count_ahead: |Spearman| of the count at this epoch minus that of this predictor, of the same
            resamples.
    """

    epoch: int
    predictor: str
    with_gap: Relation
    count_ahead: Estimate


@dataclass(frozen=True)
class EarlyPrediction:
    """All predictors at the epochs that all runs share.

    Attributes:
        runs: whose history knows the count.
        predictors: by epoch, in the order of `PREDICTORS`.
        not_shared: epochs at which some run has no count, which are left out.
        lacking: predictors that some of these runs do not know at a shared epoch, left out.
    """

    runs: int
    predictors: tuple[EarlyPredictor, ...]
    not_shared: tuple[int, ...]
    lacking: tuple[str, ...]


def early_prediction(
    network: NetworkRows, resamples: Resamples, options: Options
) -> EarlyPrediction:
    """Correlations of every evaluation's numbers with the gap after training.

    Args:
        network: its runs; those whose count, gap and history with counts are known are used.
        resamples: of the settings and runs.
        options: of the intervals.
    """
    epochs = {
        row.name: {e for e in map(_epoch, row.history) if np.isfinite(row.value_at(e, COUNT))}
        for setting in network.with_numbers
        for row in setting.rows
    }
    known = {name: own for name, own in epochs.items() if own}
    if not known:
        return EarlyPrediction(0, (), (), ())
    rows = [own for s in network.with_numbers if (own := [r for r in s.rows if r.name in known])]
    shared = sorted(set.intersection(*known.values()))
    gap = table_of([[row.gap for row in own] for own in rows])
    places = resamples.of(np.isfinite(gap)).settings
    gap_ranks = ranks(average(gap)[places])
    found: list[EarlyPredictor] = []
    lacking: dict[str, None] = {}
    for epoch in shared:
        strength: dict[str, np.ndarray] = {}
        for name in PREDICTORS:
            values = table_of([[row.value_at(epoch, name) for row in own] for own in rows])
            if np.isfinite(values).sum() < np.isfinite(gap).sum():
                lacking[name] = None
                continue
            with_gap = relation(values, gap, resamples, options)
            # As where the count is held against the trivial predictor: runs are not drawn again.
            strength[name] = np.abs(pearson(ranks(average(values)[places]), gap_ranks))
            if name == COUNT:  # the first
                of_count = with_gap
            drawn = strength[COUNT] - strength[name]
            ahead = _ahead(of_count, with_gap, drawn, options)
            found.append(EarlyPredictor(epoch, name, with_gap, ahead))
    left_out = sorted(set.union(*known.values()) - set(shared))
    return EarlyPrediction(len(known), tuple(found), tuple(left_out), tuple(lacking))


def _epoch(entry: dict[str, Any]) -> int:
    return int(entry["epoch"])


def _ahead(
    count: Relation, other: Relation, drawn: Float[np.ndarray, " resamples"], options: Options
) -> Estimate:
    if count.spearman.value is None or other.spearman.value is None:
        return Estimate(undefined=count.spearman.undefined or other.spearman.undefined)
    value = abs(count.spearman.value) - abs(other.spearman.value)
    return Estimate(value, holding(value, percentile_interval(drawn, options.confidence)))
