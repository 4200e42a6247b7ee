"""The classifier whose regions are counted: how it is called, and what it may return."""

from rcjax.regions.classifier.evaluator import Evaluator, interpolate
from rcjax.regions.classifier.host import OnHost, on_host, points_dtype
from rcjax.regions.classifier.labels import (
    INVALID_LABEL,
    OVERFLOWING_LABEL,
    LabelNumbering,
    is_missing,
)
from rcjax.regions.classifier.low_precision import LowPrecision, warn_of_precision
from rcjax.regions.classifier.mixed_evaluator import (
    SAFETY,
    SAMPLE_STRIDE,
    SMALLEST_SAMPLE,
    MixedEvaluator,
)
from rcjax.regions.classifier.outputs import (
    invalid,
    labels_of,
    margin_errors,
    margins_of,
    refuse_invalid,
)
from rcjax.regions.classifier.programs import Handle, Program, compiled, remember
from rcjax.regions.classifier.surroundings import (
    float32_products,
    own_surroundings,
    telling_overflow,
)
from rcjax.regions.classifier.tracing import Trace, trace_predict, values_per_point
from rcjax.regions.classifier.walking import bind, shape_of, walk

__all__ = [
    "INVALID_LABEL",
    "OVERFLOWING_LABEL",
    "SAFETY",
    "SAMPLE_STRIDE",
    "SMALLEST_SAMPLE",
    "Evaluator",
    "Handle",
    "LabelNumbering",
    "LowPrecision",
    "MixedEvaluator",
    "OnHost",
    "Program",
    "Trace",
    "bind",
    "compiled",
    "float32_products",
    "interpolate",
    "invalid",
    "is_missing",
    "labels_of",
    "margin_errors",
    "margins_of",
    "on_host",
    "own_surroundings",
    "points_dtype",
    "refuse_invalid",
    "remember",
    "shape_of",
    "telling_overflow",
    "trace_predict",
    "values_per_point",
    "walk",
    "warn_of_precision",
]
