"""Counts the regions of piecewise linear networks along segments without missing any."""

from rcjax.regions.exact.counting import DEFAULT_BUDGET, count_exact, trace_scores
from rcjax.regions.exact.evaluation import MASKED
from rcjax.regions.exact.kinds import Kind, NotPiecewiseLinear, Value, constant
from rcjax.regions.exact.plane_evaluation import Piece, PlaneEvaluator
from rcjax.regions.exact.rules import PiecewiseLinearRule, scan_sizes

__all__ = [
    "DEFAULT_BUDGET",
    "MASKED",
    "Kind",
    "NotPiecewiseLinear",
    "Piece",
    "PiecewiseLinearRule",
    "PlaneEvaluator",
    "Value",
    "constant",
    "count_exact",
    "scan_sizes",
    "trace_scores",
]
