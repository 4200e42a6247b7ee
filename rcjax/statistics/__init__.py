"""Relates region counts to generalization: correlations, their intervals and their null.

`analyze` tells everything that rows tell; the modules hold one statistic each.
"""

from rcjax.statistics import names
from rcjax.statistics.analysis import Analysis, analyze
from rcjax.statistics.conditional_information import conditional_mutual_information
from rcjax.statistics.correlation import kendall, partial_correlation, pearson, spearman
from rcjax.statistics.csv_table import read_table
from rcjax.statistics.early_prediction import EarlyPrediction, EarlyPredictor
from rcjax.statistics.estimates import (
    STATISTICS,
    Chance,
    Estimate,
    Interval,
    MeasureStatistics,
    Undefined,
)
from rcjax.statistics.flexible import FEWEST_FOR_FLEXIBLE
from rcjax.statistics.fragility import AxisAudit, Fragility, Level, Neighbours, VariantAudit
from rcjax.statistics.granulated import granulated_kendall
from rcjax.statistics.halves import SplitHalves
from rcjax.statistics.joint import JointRegression
from rcjax.statistics.network import NetworkStatistics, OutcomeStatistics
from rcjax.statistics.one_measure import Options, tie_breaks
from rcjax.statistics.over_training import EpochCorrelation, OverTraining, counts_by_epoch
from rcjax.statistics.regression import RegressionLine
from rcjax.statistics.relation import Relation
from rcjax.statistics.rows import Row, variant_name
from rcjax.statistics.run_facts import SAME_OUTCOME, RunFacts
from rcjax.statistics.selection import EXAMPLES, Regret, Selection
from rcjax.statistics.study_rows import (
    COLLAPSED_BELOW,
    Axis,
    NetworkRows,
    Setting,
    StudyRows,
    identity,
    is_number,
)
from rcjax.statistics.verdicts import Sign, Verdict, detectable, verdict

__all__ = [
    "COLLAPSED_BELOW",
    "EXAMPLES",
    "FEWEST_FOR_FLEXIBLE",
    "SAME_OUTCOME",
    "STATISTICS",
    "Analysis",
    "Axis",
    "AxisAudit",
    "Chance",
    "EarlyPrediction",
    "EarlyPredictor",
    "EpochCorrelation",
    "Estimate",
    "Fragility",
    "Interval",
    "JointRegression",
    "Level",
    "MeasureStatistics",
    "Neighbours",
    "NetworkRows",
    "NetworkStatistics",
    "Options",
    "OutcomeStatistics",
    "OverTraining",
    "RegressionLine",
    "Regret",
    "Relation",
    "Row",
    "RunFacts",
    "Selection",
    "Setting",
    "Sign",
    "SplitHalves",
    "StudyRows",
    "Undefined",
    "VariantAudit",
    "Verdict",
    "analyze",
    "conditional_mutual_information",
    "counts_by_epoch",
    "detectable",
    "granulated_kendall",
    "identity",
    "is_number",
    "kendall",
    "names",
    "partial_correlation",
    "pearson",
    "read_table",
    "spearman",
    "tie_breaks",
    "variant_name",
    "verdict",
]
