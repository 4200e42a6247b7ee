"""Counts the regions of equal predicted label along slices of input space.

The library part needs JAX and numpy only; training, data sets and plots are imported where used,
and come with the extras `rcjax[train]` and `rcjax[plots]`.
JAX itself is imported with the first of these names: a command answers Ctrl-C before that.
"""

import importlib
from typing import TYPE_CHECKING, Any

from rcjax.extras import watch_imports

if TYPE_CHECKING:
    from rcjax.regions import Convergence as Convergence
    from rcjax.regions import NetworkCounts as NetworkCounts
    from rcjax.regions import PairedComparison as PairedComparison
    from rcjax.regions import RegionCounts as RegionCounts
    from rcjax.regions import agreement as agreement
    from rcjax.regions import compare as compare
    from rcjax.regions import convergence as convergence
    from rcjax.regions import count_regions as count_regions
    from rcjax.regions import count_until as count_until
    from rcjax.regions import slices as slices
    from rcjax.regions.classifier import on_host as on_host

watch_imports()

__version__ = "0.1.0"
__all__ = [
    "Convergence",
    "NetworkCounts",
    "PairedComparison",
    "RegionCounts",
    "agreement",
    "compare",
    "convergence",
    "count_regions",
    "count_until",
    "on_host",
    "slices",
]


def __getattr__(name: str) -> Any:
    if name == "regions":
        return importlib.import_module("rcjax.regions")
    if name not in __all__:
        raise AttributeError(f"module 'rcjax' has no attribute {name!r}")
    home = "rcjax.regions.classifier" if name == "on_host" else "rcjax.regions"
    globals()[name] = value = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
