"""Relates region counts to generalization: correlations, their intervals and their null.

`analyze` makes the whole report from rows; the modules hold one statistic each.
"""

from rcjax.statistics.analysis import analyze
from rcjax.statistics.averaging import average, group_settings, identity
from rcjax.statistics.bootstrap import Resampling, percentile_interval
from rcjax.statistics.conditional_information import conditional_mutual_information
from rcjax.statistics.correlation import kendall, partial_correlation, pearson, spearman
from rcjax.statistics.csv_table import read_table
from rcjax.statistics.granulated import granulated_kendall
from rcjax.statistics.one_measure import MINUS_TRIVIAL
from rcjax.statistics.rows import STATUSES, Row

__all__ = [
    "MINUS_TRIVIAL",
    "STATUSES",
    "Resampling",
    "Row",
    "analyze",
    "average",
    "conditional_mutual_information",
    "granulated_kendall",
    "group_settings",
    "identity",
    "kendall",
    "partial_correlation",
    "pearson",
    "percentile_interval",
    "read_table",
    "spearman",
]
