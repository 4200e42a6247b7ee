"""Notices networks that compute in fewer bits than float32.

Their scores take few values, the two largest tie near every boundary, and labels flicker there: a
fine grid counts more regions the finer it is, where the same weights in float32 have a few.
"""

import warnings

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np

from rcjax.regions.types import Scores

_PRODUCTS = ("dot_general", "conv_general_dilated")
_LEAST_SCORES = 8
# What becomes of the factors of float32 products whose precision is not the highest.
_ROUNDED_TO = {"gpu": "tensorfloat32", "tpu": "bfloat16"}
# Algorithms of products that keep the bits of float32, and what the names of all others begin with.
_FULL = ("F32_F32_F32", "F64_F64_F64", "TF32_TF32_F32_X3", "BF16_BF16_F32_X6", "BF16_BF16_F32_X9")
_ALGORITHMS = {"TF32": "tensorfloat32", "BF16": "bfloat16", "F16": "float16", "ANY_F8": "float8"}


class LowPrecision(UserWarning):
    """The counted network computes in fewer bits than float32."""


def precision_of_trace(jaxpr: jex.Jaxpr, platform: str) -> str:
    """What the first product in a trace computes in that has fewer bits than float32; "" if none.

    Args:
        jaxpr: of the classifier.
        platform: of the devices: "cpu", "gpu" or "tpu".
    """
    for equation in jaxpr.eqns:
        if equation.primitive.name in _PRODUCTS:
            kind = jnp.dtype(getattr(equation.invars[0].aval, "dtype", jnp.bool_))
            if kind.itemsize <= 2 and kind != jnp.bool_:
                return str(kind.name)
            if kind == jnp.float32 and (found := _rounded_to(equation, platform)):
                return found
        for inner in jex.jaxprs_in_params(equation.params):
            if found := precision_of_trace(inner, platform):
                return found
    return ""


def _rounded_to(equation: jex.JaxprEqn, platform: str) -> str:
    """What a product of float32 rounds its factors to before it multiplies; "" for nothing."""
    precision = equation.params["precision"]
    # XLA takes algorithms for matrix products alone; a convolution with one is that of the default.
    if equation.primitive.name == "dot_general":
        if isinstance(precision, jax.lax.DotAlgorithm):
            kind = jnp.dtype(precision.lhs_precision_type)
            is_full = kind.itemsize >= 4 or precision.lhs_component_count > 2
            return "" if is_full else str(kind.name)
        algorithm = getattr(precision, "name", "DEFAULT")  # of a DotAlgorithmPreset
        if algorithm in _FULL:
            return ""
        for begin, rounded in _ALGORITHMS.items():
            if algorithm.startswith(begin):
                return rounded
    highest = jax.lax.Precision.HIGHEST
    return "" if precision == (highest, highest) else _ROUNDED_TO.get(platform, "")


def precision_of_scores(scores: Scores) -> str:
    """The dtype of 16 bits that holds all of some scores exactly; "" if none does.

    Whole numbers, such as votes, say nothing.
    """
    values = np.unique(scores[np.isfinite(scores)]).astype(np.float32)
    if len(values) < _LEAST_SCORES or (values == np.rint(values)).all():
        return ""
    if not (values.view(np.uint32) & 0xFFFF).any():
        return "bfloat16"
    with np.errstate(over="ignore"):
        half = values.astype(np.float16).astype(np.float32)
    return "float16" if np.array_equal(half, values) else ""


def warn_of_precision(precision: str) -> None:
    """Says that a count holds the flicker of low precision, and how to be rid of it."""
    if precision:
        warnings.warn(
            f"predict computes in {precision}, whose rounding makes labels flicker near every "
            "boundary, so counts may be too high; count the network cast up to float32 (float() in "
            "PyTorch, dtype=float32 in JAX), its products in precision 'highest' (as they are "
            "where jax_default_matmul_precision is not set)",
            LowPrecision,
            stacklevel=4,
        )
