"""Counts by refining where the scores of two classes come close."""

from rcjax.regions.adaptive.by_host import HostCounter
from rcjax.regions.adaptive.compiled import CompiledCounter
from rcjax.regions.adaptive.options import AdaptiveOptions, warn_of_kind
from rcjax.regions.adaptive.score_kind import ScoreKind

__all__ = [
    "AdaptiveOptions",
    "CompiledCounter",
    "HostCounter",
    "ScoreKind",
    "warn_of_kind",
]
