"""Counts the regions of equal predicted label along slices of input space.

The library part needs JAX and numpy only; training, data sets and plots are imported where used.
"""

from rcjax.regions import slices as slices
from rcjax.regions.convergence import Convergence as Convergence
from rcjax.regions.convergence import convergence as convergence
from rcjax.regions.counting import count_regions as count_regions
from rcjax.regions.host import on_host as on_host
from rcjax.regions.result import RegionCounts as RegionCounts
from rcjax.regions.statistics import PairedComparison as PairedComparison
from rcjax.regions.statistics import compare as compare

__version__ = "0.1.0"
__all__ = [
    "Convergence",
    "PairedComparison",
    "RegionCounts",
    "compare",
    "convergence",
    "count_regions",
    "on_host",
    "slices",
]
