"""Counts by refining where the scores of two classes come close."""

from rcjax.regions.adaptive.by_host import HostCounter
from rcjax.regions.adaptive.compiled import CompiledCounter
from rcjax.regions.adaptive.networks import count_networks
from rcjax.regions.adaptive.options import AdaptiveOptions, warn_of_kind
from rcjax.regions.adaptive.result import concatenate
from rcjax.regions.adaptive.score_kind import PROBED_SLICES, Nature, ScoreKind, nature_of, places

__all__ = [
    "PROBED_SLICES",
    "AdaptiveOptions",
    "CompiledCounter",
    "HostCounter",
    "Nature",
    "ScoreKind",
    "concatenate",
    "count_networks",
    "nature_of",
    "places",
    "warn_of_kind",
]
