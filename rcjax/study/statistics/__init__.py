"""Relates region counts to generalization: correlations, their intervals and their null.

`analyze` makes the whole report from rows; the modules hold one statistic each.
"""

from rcjax.study.statistics.analysis import analyze as analyze
from rcjax.study.statistics.conditional_information import (
    conditional_mutual_information as conditional_mutual_information,
)
from rcjax.study.statistics.correlation import kendall as kendall
from rcjax.study.statistics.correlation import partial_correlation as partial_correlation
from rcjax.study.statistics.correlation import pearson as pearson
from rcjax.study.statistics.correlation import spearman as spearman
from rcjax.study.statistics.granulated import granulated_kendall as granulated_kendall
