"""Notices networks that compute in 16 or 8 bits.

Their scores take few values, the two largest tie near every boundary, and labels flicker there: a
fine grid counts more regions the finer it is, where the same weights in float32 have a few.
"""

import warnings

import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np

from rcjax.regions.types import Scores

_PRODUCTS = ("dot_general", "conv_general_dilated")
_LEAST_SCORES = 8


class LowPrecision(UserWarning):
    """The counted network computes in 16 or 8 bits."""


def precision_of_trace(jaxpr: jex.Jaxpr) -> str:
    """The dtype of the first product of numbers of 16 or 8 bits in a trace; "" if there is none."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in _PRODUCTS:
            kind = jnp.dtype(getattr(equation.invars[0].aval, "dtype", jnp.bool_))
            if kind.itemsize <= 2 and kind != jnp.bool_:
                return str(kind.name)
        for inner in jex.jaxprs_in_params(equation.params):
            if found := precision_of_trace(inner):
                return found
    return ""


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
            "PyTorch, dtype=float32 in JAX)",
            LowPrecision,
            stacklevel=4,
        )
