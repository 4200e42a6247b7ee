"""The classifier whose regions are counted: how it is called, and what it may return."""

from rcjax.regions.classifier.evaluator import Evaluator, interpolate
from rcjax.regions.classifier.host import OnHost, on_host
from rcjax.regions.classifier.mixed_evaluator import MixedEvaluator
from rcjax.regions.classifier.outputs import INVALID_LABEL, labels_of, refuse_invalid
from rcjax.regions.classifier.programs import ParameterProgram
from rcjax.regions.classifier.tracing import Trace, bind, trace_predict, values_per_point, walk

__all__ = [
    "INVALID_LABEL",
    "Evaluator",
    "MixedEvaluator",
    "OnHost",
    "ParameterProgram",
    "Trace",
    "bind",
    "interpolate",
    "labels_of",
    "on_host",
    "refuse_invalid",
    "trace_predict",
    "values_per_point",
    "walk",
]
