"""Counts the regions of equal predicted label along slices of input space.

Needs JAX and numpy alone, and knows nothing of training, configs or files.
"""

from rcjax.regions import slices
from rcjax.regions.agreement import Agreement, agreement
from rcjax.regions.arguments import check_connectivity
from rcjax.regions.convergence import Convergence, convergence
from rcjax.regions.counting import count_regions
from rcjax.regions.joining import JoinedIntervals, join_intervals
from rcjax.regions.networks import NetworkCounts
from rcjax.regions.result import RegionCounts
from rcjax.regions.sequential import CountUntil, count_until
from rcjax.regions.slice_regions import PlaneRegions, SliceRegions
from rcjax.regions.slice_values import SliceValues, slice_values
from rcjax.regions.statistics import PairedComparison, compare

__all__ = [
    "Agreement",
    "Convergence",
    "CountUntil",
    "JoinedIntervals",
    "NetworkCounts",
    "PairedComparison",
    "PlaneRegions",
    "RegionCounts",
    "SliceRegions",
    "SliceValues",
    "agreement",
    "check_connectivity",
    "compare",
    "convergence",
    "count_regions",
    "count_until",
    "join_intervals",
    "slice_values",
    "slices",
]
