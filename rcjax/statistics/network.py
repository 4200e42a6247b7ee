"""The statistics of one network: its measures, the null and the trivial predictor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rcjax.statistics.bootstrap import Resamples
from rcjax.statistics.design import Design
from rcjax.statistics.early_prediction import EarlyPrediction, early_prediction
from rcjax.statistics.estimates import Estimate, Interval, MeasureStatistics, Undefined, undefined
from rcjax.statistics.fragility import Fragility, fragility
from rcjax.statistics.halves import SplitHalves, split_halves
from rcjax.statistics.joint import JointRegression, joint_regression
from rcjax.statistics.names import COUNT, GAP, OUTCOMES, TRIVIAL, VARIANT
from rcjax.statistics.null import null_statistics
from rcjax.statistics.one_measure import Options, measure_statistics, same_outcome
from rcjax.statistics.over_training import OverTraining, over_training
from rcjax.statistics.regression import RegressionLine, regression_line
from rcjax.statistics.run_facts import RunFacts, not_fitted, run_facts
from rcjax.statistics.selection import Selection, selection
from rcjax.statistics.study_rows import NetworkRows, Setting, values_of


@dataclass(frozen=True)
class OutcomeStatistics:
    """Every predictor of one outcome.

    Attributes:
        measures: by name, the region count first.
        trivial: of log(batch size / learning rate).
        null: of random predictors.
        halves: of the count; None where no run has any.
    """

    measures: Mapping[str, MeasureStatistics]
    trivial: MeasureStatistics
    null: MeasureStatistics
    halves: SplitHalves | None = None

    def predictors(self) -> dict[str, MeasureStatistics]:
        """The region count, the trivial predictor, then the other measures, strongest first.

        Variants of the count are none of them.
        """
        others = [name for name in self.measures if name != COUNT and not name.startswith(VARIANT)]
        others.sort(key=lambda name: -abs(self.measures[name].pearson.value or 0.0))
        first = {COUNT: self.measures[COUNT], TRIVIAL: self.trivial}
        return first | {name: self.measures[name] for name in others}

    def variants(self) -> dict[str, MeasureStatistics]:
        """The counts with other definitions."""
        return {n: found for n, found in self.measures.items() if n.startswith(VARIANT)}


@dataclass(frozen=True)
class NetworkStatistics:
    """Everything that the runs of one network tell.

    Attributes:
        runs: of the network.
        outcomes: the predictors of every outcome, by its name.
        fitted_only: the count and the gap of the runs that fitted their training set; None if all
            did that did not collapse.
        with_collapsed: the count and the gap with the collapsed runs among the others; None if
            none collapsed.
        line: the regression of the gap on the count; None where there is none.
        joint: that on counts, distance and margin together; None where there is none.
        training: the counts over training.
        early: the count and other numbers of the history as predictors of the final gap.
        selection: what is given away by choosing a network by each measure.
        fragility: what becomes of the count along every hyperparameter and by other definitions.
        facts: what must be known of the runs.
    """

    runs: NetworkRows
    outcomes: Mapping[str, OutcomeStatistics]
    fitted_only: MeasureStatistics | None
    with_collapsed: MeasureStatistics | None
    line: RegressionLine | None
    joint: JointRegression | None
    training: OverTraining
    early: EarlyPrediction
    selection: Selection
    fragility: Fragility
    facts: RunFacts

    @property
    def name(self) -> str:
        """Of the network."""
        return self.runs.name

    @property
    def gap(self) -> OutcomeStatistics:
        """The predictors of the generalization gap."""
        return self.outcomes[GAP]

    @property
    def count(self) -> MeasureStatistics:
        """The region count as a predictor of the generalization gap."""
        return self.gap.measures[COUNT]


def network_statistics(
    network: NetworkRows, resamples: Resamples, options: Options
) -> NetworkStatistics:
    """Everything that the runs of one network tell.

    Args:
        network: its runs.
        resamples: of all networks.
        options: of `analyze`.
    """
    known = network.with_numbers
    fitted = _fitted(network.settings, options)
    every_one_fits = _runs(fitted) == _runs(network.settings)
    design = Design(network.settings)
    return NetworkStatistics(
        network,
        _outcomes(network, design, resamples, options),
        None if every_one_fits else _count_and_gap(fitted, resamples, options),
        _count_and_gap(network.with_collapsed, resamples, options) if network.collapsed else None,
        regression_line(values_of(known, COUNT), values_of(known, GAP), resamples, options),
        joint_regression(network),
        over_training(network, resamples, options),
        early_prediction(network, resamples, options),
        selection(network.settings, options),
        fragility(network, resamples, options),
        run_facts(network, options),
    )


def _outcomes(
    network: NetworkRows, design: Design, resamples: Resamples, options: Options
) -> dict[str, OutcomeStatistics]:
    """The predictors of every outcome; outcomes that are the same numbers share them."""
    values = {name: values_of(design.settings, name) for name in OUTCOMES}
    of_gap = _outcome_statistics(GAP, network, design, resamples, options)
    found = {GAP: of_gap}
    for name in OUTCOMES[1:]:
        same = same_outcome(values[name], values[GAP])
        found[name] = (
            of_gap if same else _outcome_statistics(name, network, design, resamples, options)
        )
    return found


def _outcome_statistics(
    name: str, network: NetworkRows, design: Design, resamples: Resamples, options: Options
) -> OutcomeStatistics:
    outcome = values_of(design.settings, name)
    measures = {
        measure: measure_statistics(
            values_of(design.settings, measure), outcome, design, resamples, options
        )
        for measure in network.measures
    }
    if design.trivial_predictor is None:
        # It has no settings of its own where it does not exist.
        nothing = undefined(design, 0, Undefined.NO_TRIVIAL_PREDICTOR)
        trivial = replace(nothing, settings=0)
    else:
        values = np.broadcast_to(design.trivial_predictor[:, None], outcome.shape)
        trivial = replace(
            measure_statistics(values, outcome, design, resamples, options),
            pearson_minus_trivial=Estimate(0.0, Interval(0.0, 0.0)),
            partial_correlation_flexible=Estimate(undefined=Undefined.NOTHING_LEFT),
        )
    return OutcomeStatistics(
        measures,
        trivial,
        null_statistics(outcome, design, options),
        split_halves(design.settings, name, options),
    )


def _count_and_gap(
    settings: Sequence[Setting], resamples: Resamples, options: Options
) -> MeasureStatistics:
    x, y = values_of(settings, COUNT), values_of(settings, GAP)
    return measure_statistics(x, y, Design(settings), resamples, options)


def _fitted(settings: Sequence[Setting], options: Options) -> list[Setting]:
    found = [
        (setting, tuple(row for row in setting.rows if not not_fitted(row, options)))
        for setting in settings
    ]
    return [Setting(setting.network, setting.settings, rows) for setting, rows in found if rows]


def _runs(settings: Sequence[Setting]) -> int:
    return sum(len(setting.rows) for setting in settings)
