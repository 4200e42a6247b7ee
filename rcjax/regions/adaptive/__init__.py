"""Counts by refining where the scores of two classes come close."""

from rcjax.regions.adaptive.counting import count_adaptive

__all__ = [
    "count_adaptive",
]
